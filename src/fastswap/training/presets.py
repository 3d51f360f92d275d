"""Sizes of the generator, by the compute that they need."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fastswap.errors import TrainingError


@dataclass(frozen=True, slots=True)
class Shape:
    """The generator's layers. All widths are multiples of 32, what matrix units of CPUs and GPUs fill best.

    resolution: side of the crop, a multiple of 2 ** len(encoder). encoder: channels at R/2, R/4, ...
    latent: numbers that describe a face. decoder: channels from the encoder's last level back up to R/2.
    blocks: residual blocks a level of the decoder.
    """

    resolution: int
    encoder: tuple[int, ...]
    latent: int
    decoder: tuple[int, ...]
    blocks: int = 1

    def __post_init__(self) -> None:
        if len(self.decoder) != len(self.encoder) or len(self.encoder) < 2:
            raise TrainingError("network: encoder and decoder need the same number of levels, two or more")
        if self.resolution % self.stride:
            raise TrainingError(f"network: resolution {self.resolution} is no multiple of {self.stride}")

    @property
    def stride(self) -> int:
        """How many pixels of the crop one cell of the deepest level covers."""
        return 1 << len(self.encoder)

    def to_json(self) -> dict[str, Any]:
        """The shape as plain JSON values."""
        return {
            "resolution": self.resolution,
            "encoder": list(self.encoder),
            "latent": self.latent,
            "decoder": list(self.decoder),
            "blocks": self.blocks,
        }


@dataclass(frozen=True, slots=True)
class Preset:
    """A generator with the training settings that suit it.

    batch: faces of each person in one step. rate: peak learning rate. minutes: training time that is asked
    for when the user names none.
    """

    name: str
    shape: Shape
    batch: int
    rate: float
    minutes: float


PRESETS: dict[str, Preset] = {
    preset.name: preset
    for preset in (
        Preset("tiny", Shape(64, (32, 64, 96), 256, (96, 64, 32)), 16, 1e-3, 15),
        Preset("small", Shape(96, (32, 64, 96, 96), 128, (96, 96, 64, 32)), 16, 8e-4, 60),
        Preset("medium", Shape(128, (64, 128, 256, 384), 384, (384, 384, 256, 128)), 16, 3e-4, 720),
        Preset("large", Shape(224, (64, 128, 256, 384, 512), 512, (512, 512, 384, 256, 128)), 16, 2e-4, 2880),
    )
}


def find_preset(name: str) -> Preset:
    """The preset of that name. Raises TrainingError that lists the names."""
    if name not in PRESETS:
        raise TrainingError(f"preset {name!r} does not exist; choose one of {', '.join(PRESETS)}")
    return PRESETS[name]
