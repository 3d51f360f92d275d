"""A run time for the GPU path without a GPU: memory is the host's, kernels are the emulated ones, work runs at once.

It holds what a GPU would not forgive: calls outside `current()`, memory read on a stream that has not waited for the
one that wrote it, memory given back while a stream still works on it. Each is an error of the test that causes it.
"""

from __future__ import annotations

import itertools
import os
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

import emulated
from fastswap.device.pool import Pool
from fastswap.device.runtime import Reader, device_errors

Clock = dict[int, int]
"""For each stream, how much of its work is known to be over."""


class Unordered(AssertionError):
    """Work that a GPU could run before what it depends on."""


class HostEvent:
    """See `device.runtime.Event`."""

    def __init__(self, runtime: HostRuntime, clock: Clock) -> None:
        self.runtime, self.clock = runtime, clock

    def synchronize(self) -> None:
        self.runtime.host_knows(self.clock)


class HostStream:
    """See `device.runtime.Stream`."""

    numbers = itertools.count(1000)  # below are streams of others

    def __init__(self, runtime: HostRuntime, handle: int | None = None) -> None:
        self.handle = next(self.numbers) if handle is None else handle
        self.runtime = runtime
        self.clock: Clock = {}
        self.done = 0
        self.native = runtime.module.Stream(self.handle)
        runtime.streams[self.handle] = self

    def begin(self) -> Clock:
        """One more piece of work; what is over when it runs."""
        for stream, count in self.runtime.known.items():  # the host queued it knowing this
            self.clock[stream] = max(self.clock.get(stream, 0), count)
        self.done += 1
        self.clock[self.handle] = self.done
        return self.clock

    def record(self) -> HostEvent:
        self.runtime.check_current()
        return HostEvent(self.runtime, dict(self.begin()))

    def wait(self, event: HostEvent | None) -> None:
        self.runtime.check_current()
        for stream, count in (event.clock if event else {}).items():
            self.clock[stream] = max(self.clock.get(stream, 0), count)

    def synchronize(self) -> None:
        self.runtime.host_knows(dict(self.begin()))


