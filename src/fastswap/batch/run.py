"""Runs a batch: what is missing or changed, by priority, each job until it is done or has failed often enough."""

from __future__ import annotations

import shutil
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import fastswap
from fastswap.batch.check import faults, in_order, look_of, maker_of
from fastswap.batch.jobs import Job, read_jobs
from fastswap.batch.ledger import Ledger, settings_key
from fastswap.errors import FastswapError, Interrupted, JobsError
from fastswap.progress import Progress, ProgressCallback

RETRIES = 1
"""How often a job that failed is tried again."""

Outcome = Literal["done", "unchanged", "failed", "blocked", "planned"]


@dataclass(slots=True)
class Line:
    """What became of one job. seconds: of this run. tries: how often it was begun. report: of the render."""

    place: str
    input: str
    output: str
    outcome: Outcome
    seconds: float = 0.0
    frames: int = 0
    faces: int = 0
    tries: int = 0
    error: str = ""
    report: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class BatchReport:
    """What became of a batch. lines: in the order of the jobs."""

    ledger: str
    wall: float = 0.0
    lines: list[Line] = field(default_factory=list)

    def count(self, outcome: Outcome) -> int:
        """How many jobs ended so."""
        return sum(line.outcome == outcome for line in self.lines)

    @property
    def ok(self) -> bool:
        """Whether everything is there."""
        return not (self.count("failed") or self.count("blocked"))

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        kinds: tuple[Outcome, ...] = ("done", "unchanged", "failed", "blocked", "planned")
        return {**asdict(self), "ok": self.ok, "counts": {kind: self.count(kind) for kind in kinds}}


Render = Callable[..., Any]


def run(
    jobs: str | Path | Sequence[Mapping[str, Any]],
    *,
    ledger: str | Path | None = None,
    retries: int = RETRIES,
    dry_run: bool = False,
    progress: ProgressCallback | None = None,
    render: Render | None = None,
) -> BatchReport:
    """Renders the jobs of a file, or plain mappings with the same keys (see `jobs`).

    ledger: where it is remembered what was done; default the job file's name with `.ledger`, for mappings
    `fastswap.ledger` here. retries: how often a job that failed is tried again, unless it says so itself. dry_run: only
    tells what would be done. render: in place of `fastswap.render`.

    Jobs that fail do not keep others from being done. Raises JobsError when anything is wrong with the jobs; nothing
    was rendered then. Interrupted passes through; the next run goes on where this one was.
    """
    begin = time.perf_counter()
    found, problems = read_jobs(jobs)
    problems = sorted({*problems, *faults(found)}, key=_by_place)
    if problems:
        raise JobsError(problems)
    place = Path(ledger) if ledger else _ledger_of(jobs)
    ordered, _ = in_order(found)
    report = BatchReport(str(place))
    with Ledger(place) as kept:
        _Runner(kept, found, retries, progress, render or fastswap.render, report).work(ordered, dry_run)
    order = {_key(job): job.number for job in found}
    report.lines.sort(key=lambda line: order[line.place, line.output])
    report.wall = time.perf_counter() - begin
    return report


def _ledger_of(jobs: str | Path | Sequence[Mapping[str, Any]]) -> Path:
    if isinstance(jobs, (str, Path)):
        return Path(jobs).with_name(Path(jobs).name + ".ledger")
    return Path("fastswap.ledger")


def _by_place(problem: str) -> tuple[str, int, str]:
    head, _, rest = problem.partition(": ")
    name, _, line = head.rpartition(":")
    return name, int(line) if line.isdigit() else 0, rest


def _key(job: Job) -> tuple[str, str]:
    return job.place, str(job.output)


