"""What the precision conversion and the torch engine know about an ONNX graph: constants folded, types inferred."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from fastswap.errors import ModelError

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

FLOAT: Final = 1  # TensorProto.FLOAT


@dataclass(slots=True)
class Graph:
    """A graph in order of execution.

    nodes: without those that only make constants. constants: values by name, initializers and folded nodes. inputs,
    outputs: names. kinds: TensorProto element type by name, where known. opset: of the default domain.
    """

    nodes: list[NodeProto]
    constants: dict[str, NDArray[Any]]
    inputs: list[str]
    outputs: list[str]
    kinds: dict[str, int] = field(default_factory=dict)
    opset: int = 17

    def label(self, node: NodeProto) -> str:
        """A node's name for people, and its key: its own or that of its first output."""
        return node.name or node.output[0]


def read(model: ModelProto) -> Graph:
    """Folds `Constant` nodes and casts of constants, which exporters use to store weights in half precision.

    Raises ModelError for graphs with control flow or operators that are not ONNX's own.
    """
    from onnx import helper, numpy_helper, shape_inference

    body = model.graph
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in body.initializer}
    nodes: list[NodeProto] = []
    for node in body.node:
        if node.domain not in ("", "ai.onnx"):
            raise ModelError(
                f"node {node.name or node.output[0]!r}: {node.domain}.{node.op_type} is not ONNX's own"
            )
        if any(attribute.HasField("g") or attribute.graphs for attribute in node.attribute):
            raise ModelError(
                f"node {node.name or node.output[0]!r}: control flow ({node.op_type}) is not supported"
            )
        if node.op_type == "Constant":
            constants[node.output[0]] = _constant(node)
        elif node.op_type == "Cast" and node.input[0] in constants:
            kind = helper.tensor_dtype_to_np_dtype(helper.get_node_attr_value(node, "to"))
            constants[node.output[0]] = constants[node.input[0]].astype(kind)
        elif node.op_type == "Identity" and node.input[0] in constants:
            constants[node.output[0]] = constants[node.input[0]]
        else:
            nodes.append(node)
    inferred = shape_inference.infer_shapes(model).graph
    values = [*inferred.input, *inferred.output, *inferred.value_info]
    kinds = {value.name: value.type.tensor_type.elem_type for value in values}
    kinds |= {name: int(helper.np_dtype_to_tensor_dtype(value.dtype)) for name, value in constants.items()}
    return Graph(
        nodes,
        constants,
        [value.name for value in body.input if value.name not in constants],
        [value.name for value in body.output],
        kinds,
        next(entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")),
    )


def _constant(node: NodeProto) -> NDArray[Any]:
    from onnx import helper, numpy_helper

    (attribute,) = node.attribute
    value = helper.get_attribute_value(attribute)
    if attribute.name == "value":
        return numpy_helper.to_array(value)
    if attribute.name in ("value_float", "value_floats"):
        return np.array(value, np.float32)
    if attribute.name in ("value_int", "value_ints"):
        return np.array(value, np.int64)
    raise ModelError(f"constant {node.output[0]!r}: {attribute.name} is not supported")
