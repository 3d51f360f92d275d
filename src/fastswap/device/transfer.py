"""Frames to a GPU and back, through page-locked memory, while earlier ones are still on their way."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fastswap.device.layout import Block, blocks_of, host_planes, on_host, packed
from fastswap.device.plane import DevicePlane, Look, OnDevice, placed
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

    def take(self, size: int) -> NDArray[np.uint8]:
        """A buffer of at least `size` bytes whose last copy is over; the one that was given back longest ago."""
        if len(self._free) < self._depth:  # so the copies of the last few are not waited for
            return self._runtime.pinned((size,), np.uint8)
        buffer, used = self._free.popleft()
        if used is not None:
            used.synchronize()
        # Page-locked memory is freed at the end only, so where sizes differ it grows in few steps.
        return (
            buffer if len(buffer) >= size else self._runtime.pinned((max(size, 2 * len(buffer)),), np.uint8)
        )

    def give(self, buffer: NDArray[np.uint8], used: Event | None) -> None:
        """Takes a buffer back; `used` is the copy that still needs it."""
        self._free.append((buffer, used))


class Uploader:
    """Copies frames into the GPU's memory; the host copies into page-locked memory, no more.

    spilled: told of each frame for which the GPU has no room; it stays in page-locked memory that kernels reach across
    the bus, which is slow and yet goes on.
    """

    def __init__(self, runtime: Runtime, look: Look, spilled: Callable[[], None] = lambda: None) -> None:
        self._runtime, self._look, self._spilled = runtime, look, spilled
        self._stream, self._lock = runtime.stream(), threading.Lock()
        self._staging = Staging(runtime)

    def __call__(self, frame: Frame) -> Frame:
        """The frame on the GPU."""
        owner, room = OnDevice(before=frame), True
        planes: dict[int, DevicePlane] = {}
        with self._lock, self._runtime.current():
            for block in blocks_of(frame.planes):
                array, room = self._room_for((block.rows, block.width), room)
                buffer = self._staging.take(block.size)
                staged = buffer[: block.size].reshape(block.rows, block.width)
                np.copyto(staged, on_host(block))
                self._runtime.upload(array, staged, self._stream)
                self._staging.give(buffer, self._stream.record())
                owner.arrays.append(array)
                for index, pointer, shape, strides, typestr in packed(block, array.pointer):
                    view = self._runtime.native.Array(pointer, list(shape), list(strides), typestr, array)
                    planes[index] = DevicePlane(view, self._look, owner)
            owner.ready = self._stream.record()
            for array in owner.arrays:  # who works on them later says so again
                self._runtime.release(array, owner.ready)
        if not room:
            self._spilled()
        return placed(frame, tuple(planes[index] for index in sorted(planes)), owner)

    def _room_for(self, shape: tuple[int, int], room: bool) -> tuple[Any, bool]:
        """Memory for a block, and whether the GPU has any left. room: whether it had for the blocks before."""
        if room:
            try:
                return self._runtime.empty(shape, "|u1", self._stream, kind="frame"), True
            except MemoryError:
                pass
        return self._runtime.empty(shape, "|u1", self._stream, kind="spilled"), False


class Downloader:
    """Brings frames back to host memory, a few behind the one that was asked for, so that copies overlap."""

    def __init__(self, runtime: Runtime, depth: int = DEPTH) -> None:
        self._runtime, self._depth = runtime, depth
        self._stream, self._lock = runtime.stream(), threading.Lock()
        self._staging = Staging(runtime, 3 * (depth + 1))

    def __call__(self, frames: Iterable[Frame], *, direct: bool = False) -> Iterator[Frame]:
        """Each frame in host memory of its own, in order. One that nobody changed since it was decoded there is handed
        on as it was. direct: those that FFmpeg can encode in the GPU's memory stay there.
        """
        waiting: deque[_Leaving] = deque()
        for frame in frames:
            waiting.append(self._begin(frame, direct))
            if len(waiting) > self._depth:
                yield self._finish(waiting.popleft())
        while waiting:
            yield self._finish(waiting.popleft())

    def _begin(self, frame: Frame, direct: bool) -> _Leaving:
        owner = frame.owner
        if not isinstance(owner, OnDevice) or (direct and owner.picture is not None):
            return _Leaving(frame)
        if owner.before is not None and not owner.changed:
            for array in owner.arrays:
                self._runtime.release(array, owner.ready)
            return _Leaving(owner.before)
        leaving = _Leaving(frame)
        with self._lock, self._runtime.current():
            self._stream.wait(owner.ready)
            for block in blocks_of(frame.planes):
                buffer = self._staging.take(block.size)
                view = self._runtime.native.Array(
                    block.pointer, [block.rows, block.width], [block.pitch, 1], "|u1", frame.planes[0]
                )
                self._runtime.download(buffer[: block.size].reshape(block.rows, -1), view, self._stream)
                leaving.blocks.append((block, buffer))
            leaving.done = self._stream.record()
            for array in owner.arrays:
                self._runtime.release(array, leaving.done)
        return leaving

    def _finish(self, leaving: _Leaving) -> Frame:
        frame, owner = leaving.frame, leaving.frame.owner
        if leaving.done is None:
            return frame
        leaving.done.synchronize()
        copies = []
        for block, buffer in leaving.blocks:
            copies.append((block, buffer[: block.size].reshape(block.rows, block.width).copy()))
            with self._lock:
                self._staging.give(buffer, None)
        source = owner.before.owner if owner.before is not None else owner.picture
        return replace(frame, planes=host_planes(copies), owner=Kept(owner.duration, source))


@dataclass(slots=True)
class _Leaving:
    """A frame on its way to host memory: copied to these buffers when `done` has passed; None for one that is there."""

    frame: Frame
    blocks: list[tuple[Block, NDArray[np.uint8]]] = field(default_factory=list)
    done: Event | None = None


class Kept:
    """Owner of a frame that came back from the GPU: the planes are its own. source: FFmpeg's, with its side data."""

    __slots__ = ("duration", "source")

    def __init__(self, duration: int, source: Any) -> None:
        self.duration, self.source = duration, source
