"""ONNX's operators over windows of a picture, by torch: convolutions, pools, padding, resizing, pixel shuffles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch.nn.functional as F
from torch import Tensor

Attributes = Mapping[str, Any]


def ints(value: Any) -> list[int]:
    """Plain integers of a tensor on the host or of an attribute."""
    return [int(v) for v in (value.tolist() if isinstance(value, Tensor) else value)]


def given(inputs: Sequence[Any], place: int) -> Any:
    """An optional input, None when it is left out."""
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


def conv(inputs: Sequence[Any], a: Attributes) -> Tensor:
    """Conv."""
    x, weight = inputs[0], inputs[1]
    rank = weight.ndim - 2
    x, padding = _padded(x, _pads(x, a, weight.shape[2:]))
    run = (F.conv1d, F.conv2d, F.conv3d)[rank - 1]
    stride, dilation = a.get("strides", [1] * rank), a.get("dilations", [1] * rank)
    out: Tensor = run(x, weight, given(inputs, 2), stride, padding, dilation, a.get("group", 1))
    return out


def conv_transpose(inputs: Sequence[Any], a: Attributes) -> Tensor:
    """ConvTranspose."""
    x, weight = inputs[0], inputs[1]
    rank = weight.ndim - 2
    pads = a.get("pads", [0] * (2 * rank))
    if list(pads[:rank]) != list(pads[rank:]) or a.get("auto_pad", b"NOTSET") not in (b"NOTSET", b"VALID"):
        raise NotImplementedError("transposed convolution with uneven padding")
    run = (F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d)[rank - 1]
    stride, dilation = a.get("strides", [1] * rank), a.get("dilations", [1] * rank)
    more = a.get("output_padding", [0] * rank)
    return run(x, weight, given(inputs, 2), stride, pads[:rank], more, a.get("group", 1), dilation)


def max_pool(inputs: Sequence[Any], a: Attributes) -> Tensor:
    """MaxPool."""
    kernel = a["kernel_shape"]
    x, padding = _padded(inputs[0], _pads(inputs[0], a, kernel), -float("inf"))
    return F.max_pool2d(
        x, kernel, a.get("strides", [1, 1]), padding, a.get("dilations", [1, 1]), bool(a.get("ceil_mode", 0))
    )


def average_pool(inputs: Sequence[Any], a: Attributes) -> Tensor:
    """AveragePool."""
    kernel = a["kernel_shape"]
    x, padding = _padded(inputs[0], _pads(inputs[0], a, kernel))
    counted = bool(a.get("count_include_pad", 0))
    if padding == (0, 0) and x.shape != inputs[0].shape and not counted:
        raise NotImplementedError("average pooling with uneven padding that is not counted")
    return F.avg_pool2d(x, kernel, a.get("strides", [1, 1]), padding, bool(a.get("ceil_mode", 0)), counted)


def pad(inputs: Sequence[Any], a: Attributes) -> Tensor:
    """Pad."""
    x, pads = inputs[0], ints(given(inputs, 1) if len(inputs) > 1 else a["pads"])
    axes = given(inputs, 3)
    rank = x.ndim
    if axes is not None:
        chosen, whole = [axis % rank for axis in ints(axes)], [0] * (2 * rank)
        for place, axis in enumerate(chosen):
            whole[axis], whole[rank + axis] = pads[place], pads[len(chosen) + place]
        pads = whole
    mode = a.get("mode", b"constant").decode()
    sides = [side for axis in reversed(range(rank)) for side in (pads[axis], pads[rank + axis])]
    if mode == "constant":
        value = given(inputs, 2)
        return F.pad(x, sides, value=float(value) if value is not None else float(a.get("value", 0.0)))
    while len(sides) > 2 * max(1, rank - 2) and sides[-2:] == [0, 0]:
        sides = sides[:-2]
    return F.pad(x, sides, mode={"reflect": "reflect", "edge": "replicate", "wrap": "circular"}[mode])


def resize(inputs: Sequence[Any], a: Attributes) -> Tensor:
    """Resize."""
    x, scales, sizes = inputs[0], given(inputs, 2), given(inputs, 3)
    if scales is not None and scales.numel():
        factors = [float(f) for f in scales.tolist()]
        sizes = [int(np.floor(n * f)) for n, f in zip(x.shape, factors, strict=True)]
    wanted = ints(sizes)
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


def depth_to_space(inputs: Sequence[Any], a: Attributes) -> Tensor:
    """DepthToSpace."""
    x, block = inputs[0], int(a["blocksize"])
    if a.get("mode", b"DCR") == b"CRD":
        return F.pixel_shuffle(x, block)
    n, c, h, w = x.shape
    split: Tensor = x.reshape(n, block, block, c // block**2, h, w).permute(0, 3, 4, 1, 5, 2)
    return split.reshape(n, c // block**2, h * block, w * block)


def space_to_depth(inputs: Sequence[Any], a: Attributes) -> Tensor:
    """SpaceToDepth."""
    x, block = inputs[0], int(a["blocksize"])
    n, c, h, w = x.shape
    split: Tensor = x.reshape(n, c, h // block, block, w // block, block).permute(0, 3, 5, 1, 2, 4)
    return split.reshape(n, c * block**2, h // block, w // block)
