"""ONNX graphs run by torch: the operators that face generators are made of, each by torch's own function.

Small on purpose, and typed as the file is: a network that `precision.typed` wrote runs with the same casts here as in
TensorRT. What is not supported is named when the network is loaded, not when the first face arrives.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from fastswap.engines import graph as graphs
from fastswap.engines.exhausted import is_exhausted
from fastswap.engines.graph import Graph
from fastswap.engines.onnx_ops import OPERATORS, Operator
from fastswap.errors import ModelError

if TYPE_CHECKING:
    from onnx import ModelProto


class OnnxModule(torch.nn.Module):
    """The network of an ONNX model. Weights are buffers, so `.to(device)` moves them; convolutions run channels last.

    Raises ModelError, naming the node, for operators and graphs that are not supported.
    """

    def __init__(self, model: ModelProto) -> None:
        super().__init__()
        from onnx import helper

        graph = graphs.read(model)
        self.inputs, self.outputs = graph.inputs, graph.outputs
        self._steps: list[tuple[Operator, list[str], list[str], dict[str, Any], str]] = []
        self._small: dict[str, Any] = {}  # integers: shapes, axes, pads; they stay on the host
        self._places: dict[str, str] = {}
        require_supported(graph)
        for node in graph.nodes:
            operator = OPERATORS[node.op_type]
            attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
            attributes["_opset"] = graph.opset
            names = [name if name else "" for name in node.input]
            self._steps.append((operator, names, list(node.output), attributes, graph.label(node)))
        self._last_use = self._find_last_uses()
        for number, (name, value) in enumerate(graph.constants.items()):
            self._add_constant(f"weight_{number}", name, value)

    def _add_constant(self, place: str, name: str, value: np.ndarray[Any, Any]) -> None:
        if value.dtype.kind in "iub":
            self._small[name] = torch.from_numpy(np.array(value))
            return
        tensor = _tensor(value)
        if tensor.ndim == 4:
            tensor = tensor.contiguous(memory_format=torch.channels_last)
        self.register_buffer(place, tensor, persistent=False)
        self._places[name] = place

    def _find_last_uses(self) -> list[list[str]]:
        """For each step the values that nobody needs after it."""
        seen = set(self.outputs)
        dead: list[list[str]] = []
        for _, names, _, _, _ in reversed(self._steps):
            dead.append([name for name in set(names) if name and name not in seen])
            seen.update(names)
        return dead[::-1]

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Runs the graph; inputs and outputs in the file's order."""
        values: dict[str, Any] = {"": None, **self._small}
        values.update({name: getattr(self, place) for name, place in self._places.items()})
        values.update(zip(self.inputs, inputs, strict=True))
        for (operator, names, outputs, attributes, label), dead in zip(
            self._steps, self._last_use, strict=True
        ):
            try:
                made = operator([values[name] for name in names], attributes)
            except (RuntimeError, TypeError, ValueError, IndexError, NotImplementedError) as error:
                if is_exhausted(error) or "CUDA error" in str(error):  # not the node's fault
                    raise
                first = (str(error).strip().splitlines() or [type(error).__name__])[0]
                raise ModelError(f"node {label!r}: {first}") from error
            for name, value in zip(
                outputs, made if isinstance(made, tuple | list) else (made,), strict=False
            ):
                values[name] = value
            for name in dead:
                if name not in self._places:
                    del values[name]
        return tuple(values[name] for name in self.outputs)


def require_supported(graph: Graph) -> None:
    """Raises ModelError naming the first node whose operator is not supported."""
    for node in graph.nodes:
        if node.op_type not in OPERATORS:
            raise ModelError(f"node {graph.label(node)!r}: torch engine has no operator {node.op_type}")


def _tensor(value: np.ndarray[Any, Any]) -> Tensor:
    """A tensor of the same values; NumPy has no bfloat16 of its own."""
    if value.dtype.name == "bfloat16":
        return torch.from_numpy(value.astype(np.float32)).to(torch.bfloat16)
    return torch.from_numpy(np.array(value))
