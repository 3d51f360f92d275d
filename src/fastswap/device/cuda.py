"""The run time of one GPU by PyCUDA, the only importer of it.

It works in the device's primary context, which FFmpeg, torch and the CUDA run time library share. PyCUDA frees its
objects only in a thread where their context is current, and ends the process when a thread dies with one pushed: so
`current()` is entered for single pieces of work, objects are kept in pools here, and `close` frees them.
"""

from __future__ import annotations

import atexit
import gc
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from types import ModuleType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from fastswap.device.pool import Pool
from fastswap.device.runtime import Kind, Reader, device_errors
from fastswap.errors import DeviceError

_NON_BLOCKING: Final = 1  # CU_STREAM_NON_BLOCKING: not ordered with the legacy default stream
_DISABLE_TIMING: Final = 2  # CU_EVENT_DISABLE_TIMING
_BLOCKING_SYNC: Final = 1  # CU_EVENT_BLOCKING_SYNC: a waiting thread sleeps


class CudaEvent:
    """See `runtime.Event`. Its PyCUDA event goes back to the pool when it is dropped."""

    __slots__ = ("__weakref__", "event", "runtime")

    def __init__(self, runtime: CudaRuntime, event: Any) -> None:
        self.runtime, self.event = runtime, event
        weakref.finalize(self, runtime.events.append, event).atexit = False  # no CUDA call happens here

    def synchronize(self) -> None:
        """See `runtime.Event`."""
        with self.runtime.current():
            self.event.synchronize()


class CudaStream:
    """See `runtime.Stream`."""

    def __init__(self, runtime: CudaRuntime, stream: Any) -> None:
        self._runtime, self._stream = runtime, stream
        self.handle = int(stream.handle)
        self.native: Any = runtime.native.Stream(self.handle, runtime.index)

    def close(self) -> None:
        """Frees the stream, in the thread that closes the run time."""
        self.native = self._stream = None

    @property
    def pycuda(self) -> Any:
        """PyCUDA's own stream."""
        return self._stream

    def record(self) -> CudaEvent:
        """See `runtime.Stream`."""
        return self._runtime.event(self._stream)

    def wait(self, event: Any) -> None:
        """See `runtime.Stream`."""
        if event is not None:
            self._stream.wait_for_event(event.event)

    def synchronize(self) -> None:
        """See `runtime.Stream`."""
        with self._runtime.current():
            self._stream.synchronize()


