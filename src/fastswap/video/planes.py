"""From FFmpeg's frames to NumPy views of their planes, and back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from fastswap.frame import Frame

Planes = tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]

AV_NATIVE = {"yuv420p": "yuv420p", "yuvj420p": "yuv420p", "nv12": "nv12"}
"""FFmpeg's formats that need no conversion, and the name that `Frame.format` gives them."""


def is_native(frame: av.VideoFrame) -> bool:
    """True when `shared_planes` can show this frame's memory as it is.

    A bottom-up picture (negative line size) and nv12 with an odd side are not: PyAV does not export them.
    """
    name = frame.format.name
    if name not in AV_NATIVE or any(plane.line_size < 0 for plane in frame.planes):
        return False
    return name != "nv12" or not (frame.width % 2 or frame.height % 2)


def shared_planes(frame: av.VideoFrame) -> Planes:
    """Read-only views. Each holds its own reference to the buffer, so it outlives any change of `frame`."""
    return _split(frame.format.name, [np.from_dlpack(plane) for plane in frame.planes])


def own_planes(frame: av.VideoFrame) -> Planes:
    """Writable views of a frame that nobody else refers to."""
    arrays: list[NDArray[np.uint8]] = []
    for plane in frame.planes:
        shape: tuple[int, ...] = (plane.height, plane.width)
        strides: tuple[int, ...] = (plane.line_size, 1)
        if frame.format.name == "nv12" and arrays:
            shape, strides = (*shape, 2), (plane.line_size, 2, 1)
        arrays.append(np.ndarray(shape, np.uint8, buffer=memoryview(plane), strides=strides))
    return _split(frame.format.name, arrays)


def _split(name: str, arrays: list[NDArray[Any]]) -> Planes:
    if name == "nv12":
        luma, chroma = arrays
        return luma, chroma[..., 0], chroma[..., 1]
    luma, first, second = arrays
    return luma, first, second


def writable(frame: Frame) -> Frame:
    """The same frame with planes that are safe to write to.

    A decoder may still predict from the planes it gave, so they are copied (about 0.15 ms at 1080p) together with
    all that FFmpeg keeps beside them. `frame` stays valid and unchanged. A frame that is writable already is
    returned as it is.
    """
    if all(plane.flags.writeable for plane in frame.planes):
        return frame
    owner = frame.owner
    if isinstance(owner, av.VideoFrame) and owns(owner, frame):
        # The read-only views hold references, so this always moves the owner to fresh memory.
        owner.make_writable()
    else:
        owner = copy_to_av(frame)
    return replace(frame, planes=own_planes(owner), owner=owner)


def owns(owner: av.VideoFrame, frame: Frame) -> bool:
    """True when the planes of `frame` are `owner`'s present memory."""
    if (owner.width, owner.height) != (frame.width, frame.height) or not is_native(owner):
        return False
    theirs = own_planes(owner)
    return all(
        mine.ctypes.data == other.ctypes.data and mine.strides == other.strides
        for mine, other in zip(frame.planes, theirs, strict=True)
    )


def copy_to_av(frame: Frame, name: str = "yuv420p") -> av.VideoFrame:
    """A new FFmpeg frame with a copy of the planes; name: "yuv420p" or "yuvj420p", the same layout."""
    made = av.VideoFrame(frame.width, frame.height, name)
    for target, source in zip(own_planes(made), frame.planes, strict=True):
        np.copyto(target, source)
    return made


def to_av(frame: Frame, name: str | None = None) -> av.VideoFrame:
    """The FFmpeg frame that holds these planes: its owner when that is so, else a copy.

    name: the FFmpeg format that is wanted; None takes the owner's.
    """
    owner = frame.owner
    if isinstance(owner, av.VideoFrame) and owns(owner, frame) and name in (None, owner.format.name):
        return owner
    return copy_to_av(frame, name if name in ("yuv420p", "yuvj420p") else "yuv420p")
