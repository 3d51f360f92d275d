"""Frames whose planes lie in a GPU's memory, in the `Frame` that everything else uses."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fastswap.frame import Frame

if TYPE_CHECKING:
    from fastswap.device.runtime import Event, Runtime, Stream


@dataclass(slots=True)
class OnDevice:
    """What owns the memory of a frame on a GPU; `Frame.owner` of such frames.

    ready: after which the planes may be read. picture: FFmpeg's frame, which holds the memory of a decoded one. before:
    the same frame in host memory where it came from there, with FFmpeg's side data. arrays: memory from the run time's
    pool. changed: the planes are no longer those that were decoded.
    """

    ready: Event | None = None
    picture: Any = None
    before: Frame | None = None
    arrays: list[Any] = field(default_factory=list)
    changed: bool = False

    def wait(self) -> None:
        """Returns when the planes are finished."""
        if self.ready is not None:
            self.ready.synchronize()

    @property
    def duration(self) -> int:
        """FFmpeg's duration of the frame in units of its time base, 0 when it has none."""
        source = self.picture if self.picture is not None else getattr(self.before, "owner", None)
        return int(getattr(source, "duration", 0) or 0)


class DevicePlane:
    """One plane: shape [H, W], any strides. A strided slice of rows and columns is a copy in host memory.

    So code that looks at a few samples of a plane (shot cuts) works on it as on a NumPy array; only the rows that it
    names cross the bus.
    """

    __slots__ = ("_look", "_owner", "array", "dtype", "shape")

    def __init__(self, array: Any, look: Look, owner: OnDevice) -> None:
        self.array, self._look, self._owner = array, look, owner
        self.shape: tuple[int, ...] = tuple(array.shape)
        self.dtype = np.dtype(array.typestr)

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        interface: dict[str, Any] = self.array.__cuda_array_interface__
        return interface

    def __getitem__(self, key: tuple[slice, slice]) -> NDArray[Any]:
        rows, columns = key
        return self._look(self, range(*rows.indices(self.shape[0])), self._owner.ready)[:, columns]


class Look:
    """Reads rows of device planes on a stream of its own, for one thread after the other."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime, self._stream = runtime, runtime.stream()
        self._bytes: NDArray[np.uint8] = np.empty(0, np.uint8)
        self._lock = threading.Lock()

    def __call__(self, plane: DevicePlane, rows: range, ready: Event | None) -> NDArray[Any]:
        """Some rows of a plane, [rows, W], as they are after `ready`."""
        with self._lock:
            return self._read(plane, rows, ready)

    def _read(self, plane: DevicePlane, rows: range, ready: Event | None) -> NDArray[Any]:
        interface = plane.__cuda_array_interface__
        width, item = plane.shape[1], plane.dtype.itemsize
        pitch, step = interface["strides"] or (width * item, item)
        shape = (len(rows), (width - 1) * step + item)
        size = shape[0] * shape[1]
        if self._bytes.size < size:  # page-locked memory is freed at the end only, so it grows in few steps
            self._bytes = self._runtime.pinned((max(size, 2 * self._bytes.size),), np.uint8)
        staged = self._bytes[:size].reshape(shape)
        with self._runtime.current():
            pointer = interface["data"][0] + rows.start * pitch
            view = self._runtime.native.Array(
                pointer, list(shape), [pitch * rows.step, 1], "|u1", plane.array
            )
            self._stream.wait(ready)
            self._runtime.download(staged, view, self._stream)
            self._stream.synchronize()
        samples = np.ndarray((len(rows), width), plane.dtype, staged, 0, (shape[1], step))
        return samples.copy()


def split(blocks: list[Any], runtime: Runtime, look: Look, owner: OnDevice) -> tuple[DevicePlane, ...]:
    """The planes Y, U and V of a decoder's blocks: three of them, or luma [H, W] and chroma [h, w, 2]."""
    if len(blocks) != 2:
        return tuple(DevicePlane(block, look, owner) for block in blocks)
    luma, chroma = blocks
    interface = chroma.__cuda_array_interface__
    item = np.dtype(chroma.typestr).itemsize
    height, width = chroma.shape[:2]
    pitch = (interface["strides"] or (2 * width * item,))[0]
    u, v = (
        runtime.native.Array(
            interface["data"][0] + place * item, [height, width], [pitch, 2 * item], chroma.typestr, chroma
        )
        for place in (0, 1)
    )
    return tuple(DevicePlane(plane, look, owner) for plane in (luma, u, v))


def is_on_device(frame: Frame) -> bool:
    """True for frames whose planes lie in a GPU's memory."""
    return isinstance(frame.owner, OnDevice)


def wait_for(frame: Frame, stream: Stream) -> None:
    """What is queued in the stream from now on may read the frame."""
    stream.wait(frame.owner.ready)


def placed(frame: Frame, planes: tuple[Any, ...], owner: OnDevice, format_name: str | None = None) -> Frame:
    """The same frame with its planes on a device."""
    return replace(frame, planes=planes, owner=owner, format=format_name or frame.format)
