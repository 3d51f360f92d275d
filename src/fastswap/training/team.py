"""The other processes of a training: one for each GPU, or several on the CPU."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Sequence
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import TracebackType

import torch

from fastswap.errors import DeviceError, FastswapError
from fastswap.training.parallel import ALONE, World, free_port, join, leave
from fastswap.training.settings import TrainSettings

_SURE_S = 2.0


class Team:
    """Starts the other processes of a training; this one is the first of them. Alone it does nothing.

    Raises DeviceError when there are fewer GPUs than processes.
    """

    def __init__(
        self,
        source: Sequence[Path],
        target: Sequence[Path],
        out: Path,
        settings: TrainSettings,
        device: torch.device,
    ) -> None:
        self.settings, self.device = settings, device
        self._world = ALONE
        self._others: list[BaseProcess] = []
        self._arguments = (list(source), list(target), out, settings)
        count = torch.cuda.device_count() if device.type == "cuda" else settings.processes
        if settings.processes > count:
            raise DeviceError(f"--processes {settings.processes}: torch sees {count} CUDA devices")

    def __enter__(self) -> World:
        size = self.settings.processes
        if size == 1:
            return self._world
        port = free_port()
        context = multiprocessing.get_context("spawn")
        for rank in range(1, size):
            arguments = (rank, size, port, device_of(self.device, rank), torch.get_num_threads())
            process = context.Process(target=_work, args=(*arguments, *self._arguments), daemon=True)
            process.start()
            self._others.append(process)
        self._world = join(0, size, port, device_of(self.device, 0))
        return self._world

    def lost(self) -> str | None:
        """Words about a process that ended before its time; None where all work."""
        for rank, process in enumerate(self._others, 1):
            process.join(_SURE_S)  # one that is about to end closes its connections first
            if process.exitcode:
                how = f"was killed (signal {-process.exitcode})" if process.exitcode < 0 else "failed"
                return f"process {rank} of the training {how}"
        return None

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._others:
            if value is not None:
                process.terminate()
            process.join(30)
        leave(self._world)


def device_of(device: torch.device, rank: int) -> torch.device:
    """The device of a process."""
    return torch.device(device.type, rank) if device.type == "cuda" else device


def _work(
    rank: int,
    size: int,
    port: int,
    device: torch.device,
    threads: int,
    source: list[Path],
    target: list[Path],
    out: Path,
    settings: TrainSettings,
) -> None:
    """A process other than the first: it steps as the first does and writes nothing."""
    from fastswap.training.beginning import begin
    from fastswap.training.making import load
    from fastswap.training.stop import StopSignal
    from fastswap.training.trainer import Training

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes; the first one decides
    torch.set_num_threads(threads)
    world = join(rank, size, port, device)
    try:
        own, other = load(source, target, settings)
        training = Training(own, other, out, settings, device, world=world)
        begin(training)
        never = StopSignal()
        training.loop(never)
        training.finish(never)
    except FastswapError:
        pass  # the first process meets the same error and tells it
    finally:
        leave(world)
