"""Pictures of other programs as frames, and back as the same kind: `av.VideoFrame`, NumPy arrays, DLPack tensors.

An array's layout has one of FFmpeg's names for pixel formats, or "chw":

    rgb24 bgr24 rgba bgra rgb48le ...   [H, W, 3 or 4] R'G'B', uint8 or uint16
    chw                                 [3, H, W] R'G'B' planes, uint8 or uint16
    gray                                [H, W]
    yuv420p nv12 yuv422p10le p010le ... a tuple of the format's planes: (Y, U, V), or (Y, UV) where U and V take turns,
                                        UV as [h, w, 2] or [h, 2 w]; or, for 4:2:0, one array [H * 3 / 2, W] with
                                        the planes one after the other; for 4:4:4 [3, H, W]

float32 or float64 R'G'B' in 0..1 is taken in the layouts rgb24, rgba and chw, and worked on in 16 bits.
A DLPack tensor (torch, CuPy, JAX) is read without a copy where it lies in the CPU's memory. A new picture of the same
kind comes out; what went in is never written to.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from fastswap import video
from fastswap.errors import SettingsError
from fastswap.frame import ColorSpec, Frame, identity_affine
from fastswap.pixels import PixelFormat, pixel_format

CHW: Final = "chw"
_CPU: Final = (1, 3, 11, 13)
"""DLPack's device types whose memory the CPU reads: its own, and page-locked for CUDA or ROCm, and managed."""
_FLOATS: Final = ("float32", "float64")
_DEEP: Final = {
    "rgb24": "rgb48le",
    "bgr24": "bgr48le",
    "rgba": "rgba64le",
    "bgra": "bgra64le",
    CHW: "gbrp16le",
}

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Taken:
    """A picture taken in. frame: what is worked on. given: what came; its kind is what goes back. made: the arrays that
    `frame` shows, copies of what came; None for an `av.VideoFrame`."""

    frame: Frame
    given: Any
    made: tuple[Array, ...] | None = None

    def back(self, swapped: Frame) -> Any:
        """The picture with the swapped frame, as the kind that came in."""
        if self.made is None:
            return video.av_from_frame(swapped, self.frame, self.given)
        return _as_given(self.given, self.made)


def take(picture: Any, index: int, layout: str, color: ColorSpec) -> Taken:
    """A picture as a frame. layout, color: of arrays; an `av.VideoFrame` tells its own.

    Raises SettingsError for what is no picture in this layout.
    """
    if not isinstance(picture, (tuple, list)) and not hasattr(picture, "__dlpack__"):
        return Taken(video.frame_from_av(picture, index=index), picture)
    parts = picture if isinstance(picture, (tuple, list)) else (picture,)
    arrays = tuple(_array(part) for part in parts)
    name, made = _copies(arrays, layout)
    kind = pixel_format(name)
    planes = planes_of(made, kind, layout)
    height, width = planes[0].shape
    frame = Frame(
        planes=planes,
        format=name,
        color=ColorSpec("gbr", True) if kind.rgb else color,
        index=index,
        pts=None,
        time=0.0,
        to_coded=identity_affine(),
        display_size=(width, height),
    )
    return Taken(frame, picture, made)


def check_layout(layout: str) -> None:
    """Raises SettingsError for a layout that is none."""
    if layout != CHW:
        pixel_format(layout)


def format_of(layout: str, dtype: str) -> str:
    """FFmpeg's name of the pixels that a layout of uint8 or uint16 samples has."""
    name = "gbrp" if layout == CHW else layout
    if dtype == "uint16" and pixel_format(name).dtype == np.uint8:
        if layout not in _DEEP:
            raise SettingsError(f"a picture in {layout} must be uint8, not uint16")
        return _DEEP[layout]
    return name


def _array(part: Any) -> Array:
    """What NumPy sees of an array or a tensor, without a copy."""
    if isinstance(part, np.ndarray):
        return part
    if not hasattr(part, "__dlpack__"):
        raise SettingsError(f"a plane must be a NumPy array or a DLPack tensor, not {type(part).__name__}")
    kind, number = part.__dlpack_device__()
    if int(kind) not in _CPU:
        raise SettingsError(
            f"a tensor on device ({int(kind)}, {number}): this Swapper works on the CPU, move it there"
        )
    detach = getattr(part, "detach", None)  # torch exports nothing that records gradients
    try:
        return np.from_dlpack(detach() if detach is not None else part)
    except (BufferError, RuntimeError, TypeError) as error:
        raise SettingsError(f"a {type(part).__name__} that DLPack does not export: {error}") from error


