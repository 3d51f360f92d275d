"""What side outputs there are, how each is stored, and what a path means."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from fastswap.errors import OutputError

Kind = Literal["matte", "layer"]

PATTERN: Final = re.compile(r"%0?(\d*)d")
"""The place of a number in the names of a series."""


@dataclass(frozen=True, slots=True)
class Form:
    """One way to store a side output. codec, pixels: FFmpeg's encoder and pixel format. premultiplied: colour times
    alpha."""

    codec: str
    pixels: str
    premultiplied: bool = False
    options: tuple[tuple[str, str], ...] = ()


_FFV1 = (("level", "3"), ("g", "1"), ("slicecrc", "1"))
FORMS: Final[dict[tuple[Kind, str], Form]] = {
    ("matte", ".mkv"): Form("ffv1", "gray", options=_FFV1),
    ("matte", ".png"): Form("png", "gray"),
    ("matte", ".exr"): Form("exr", "grayf32le", options=(("format", "half"), ("compression", "zip1"))),
    ("layer", ".mov"): Form(
        "prores_ks", "yuva444p10le", options=(("profile", "4444"), ("alpha_bits", "16"), ("vendor", "apl0"))
    ),
    ("layer", ".mkv"): Form("ffv1", "yuva444p10le", options=_FFV1),
    ("layer", ".png"): Form("png", "rgba64be"),
    ("layer", ".exr"): Form(
        "exr", "gbrapf32le", premultiplied=True, options=(("format", "half"), ("compression", "zip1"))
    ),
}
"""What each suffix means. EXR holds colour times alpha, as its readers expect; the others hold them apart."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a side output goes. path: the file, or the folder of a series. names: of its pictures, None for a file."""

    path: Path
    suffix: str
    names: str | None


def place_of(path: Path, kind: Kind) -> Place:
    """What a path means: a video file, `folder/name_%06d.png`, or a folder (of PNG). Raises OutputError."""
    place = Place(path, path.suffix.lower(), None)
    if PATTERN.search(path.name):
        place = Place(path.parent, path.suffix.lower(), path.name)
    elif not path.suffix or path.is_dir():
        place = Place(path, ".png", "%06d.png")
    is_series = place.names is not None
    if (kind, place.suffix) not in FORMS or is_series != (place.suffix in (".png", ".exr")):
        films = ", ".join(s for k, s in FORMS if k == kind and s not in (".png", ".exr"))
        raise OutputError(
            f"{path}: a {kind} is written to {films}, a folder (PNG), or pictures named like dir/{kind}_%06d.exr"
        )
    return place


@dataclass(frozen=True, slots=True)
class SideOutput:
    """A side output that a render has; plain values that travel to other processes."""

    kind: Kind
    place: Place

    @property
    def form(self) -> Form:
        """How it is stored."""
        return FORMS[self.kind, self.place.suffix]