class CudaRuntime:
    """See `runtime.Runtime`. Raises DeviceError, one line, when the device cannot be used."""

    def __init__(self, index: int, native: ModuleType) -> None:
        self._driver = _driver()
        self.native, self.index = native, index
        self.torch_device = f"cuda:{index}"
        try:
            self._driver.init()
            device = self._driver.Device(index)
            self.name = str(device.name())
            self.capability = ".".join(str(part) for part in device.compute_capability())
            self._context = _context(device, index)
        except self._driver.Error as error:
            raise DeviceError(f"cuda:{index}: {first_line(error)}") from error
        version = int(self._driver.get_driver_version())
        self.driver = f"{version // 1000}.{version % 1000 // 10}"
        self.events: list[Any] = []
        self._streams: list[CudaStream] = []
        self.recording = threading.RLock()
        self._pool = Pool(self._driver, index, self.recording)
        self._pinned: list[Any] = []
        self._closed = False

    @contextmanager
    def current(self) -> Iterator[None]:
        """See `runtime.Runtime`."""
        name = f"cuda:{self.index} ({self.name})"
        try:
            self._context.push()
            with device_errors(name):
                yield
        except self._driver.MemoryError as error:
            raise MemoryError(f"{name}: GPU memory is exhausted") from error
        except self._driver.Error as error:
            raise DeviceError(f"{name}: the GPU failed: {first_line(error)}") from error
        finally:
            with suppress(self._driver.Error):  # of a device that is gone
                self._context.pop()

    def stream(self) -> CudaStream:
        """See `runtime.Runtime`."""
        with self.current():
            made = CudaStream(self, self._driver.Stream(_NON_BLOCKING))
        self._streams.append(made)
        return made

    def event(self, stream: Any) -> CudaEvent:
        """An event recorded in a PyCUDA stream; None is the legacy default stream."""
        with self.current():
            try:
                event = self.events.pop()
            except IndexError:
                event = self._driver.Event(_DISABLE_TIMING | _BLOCKING_SYNC)
            event.record(stream)
        return CudaEvent(self, event)

    def default_event(self) -> CudaEvent:
        """See `runtime.Runtime`."""
        return self.event(None)

    def empty(
        self,
        shape: tuple[int, ...],
        typestr: str,
        stream: Any,
        *,
        kind: Kind = "own",
        reader: Reader = None,
    ) -> Any:
        """See `runtime.Runtime`."""
        size = int(np.prod(shape, dtype=np.int64)) * np.dtype(typestr).itemsize
        with self.current():
            block = self._pool.take(size, stream, kind, reader)
        return self.native.Array(block.pointer, list(shape), None, typestr, block)

    def trim(self) -> bool:
        """See `runtime.Runtime`."""
        with self.current():
            return self._pool.trim()

    def release(self, array: Any, after: Any) -> None:
        """See `runtime.Runtime`."""
        self._pool.release(_pointer(array), after)

    def lend(self, array: Any, reader: Reader) -> None:
        """See `runtime.Runtime`."""
        self._pool.lend(_pointer(array), reader)

    def pinned(self, shape: tuple[int, ...], dtype: Any) -> NDArray[Any]:
        """See `runtime.Runtime`."""
        with self.current():
            made: NDArray[Any] = self._driver.pagelocked_empty(shape, dtype)
        self._pinned.append(made.base)  # freed by `close`, in a thread that may
        return made

    def upload(self, array: Any, data: NDArray[Any], stream: Any) -> None:
        """See `runtime.Runtime`."""
        self._driver.memcpy_htod_async(_pointer(array), data, stream.pycuda)

    def download(self, data: NDArray[Any], array: Any, stream: Any) -> None:
        """See `runtime.Runtime`."""
        strides = array.__cuda_array_interface__["strides"]
        if strides is None:
            self._driver.memcpy_dtoh_async(data, _pointer(array), stream.pycuda)
            return
        copy = self._driver.Memcpy2D()
        copy.set_src_device(_pointer(array))
        copy.set_dst_host(data)
        copy.src_pitch = strides[0]
        copy.dst_pitch = copy.width_in_bytes = data.nbytes // data.shape[0]
        copy.height = data.shape[0]
        copy(stream.pycuda)

    def copy(self, to: Any, of: Any, size: int, stream: Any) -> None:
        """See `runtime.Runtime`."""
        self._driver.memcpy_dtod_async(_pointer(to), _pointer(of), size, stream.pycuda)

    def memory(self) -> tuple[int, int]:
        """See `runtime.Runtime`."""
        with self.current():
            free, total = self._driver.mem_get_info()
        return int(free), int(total)

    def close(self) -> None:
        """See `runtime.Runtime`."""
        if self._closed:
            return
        self._closed = True
        with self.current():
            self._pool.wait_for_all()
            for stream in self._streams:
                stream.close()
            self._streams.clear()
            self._pool.clear()
            self._pinned.clear()
            self.events.clear()  # last: the others held some


_contexts: dict[int, Any] = {}
"""Primary contexts, each retained once for the life of the process."""


def _context(device: Any, index: int) -> Any:
    if not _contexts:
        atexit.register(_release_contexts)
    if index not in _contexts:
        _contexts[index] = device.retain_primary_context()
    return _contexts[index]


def _release_contexts() -> None:
    """Releases them as PyCUDA's own destructor does not: it would detach what was retained."""
    gc.collect()
    while _contexts:
        _, context = _contexts.popitem()
        context.push()
        context.detach()


def _pointer(array: Any) -> int:
    return int(array.__cuda_array_interface__["data"][0])


def _driver() -> Any:
    """PyCUDA's driver module; DeviceError, one line, where it cannot be imported."""
    try:
        return import_module("pycuda.driver")
    except ImportError as error:
        if isinstance(error, ModuleNotFoundError) and (error.name or "").startswith("pycuda"):
            raise DeviceError("PyCUDA is not installed: pip install 'fastswap[cuda]'") from error
        raise DeviceError(f"PyCUDA cannot be used: {first_line(error)}") from error


def first_line(error: BaseException) -> str:
    """An error's own words, in one line."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