class _Runner:
    def __init__(
        self,
        ledger: Ledger,
        jobs: Sequence[Job],
        retries: int,
        progress: ProgressCallback | None,
        render: Render,
        report: BatchReport,
    ) -> None:
        self._ledger, self._jobs, self._retries = ledger, jobs, retries
        self._progress, self._render, self._report = progress, render, report
        self._bad: set[int] = set()
        self._again: set[int] = set()  # jobs whose input is made anew in this run

    def work(self, ordered: Sequence[Job], dry_run: bool) -> None:
        """A job that fails is tried again after the others, but for those that wait for it."""
        line, spent = deque(ordered), dict[int, int]()
        total = len(ordered)
        while line:
            job = line.popleft()
            if self._progress:
                self._progress(Progress("batch", total - len(line) - 1, total, "jobs", note=str(job.output)))
            maker = maker_of(job, self._jobs)
            if maker and maker.number in self._bad:
                self._give_up(job, f"its input was not made: the job at {maker.place} failed", "blocked")
            elif maker and any(other is maker for other in line):
                line.append(job)  # its maker is tried again first
            elif not self._one(job, spent, dry_run):
                line.append(job)
        if self._progress:
            self._progress(Progress("batch", total, total, "jobs"))

    def _one(self, job: Job, spent: dict[int, int], dry_run: bool) -> bool:
        """False when the job failed and is to be tried again."""
        settings, files = self._settings(job), self._files(job)
        maker = maker_of(job, self._jobs)
        fresh = maker is not None and maker.number in self._again
        if not fresh and self._ledger.is_done(job.output, settings, files):
            self._report.lines.append(Line(job.place, str(job.input), str(job.output), "unchanged"))
            return True
        self._again.add(job.number)
        if dry_run:
            self._report.lines.append(Line(job.place, str(job.input), str(job.output), "planned"))
            return True
        tries = spent.get(job.number, self._ledger.tries(job.output, settings)) + 1
        own = self._own(job)
        free = [name for name, path in job.made.items() if path in own or not _is_in_the_way(path)]
        most = 1 + (self._retries if job.retries is None else job.retries)
        if tries > most:
            self._give_up(job, f"the process died over it {tries - 1} times", "failed")
            self._ledger.begin(job.output, settings, 0, free)  # the next run may try again
            self._ledger.fail(job.output, "the process died over it")
            return True
        spent[job.number] = tries
        self._ledger.begin(job.output, settings, tries, free)
        begin = time.perf_counter()
        try:
            with _aside(own):
                made = self._make(job)
        except Interrupted:
            self._ledger.begin(job.output, settings, tries - 1, free)  # stopping is no failure
            raise
        except Exception as error:  # whatever it is, the other jobs are done
            text = str(error) if isinstance(error, FastswapError) else f"{type(error).__name__}: {error}"
            if tries < most:
                return False
            self._give_up(job, " ".join(text.split()), "failed", tries)
            return True
        self._ledger.finish(job.output, files, made.as_dict())
        line = Line(job.place, str(job.input), str(job.output), "done", time.perf_counter() - begin)
        line.frames, line.faces, line.tries, line.report = made.frames, made.faces, tries, made.as_dict()
        self._report.lines.append(line)
        return True

    def _own(self, job: Job) -> set[Path]:
        """Folders in the way that the job made itself."""
        for path in job.made.values():
            if _before(path).is_dir() and not path.exists():  # a run was killed
                _before(path).rename(path)
        return {
            path
            for name, path in job.made.items()
            if _is_in_the_way(path) and self._ledger.is_own(job.output, name, path)
        }

    def _make(self, job: Job) -> Any:
        for path in job.made.values():
            path.parent.mkdir(parents=True, exist_ok=True)
        settings = dict(job.render)
        settings["report_page"] = settings.pop("report", None)
        return self._render(
            job.input,
            job.output,
            model=job.models,
            look=look_of(job),
            encoder_options=job.options or None,
            progress=self._progress,
            **settings,
        )

    def _give_up(self, job: Job, error: str, state: Literal["failed", "blocked"], tries: int = 0) -> None:
        self._bad.add(job.number)
        line = Line(job.place, str(job.input), str(job.output), state, error=error, tries=tries)
        self._report.lines.append(line)
        if state == "failed" and tries:
            self._ledger.fail(job.output, error)

    def _settings(self, job: Job) -> str:
        ignored = ("threads", "parallel", "cluster", "cluster_files", "certificate", "private_key")
        kept = {key: str(value) for key, value in job.render.items() if key not in ignored}
        selections = list(job.models) if isinstance(job.models, dict) else []
        values = {
            "version": fastswap.__version__,
            "look": asdict(look_of(job)),
            "options": job.options,
            "render": kept,
            "selections": selections,
        }
        return settings_key(values)

    def _files(self, job: Job) -> dict[str, Path]:
        """All that a job depends on, and all that it makes."""
        models = {f"model {number}": path for number, path in enumerate(job.model_files, 1)}
        given = {str(key): job.render[key] for key in ("mask_file", "recogniser") if key in job.render}
        return {"input": job.input, **models, **given, **job.references, **job.made}


@contextmanager
def _aside(folders: Collection[Path]) -> Iterator[None]:
    """Folders of an earlier run are out of the way meanwhile, and back where this one fails."""
    for path in folders:
        shutil.rmtree(_before(path), ignore_errors=True)  # a run was killed when it had made a newer one
        path.rename(_before(path))
    try:
        yield
    except BaseException:
        for path in folders:
            if not path.exists():
                _before(path).rename(path)
        raise
    for path in folders:
        shutil.rmtree(_before(path))


def _before(path: Path) -> Path:
    return path.with_name(f".{path.name}.before")


def _is_in_the_way(path: Path) -> bool:
    return path.is_dir() and any(path.iterdir())
