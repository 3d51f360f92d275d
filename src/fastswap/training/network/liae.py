"""Shared latent: one decoder draws both persons from a code of two halves.

One inner network makes a code of either person's face, a second one of the target's alone. The source is drawn from
the first code twice over, the target from both codes. What both faces share goes into the first; what makes the
target differ has only the second to go to. The swap draws the target's face from its first code twice over.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from fastswap.training.network.generator import Drawn, Generator, Side
from fastswap.training.network.layers import Decoder, Encoder, Up, initialise, rise, through_code
from fastswap.training.presets import Shape


class SharedLatent(Generator):
    """See the module."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.encoder = Encoder(shape)
        self.both = through_code(shape)
        self.own = through_code(shape)
        self.rise = rise(shape, 2 * shape.decoder[0])
        self.decoder = Decoder(shape)
        initialise(self)

    def forward(self, source: Tensor, target: Tensor, *, follow: bool = False) -> Drawn:
        features = self.encoder(torch.cat((source, target)))
        common = self.both(features)
        own = torch.cat((common[: len(source)], self.own(features[len(source) :])))
        drawn = self.decoder(self.rise(torch.cat((common, own), dim=1)))
        return Drawn(drawn[: len(source)], drawn[len(source) :])

    def draw(self, face: Tensor, side: Side) -> Tensor:
        features = self.encoder(face)
        common = self.both(features)
        own = common if side == "source" else self.own(features)
        out: Tensor = self.decoder(self.rise(torch.cat((common, own), dim=1)))
        return out

    def swap_path(self) -> nn.Module:
        """The first convolution sees the same map twice: its two halves are added up, which halves its work."""
        path = copy.deepcopy(nn.Sequential(self.encoder, self.both, self.rise, self.decoder))
        up: Up = path[2][0]  # type: ignore[index]
        weight = up.conv.weight.detach()
        half = weight.shape[1] // 2
        up.conv.weight = nn.Parameter((weight[:, :half] + weight[:, half:]).contiguous())
        up.conv.in_channels = half
        return path
