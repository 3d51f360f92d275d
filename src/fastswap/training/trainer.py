"""Training: resume, step, look, save."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch

from fastswap.errors import OutputError, TrainingError
from fastswap.progress import Progress, ProgressCallback
from fastswap.training import checkpoint
from fastswap.training.guard import Guard
from fastswap.training.learner import SHOWN
from fastswap.training.making import make_learner
from fastswap.training.page import write_page
from fastswap.training.parallel import ALONE, World
from fastswap.training.preview import preview_grid
from fastswap.training.report import TrainReport
from fastswap.training.results import write_model
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
        self.folder = training_folder(out)
        self.source, self.target = source, target
        self.learner = make_learner(source, target, settings, device, world)
        self.guard = Guard(self.learner)
        self.budget = Budget(settings.steps, settings.seconds)
        self.course = Course(settings.size.stages)
        self.elapsed = 0.0
        self.said = {"subject": settings.subject, "consent": settings.consent}
        shown = {"preview of a training": settings.subject, "consent": settings.consent}
        self.seeing = Seeing(self.folder, shown, board=settings.board and world.first)
        self.report = TrainReport(
            model=str(out),
            preset=settings.preset,
            device=str(device) if world.size == 1 else f"{world.size} x {device.type}",
            precision="bf16" if self.learner.bf16 else "f32",
            faces=(len(source), len(target)),
            checkpoint=str(self.folder),
        )
        self._sums = torch.zeros(len(SHOWN), device=device)
        self._count = 0
        self._stood = 0.0  # the place of the last step
        self._told = 0.0

    def loop(self, stop: StopSignal) -> None:
        """Steps until the budget is spent or a stop is asked for."""
        self._introduce()
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
                self._tried(self._preview)
                previewed = time.monotonic()
            if self.world.agree(now - saved >= self.settings.save_every):
                done = self._tried(self._save)
                saved = time.monotonic() if done else now - self.settings.save_every + _RETRY_S

    def _place(self) -> float:
        return self.course.place(self.budget.spent(self.learner.step_count, self.elapsed))

    def _window(self, stop: StopSignal) -> None:
        """Some steps of one stage without a look at the losses. Several processes do the same number of them."""
        start, before = time.monotonic(), self.elapsed
        stage = self.course.stage(self._place())
        for _ in range(LOOK_EVERY):
            place = self._place()
            alone = self.world.size == 1
            if place >= 1.0 or (alone and stop.asked) or self.course.stage(place) != stage:
                break
            self._sums += self.learner.step(
                self._rate(place), self.course.warp_factor(place), gan=stage == "gan"
            )
            self._stood = place
            self._count += 1
            if alone:
                self.elapsed = before + time.monotonic() - start
                if self.elapsed - before > _LOOK_S:
                    break
        self.elapsed = self.world.agree(before + time.monotonic() - start)

    def _rate(self, place: float) -> float:
        """The learning rate at a place."""
        allowed = self.settings.size.rate * self.guard.rate
        return allowed * rate_factor(self.learner.step_count, self.course.decay(place))

    def _look(self, speed: float, *, last: bool = False) -> None:
        """Judges the losses since the last look; they go to the callback, the history and the board."""
        if not self._count:
            return
        self.world.average([self._sums])
        means = dict(zip(SHOWN, (self._sums / self._count).tolist(), strict=True))
        count = self._count
        self._sums.zero_()
        self._count = 0
        place = self._stood
        self.report.stage = self.course.stage(place)
        if self._blew_up(means["total"], count):
            return
        ended = self.course.observe(place, means["total"])
        if ended:
            then = "; the learning rate comes down, then training ends" if self.course.closing else ""
            self.notice(
                f"step {self.learner.step_count}: the loss falls no more, the {ended} stage ends early{then}"
            )
        self.report.losses = {name: round(value, 5) for name, value in means.items() if value}
        if not self.world.first:
            return
        rate = self._rate(place)
        values = self.report.losses | {
            "rate": rate,
            "faces_per_second": round(speed, 1),
            "place": round(place, 5),
        }
        over = last or self._place() >= 1.0
        # However short a stage is, its end is in the history.
        marks = over or self.course.stage(self._place()) != self.report.stage
        self._tried(lambda: self.seeing.note(self.learner.step_count, self.elapsed, values, last=marks))
        if over or ended or time.monotonic() - self._told >= _REPORT_S:
            self._told = time.monotonic()
            shown = {"step": float(self.learner.step_count), "loss": means["total"]}
            self._tell({**shown, "faces_per_second": speed, "rate": rate}, note=f"{self.report.stage} stage")

    def _blew_up(self, loss: float, steps: int) -> bool:
        """Whether the last steps are undone; what came after the state that is gone back to leaves the history."""
        allowed = self.guard.rate
        try:
            said = self.guard.look(loss, steps)
        except TrainingError:
            if self.learner.step_count:
                self._save()
            raise
        if said is None:
            if self.guard.rate > allowed:
                self.notice(
                    f"step {self.learner.step_count}: all went well for a while, up to {self.guard.rate:g} of the rate"
                )
            return False
        self.notice(said)
        if self.world.first:
            self._tried(lambda: self.seeing.rewind(self.learner.step_count))
        return True

    def _tell(self, values: dict[str, float] | None = None, *, note: str = "", notice: str = "") -> None:
        if self.progress is None:
            return
        steps, seconds = self.budget.steps, self.budget.seconds
        total = float(steps if steps is not None else seconds or 0.0)
        done = min(float(self.learner.step_count) if steps is not None else self.elapsed, total)
        unit = "steps" if steps is not None else "seconds"
        speed = self.report.faces_per_second / (2 * self.settings.faces * self.world.size)
        rate = speed if steps is not None else 1.0
        self.progress(
            Progress("train", done, total, unit, rate=rate, values=values or {}, note=note, notice=notice)
        )

    def notice(self, text: str) -> None:
        """Says something at once that the user should know, and keeps it for the report."""
        if text not in self.report.notices:
            self.report.notices.append(text)
            self._tell(notice=text)

    def _introduce(self) -> None:
        """Says what is trained, and what is amiss with it, before hours go by."""
        settings, report = self.settings, self.report
        shape = settings.size.shape
        shown = f"{len(self.source)} faces of the source and {len(self.target)} of the target"
        if settings.pretrain:
            shown = f"{len(self.source)} mixed faces"
        parts = f" of {settings.accumulate} parts" if settings.accumulate > 1 else ""
        begun = f"goes on from step {report.resumed_at}" if report.resumed_at else "from the beginning"
        if report.started_from:
            begun += f", with the weights of {report.started_from['path']}"
        self._tell(
            notice=f"{self.out}: {settings.size.name} ({shape.family}, {shape.resolution} px), {shown}, "
            f"{2 * settings.faces} in a step{parts}, {report.precision} on {report.device}; {begun}"
        )
        for text in (*self.source.notices, *self.target.notices):
            self.notice(text)
        if self._place() >= 1.0:
            asked = "all that was asked for; more with --steps or --minutes"
            self.notice(f"{self.folder}: its {report.resumed_at} steps are {asked}")

    def finish(self, stop: StopSignal) -> TrainReport:
        """Saves, draws the last preview and exports; what of this fails does not keep the rest from being done.

        Raises the first OutputError when all has been tried.
        """
        report = self.report
        if stop.asked:
            self._tell(
                notice=f"stops at step {self.learner.step_count}: saves and exports; Ctrl-C again ends at once"
            )
        self._look(report.faces_per_second, last=True)
        report.stage = self.course.stage(self._place())
        report.steps, report.seconds = self.learner.step_count, round(self.elapsed, 1)
        report.interrupted = bool(self.world.agree(stop.asked))
        self.guard.finish()
        work: list[Callable[[], object]] = [self._save] if self.learner.step_count > report.resumed_at else []
        work.append(self.learner.finish)
        if self.world.first:
            work += [partial(write_model, self), self._preview, partial(write_page, self)]
        failures = []
        for each in work:
            try:
                each()
            except OutputError as error:
                failures.append(error)
        if failures:
            also = f"; {self.out} was written all the same" if report.export else ""
            raise OutputError(f"{failures[0]}{also}")
        return report

    def state(self) -> dict[str, object]:
        """The whole checkpoint. Every process must ask for it at the same time."""
        return {
            "learner": self.learner.state(),
            "names": [name for name, _ in self.learner.generator.named_parameters()],
            "guard": self.guard.state(),
            "course": self.course.state(),
            "elapsed": self.elapsed,
            "losses": self.report.losses,
            "said": self.said,
            "started_from": self.report.started_from,
            "marks": {"source": list(self.source.marks), "target": list(self.target.marks)},
            "settings": self.settings.fixed() | {"network": self.settings.size.shape.to_json()},
        }

    def _preview(self) -> None:
        learner = self.learner
        rows = learner.stills("source", PREVIEW_ROWS), learner.stills("target", PREVIEW_ROWS)
        loss = self.report.losses.get("total")
        title = f"{self.settings.subject}  step {learner.step_count}" + (f"  loss {loss:.4f}" if loss else "")
        picture = preview_grid(learner.averaged(), *rows, bf16=learner.bf16, title=title)
        self.report.preview = str(self.seeing.preview(learner.step_count, picture))

    def _save(self) -> None:
        state = self.state()
        if self.world.first:
            checkpoint.save(self.folder, state, backup_every=self.settings.backup_every)

    def _tried(self, work: Callable[[], object]) -> bool:
        """Whether some writing went well. A disk that is full now may not be later: training goes on meanwhile."""
        try:
            work()
        except OutputError as error:
            self.notice(str(error))
            return False
        return True


def training_folder(out: Path) -> Path:
    """The folder beside a model for all that its training keeps; it is made where it is missing. Raises OutputError."""
    folder = out.with_suffix(".training")
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot make the folder ({error.strerror})") from None
    return folder
