"""The critic of the GAN stage: it tells drawn patches from real ones, and so shows the generator what is too smooth.

A patch discriminator (Isola et al. 2017): its answers come at a quarter and at an eighth of the resolution, so it
judges texture and not who is shown. The hinge loss (Lim and Ye 2017) stops pushing where it is already sure, and
spectral normalisation (Miyato et al. 2018) keeps its slopes bounded, which is what makes a short stage at the end
stable.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from fastswap.training.adversary import Adversary

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


class Critic(Adversary):
    """The discriminator with its optimiser."""

    def __init__(self, device: torch.device) -> None:
        super().__init__(Patches(), device, decay=0.0)
        self.device = device

    def fool(self, drawn: Tensor, *, bf16: bool) -> Tensor:
        """The generator's share: how unreal the drawn pictures look. The critic's own gradients stay untouched."""
        with self.still(), torch.autocast(self.device.type, torch.bfloat16, enabled=bf16):
            near, far = self.network(drawn)
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
