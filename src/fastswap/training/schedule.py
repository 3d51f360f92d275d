"""How far a training has come, and what that means for its learning rate, its warp and its critic."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Literal

from fastswap.training.recipe import Stages

WARM_UP = 100
"""Steps until the learning rate is reached; Adam's estimates are poor before."""
DECAY_FROM = 0.6
FLOOR = 0.02
SETTLE = 2.0 / 3.0
"""Share of the unwarped stage over which the warp shrinks."""
PARTS = 10
"""Parts of a stage between which the loss must fall, see `Stages.plateau`."""
HASTE = 2.0
"""How much faster than planned the rate comes down when the loss curve has ended the last stage."""

Stage = Literal["warped", "unwarped", "gan"]


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


@dataclass(slots=True)
class Course:
    """The way through the stages, 0..1. skipped: what the loss curve ended early, as a share of the whole.

    Places are shares of the whole course: what is spent of the budget, and what was skipped. The decay of the learning
    rate is never skipped: where the last stage ends early it is gone through in haste; where an earlier stage does,
    what is left of the decay has less of the course.
    """

    stages: Stages
    skipped: float = 0.0
    _hasty: float = field(default=math.inf)
    """Place from which the rest is gone through in haste."""
    _landed: float = field(default=math.inf)
    _left: float = field(default=math.inf)
    """Where the last jump over a part of the decay landed, and where the decay stood then."""
    _part: int = -1
    _sum: float = 0.0
    _count: int = 0
    _before: float = field(default=math.inf)

    def place(self, spent: float) -> float:
        """Where a training stands that has spent this share of its budget."""
        ahead = spent + self.skipped
        return ahead if ahead <= self._hasty else self._hasty + HASTE * (ahead - self._hasty)

    @property
    def closing(self) -> bool:
        """Whether the last stage was ended early, so that only the decay is left."""
        return self._hasty < math.inf

    def decay(self, place: float) -> float:
        """The place whose learning rate holds at a place, see `rate_factor`."""
        if place < self._landed:
            return place
        return self._left + (place - self._landed) * (1.0 - self._left) / (1.0 - self._landed)

    def _ends(self) -> tuple[float, float]:
        total = self.stages.total
        return self.stages.warped / total, (self.stages.warped + self.stages.unwarped) / total

    def stage(self, place: float) -> Stage:
        """The stage at a place."""
        first, second = self._ends()
        return "warped" if place < first else "unwarped" if place < second or not self.stages.gan else "gan"

    def warp_factor(self, place: float) -> float:
        """Strength of the random warp as a share of its start.

        A strong warp makes the code forget whose face it saw; once it has, a weak one shows the decoders where
        detail really is, so lids and lips come out sharp.
        """
        first, second = self._ends()
        late = min(1.0, max(0.0, (place - first) / max(SETTLE * (second - first), 1e-9)))
        return 1.0 - (1.0 - self.stages.floor) * late

    def observe(self, place: float, loss: float) -> Stage | None:
        """Takes note of a loss; the stage that it ended early, if it did."""
        if place < self._hasty - 1e-9:  # the budget has grown since
            self._hasty = math.inf
        if not self.stages.plateau or not math.isfinite(loss) or self.closing:
            return None
        stage = self.stage(place)
        first, second = self._ends()
        begin, end = {"warped": (0.0, first), "unwarped": (first, second), "gan": (second, 1.0)}[stage]
        inside = min(PARTS - 1, int((place - begin) / max(end - begin, 1e-9) * PARTS))
        part = inside + PARTS * ("warped", "unwarped", "gan").index(stage)
        if part == self._part:
            self._sum, self._count = self._sum + loss, self._count + 1
            return None
        before, mean = self._before, self._sum / self._count if self._count else math.inf
        same_stage = self._part // PARTS == part // PARTS
        self._part, self._sum, self._count = part, loss, 1
        self._before = mean if same_stage else math.inf
        if math.isfinite(before) and same_stage and mean > before * (1.0 - self.stages.plateau):
            self._skip(place, end)
            self._before = math.inf
            return stage
        return None

    def _skip(self, place: float, end: float) -> None:
        """Goes on after `end`, or in haste where that is the end of all."""
        stands = max(self.decay(place), DECAY_FROM)
        if end >= 1.0:
            end = max(place, DECAY_FROM)
            self._hasty = end
        elif end > DECAY_FROM:
            self._landed, self._left = end, stands
        self.skipped += max(0.0, end - place)

    def state(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {
            "skipped": self.skipped,
            "part": self._part,
            "sum": self._sum,
            "count": self._count,
            "before": self._before,
            "hasty": self._hasty,
            "landed": self._landed,
            "left": self._left,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Takes a state made by `state`."""
        self.skipped, self._part = float(state["skipped"]), int(state["part"])
        self._sum, self._count, self._before = (
            float(state["sum"]),
            int(state["count"]),
            float(state["before"]),
        )
        # Checkpoints of earlier versions do not have these.
        self._hasty, self._landed, self._left = (
            float(state.get(name, math.inf)) for name in ("hasty", "landed", "left")
        )


def rate_factor(step: int, place: float) -> float:
    """Learning rate as a share of the peak: a linear start, a plateau, then a cosine down to `FLOOR`.

    The plateau lets a longer run go on from the checkpoint of a shorter one; the decay at the end is where
    texture settles (the warm-up, stable, decay schedule; Hu et al. 2024).
    """
    start = min(1.0, (step + 1) / WARM_UP)
    late = min(1.0, max(0.0, (place - DECAY_FROM) / (1.0 - DECAY_FROM)))
    return start * (FLOOR + (1.0 - FLOOR) * 0.5 * (1.0 + math.cos(math.pi * late)))
