"""The generator on a CPU, by OpenVINO."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastswap.errors import DeviceError, ModelError


def native_precision(core: Any) -> str:
    """The narrowest of "bf16" and "f32" that this CPU multiplies natively, as OpenVINO's Core tells."""
    return "bf16" if "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES") else "f32"


class OpenVinoEngine:
    """Runs a native-contract ONNX file in OpenVINO at one fixed batch size.

    The batch is static because the CPU plugin plans its memory and kernels once for it, and because the same faces
    then always meet the same kernels: the same input gives the same bytes. A short batch is padded.
    bf16 is used where the CPU multiplies it natively, float32 elsewhere.
    """

    def __init__(self, model: Path, *, batch: int = 1, threads: int = 0) -> None:
        import openvino as ov

        core = ov.Core()
        self.precision = native_precision(core)
        config: dict[str, object] = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": self.precision,
        }
        if threads:
            config["INFERENCE_NUM_THREADS"] = threads
        try:
            network = core.read_model(str(model))
            channels, height, width = (
                int(n)
                for n in list(network.input(0).get_partial_shape().to_string().strip("[]").split(","))[1:]
            )
            network.reshape({network.input(0): [batch, channels, height, width]})
            compiled = core.compile_model(network, "CPU", config)
        except (RuntimeError, ValueError) as error:
            raise ModelError(
                f"{model}: OpenVINO cannot load it: {str(error).strip().splitlines()[-1]}"
            ) from error
        self.name = f"OpenVINO {ov.__version__.split('-')[0]}"
        self.device = "cpu"
        self.batch = batch
        self._lock = threading.Lock()  # one request, so one call at a time
        self._request = compiled.create_infer_request()
        self._input: NDArray[np.float32] = np.zeros((batch, channels, height, width), np.float32)
        self._tensor = ov.Tensor(self._input, shared_memory=True)
        self._swap = compiled.output("swap")
        self._mask = compiled.output("mask")

    def infer(self, faces: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Runs any number of crops, `batch` at a time. See `Engine.infer`."""
        count, (_, channels, height, width) = len(faces), self._input.shape
        swaps = np.empty((count, channels, height, width), np.float32)
        masks = np.empty((count, height, width), np.float32)
        with self._lock:
            if self._request is None:
                raise DeviceError("this engine is closed")
            for start in range(0, count, self.batch):
                part = faces[start : start + self.batch]
                self._input[: len(part)] = part
                self._input[len(part) :] = 0.0
                self._request.infer([self._tensor])
                swaps[start : start + self.batch] = self._request.get_tensor(self._swap).data[: len(part)]
                masks[start : start + self.batch] = self._request.get_tensor(self._mask).data[: len(part), 0]
        return swaps, masks

    def close(self) -> None:
        """Drops the compiled network; using the engine afterwards raises DeviceError."""
        with self._lock:
            self._request = None
