"""A decoded picture in the planes the decoder gave, and what its numbers mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fastswap.pixels import PixelFormat, pixel_format

Matrix = Literal["bt601", "bt709", "bt2020", "gbr"]
"""gbr: no matrix, the planes are G, B and R."""
Siting = Literal["left", "center", "topleft"]
Transfer = Literal["sdr", "pq", "hlg"]
"""sdr: any gamma curve. The other two are HDR's (SMPTE ST 2084 and ARIB STD-B67)."""
Affine = NDArray[np.float64]
"""A 2x3 affine map. Coordinates are continuous: sample (i, j) covers [j, j+1) x [i, i+1), its centre is at +0.5."""

Plane = NDArray[np.uint8] | NDArray[np.uint16]
"""[H, W] samples, any strides."""


@dataclass(frozen=True, slots=True)
class ColorSpec:
    """How the code values of a YUV picture map to R'G'B' (ITU-T H.273).

    matrix: YUV matrix. full_range: luma 0..255 when true, 16..235 when false (8 bit). siting: position of the
    chroma samples relative to luma where there are fewer ("left" is MPEG-2 and H.264's default, "center" JPEG's).
    transfer: how code values stand for light; the operations show PQ and HLG to networks as SDR and turn it back.
    """

    matrix: Matrix = "bt709"
    full_range: bool = False
    siting: Siting = "left"
    transfer: Transfer = "sdr"


def identity_affine() -> Affine:
    """The 2x3 identity."""
    return np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture: its planes, their meaning, their time and their geometry.

    planes: views with any strides of (Y [H, W], U [h, w], V [h, w]), of (G, B, R) where `color.matrix` is "gbr", or of
        (Y,) for gray; uint8 or uint16. Interleaved samples (nv12, rgb24) are views of the same memory. They may be the
        decoder's own: call `video.writable(frame)` before writing to them.
    format: FFmpeg's name, one of `pixels.FORMATS`; it tells the depth and the subsampling of the planes.
    index: position in the stream, from 0. pts: in units of the stream's time base, None when the file has none.
    time: seconds from the stream's first frame.
    to_coded: 2x3 map from display pixels (upright, square, what a viewer sees) to coded luma pixels. All face
        geometry is in display pixels; this one matrix carries rotation and sample aspect.
    display_size: (width, height) in display pixels.
    owner: the object that owns the memory (an `av.VideoFrame` for decoded frames, the array for arrays of pixels).
    """

    planes: tuple[Plane, ...]
    format: str
    color: ColorSpec
    index: int
    pts: int | None
    time: float
    to_coded: Affine
    display_size: tuple[int, int]
    owner: Any = None

    @property
    def pixels(self) -> PixelFormat:
        """Depth, subsampling and layout of the planes; raises SettingsError for a format that is not native."""
        return pixel_format(self.format)

    @property
    def width(self) -> int:
        """Coded width in luma samples."""
        return int(self.planes[0].shape[1])

    @property
    def height(self) -> int:
        """Coded height in luma samples."""
        return int(self.planes[0].shape[0])
