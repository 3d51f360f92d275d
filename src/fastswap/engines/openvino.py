"""The generator on a CPU, by OpenVINO."""

from __future__ import annotations

from pathlib import Path
from queue import SimpleQueue
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
    bf16 is used where the CPU multiplies it natively, float32 elsewhere. streams: calls that run at once, each on its
    share of the threads: several faces are done sooner so, a single one later.
    """

    def __init__(self, model: Path, *, batch: int = 1, threads: int = 0, streams: int = 1) -> None:
        import openvino as ov

        core = ov.Core()
        self.precision = native_precision(core)
        config: dict[str, object] = {
            "INFERENCE_PRECISION_HINT": self.precision,
            "NUM_STREAMS": streams,
            "ENABLE_CPU_PINNING": False,  # codecs need the same processors
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
        self.batch, self.streams = batch, streams
        self._free: SimpleQueue[_Request | None] = SimpleQueue()  # None once this engine is closed
        for _ in range(streams):
            self._free.put(_Request(compiled, (batch, channels, height, width)))

    def infer(self, faces: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Runs any number of crops, `batch` at a time. See `Engine.infer`."""
        swaps = np.empty(faces.shape, np.float32)
        masks = np.empty((len(faces), *faces.shape[2:]), np.float32)
        request = self._free.get()
        try:
            if request is None:
                raise DeviceError("this engine is closed")
            for start in range(0, len(faces), self.batch):
                rows = slice(start, start + self.batch)
                request.run(faces[rows], swaps[rows], masks[rows])
        finally:
            self._free.put(request)
        return swaps, masks

    def close(self) -> None:
        """Drops the compiled network; using the engine afterwards raises DeviceError."""
        for _ in [self._free.get() for _ in range(self.streams)]:  # those at work are waited for
            self._free.put(None)


class _Request:
    """One of the calls that may run at once. shape: of its input."""

    def __init__(self, compiled: Any, shape: tuple[int, ...]) -> None:
        import openvino as ov

        self._request = compiled.create_infer_request()
        self._input: NDArray[np.float32] = np.zeros(shape, np.float32)
        self._tensor = ov.Tensor(self._input, shared_memory=True)
        self._swap, self._mask = compiled.output("swap"), compiled.output("mask")

    def run(self, faces: NDArray[np.float32], swaps: NDArray[np.float32], masks: NDArray[np.float32]) -> None:
        """At most a batch of faces [N, 3, S, S]; swaps and masks [N, S, S] are written to."""
        self._input[: len(faces)] = faces
        self._input[len(faces) :] = 0.0
        self._request.infer([self._tensor])
        swaps[:] = self._request.get_tensor(self._swap).data[: len(faces)]
        masks[:] = self._request.get_tensor(self._mask).data[: len(faces), 0]
