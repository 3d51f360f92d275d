"""TFLite to ONNX: pictures become [N, C, H, W], weights are stored in float32, padding is written out.

Tensors of four dimensions are kept channels first throughout and turned back where the file shows them: before a
reshape and at the outputs. So outputs have the shapes and the order of values of the file itself, but for a free batch.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, checker, helper, numpy_helper, shape_inference

from fastswap.tflite import schema
from fastswap.tflite.schema import Operator, Tensor

if TYPE_CHECKING:
    from onnx import ModelProto

OPSET: Final = 17
INPUT: Final = "image"
_FIRST: Final = (0, 3, 1, 2)  # channels last to channels first
_LAST: Final = (0, 2, 3, 1)
_DAMAGED: Final = (
    IndexError, KeyError, TypeError, OverflowError, MemoryError, ZeroDivisionError, checker.ValidationError,
    shape_inference.InferenceError,
)  # fmt: skip
"""What a file whose numbers contradict each other can run into."""
_ACTIVATIONS: Final = {0: None, 1: "Relu", 3: "Relu6", 4: "Tanh"}


def to_onnx(data: bytes, *, center: bool = False) -> ModelProto:
    """The network of a TFLite file as an ONNX model.

    Input `image` [N, C, H, W] float32, N free. center: values of 0..1 are mapped to -1..1 first. Outputs in the file's
    own order, named `output_0`, `output_1`, ... Raises ValueError naming what cannot be converted.
    """
    try:
        graph = schema.read(data)
        if len(graph.inputs) != 1 or len(graph.tensors[graph.inputs[0]].shape) != 4:
            raise ValueError("only networks with one picture as their input are supported")
        return _Writer(graph).model(center)
    except _DAMAGED as error:
        raise ValueError(f"a damaged TFLite file ({type(error).__name__}: {error})") from error


class _Writer:
    """Writes the nodes of one graph. `names`: the ONNX value that stands for each TFLite tensor."""

    def __init__(self, graph: schema.Graph) -> None:
        self.graph = graph
        self.nodes: list[Any] = []
        self.weights: dict[str, NDArray[Any]] = {}
        self.names: dict[int, str] = {}
        self.constants = {i: t.data for i, t in enumerate(graph.tensors) if t.data is not None}
        self.uses = Counter(index for op in graph.operators for index in op.inputs)
        self.uses.update(graph.outputs)
        self.padding: dict[
            int, tuple[int, int, int, int]
        ] = {}  # tensors whose padding a convolution takes over

    def model(self, center: bool) -> ModelProto:
        """Converts all operators and checks the result."""
        source = self.graph.inputs[0]
        self.names[source] = INPUT
        if center:
            doubled = self.node("Mul", [INPUT, self.weight("two", np.float32(2.0))])
            self.names[source] = self.node("Sub", [doubled, self.weight("one", np.float32(1.0))])
        for op in self.graph.operators:
            _CONVERT[op.kind](self, op)
        outputs = []
        for number, index in enumerate(self.graph.outputs):
            name = f"output_{number}"
            shown = self.channels_last(index)
            self.nodes.append(helper.make_node("Identity", [shown], [name]))
            shape: list[str | int | None] = ["N", *self.tensor(index).shape[1:]]
            outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
        _, height, width, channels = self.tensor(source).shape
        taken = helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ["N", channels, height, width])
        tensors = [numpy_helper.from_array(np.ascontiguousarray(v), k) for k, v in self.weights.items()]
        body = helper.make_graph(self.nodes, "tflite", [taken], outputs, tensors)
        made = helper.make_model(body, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=9)
        checker.check_model(made, full_check=True)
        return made

    def tensor(self, index: int) -> Tensor:
        """A tensor by its index."""
        return self.graph.tensors[index]

    def constant(self, index: int) -> NDArray[Any]:
        """The value of a tensor that has to be a constant."""
        if index not in self.constants:
            raise ValueError(f"tensor {self.tensor(index).name!r} should be a constant")
        return self.constants[index]

    def weight(self, name: str, value: NDArray[Any] | np.generic) -> str:
        """Stores a constant under its name."""
        self.weights[name] = np.asarray(value)
        return name

    def node(self, kind: str, inputs: Sequence[str], **attributes: Any) -> str:
        """Adds a node with one output, whose name is returned."""
        made = f"value_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [made], **attributes))
        return made

    def value(self, index: int) -> str:
        """The ONNX value of a tensor; constants are turned to channels first and stored."""
        if index not in self.names:
            data = self.constant(index).astype(np.float32)
            turned = data.transpose(_FIRST) if data.ndim == 4 else data
            self.names[index] = self.weight(f"constant_{index}", turned)
        return self.names[index]

    def channels_last(self, index: int) -> str:
        """A value in the file's own order."""
        value = self.value(index)
        return self.node("Transpose", [value], perm=_LAST) if len(self.tensor(index).shape) == 4 else value

    def give(self, op: Operator, value: str, activation: int = 0) -> None:
        """The operator's output, through the activation that is fused to it."""
        if activation not in _ACTIVATIONS:
            raise ValueError(f"the fused activation {activation} of {op.kind} is not supported")
        kind = _ACTIVATIONS[activation]
        if kind == "Relu6":
            value = self.relu6(value)
        elif kind:
            value = self.node(kind, [value])
        self.names[op.outputs[0]] = value

    def relu6(self, value: str) -> str:
        """max(0, min(6, x))."""
        low, high = self.weight("zero", np.float32(0.0)), self.weight("six", np.float32(6.0))
        return self.node("Clip", [value, low, high])

    def pads(
        self, op: Operator, kernel: tuple[int, int], stride: tuple[int, int], dilation: Any
    ) -> list[int]:
        """[top, left, bottom, right] of a window: TFLite's SAME puts the odd row at the bottom and right."""
        if not op.pads_same:
            return list(self.padding.get(op.inputs[0], (0, 0, 0, 0)))
        if op.inputs[0] in self.padding:
            raise ValueError("a padded tensor enters a window that pads by itself")
        before, after = [], []
        for size, k, s, d in zip(self.tensor(op.inputs[0]).shape[1:3], kernel, stride, dilation, strict=True):
            total = max((-(-size // s) - 1) * s + (k - 1) * d + 1 - size, 0)
            before.append(total // 2)
            after.append(total - total // 2)
        return before + after


def _convolution(writer: _Writer, op: Operator) -> None:
    depthwise = op.kind == "DEPTHWISE_CONV_2D"
    weights = writer.constant(op.inputs[1]).astype(np.float32)
    # [out, h, w, in], or [1, h, w, out] for depthwise, to [out, in / group, h, w].
    weights = weights.transpose((3, 0, 1, 2) if depthwise else (0, 3, 1, 2))
    stride = op.option(2, "i"), op.option(1, "i")
    first = 5 if depthwise else 4
    dilation = op.option(first + 1, "i", 1), op.option(first, "i", 1)
    kernel = (int(weights.shape[2]), int(weights.shape[3]))
    inputs = [writer.value(op.inputs[0]), writer.weight(f"constant_{op.inputs[1]}", weights)]
    if len(op.inputs) > 2 and op.inputs[2] >= 0:
        inputs.append(writer.value(op.inputs[2]))
    made = writer.node(
        "Conv",
        inputs,
        kernel_shape=kernel,
        strides=stride,
        dilations=dilation,
        pads=writer.pads(op, kernel, stride, dilation),
        group=writer.tensor(op.inputs[0]).shape[3] if depthwise else 1,
    )
    writer.give(op, made, op.option(4 if depthwise else 3))


def _pool(writer: _Writer, op: Operator) -> None:
    stride, kernel = (op.option(2, "i"), op.option(1, "i")), (op.option(4, "i"), op.option(3, "i"))
    kind = "MaxPool" if op.kind == "MAX_POOL_2D" else "AveragePool"
    pads = writer.pads(op, kernel, stride, (1, 1))
    made = writer.node(kind, [writer.value(op.inputs[0])], kernel_shape=kernel, strides=stride, pads=pads)
    writer.give(op, made, op.option(5))


def _pad(writer: _Writer, op: Operator) -> None:
    source, out = op.inputs[0], op.outputs[0]
    amounts = writer.constant(op.inputs[1])
    users = [user for user in writer.graph.operators if out in user.inputs]
    if (
        amounts.shape == (4, 2)
        and not amounts[[0, 3]].any()
        and writer.uses[out] == 1
        and users[0].kind in ("CONV_2D", "DEPTHWISE_CONV_2D")
        and not users[0].pads_same
    ):
        writer.names[out] = writer.value(source)
        writer.padding[out] = (*amounts[1:3, 0].tolist(), *amounts[1:3, 1].tolist())
        return
    turned = amounts[list(_FIRST)] if len(amounts) == 4 else amounts
    pads = writer.weight(f"pads_{out}", turned.T.ravel().astype(np.int64))
    writer.give(op, writer.node("Pad", [writer.value(source), pads], mode="constant"))


def _constant(writer: _Writer, op: Operator) -> None:
    writer.constants[op.outputs[0]] = writer.constant(op.inputs[0])


def _two(writer: _Writer, op: Operator) -> None:
    kind = {"ADD": "Add", "SUB": "Sub", "MUL": "Mul"}[op.kind]
    ranks = {len(writer.tensor(index).shape) for index in op.inputs}
    if len(ranks) > 1 and 4 in ranks:
        raise ValueError(f"{op.kind} of tensors with different numbers of dimensions is not supported")
    writer.give(op, writer.node(kind, [writer.value(index) for index in op.inputs]), op.option(0))


def _prelu(writer: _Writer, op: Operator) -> None:
    slope = writer.constant(op.inputs[1]).astype(np.float32)
    if slope.size != writer.tensor(op.inputs[0]).shape[3]:
        raise ValueError("PRELU with other than one slope per channel is not supported")
    name = writer.weight(f"constant_{op.inputs[1]}", slope.reshape(-1, 1, 1))
    writer.give(op, writer.node("PRelu", [writer.value(op.inputs[0]), name]))


def _resize(writer: _Writer, op: Operator) -> None:
    _, height, width, _ = writer.tensor(op.inputs[0]).shape
    rows, columns = (int(n) for n in writer.constant(op.inputs[1]))
    scales = writer.weight(
        f"scales_{op.outputs[0]}", np.array([1, 1, rows / height, columns / width], np.float32)
    )
    how = "align_corners" if op.flag(2) else "half_pixel" if op.flag(3) else "asymmetric"
    made = writer.node(
        "Resize", [writer.value(op.inputs[0]), "", scales], mode="linear", coordinate_transformation_mode=how
    )
    writer.give(op, made)


def _depth_to_space(writer: _Writer, op: Operator) -> None:
    block = op.option(0, "i")
    writer.give(op, writer.node("DepthToSpace", [writer.value(op.inputs[0])], blocksize=block, mode="DCR"))


def _reshape(writer: _Writer, op: Operator) -> None:
    before, after = writer.tensor(op.inputs[0]).shape, writer.tensor(op.outputs[0]).shape
    if before[0] != after[0]:
        raise ValueError("a reshape that mixes the pictures of a batch is not supported")
    shape = writer.weight(f"shape_{op.outputs[0]}", np.array([0, *after[1:]], np.int64))
    made = writer.node("Reshape", [writer.channels_last(op.inputs[0]), shape])
    writer.give(op, writer.node("Transpose", [made], perm=_FIRST) if len(after) == 4 else made)


def _concatenate(writer: _Writer, op: Operator) -> None:
    rank = len(writer.tensor(op.outputs[0]).shape)
    axis = op.option(0, "i") % rank
    axis = (0, 2, 3, 1)[axis] if rank == 4 else axis
    values = [writer.value(index) for index in op.inputs]
    writer.give(op, writer.node("Concat", values, axis=axis), op.option(1))


def _one(writer: _Writer, op: Operator) -> None:
    value = writer.value(op.inputs[0])
    if op.kind == "RELU6":
        writer.give(op, writer.relu6(value))
    else:
        writer.give(op, writer.node({"RELU": "Relu", "LOGISTIC": "Sigmoid"}[op.kind], [value]))


_CONVERT: Final[dict[str, Callable[[_Writer, Operator], None]]] = {
    "ADD": _two, "SUB": _two, "MUL": _two, "CONV_2D": _convolution, "DEPTHWISE_CONV_2D": _convolution,
    "MAX_POOL_2D": _pool, "AVERAGE_POOL_2D": _pool, "PAD": _pad, "DEQUANTIZE": _constant, "DENSIFY": _constant,
    "PRELU": _prelu, "RESIZE_BILINEAR": _resize, "DEPTH_TO_SPACE": _depth_to_space, "RESHAPE": _reshape,
    "CONCATENATION": _concatenate, "RELU": _one, "RELU6": _one, "LOGISTIC": _one,
}  # fmt: skip
