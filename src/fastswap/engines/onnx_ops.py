"""ONNX's operators by torch's own functions: those that face generators are made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from fastswap.engines import onnx_windows as windows
from fastswap.engines.onnx_windows import Attributes, given, ints

Operator = Callable[[Sequence[Any], Attributes], Any]
"""Takes a node's inputs, None where one is left out, and its attributes."""

_TYPES: Final = {
    1: torch.float32, 2: torch.uint8, 6: torch.int32, 7: torch.int64, 9: torch.bool, 10: torch.float16,
    11: torch.float64, 16: torch.bfloat16,
}  # fmt: skip
"""TensorProto's element types."""


def _reshape(inputs: Sequence[Any], a: Attributes) -> Tensor:
    x, shape = inputs[0], ints(inputs[1])
    if not a.get("allowzero", 0):
        shape = [x.shape[place] if size == 0 else size for place, size in enumerate(shape)]
    out: Tensor = x.reshape(shape)
    return out


def _flatten(inputs: Sequence[Any], a: Attributes) -> Tensor:
    axis = int(a.get("axis", 1))
    rows = int(np.prod(inputs[0].shape[:axis])) if axis else 1
    out: Tensor = inputs[0].reshape(rows, -1)
    return out


def _gemm(inputs: Sequence[Any], a: Attributes) -> Tensor:
    left, right = inputs[0], inputs[1]
    left = left.t() if a.get("transA", 0) else left
    right = right.t() if a.get("transB", 0) else right
    out: Tensor = (left @ right) * a.get("alpha", 1.0) if a.get("alpha", 1.0) != 1.0 else left @ right
    bias = given(inputs, 2)
    return out if bias is None else out + (bias if a.get("beta", 1.0) == 1.0 else bias * a["beta"])


def _slice(inputs: Sequence[Any], a: Attributes) -> Tensor:
    x: Tensor = inputs[0]
    if len(inputs) > 1:
        starts, ends = ints(inputs[1]), ints(inputs[2])
        axes, steps = given(inputs, 3), given(inputs, 4)
    else:
        starts, ends, axes, steps = list(a["starts"]), list(a["ends"]), a.get("axes"), None
    places = ints(axes) if axes is not None else list(range(len(starts)))
    widths = ints(steps) if steps is not None else [1] * len(starts)
    for start, end, axis, step in zip(starts, ends, places, widths, strict=True):
        if step < 0:
            raise NotImplementedError("a slice that runs backwards")
        index = [slice(None)] * x.ndim
        index[axis] = slice(start, end, step)
        x = x[tuple(index)]
    return x


def _split(inputs: Sequence[Any], a: Attributes) -> tuple[Tensor, ...]:
    x, axis = inputs[0], int(a.get("axis", 0))
    parts = given(inputs, 1) if len(inputs) > 1 else a.get("split")
    if parts is None:
        return torch.chunk(x, int(a.get("num_outputs", 2)), axis)
    return torch.split(x, ints(parts), axis)


def _reduce(run: Callable[..., Any]) -> Operator:
    def reduced(inputs: Sequence[Any], a: Attributes) -> Any:
        axes = given(inputs, 1) if len(inputs) > 1 else a.get("axes")
        if axes is None and a.get("noop_with_empty_axes", 0):
            return inputs[0]
        places = ints(axes) if axes is not None else list(range(inputs[0].ndim))
        return run(inputs[0], dim=places, keepdim=bool(a.get("keepdims", 1)))

    return reduced


def _instance_norm(inputs: Sequence[Any], a: Attributes) -> Tensor:
    return F.instance_norm(inputs[0], weight=inputs[1], bias=inputs[2], eps=a.get("epsilon", 1e-5))


def _layer_norm(inputs: Sequence[Any], a: Attributes) -> Tensor:
    shape = inputs[0].shape[int(a.get("axis", -1)) :]
    return F.layer_norm(inputs[0], shape, inputs[1], given(inputs, 2), a.get("epsilon", 1e-5))


def _batch_norm(inputs: Sequence[Any], a: Attributes) -> Tensor:
    x, scale, bias, mean, variance = inputs[:5]
    return F.batch_norm(x, mean, variance, scale, bias, eps=a.get("epsilon", 1e-5))


def _clip(inputs: Sequence[Any], a: Attributes) -> Tensor:
    low = given(inputs, 1) if len(inputs) > 1 else a.get("min")
    high = given(inputs, 2) if len(inputs) > 2 else a.get("max")
    out: Tensor = inputs[0]
    # Plain numbers stay arguments: making tensors of them would copy, which a CUDA graph cannot hold.
    if low is not None:
        out = torch.maximum(out, low) if isinstance(low, Tensor) else out.clamp(min=float(low))
    if high is not None:
        out = torch.minimum(out, high) if isinstance(high, Tensor) else out.clamp(max=float(high))
    return out


def _prelu(inputs: Sequence[Any], a: Attributes) -> Tensor:
    x, slope = inputs
    out: Tensor = torch.where(x < 0, x * slope, x)
    return out


def _unsqueeze(inputs: Sequence[Any], a: Attributes) -> Tensor:
    axes = ints(given(inputs, 1) if len(inputs) > 1 else a["axes"])
    out: Tensor = inputs[0]
    rank = out.ndim + len(axes)
    for axis in sorted(axis % rank for axis in axes):
        out = out.unsqueeze(axis)
    return out


