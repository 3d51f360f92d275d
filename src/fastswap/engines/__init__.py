"""Engines run the generator. One small file each, behind one protocol."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from fastswap.errors import DeviceError


class Engine(Protocol):
    """A generator ready to run.

    name: engine and version. device: where it runs. precision: arithmetic of the network. batch: faces that one call
    takes best. streams: calls that it runs at once.
    """

    name: str
    device: str
    precision: str
    batch: int
    streams: int

    def infer(self, faces: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Runs [N, 3, S, S] float32 R'G'B' 0..1 crops; returns (swap [N, 3, R, R], mask [N, R, R]), both 0..1."""
        ...

    def close(self) -> None:
        """Frees what the engine holds."""
        ...


def open_engine(
    model: Path, *, batch: int = 1, threads: int = 0, streams: int = 1, engine: str = "openvino"
) -> Engine:
    """Opens an engine for the CPU; `device.open_device` chooses where a render runs.

    batch: faces per call. threads: CPU threads, 0 for all cores. streams: calls at once, where the engine can.
    engine: "openvino", or "torch" as a cross-check.
    Raises ModelError when the engine cannot run the network, DeviceError when it is not installed.
    """
    if engine == "torch":
        try:
            from fastswap.engines.torch_cpu import TorchCpuEngine
        except ImportError as error:
            raise DeviceError("torch is not installed: pip install 'fastswap[train]'") from error
        return TorchCpuEngine(model, batch=batch, threads=threads)
    from fastswap.engines.openvino import OpenVinoEngine

    return OpenVinoEngine(model, batch=batch, threads=threads, streams=streams)
