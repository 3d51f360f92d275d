"""Where a render's pixels live: the one place that chooses between the CPU and a GPU.

A device takes the frames that a reader gives, says what looks for faces in them and what swaps them, and gives back
frames that a writer takes. On the CPU all of that is what there is anyway.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from fastswap.device.choice import Wish, names_of, open_gpu, parse
from fastswap.errors import SettingsError
from fastswap.frame import Frame
from fastswap.look import Look
from fastswap.swap import FaceSwap

if TYPE_CHECKING:
    from fastswap.detect import Detector, Mesh
    from fastswap.device.pictures import Pictures
    from fastswap.video.nvidia import Landing

ENGINES = ("auto", "openvino", "tensorrt", "torch")
CPU_BATCH, GPU_BATCH = 4, 16
"""Faces in one run of the network where the user does not say; `fastswap bench render` shows what others give."""
_MOST_STREAMS = 4
"""Batches at once in the CPU's networks: threads that share a batch wait for each other, batches side by side do not,
but each holds frames in memory."""


class Device(Protocol):
    """What renders. name: for the report. batch: faces in one run when nothing is asked. notices: what to tell.

    landing: takes frames that the GPU decodes, None on the CPU. gpu: index of the GPU that may encode. pictures: takes
    those that other programs have in the GPU's memory.
    """

    name: str
    batch: int
    notices: list[str]
    landing: Landing | None
    gpu: int | None
    pictures: Pictures | None

    def models(self) -> tuple[Detector, Mesh] | None:
        """Detector and mesh for its frames, None for the usual ones. For one thread."""
        ...

    def arrive(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        """Decoded frames, where the device works on them."""
        ...

    def leave(self, frames: Iterable[Frame], *, direct: bool = False) -> Iterator[Frame]:
        """Finished frames, where a writer takes them. direct: its encoder reads the device's memory."""
        ...

    def swap(self, model: Path, *, look: Look, batch: int, threads: int, flowing: bool = True) -> FaceSwap:
        """The swap of one model. flowing: batch follows batch; else each is waited for, and should be done soon."""
        ...

    def close(self) -> None:
        """Frees the device; its swaps are closed before it."""
        ...


class CpuDevice:
    """See `Device`. engine: "openvino" or "torch"."""

    def __init__(self, engine: str = "openvino") -> None:
        self.name, self.batch, self.notices = "cpu", CPU_BATCH, list[str]()
        self._engine = engine
        self.landing: Landing | None = None
        self.gpu: int | None = None
        self.pictures: Pictures | None = None

    def models(self) -> tuple[Detector, Mesh] | None:
        """The usual ones."""
        return None

    def arrive(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        """As they are."""
        return iter(frames)

    def leave(self, frames: Iterable[Frame], *, direct: bool = False) -> Iterator[Frame]:
        """As they are."""
        return iter(frames)

    def swap(self, model: Path, *, look: Look, batch: int, threads: int, flowing: bool = True) -> FaceSwap:
        """See `Device`."""
        streams = min(_MOST_STREAMS, threads or os.cpu_count() or 1) if flowing else 1
        return FaceSwap(model, look=look, batch=batch, threads=threads, streams=streams, engine=self._engine)

    def close(self) -> None:
        """Nothing to free."""


def open_device(name: str = "auto", engine: str = "auto") -> Device:
    """The device of a name: "auto", "cpu", "cuda" or "cuda:N"; of a list of GPUs the first.

    engine: "auto", "openvino" (CPU alone), "tensorrt" (GPU alone) or "torch". Raises SettingsError for unknown names
    and pairs that do not go together, DeviceError for a GPU that was asked for by name and cannot be used. For "auto"
    the CPU takes over, with a notice where somebody may have expected a GPU to be used.
    """
    if engine not in ENGINES:
        raise SettingsError(f"engine is {engine!r}; choose one of {', '.join(ENGINES)}")
    wish = parse(names_of(name)[0])  # the others are for other processes
    if engine == "tensorrt" and wish.kind == "cpu":
        raise SettingsError("engine tensorrt runs on an NVIDIA GPU; use --device cuda")
    if engine == "openvino" and wish.kind == "cuda":
        raise SettingsError("engine openvino runs on the CPU; use --device cpu")
    if engine in ("openvino", "tensorrt") and wish.kind == "auto":
        wish = Wish("cpu" if engine == "openvino" else "cuda")
    notices: list[str] = []
    runtime = open_gpu(wish, notices)
    if runtime is None:
        cpu = CpuDevice("torch" if engine == "torch" else "openvino")
        cpu.notices += notices
        return cpu
    from fastswap.device.gpu import GpuDevice

    return GpuDevice(runtime, engine)  # type: ignore[arg-type]
