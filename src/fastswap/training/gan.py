"""The critic of the GAN stage: it tells drawn patches from real ones, and so shows the generator what is too smooth.

A patch discriminator (Isola et al. 2017): its answers come at a quarter and at an eighth of the resolution, so it
judges texture and not who is shown. The hinge loss (Lim and Ye 2017) stops pushing where it is already sure, and
spectral normalisation (Miyato et al. 2018) keeps its slopes bounded, which is what makes a short stage at the end
stable.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

SLOPE = 0.2
WIDTHS = (32, 64, 128)


class Patches(nn.Module):
    """Pictures [N, 3, R, R] in 0..1 to answers at R/4 and R/8, two [N, 1, h, w]; above 0 means real."""

    def __init__(self) -> None:
        super().__init__()
        first, second, third = WIDTHS
        self.stem = spectral_norm(nn.Conv2d(3, first, 4, stride=2, padding=1))
        self.middle = spectral_norm(nn.Conv2d(first, second, 4, stride=2, padding=1))
        self.deep = spectral_norm(nn.Conv2d(second, third, 4, stride=2, padding=1))
        self.near = spectral_norm(nn.Conv2d(second, 1, 3, padding=1))
        self.far = spectral_norm(nn.Conv2d(third, 1, 3, padding=1))

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        fine = F.leaky_relu(self.middle(F.leaky_relu(self.stem(pictures * 2.0 - 1.0), SLOPE)), SLOPE)
        near: Tensor = self.near(fine)
        far: Tensor = self.far(F.leaky_relu(self.deep(fine), SLOPE))
        return near, far


class Critic:
    """The discriminator with its optimiser."""

    def __init__(self, resolution: int, device: torch.device) -> None:
        self.device = device
        self.network = Patches().to(device)
        self.parameters = list(self.network.parameters())
        self.optimizer = torch.optim.AdamW(
            self.parameters, lr=0.0, betas=(0.5, 0.99), weight_decay=0.0, fused=True
        )

    def fool(self, drawn: Tensor, *, bf16: bool) -> Tensor:
        """The generator's share: how unreal the drawn pictures look. The critic's own gradients stay untouched."""
        for weight in self.parameters:
            weight.requires_grad_(False)
        try:
            with torch.autocast(self.device.type, torch.bfloat16, enabled=bf16):
                answers = self.network(drawn)
        finally:
            for weight in self.parameters:
                weight.requires_grad_(True)
        near, far = answers
        loss: Tensor = -0.5 * (near.float().mean() + far.float().mean())
        return loss

    def learn(self, real: Tensor, drawn: Tensor, share: float, *, bf16: bool) -> Tensor:
        """Adds the critic's gradients for these pictures, times `share`; its loss."""
        with torch.autocast(self.device.type, torch.bfloat16, enabled=bf16):
            answers = self.network(torch.cat((real, drawn)))
        loss = real.new_zeros(())
        for answer in answers:
            good, bad = answer.float().chunk(2)
            loss = loss + 0.5 * (F.relu(1.0 - good).mean() + F.relu(1.0 + bad).mean())
        (share * loss).backward()  # type: ignore[no-untyped-call]
        return loss.detach()

    def descend(self, rate: float) -> None:
        """One step of the critic's optimiser; infinite gradients leave it out."""
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