class HostRuntime:
    """See `device.runtime.Runtime`."""

    def __init__(self, module: ModuleType) -> None:
        self.module = module
        self.index, self.name, self.capability, self.driver = 0, "emulated", "9.0", "13.0"
        self.torch_device = "cpu"
        self.recording = threading.RLock()
        self.streams: dict[int, HostStream] = {}
        self.known: Clock = {}
        self.depth = threading.local()
        self.writes: dict[
            int, tuple[int, int, int, Clock]
        ] = {}  # by address: size, writer, its time, readers
        self.lock = threading.Lock()
        self.native: Any = _Checked(self)
        self.left: int | None = None  # bytes of memory; None is no limit
        self.reserve = 0  # what frames leave of it
        self.spilled: list[int] = []  # sizes of what went to host memory
        self.trimmed = 0
        self.pool = Pool(_Driver(self), 0, self.recording)  # of memory that is lent
        self.kept: list[Any] = []  # what a test wants to outlive
        self.told: set[int] = set()
        self.untold: list[tuple[int, ...]] = []  # shapes dropped by somebody who did not say when he was done

    @contextmanager
    def current(self) -> Iterator[None]:
        self.depth.value = getattr(self.depth, "value", 0) + 1
        try:
            with device_errors("cuda:0 (emulated)"):
                yield
        finally:
            self.depth.value -= 1

    def check_current(self) -> None:
        """Raises when the calling thread has not entered `current()`."""
        assert getattr(self.depth, "value", 0) > 0, "a call outside current()"

    def host_knows(self, clock: Clock) -> None:
        """The host has waited for this."""
        with self.lock:
            for stream, count in clock.items():
                self.known[stream] = max(self.known.get(stream, 0), count)

    def stream(self) -> HostStream:
        return HostStream(self)

    def other(self, handle: int) -> HostStream:
        """A stream of another library's; 0 and 1 are the default one."""
        handle = 0 if handle == 1 else handle
        return self.streams.get(handle) or HostStream(self, handle)

    def wait_for_all(self) -> None:
        """The host waits for all work, that of others too."""
        for stream in list(self.streams.values()):
            stream.synchronize()

    def default_event(self) -> HostEvent:
        self.check_current()
        return HostEvent(self, {})

    def empty(
        self,
        shape: tuple[int, ...],
        typestr: str,
        stream: HostStream,
        *,
        kind: str = "own",
        reader: Reader = None,
    ) -> Any:
        self.check_current()
        if kind == "lent":
            size = int(np.prod(shape)) * np.dtype(typestr).itemsize
            block = self.pool.take(size, stream, kind, reader)
            return self.native.Array(block.pointer, list(shape), None, typestr, block)
        memory = np.full(shape, 0xA5 if np.dtype(typestr).kind == "u" else np.nan, typestr)
        if kind == "spilled":
            self.spilled.append(memory.nbytes)
        elif self.left is not None:
            if memory.nbytes > self.left - (self.reserve if kind == "frame" else 0):
                raise MemoryError("GPU memory is exhausted: emulated")
            self.left -= memory.nbytes
            weakref.finalize(memory, self._freed, memory.nbytes)
        with self.lock:  # where others' memory was
            self.writes.pop(memory.ctypes.data, None)
        self.told.discard(memory.ctypes.data)
        weakref.finalize(memory, self._dropped, memory.ctypes.data, shape)
        return self.native.Array(memory.ctypes.data, list(shape), None, typestr, memory)

    def _freed(self, size: int) -> None:
        assert self.left is not None
        self.left += size

    def _dropped(self, address: int, shape: tuple[int, ...]) -> None:
        if address not in self.told:  # whoever takes the memory next has to wait for all of the device
            self.untold.append(shape)

    def trim(self) -> bool:
        self.trimmed += 1
        return False

    def release(self, array: Any, after: HostEvent | None) -> None:
        assert after is None or isinstance(after, HostEvent)
        self.told.add(array.__cuda_array_interface__["data"][0])
        self.pool.release(array.__cuda_array_interface__["data"][0], after)

    def lend(self, array: Any, reader: Reader) -> None:
        self.pool.lend(array.__cuda_array_interface__["data"][0], reader)

    def pinned(self, shape: tuple[int, ...], dtype: Any) -> NDArray[Any]:
        return np.zeros(shape, dtype)

    def upload(self, array: Any, data: NDArray[Any], stream: HostStream) -> None:
        self.check_current()
        self.touch(stream, written=[array])
        _host(array)[...] = data

    def download(self, data: NDArray[Any], array: Any, stream: HostStream) -> None:
        self.check_current()
        self.touch(stream, read=[array])
        view = _host(array)
        data.reshape(-1)[...] = np.ascontiguousarray(view).reshape(-1).view(data.dtype)

    def copy(self, to: Any, of: Any, size: int, stream: HostStream) -> None:
        self.check_current()
        self.touch(stream, read=[of], written=[to])
        source, target = (np.ascontiguousarray(_host(x)) if x is of else _host(x) for x in (of, to))
        assert source.nbytes == target.nbytes == size
        target[...] = source.reshape(target.shape)

    def memory(self) -> tuple[int, int]:
        return 1 << 33, 1 << 34

    def close(self) -> None:
        self.streams.clear()

    # --- who wrote what ---

    def touch(self, stream: HostStream, read: Any = (), written: Any = ()) -> None:
        """Notes one piece of work; raises Unordered when something it touches may still be worked on elsewhere."""
        with self.lock:
            clock = stream.begin()
            for array, writes in [*((a, False) for a in read), *((a, True) for a in written)]:
                for address in self._rows(array):
                    size, by, when, readers = self.writes.get(address, (0, 0, 0, {}))
                    if by and clock.get(by, 0) < when:
                        raise Unordered(
                            f"stream {stream.handle} runs before stream {by} has written {array.shape}"
                        )
                    if writes:
                        late = [s for s, at in readers.items() if clock.get(s, 0) < at]
                        if late:
                            raise Unordered(
                                f"stream {stream.handle} writes {array.shape} while {late} read it"
                            )
                        self.writes[address] = (size, stream.handle, clock[stream.handle], {})
                    else:
                        readers = {**readers, stream.handle: clock[stream.handle]}
                        self.writes[address] = (size, by, when, readers)

    @staticmethod
    def _rows(array: Any) -> list[int]:
        """What stands for an array: the page that it begins in, so that views of one block are one."""
        return [int(array.__cuda_array_interface__["data"][0])]


