"""Training: resume, step, look, save."""

from __future__ import annotations

import time
from pathlib import Path

import torch

from fastswap.errors import InputError, OutputError
from fastswap.progress import Progress, ProgressCallback
from fastswap.training import checkpoint
from fastswap.training.guard import Guard
from fastswap.training.learner import SHOWN
from fastswap.training.making import make_learner
from fastswap.training.parallel import ALONE, World
from fastswap.training.preview import preview_grid
from fastswap.training.report import TrainReport
from fastswap.training.results import write_results
from fastswap.training.schedule import Budget, Course, rate_factor
from fastswap.training.seeing import Seeing
from fastswap.training.settings import TrainSettings
from fastswap.training.stop import StopSignal
from fastswap.training.store import FaceArrays

PREVIEW_ROWS = 6
LOOK_EVERY = 20
"""Steps after which the losses are looked at, which waits for the device."""
_LOOK_S = 0.5
_REPORT_S = 0.1
_RETRY_S = 60.0


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
        world: World = ALONE,
        progress: ProgressCallback | None = None,
    ) -> None:
        self.settings, self.out, self.world, self.progress = settings, out, world, progress
        self.folder = out.with_suffix(".training")
        self.source, self.target = source, target
        self.learner = make_learner(source, target, settings, device, world)
        self.guard = Guard(self.learner)
        self.budget = Budget(settings.steps, settings.seconds)
        self.course = Course(settings.size.stages)
        self.elapsed = 0.0
        said = {"preview of a training": settings.subject, "consent": settings.consent}
        self._make_folder()
        self.seeing = Seeing(self.folder, said, board=settings.board and world.first)
        self.report = TrainReport(
            model=str(out),
            preset=settings.preset,
            device=str(device) if world.size == 1 else f"{world.size} x {device.type}",
            precision="bf16" if self.learner.bf16 else "f32",
            faces=(len(source), len(target)),
            checkpoint=str(self.folder),
            notices=[*source.notices, *target.notices],
        )
        self._sums = torch.zeros(len(SHOWN), device=device)
        self._count = 0
        self._told = 0.0

    def resume(self) -> None:
        """Goes on from the checkpoint, if there is one and it may be used; else from `settings.start` or afresh."""
        found = checkpoint.load(self.folder) if self.settings.resume else None
        if found is None:
            if self.world.first:
                self.seeing.forget()
            self._start()
            return
        state, notices = found
        checkpoint.check_same(self.folder, state["settings"], self.settings.fixed())
        self.learner.restore(state["learner"])
        self.guard.restored(float(state["guard"]))
        self.course.restore(state["course"])
        self.elapsed = float(state["elapsed"])
        self.report.resumed_at = self.learner.step_count
        self.report.notices += notices
        if tuple(state["faces"]) != self.report.faces:
            self.report.notices.append(f"{self.folder}: the facesets have changed since the checkpoint")

    def _start(self) -> None:
        if self.settings.start is None:
            return
        weights, shape = checkpoint.load_weights(self.settings.start)
        for name, value in self.settings.size.shape.to_json().items():
            if shape.get(name) != value:
                raise InputError(
                    f"{self.settings.start}: its network has {name} {shape.get(name)}, the preset asks for {value}"
                )
        self.learner.start_from(weights)
        self.guard.restored(1.0)

    def loop(self, stop: StopSignal) -> None:
        """Steps until the budget is spent or a stop is asked for."""
        began = previewed = saved = time.monotonic()
        first = self.learner.step_count
        while not self.world.agree(stop.asked or self._place() >= 1.0):
            self._window(stop)
            now = time.monotonic()
            faces = 2 * self.settings.faces * self.world.size
            speed = (self.learner.step_count - first) * faces / max(now - began, 1e-6)
            self.report.faces_per_second = round(speed, 1)
            self._look(speed)
            if self.world.first and now - previewed >= self.settings.preview_every:
                self._preview()
                previewed = time.monotonic()
            if self.world.agree(now - saved >= self.settings.save_every):
                saved = time.monotonic() if self._try_to_save() else now - self.settings.save_every + _RETRY_S

    def _place(self) -> float:
        return self.course.place(self.budget.spent(self.learner.step_count, self.elapsed))

    def _window(self, stop: StopSignal) -> None:
        """Some steps without a look at the losses. Several processes do the same number of them."""
        start, before = time.monotonic(), self.elapsed
        for _ in range(LOOK_EVERY):
            place = self._place()
            alone = self.world.size == 1
            if place >= 1.0 or (alone and stop.asked):
                break
            rate = self.settings.size.rate * self.guard.rate * rate_factor(self.learner.step_count, place)
            gan = self.course.stage(place) == "gan"
            self._sums += self.learner.step(rate, self.course.warp_factor(place), gan=gan)
            self._count += 1
            if alone:
                self.elapsed = before + time.monotonic() - start
                if self.elapsed - before > _LOOK_S:
                    break
        self.elapsed = self.world.agree(before + time.monotonic() - start)

    def _look(self, speed: float, *, last: bool = False) -> None:
        """Judges the losses since the last look; they go to the callback, the history and the board."""
        if not self._count:
            return
        self.world.average([self._sums])
        means = dict(zip(SHOWN, (self._sums / self._count).tolist(), strict=True))
        count = self._count
        self._sums.zero_()
        self._count = 0
        place = self._place()
        self.report.stage = self.course.stage(place)
        done = self.guard.look(means["total"], count)
        ended = None if done else self.course.observe(place, means["total"])
        if ended:
            done = f"step {self.learner.step_count}: the loss falls no more, the {ended} stage ends early"
        if done:
            self.report.notices.append(done)
        self.report.losses = {name: round(value, 5) for name, value in means.items() if value}
        if not self.world.first:
            return
        rate = self.settings.size.rate * self.guard.rate * rate_factor(self.learner.step_count, place)
        values = self.report.losses | {
            "rate": rate,
            "faces_per_second": round(speed, 1),
            "place": round(place, 5),
        }
        over = last or self._place() >= 1.0
        self.seeing.note(self.learner.step_count, self.elapsed, values, last=over)
        if over or done or time.monotonic() - self._told >= _REPORT_S:
            self._tell(speed, rate, means["total"], done or "")

    def _tell(self, speed: float, rate: float, loss: float, note: str) -> None:
        self._told = time.monotonic()
        if self.progress is None:
            return
        steps, seconds = self.budget.steps, self.budget.seconds
        total = float(steps if steps is not None else seconds or 0.0)
        step = self.learner.step_count
        done = float(step) if steps is not None else min(self.elapsed, total)
        values = {"step": float(step), "loss": loss, "faces_per_second": speed, "rate": rate}
        unit = "steps" if steps is not None else "seconds"
        per_second = speed / (2 * self.settings.faces * self.world.size) if steps is not None else 1.0
        self.progress(Progress("train", done, total, unit, rate=per_second, values=values, note=note))

    def finish(self, stop: StopSignal) -> TrainReport:
        """Saves, draws the last preview and exports."""
        report = self.report
        self._look(report.faces_per_second, last=True)
        report.steps, report.seconds = self.learner.step_count, round(self.elapsed, 1)
        report.interrupted = bool(self.world.agree(stop.asked))
        if self.learner.step_count > report.resumed_at:
            self._save()
        if self.world.first:
            self._preview()
            write_results(self)
        return report

    def state(self) -> dict[str, object]:
        """The whole checkpoint. Every process must ask for it at the same time."""
        return {
            "learner": self.learner.state(),
            "names": [name for name, _ in self.learner.generator.named_parameters()],
            "guard": self.guard.rate,
            "course": self.course.state(),
            "elapsed": self.elapsed,
            "settings": self.settings.fixed() | {"network": self.settings.size.shape.to_json()},
            "faces": list(self.report.faces),
        }

    def _preview(self) -> None:
        learner = self.learner
        rows = learner.stills("source", PREVIEW_ROWS), learner.stills("target", PREVIEW_ROWS)
        picture = preview_grid(learner.averaged(), *rows, bf16=learner.bf16)
        self.report.preview = str(self.seeing.preview(learner.step_count, picture))

    def _save(self) -> None:
        state = self.state()
        if self.world.first:
            checkpoint.save(self.folder, state, backup_every=self.settings.backup_every)

    def _try_to_save(self) -> bool:
        """A disk that is full now may not be later: training goes on with the checkpoint that there is."""
        try:
            self._save()
        except OutputError as error:
            if str(error) not in self.report.notices:
                self.report.notices.append(str(error))
            if self.progress:
                self.progress(Progress("train", 0.0, None, note=str(error)))
            return False
        return True

    def _make_folder(self) -> None:
        try:
            self.folder.mkdir(exist_ok=True)
        except OSError as error:
            raise OutputError(f"{self.folder}: cannot make the folder ({error.strerror})") from None
