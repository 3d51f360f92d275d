"""What the trained face is measured by."""

from __future__ import annotations

import functools

import torch
import torch.nn.functional as F
from torch import Tensor

from fastswap.training.augment import LUMA, Batch
from fastswap.training.recipe import LossWeights

C1, C2 = 0.01**2, 0.03**2
"""Constants of SSIM for values in 0..1 (Wang et al. 2004)."""
PARTS = ("total", "pixel", "square", "structure", "edge", "mask")


def face_loss(logits: Tensor, truth: Batch, weights: LossWeights) -> dict[str, Tensor]:
    """The parts of the loss and their weighted sum `total`, each a scalar; parts of weight 0 are left out.

    logits: [N, 4, R, R] float32, as the network draws them.
    """
    drawn = torch.sigmoid(logits[:, :3])
    weight = weights.outside + (1.0 - weights.outside) * truth.mask + weights.priority * truth.priority
    weight = weight / weight.mean((1, 2, 3), keepdim=True)  # of each face, so that a step can be split
    luma = drawn.new_tensor(LUMA)[:, None, None]
    ours = (drawn * luma).sum(1, keepdim=True)
    theirs = (truth.face * luma).sum(1, keepdim=True)
    error = drawn - truth.face
    parts = {}
    if weights.pixel:
        parts["pixel"] = (error.abs().mean(1, keepdim=True) * weight).mean()
    if weights.square:
        parts["square"] = (error.square().mean(1, keepdim=True) * weight).mean()
    if weights.structure:
        parts["structure"] = structure(ours, theirs, weight, weights.scales)
    if weights.edge:
        parts["edge"] = _edges(ours - theirs, weight)
    if weights.mask:
        parts["mask"] = F.binary_cross_entropy_with_logits(logits[:, 3:], truth.mask)
    total = sum((getattr(weights, name) * part for name, part in parts.items()), start=logits.new_zeros(()))
    return parts | {"total": total}


def window(resolution: int) -> int:
    """Side of the SSIM window in pixels: a twelfth of the crop, odd, at least 5."""
    return max(5, round(resolution / 12) | 1)


def structure(ours: Tensor, theirs: Tensor, weight: Tensor, scales: int) -> Tensor:
    """1 - SSIM, weighted, and the mean over `scales` sizes, each half of the one before."""
    total = ours.new_zeros(())
    side = window(ours.shape[-1])
    for scale in range(scales):
        if scale:
            ours, theirs, weight = (F.avg_pool2d(each, 2) for each in (ours, theirs, weight))
        total = total + ((1.0 - ssim_map(ours, theirs, min(side, ours.shape[-1] | 1))) * weight).mean()
    return total / scales


def ssim_map(a: Tensor, b: Tensor, side: int) -> Tensor:
    """Structural similarity (Wang et al. 2004) of [N, 1, H, W] in 0..1 at each pixel, over side x side
    windows.

    The window is flat instead of Gaussian: it ranks faces alike. At the border it holds only the pixels that exist.
    """
    count = len(a)
    stack = torch.cat((a, b, a * a, b * b, a * b))
    # One direction after the other: the mean over a square is the mean of its rows' means. A product with a matrix of
    # bands takes a tenth of the time of average pooling, forward and backward.
    means = _averages(a.shape[-2], side, a.device) @ (stack @ _averages(a.shape[-1], side, a.device).T)
    mean_a, mean_b, square_a, square_b, product = means.view(5, count, *a.shape[1:]).unbind()
    both = mean_a * mean_b
    squares = mean_a.square() + mean_b.square()
    spread = square_a + square_b - squares
    covariance = product - both
    similarity: Tensor = (2.0 * both + C1) * (2.0 * covariance + C2) / ((squares + C1) * (spread + C2))
    return similarity


@functools.lru_cache(maxsize=32)
def _averages(length: int, side: int, device: torch.device) -> Tensor:
    """[length, length]: each row takes the mean of the samples that a window around its own position holds."""
    at = torch.arange(length, device=device)
    near = ((at[:, None] - at).abs() <= side // 2).float()
    return near / near.sum(1, keepdim=True)


def style_loss(drawn: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """How far the swap's local colours are from the target's face: mean and deviation in windows (Huang and
    Belongie 2017 compare them in features; colours and light are what a swap should take over).

    drawn, target: [N, 3, R, R] in 0..1. mask: [N, 1, R, R], where it counts.
    """
    side = max(5, drawn.shape[-1] // 4 | 1)
    stack = torch.cat((drawn, target))
    mean = F.avg_pool2d(stack, side, stride=side // 2, padding=side // 2, count_include_pad=False)
    square = F.avg_pool2d(stack.square(), side, stride=side // 2, padding=side // 2, count_include_pad=False)
    spread = (square - mean.square()).clamp_min(1e-6).sqrt()
    where = F.avg_pool2d(mask, side, stride=side // 2, padding=side // 2, count_include_pad=False)
    count = len(drawn)
    gap = (mean[:count] - mean[count:]).abs() + (spread[:count] - spread[count:]).abs()
    return (gap.mean(1, keepdim=True) * where).sum() / where.sum().clamp_min(1e-6)


def _edges(error: Tensor, weight: Tensor) -> Tensor:
    across = ((error[:, :, :, 1:] - error[:, :, :, :-1]).abs() * weight[:, :, :, 1:]).mean()
    down = ((error[:, :, 1:] - error[:, :, :-1]).abs() * weight[:, :, 1:]).mean()
    return across + down