def _copies(arrays: tuple[Array, ...], layout: str) -> tuple[str, tuple[Array, ...]]:
    """FFmpeg's name of the pixels, and arrays of our own that hold them."""
    kinds = {str(array.dtype) for array in arrays}
    if len(kinds) != 1:
        raise SettingsError(
            f"the planes of a picture must share their type, these are {', '.join(sorted(kinds))}"
        )
    (dtype,) = kinds
    if dtype in _FLOATS:
        if layout not in _DEEP:
            raise SettingsError(
                f"a picture of {dtype} must be R'G'B' in 0..1 ({', '.join(_DEEP)}), not {layout}"
            )
        deep = tuple(np.rint(np.clip(array, 0.0, 1.0) * 65535.0).astype(np.uint16) for array in arrays)
        return _DEEP[layout], deep
    name = format_of(layout, dtype)
    if dtype != str(pixel_format(name).dtype):
        raise SettingsError(f"a picture in {layout} must be {pixel_format(name).dtype}, not {dtype}")
    return name, tuple(array.copy(order="C") for array in arrays)


def planes_of(arrays: tuple[Array, ...], kind: PixelFormat, layout: str) -> tuple[Array, ...]:
    """Views of the components in the order that `Frame` has them."""
    shapes = ", ".join(str(list(array.shape)) for array in arrays)
    wrong = SettingsError(f"arrays of the shape {shapes} are no picture in {layout}")
    if len(arrays) == 1 and 0 not in arrays[0].shape:
        found = _of_one(arrays[0], kind, layout)
        if found is not None:
            return found
    stored = 1 + max(c.plane for c in kind.components)
    if len(arrays) != stored or arrays[0].ndim != 2 or 0 in arrays[0].shape:
        raise wrong
    height, width = arrays[0].shape
    width //= kind.components[0].step
    planes = []
    for index, component in enumerate(kind.components):
        rows = arrays[component.plane]
        rows = rows.reshape(rows.shape[0], -1) if rows.ndim == 3 else rows
        plane = rows[:, component.offset :: component.step]
        if plane.shape != kind.shape(index, width, height):
            raise wrong
        planes.append(plane)
    return tuple(planes)


def _of_one(array: Array, kind: PixelFormat, layout: str) -> tuple[Array, ...] | None:
    """The components in one array; None when it is not laid out so."""
    if array.ndim == 2:
        return (array,) if kind.gray else _stacked_420(array, kind)
    if array.ndim != 3:
        return None
    if layout == CHW:
        return (array[1], array[2], array[0]) if len(array) == 3 else None
    if kind.rgb and not kind.planar:
        fits = array.shape[2] == kind.components[0].step
        return tuple(array[..., c.offset] for c in kind.components) if fits else None
    return tuple(array) if kind.planar and kind.log2_sub == (0, 0) and len(array) == 3 else None


def _stacked_420(array: Array, kind: PixelFormat) -> tuple[Array, ...] | None:
    """The components of 4:2:0 whose planes lie one after the other, as PyAV and OpenCV have them."""
    height, width = array.shape[0] * 2 // 3, array.shape[1]
    if kind.log2_sub != (1, 1) or array.shape[0] % 3 or height % 2 or width % 2:
        return None
    luma, rest = array[:height], array[height:]
    if not kind.planar:
        return luma, rest[:, kind.components[1].offset :: 2], rest[:, kind.components[2].offset :: 2]
    first, second = rest.reshape(2, height // 2, width // 2)  # the rows of U and V lie two to a row
    return luma, first, second


def _as_given(given: Any, made: Sequence[Array]) -> Any:
    if isinstance(given, (tuple, list)):
        parts = [_one_as_given(g, m) for g, m in zip(given, made, strict=True)]
        return tuple(parts) if isinstance(given, tuple) else parts
    return _one_as_given(given, made[0])


def _one_as_given(given: Any, made: Array) -> Any:
    """An array as the kind that was given; samples of float pictures that did not change keep their value."""
    source = _array(given)
    if str(source.dtype) in _FLOATS:
        before = np.rint(np.clip(source, 0.0, 1.0) * 65535.0).astype(np.uint16)
        made = np.where(made == before, source, made.astype(source.dtype) / source.dtype.type(65535.0))
    if isinstance(given, np.ndarray):
        return made
    module = sys.modules[type(given).__module__.partition(".")[0]]
    importer = getattr(module, "from_dlpack", None) or getattr(
        getattr(module, "dlpack", None), "from_dlpack", None
    )
    return made if importer is None else importer(made)
