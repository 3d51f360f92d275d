"""The plainest training: so many steps of one recipe, and nothing around it. Benchmarks and ablations use it."""

from __future__ import annotations

from collections.abc import Callable

import torch

from fastswap.training.guard import Guard
from fastswap.training.learner import Learner
from fastswap.training.presets import Preset
from fastswap.training.schedule import Budget, Course, rate_factor
from fastswap.training.store import FaceArrays

LOOK_EVERY = 20
"""Steps between looks at the losses, each of which waits for the device."""


def fit(
    preset: Preset,
    source: FaceArrays,
    target: FaceArrays,
    *,
    steps: int,
    seed: int = 0,
    bf16: bool = True,
    device: torch.device | None = None,
    told: Callable[[int, float], None] | None = None,
) -> Learner:
    """A learner after so many steps of the preset. told: step and mean loss, now and then."""
    learner = Learner(
        preset.shape,
        source,
        target,
        batch=preset.batch,
        seed=seed,
        device=device or torch.device("cpu"),
        bf16=bf16,
        changes=preset.changes,
        weights=preset.weights,
        adversary=preset.stages.gan > 0,
    )
    course, budget, guard = Course(preset.stages), Budget(steps, None), Guard(learner)
    total, count = 0.0, 0
    while learner.step_count < steps:
        place = course.place(budget.spent(learner.step_count, 0.0))
        rate = preset.rate * guard.rate * rate_factor(learner.step_count, place)
        shown = learner.step(rate, course.warp_factor(place), gan=course.stage(place) == "gan")
        total, count = total + shown[0], count + 1  # type: ignore[assignment]
        if count == LOOK_EVERY or learner.step_count == steps:
            guard.look(float(total) / count, count)
            if told:
                told(learner.step_count, float(total) / count)
            total, count = 0.0, 0
    return learner
