"""What the composite should look like: colour, mask and blend settings, and the TOML file that keeps them."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Final, Literal, get_args

from fastswap.errors import InputError, OutputError, SettingsError

ColorMode = Literal["none", "reinhard", "linear", "mkl", "histogram", "sliced"]
BlendMode = Literal["feather", "poisson", "multiband"]
MaskPart = Literal["mesh", "generator", "ellipse", "box"]
MaskJoin = Literal["product", "union"]
Enlarge = Literal["bilinear", "bicubic", "lanczos"]

MOST_STEADY: Final = 12
"""The largest `Look.steady`: the most frames before and after a frame that its look can depend on."""


@dataclass(frozen=True, slots=True)
class Look:
    """Settings of the composite. Lengths of the mask are fractions of the face's width, see `align.face_width`.

    color: how the new face takes the target's colours. "none"; "reinhard" (mean and deviation in CIE L*a*b*, Reinhard
        et al. 2001); in R'G'B' "linear" (covariance, by symmetric roots), "mkl" (linear Monge-Kantorovitch map, Pitié
        and Kokaram 2007), "histogram" (each channel's) or "sliced" (sliced optimal transport, Pitié et al. 2007).
    color_strength: 0 keeps the new face's colours, 1 matches them fully.
    steady: frames before and after each frame whose statistics (the colours' spread, sharpness, grain) are averaged
        with its own, 0 to `MOST_STEADY`; the mean colour stays each frame's own, see `recentre`. The average ends at a
        cut and where the face's track begins, ends or has a gap.
    mask: parts joined by "*" (their product) or by "+" (their union): "mesh" (the outline of the face mesh),
        "generator" (what the generator drew), "ellipse" and "box" (as wide and as high as the outline).
    forehead: how far the outline's top is raised above the mesh, as a fraction of the length from chin to forehead.
    erode: how far the mask shrinks before it is feathered; below 0 it grows. feather: width of its soft edge.
    blend: "feather" mixes linearly by the mask. "poisson" first adds a smooth membrane to the face that takes over the
        target's light along the mask's soft edge (after Pérez et al. 2003). "multiband" first fades coarse colour to
        the target over a wider band than fine detail (after Burt and Adelson 1983).
    opacity: 0 leaves the target as it is, 1 shows the new face alone.
    enlarge: filter where the crop is smaller than the face in the frame: "bilinear", "bicubic" (Keys 1981) or "lanczos"
        (three lobes).
    scale: how much larger than the target's the new face is drawn, mask and all.
    sharpness: 0 leaves the new face as it is, 1 gives it as much fine detail as the target's has.
    grain: noise added to the new face, as a part of the noise that the frame has where the face is.
    motion_blur: part of the time between two frames for which the shutter is open, 0.5 for film's 180 degrees: the new
        face is smeared along its track for so long.
    """

    color: ColorMode = "sliced"
    color_strength: float = 1.0
    steady: int = 6
    mask: str = "mesh*generator"
    forehead: float = 0.0
    erode: float = 0.0
    feather: float = 0.13
    blend: BlendMode = "feather"
    opacity: float = 1.0
    enlarge: Enlarge = "bicubic"
    scale: float = 1.0
    sharpness: float = 0.5
    grain: float = 0.0
    motion_blur: float = 0.0

    def __post_init__(self) -> None:
        for name, allowed in _CHOICES.items():
            if getattr(self, name) not in allowed:
                raise SettingsError(
                    f"look: {name} is {getattr(self, name)!r}; choose one of {', '.join(allowed)}"
                )
        for name, (low, high) in _RANGES.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
                raise SettingsError(f"look: {name} is {value}; it must lie in {low}..{high}")
        if not isinstance(self.steady, int):
            raise SettingsError(f"look: steady is {self.steady}; it must be a whole number of frames")
        parts, _ = _mask_of(self.mask)
        for part in parts:
            if part not in get_args(MaskPart):
                raise SettingsError(
                    f"look: mask is {self.mask!r}; join parts of {', '.join(get_args(MaskPart))} by * or by +"
                )

    @property
    def mask_parts(self) -> tuple[str, ...]:
        """The parts that `mask` names, each once and in order."""
        return _mask_of(self.mask)[0]

    @property
    def mask_join(self) -> MaskJoin:
        """How they are joined."""
        return _mask_of(self.mask)[1]

    @property
    def reach(self) -> int:
        """How many frames before a frame, and how many after it, its result depends on; 0 to `MOST_STEADY`.

        Those of the same shot and of a face's unbroken track count. Of them the generator's faces are needed, so a part
        of a video that is rendered alone needs `reach` more frames on either side.
        """
        measures = self.color != "none" or self.sharpness > 0.0 or self.grain > 0.0
        return max(self.steady if measures else 0, 1 if self.motion_blur > 0.0 else 0)

    @classmethod
    def load(cls, path: str | Path) -> Look:
        """The look that a TOML file holds; what the file does not name keeps its default.

        Raises InputError when it cannot be read as TOML, SettingsError for an unknown name or a wrong value; both name
        the file.
        """
        try:
            with Path(path).open("rb") as file:
                values = tomllib.load(file)
        except OSError as error:
            raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise InputError(f"{path}: not a TOML file: {error}") from error
        try:
            return cls().changed(values)
        except SettingsError as error:
            raise SettingsError(f"{path}: {error}") from error

    def save(self, path: str | Path) -> None:
        """Writes all settings as TOML. Raises OutputError when the file cannot be written."""
        import tomli_w

        try:
            Path(path).write_text(tomli_w.dumps(asdict(self)), encoding="utf-8")
        except OSError as error:
            raise OutputError(f"{path}: cannot be written: {error.strerror or error}") from error

    def changed(self, values: Mapping[str, Any]) -> Look:
        """This look with other values by name; None keeps what is there. Raises SettingsError for an unknown name."""
        known = {field.name for field in fields(self)}
        for name in values:
            if name not in known:
                raise SettingsError(f"look: {name} is not a setting; there are {', '.join(sorted(known))}")
        return replace(self, **{name: value for name, value in values.items() if value is not None})


_CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    "color": get_args(ColorMode),
    "blend": get_args(BlendMode),
    "enlarge": get_args(Enlarge),
}
_RANGES: Final[Mapping[str, tuple[float, float]]] = {
    "color_strength": (0.0, 1.0),
    "steady": (0, MOST_STEADY),
    "forehead": (-0.2, 0.5),
    "erode": (-0.5, 0.5),
    "feather": (0.0, 0.8),
    "opacity": (0.0, 1.0),
    "scale": (0.5, 2.0),
    "sharpness": (0.0, 1.0),
    "grain": (0.0, 2.0),
    "motion_blur": (0.0, 1.0),
}


def _mask_of(text: object) -> tuple[tuple[str, ...], MaskJoin]:
    text = str(text)
    if "*" in text and "+" in text:
        raise SettingsError(f"look: mask is {text!r}; join its parts by * or by +, not by both")
    parts = [part.strip() for part in text.replace("+", "*").split("*")]
    return tuple(dict.fromkeys(parts)), "union" if "+" in text else "product"
