"""One decoder and two differences: fastswap's own family.

Two separate decoders learn everything twice, each from one person's pictures; a single decoder must carry who it draws
in the code, beside the expression. Here the decoder that draws a person is the sum of weights that both share and a
difference of that person's own, which starts at zero. What faces have in common is learned once from all pictures, so
the source's decoder understands codes of the target's expressions from the start; what tells the two apart still has
a whole decoder's weights to live in. For the swap the sum is taken once, when the model is exported, and costs nothing.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.func import functional_call

from fastswap.training.network.generator import Generator, Side
from fastswap.training.network.layers import Code, Decoder, Encoder, initialise, rise
from fastswap.training.presets import Shape


class Duo(Generator):
    """See the module."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.encoder = Encoder(shape)
        self.code = Code(shape)
        self.rise = rise(shape, shape.decoder[0])
        self.shared = Decoder(shape)
        self.source = Decoder(shape)
        self.target = Decoder(shape)
        initialise(self)
        with torch.no_grad():
            for weight in (*self.source.parameters(), *self.target.parameters()):
                weight.zero_()

    def forward(self, source: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        maps = self.rise(self.code(self.encoder(torch.cat((source, target)))))
        return self._decode(maps[: len(source)], "source"), self._decode(maps[len(source) :], "target")

    def draw(self, face: Tensor, side: Side) -> Tensor:
        return self._decode(self.rise(self.code(self.encoder(face))), side)

    def swap_path(self) -> nn.Module:
        decoder = copy.deepcopy(self.shared)
        with torch.no_grad():
            for weight, own in zip(decoder.parameters(), self.source.parameters(), strict=True):
                weight.add_(own)
        return nn.Sequential(*copy.deepcopy([self.encoder, self.code, self.rise]), decoder)

    def _decode(self, maps: Tensor, side: Side) -> Tensor:
        own = self.source if side == "source" else self.target
        weights = {
            name: weight + difference
            for (name, weight), difference in zip(
                self.shared.named_parameters(), own.parameters(), strict=True
            )
        }
        out: Tensor = functional_call(self.shared, weights, (maps,))
        return out
