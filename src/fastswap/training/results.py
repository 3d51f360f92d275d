"""What a training is for: the model, or the checkpoint of a pretraining."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import torch

from fastswap.model import Contract
from fastswap.training import checkpoint
from fastswap.training.device import to_numpy
from fastswap.training.export import export
from fastswap.training.making import COVERAGE

if TYPE_CHECKING:
    from fastswap.training.trainer import Training


def write_model(training: Training) -> None:
    """Exports the model; what was exported goes into the training's report."""
    report, settings, learner = training.report, training.settings, training.learner
    if settings.pretrain:
        checkpoint.save_alone(training.out, training.state())
    else:
        faces = to_numpy(learner.stills("target", 8).face)
        report.export = export(learner.averaged(), contract_of(training), training.out, faces)
        for text in report.export.notices:
            training.notice(text)


def contract_of(training: Training) -> Contract:
    """What the model file says about itself."""
    report, settings = training.report, training.settings
    summary: dict[str, Any] = {
        **settings.shown(),
        "steps": report.steps,
        "seconds": report.seconds,
        "precision": report.precision,
        "source_faces": report.faces[0],
        "target_faces": report.faces[1],
        "losses": report.losses,
        "notices": report.notices,
        "started_from": report.started_from,
        "torch": str(torch.__version__),
    }
    return Contract(
        resolution=settings.size.shape.resolution,
        subject=settings.subject,
        consent=settings.consent,
        template=training.source.template,
        coverage=COVERAGE,
        training=summary,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )
