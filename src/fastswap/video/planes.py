"""From FFmpeg's frames to NumPy views of their planes, and back."""

from __future__ import annotations

from copy import copy
from dataclasses import replace
from typing import Any

import av
import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from fastswap.frame import Frame, Plane
from fastswap.pixels import FORMATS, Component, PixelFormat, pixel_format
from fastswap.video import frames
from fastswap.video.versions import side_data

Planes = tuple[Plane, ...]

_UNEXPORTED = frozenset({"rgb0", "bgr0", "0rgb", "0bgr", "yuyv422", "yvyu422", "uyvy422", "y210le", "y212le"})
"""Formats whose planes PyAV does not export with a reference to their memory."""


def native_name(name: str) -> str | None:
    """The name that `Frame.format` gives to one of FFmpeg's formats; None when it needs a conversion."""
    plain = name.replace("yuvj", "yuv")  # the "j" means full range, which the colour says too
    return plain if plain in FORMATS else None


def is_native(frame: av.VideoFrame) -> bool:
    """True when `shared_planes` can show this frame's memory as it is."""
    return native_name(frame.format.name) is not None


def _layout(frame: av.VideoFrame) -> PixelFormat:
    return pixel_format(frame.format.name.replace("yuvj", "yuv"))


def _is_exported(frame: av.VideoFrame) -> bool:
    """True when each view can hold a reference of its own to the buffer: not for bottom-up pictures."""
    return frame.format.name not in _UNEXPORTED and all(plane.line_size > 0 for plane in frame.planes)


def shared_planes(frame: av.VideoFrame) -> Planes:
    """Read-only views. They outlive any change of `frame` that is made through `writable`."""
    kind = _layout(frame)
    if not _is_exported(frame):
        views = own_planes(frame)
        for view in views:
            view.flags.writeable = False
        return views
    arrays = [np.from_dlpack(plane) for plane in frame.planes]
    shapes = [kind.shape(i, frame.width, frame.height) for i in range(len(kind.components))]
    return tuple(_pick(arrays[c.plane], c, shape) for c, shape in zip(kind.components, shapes, strict=True))


def _pick(array: NDArray[Any], component: Component, shape: tuple[int, int]) -> NDArray[Any]:
    view = array if array.ndim == 2 else array[..., component.offset]
    if view.shape == shape:
        return view
    # PyAV rounds odd chroma of nv12 and its like down; the last samples are there all the same.
    strides = (array.strides[0], component.step * array.itemsize)
    return as_strided(
        array.reshape(-1)[component.offset :] if 0 in view.shape else view, shape, strides, writeable=False
    )


def own_planes(frame: av.VideoFrame) -> Planes:
    """Writable views of a frame that nobody else refers to."""
    kind = _layout(frame)
    return tuple(_view(frame, kind, i, c) for i, c in enumerate(kind.components))


def alpha_plane(frame: av.VideoFrame) -> NDArray[Any] | None:
    """A writable view of a native frame's alpha, None when its format has none."""
    kind = _layout(frame)
    return None if kind.alpha is None else _view(frame, kind, 0, kind.alpha)


def _view(frame: av.VideoFrame, kind: PixelFormat, index: int, component: Component) -> NDArray[Any]:
    plane, item = frame.planes[component.plane], kind.dtype.itemsize
    rows, columns = kind.shape(index, frame.width, frame.height)
    line = plane.line_size
    # The buffer starts at the lowest address, which in a bottom-up picture is its last row.
    start = component.offset * item + (-line * (rows - 1) if line < 0 else 0)
    strides = (line, component.step * item)
    return np.ndarray((rows, columns), kind.dtype, memoryview(plane), start, strides)


def writable(frame: Frame) -> Frame:
    """The same frame with planes that are safe to write to.

    A decoder may still predict from the planes it gave, so they are copied together with all that FFmpeg keeps beside
    them. `frame` stays valid and unchanged. A frame that is writable already is returned as it is.
    """
    if all(plane.flags.writeable for plane in frame.planes):
        return frame
    owner = frame.owner
    if isinstance(owner, np.ndarray):
        return replace(frame, **array_planes(owner.copy()))
    if (
        isinstance(owner, av.VideoFrame)
        and _has_side_data(owner)
        and owns(owner, frame)
        and _is_exported(owner)
    ):
        # PyAV cannot copy side data (captions, for example). The read-only views hold references, so this always
        # moves the owner to fresh memory.
        owner.make_writable()
    else:
        owner = copy_to_av(frame)
    return replace(frame, planes=own_planes(owner), owner=owner)


def _has_side_data(frame: av.VideoFrame) -> bool:
    try:
        return bool(side_data(frame))
    except ValueError:  # a kind that PyAV 18 has no name for
        return True


def array_planes(pixels: NDArray[Any]) -> dict[str, Any]:
    """`planes` and `owner` of a frame whose memory is an array of R'G'B' pixels [H, W, 3]."""
    return {"planes": (pixels[..., 1], pixels[..., 2], pixels[..., 0]), "owner": pixels}


def owns(owner: av.VideoFrame, frame: Frame) -> bool:
    """True when the planes of `frame` are `owner`'s present memory."""
    if (owner.width, owner.height) != (frame.width, frame.height):
        return False
    if native_name(owner.format.name) != frame.format:
        return False
    kind = frame.pixels
    return all(
        _at(owner, kind, component) == (mine.__array_interface__["data"][0], *mine.strides)
        for mine, component in zip(frame.planes, kind.components, strict=True)
    )


def _at(frame: av.VideoFrame, kind: PixelFormat, component: Component) -> tuple[int, int, int]:
    """Where a component's first sample lies in memory, and its strides in bytes."""
    plane, item = frame.planes[component.plane], kind.dtype.itemsize
    return plane.buffer_ptr + component.offset * item, plane.line_size, component.step * item


def copy_to_av(frame: Frame, name: str | None = None) -> av.VideoFrame:
    """A new FFmpeg frame with a copy of the samples and of the owner's alpha, times and tags.

    name: FFmpeg's format, one that holds the same samples in any order (`PixelFormat.holds`); None takes the frame's.
    """
    made = frames.take(frame.width, frame.height, name or frame.format)
    source, target = frame.pixels, _layout(made)
    for to, samples in zip(own_planes(made), frame.planes, strict=False):
        _move(samples, source.shift, to, target.shift)
    if source.gray and not target.gray:
        for to in own_planes(made)[1:]:
            to[...] = 1 << (target.bits + target.shift - 1)
    owner = frame.owner if isinstance(frame.owner, av.VideoFrame) else None
    alpha = alpha_plane(made)
    if alpha is not None:
        old = alpha_plane(owner) if owner is not None and is_native(owner) else None
        if old is not None and old.shape == alpha.shape and old.dtype == alpha.dtype:
            alpha[...] = old
        else:
            alpha[...] = (1 << target.bits) - 1
    if owner is not None:
        copy_properties(owner, made)
    return made


def _move(samples: NDArray[Any], shift: int, to: NDArray[Any], to_shift: int) -> None:
    if to_shift == shift:
        np.copyto(to, samples)
    elif to_shift < shift:
        np.right_shift(samples, shift - to_shift, out=to)
    else:
        np.left_shift(samples, to_shift - shift, out=to)


def copy_properties(source: av.VideoFrame, target: av.VideoFrame) -> None:
    """Times, colour tags and what travels with the frame; PyAV cannot copy side data."""
    target.pts, target.duration = source.pts, source.duration
    # A copy: PyAV 18 forgets the very object of a frame when that frame is freed.
    target.opaque = copy(source.opaque)
    if source.time_base:
        target.time_base = source.time_base
    target.colorspace, target.color_range = source.colorspace, source.color_range
    target.color_primaries, target.color_trc = source.color_primaries, source.color_trc


def to_av(frame: Frame, name: str | None = None) -> av.VideoFrame:
    """The FFmpeg frame that holds these planes: its owner when that is so, else a copy.

    name: the FFmpeg format that is wanted, as for `copy_to_av`; None takes the owner's.
    """
    owner = frame.owner
    if isinstance(owner, av.VideoFrame) and owns(owner, frame) and name in (None, owner.format.name):
        return owner
    return copy_to_av(frame, name)
