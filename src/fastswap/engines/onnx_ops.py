"""ONNX's operators by torch's own functions: those that face generators are made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

Attributes = Mapping[str, Any]
Operator = Callable[[Sequence[Any], Attributes], Any]
"""Takes a node's inputs, None where one is left out, and its attributes."""

_TYPES: Final = {
    1: torch.float32, 2: torch.uint8, 6: torch.int32, 7: torch.int64, 9: torch.bool, 10: torch.float16,
    11: torch.float64, 16: torch.bfloat16,
}  # fmt: skip
"""TensorProto's element types."""


def _ints(value: Any) -> list[int]:
    return [int(v) for v in (value.tolist() if isinstance(value, Tensor) else value)]


def _given(inputs: Sequence[Any], place: int) -> Any:
    return inputs[place] if len(inputs) > place else None


def _pads(x: Tensor, a: Attributes, kernel: Sequence[int]) -> list[int]:
    """[begin..., end...] of the spatial sides, `auto_pad` worked out."""
    rank = x.ndim - 2
    how = a.get("auto_pad", b"NOTSET").decode()
    if how in ("NOTSET", ""):
        return list(a.get("pads", [0] * (2 * rank)))
    if how == "VALID":
        return [0] * (2 * rank)
    strides, dilations = a.get("strides", [1] * rank), a.get("dilations", [1] * rank)
    total = [
        max((-(-size // s) - 1) * s + (k - 1) * d + 1 - size, 0)
        for size, k, s, d in zip(x.shape[2:], kernel, strides, dilations, strict=True)
    ]
    less = [t // 2 for t in total]
    more = [t - part for t, part in zip(total, less, strict=True)]
    return less + more if how == "SAME_UPPER" else more + less


def _padded(x: Tensor, pads: Sequence[int], value: float = 0.0) -> tuple[Tensor, tuple[int, ...]]:
    """The picture and the symmetric padding that a convolution can do itself; an uneven one is done here."""
    rank = len(pads) // 2
    if list(pads[:rank]) == list(pads[rank:]):
        return x, tuple(pads[:rank])
    sides = [side for axis in reversed(range(rank)) for side in (pads[axis], pads[rank + axis])]
    return F.pad(x, sides, value=value), (0,) * rank


def _conv(inputs: Sequence[Any], a: Attributes) -> Tensor:
    x, weight = inputs[0], inputs[1]
    rank = weight.ndim - 2
    x, padding = _padded(x, _pads(x, a, weight.shape[2:]))
    run = (F.conv1d, F.conv2d, F.conv3d)[rank - 1]
    stride, dilation = a.get("strides", [1] * rank), a.get("dilations", [1] * rank)
    out: Tensor = run(x, weight, _given(inputs, 2), stride, padding, dilation, a.get("group", 1))
    return out


def _conv_transpose(inputs: Sequence[Any], a: Attributes) -> Tensor:
    x, weight = inputs[0], inputs[1]
    rank = weight.ndim - 2
    pads = a.get("pads", [0] * (2 * rank))
    if list(pads[:rank]) != list(pads[rank:]) or a.get("auto_pad", b"NOTSET") not in (b"NOTSET", b"VALID"):
        raise NotImplementedError("transposed convolution with uneven padding")
    run = (F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d)[rank - 1]
    stride, dilation = a.get("strides", [1] * rank), a.get("dilations", [1] * rank)
    more = a.get("output_padding", [0] * rank)
    return run(x, weight, _given(inputs, 2), stride, pads[:rank], more, a.get("group", 1), dilation)


def _max_pool(inputs: Sequence[Any], a: Attributes) -> Tensor:
    kernel = a["kernel_shape"]
    x, padding = _padded(inputs[0], _pads(inputs[0], a, kernel), -float("inf"))
    return F.max_pool2d(
        x, kernel, a.get("strides", [1, 1]), padding, a.get("dilations", [1, 1]), bool(a.get("ceil_mode", 0))
    )


def _average_pool(inputs: Sequence[Any], a: Attributes) -> Tensor:
    kernel = a["kernel_shape"]
    x, padding = _padded(inputs[0], _pads(inputs[0], a, kernel))
    counted = bool(a.get("count_include_pad", 0))
    if padding == (0, 0) and x.shape != inputs[0].shape and not counted:
        raise NotImplementedError("average pooling with uneven padding that is not counted")
    return F.avg_pool2d(x, kernel, a.get("strides", [1, 1]), padding, bool(a.get("ceil_mode", 0)), counted)


def _pad(inputs: Sequence[Any], a: Attributes) -> Tensor:
    x, pads = inputs[0], _ints(_given(inputs, 1) if len(inputs) > 1 else a["pads"])
    axes = _given(inputs, 3)
    rank = x.ndim
    if axes is not None:
        chosen, whole = [axis % rank for axis in _ints(axes)], [0] * (2 * rank)
        for place, axis in enumerate(chosen):
            whole[axis], whole[rank + axis] = pads[place], pads[len(chosen) + place]
        pads = whole
    mode = a.get("mode", b"constant").decode()
    sides = [side for axis in reversed(range(rank)) for side in (pads[axis], pads[rank + axis])]
    if mode == "constant":
        value = _given(inputs, 2)
        return F.pad(x, sides, value=float(value) if value is not None else float(a.get("value", 0.0)))
    while len(sides) > 2 * max(1, rank - 2) and sides[-2:] == [0, 0]:
        sides = sides[:-2]
    return F.pad(x, sides, mode={"reflect": "reflect", "edge": "replicate", "wrap": "circular"}[mode])


def _resize(inputs: Sequence[Any], a: Attributes) -> Tensor:
    x, scales, sizes = inputs[0], _given(inputs, 2), _given(inputs, 3)
    if scales is not None and scales.numel():
        factors = [float(f) for f in scales.tolist()]
        sizes = [int(np.floor(n * f)) for n, f in zip(x.shape, factors, strict=True)]
    wanted = _ints(sizes)
    if wanted[:2] != list(x.shape[:2]):
        raise NotImplementedError("a resize of batch or channels")
    mode = a.get("mode", b"nearest").decode()
    where = a.get("coordinate_transformation_mode", b"half_pixel").decode()
    if mode == "nearest":
        whole = all(big % small == 0 for big, small in zip(wanted[2:], x.shape[2:], strict=True))
        rounding = a.get("nearest_mode", b"round_prefer_floor").decode()
        if not whole or not (
            (where == "asymmetric" and rounding == "floor") or where.startswith("half_pixel")
        ):
            raise NotImplementedError(f"a nearest resize with {where}, {rounding}")
        return F.interpolate(x, wanted[2:], mode="nearest")
    if where not in ("half_pixel", "pytorch_half_pixel", "align_corners"):
        raise NotImplementedError(f"a {mode} resize with {where}")
    if mode == "cubic" and float(a.get("cubic_coeff_a", -0.75)) != -0.75:
        raise NotImplementedError("a cubic resize with another coefficient than -0.75")
    kind = {"linear": "bilinear", "cubic": "bicubic"}[mode]
    return F.interpolate(x, wanted[2:], mode=kind, align_corners=where == "align_corners")


def _depth_to_space(inputs: Sequence[Any], a: Attributes) -> Tensor:
    x, block = inputs[0], int(a["blocksize"])
    if a.get("mode", b"DCR") == b"CRD":
        return F.pixel_shuffle(x, block)
    n, c, h, w = x.shape
    split: Tensor = x.reshape(n, block, block, c // block**2, h, w).permute(0, 3, 4, 1, 5, 2)
    return split.reshape(n, c // block**2, h * block, w * block)


def _space_to_depth(inputs: Sequence[Any], a: Attributes) -> Tensor:
    x, block = inputs[0], int(a["blocksize"])
    n, c, h, w = x.shape
    split: Tensor = x.reshape(n, c, h // block, block, w // block, block).permute(0, 3, 5, 1, 2, 4)
    return split.reshape(n, c * block**2, h // block, w // block)


def _reshape(inputs: Sequence[Any], a: Attributes) -> Tensor:
    x, shape = inputs[0], _ints(inputs[1])
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
    bias = _given(inputs, 2)
    return out if bias is None else out + (bias if a.get("beta", 1.0) == 1.0 else bias * a["beta"])


def _slice(inputs: Sequence[Any], a: Attributes) -> Tensor:
    x: Tensor = inputs[0]
    if len(inputs) > 1:
        starts, ends = _ints(inputs[1]), _ints(inputs[2])
        axes, steps = _given(inputs, 3), _given(inputs, 4)
    else:
        starts, ends, axes, steps = list(a["starts"]), list(a["ends"]), a.get("axes"), None
    places = _ints(axes) if axes is not None else list(range(len(starts)))
    widths = _ints(steps) if steps is not None else [1] * len(starts)
    for start, end, axis, step in zip(starts, ends, places, widths, strict=True):
        if step < 0:
            raise NotImplementedError("a slice that runs backwards")
        index = [slice(None)] * x.ndim
        index[axis] = slice(start, end, step)
        x = x[tuple(index)]
    return x


def _split(inputs: Sequence[Any], a: Attributes) -> tuple[Tensor, ...]:
    x, axis = inputs[0], int(a.get("axis", 0))
    parts = _given(inputs, 1) if len(inputs) > 1 else a.get("split")
    if parts is None:
        return torch.chunk(x, int(a.get("num_outputs", 2)), axis)
    return torch.split(x, _ints(parts), axis)


def _reduce(run: Callable[..., Any]) -> Operator:
    def reduced(inputs: Sequence[Any], a: Attributes) -> Any:
        axes = _given(inputs, 1) if len(inputs) > 1 else a.get("axes")
        if axes is None and a.get("noop_with_empty_axes", 0):
            return inputs[0]
        places = _ints(axes) if axes is not None else list(range(inputs[0].ndim))
        return run(inputs[0], dim=places, keepdim=bool(a.get("keepdims", 1)))

    return reduced


def _instance_norm(inputs: Sequence[Any], a: Attributes) -> Tensor:
    return F.instance_norm(inputs[0], weight=inputs[1], bias=inputs[2], eps=a.get("epsilon", 1e-5))


def _layer_norm(inputs: Sequence[Any], a: Attributes) -> Tensor:
    shape = inputs[0].shape[int(a.get("axis", -1)) :]
    return F.layer_norm(inputs[0], shape, inputs[1], _given(inputs, 2), a.get("epsilon", 1e-5))


def _batch_norm(inputs: Sequence[Any], a: Attributes) -> Tensor:
    x, scale, bias, mean, variance = inputs[:5]
    return F.batch_norm(x, mean, variance, scale, bias, eps=a.get("epsilon", 1e-5))


def _clip(inputs: Sequence[Any], a: Attributes) -> Tensor:
    low = _given(inputs, 1) if len(inputs) > 1 else a.get("min")
    high = _given(inputs, 2) if len(inputs) > 2 else a.get("max")
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
    axes = _ints(_given(inputs, 1) if len(inputs) > 1 else a["axes"])
    out: Tensor = inputs[0]
    rank = out.ndim + len(axes)
    for axis in sorted(axis % rank for axis in axes):
        out = out.unsqueeze(axis)
    return out


def _squeeze(inputs: Sequence[Any], a: Attributes) -> Tensor:
    axes = _given(inputs, 1) if len(inputs) > 1 else a.get("axes")
    out: Tensor = inputs[0]
    places = _ints(axes) if axes is not None else [place for place, size in enumerate(out.shape) if size == 1]
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
    shape = np.broadcast_shapes(tuple(inputs[0].shape), tuple(_ints(inputs[1])))
    out: Tensor = inputs[0].expand(shape)
    return out


def _plain(run: Callable[..., Any]) -> Operator:
    return lambda inputs, a: run(*inputs)


OPERATORS: Final[Mapping[str, Operator]] = {
    "Abs": _plain(torch.abs),
    "Add": _plain(torch.add),
    "AveragePool": _average_pool,
    "BatchNormalization": _batch_norm,
    "Cast": _cast,
    "Clip": _clip,
    "Concat": lambda inputs, a: torch.cat(list(inputs), int(a["axis"])),
    "Conv": _conv,
    "ConvTranspose": _conv_transpose,
    "DepthToSpace": _depth_to_space,
    "Div": lambda inputs, a: (
        torch.div(*inputs) if inputs[0].is_floating_point() else torch.div(*inputs, rounding_mode="trunc")
    ),
    "Dropout": lambda inputs, a: inputs[0],
    "Elu": lambda inputs, a: F.elu(inputs[0], a.get("alpha", 1.0)),
    "Erf": _plain(torch.erf),
    "Exp": _plain(torch.exp),
    "Expand": lambda inputs, a: (
        inputs[0] * torch.ones(_ints(inputs[1]), dtype=inputs[0].dtype, device=inputs[0].device)
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
    "MaxPool": _max_pool,
    "Min": lambda inputs, a: inputs[0] if len(inputs) == 1 else torch.minimum(*inputs),
    "Mul": _plain(torch.mul),
    "Neg": _plain(torch.neg),
    "PRelu": _prelu,
    "Pad": _pad,
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
    "Resize": _resize,
    "Shape": lambda inputs, a: torch.tensor(list(inputs[0].shape), dtype=torch.int64)[
        a.get("start", 0) : a.get("end")
    ],
    "Sigmoid": _plain(torch.sigmoid),
    "Slice": _slice,
    "Softmax": lambda inputs, a: torch.softmax(inputs[0], int(a.get("axis", -1))),
    "Softplus": _plain(F.softplus),
    "SpaceToDepth": _space_to_depth,
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
