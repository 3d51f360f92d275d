"""Frames to a GPU and back, through page-locked memory, while earlier ones are still on their way."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fastswap.device.plane import DevicePlane, Look, OnDevice, placed, split
from fastswap.frame import Frame

if TYPE_CHECKING:
    from fastswap.device.runtime import Event, Runtime

DEPTH = 4
"""Copies under way at once."""


class Staging:
    """A ring of page-locked buffers; one is used again when the copy out of it, or into it, has been made."""

    def __init__(self, runtime: Runtime, depth: int = DEPTH) -> None:
        self._runtime, self._depth = runtime, depth
        self._free: deque[tuple[NDArray[np.uint8], Event | None]] = deque()
        self._made = 0

    def take(self, size: int) -> NDArray[np.uint8]:
        """A buffer of at least `size` bytes whose last copy is over."""
        if self._made < self._depth:
            self._made += 1
            return self._runtime.pinned((size,), np.uint8)
        buffer, used = self._free.popleft()
        if used is not None:
            used.synchronize()
        return buffer if len(buffer) >= size else self._runtime.pinned((size,), np.uint8)

    def give(self, buffer: NDArray[np.uint8], used: Event | None) -> None:
        """Takes a buffer back; `used` is the copy that still needs it."""
        self._free.append((buffer, used))


def blocks_of(frame: Frame) -> list[NDArray[Any]]:
    """A frame's planes as they lie in memory: U and V of a semi-planar one are one block [h, w, 2]."""
    y, u, v = frame.planes
    if u.strides[1] == 2 * u.itemsize and v.ctypes.data - u.ctypes.data == u.itemsize:
        joined = np.lib.stride_tricks.as_strided(
            u, (*u.shape, 2), (*u.strides, u.itemsize), writeable=u.flags.writeable
        )
        return [y, joined]
    return [y, u, v]


class Uploader:
    """Copies decoded frames into the GPU's memory. One per thread; the host copies into page-locked memory, no more."""

    def __init__(self, runtime: Runtime, look: Look) -> None:
        self._runtime, self._look = runtime, look
        self._stream = runtime.stream()
        self._staging = Staging(runtime)

    def __call__(self, frame: Frame) -> Frame:
        """The frame on the GPU. Raises MemoryError when it does not fit."""
        blocks = blocks_of(frame)
        owner = OnDevice(before=frame)
        with self._runtime.current():
            for block in blocks:
                array = self._runtime.empty(block.shape, block.dtype.str, self._stream)
                buffer = self._staging.take(block.nbytes)
                staged = buffer[: block.nbytes].view(block.dtype).reshape(block.shape)
                np.copyto(staged, block)
                self._runtime.upload(array, staged, self._stream)
                self._staging.give(buffer, self._stream.record())
                owner.arrays.append(array)
            owner.ready = self._stream.record()
        return placed(frame, split(owner.arrays, self._runtime, self._look), owner)


class Downloader:
    """Brings frames back to host memory, a few behind the one that was asked for, so that copies overlap."""

    def __init__(self, runtime: Runtime, depth: int = DEPTH) -> None:
        self._runtime, self._depth = runtime, depth
        self._stream = runtime.stream()
        self._staging = Staging(runtime, 3 * (depth + 1))

    def __call__(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        """Each frame in host memory of its own, in order. One that nobody changed since it was decoded there is
        handed on as it was."""
        waiting: deque[tuple[Frame, list[NDArray[np.uint8]], Event | None]] = deque()
        for frame in frames:
            waiting.append(self._begin(frame))
            if len(waiting) > self._depth:
                yield self._finish(*waiting.popleft())
        while waiting:
            yield self._finish(*waiting.popleft())

    def _begin(self, frame: Frame) -> tuple[Frame, list[NDArray[np.uint8]], Event | None]:
        owner = frame.owner
        if not isinstance(owner, OnDevice):
            return frame, [], None
        if owner.before is not None and not owner.changed:
            for array in owner.arrays:
                self._runtime.release(array, owner.ready)
            return owner.before, [], None
        buffers = []
        with self._runtime.current():
            self._stream.wait(owner.ready)
            for view in _views(frame, self._runtime):
                dtype = np.dtype(view.typestr)
                size = int(np.prod(view.shape)) * dtype.itemsize
                buffer = self._staging.take(size)
                self._runtime.download(
                    buffer[:size].view(dtype).reshape(view.shape[0], -1), view, self._stream
                )
                buffers.append(buffer)
            done = self._stream.record()
            for array in owner.arrays:
                self._runtime.release(array, done)
        return frame, buffers, done

    def _finish(self, frame: Frame, buffers: list[NDArray[np.uint8]], done: Event | None) -> Frame:
        if done is None:
            return frame
        done.synchronize()
        blocks = []
        for buffer, view in zip(buffers, _views(frame, self._runtime), strict=True):
            dtype = np.dtype(view.typestr)
            size = int(np.prod(view.shape)) * dtype.itemsize
            blocks.append(buffer[:size].view(dtype).reshape(view.shape).copy())
            self._staging.give(buffer, None)
        owner: OnDevice = frame.owner
        kept = owner.before.owner if owner.before is not None else owner.picture
        return replace(frame, planes=host_planes(blocks), owner=Kept(int(owner.duration), kept))


class Kept:
    """Owner of a frame that came back from the GPU: the planes are its own. source: FFmpeg's, with its side data."""

    __slots__ = ("duration", "source")

    def __init__(self, duration: int, source: Any) -> None:
        self.duration, self.source = duration, source


def host_planes(blocks: list[NDArray[Any]]) -> Any:
    """Y, U and V of blocks in host memory, see `blocks_of`."""
    if len(blocks) == 3:
        return tuple(blocks)
    luma, chroma = blocks
    return luma, chroma[..., 0], chroma[..., 1]


def _views(frame: Frame, runtime: Runtime) -> list[Any]:
    """The frame's blocks in device memory, U and V of a semi-planar one as one."""
    planes: tuple[DevicePlane, DevicePlane, DevicePlane] = frame.planes  # type: ignore[assignment]
    y, u, v = (plane.array for plane in planes)
    first, second = u.__cuda_array_interface__, v.__cuda_array_interface__
    item = planes[1].dtype.itemsize
    if second["data"][0] - first["data"][0] != item:
        return [y, u, v]
    height, width = planes[1].shape
    pitch = first["strides"][0]
    joined = runtime.native.Array(
        first["data"][0], [height, width, 2], [pitch, 2 * item, item], planes[1].dtype.str, u
    )
    return [y, joined]
