"""What all families of generators are made of.

Most of the work happens at half the crop's resolution and below, in dense 3x3 convolutions; the last layer
draws 2x2 pixels at once (sub-pixel convolution, Shi et al. 2016). That keeps matrix units busy and maps
small. There are no normalisation layers, so nothing but convolutions and cheap activations is left to run
when rendering.
"""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fastswap.training.presets import Shape

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
    """Doubles the resolution by a pixel shuffle: [N, C, H, W] to [N, out, 2H, 2W]. side: of the kernel, 1 or 3."""

    def __init__(self, channels: int, out: int, side: int = 3) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, out * 4, side, padding=side // 2)

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


class Narrow(nn.Module):
    """Features to the latent code [N, latent].

    The code is scaled to unit mean square: both persons' codes then lie on one sphere, and no decoder can
    tell them apart by their length.
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        cells = shape.resolution // shape.stride
        self.shrink = nn.Linear(shape.encoder[-1] * cells**2, shape.latent)

    def forward(self, features: Tensor) -> Tensor:
        code: Tensor = self.shrink(features.flatten(1))
        return code * torch.rsqrt(code.square().mean(1, keepdim=True) + 1e-6)


class Widen(nn.Module):
    """The code to a map [N, C, cells, cells]."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.cells = shape.resolution // shape.stride
        self.channels = shape.decoder[0]
        self.grow = nn.Linear(shape.latent, self.channels * self.cells**2)

    def forward(self, code: Tensor) -> Tensor:
        grown = F.leaky_relu(self.grow(code), SLOPE)
        return grown.reshape(-1, self.channels, self.cells, self.cells)


def through_code(shape: Shape) -> nn.Sequential:
    """Features through the code and back to a map [N, C, cells, cells]."""
    return nn.Sequential(Narrow(shape), Widen(shape))


def rise(shape: Shape, channels: int) -> nn.Sequential:
    """The first step up, [N, channels, cells, cells] to twice the side: coarse layout is common to both faces."""
    wide = shape.decoder[1]
    return nn.Sequential(Up(channels, wide, shape.kernel), Residual(wide))


class Decoder(nn.Module):
    """The map after the first step up to a face: logits of R'G'B' and mask, [N, 4, R, R]."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        widths = shape.decoder[1:]
        stages: list[nn.Module] = [Residual(widths[0]) for _ in range(shape.blocks - 1)]
        for wide, narrow in pairwise(widths):
            stages.append(Up(wide, narrow, shape.kernel))
            stages += [Residual(narrow) for _ in range(shape.blocks)]
        self.stages = nn.Sequential(*stages)
        self.head = nn.Conv2d(widths[-1], 4 * 4, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return F.pixel_shuffle(self.head(self.stages(x)), 2)


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
