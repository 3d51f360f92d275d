"""A training from the question to the answer: its processes, their memory, and what is said when that lacks."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch

from fastswap.atomic import held
from fastswap.errors import OutputError, SettingsError, TrainingError
from fastswap.progress import ProgressCallback
from fastswap.training import memory, ram
from fastswap.training.beginning import begin
from fastswap.training.device import pick_device
from fastswap.training.learner import Learner
from fastswap.training.making import load, make_learner
from fastswap.training.report import TrainReport
from fastswap.training.settings import TrainSettings
from fastswap.training.stop import StopSignal
from fastswap.training.store import FaceArrays
from fastswap.training.team import Team, device_of
from fastswap.training.trainer import Training, training_folder


def run(
    source: Sequence[Path],
    target: Sequence[Path],
    out: Path,
    settings: TrainSettings,
    progress: ProgressCallback | None = None,
) -> TrainReport:
    """See `training.train`."""
    _check_output(out, settings)
    _check_different(source, target)
    device = pick_device(settings.device)
    if settings.threads:
        torch.set_num_threads(settings.threads)
    own, other = load(source, target, settings)
    settings = fitted(own, other, settings, device)
    folder = training_folder(out)
    with held(folder) as free:
        if not free:
            raise TrainingError(
                f"{folder}: another training is at work in it; wait for it, or choose another output"
            )
        report = _train(source, target, own, other, out, settings, device, progress)
    if report is None:
        memory.free()
        raise TrainingError(_too_large(own, other, settings, device))
    return report


def _train(
    source: Sequence[Path],
    target: Sequence[Path],
    own: FaceArrays,
    other: FaceArrays,
    out: Path,
    settings: TrainSettings,
    device: torch.device,
    progress: ProgressCallback | None,
) -> TrainReport | None:
    """The whole training; None when memory ran out. Then nothing of it is left in memory."""
    team = Team(source, target, out, settings, device)
    with StopSignal() as stop, team as world:
        device = device_of(device, 0) if world.size > 1 else device
        try:
            training = Training(own, other, out, settings, device, world=world, progress=progress)
            try:
                begin(training)
                training.loop(stop)
                return training.finish(stop)
            finally:
                with suppress(OutputError):
                    training.seeing.close()
        except (MemoryError, RuntimeError) as error:
            lost = team.lost()
            if lost:
                raise TrainingError(
                    f"{lost}; the last checkpoint is kept, the same command goes on"
                ) from None
            if not memory.lacks_memory(error):
                raise
            return None


def fitted(
    source: FaceArrays, target: FaceArrays, settings: TrainSettings, device: torch.device
) -> TrainSettings:
    """With `--fit` the settings with as many parts of a step as memory asks for.

    Raises TrainingError where nothing fits, and without `--fit` where a CPU's memory will not do.
    """
    parts = settings.accumulate
    at_once = -(-settings.faces // parts)
    most = None
    if device.type == "cpu":
        make = partial(_learner_of, source, target, settings, device)
        most = ram.largest(make, settings.size.shape, at_once, settings.processes)
    if most == 0 or (most is not None and most < at_once and not settings.fit):
        raise TrainingError(_does_not_fit(settings, device, most))
    if not settings.fit:
        return settings
    parts = parts if most is None else -(-settings.faces // most)
    while not memory.fits(partial(make_learner, source, target, replace(settings, accumulate=parts), device)):
        if parts >= settings.faces:
            raise TrainingError(
                f"out of memory on {device}: preset {settings.preset} does not fit with a single face"
            )
        parts = min(parts * 2, settings.faces)
    return replace(settings, accumulate=parts)


def _learner_of(
    source: FaceArrays, target: FaceArrays, settings: TrainSettings, device: torch.device, batch: int
) -> Learner:
    return make_learner(source, target, settings, device, batch=batch)


def _too_large(source: FaceArrays, target: FaceArrays, settings: TrainSettings, device: torch.device) -> str:
    make = partial(_learner_of, source, target, settings, device)
    return _does_not_fit(
        settings, device, memory.largest_batch(make, -(-settings.faces // settings.accumulate))
    )


def _does_not_fit(settings: TrainSettings, device: torch.device, most: int) -> str:
    start = f"out of memory on {device} with {settings.faces} faces of each person in a step"
    if not most:
        return f"{start}; not even one fits, choose a smaller preset"
    return f"{start}; {most} fit: use --batch {most}, or --fit to work on {settings.faces} in parts"


def _check_different(source: Sequence[Path], target: Sequence[Path]) -> None:
    for path in target:
        if path.resolve() in {each.resolve() for each in source}:
            raise SettingsError(f"{path}: is both --source and --target; a face is not put on itself")


def _check_output(out: Path, settings: TrainSettings) -> None:
    suffix, kind = (".pt", "a pretrained checkpoint") if settings.pretrain else (".onnx", "a model file")
    if out.suffix.lower() != suffix:
        raise OutputError(f"{out}: {kind} has to end in {suffix}")
    if out.is_dir():
        raise OutputError(f"{out}: is a folder; name a file for the model")
    if not out.parent.is_dir():
        raise OutputError(f"{out}: the folder {out.parent} does not exist")
