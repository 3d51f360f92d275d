"""Generators by the compute that they need, each with the training that suits it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args

from fastswap.errors import TrainingError
from fastswap.training.recipe import Augment, LossWeights, Stages

Family = Literal["df", "liae", "duo"]
RESOLUTIONS = (32, 512)


@dataclass(frozen=True, slots=True)
class Shape:
    """The generator's layers. Widths in multiples of 32 fill the matrix units of CPUs and GPUs best.

    resolution: side of the crop, a multiple of 2 ** len(encoder). encoder: channels at R/2, R/4, ...
    latent: numbers that describe a face. decoder: channels from the encoder's last level back up to R/2.
    blocks: residual blocks a level of the decoder. kernel: side of the kernels that double the resolution. family: see
    the modules of `network`.
    """

    resolution: int
    encoder: tuple[int, ...]
    latent: int
    decoder: tuple[int, ...]
    blocks: int = 1
    kernel: int = 3
    family: Family = "duo"

    def __post_init__(self) -> None:
        if self.family not in get_args(Family):
            raise TrainingError(
                f"network: family is {self.family!r}; choose one of {', '.join(get_args(Family))}"
            )
        if len(self.decoder) != len(self.encoder) or len(self.encoder) < 2:
            raise TrainingError("network: encoder and decoder need the same number of levels, two or more")
        if not RESOLUTIONS[0] <= self.resolution <= RESOLUTIONS[1]:
            raise TrainingError(
                "network: resolution is {}; it must lie in {}..{}".format(self.resolution, *RESOLUTIONS)
            )
        if self.resolution % self.stride:
            raise TrainingError(f"network: resolution {self.resolution} is no multiple of {self.stride}")
        if min(*self.encoder, *self.decoder, self.latent, self.blocks) < 1:
            raise TrainingError("network: channels, latent and blocks must be 1 or more")
        if self.kernel not in (1, 3):
            raise TrainingError(f"network: kernel is {self.kernel}; choose 1 or 3")

    @property
    def stride(self) -> int:
        """How many pixels of the crop one cell of the deepest level covers."""
        return 1 << len(self.encoder)

    def to_json(self) -> dict[str, Any]:
        """The shape as plain JSON values."""
        return {
            key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()
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
    stages: Stages = field(default_factory=Stages)
    weights: LossWeights = field(default_factory=LossWeights)
    changes: Augment = field(default_factory=Augment)

    @property
    def watched(self) -> bool:
        """Whether an onlooker holds the swaps against the target."""
        return self.weights.onlooker > 0.0 and self.shape.family == "duo"


PRESETS: dict[str, Preset] = {
    preset.name: preset
    for preset in (
        Preset("tiny", Shape(64, (32, 64, 96), 256, (96, 64, 32)), 16, 1e-3, 15),
        Preset("small", Shape(96, (32, 64, 96, 96), 128, (96, 96, 64, 32)), 16, 8e-4, 60),
        Preset("medium", Shape(128, (64, 128, 256, 384), 384, (384, 384, 256, 128)), 16, 3e-4, 720),
        Preset("large", Shape(224, (64, 128, 256, 384, 512), 512, (512, 512, 384, 256, 128)), 16, 2e-4, 2880),
        Preset(
            "huge",
            Shape(320, (64, 128, 256, 512, 512), 512, (512, 512, 384, 256, 128)),
            16,
            2e-4,
            5760,
            Stages(80_000, 160_000, 60_000),
        ),
        Preset(
            "max",
            Shape(512, (64, 96, 192, 320, 384, 512), 512, (512, 512, 384, 256, 128, 96)),
            8,
            1e-4,
            10_080,
            Stages(120_000, 240_000, 100_000),
        ),
    )
}


def find_preset(name: str) -> Preset:
    """The preset of that name, or the one that a TOML file of that name describes. Raises TrainingError."""
    if name.endswith(".toml"):
        from fastswap.training.custom import read_preset

        return read_preset(name)
    if name not in PRESETS:
        raise TrainingError(
            f"preset {name!r} does not exist; choose one of {', '.join(PRESETS)}, or a .toml file"
        )
    return PRESETS[name]
