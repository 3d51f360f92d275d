"""Networks on a GPU: what the TensorRT and the torch engine have in common.

A network owns its inputs and outputs, in a few slots: while one batch is computed in a slot, the next is cropped into
another. Fixed memory and a few fixed batch sizes are also what a CUDA graph needs, which makes a run one launch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from fastswap.errors import DeviceError
from fastswap.model import MASK, SWAP

if TYPE_CHECKING:
    from fastswap.device.runtime import Runtime, Stream

T = TypeVar("T")

SLOTS = 1
"""Batches in the network at once. The GPU pipeline copies a batch in and out (microseconds), so one is enough."""


class DeviceNetwork(Protocol):
    """A network ready to run on a device.

    name: engine and version. precision: "f16", "bf16" or "f32". sizes: batch sizes that are prepared, ascending; a
    batch in between runs as the next larger one. outputs: names, in the file's order. notices: what a user should know.
    """

    name: str
    precision: str
    sizes: tuple[int, ...]
    outputs: tuple[str, ...]
    notices: list[str]

    def taken(self, slot: int, count: int) -> Any:
        """The input's first `count` pictures, float32 [count, C, H, W]: a device array to be written to."""
        ...

    def given(self, slot: int, name: str, count: int) -> Any:
        """The first `count` results of an output, a float32 device array."""
        ...

    def run(self, slot: int, count: int, stream: Stream) -> None:
        """Queues the network over the slot's first `count` pictures.

        Raises DeviceError when the device refuses, MemoryError when it has no room to prepare this size.
        """
        ...

    def close(self) -> None:
        """Frees the network; nothing of it may be under way."""
        ...


def batch_sizes(batch: int) -> tuple[int, ...]:
    """Powers of two up to a batch, and the batch: at most half of a run is padding."""
    return tuple(sorted({1 << power for power in range(batch.bit_length()) if 1 << power <= batch} | {batch}))


def padded(count: int, sizes: tuple[int, ...]) -> int:
    """The smallest prepared size that holds `count` pictures."""
    return next(size for size in sizes if size >= count)


def smaller(name: str, size: int, asked: int) -> str:
    """What to tell of a batch that was halved."""
    return f"{name}: batches of {size} instead of {asked}: the GPU's memory has no room for more"


def too_small(name: str, error: MemoryError) -> DeviceError:
    """What to raise when halving came to an end."""
    return DeviceError(f"{name}: the GPU's memory is too small even for one face ({error})")


def halving(
    batch: int, work: Callable[[int], T], notices: list[str], name: str, trim: Callable[[], bool]
) -> T:
    """Does `work` with a batch that the GPU's memory has room for: the one asked for, or half, a quarter, ... of it.

    trim: frees memory that lies about, see `runtime.Runtime`; tried before the batch is halved.
    """
    size, trimmed = batch, False
    while True:
        try:
            made = work(size)
        except MemoryError as error:
            if not trimmed and trim():
                trimmed = True
                continue
            if size == 1:
                raise too_small(name, error) from error
            size //= 2
            continue
        if size != batch:
            notices.append(smaller(name, size, batch))
        return made


def run_with_room(network: DeviceNetwork, count: int, stream: Stream) -> None:
    """Runs the network over `count` pictures in its slot.

    A size that is met for the first time takes memory. Where there is none the largest size runs, which was prepared
    when the network was opened; what it makes of the places beyond `count` is of no matter.
    """
    try:
        network.run(0, count, stream)
    except MemoryError:
        network.run(0, network.sizes[-1], stream)


class GeneratorEngine:
    """A generator on a GPU; see `engines.Engine`. `network` is what the GPU pipeline uses directly."""

    def __init__(self, network: DeviceNetwork, runtime: Runtime) -> None:
        self.network, self._runtime = network, runtime
        self.name, self.precision, self.batch = network.name, network.precision, network.sizes[-1]
        self.device = f"cuda:{runtime.index} ({runtime.name})"
        self.streams = 1
        self._stream: Stream | None = runtime.stream()

    def infer(self, faces: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Runs crops that lie in host memory, any number of them. See `engines.Engine`."""
        results = run_on_host(self.network, faces, self._runtime, self._opened())
        return results[SWAP], results[MASK][:, 0]

    def _opened(self) -> Stream:
        if self._stream is None:
            raise DeviceError("this engine is closed")
        return self._stream

    def close(self) -> None:
        """Frees the network; using the engine afterwards raises DeviceError."""
        if self._stream is not None:
            self._stream.synchronize()
            self._stream = None
            self.network.close()


def run_on_host(
    network: DeviceNetwork, pictures: NDArray[np.float32], runtime: Runtime, stream: Stream
) -> dict[str, NDArray[np.float32]]:
    """All outputs for pictures [N, C, H, W] in host memory, by name; waits for them."""
    found: dict[str, list[NDArray[np.float32]]] = {name: [] for name in network.outputs}
    most = network.sizes[-1]
    with runtime.current():
        for start in range(0, len(pictures), most):
            part = np.ascontiguousarray(pictures[start : start + most], np.float32)
            network.taken(0, len(part)).upload(part, stream.native)
            run_with_room(network, len(part), stream)
            for name, results in found.items():
                results.append(network.given(0, name, len(part)).download(stream.native))
    return {name: np.concatenate(results) for name, results in found.items()}
