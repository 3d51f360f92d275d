"""The generator: one encoder for both persons, one decoder for each.

Both persons' faces pass through the same encoder and the same inner layers, so the latent code has to
describe what they share (pose, expression, light). Each decoder draws one person only. A swap encodes the
target's face and decodes it with the source's decoder.

Most of the work happens at half the crop's resolution and below, in dense 3x3 convolutions; the last layer
draws 2x2 pixels at once (sub-pixel convolution, Shi et al. 2016). That keeps matrix units busy and maps
small. There are no normalisation layers, so nothing but convolutions and cheap activations is left to run
when rendering.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fastswap.training.presets import Shape

Side = Literal["source", "target"]
SLOPE = 0.1
"""Of the leaky rectifiers."""


class Residual(nn.Module):
    """Two 3x3 convolutions beside a straight connection: [N, C, H, W] to the same shape."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return F.leaky_relu(x + self.second(F.leaky_relu(self.first(x), SLOPE)), SLOPE)


class Down(nn.Module):
    """Halves the resolution: [N, C, H, W] to [N, out, H/2, W/2]."""

    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, out, 3, stride=2, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return F.leaky_relu(self.conv(x), SLOPE)


class Up(nn.Module):
    """Doubles the resolution by a pixel shuffle: [N, C, H, W] to [N, out, 2H, 2W]."""

    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, out * 4, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return F.pixel_shuffle(F.leaky_relu(self.conv(x), SLOPE), 2)


class Standardise(nn.Module):
    """What tells two persons' footage apart and is no expression is taken out of a face [N, 3, R, R]; -1..1 or so.

    Exposure and complexion: each channel's mean becomes 0, and the contrast, one figure for all channels, the same for
    all faces. Mean and contrast are taken under a bell over the middle of the crop, where every aligned face is skin.
    Hair and background: all fades to 0 outside an ellipse. The encoder then cannot know whose picture it sees by
    these, and the source's decoder is not asked to draw from codes that it never met.
    """

    def __init__(self, resolution: int) -> None:
        super().__init__()
        place = (torch.arange(resolution) + 0.5) / resolution
        across, down = (place - 0.5) / 0.22, (place - 0.55) / 0.28
        bell = torch.exp(-(across.square()[None, :] + down.square()[:, None]))[None, None]
        self.bell: Tensor
        self.register_buffer("bell", bell / bell.mean(), persistent=False)
        across, down = (place - 0.5) / 0.36, (place - 0.52) / 0.45
        radius = (across.square()[None, :] + down.square()[:, None]).sqrt()[None, None]
        self.window: Tensor
        self.register_buffer("window", ((1.15 - radius) / 0.3).clamp(0.0, 1.0), persistent=False)

    def forward(self, face: Tensor) -> Tensor:
        mean = (face * self.bell).mean((2, 3), keepdim=True)
        centered = face - mean
        power = (centered.square() * self.bell).mean((1, 2, 3), keepdim=True)
        return centered * torch.rsqrt(power + 1e-3) * 0.5 * self.window


class Encoder(nn.Module):
    """A face [N, 3, R, R] in 0..1 to features [N, C, R/stride, R/stride]."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.standardise = Standardise(shape.resolution)
        widths = shape.encoder
        self.stem = nn.Conv2d(3, widths[0], 6, stride=2, padding=2)
        stages: list[nn.Module] = []
        for narrow, wide in pairwise(widths):
            stages += [Down(narrow, wide), Residual(wide)]
        self.stages = nn.Sequential(*stages)

    def forward(self, face: Tensor) -> Tensor:
        out: Tensor = self.stages(F.leaky_relu(self.stem(self.standardise(face)), SLOPE))
        return out


class Inner(nn.Module):
    """Features to the latent code and back to a map [N, C, 2 * cells, 2 * cells].

    The code is scaled to unit mean square: both persons' codes then lie on one sphere, and no decoder can
    tell them apart by their length. The first step up is shared too: coarse layout is what both faces have in
    common.
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.cells = shape.resolution // shape.stride
        self.channels = shape.decoder[0]
        self.shrink = nn.Linear(shape.encoder[-1] * self.cells**2, shape.latent)
        self.grow = nn.Linear(shape.latent, self.channels * self.cells**2)
        self.up = nn.Sequential(Up(self.channels, shape.decoder[1]), Residual(shape.decoder[1]))

    def forward(self, features: Tensor) -> Tensor:
        code = self.shrink(features.flatten(1))
        code = code * torch.rsqrt(code.square().mean(1, keepdim=True) + 1e-6)
        grown = F.leaky_relu(self.grow(code), SLOPE)
        out: Tensor = self.up(grown.reshape(-1, self.channels, self.cells, self.cells))
        return out


