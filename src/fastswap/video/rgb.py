"""Between frames and RGB arrays: for pictures, previews and NumPy users. Rendering itself never leaves YUV."""

from __future__ import annotations

from typing import Any

import av
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter
from numpy.typing import NDArray

from fastswap import ops
from fastswap.errors import SettingsError
from fastswap.frame import ColorSpec, Frame, Matrix, identity_affine
from fastswap.video.convert import av_matrix
from fastswap.video.info import FULL_RANGE, LIMITED_RANGE
from fastswap.video.planes import own_planes, to_av

_MAX_CROP = 8192
"""Pixels along a side, the limit of `ops.crop`."""

RGB = NDArray[np.uint8]
"""[H, W, 3] R'G'B'."""

QUALITY = (
    Interpolation.BICUBIC
    | Interpolation.ACCURATE_RND
    | Interpolation.FULL_CHR_H_INP
    | Interpolation.FULL_CHR_H_INT
)
_SHRINK = (
    Interpolation.AREA
    | Interpolation.ACCURATE_RND
    | Interpolation.FULL_CHR_H_INP
    | Interpolation.FULL_CHR_H_INT
)


def frame_from_rgb(
    rgb: RGB,
    *,
    matrix: Matrix = "bt709",
    full_range: bool = False,
    index: int = 0,
    pts: int | None = None,
    time: float = 0.0,
) -> Frame:
    """A writable yuv420p frame with the picture of `rgb`, uint8 [H, W, 3]; its chroma is centred.

    Raises SettingsError when the array is not such a picture.
    """
    if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3 or 0 in rgb.shape:
        raise SettingsError(f"a picture must be uint8 [height, width, 3], not {rgb.dtype} {list(rgb.shape)}")
    made = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24").reformat(
        format="yuv420p",
        src_color_range=FULL_RANGE,
        dst_colorspace=av_matrix(matrix),
        dst_color_range=FULL_RANGE if full_range else LIMITED_RANGE,
        interpolation=QUALITY,
        threads=1,
    )
    height, width = rgb.shape[:2]
    return Frame(
        planes=own_planes(made),
        format="yuv420p",
        color=ColorSpec(matrix, full_range, "center"),
        index=index,
        pts=pts,
        time=time,
        to_coded=identity_affine(),
        display_size=(width, height),
        owner=made,
    )


def rgb_from_frame(frame: Frame, size: tuple[int, int] | None = None) -> RGB:
    """The upright picture with square pixels that a viewer sees, uint8 [H, W, 3].

    size: (width, height) of the result; None takes `frame.display_size`. HDR is shown as the networks see it, as SDR.
    """
    if frame.color.transfer != "sdr" and max(size or frame.display_size) <= _MAX_CROP:
        return _sdr_from_hdr(frame, size or frame.display_size)
    transposed, flip_rows, flip_columns = orientation_of(frame)
    width, height = size or frame.display_size
    if transposed:
        width, height = height, width
    shrinks = width < frame.width or height < frame.height
    picture = to_av(frame).reformat(
        width=width,
        height=height,
        format="rgb24",
        src_colorspace=_scaler_matrix(frame.color),
        src_color_range=FULL_RANGE if frame.color.full_range else LIMITED_RANGE,
        dst_color_range=FULL_RANGE,
        interpolation=_SHRINK if shrinks else QUALITY,
        threads=1,
    )
    return oriented(np.asarray(picture.to_ndarray(), np.uint8), transposed, flip_rows, flip_columns)


def _sdr_from_hdr(frame: Frame, size: tuple[int, int]) -> RGB:
    width, height = size
    scale = np.diag([frame.display_size[0] / width, frame.display_size[1] / height])
    to_coded = np.column_stack([frame.to_coded[:, :2] @ scale, frame.to_coded[:, 2]])
    square = ops.crop([frame], to_coded[None], max(size))[0, :, :height, :width]
    return np.ascontiguousarray((square * 255.0 + 0.5).astype(np.uint8).transpose(1, 2, 0))


def deep_rgb_from_frame(frame: Frame) -> NDArray[np.uint16]:
    """The upright picture in 16 bits, uint16 [H, W, 3], with the samples' own aspect."""
    made = reformatted(frame, "rgb48le", ColorSpec("gbr", True))
    return oriented(np.asarray(made.to_ndarray(), np.uint16), *orientation_of(frame))


def reformatted(
    frame: Frame, name: str, color: ColorSpec, reformatter: VideoReformatter | None = None
) -> av.VideoFrame:
    """The frame in another of FFmpeg's pixel formats, with the matrix and range of `color`."""
    return (reformatter or VideoReformatter()).reformat(
        to_av(frame),
        format=name,
        src_colorspace=_scaler_matrix(frame.color),
        dst_colorspace=_scaler_matrix(color),
        src_color_range=FULL_RANGE if frame.color.full_range else LIMITED_RANGE,
        dst_color_range=FULL_RANGE if color.full_range else LIMITED_RANGE,
        interpolation=QUALITY,
        threads=1,
    )


def _scaler_matrix(color: ColorSpec) -> int | None:
    """None for RGB: FFmpeg's scaler is then told by the pixel format."""
    return None if color.matrix == "gbr" else av_matrix(color.matrix)


def resize(rgb: RGB, size: tuple[int, int]) -> RGB:
    """A picture [H, W, 3] at another size (width, height), area filtered where it shrinks."""
    width, height = size
    shrinks = width < rgb.shape[1] or height < rgb.shape[0]
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24")
    made = frame.reformat(
        width=width, height=height, interpolation=_SHRINK if shrinks else QUALITY, threads=1
    )
    return np.asarray(made.to_ndarray(), np.uint8)


def oriented(picture: NDArray[Any], transposed: bool, flip_rows: bool, flip_columns: bool) -> NDArray[Any]:
    """A coded picture [H, W, ...] turned upright."""
    if transposed:
        picture = np.swapaxes(picture, 0, 1)
    if flip_rows:
        picture = picture[::-1]
    if flip_columns:
        picture = picture[:, ::-1]
    return np.ascontiguousarray(picture)


def orientation_of(frame: Frame) -> tuple[bool, bool, bool]:
    """What `oriented` takes to turn a coded picture of this frame upright, read off `to_coded`."""
    turn = frame.to_coded[:, :2]
    if abs(turn[0, 0]) >= abs(turn[0, 1]):
        return False, bool(turn[1, 1] < 0), bool(turn[0, 0] < 0)
    return True, bool(turn[0, 1] < 0), bool(turn[1, 0] < 0)
