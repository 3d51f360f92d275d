"""How a generator is trained, in numbers that a preset or a TOML file sets. Needs no torch."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from typing import Any

from fastswap.errors import SettingsError


@dataclass(frozen=True, slots=True)
class Augment:
    """How strong the changes of a face are. Lengths are fractions of the crop's side.

    turn: degrees, uniform in +-turn. zoom: scale, log-uniform in +-zoom. shift: uniform in +-shift. warp:
    standard deviation of the nodes of the `nodes` x `nodes` warp grid. flip: probability of mirroring. transfer:
    probability that a source face takes the overall colours of a random target face.

    proportions: how far source's faces that are much narrower or wider than the target's are made as wide, 0..1, so
    that eyes come to lie on eyes. All else of the source is kept; the shape of the head is the target's anyway.
    demand: share of the source's faces that are drawn because the target does the same, with their lips closed where it
    needs that (see `demand`); the others show every pose equally often.

    The others change only what the network is shown, never what it has to draw. gain, tint, offset: deviations
    of brightness, of each channel's, and of the black level. light: strength of a random slope of light across
    the face. blur, noise, compression: probability of a soft focus, of camera noise, and of 8x8 block
    compression, each of random strength.
    """

    turn: float = 4.0
    zoom: float = 0.04
    shift: float = 0.02
    warp: float = 0.01
    nodes: int = 5
    flip: float = 0.0
    transfer: float = 0.0
    proportions: float = 1.0
    demand: float = 0.5
    gain: float = 0.10
    tint: float = 0.04
    offset: float = 0.02
    light: float = 0.10
    blur: float = 0.15
    noise: float = 0.15
    compression: float = 0.15


@dataclass(frozen=True, slots=True)
class LossWeights:
    """Shares of the loss; 0 leaves a part out, and its work too.

    pixel: mean absolute error of R'G'B'. Absolute, because squared errors favour blur (Zhao et al. 2017). square:
    mean squared error. structure: 1 - SSIM of luma, which is what sees lost texture (Wang et al. 2004). scales: sizes
    at which it is taken, each half of the one before (multi-scale SSIM, Wang et al. 2003): the coarse ones hold
    features in place, the fine one keeps texture. edge: absolute error of luma's first differences, which
    sharpens lids, lips and teeth (gradient difference, Mathieu et al. 2016). mask: cross entropy of the mask. outside:
    weight of a pixel outside the face, inside it is 1. priority: weight added where eyes and mouth are. style: error of
    the swap's local colours against the target's face, by mean and deviation (Huang and Belongie 2017); the swap
    then takes the target's light. expression: squared error of the expression that the code tells. follow: squared
    error of the expression that the swap shows to the generator itself. onlooker: the same as the face mesh sees it, by
    Huber's function. align: cross entropy of whose face a code seems to be with "either", see `domain`; these four are
    of the family duo. gan: share of the patch discriminator in the GAN stage (Isola et al. 2017).
    """

    pixel: float = 1.0
    square: float = 0.0
    structure: float = 0.5
    scales: int = 1
    edge: float = 0.5
    mask: float = 0.1
    outside: float = 0.1
    priority: float = 2.0
    style: float = 0.0
    expression: float = 0.1
    follow: float = 0.5
    onlooker: float = 0.1
    align: float = 0.003
    gan: float = 0.05


@dataclass(frozen=True, slots=True)
class Stages:
    """Lengths of the stages in steps.

    warped: the network sees warped faces. unwarped: the warp shrinks, and detail settles. gan: a discriminator
    joins in. A run with a budget of its own (steps or minutes) keeps their proportions. floor: what is left of the warp
    in the second stage, as a share. plateau: a stage ends early once the loss has fallen by less than this share from
    one tenth of the stage to the next; 0 never ends it.
    """

    warped: int = 40_000
    unwarped: int = 60_000
    gan: int = 0
    floor: float = 0.25
    plateau: float = 0.0

    def __post_init__(self) -> None:
        if min(self.warped, self.unwarped, self.gan) < 0 or self.warped + self.unwarped < 1:
            raise SettingsError(
                f"stages: {self.warped}, {self.unwarped}, {self.gan} steps; the first two must not both be 0"
            )
        if not (0.0 <= self.plateau < 1.0 and 0.0 <= self.floor <= 1.0):
            raise SettingsError(f"stages: plateau {self.plateau} and floor {self.floor} must lie in 0..1")

    @property
    def total(self) -> int:
        """Steps of all stages."""
        return self.warped + self.unwarped + self.gan


def check_numbers(kind: str, values: Any) -> None:
    """Raises SettingsError for a number of a settings dataclass that is negative or not finite."""
    for field in fields(values):
        value = getattr(values, field.name)
        if isinstance(value, int | float) and not (math.isfinite(value) and value >= 0):
            raise SettingsError(f"{kind}: {field.name} is {value}; it must be 0 or more")


def as_json(values: Any) -> dict[str, Any]:
    """A settings dataclass as plain JSON values."""
    return asdict(values)
