"""The parts of a training: faces of both persons, and the learner that the settings ask for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from fastswap.training.checks import coverage_notices
from fastswap.training.device import wants_bf16
from fastswap.training.learner import Learner
from fastswap.training.parallel import ALONE, World
from fastswap.training.proportions import width_notices
from fastswap.training.settings import TrainSettings
from fastswap.training.store import FaceArrays, load_faces

COVERAGE = 1.0


def load(
    source: Sequence[Path], target: Sequence[Path], settings: TrainSettings
) -> tuple[FaceArrays, FaceArrays]:
    """The faces of both persons; a pretraining draws both from the same mixed faces."""
    resolution = settings.size.shape.resolution
    own = load_faces(source, resolution, COVERAGE, one_person=not settings.pretrain)
    if settings.pretrain:
        return own, replace(own, notices=())
    other = load_faces(target, resolution, COVERAGE)
    told = *coverage_notices(own, other), *width_notices(own, other, settings.size.changes.proportions)
    return own, replace(other, notices=(*other.notices, *told))


def make_learner(
    source: FaceArrays,
    target: FaceArrays,
    settings: TrainSettings,
    device: torch.device,
    world: World = ALONE,
    *,
    batch: int | None = None,
) -> Learner:
    """The learner that the settings ask for. batch: in place of theirs."""
    size = settings.size
    changes = replace(size.changes, flip=0.5) if settings.flip else size.changes
    if settings.pretrain:  # both are the same mixed faces
        changes = replace(changes, demand=0.0)
    compiled = settings.compiled if settings.compiled is not None else device.type == "cuda"
    return Learner(
        size.shape,
        source,
        target,
        batch=batch or settings.faces,
        seed=settings.seed,
        device=device,
        bf16=wants_bf16(settings.precision, device),
        changes=changes,
        weights=size.weights,
        accumulate=min(settings.accumulate, batch or settings.faces),
        adversary=size.stages.gan > 0 and size.weights.gan > 0,
        compiled=compiled,
        by_pose=settings.by_pose,
        watched=size.watched and not settings.pretrain,
        world=world,
    )