def _squeeze(inputs: Sequence[Any], a: Attributes) -> Tensor:
    axes = given(inputs, 1) if len(inputs) > 1 else a.get("axes")
    out: Tensor = inputs[0]
    places = ints(axes) if axes is not None else [place for place, size in enumerate(out.shape) if size == 1]
    return out.squeeze(tuple(places))


def _gather(inputs: Sequence[Any], a: Attributes) -> Tensor:
    data, index = inputs
    axis = int(a.get("axis", 0)) % data.ndim
    flat = index.reshape(-1) % data.shape[axis]
    if flat.device == data.device:
        out = torch.index_select(data, axis, flat)
    else:  # indices stay on the host, and a CUDA graph cannot hold their copy
        out = torch.stack([data.select(axis, int(place)) for place in flat], axis)
    return out.reshape(*data.shape[:axis], *index.shape, *data.shape[axis + 1 :])


def _cast(inputs: Sequence[Any], a: Attributes) -> Tensor:
    out: Tensor = inputs[0].to(_TYPES[int(a["to"])])
    return out


def _expand(inputs: Sequence[Any], a: Attributes) -> Tensor:
    shape = np.broadcast_shapes(tuple(inputs[0].shape), tuple(ints(inputs[1])))
    out: Tensor = inputs[0].expand(shape)
    return out


def _plain(run: Callable[..., Any]) -> Operator:
    return lambda inputs, a: run(*inputs)


OPERATORS: Final[Mapping[str, Operator]] = {
    "Abs": _plain(torch.abs),
    "Add": _plain(torch.add),
    "AveragePool": windows.average_pool,
    "BatchNormalization": _batch_norm,
    "Cast": _cast,
    "Clip": _clip,
    "Concat": lambda inputs, a: torch.cat(list(inputs), int(a["axis"])),
    "Conv": windows.conv,
    "ConvTranspose": windows.conv_transpose,
    "DepthToSpace": windows.depth_to_space,
    "Div": lambda inputs, a: (
        torch.div(*inputs) if inputs[0].is_floating_point() else torch.div(*inputs, rounding_mode="trunc")
    ),
    "Dropout": lambda inputs, a: inputs[0],
    "Elu": lambda inputs, a: F.elu(inputs[0], a.get("alpha", 1.0)),
    "Erf": _plain(torch.erf),
    "Exp": _plain(torch.exp),
    "Expand": lambda inputs, a: (
        inputs[0] * torch.ones(ints(inputs[1]), dtype=inputs[0].dtype, device=inputs[0].device)
    ),
    "Flatten": _flatten,
    "Gather": _gather,
    "Gemm": _gemm,
    "GlobalAveragePool": lambda inputs, a: inputs[0].mean(tuple(range(2, inputs[0].ndim)), keepdim=True),
    "HardSigmoid": lambda inputs, a: (inputs[0] * a.get("alpha", 0.2) + a.get("beta", 0.5)).clamp(0, 1),
    "HardSwish": _plain(F.hardswish),
    "Identity": lambda inputs, a: inputs[0],
    "InstanceNormalization": _instance_norm,
    "LayerNormalization": _layer_norm,
    "LeakyRelu": lambda inputs, a: F.leaky_relu(inputs[0], a.get("alpha", 0.01)),
    "Log": _plain(torch.log),
    "MatMul": _plain(torch.matmul),
    "Max": lambda inputs, a: inputs[0] if len(inputs) == 1 else torch.maximum(*inputs),
    "MaxPool": windows.max_pool,
    "Min": lambda inputs, a: inputs[0] if len(inputs) == 1 else torch.minimum(*inputs),
    "Mul": _plain(torch.mul),
    "Neg": _plain(torch.neg),
    "PRelu": _prelu,
    "Pad": windows.pad,
    "Pow": _plain(torch.pow),
    "Reciprocal": _plain(torch.reciprocal),
    "ReduceL2": _reduce(lambda x, dim, keepdim: x.square().sum(dim, keepdim).sqrt()),
    "ReduceMax": _reduce(torch.amax),
    "ReduceMean": _reduce(torch.mean),
    "ReduceMin": _reduce(torch.amin),
    "ReduceSum": _reduce(torch.sum),
    "ReduceSumSquare": _reduce(lambda x, dim, keepdim: x.square().sum(dim, keepdim)),
    "Relu": _plain(torch.relu),
    "Reshape": _reshape,
    "Resize": windows.resize,
    "Shape": lambda inputs, a: torch.tensor(list(inputs[0].shape), dtype=torch.int64)[
        a.get("start", 0) : a.get("end")
    ],
    "Sigmoid": _plain(torch.sigmoid),
    "Slice": _slice,
    "Softmax": lambda inputs, a: torch.softmax(inputs[0], int(a.get("axis", -1))),
    "Softplus": _plain(F.softplus),
    "SpaceToDepth": windows.space_to_depth,
    "Split": _split,
    "Sqrt": _plain(torch.sqrt),
    "Squeeze": _squeeze,
    "Sub": _plain(torch.sub),
    "Tanh": _plain(torch.tanh),
    "Transpose": lambda inputs, a: inputs[0].permute(a.get("perm", list(range(inputs[0].ndim))[::-1])),
    "Unsqueeze": _unsqueeze,
    "Where": _plain(torch.where),
}
"""Operators by ONNX's names."""
