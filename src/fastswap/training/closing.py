"""Closes parted lips by a warp; see `lips` for what for."""

from __future__ import annotations

import torch
from torch import Tensor

from fastswap.training.lips import NODES

MEETS = 0.35
"""Where the lips meet, as a share of the way from the upper rim to the lower: mostly it is the jaw that moves."""
ABOVE, BELOW = 0.9, 1.6
"""How far from where they meet the warp reaches, up to the nose and down to the chin, in half widths of the mouth."""


def close(grid: Tensor, lips: Tensor) -> Tensor:
    """Where to look in pictures with parted lips, so that they are shown closed.

    grid: [N, H, W, 2], places in -1..1 of the picture that is to be shown. lips: [N, 38], see `lips.measure`. Returns
    places in the stored picture, of the same shape. What lies between the lips is left out; what lies above and below
    gives way, less and less with the distance.
    """
    middle, half = lips[:, None, None, :2], lips[:, None, None, 2:4]
    down = torch.stack((-half[..., 1], half[..., 0]), dim=-1)
    power = half.square().sum(-1).clamp_min(1e-12)
    away = grid - middle
    across, below = (away * half).sum(-1) / power, (away * down).sum(-1) / power
    upper, lower = _rims(across, lips[:, 4:].view(-1, 2, NODES))
    meet = upper + MEETS * (lower - upper)
    over = below - meet
    moved = torch.where(
        over < 0.0, (upper - meet) * _fade(-over / ABOVE), (lower - meet) * _fade(over / BELOW)
    )
    return grid + moved[..., None] * down


def _rims(across: Tensor, rims: Tensor) -> tuple[Tensor, Tensor]:
    """Both rims [N, 2, NODES] where a place is, across [N, H, W]: linear between nodes, 0 beyond the corners."""
    place = (across * 0.5 + 0.5) * (NODES - 1)
    inside = ((place >= 0.0) & (place <= NODES - 1)).float()
    place = place.clamp(0.0, NODES - 1.001)
    first = place.long()
    share = place - first
    flat = first.flatten(1)
    out = []
    for rim in rims.unbind(1):
        near, far = rim.gather(1, flat).view_as(place), rim.gather(1, flat + 1).view_as(place)
        out.append((near + (far - near) * share) * inside)
    return out[0], out[1]


def _fade(distance: Tensor) -> Tensor:
    """From 1 at 0 smoothly to 0 at 1 and beyond."""
    x = distance.clamp(0.0, 1.0)
    return 1.0 - x * x * (3.0 - 2.0 * x)
