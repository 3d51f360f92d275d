"""What the trained face is measured by."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from fastswap.training.augment import LUMA, Batch

C1, C2 = 0.01**2, 0.03**2
"""Constants of SSIM for values in 0..1 (Wang et al. 2004)."""


@dataclass(frozen=True, slots=True)
class LossWeights:
    """Shares of the loss.

    pixel: mean absolute error of R'G'B'. Absolute, because squared errors favour blur. structure: 1 - SSIM of
    luma, which is what sees lost texture. edge: absolute error of luma's first differences, which sharpens
    lids, lips and teeth. mask: cross entropy of the mask. outside: weight of a pixel outside the face, inside
    it is 1. priority: weight added where eyes and mouth are.
    """

    pixel: float = 1.0
    structure: float = 0.5
    edge: float = 0.5
    mask: float = 0.1
    outside: float = 0.1
    priority: float = 2.0


def face_loss(logits: Tensor, truth: Batch, weights: LossWeights) -> dict[str, Tensor]:
    """The parts of the loss and their weighted sum `total`, each a scalar.

    logits: [N, 4, R, R] float32, as the network draws them.
    """
    drawn = torch.sigmoid(logits[:, :3])
    weight = weights.outside + (1.0 - weights.outside) * truth.mask + weights.priority * truth.priority
    weight = weight / weight.mean()
    luma = drawn.new_tensor(LUMA)[:, None, None]
    ours = (drawn * luma).sum(1, keepdim=True)
    theirs = (truth.face * luma).sum(1, keepdim=True)
    parts = {
        "pixel": ((drawn - truth.face).abs().mean(1, keepdim=True) * weight).mean(),
        "structure": ((1.0 - ssim_map(ours, theirs, window(logits.shape[-1]))) * weight).mean(),
        "edge": _edges(ours - theirs, weight),
        "mask": F.binary_cross_entropy_with_logits(logits[:, 3:], truth.mask),
    }
    total = sum((getattr(weights, name) * part for name, part in parts.items()), start=logits.new_zeros(()))
    return parts | {"total": total}


def window(resolution: int) -> int:
    """Side of the SSIM window in pixels: a twelfth of the crop, odd, at least 5."""
    return max(5, round(resolution / 12) | 1)


def ssim_map(a: Tensor, b: Tensor, side: int) -> Tensor:
    """Structural similarity (Wang et al. 2004) of [N, 1, H, W] in 0..1 at each pixel, over side x side
    windows.

    The window is flat instead of Gaussian: on a CPU that is several times quicker and ranks faces alike. At
    the border it holds only the pixels that exist.
    """
    count = len(a)
    stack = torch.cat((a, b, a * a, b * b, a * b))
    means = F.avg_pool2d(stack, side, stride=1, padding=side // 2, count_include_pad=False)
    mean_a, mean_b, square_a, square_b, product = means.view(5, count, *a.shape[1:]).unbind()
    both = mean_a * mean_b
    squares = mean_a.square() + mean_b.square()
    spread = square_a + square_b - squares
    covariance = product - both
    similarity: Tensor = (2.0 * both + C1) * (2.0 * covariance + C2) / ((squares + C1) * (spread + C2))
    return similarity


def _edges(error: Tensor, weight: Tensor) -> Tensor:
    across = ((error[:, :, :, 1:] - error[:, :, :, :-1]).abs() * weight[:, :, :, 1:]).mean()
    down = ((error[:, :, 1:] - error[:, :, :-1]).abs() * weight[:, :, 1:]).mean()
    return across + down
