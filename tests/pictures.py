"""Pictures for the tests of the native operations: any size, layout, depth and colour, with guarded memory around."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastswap import _cpu
from fastswap.frame import ColorSpec, Frame, identity_affine
from fastswap.pixels import FORMATS
from reference import Array, Color, yuv_from_rgb

GUARD = 0xA5
LAYOUTS = ("planar", "semiplanar", "upside_down", "mirrored")


@dataclass
class Picture:
    """Planes of a picture inside larger blocks of memory whose other bytes are all `GUARD`."""

    planes: tuple[NDArray[Any], NDArray[Any], NDArray[Any]]
    color: Color
    blocks: list[NDArray[Any]]
    layout: str

    @property
    def native(self) -> _cpu.Picture:
        """What the native module takes."""
        c = self.color
        return (*self.planes, c.matrix, c.full_range, c.siting, c.bits, c.log2_sub, 0, c.transfer)

    @property
    def frame(self) -> Frame:
        """What ops takes."""
        h, w = self.planes[0].shape
        c = self.color
        spec = ColorSpec(c.matrix, c.full_range, c.siting, c.transfer)  # type: ignore[arg-type]
        name = next(
            f.name
            for f in FORMATS.values()
            if (f.bits, f.log2_sub, f.rgb, f.shift, f.gray)
            == (c.bits, c.log2_sub, c.matrix == "gbr", 0, False)
        )
        return Frame(self.planes, name, spec, 0, 0, 0.0, identity_affine(), (w, h))

    def copy(self) -> Picture:
        """The same layout in memory of its own."""
        return lay_out([p.copy() for p in self.planes], self.color, self.layout)

    def guards_hold(self) -> bool:
        """No byte outside the planes was written."""
        saved = [p.copy() for p in self.planes]
        for plane in self.planes:
            plane[...] = np.array(GUARD, plane.dtype)
        whole = all((block == np.array(GUARD, block.dtype)).all() for block in self.blocks)
        for plane, old in zip(self.planes, saved, strict=True):
            plane[...] = old
        return whole


def chroma_shape(height: int, width: int, log2_sub: tuple[int, int]) -> tuple[int, int]:
    """Rows and columns of the chroma planes; odd sizes round up."""
    return -(-height // 2 ** log2_sub[1]), -(-width // 2 ** log2_sub[0])


def lay_out(planes: Sequence[NDArray[Any]], color: Color, layout: str = "planar") -> Picture:
    """Puts planes into guarded memory: planar, with interleaved chroma, or with negative strides."""
    blocks: list[NDArray[Any]] = []

    def room(height: int, width: int) -> NDArray[Any]:
        block = np.full((height + 4, width + 9), GUARD, planes[0].dtype)
        blocks.append(block)
        return block[2 : 2 + height, 4 : 4 + width]

    def place(plane: NDArray[Any]) -> NDArray[Any]:
        view = room(*plane.shape)
        if layout == "upside_down":
            view = view[::-1]
        elif layout == "mirrored":
            view = view[::-1, ::-1]
        return view

    y = place(planes[0])
    if layout == "semiplanar":
        h, w = planes[1].shape
        both = room(h, 2 * w)
        views = (y, both[:, 0::2], both[:, 1::2])
    else:
        views = (y, place(planes[1]), place(planes[2]))
    for view, plane in zip(views, planes, strict=True):
        view[...] = plane
    return Picture(views, color, blocks, layout)


def noise(
    height: int, width: int, color: Color | None = None, *, layout: str = "planar", seed: int = 0
) -> Picture:
    """Independent samples over the whole range of codes."""
    color = color or Color()
    rng = np.random.default_rng(seed)
    dtype = np.uint8 if color.bits == 8 else np.uint16
    shapes = [(height, width), *[chroma_shape(height, width, color.log2_sub)] * 2]
    planes = [rng.integers(0, color.top, shape, endpoint=True).astype(dtype) for shape in shapes]
    return lay_out(planes, color, layout)


def smooth_rgb(height: int, width: int, seed: int = 0, detail: float = 12.0) -> Array:
    """[3, height, width] with waves no shorter than `detail` pixels: what a shrunk picture can still show."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width] + 0.5
    out = np.empty((3, height, width))
    for c in range(3):
        total = np.zeros((height, width))
        for _ in range(8):
            angle, length = rng.uniform(0, np.pi), detail * rng.uniform(1.0, 5.0)
            wave = (x * np.cos(angle) + y * np.sin(angle)) / length + rng.uniform()
            total += np.sin(2 * np.pi * wave)
        out[c] = 0.5 + total / 20.0
    return np.clip(out, 0.0, 1.0)


def smooth(
    height: int,
    width: int,
    color: Color | None = None,
    *,
    layout: str = "planar",
    seed: int = 0,
    detail: float = 12.0,
) -> Picture:
    """A picture of `smooth_rgb`; chroma is sampled at every n-th pixel, which is good enough for a test pattern."""
    color = color or Color()
    sub_x, sub_y = 2 ** color.log2_sub[0], 2 ** color.log2_sub[1]
    yuv = yuv_from_rgb(smooth_rgb(height, width, seed, detail), color)
    dtype = np.uint8 if color.bits == 8 else np.uint16
    codes = np.clip(np.rint(yuv), 0, color.top).astype(dtype)
    return lay_out([codes[0], codes[1, ::sub_y, ::sub_x], codes[2, ::sub_y, ::sub_x]], color, layout)


def similarity(scale: float, degrees: float, centre: tuple[float, float], size: int) -> Array:
    """Crop pixels to picture: the crop's middle goes to `centre`."""
    angle = np.deg2rad(degrees)
    linear = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    offset = np.array(centre) - linear @ np.array([size / 2.0, size / 2.0])
    return np.column_stack([linear, offset])


def run_crop(pictures: Sequence[Picture], maps: Sequence[Array], size: int, border: str = "replicate") -> Any:
    """The native crop, for any depth and subsampling."""
    out = np.full((len(pictures), 3, size, size), np.nan, np.float32)
    _cpu.crop([p.native for p in pictures], np.array(maps, np.float64), out, border)
    return out


def run_blend(
    pictures: Sequence[Picture],
    maps: Sequence[Array],
    faces: NDArray[Any],
    masks: NDArray[Any],
    opacity: float = 1.0,
    enlarge: str = "bilinear",
    grain: NDArray[np.float32] | None = None,
    seeds: Sequence[int] = (),
) -> None:
    """The native blend, for any depth and subsampling."""
    floats = [np.ascontiguousarray(a, np.float32) for a in (faces, masks)]
    natives = [p.native for p in pictures]
    _cpu.blend(natives, np.array(maps, np.float64), *floats, opacity, enlarge, grain, seeds)
