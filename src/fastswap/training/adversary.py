"""What a generator is trained against: a network with an optimiser of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn


class Adversary:
    """Keeps the network, its weights and its optimiser; what it judges is the business of those that are built on it.

    decay: of AdamW's weights.
    """

    def __init__(self, network: nn.Module, device: torch.device, decay: float) -> None:
        self.network = network.to(device)
        self.parameters = list(self.network.parameters())
        self.optimizer = torch.optim.AdamW(
            self.parameters, lr=0.0, betas=(0.5, 0.99), weight_decay=decay, fused=True
        )

    @contextmanager
    def still(self) -> Iterator[None]:
        """While the block lasts, answers lead gradients to what is judged, and none to the adversary's own weights."""
        for weight in self.parameters:
            weight.requires_grad_(False)
        try:
            yield
        finally:
            for weight in self.parameters:
                weight.requires_grad_(True)

    def descend(self, rate: float) -> None:
        """One step of the optimiser; infinite gradients leave it out."""
        norm = torch.nn.utils.clip_grad_norm_(self.parameters, 1.0)
        self.optimizer.found_inf = (~torch.isfinite(norm)).float()  # type: ignore[attr-defined]
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)

    def state(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {"weights": self.network.state_dict(), "optimizer": self.optimizer.state_dict()}

    def restore(self, state: dict[str, Any]) -> None:
        """Takes a state made by `state`."""
        self.network.load_state_dict(state["weights"])
        self.optimizer.load_state_dict(state["optimizer"])
