"""FFmpeg's pixel formats as the native operations see them: where each sample lies and which of its bits count."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from fastswap.errors import SettingsError


@dataclass(frozen=True, slots=True)
class Component:
    """Where one kind of sample lies: FFmpeg's plane, and in its rows the first sample and the step to the next."""

    plane: int
    offset: int = 0
    step: int = 1


@dataclass(frozen=True, slots=True)
class PixelFormat:
    """One format that needs no conversion.

    bits: of a code value. shift: how far it is moved up in its word (6 in p010). log2_sub: of chroma, (1, 1) is 4:2:0.
    components: Y, U, V; or G, B, R, the order of H.273's identity matrix; or Y alone. alpha: None when it has none.
    """

    name: str
    bits: int
    shift: int
    log2_sub: tuple[int, int]
    components: tuple[Component, ...]
    alpha: Component | None = None
    rgb: bool = False

    @property
    def gray(self) -> bool:
        """Luma alone."""
        return len(self.components) == 1

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the words."""
        return np.dtype(np.uint8 if self.bits + self.shift <= 8 else np.uint16)

    @property
    def planar(self) -> bool:
        """True when each component has a plane of its own."""
        return all(c.step == 1 for c in self.components)

    def shape(self, component: int, width: int, height: int) -> tuple[int, int]:
        """Rows and columns of a component's plane; odd sizes round up."""
        x, y = self.log2_sub if component in (1, 2) else (0, 0)
        return -(-height >> y), -(-width >> x)

    def holds(self, other: PixelFormat) -> bool:
        """True when the samples of `other` can be moved here as they are, alpha aside; gray goes into any YUV."""
        if self.bits != other.bits or self.rgb != other.rgb:
            return False
        return other.gray or (self.log2_sub == other.log2_sub and not self.gray)


_SUBSAMPLINGS = {"420": (1, 1), "422": (1, 0), "444": (0, 0), "440": (0, 1), "411": (2, 0), "410": (2, 2)}
_PLANES = (Component(0), Component(1), Component(2))
_ALPHA = Component(3)


def _planar() -> list[PixelFormat]:
    made = []
    for name, sub in _SUBSAMPLINGS.items():
        made.append(PixelFormat(f"yuv{name}p", 8, 0, sub, _PLANES))
        for bits in (
            (9, 10, 12, 14, 16) if name in ("420", "422", "444") else (10, 12) if name == "440" else ()
        ):
            made.append(PixelFormat(f"yuv{name}p{bits}le", bits, 0, sub, _PLANES))
    for name in ("420", "422", "444"):
        sub = _SUBSAMPLINGS[name]
        made.append(PixelFormat(f"yuva{name}p", 8, 0, sub, _PLANES, _ALPHA))
        made += [
            PixelFormat(f"yuva{name}p{bits}le", bits, 0, sub, _PLANES, _ALPHA)
            for bits in (9, 10, 12, 16)
            if bits != 12 or name != "420"
        ]
    for bits in (8, 9, 10, 12, 14, 16):
        suffix = "" if bits == 8 else f"{bits}le"
        made.append(PixelFormat(f"gbrp{suffix}", bits, 0, (0, 0), _PLANES, rgb=True))
        made.append(PixelFormat(f"gray{suffix}", bits, 0, (0, 0), (Component(0),)))
        if bits != 9:
            made.append(PixelFormat(f"gbrap{suffix}", bits, 0, (0, 0), _PLANES, _ALPHA, rgb=True))
    return made


def _semi_planar() -> list[PixelFormat]:
    uv = (Component(0), Component(1, 0, 2), Component(1, 1, 2))
    vu = (Component(0), Component(1, 1, 2), Component(1, 0, 2))
    made = [
        PixelFormat("nv12", 8, 0, (1, 1), uv),
        PixelFormat("nv21", 8, 0, (1, 1), vu),
        PixelFormat("nv16", 8, 0, (1, 0), uv),
        PixelFormat("nv24", 8, 0, (0, 0), uv),
        PixelFormat("nv42", 8, 0, (0, 0), vu),
        PixelFormat("nv20le", 10, 0, (1, 0), uv),
    ]
    for digit, sub in (("0", (1, 1)), ("2", (1, 0)), ("4", (0, 0))):
        made += [PixelFormat(f"p{digit}{bits}le", bits, 16 - bits, sub, uv) for bits in (10, 12, 16)]
    return made


def _packed() -> list[PixelFormat]:
    def rgb(name: str, order: str, bits: int = 8) -> PixelFormat:
        g, b, r = (Component(0, order.index(c), len(order)) for c in "gbr")
        alpha = Component(0, order.index("a"), 4) if "a" in order else None
        return PixelFormat(name, bits, 0, (0, 0), (g, b, r), alpha, rgb=True)

    def yuv(name: str, bits: int, shift: int, order: str) -> PixelFormat:
        """order: what four words in a row hold, "y" twice in 4:2:2."""
        twice = order.count("y") == 2
        y = Component(0, order.index("y"), 2 if twice else 4)
        u, v = (Component(0, order.index(c), 4) for c in "uv")
        alpha = Component(0, order.index("a"), 4) if "a" in order else None
        return PixelFormat(name, bits, shift, (1, 0) if twice else (0, 0), (y, u, v), alpha)

    orders = ("rgb", "bgr", "rgba", "bgra", "argb", "abgr")
    made = [rgb(f"{o}24" if len(o) == 3 else o, o) for o in orders]
    made += [rgb(o.replace("x", "0"), o) for o in ("rgbx", "bgrx", "xrgb", "xbgr")]
    made += [rgb(f"{o}{16 * len(o)}le", o, 16) for o in ("rgb", "bgr", "rgba", "bgra")]
    made += [yuv("yuyv422", 8, 0, "yuyv"), yuv("yvyu422", 8, 0, "yvyu"), yuv("uyvy422", 8, 0, "uyvy")]
    made += [yuv("y210le", 10, 6, "yuyv"), yuv("y212le", 12, 4, "yuyv")]
    made += [yuv("vuya", 8, 0, "vuya"), yuv("ayuv64le", 16, 0, "ayuv")]
    made += [
        PixelFormat("ya8", 8, 0, (0, 0), (Component(0, 0, 2),), Component(0, 1, 2)),
        PixelFormat("ya16le", 16, 0, (0, 0), (Component(0, 0, 2),), Component(0, 1, 2)),
    ]
    return made


FORMATS = {f.name: f for f in (*_planar(), *_semi_planar(), *_packed())}
"""By FFmpeg's name: the formats that the native operations read and write without conversion."""


def pixel_format(name: str) -> PixelFormat:
    """The format of that name; raises SettingsError for one that is not native."""
    known = FORMATS.get(name)
    if known is None:
        raise SettingsError(f"pixel format {name} is not native: it must be converted first")
    return known


def planar_twin(kind: PixelFormat, log2_sub: tuple[int, int] | None = None) -> str | None:
    """The planar format without alpha that holds the samples of `kind`, with another subsampling if one is named."""
    wanted = kind.log2_sub if log2_sub is None else log2_sub
    for other in FORMATS.values():
        same = (other.bits, other.rgb, other.gray) == (kind.bits, kind.rgb, kind.gray)
        if same and other.log2_sub == wanted and other.planar and not (other.shift or other.alpha):
            return other.name
    return None
