"""Pictures that other programs hold in a GPU's memory (torch, CuPy, CV-CUDA), as frames and back, on their own stream.

They come by `__cuda_array_interface__` or DLPack and go back as the kind that came, or as a `_cuda.Array`, which has
both. The caller's stream and ours wait for each other on the GPU; the host does not wait. What came is not written to,
and the caller may write to it after the call. Callers on several streams do not wait for each other: memory that one of
them may still read is never given to another.
"""

from __future__ import annotations

import sys
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fastswap import layouts
from fastswap.device.layout import view
from fastswap.device.plane import DevicePlane, Look, OnDevice
from fastswap.errors import SettingsError
from fastswap.frame import ColorSpec, Frame, identity_affine
from fastswap.pixels import pixel_format

if TYPE_CHECKING:
    from fastswap.device.runtime import Reader, Runtime

_CUDA = 2
"""DLPack's device type."""
LEGACY_STREAM = 0
_PER_THREAD = 2
NO_STREAM = -1
"""DLPack's word for memory that no stream works on."""


def is_cuda(picture: Any) -> bool:
    """Whether a picture, or the first of its planes, lies in the memory of an NVIDIA GPU."""
    part = picture[0] if isinstance(picture, (tuple, list)) and picture else picture
    if hasattr(part, "__cuda_array_interface__"):
        return True
    where = getattr(part, "__dlpack_device__", None)
    return where is not None and int(where()[0]) == _CUDA


@dataclass(frozen=True, slots=True)
class DeviceTaken:
    """See `layouts.Taken`. made: arrays of our own in the GPU's memory that `frame` shows. caller: the stream that what
    goes back is ready on."""

    frame: Frame
    given: Any
    made: tuple[Any, ...]
    caller: int
    pictures: Pictures

    def back(self, swapped: Frame) -> Any:
        """The picture with the swapped frame, as the kind that came in."""
        self.pictures.hand_back(swapped, self.caller)
        if isinstance(self.given, (tuple, list)):
            parts = [self._as_given(given, made) for given, made in zip(self.given, self.made, strict=True)]
            return tuple(parts) if isinstance(self.given, tuple) else parts
        return self._as_given(self.given, self.made[0])

    def _as_given(self, given: Any, made: Any) -> Any:
        """By the given array's own library, where it reads DLPack."""
        module = sys.modules.get(type(given).__module__.partition(".")[0])
        importer = getattr(module, "from_dlpack", None)
        return made if importer is None else importer(Handed(made, self.pictures, self.caller))


class Handed:
    """An array on its way to another library by DLPack, whose stream waits for the caller's if it is not the same."""

    def __init__(self, array: Any, pictures: Pictures, caller: int) -> None:
        self._array, self._pictures, self._caller = array, pictures, caller

    def __dlpack_device__(self) -> tuple[int, int]:
        where: tuple[int, int] = self._array.__dlpack_device__()
        return where

    def __dlpack__(self, *, stream: int | None = None, **_: Any) -> Any:
        self._pictures.pass_on(self._array, self._caller, LEGACY_STREAM if stream is None else stream)
        return self._array.__dlpack__()


