"""How far a training has come, and what that means for its learning rate."""

from __future__ import annotations

import math
from dataclasses import dataclass

WARM_UP = 100
"""Steps until the learning rate is reached; Adam's estimates are poor before."""
DECAY_FROM = 0.6
FLOOR = 0.02
WARP_FROM, WARP_TO, WARP_FLOOR = 0.4, 0.8, 0.25
"""Shares of the budget between which the warp shrinks, and what is left of it."""


@dataclass(slots=True)
class Budget:
    """Steps or seconds to spend in all, earlier runs included; exactly one of the two is set."""

    steps: int | None
    seconds: float | None

    def spent(self, step: int, elapsed: float) -> float:
        """Share of the budget that is used, 0..1 or more."""
        if self.steps is not None:
            return step / self.steps
        assert self.seconds is not None
        return elapsed / self.seconds


def rate_factor(step: int, spent: float) -> float:
    """Learning rate as a share of the peak: a linear start, a plateau, then a cosine down to `FLOOR`.

    The plateau lets a longer run go on from the checkpoint of a shorter one; the decay at the end is where
    texture settles (the warm-up, stable, decay schedule; Hu et al. 2024).
    """
    start = min(1.0, (step + 1) / WARM_UP)
    late = min(1.0, max(0.0, (spent - DECAY_FROM) / (1.0 - DECAY_FROM)))
    return start * (FLOOR + (1.0 - FLOOR) * 0.5 * (1.0 + math.cos(math.pi * late)))


def warp_factor(spent: float) -> float:
    """Strength of the random warp as a share of its start.

    A strong warp makes the code forget whose face it saw; once it has, a weak one shows the decoders where
    detail really is, so lids and lips come out sharp.
    """
    late = min(1.0, max(0.0, (spent - WARP_FROM) / (WARP_TO - WARP_FROM)))
    return 1.0 - (1.0 - WARP_FLOOR) * late
