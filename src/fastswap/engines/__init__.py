"""Engines run the generator. One small file each, behind one protocol."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from fastswap.errors import DeviceError, SettingsError


class Engine(Protocol):
    """A generator ready to run.

    name: engine and version. device: where it runs. precision: arithmetic of the network. batch: faces that one call
    takes best.
    """

    name: str
    device: str
    precision: str
    batch: int

    def infer(self, faces: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Runs [N, 3, S, S] float32 R'G'B' 0..1 crops; returns (swap [N, 3, R, R], mask [N, R, R]), both 0..1."""
        ...

    def close(self) -> None:
        """Frees what the engine holds."""
        ...


def open_engine(model: Path, *, device: str = "auto", batch: int = 1, threads: int = 0) -> Engine:
    """Opens the engine for a device: "auto" or "cpu".

    batch: faces per call. threads: CPU threads, 0 for all cores. Raises DeviceError for a device that this build
    cannot use and SettingsError for a name that is no device.
    """
    if device in ("auto", "cpu"):
        from fastswap.engines.openvino import OpenVinoEngine

        return OpenVinoEngine(model, batch=batch, threads=threads)
    if device == "cuda" or device.startswith("cuda:"):
        raise DeviceError(f"device {device!r}: this version renders on the CPU only; use --device cpu")
    raise SettingsError(f"device is {device!r}; choose auto or cpu")
