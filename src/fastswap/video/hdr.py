"""Static HDR metadata: what a stream says of its mastering display and its brightest light (SMPTE ST 2086, CTA-861.3).

FFmpeg hands both from the container or the bitstream to the decoded frames. Encoders take them as options of their own.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, cast

import av

from fastswap.video.versions import side_data

TRANSFERS = (16, 18)
"""H.273's numbers of PQ (SMPTE ST 2084) and HLG (ARIB STD-B67)."""

_CHROMATICITY, _LUMINANCE = 50000, 10000  # parts of 1 and of 1 cd/m2 that encoders count in
_RATIONALS = struct.Struct("=20i2i")  # AVMasteringDisplayMetadata: ten AVRational and two flags
_LIGHT = struct.Struct("=2I")  # AVContentLightMetadata
_DYNAMIC = {
    "DYNAMIC_HDR_PLUS": "HDR10+",
    "DYNAMIC_HDR_VIVID": "HDR Vivid",
    "DOVI_RPU_BUFFER": "Dolby Vision",
    "DOVI_METADATA": "Dolby Vision",
}


@dataclass(frozen=True, slots=True)
class Mastering:
    """primaries: x, y of R, G and B; white: x, y; luminance: least and most in cd/m2."""

    primaries: tuple[tuple[Fraction, Fraction], ...]
    white: tuple[Fraction, Fraction]
    luminance: tuple[Fraction, Fraction]


@dataclass(frozen=True, slots=True)
class HdrMetadata:
    """light: the brightest pixel and the brightest frame's average in cd/m2. dynamic: kinds that change by scene."""

    mastering: Mastering | None = None
    light: tuple[int, int] | None = None
    dynamic: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        m = self.mastering
        return {
            "mastering_display": m and _whole(m),
            "max_content_light": self.light and self.light[0],
            "max_average_light": self.light and self.light[1],
            "dynamic": list(self.dynamic),
        }


def hdr_of(frame: av.VideoFrame) -> HdrMetadata | None:
    """What the frame carries, None for nothing."""
    mastering, light, dynamic = None, None, set()
    try:
        kinds = side_data(frame)
    except ValueError:  # PyAV 18 has no name for some newer kinds and then shows none
        return None
    for data in kinds:
        name = data.type.name
        if name == "MASTERING_DISPLAY_METADATA":
            mastering = _mastering(bytes(data))
        elif name == "CONTENT_LIGHT_LEVEL":
            light = cast(tuple[int, int], _LIGHT.unpack_from(bytes(data)))
        elif name in _DYNAMIC:
            dynamic.add(_DYNAMIC[name])
    if mastering is None and light is None and not dynamic:
        return None
    return HdrMetadata(mastering, light, tuple(sorted(dynamic)))


def _mastering(data: bytes) -> Mastering | None:
    *numbers, has_primaries, has_luminance = _RATIONALS.unpack_from(data)
    if not (has_primaries and has_luminance) or 0 in numbers[1::2]:
        return None
    v = [Fraction(a, b) for a, b in zip(numbers[::2], numbers[1::2], strict=True)]
    return Mastering(((v[0], v[1]), (v[2], v[3]), (v[4], v[5])), (v[6], v[7]), (v[8], v[9]))


def encoder_parameters(encoder: str, hdr: HdrMetadata) -> tuple[str, str] | None:
    """The list option of an encoder and what goes into it; None for encoders that have no place for the metadata."""
    known = {
        "libx265": ("x265-params", "master-display", "max-cll", _whole),
        "libx264": ("x264-params", "mastering-display", "cll", _whole),
        "libsvtav1": ("svtav1-params", "mastering-display", "content-light", _decimal),
    }.get(encoder)
    if known is None:
        return None
    option, display, cll, write = known
    parts = [] if hdr.mastering is None else [f"{display}={write(hdr.mastering)}"]
    if hdr.light is not None:
        parts.append(f"{cll}={hdr.light[0]},{hdr.light[1]}")
    return (option, ":".join(parts)) if parts else None


def _whole(m: Mastering) -> str:
    (red, green, blue), (least, most) = m.primaries, m.luminance
    spots = zip(["G", "B", "R", "WP"], (green, blue, red, m.white), strict=True)
    text = "".join(f"{n}({round(x * _CHROMATICITY)},{round(y * _CHROMATICITY)})" for n, (x, y) in spots)
    return f"{text}L({round(most * _LUMINANCE)},{round(least * _LUMINANCE)})"


def _decimal(m: Mastering) -> str:
    (red, green, blue), (least, most) = m.primaries, m.luminance
    spots = zip(["G", "B", "R", "WP"], (green, blue, red, m.white), strict=True)
    text = "".join(f"{n}({float(x):.5f},{float(y):.5f})" for n, (x, y) in spots)
    return f"{text}L({float(most):.4f},{float(least):.4f})"