class Decoder(nn.Module):
    """The inner map to one person's face: logits of R'G'B' and mask, [N, 4, R, R]."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        widths = shape.decoder[1:]
        stages: list[nn.Module] = [Residual(widths[0]) for _ in range(shape.blocks - 1)]
        for wide, narrow in pairwise(widths):
            stages.append(Up(wide, narrow))
            stages += [Residual(narrow) for _ in range(shape.blocks)]
        self.stages = nn.Sequential(*stages)
        self.head = nn.Conv2d(widths[-1], 4 * 4, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return F.pixel_shuffle(self.head(self.stages(x)), 2)


class Generator(nn.Module):
    """Encoder, shared inner layers and one decoder for each person."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.encoder = Encoder(shape)
        self.inner = Inner(shape)
        self.source = Decoder(shape)
        self.target = Decoder(shape)
        initialise(self)

    def forward(self, source: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """Reconstructs both: two [N, 3, R, R] in 0..1 to logits, two [N, 4, R, R]."""
        shared = self.inner(self.encoder(torch.cat((source, target))))
        return self.source(shared[: len(source)]), self.target(shared[len(source) :])

    def draw(self, face: Tensor, side: Side) -> Tensor:
        """Logits [N, 4, R, R] of the faces [N, 3, R, R] drawn as the person of that side."""
        decoder = self.source if side == "source" else self.target
        out: Tensor = decoder(self.inner(self.encoder(face)))
        return out


class SwapPath(nn.Module):
    """What rendering needs: `face` to `swap` [N, 3, R, R] and `mask` [N, 1, R, R], both in 0..1."""

    def __init__(self, generator: Generator) -> None:
        super().__init__()
        self.encoder = generator.encoder
        self.inner = generator.inner
        self.decoder = generator.source

    def forward(self, face: Tensor) -> tuple[Tensor, Tensor]:
        drawn = torch.sigmoid(self.decoder(self.inner(self.encoder(face))))
        return drawn[:, :3], drawn[:, 3:]


def initialise(model: nn.Module) -> None:
    """He initialisation (He et al. 2015); residual branches start small and pixel shuffles start smooth.

    A small second convolution makes a fresh residual block nearly the identity, which lets a network without
    normalisation take a large learning rate. The four filters of a pixel shuffle start equal (ICNR, Aitken et
    al. 2017), so that there is no checkerboard to unlearn.
    """
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(module.weight, a=SLOPE)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, Residual):
                module.second.weight.mul_(0.1)
            elif isinstance(module, Up):
                weight = module.conv.weight
                weight.copy_(weight[::4].repeat_interleave(4, dim=0))
            elif isinstance(module, Decoder):
                module.head.weight.mul_(0.1)


def multiply_adds(shape: Shape) -> float:
    """Multiply-adds that one swap of one face takes."""
    total = 0.0
    side = shape.resolution // 2
    total += 9 * 12 * shape.encoder[0] * side**2
    for narrow, wide in pairwise(shape.encoder):
        side //= 2
        total += 9 * (narrow * wide + 2 * wide * wide) * side**2
    cells = shape.resolution // shape.stride
    total += shape.latent * cells**2 * (shape.encoder[-1] + shape.decoder[0])
    side = cells
    for level, (wide, narrow) in enumerate(pairwise(shape.decoder)):
        blocks = 1 + (shape.blocks - 1) if level == 0 else shape.blocks
        total += 9 * 4 * wide * narrow * side**2
        side *= 2
        total += 9 * 2 * narrow * narrow * blocks * side**2
    return total + 9 * shape.decoder[-1] * 16 * side**2