class _Memory:
    """Memory of the "device" for the pool; its address is its number."""

    def __init__(self, size: int) -> None:
        self.bytes = np.full(size, 0xA5, np.uint8)

    def __int__(self) -> int:
        return int(self.bytes.ctypes.data)


class _Driver:
    """What the pool asks of PyCUDA's driver module."""

    MemoryError = MemoryError

    def __init__(self, runtime: HostRuntime) -> None:
        self.mem_alloc = _Memory
        self.Context = SimpleNamespace(synchronize=runtime.wait_for_all)


class _Checked:
    """The emulated module, its operations noted. Arrays and streams are the module's own."""

    def __init__(self, runtime: HostRuntime) -> None:
        self._runtime, self._module = runtime, runtime.module

        class Array(runtime.module.Array):  # type: ignore[misc,name-defined]
            """An array whose `download` tells the run time that the host has waited."""

            def download(self, stream: Any) -> Any:
                runtime.streams[stream.handle].synchronize()
                return super().download(stream)

        self.Array = Array
        self.ordered: list[tuple[int, int]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)

    def crop(self, pictures: Any, maps: Any, out: Any, border: str, stream: Any) -> None:
        planes = [plane for picture in pictures for plane in picture[:3]]
        self._note(stream, _blocks(planes), [out])
        self._module.crop(pictures, maps, out, border, stream)

    def order(self, first: int, then: int) -> None:
        self._runtime.check_current()
        self.ordered.append((first, then))
        self._runtime.other(then).wait(self._runtime.other(first).record())

    def mask(self, outlines: Any, generated: Any, mattes: Any, *rest: Any) -> None:
        *_, out, stream = rest
        self._note(stream, [array for array in (generated, mattes) if array is not None], [out])
        self._module.mask(outlines, generated, mattes, *rest)

    def color_statistics(
        self, faces: Any, targets: Any, masks: Any, mode: str, out: Any, stream: Any
    ) -> None:
        self._note(stream, [faces, targets, masks], [out])
        self._module.color_statistics(faces, targets, masks, mode, out, stream)

    def detail_statistics(self, pictures: Any, masks: Any, out: Any, stream: Any) -> None:
        self._note(stream, [pictures, masks], [out])
        self._module.detail_statistics(pictures, masks, out, stream)

    def noise_statistics(self, pictures: Any, maps: Any, masks: Any, out: Any, stream: Any) -> None:
        planes = _blocks([plane for picture in pictures for plane in picture[:3]])
        self._note(stream, [*planes, masks], [out])
        self._module.noise_statistics(pictures, maps, masks, out, stream)

    def sharpen(self, pictures: Any, gains: Any, out: Any, stream: Any) -> None:
        self._note(stream, [pictures], [out])
        self._module.sharpen(pictures, gains, out, stream)

    def motion_blur(self, faces: Any, masks: Any, motions: Any, out: Any, stream: Any) -> None:
        self._note(stream, [faces, masks], [out])
        self._module.motion_blur(faces, masks, motions, out, stream)

    def _note(self, stream: Any, read: list[Any], written: list[Any]) -> None:
        self._runtime.check_current()
        self._runtime.touch(self._runtime.streams[stream.handle], read=read, written=written)

    def composite(self, pictures: Any, maps: Any, targets: Any, faces: Any, *rest: Any) -> None:
        arrays = [a for a in (targets, faces, *rest[:-1]) if hasattr(a, "__cuda_array_interface__")]
        self._note(rest[-1], arrays, _blocks([plane for picture in pictures for plane in picture[:3]]))
        self._module.composite(pictures, maps, targets, faces, *rest)


def _blocks(planes: list[Any]) -> list[Any]:
    """Each plane once, by where it begins."""
    return list({plane.__cuda_array_interface__["data"][0]: plane for plane in planes}.values())


def _host(array: Any) -> NDArray[Any]:
    """A NumPy view of an array in "device" memory."""
    interface = dict(array.__cuda_array_interface__)
    interface["data"] = (interface["data"][0], False)
    interface.pop("stream", None)
    return np.asarray(SimpleNamespace(__array_interface__={**interface, "version": 3}))


@cache
def module() -> ModuleType:
    """The emulated `_cuda`, built once; FASTSWAP_CUDA_EMULATED names one that is there already."""
    there = os.environ.get("FASTSWAP_CUDA_EMULATED")
    return emulated.load(Path(there) if there else emulated.build(sanitize=False))
