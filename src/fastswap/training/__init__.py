"""Facesets and training. Importing this package needs no torch; `train()` does."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fastswap.errors import TrainingError
from fastswap.progress import ProgressCallback

if TYPE_CHECKING:
    from fastswap.training.report import TrainReport

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
    accumulate: int = 1,
    fit: bool = False,
    device: str = "auto",
    processes: int = 1,
    precision: str = "auto",
    compiled: bool | None = None,
    threads: int = 0,
    seed: int = 0,
    flip: bool = False,
    by_pose: bool = True,
    resume: bool = True,
    start: str | Path | None = None,
    pretrain: bool = False,
    preview_every: float = 60.0,
    save_every: float = 300.0,
    backup_every: float = 3600.0,
    board: bool = False,
    progress: ProgressCallback | None = None,
) -> TrainReport:
    """Learns the face of `source` on the performance of `target` and writes the model to `out` (ONNX).

    source, target: one or several facesets made by `extract`. subject: who the model will show. consent: the
    statement under which that person's face is used; it is stored in the model. preset: a name in
    `presets.PRESETS`, or a TOML file (see `custom`). steps, minutes: how long to train in all, earlier runs that are
    resumed included; at most one of the two, the preset's minutes when neither is given.

    batch: faces of each person in one step of one process. accumulate: parts that a step is worked on in, to fit
    memory; fit: find that number. device: "auto", "cpu" or "cuda:N". processes: how many work together, on CUDA one
    for each GPU. precision: "auto", "f32" or "bf16". compiled: use torch.compile, by default on CUDA. threads: CPU
    threads, 0 for torch's default.

    flip: also train on mirrored faces. by_pose: show all poses about equally often. resume: go on from the checkpoint
    beside `out` if there is one. start: a checkpoint or `.training` folder whose weights a fresh training starts
    from. pretrain: learn from the mixed faces in `source` alone and write a checkpoint (.pt) to `out` for others to
    start from.

    preview_every, save_every, backup_every: seconds between preview pictures, between checkpoints, and between those
    that are kept for good (0 for none). board: also write TensorBoard's files.

    Checkpoints, previews, the loss history and a report page go to the folder `out` with the suffix `.training`.
    Ctrl-C ends the training early: it is saved and exported as it is.

    Progress: stage "train", done and total in steps or seconds, values `step`, `loss`, `faces_per_second`,
    `rate`, the stage as the note. What the user should know comes as reports with a notice and without values.

    Raises TrainingError (no torch, no consent, too few faces, a checkpoint of another network, a loss that
    blew up, too little memory), InputError (a faceset that is missing or unusable), OutputError, SettingsError and
    DeviceError.
    """
    if not consent.strip():
        raise TrainingError("consent is missing: state under which consent this face is used (--consent)")
    if not subject.strip():
        raise TrainingError("subject is missing: name the person whose face is trained (--subject)")
    require_torch()
    from fastswap.training.session import run
    from fastswap.training.settings import TrainSettings

    settings = TrainSettings(
        subject=subject.strip(),
        consent=consent.strip(),
        preset=preset,
        steps=steps,
        minutes=minutes,
        batch=batch,
        accumulate=accumulate,
        fit=fit,
        device=device,
        processes=processes,
        precision=precision,
        compiled=compiled,
        threads=threads,
        seed=seed,
        flip=flip,
        by_pose=by_pose,
        resume=resume,
        start=Path(start) if start else None,
        pretrain=pretrain,
        preview_every=preview_every,
        save_every=save_every,
        backup_every=backup_every,
        board=board,
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
