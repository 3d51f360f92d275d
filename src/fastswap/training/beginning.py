"""How a training begins: from its checkpoint, from the weights of another one, or afresh."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastswap.errors import InputError
from fastswap.training import checkpoint
from fastswap.training.checks import changed_faces

if TYPE_CHECKING:
    from fastswap.training.trainer import Training


def begin(training: Training) -> None:
    """Goes on from the checkpoint, if there is one and it may be used; else from `settings.start` or afresh.

    Raises InputError, and TrainingError for a checkpoint of other settings, of another source, or damaged.
    """
    found = checkpoint.load(training.folder) if training.settings.resume else None
    if found is not None:
        state, notices = found
        _resume(training, state)
        for text in notices:
            training.notice(text)
        return
    if training.world.first:
        training.seeing.forget()
    if training.settings.start is not None:
        _start(training)


def _resume(training: Training, state: dict[str, Any]) -> None:
    settings, report = training.settings, training.report
    checkpoint.check_same(training.folder, state["settings"], settings.fixed())
    faces = {"source": training.source, "target": training.target}
    changed = changed_faces(training.folder, state.get("marks", {}), faces)
    for text in changed:
        training.notice(text)
    for name, was in state.get("said", {}).items():
        if was != training.said[name]:
            training.notice(f"{training.folder}: its checkpoint was made with {name} {was!r}")
    training.learner.restore(state["learner"])
    kept = state["guard"]  # of earlier versions the rate alone
    training.guard.restored(kept if isinstance(kept, dict) else {"rate": kept}, same=not changed)
    training.course.restore(state["course"])
    training.elapsed = float(state["elapsed"])
    report.resumed_at = training.learner.step_count
    report.losses = dict(state.get("losses", {}))
    report.started_from = dict(state.get("started_from", {}))
    if training.world.first:
        training.seeing.rewind(report.resumed_at)
    if settings.start is not None:
        training.notice(
            f"{training.folder}: goes on from its own checkpoint; --start is for a fresh training"
        )


def _start(training: Training) -> None:
    path = training.settings.start
    assert path is not None
    weights, other = checkpoint.load_weights(path)
    for name, value in training.settings.size.shape.to_json().items():
        if other["settings"]["network"].get(name) != value:
            raise InputError(
                f"{path}: its network has {name} {other['settings']['network'].get(name)}, the preset asks for {value}"
            )
    training.learner.start_from(weights)
    training.guard.restored({})
    # Whose faces the weights have seen: the model is made of them too.
    training.report.started_from = {"path": str(path), **other.get("said", {}), **_before(other)}


def _before(other: dict[str, Any]) -> dict[str, str]:
    """What the other training itself was started from, in a word each."""
    return {f"{name} before": value for name, value in other.get("started_from", {}).items()}
