"""What every family of generators offers, and what of it a renderer needs."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from fastswap.training.presets import Shape

Side = Literal["source", "target"]


class Drawn(NamedTuple):
    """What a training step compares.

    source, target: logits [N, 4, R, R] of both persons' faces drawn as themselves. read: the expressions [2N, 12] that
    the code of each face tells, source's first. followed: the expressions [N, 12] that the target's faces still show
    when they are drawn as the source. swapped: logits [N, 4, R, R] of these. codes: [2N, latent] of all faces,
    source's first. None where a family has no such thing.
    """

    source: Tensor
    target: Tensor
    read: Tensor | None = None
    followed: Tensor | None = None
    swapped: Tensor | None = None
    codes: Tensor | None = None


class Generator(nn.Module, ABC):
    """Draws two persons from one description of a face. Faces are [N, 3, R, R] in 0..1, drawings logits [N, 4,
    R, R]."""

    shape: Shape

    @abstractmethod
    def forward(self, source: Tensor, target: Tensor, *, follow: bool = False) -> Drawn:
        """Both persons' faces drawn as themselves. follow: also draw the swap and read its expression."""

    @abstractmethod
    def draw(self, face: Tensor, side: Side) -> Tensor:
        """Faces of either person drawn as the person of that side; a target's face as "source" is the swap."""

    @abstractmethod
    def swap_path(self) -> nn.Module:
        """Faces to the source's logits, with nothing in it that only training needs. A copy, not a view."""


class SwapPath(nn.Module):
    """What rendering needs: `face` to `swap` [N, 3, R, R] and `mask` [N, 1, R, R], both in 0..1."""

    def __init__(self, generator: Generator) -> None:
        super().__init__()
        self.path = generator.swap_path()

    def forward(self, face: Tensor) -> tuple[Tensor, Tensor]:
        drawn = torch.sigmoid(self.path(face))
        return drawn[:, :3], drawn[:, 3:]


def count_multiply_adds(path: nn.Module, resolution: int) -> float:
    """Multiply-adds of the convolutions and matrix products that one face takes; no data is touched."""
    total = 0.0

    def count(layer: nn.Module, _: object, out: Tensor) -> None:
        nonlocal total
        assert isinstance(layer, nn.Conv2d | nn.Linear)
        places = out.shape[-1] * out.shape[-2] if isinstance(layer, nn.Conv2d) else 1
        total += layer.weight.numel() * places

    path = copy.deepcopy(path).to("meta")
    hooks = [
        module.register_forward_hook(count)
        for module in path.modules()
        if isinstance(module, nn.Conv2d | nn.Linear)
    ]
    path(torch.empty(1, 3, resolution, resolution, device="meta"))
    for hook in hooks:
        hook.remove()
    return total
