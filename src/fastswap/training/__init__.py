"""Facesets and training. Importing this package needs no torch; `train()` does."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fastswap.errors import TrainingError
from fastswap.progress import ProgressCallback

if TYPE_CHECKING:
    from fastswap.training.trainer import TrainReport

TORCH_MISSING = (
    "training needs PyTorch, which is not installed: pip install 'fastswap[train]' "
    "(its CPU or CUDA build is chosen as PyTorch's own install page says)"
)


def train(
    source: str | Path | Sequence[str | Path],
    target: str | Path | Sequence[str | Path],
    out: str | Path,
    *,
    subject: str,
    consent: str,
    preset: str = "tiny",
    steps: int | None = None,
    minutes: float | None = None,
    batch: int | None = None,
    device: str = "auto",
    precision: str = "auto",
    threads: int = 0,
    seed: int = 0,
    flip: bool = False,
    resume: bool = True,
    preview_every: float = 60.0,
    save_every: float = 300.0,
    progress: ProgressCallback | None = None,
) -> TrainReport:
    """Learns the face of `source` on the performance of `target` and writes the model to `out` (ONNX).

    source, target: one or several facesets made by `extract`. subject: who the model will show. consent: the
    statement under which that person's face is used; it is stored in the model. preset: a name in
    `presets.PRESETS`. steps, minutes: how long to train in all, earlier runs that are resumed included; at
    most one of the two, the preset's minutes when neither is given. batch: faces of each person in one step.
    device: "auto", "cpu" or "cuda:N". precision: "auto", "f32" or "bf16". threads: CPU threads, 0 for torch's
    default. flip: also train on mirrored faces. resume: go on from the checkpoint beside `out` if there is
    one. preview_every, save_every: seconds between preview pictures and between checkpoints.

    Checkpoints, previews and the loss history go to the folder `out` with the suffix `.training`. Ctrl-C ends
    the training early: it is saved and exported as it is.

    Progress: stage "train", done and total in steps or seconds, values `step`, `loss`, `faces_per_second`,
    `rate`.

    Raises TrainingError (no torch, no consent, too few faces, a checkpoint of another network, a loss that
    blew up), InputError (a faceset that is missing or unusable), OutputError, SettingsError and DeviceError.
    """
    if not consent.strip():
        raise TrainingError("consent is missing: state under which consent this face is used (--consent)")
    if not subject.strip():
        raise TrainingError("subject is missing: name the person whose face is trained (--subject)")
    require_torch()
    from fastswap.training.settings import TrainSettings
    from fastswap.training.trainer import run

    settings = TrainSettings(
        subject=subject.strip(),
        consent=consent.strip(),
        preset=preset,
        steps=steps,
        minutes=minutes,
        batch=batch,
        device=device,
        precision=precision,
        threads=threads,
        seed=seed,
        flip=flip,
        resume=resume,
        preview_every=preview_every,
        save_every=save_every,
    )
    return run(_paths(source), _paths(target), Path(out), settings, progress)


def require_torch() -> None:
    """Raises TrainingError that says what to install when torch cannot be imported."""
    try:
        import torch  # noqa: F401
    except ImportError:
        raise TrainingError(TORCH_MISSING) from None


def _paths(value: str | Path | Sequence[str | Path]) -> list[Path]:
    if isinstance(value, str | Path):
        return [Path(value)]
    return [Path(item) for item in value]