class Pictures:
    """Takes pictures in and hands them back. One per Swapper; its calls are made one after the other."""

    def __init__(self, runtime: Runtime, look: Look) -> None:
        self._runtime, self._look = runtime, look
        self._stream = runtime.stream()

    def take(
        self, picture: Any, index: int, layout: str, color: ColorSpec, stream: int | None = None
    ) -> DeviceTaken:
        """A picture as a frame.

        stream: the caller's, on which it was made; None takes what the array says, or the default stream. `NO_STREAM`
        is for a picture that is finished; what goes back is finished then too. Raises SettingsError for what is no
        picture in this layout, or lies on another device.
        """
        parts = picture if isinstance(picture, (tuple, list)) else (picture,)
        with self._runtime.current():
            sources = [self._source(part) for part in parts]
            caller = _stream_of(parts[0]) if stream is None else stream
            if caller != NO_STREAM:
                self._runtime.native.order(caller, self._stream.handle)
            made = tuple(self._copy(source, _reader(caller)) for source in sources)
            owner = OnDevice(ready=self._stream.record(), arrays=list(made))
            if caller != NO_STREAM:  # who may write to what he gave as soon as this returns
                self._runtime.native.order(self._stream.handle, caller)
            for array in made:
                self._runtime.release(array, owner.ready)
        name = _format(layout, {array.typestr for array in made})
        kind = pixel_format(name)
        # Views that NumPy works out and nobody reads: they tell where the components lie.
        shown = layouts.planes_of(
            tuple(view(a.pointer, tuple(a.shape), None, a.typestr) for a in made), kind, layout
        )
        planes = tuple(self._plane(plane, made, owner) for plane in shown)
        height, width = planes[0].shape
        frame = Frame(
            planes=planes,  # type: ignore[arg-type]
            format=name,
            color=ColorSpec("gbr", True) if kind.rgb else color,
            index=index,
            pts=None,
            time=0.0,
            to_coded=identity_affine(),
            display_size=(width, height),
            owner=owner,
        )
        return DeviceTaken(frame, picture, made, caller, self)

    def hand_back(self, frame: Frame, caller: int) -> None:
        """Makes the caller's stream wait for what was drawn, or the host where there is no such stream."""
        if caller == NO_STREAM:
            frame.owner.wait()
            return
        with self._runtime.current():
            self._stream.wait(frame.owner.ready)
            self._runtime.native.order(self._stream.handle, caller)

    def pass_on(self, array: Any, caller: int, stream: int) -> None:
        """Makes another stream, which takes over a picture, wait for what the caller's has."""
        if stream not in _same(caller):
            self._runtime.lend(array, _reader(stream))
            if NO_STREAM not in (caller, stream):
                with self._runtime.current():
                    self._runtime.native.order(caller, stream)

    def _source(self, part: Any) -> Any:
        interface = getattr(part, "__cuda_array_interface__", None)
        if interface is None:
            number = int(part.__dlpack_device__()[1])
            if number != self._runtime.index:
                raise SettingsError(
                    f"a picture on cuda:{number}, and this Swapper works on cuda:{self._runtime.index}"
                )
            return self._runtime.native.Array.from_dlpack(part)
        item = np.dtype(interface["typestr"]).itemsize
        packed = tuple(np.cumprod([item, *interface["shape"][:0:-1]])[::-1].tolist())
        if interface.get("strides") not in (None, packed):
            raise SettingsError("a picture in GPU memory must be contiguous; make a contiguous copy of it")
        if interface["typestr"] not in ("|u1", "<u2"):
            raise SettingsError(
                f"a picture in GPU memory must be uint8 or uint16, not {interface['typestr']}"
            )
        shape = list(interface["shape"])
        return self._runtime.native.Array(interface["data"][0], shape, None, interface["typestr"], part)

    def _copy(self, source: Any, reader: Reader) -> Any:
        shape, kind = tuple(source.shape), source.typestr
        made = self._runtime.empty(shape, kind, self._stream, kind="lent", reader=reader)
        size = int(np.prod(source.shape)) * np.dtype(source.typestr).itemsize
        self._runtime.copy(made, source, size, self._stream)
        return made

    def _plane(self, shown: Any, made: tuple[Any, ...], owner: OnDevice) -> DevicePlane:
        interface = shown.__array_interface__
        strides = list(shown.strides)
        array = self._runtime.native.Array(
            interface["data"][0], list(shown.shape), strides, shown.dtype.str, made
        )
        return DevicePlane(array, self._look, owner)


def _stream_of(part: Any) -> int:
    """What an array says of the stream that it was made on."""
    interface = getattr(part, "__cuda_array_interface__", None) or {}
    return int(interface.get("stream") or LEGACY_STREAM)


def _format(layout: str, types: set[str]) -> str:
    if len(types) != 1:
        raise SettingsError(
            f"the planes of a picture must share their type, these are {', '.join(sorted(types))}"
        )
    dtype = np.dtype(next(iter(types)))
    name = layouts.format_of(layout, str(dtype))
    if pixel_format(name).dtype != dtype:
        raise SettingsError(f"a picture in {layout} must be {pixel_format(name).dtype}, not {dtype}")
    return name


def _reader(stream: int) -> Reader:
    """A caller's stream as what tells it from all others; see `runtime.Reader`."""
    if stream == NO_STREAM:
        return None
    if stream == _PER_THREAD:
        return stream, threading.get_ident()
    return _same(stream)[:1]


def _same(stream: int) -> tuple[int, ...]:
    """A stream's numbers: the legacy default stream has two, CUDA's 0 and DLPack's 1."""
    return (LEGACY_STREAM, 1) if stream in (LEGACY_STREAM, 1) else (stream,)
