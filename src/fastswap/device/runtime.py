"""What the GPU path asks of its run time: streams, events, memory, copies. `cuda.py` has it from PyCUDA.

Handing over work: whoever fills memory on a stream gives an event with it, and whoever reads it makes his own stream
wait for that event first. The host waits only where a number is needed (landmarks) or a frame leaves the GPU.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from types import ModuleType
from typing import Any, Literal, Protocol

from numpy.typing import NDArray

from fastswap.engines.exhausted import is_exhausted
from fastswap.errors import DeviceError

Kind = Literal["own", "frame", "lent", "spilled"]
Reader = tuple[int, ...] | None
"""The stream of others on which lent memory is read: its number, and the thread's for the stream that each thread has
of its own. None is not known."""


class Event(Protocol):
    """A place in a stream's work."""

    def synchronize(self) -> None:
        """Blocks the calling thread until the work before it is done."""
        ...


class Stream(Protocol):
    """Work that runs in order. handle: the raw CUstream. native: the `_cuda.Stream` over it, with scratch memory."""

    @property
    def handle(self) -> int: ...
    @property
    def native(self) -> Any: ...
    def record(self) -> Event:
        """An event after all that has been queued so far."""
        ...

    def wait(self, event: Event | None) -> None:
        """What is queued from now on runs after the event. None is no condition."""
        ...

    def synchronize(self) -> None:
        """Blocks the calling thread until all is done."""
        ...


class Runtime(Protocol):
    """One GPU. Calls are made inside `current()`, which any thread may enter, and leave before it ends.

    native: the `_cuda` module. index: of the device. name, capability ("9.0"), driver ("13.0"): what it is.
    torch_device: torch's name for it. recording: held by whoever records a CUDA graph or waits for the whole device,
    since CUDA refuses the second while the first goes on in another thread.
    """

    native: ModuleType
    index: int
    name: str
    capability: str
    driver: str
    torch_device: str

    @property
    def recording(self) -> AbstractContextManager[Any]: ...
    def current(self) -> AbstractContextManager[None]:
        """Makes the device's primary context the thread's own, for as long as the block lasts."""
        ...

    def stream(self) -> Stream:
        """A new stream, independent of the default one."""
        ...

    def default_event(self) -> Event:
        """An event after all that has been queued in the legacy default stream, which FFmpeg's decoder uses."""
        ...

    def empty(
        self,
        shape: tuple[int, ...],
        typestr: str,
        stream: Stream,
        *,
        kind: Kind = "own",
        reader: Reader = None,
    ) -> Any:
        """Device memory for use on `stream`, a `_cuda.Array` from the pool. It returns there when it is dropped.

        kind: "frame" leaves some memory to what cannot be spilled. "lent" memory leaves for other libraries; they may
        drop it while work of theirs still reads it, so it is used again only for another picture of the same `reader`,
        whose stream ours waits for; after one that is not known, when all work on the device is done. "spilled" is
        page-locked host memory, which kernels read and write across the bus. Raises MemoryError when there is no more.
        """
        ...

    def lend(self, array: Any, reader: Reader) -> None:
        """Tells that another stream than before reads lent memory from now on."""
        ...

    def trim(self) -> bool:
        """Frees what nobody uses of the pool's device memory, for libraries that allocate by themselves.

        True when there was any. Waits for all work on the device.
        """
        ...

    def release(self, array: Any, after: Event | None) -> None:
        """Tells that work on a pooled array ends at `after`, or has ended: its memory is free again then."""
        ...

    def pinned(self, shape: tuple[int, ...], dtype: Any) -> NDArray[Any]:
        """Page-locked host memory, uninitialised."""
        ...

    def upload(self, array: Any, data: NDArray[Any], stream: Stream) -> None:
        """Queues a copy from page-locked memory; both are contiguous and of one size."""
        ...

    def download(self, data: NDArray[Any], array: Any, stream: Stream) -> None:
        """Queues a copy of rows into page-locked memory [rows, columns...]; the array's rows may be apart."""
        ...

    def copy(self, to: Any, of: Any, size: int, stream: Stream) -> None:
        """Queues a copy of `size` bytes within the device."""
        ...

    def memory(self) -> tuple[int, int]:
        """Free and total bytes of the device."""
        ...

    def close(self) -> None:
        """Frees all that this run time made. The device's context stays with the others that use it."""
        ...


@contextmanager
def device_errors(name: str) -> Iterator[None]:
    """Turns what a GPU that fails or goes away makes of a call into DeviceError, one line with the call.

    Memory that is not there becomes MemoryError.
    """
    try:
        yield
    except RuntimeError as error:
        words = (str(error).strip().splitlines() or ["no reason given"])[0]
        if is_exhausted(error):
            raise MemoryError(f"{name}: {words}") from error
        if "cuda" not in words.lower():
            raise
        raise DeviceError(f"{name}: the GPU failed: {words}") from error
