"""Between GStreamer's buffers and arrays of planes."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from fastswap.errors import OutputError
from fastswap.frame import ColorSpec, Matrix
from fastswap.hosts.gobject import bindings
from fastswap.pixels import PixelFormat, pixel_format

Gst, GstVideo, _, _ = bindings()

FORMATS: Final = {
    "I420": "yuv420p",
    "NV12": "nv12",
    "Y42B": "yuv422p",
    "Y444": "yuv444p",
    "I420_10LE": "yuv420p10le",
    "I422_10LE": "yuv422p10le",
    "Y444_10LE": "yuv444p10le",
    "P010_10LE": "p010le",
    "RGB": "rgb24",
    "BGR": "bgr24",
    "RGBA": "rgba",
    "BGRA": "bgra",
}
"""GStreamer's names of the formats that are taken, and FFmpeg's."""


def color_of(info: Any) -> ColorSpec:
    """What the caps' colorimetry says, or the usual reading where it says nothing."""
    matrices = GstVideo.VideoColorMatrix
    names: dict[Any, Matrix] = {matrices.BT601: "bt601", matrices.BT709: "bt709", matrices.BT2020: "bt2020"}
    hd = info.width >= 1280 or info.height > 576
    matrix = names.get(info.colorimetry.matrix, "bt709" if hd else "bt601")
    full = info.colorimetry.range == GstVideo.VideoColorRange(1)  # "0-255", a name that Python cannot spell
    centred = info.chroma_site == GstVideo.VideoChromaSite.JPEG
    return ColorSpec(matrix, full, "center" if centred else "left")


def _layout(info: Any) -> tuple[PixelFormat, list[tuple[int, int, int]]]:
    """The pixel format, and for each plane its rows, its samples in a row and FFmpeg's number of it."""
    kind = pixel_format(FORMATS[info.finfo.name])
    shapes = []
    for number in range(1 + max(c.plane for c in kind.components)):
        index = next(i for i, c in enumerate(kind.components) if c.plane == number)
        rows, columns = kind.shape(index, info.width, info.height)
        shapes.append((rows, columns * kind.components[index].step, number))
    return kind, shapes


def planes_of(buffer: Any, info: Any) -> tuple[NDArray[Any], ...]:
    """Copies of a buffer's planes, packed R'G'B' as [H, W, channels]."""
    meta = GstVideo.buffer_get_video_meta(buffer)
    place = meta or info
    kind, shapes = _layout(info)
    good, mapped = buffer.map(Gst.MapFlags.READ)
    if not good:
        raise OutputError("GStreamer: a buffer cannot be read")
    try:
        found = []
        for rows, columns, number in shapes:
            strides = (place.stride[number], kind.dtype.itemsize)
            view = np.ndarray((rows, columns), kind.dtype, mapped.data, place.offset[number], strides)
            found.append(view.copy())
    finally:
        buffer.unmap(mapped)
    if kind.rgb:
        return (found[0].reshape(info.height, info.width, -1),)
    return tuple(found)


def buffer_of(planes: tuple[NDArray[Any], ...], info: Any) -> Any:
    """A new buffer that holds the planes as the caps lay them out."""
    kind, shapes = _layout(info)
    made = bytearray(info.size)
    for (rows, columns, number), plane in zip(shapes, planes, strict=True):
        strides = (info.stride[number], kind.dtype.itemsize)
        view = np.ndarray((rows, columns), kind.dtype, made, info.offset[number], strides)
        view[...] = plane.reshape(rows, columns)
    return Gst.Buffer.new_wrapped(bytes(made))
