"""Networks by torch: what a GPU without TensorRT runs, and the cross-check for one with it.

Rendering imports this module only when the torch engine is asked for, or chosen because TensorRT is missing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from fastswap.engines import precision as precisions
from fastswap.engines.exhausted import is_exhausted
from fastswap.engines.network import SLOTS, padded
from fastswap.engines.onnx_torch import OnnxModule
from fastswap.engines.precision import Precision
from fastswap.errors import DeviceError, ModelError

if TYPE_CHECKING:
    from onnx import ModelProto

    from fastswap.device.runtime import Runtime, Stream

_WARM_UP = 3
"""Runs before a graph is captured: cuDNN chooses its kernels in the first, and memory has to be there."""


class TorchNetwork:
    """See `network.DeviceNetwork`. On CUDA each batch size becomes one CUDA graph when it is first met.

    model: ONNX. runtime: the device's. Raises ModelError for operators that
    are not supported, MemoryError when the GPU is full, DeviceError when torch cannot use it.
    """

    def __init__(
        self,
        model: ModelProto,
        runtime: Runtime,
        *,
        sizes: tuple[int, ...],
        precision: Precision = "f16",
        keep: frozenset[str] = frozenset(),
        slots: int = SLOTS,
    ) -> None:
        self.name, self.sizes = f"torch {torch.__version__}", sizes
        self.precision: str = precision
        self.notices: list[str] = []
        self._native, self._device = runtime.native, torch.device(runtime.torch_device)
        if self._device.type == "cuda" and not torch.cuda.is_available():
            raise DeviceError(
                f"{self._device}: torch {torch.__version__} cannot use it (a build for the CPU alone?)"
            )
        module = OnnxModule(precisions.typed(model, precision, keep) if precision != "f32" else model)
        if len(module.inputs) != 1:
            raise ModelError(f"the network has {len(module.inputs)} inputs; one is supported")
        self.outputs = tuple(module.outputs)
        shape = tuple(dim.dim_value for dim in model.graph.input[0].type.tensor_type.shape.dim)[1:]
        self._recording = runtime.recording
        with torch.inference_mode(), _errors(self._device):
            self._module: OnnxModule | None = module.to(self._device).eval()
            self._slots = [self._slot(shape) for _ in range(slots)]
            if self._device.type == "cuda":  # filled on torch's stream, and next used on others
                torch.cuda.current_stream(self._device).synchronize()
        self._graphs: dict[tuple[int, int], Any] = {}

    def _slot(self, shape: tuple[int, ...]) -> dict[str, Tensor]:
        """Memory for one batch of the largest size: "" is the input, the outputs have their names."""
        taken = torch.zeros(self.sizes[-1], *shape, device=self._device)
        assert self._module is not None
        results = self._module(taken[:1])
        made = {"": taken}
        for name, result in zip(self.outputs, results, strict=True):
            made[name] = torch.zeros(self.sizes[-1], *result.shape[1:], device=self._device)
        return made

    def taken(self, slot: int, count: int) -> Any:
        """See `network.DeviceNetwork`."""
        return self._array(self._slots[slot][""][:count])

    def given(self, slot: int, name: str, count: int) -> Any:
        """See `network.DeviceNetwork`."""
        return self._array(self._slots[slot][name][:count])

    def _array(self, tensor: Tensor) -> Any:
        return self._native.Array(tensor.data_ptr(), list(tensor.shape), None, "<f4", tensor)

    def run(self, slot: int, count: int, stream: Stream) -> None:
        """See `network.DeviceNetwork`."""
        if self._module is None:
            raise DeviceError("this engine is closed")
        size = padded(count, self.sizes)
        with torch.inference_mode(), _errors(self._device):
            if self._device.type == "cuda":
                with torch.cuda.stream(self._torch_stream(stream)):
                    self._graph(slot, size).replay()
            else:
                self._forward(slot, size)

    def _torch_stream(self, stream: Stream) -> Any:
        """Torch's own object for a stream that others made."""
        return torch.cuda.ExternalStream(stream.handle, self._device)  # type: ignore[no-untyped-call]

    def _forward(self, slot: int, size: int) -> None:
        """Computes one batch from the slot's input into its outputs."""
        assert self._module is not None
        memory = self._slots[slot]
        taken = memory[""][:size].contiguous(memory_format=torch.channels_last)
        # float32 means float32: TF32 would move landmarks as bfloat16 does.
        with torch.backends.cudnn.flags(enabled=True, benchmark=True, deterministic=False, allow_tf32=False):
            results = self._module(taken)
        for name, result in zip(self.outputs, results, strict=True):
            memory[name][:size].copy_(result)

    def _graph(self, slot: int, size: int) -> Any:
        """The CUDA graph of one slot and size, captured at its first use.

        All graphs of a network compute in the same memory: they run one after the other, and what they leave is
        copied out of it by the graph itself.
        """
        if (slot, size) not in self._graphs:
            side: Any = torch.cuda.Stream(self._device)  # type: ignore[no-untyped-call]
            side.wait_stream(torch.cuda.current_stream(self._device))
            with torch.cuda.stream(side):
                for _ in range(_WARM_UP):
                    self._forward(slot, size)
            side.synchronize()
            graph = torch.cuda.CUDAGraph()
            shared = next((made.pool() for made in self._graphs.values()), None)
            # Other threads go on using the device meanwhile; torch waits for it before it records.
            with (
                self._recording,
                torch.cuda.graph(graph, pool=shared, stream=side, capture_error_mode="thread_local"),
            ):
                self._forward(slot, size)
            torch.cuda.current_stream(self._device).wait_stream(side)
            self._graphs[slot, size] = graph
        return self._graphs[slot, size]

    def close(self) -> None:
        """See `network.DeviceNetwork`."""
        self._graphs.clear()
        self._slots.clear()
        self._module = None
        if self._device.type == "cuda":
            with self._recording:
                torch.cuda.empty_cache()  # for others that want the memory


@contextmanager
def _errors(device: torch.device) -> Iterator[None]:
    """Turns torch's errors into ours, running out of memory in any of its libraries into MemoryError."""
    try:
        yield
    except RuntimeError as error:
        if is_exhausted(error):
            raise MemoryError(f"{device}: GPU memory is exhausted") from error
        raise DeviceError(f"{device}: {str(error).strip().splitlines()[0]}") from error
