"""Training from start to end: load, resume, step, look, save, export."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from fastswap import provenance, video
from fastswap.errors import OutputError, TrainingError
from fastswap.model import Contract
from fastswap.progress import Progress, ProgressCallback
from fastswap.training import checkpoint
from fastswap.training.augment import Augment
from fastswap.training.export import ExportReport, export
from fastswap.training.learner import PARTS, Learner, pick_device, to_numpy, wants_bf16
from fastswap.training.preview import preview_grid
from fastswap.training.schedule import Budget, rate_factor, warp_factor
from fastswap.training.settings import TrainSettings
from fastswap.training.stop import StopSignal
from fastswap.training.store import FaceArrays, load_faces

COVERAGE = 1.0
PREVIEW, HISTORY = "preview.png", "history.jsonl"
HISTORY_GROWTH = 1.002
PREVIEW_ROWS = 6
_REPORT_S = 0.5


@dataclass(slots=True)
class TrainReport:
    """The result of a training.

    model: the ONNX file. steps, seconds: in all, earlier runs included. resumed_at: step of the checkpoint
    that this run went on from, 0 for a fresh start. faces: pictures of source and target. faces_per_second:
    of this run. losses: means over the last reports. interrupted: ended early by Ctrl-C. export: see
    `export.ExportReport`.
    """

    model: str
    preset: str
    device: str
    precision: str
    steps: int = 0
    seconds: float = 0.0
    resumed_at: int = 0
    faces: tuple[int, int] = (0, 0)
    faces_per_second: float = 0.0
    losses: dict[str, float] = field(default_factory=dict)
    interrupted: bool = False
    preview: str = ""
    checkpoint: str = ""
    export: ExportReport | None = None
    notices: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """The report as plain JSON values."""
        return asdict(self)


def run(
    source: Sequence[Path],
    target: Sequence[Path],
    out: Path,
    settings: TrainSettings,
    progress: ProgressCallback | None = None,
) -> TrainReport:
    """See `training.train`."""
    _check_output(out)
    device = pick_device(settings.device)
    if settings.threads:
        torch.set_num_threads(settings.threads)
    resolution = settings.size.shape.resolution
    own = load_faces(source, resolution, COVERAGE)
    other = load_faces(target, resolution, COVERAGE)
    with StopSignal() as stop:
        training = Training(own, other, out, settings, device, progress=progress)
        training.resume()
        try:
            training.loop(stop)
            return training.finish(stop)
        except (MemoryError, RuntimeError) as error:  # torch reports a lack of memory as either
            if "memory" not in str(error).lower() and not isinstance(error, MemoryError):
                raise
            raise TrainingError(
                f"out of memory on {device} with {settings.faces} faces of each person in a step; "
                "use a smaller --batch"
            ) from error


class Training:
    """One run: the learner, its budget, and the files beside the model."""

    def __init__(
        self,
        source: FaceArrays,
        target: FaceArrays,
        out: Path,
        settings: TrainSettings,
        device: torch.device,
        *,
        progress: ProgressCallback | None,
    ) -> None:
        self.settings, self.out, self.progress = settings, out, progress
        self.folder = out.with_suffix(".training")
        self.template = source.template
        bf16 = wants_bf16(settings.precision, device)
        self.learner = Learner(
            settings.size.shape,
            source,
            target,
            batch=settings.faces,
            seed=settings.seed,
            device=device,
            bf16=bf16,
            changes=Augment(flip=0.5 if settings.flip else 0.0),
        )
        self.budget = Budget(settings.steps, settings.seconds)
        self.elapsed = 0.0
        self.report = TrainReport(
            model=str(out),
            preset=settings.preset,
            device=str(device),
            precision="bf16" if bf16 else "f32",
            faces=(len(source.planes), len(target.planes)),
            checkpoint=str(self.folder),
            notices=[*source.notices, *target.notices],
        )
        self._sums = torch.zeros(len(PARTS), device=device)
        self._count = 0
        self._next_line = 0.0

    def resume(self) -> None:
        """Goes on from the checkpoint, if there is one and it may be used; makes the folder."""
        try:
            self.folder.mkdir(exist_ok=True)
        except OSError as error:
            raise OutputError(f"{self.folder}: cannot make the folder ({error.strerror})") from None
        found = checkpoint.load(self.folder) if self.settings.resume else None
        if found is None:
            (self.folder / HISTORY).unlink(missing_ok=True)
            return
        state, notices = found
        checkpoint.check_same(self.folder, state["settings"], self.settings.fixed())
        self.learner.restore(state["learner"])
        self.elapsed = float(state["elapsed"])
        self.report.resumed_at = self.learner.step_count
        self.report.notices += notices
        if tuple(state["faces"]) != self.report.faces:
            self.report.notices.append(f"{self.folder}: the facesets have changed since the checkpoint")

    def loop(self, stop: StopSignal) -> None:
        """Steps until the budget is spent or a stop is asked for."""
        began = last_report = last_preview = last_save = time.monotonic()
        first = self.learner.step_count
        while not stop.asked and self.budget.spent(self.learner.step_count, self.elapsed) < 1.0:
            start = time.monotonic()
            spent = self.budget.spent(self.learner.step_count, self.elapsed)
            rate = self.settings.size.rate * rate_factor(self.learner.step_count, spent)
            self._sums += self.learner.step(rate, warp_factor(spent))
            self._count += 1
            now = time.monotonic()
            self.elapsed += now - start
            speed = (self.learner.step_count - first) * 2 * self.settings.faces / max(now - began, 1e-6)
            if now - last_report >= _REPORT_S:
                self._tell(rate, speed)
                last_report = now
            if now - last_preview >= self.settings.preview_every:
                self._preview()
                last_preview = time.monotonic()
            if now - last_save >= self.settings.save_every:
                self._save()
                last_save = time.monotonic()
            self.report.faces_per_second = round(speed, 1)

    def finish(self, stop: StopSignal) -> TrainReport:
        """Saves, draws the last preview and exports."""
        report = self.report
        self._tell(0.0, report.faces_per_second, last=True)
        report.steps, report.seconds = self.learner.step_count, round(self.elapsed, 1)
        report.interrupted = stop.asked
        if self.learner.step_count > report.resumed_at:
            self._save()
        self._preview()
        faces = to_numpy(self.learner.stills("target", 8).face)
        report.export = export(self.learner.averaged(), self._contract(), self.out, faces)
        return report

    def _contract(self) -> Contract:
        report = self.report
        summary: dict[str, Any] = {
            "preset": report.preset,
            "network": self.settings.size.shape.to_json(),
            "steps": report.steps,
            "seconds": report.seconds,
            "batch": self.settings.faces,
            "seed": self.settings.seed,
            "precision": report.precision,
            "source_faces": report.faces[0],
            "target_faces": report.faces[1],
            "losses": report.losses,
            "torch": str(torch.__version__),
        }
        return Contract(
            resolution=self.settings.size.shape.resolution,
            subject=self.settings.subject,
            consent=self.settings.consent,
            template=self.template,
            coverage=COVERAGE,
            training=summary,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
        )

    def _tell(self, rate: float, speed: float, *, last: bool = False) -> None:
        """Means since the last report go to the callback and into the history."""
        if not self._count:
            return
        means = dict(zip(PARTS, (self._sums / self._count).tolist(), strict=True))
        self._sums.zero_()
        self._count = 0
        self.report.losses = {name: round(value, 5) for name, value in means.items()}
        step = self.learner.step_count
        line = {"step": step, "seconds": round(self.elapsed, 2), "rate": rate} | self.report.losses
        if last or self.elapsed >= self._next_line:
            # Sparser as the run grows, so the history of a week is no larger than that of an hour.
            self._next_line = self.elapsed * HISTORY_GROWTH + 1.0
            self._note(line)
        if self.progress is None:
            return
        steps, seconds = self.budget.steps, self.budget.seconds
        total = float(steps if steps is not None else seconds or 0.0)
        done = float(step) if steps is not None else min(self.elapsed, total)
        values = {"step": float(step), "loss": means["total"], "faces_per_second": speed, "rate": rate}
        unit = "steps" if steps is not None else "seconds"
        per_second = speed / (2 * self.settings.faces) if steps is not None else 1.0
        self.progress(Progress("train", done, total, unit, rate=per_second, values=values))

    def _note(self, line: dict[str, Any]) -> None:
        path = self.folder / HISTORY
        try:
            with path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
        except OSError as error:
            raise OutputError(f"{path}: cannot be written ({error.strerror})") from None

    def _preview(self) -> None:
        learner = self.learner
        rows = learner.stills("source", PREVIEW_ROWS), learner.stills("target", PREVIEW_ROWS)
        path = self.folder / PREVIEW
        video.save_picture(path, preview_grid(learner.averaged(), *rows, bf16=learner.bf16))
        said = {"preview of a training": self.settings.subject, "consent": self.settings.consent}
        provenance.sign(path, source=None, model=None, settings=said)
        self.report.preview = str(path)

    def _save(self) -> None:
        state = {
            "learner": self.learner.state(),
            "elapsed": self.elapsed,
            "settings": self.settings.fixed(),
            "faces": list(self.report.faces),
        }
        checkpoint.save(self.folder, state)


def _check_output(out: Path) -> None:
    if out.suffix.lower() != ".onnx":
        raise OutputError(f"{out}: a model file has to end in .onnx")
    if out.is_dir():
        raise OutputError(f"{out}: is a folder; name a file for the model")
    if not out.parent.is_dir():
        raise OutputError(f"{out}: the folder {out.parent} does not exist")
