"""What a camera and an encoder do to a face: light, soft focus, noise and compression, made in batches on the device.

Only what the network is shown is changed. It then learns to read an expression from poor footage and still draws a
clean face.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from fastswap.training.recipe import Augment
from fastswap.training.rng import Rng

BLOCK = 8
BLUR = (0.4, 1.6)
"""Deviation of the Gaussian in pixels of a 128 px crop."""
NOISE = 0.03
QUANTISER = (0.01, 0.12)
"""Step of the lowest coefficients, in 0..1; JPEG quality from about 90 down to 25."""


def degrade(faces: Tensor, settings: Augment, rng: Rng) -> Tensor:
    """Faces [N, 3, R, R] in 0..1 as poor footage would show them; all random choices are made per face."""
    if settings.light:
        faces = slope(faces, settings.light, rng)
    for change, probability in (
        (_blurred, settings.blur),
        (_noisy, settings.noise),
        (_compressed, settings.compression),
    ):
        if probability:
            faces = _sometimes(faces, probability, change, rng)
    return faces.clamp(0.0, 1.0)


def slope(faces: Tensor, strength: float, rng: Rng) -> Tensor:
    """Light that falls off across the face in a random direction."""
    count, _, height, width = faces.shape
    tilt = rng.normal(count, 2, 1, 1) * strength
    down = torch.linspace(-1.0, 1.0, height, device=faces.device)[:, None]
    across = torch.linspace(-1.0, 1.0, width, device=faces.device)[None, :]
    return faces * torch.exp(tilt[:, :1] * across + tilt[:, 1:] * down)


def _sometimes(
    faces: Tensor, probability: float, change: Callable[[Tensor, Rng], Tensor], rng: Rng
) -> Tensor:
    """Applies the change to the faces that chance picks, and to those alone."""
    chosen = rng.some(len(faces), probability)
    if not len(chosen):
        return faces
    return faces.index_copy(0, chosen, change(faces[chosen], rng))


def _blurred(faces: Tensor, rng: Rng) -> Tensor:
    count, channels, _, side = faces.shape
    low, high = (sigma * side / 128.0 for sigma in BLUR)
    sigma = low + (high - low) * 0.5 * (rng.uniform(count) + 1.0)
    reach = max(1, math.ceil(2.5 * high))
    offset = torch.arange(-reach, reach + 1, device=faces.device, dtype=torch.float32)
    taps = torch.exp(-0.5 * (offset[None, :] / sigma[:, None]).square())
    taps = (taps / taps.sum(1, keepdim=True)).repeat_interleave(channels, 0)
    flat = faces.reshape(1, count * channels, side, side)
    flat = F.pad(flat, (reach, reach, reach, reach), mode="replicate")
    flat = F.conv2d(flat, taps[:, None, None, :], groups=count * channels)
    return F.conv2d(flat, taps[:, None, :, None], groups=count * channels).view_as(faces)


def _noisy(faces: Tensor, rng: Rng) -> Tensor:
    count, _, height, width = faces.shape
    strength = rng.uniform(count, 1, 1, 1).abs() * NOISE
    gray = rng.normal(count, 1, height, width)
    color = rng.normal(count, 3, height, width)
    return faces + strength * (0.75 * gray + 0.65 * color)


def _compressed(faces: Tensor, rng: Rng) -> Tensor:
    """Block transform, quantised: what JPEG and intra frames of video do, in R'G'B' and without chroma subsampling."""
    count, channels, height, width = faces.shape
    low, high = (math.log(step) for step in QUANTISER)
    step = torch.exp(low + (high - low) * 0.5 * (rng.uniform(count, 1, 1, 1) + 1.0))
    matrix, growth = (table.to(faces.device) for table in _transform())
    bottom, right = -height % BLOCK, -width % BLOCK
    padded = F.pad(faces, (0, right, 0, bottom), mode="replicate")
    blocks = F.unfold(padded.reshape(-1, 1, *padded.shape[2:]), BLOCK, stride=BLOCK)
    blocks = blocks.transpose(1, 2).reshape(count, -1, BLOCK, BLOCK)
    steps = step * growth
    levels = torch.round(matrix @ blocks @ matrix.T / steps) * steps
    blocks = (matrix.T @ levels @ matrix).reshape(count * channels, -1, BLOCK * BLOCK).transpose(1, 2)
    whole = F.fold(blocks, padded.shape[2:], BLOCK, stride=BLOCK).view_as(padded)
    return whole[:, :, :height, :width]


@lru_cache(maxsize=1)
def _transform() -> tuple[Tensor, Tensor]:
    """The orthonormal DCT-II matrix [8, 8] and how quantisation grows with frequency, as JPEG's luma table about
    does."""
    k = torch.arange(BLOCK, dtype=torch.float32)
    matrix = torch.cos(math.pi * (2.0 * k[None, :] + 1.0) * k[:, None] / (2.0 * BLOCK)) * math.sqrt(
        2.0 / BLOCK
    )
    matrix[0] /= math.sqrt(2.0)
    growth = BLOCK * (1.0 + 0.6 * (k[:, None] + k[None, :])) / BLOCK
    return matrix, growth
