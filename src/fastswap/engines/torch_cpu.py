"""The generator on a CPU, by torch: slower than OpenVINO, and a check of it and of what GPUs run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from fastswap.engines.onnx_torch import OnnxModule
from fastswap.errors import DeviceError
from fastswap.model import MASK, SWAP


class TorchCpuEngine:
    """See `engines.Engine`; float32."""

    def __init__(self, model: Path, *, batch: int = 1, threads: int = 0) -> None:
        import onnx

        self.name, self.device, self.precision = f"torch {torch.__version__}", "cpu", "f32"
        self.batch, self.streams, self._threads = batch, 1, threads
        self._module: OnnxModule | None = OnnxModule(onnx.load_model_from_string(model.read_bytes())).eval()

    def infer(self, faces: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Runs any number of crops, `batch` at a time. See `Engine.infer`."""
        if self._module is None:
            raise DeviceError("this engine is closed")
        if self._threads:
            torch.set_num_threads(self._threads)
        swaps, masks = [], []
        with torch.inference_mode():
            for start in range(0, len(faces), self.batch):
                part = torch.from_numpy(np.ascontiguousarray(faces[start : start + self.batch]))
                made = self._module(part.contiguous(memory_format=torch.channels_last))
                results = dict(zip(self._module.outputs, made, strict=True))
                swaps.append(results[SWAP].contiguous().numpy())
                masks.append(results[MASK][:, 0].contiguous().numpy())
        return np.concatenate(swaps), np.concatenate(masks)

    def close(self) -> None:
        """Drops the network; using the engine afterwards raises DeviceError."""
        self._module = None
