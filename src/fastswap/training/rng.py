"""Random numbers that a checkpoint can keep."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class Rng:
    """Random numbers on one device, and a few on the host that decide how much work there is."""

    def __init__(self, seed: int, device: torch.device) -> None:
        self.device = device
        self.generator = torch.Generator(device).manual_seed(seed)
        self.host = torch.Generator().manual_seed(seed + 1)

    def uniform(self, *shape: int) -> Tensor:
        """Uniform in -1..1."""
        return torch.rand(shape, generator=self.generator, device=self.device) * 2.0 - 1.0

    def normal(self, *shape: int) -> Tensor:
        """Standard normal."""
        return torch.randn(shape, generator=self.generator, device=self.device)

    def chance(self, count: int, probability: float) -> Tensor:
        """bool [count]."""
        return torch.rand(count, generator=self.generator, device=self.device) < probability

    def index(self, count: int, end: int) -> Tensor:
        """int64 [count] in 0..end-1."""
        return torch.randint(end, (count,), generator=self.generator, device=self.device)

    def some(self, count: int, probability: float) -> Tensor:
        """Some of 0..count-1, that share of them on average. How many is known without asking the device."""
        many = int(count * probability + float(torch.rand((), generator=self.host)))
        return torch.randperm(count, generator=self.generator, device=self.device)[: min(many, count)]

    def state(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {"device": self.generator.get_state(), "host": self.host.get_state()}

    def restore(self, state: dict[str, Any]) -> None:
        """Takes a state made by `state`."""
        self.generator.set_state(state["device"].cpu())
        self.host.set_state(state["host"].cpu())
