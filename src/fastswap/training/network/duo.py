"""One decoder and two differences, and a code that tells the expression: fastswap's own family.

Two separate decoders learn everything twice, each from one person's pictures; a single decoder must carry who it draws
in the code, beside the expression. Here the decoder that draws a person is the sum of weights that both share and a
difference of that person's own, which starts at zero. What faces have in common is learned once from all pictures; what
tells the two apart still has a whole decoder's weights to live in. For the swap the sum is taken once, when the model
is exported, and costs nothing.

Nothing in a picture of one person says what the other looks like with the same expression, so any of these networks may
draw a closed mouth of the target as an open one of the source, and no reconstruction shows it. The mesh knows better: a
linear reader tells pose and expression (`training.expression`) from the code, and in training the swap is drawn too and
read again, with the reader held still, so that the decoder has to keep what the target did. The reader is not exported.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.func import functional_call

from fastswap.training import expression
from fastswap.training.network.generator import Drawn, Generator, Side
from fastswap.training.network.layers import Decoder, Encoder, Narrow, Widen, initialise, rise
from fastswap.training.presets import Shape


class Duo(Generator):
    """See the module."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.encoder = Encoder(shape)
        self.narrow = Narrow(shape)
        self.reader = nn.Linear(shape.latent, expression.COUNT)
        self.widen = Widen(shape)
        self.rise = rise(shape, shape.decoder[0])
        self.shared = Decoder(shape)
        self.source = Decoder(shape)
        self.target = Decoder(shape)
        initialise(self)
        with torch.no_grad():
            self.reader.weight.mul_(0.1)
            for weight in (*self.source.parameters(), *self.target.parameters()):
                weight.zero_()

    def forward(self, source: Tensor, target: Tensor, *, follow: bool = False) -> Drawn:
        codes = self.narrow(self.encoder(torch.cat((source, target))))
        maps = self.rise(self.widen(codes))
        own, other = maps[: len(source)], maps[len(source) :]
        swapped = self._decode(other, "source") if follow else None
        followed = None if swapped is None else self._read_again(swapped)
        drawn = self._decode(own, "source"), self._decode(other, "target")
        return Drawn(*drawn, self.reader(codes), followed, swapped, codes)

    def draw(self, face: Tensor, side: Side) -> Tensor:
        return self._decode(self.rise(self.widen(self.narrow(self.encoder(face)))), side)

    def swap_path(self) -> nn.Module:
        decoder = copy.deepcopy(self.shared)
        with torch.no_grad():
            for weight, own in zip(decoder.parameters(), self.source.parameters(), strict=True):
                weight.add_(own)
        return nn.Sequential(*copy.deepcopy([self.encoder, self.narrow, self.widen, self.rise]), decoder)

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

    def _read_again(self, drawn: Tensor) -> Tensor:
        """The expression of drawn faces. Encoder and reader are held still: they are to judge, not to be talked
        round."""
        faces = torch.sigmoid(drawn[:, :3])
        for module in (self.encoder, self.narrow, self.reader):
            faces = functional_call(module, _still(module), (faces,))
        return faces


def _still(module: nn.Module) -> dict[str, Tensor]:
    return {name: weight.detach() for name, weight in module.named_parameters()}
