"""Frames whose planes lie in a GPU's memory, in the `Frame` that everything else uses."""

from __future__ import annotations

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

    __slots__ = ("_look", "array", "dtype", "shape")

    def __init__(self, array: Any, look: Look) -> None:
        self.array, self._look = array, look
        self.shape: tuple[int, ...] = tuple(array.shape)
        self.dtype = np.dtype(array.typestr)

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        interface: dict[str, Any] = self.array.__cuda_array_interface__
        return interface

    def __getitem__(self, key: tuple[slice, slice]) -> NDArray[Any]:
        rows, columns = key
        return self._look(self, range(*rows.indices(self.shape[0])))[:, columns]


class Look:
    """Reads rows of device planes on a stream of its own. One per thread."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime, self._stream = runtime, runtime.stream()
        self._rows: NDArray[Any] | None = None
        self.ready: Event | None = None

    def __call__(self, plane: DevicePlane, rows: range) -> NDArray[Any]:
        interface = plane.__cuda_array_interface__
        pitch, step = (interface["strides"] or (plane.shape[1] * plane.dtype.itemsize, 0))[:2]
        if step not in (0, plane.dtype.itemsize):
            raise ValueError("only planes whose samples lie side by side can be looked at")
        pointer = interface["data"][0] + rows.start * pitch
        strides = [pitch * rows.step, plane.dtype.itemsize]
        shape = (len(rows), plane.shape[1])
        if self._rows is None or self._rows.shape != shape or self._rows.dtype != plane.dtype:
            self._rows = self._runtime.pinned(shape, plane.dtype)
        with self._runtime.current():
            view = self._runtime.native.Array(pointer, list(shape), strides, plane.dtype.str, plane.array)
            self._stream.wait(self.ready)
            self._runtime.download(self._rows, view, self._stream)
            self._stream.synchronize()
        return np.array(self._rows)


def split(blocks: list[Any], runtime: Runtime, look: Look) -> tuple[DevicePlane, DevicePlane, DevicePlane]:
    """The planes Y, U and V of a picture's blocks: three of them, or two with U and V side by side."""
    if len(blocks) == 3:
        y, u, v = (DevicePlane(block, look) for block in blocks)
        return y, u, v
    luma, chroma = blocks
    interface = chroma.__cuda_array_interface__
    item = np.dtype(chroma.typestr).itemsize
    height, width = chroma.shape[:2]
    if len(chroma.shape) == 2:  # [h, 2 w]
        width //= 2
    pitch = (interface["strides"] or (2 * width * item,))[0]
    u, v = (
        runtime.native.Array(
            interface["data"][0] + place * item, [height, width], [pitch, 2 * item], chroma.typestr, chroma
        )
        for place in (0, 1)
    )
    return DevicePlane(luma, look), DevicePlane(u, look), DevicePlane(v, look)


def is_on_device(frame: Frame) -> bool:
    """True for frames whose planes lie in a GPU's memory."""
    return isinstance(frame.owner, OnDevice)


def wait_for(frame: Frame, stream: Stream) -> None:
    """What is queued in the stream from now on may read the frame."""
    stream.wait(frame.owner.ready)


def placed(
    frame: Frame, planes: tuple[Any, Any, Any], owner: OnDevice, format_name: str | None = None
) -> Frame:
    """The same frame with its planes on a device."""
    return replace(frame, planes=planes, owner=owner, format=format_name or frame.format)
