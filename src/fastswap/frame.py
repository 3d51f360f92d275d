"""A decoded picture in the planes the decoder gave, and what its numbers mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Matrix = Literal["bt601", "bt709", "bt2020"]
Siting = Literal["left", "center", "topleft"]
Affine = NDArray[np.float64]
"""A 2x3 affine map. Coordinates are continuous: sample (i, j) covers [j, j+1) x [i, i+1), its centre is at +0.5."""

NATIVE_FORMATS = ("yuv420p", "nv12")
"""FFmpeg pixel formats that the native operations read and write without conversion."""


@dataclass(frozen=True, slots=True)
class ColorSpec:
    """How the code values of a YUV picture map to R'G'B' (ITU-T H.273).

    matrix: YUV matrix. full_range: luma 0..255 when true, 16..235 when false (8 bit). siting: position of the
    chroma samples of 4:2:0 relative to luma ("left" is MPEG-2 and H.264's default, "center" is JPEG's).
    """

    matrix: Matrix = "bt709"
    full_range: bool = False
    siting: Siting = "left"


def identity_affine() -> Affine:
    """The 2x3 identity."""
    return np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture: YUV planes, their meaning, their time and their geometry.

    planes: (Y [H, W], U [h, w], V [h, w]) uint8 views with any strides; for nv12, U and V are interleaved views of
        one plane. They may be the decoder's own memory: call `video.writable(frame)` before writing to them.
    format: FFmpeg's name, one of `NATIVE_FORMATS`.
    index: position in the stream, from 0. pts: in units of the stream's time base, None when the file has none.
    time: seconds from the stream's first frame.
    to_coded: 2x3 map from display pixels (upright, square, what a viewer sees) to coded luma pixels. All face
        geometry is in display pixels; this one matrix carries rotation and sample aspect.
    display_size: (width, height) in display pixels.
    owner: the object that owns the memory (an `av.VideoFrame` for decoded frames).
    """

    planes: tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]
    format: str
    color: ColorSpec
    index: int
    pts: int | None
    time: float
    to_coded: Affine
    display_size: tuple[int, int]
    owner: Any = None

    @property
    def width(self) -> int:
        """Coded width in luma samples."""
        return int(self.planes[0].shape[1])

    @property
    def height(self) -> int:
        """Coded height in luma samples."""
        return int(self.planes[0].shape[0])
