"""Two decoders: one encoder and one code for both persons, a decoder for each (the first deepfakes trainers' layout).

Both persons' faces pass through the same encoder and the same inner layers, so the code has to describe what
they share (pose, expression, light). Each decoder draws one person only. A swap encodes the target's face and
decodes it with the source's decoder.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from fastswap.training.network.generator import Drawn, Generator, Side
from fastswap.training.network.layers import Decoder, Encoder, initialise, rise, through_code
from fastswap.training.presets import Shape


class TwoDecoders(Generator):
    """See the module."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.encoder = Encoder(shape)
        self.code = through_code(shape)
        self.rise = rise(shape, shape.decoder[0])
        self.source = Decoder(shape)
        self.target = Decoder(shape)
        initialise(self)

    def forward(self, source: Tensor, target: Tensor, *, follow: bool = False) -> Drawn:
        shared = self.rise(self.code(self.encoder(torch.cat((source, target)))))
        return Drawn(self.source(shared[: len(source)]), self.target(shared[len(source) :]))

    def draw(self, face: Tensor, side: Side) -> Tensor:
        decoder = self.source if side == "source" else self.target
        out: Tensor = decoder(self.rise(self.code(self.encoder(face))))
        return out

    def swap_path(self) -> nn.Module:
        return copy.deepcopy(nn.Sequential(self.encoder, self.code, self.rise, self.source))
