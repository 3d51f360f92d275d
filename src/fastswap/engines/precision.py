"""Typed networks: an ONNX model whose own types say what is computed in half precision.

TensorRT's networks are strongly typed, so precision is a property of the file and not a flag of the builder; the torch
engine runs the same file. Inputs and outputs stay float32. Layers whose numbers do not fit, and sums of squares,
which lose what makes them useful, stay in float32 with casts around them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from fastswap.engines import graph as graphs
from fastswap.engines.graph import FLOAT, Graph
from fastswap.errors import ModelError

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

Precision = Literal["f16", "bf16", "f32"]
PRECISIONS: Final[tuple[Precision, ...]] = ("f16", "bf16", "f32")

LARGEST: Final[Mapping[str, float]] = {"f16": 65504.0 / 8, "bf16": 3e38}
"""Largest magnitude that a layer may show on the probes and still be computed so: other faces go somewhat further."""

_SENSITIVE: Final = frozenset({
    "Exp", "InstanceNormalization", "LayerNormalization", "Log", "Pow", "ReduceL2", "ReduceMean", "ReduceSum",
    "ReduceSumSquare", "Softmax", "Sqrt", "Reciprocal",
})  # fmt: skip
"""Operators that sum or square many values; they cost nothing beside the convolutions and stay in float32."""

_FIXED: Final[Mapping[str, frozenset[int]]] = {"Resize": frozenset({1, 2}), "Upsample": frozenset({1})}
"""Inputs that the standard wants in float32 whatever the type of the data."""

_BF16_OPSET: Final = 22
"""From this opset on convolutions and their like know bfloat16."""


def typed(model: ModelProto, precision: Precision, keep: Collection[str] = ()) -> ModelProto:
    """The same network computed in `precision`. keep: names of nodes that stay in float32 (see `Graph.label`).

    Raises ModelError for graphs that `graph.read` refuses.
    """
    from onnx import ModelProto

    if precision == "bf16":
        model = _upgraded(model, _BF16_OPSET)
    graph = graphs.read(model)
    writer = _Writer(graph, precision, frozenset(keep) | sensitive(graph))
    made = ModelProto()
    made.CopyFrom(model)
    del made.graph.node[:], made.graph.initializer[:], made.graph.value_info[:]
    made.graph.node.extend(writer.nodes())
    made.graph.initializer.extend(writer.weights())
    return made


def _upgraded(model: ModelProto, opset: int) -> ModelProto:
    """The same network in a newer edition of the operators, which know more types."""
    from onnx import version_converter

    if graphs.read(model).opset >= opset:
        return model
    try:
        return version_converter.convert_version(model, opset)
    except (RuntimeError, ValueError) as error:
        raise ModelError(
            f"it cannot be brought to opset {opset} ({str(error).strip().splitlines()[0]})"
        ) from error


def sensitive(graph: Graph) -> frozenset[str]:
    """Nodes that always stay in float32: sums, roots, and products that square a value."""
    return frozenset(
        graph.label(node)
        for node in graph.nodes
        if node.op_type in _SENSITIVE or (node.op_type == "Mul" and node.input[0] == node.input[1])
    )


def overflowing(model: ModelProto, precision: Precision, faces: NDArray[np.float32]) -> frozenset[str]:
    """Nodes whose inputs or outputs grow too large for `precision` on these faces [N, 3, R, R]."""
    if precision == "f32":
        return frozenset()
    graph, limit = graphs.read(model), LARGEST[precision]
    largest = magnitudes(model, faces)
    for name, value in graph.constants.items():
        if value.dtype.kind == "f" and value.size:
            largest[name] = float(np.abs(value.astype(np.float64)).max())
    return frozenset(
        graph.label(node)
        for node in graph.nodes
        if any(not largest.get(name, 0.0) <= limit for name in (*node.input, *node.output))
    )


def magnitudes(model: ModelProto, faces: NDArray[np.float32]) -> dict[str, float]:
    """The largest magnitude of each value inside the network on these faces, as OpenVINO computes them in float32."""
    import openvino as ov

    graph = graphs.read(model)
    used = {name for node in graph.nodes for name in node.input}  # OpenVINO drops what nobody needs
    made = [name for node in graph.nodes for name in node.output if graph.kinds.get(name) == FLOAT]
    wanted = [name for name in made if name in used and name not in graph.outputs]
    core = ov.Core()
    try:
        network = core.read_model(model.SerializeToString())
        network.add_outputs(wanted)
        compiled = core.compile_model(network, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        results = compiled(faces)
    except RuntimeError as error:
        raise ModelError(f"OpenVINO cannot run the network: {str(error).strip().splitlines()[-1]}") from error
    found = {graph.inputs[0]: float(np.abs(faces).max())}
    for output in compiled.outputs:
        size = float(np.abs(results[output]).max()) if results[output].size else 0.0
        found.update(dict.fromkeys(output.get_names(), size))
    return found


def probes(resolution: int) -> NDArray[np.float32]:
    """Eight pictures [8, 3, R, R] in 0..1 that drive a network through its range.

    A smooth head on a plain ground in bright, dark, tinted and mirrored light, soft noise, black and white. Made by
    formulas: the same on every machine, and nobody's face.
    """
    place = (np.arange(resolution, dtype=np.float64) + 0.5) / resolution
    x, y = place[None, :], place[:, None]
    inside = 1.0 / (1.0 + np.exp((np.hypot((x - 0.5) / 0.36, (y - 0.5) / 0.46) - 1.0) * 20.0))
    light = 0.75 + 0.35 * (0.5 - x) + 0.15 * (0.5 - y)
    head = np.empty((3, resolution, resolution))
    for channel, (skin, ground) in enumerate(((0.85, 0.3), (0.62, 0.35), (0.5, 0.4))):
        head[channel] = ground + (skin * light - ground) * inside
    for cx, cy, width, height, depth in (
        (0.35, 0.42, 0.07, 0.03, 0.55), (0.65, 0.42, 0.07, 0.03, 0.55), (0.5, 0.56, 0.04, 0.03, 0.2),
        (0.5, 0.74, 0.12, 0.035, 0.4), (0.35, 0.36, 0.09, 0.015, 0.5), (0.65, 0.36, 0.09, 0.015, 0.5),
    ):  # fmt: skip
        head *= 1.0 - depth * np.exp(-(((x - cx) / width) ** 2 + ((y - cy) / height) ** 2))
    rng = np.random.default_rng(0)
    noise = rng.random((3, resolution, resolution))
    tint = np.array([1.1, 0.9, 0.7])[:, None, None]
    pictures = [
        head, head[:, :, ::-1], head * 0.25, np.minimum(head * 1.6, 1.0), head * tint,
        0.7 * head + 0.3 * noise, np.zeros_like(head), np.ones_like(head),
    ]  # fmt: skip
    made: NDArray[np.float32] = np.clip(np.stack(pictures), 0.0, 1.0).astype(np.float32)
    return made


class _Writer:
    """Rewrites nodes in order; each value exists in float32, in half precision, or in both once a cast was needed."""

    def __init__(self, graph: Graph, precision: Precision, keep: frozenset[str]) -> None:
        from onnx import TensorProto

        self._graph, self._keep = graph, keep
        self._half = {"f16": TensorProto.FLOAT16, "bf16": TensorProto.BFLOAT16, "f32": FLOAT}[precision]
        self._have: dict[tuple[str, int], str] = {(name, FLOAT): name for name in graph.inputs}
        self._nodes: list[NodeProto] = []
        self._weights: dict[str, Any] = {}

    def nodes(self) -> list[NodeProto]:
        """All nodes with the casts that they need."""
        from onnx import helper

        for node in self._graph.nodes:
            self._rewrite(node)
        for name in self._graph.outputs:
            made = self._value(name, FLOAT)
            if made != name:
                self._nodes.append(helper.make_node("Identity", [made], [name]))
        return self._nodes

    def weights(self) -> list[Any]:
        """The constants that the nodes use, each in the types that they use it in."""
        return list(self._weights.values())

    def _rewrite(self, node: NodeProto) -> None:
        from onnx import NodeProto

        made = NodeProto()
        made.CopyFrom(node)
        halved = self._computes_in_half(node)
        kind = self._half if halved else FLOAT
        fixed = _FIXED.get(node.op_type, frozenset())
        for place, name in enumerate(node.input):
            if name and self._graph.kinds.get(name) == FLOAT:
                made.input[place] = self._value(name, FLOAT if place in fixed else kind)
            elif name in self._graph.constants:
                self._store(name, name, self._graph.constants[name])
        for place, name in enumerate(node.output):
            if name and name not in self._graph.kinds:
                raise ModelError(
                    f"node {self._graph.label(node)!r} ({node.op_type}): its type cannot be inferred"
                )
            if name and self._graph.kinds[name] == FLOAT:
                made.output[place] = name if kind == FLOAT else f"{name}__half"
                self._have[name, kind] = made.output[place]
        self._nodes.append(made)

    def _computes_in_half(self, node: NodeProto) -> bool:
        """Float operators do, but for those that are kept and those that make a float of something else."""
        if self._half == FLOAT or self._graph.label(node) in self._keep:
            return False
        if node.op_type in ("Cast", "ConstantOfShape", "RandomNormal", "RandomUniform"):
            return False
        return any(self._graph.kinds.get(name) == FLOAT for name in node.input if name)

    def _value(self, name: str, kind: int) -> str:
        """The name under which a value is to be had in a type; a cast or a converted constant makes it."""
        from onnx import helper

        if (name, kind) in self._have:
            return self._have[name, kind]
        made = name if kind == FLOAT else f"{name}__half"
        if name in self._graph.constants:
            with np.errstate(over="ignore"):  # who wants such a constant kept names it in `keep`
                value = self._graph.constants[name].astype(helper.tensor_dtype_to_np_dtype(kind))
            self._store(made, name, value)
        else:
            other = self._half if kind == FLOAT else FLOAT
            self._nodes.append(helper.make_node("Cast", [self._have[name, other]], [made], to=kind))
        self._have[name, kind] = made
        return made

    def _store(self, made: str, name: str, value: NDArray[Any]) -> None:
        from onnx import numpy_helper

        if made not in self._weights:
            self._weights[made] = numpy_helper.from_array(np.ascontiguousarray(value), made)
