"""From footage to a faceset: find the faces, keep the good ones, cut them out upright."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from fastswap import align
from fastswap.detect import Detector, Mesh
from fastswap.errors import InputError, OutputError, SettingsError
from fastswap.progress import Progress, ProgressCallback
from fastswap.training.cutting import Cut, Task, begin_worker, cut_file
from fastswap.training.faceset import (
    INDEX,
    Entry,
    Faceset,
    Header,
    append_index,
    open_faceset,
    same_entry,
    write_index,
)
from fastswap.training.footage import footage
from fastswap.training.ledger import Ledger
from fastswap.training.persons import several
from fastswap.training.quality import Limits
from fastswap.training.sheet import write_sheet
from fastswap.training.unfinished import Unfinished

SIZES = (64, 1024)
MAX_JOBS = 256
DUPLICATES = 6
"""Bits of 256. Neighbouring frames of a real clip with strong expressions differ in 16 (median); 6 left out 13 %
of them."""
_REPORT_S = 0.1
DEFAULT_LIMITS = Limits()


@dataclass(slots=True)
class ExtractReport:
    """The result of `extract`.

    folder: the faceset. faces: pictures added. total: pictures in it now. frames: frames looked at. skipped:
    faces and frames left out, counted by reason. sources: pictures added by source file. sheet: the contact
    sheet.
    """

    folder: str
    faces: int = 0
    total: int = 0
    frames: int = 0
    seconds: float = 0.0
    skipped: Counter[str] = field(default_factory=Counter)
    sources: dict[str, int] = field(default_factory=dict)
    sheet: str = ""
    notices: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """The report as plain JSON values."""
        return asdict(self)


def extract(
    inputs: Sequence[str | Path],
    out: str | Path,
    *,
    size: int = 320,
    template: str = "dfl_whole_face",
    coverage: float = 1.3,
    every: int = 1,
    faces: str = "largest",
    limits: Limits = DEFAULT_LIMITS,
    duplicates: int = DUPLICATES,
    jobs: int = 1,
    progress: ProgressCallback | None = None,
) -> ExtractReport:
    """Cuts the faces out of videos, pictures and folders of them, into the faceset `out`.

    size: side of the pictures in pixels. template, coverage: how they are aligned and how much they show; the
    default leaves a margin around what a model sees, so that training can turn and shift it. every: keep
    faces of every n-th frame. faces: "largest" (one per frame), "all", or "track:N". limits: what a face must
    have. duplicates: a face that differs from an earlier one of its file in fewer bits (of 256, see `likeness`) is
    left out, 0 keeps all. jobs: files that are worked on at the same time, each by a process of its own. An existing
    faceset is added to; nothing else may stand at `out`. Every track of every file has a number of its own.

    A file's pictures are put in place when the file is finished. Stopped, the same command goes on with the files that
    are not, inside a long video too (see `unfinished`), and gives the same faceset as without one. A file that cannot
    be read is left out with a notice when there are others.

    Progress: stage "extract", done and total in frames (total None when a file does not tell), value `faces`.

    Raises InputError (no input that can be read, no face anywhere), OutputError, SettingsError and
    WeightsError.
    """
    began = time.monotonic()
    out = Path(out)
    header = _check(size, template, coverage, every, faces)
    if not 0 <= duplicates <= 256 or not 1 <= jobs <= MAX_JOBS:
        raise SettingsError(
            f"extract: --duplicates {duplicates} must lie in 0..256 and --jobs {jobs} in 1..{MAX_JOBS}"
        )
    existing = _existing(out, header)
    sources, notices = footage([Path(item) for item in inputs], out)
    before = existing.entries if existing else ()
    task = Task(header, every, faces, limits, duplicates)
    ledger = Ledger(out, task)
    sources = list({ledger.key(source): source for source in sources}.values())
    waiting = [source for source in sources if source not in ledger]
    report = ExtractReport(str(out), notices=notices)
    if len(waiting) < len(sources):
        report.notices.append(f"{out}: {len(sources) - len(waiting)} files were extracted before")
    with Unfinished(
        out,
        {source: ledger.key(source) for source in sources},
        [entry.file for entry in before],
        [entry.hash for entry in before if entry.hash],
        max((entry.track for entry in before), default=-1) + 1,
    ) as work:
        indexed = {entry.file: entry for entry in (*before, *(existing.absent if existing else ()))}
        job = _Job(replace(task, known=work.plan.known), indexed, out, work, ledger, report, progress)
        job.run(waiting, jobs)
    if not report.faces and len(waiting) == len(sources):
        raise job.failure or InputError(
            f"{_names(inputs)}: no usable face was found{_reasons(report.skipped)}"
        )
    done = open_faceset(out)
    report.total = len(done.entries)
    mixed = several([done])
    report.notices += [*done.notices, *([mixed] if mixed else [])]
    report.sheet = str(write_sheet(done))
    report.seconds = round(time.monotonic() - began, 2)
    return report


class _Job:
    """One extraction: the files one after the other or side by side, their results always in the files' order."""

    def __init__(
        self,
        task: Task,
        indexed: Mapping[str, Entry],
        out: Path,
        work: Unfinished,
        ledger: Ledger,
        report: ExtractReport,
        progress: ProgressCallback | None,
    ) -> None:
        self.task, self.out, self.work, self.ledger = task, out, work, ledger
        self.report, self.progress = report, progress
        self._indexed = indexed
        self.failure: InputError | None = None
        self._by_track = task.choice.startswith("track:")
        self._told = 0.0

    def run(self, sources: Sequence[Path], jobs: int) -> None:
        """Extracts the files, each published when it is finished."""
        for cut in (
            self._side_by_side(sources, jobs) if jobs > 1 and len(sources) > 1 else self._in_turn(sources)
        ):
            self._publish(cut)
            self.work.forget(cut.source)

    def _in_turn(self, sources: Sequence[Path]) -> Iterator[Cut]:
        models: tuple[Detector, Mesh] | None = None
        for source in sources:
            models = models or (Detector(), Mesh())

            def tell(done: int, total: int | None, faces: int, name: str = source.name) -> None:
                self._tell(done, total, self.report.faces + faces, name)

            first = self.work.first_track(source) if self._by_track else 0
            prefix, folder = self.work.prefix(source), self.work.place(source)
            try:
                yield cut_file(source, prefix, folder, self.task, first_track=first, models=models, tell=tell)
            except InputError as error:
                self._fail(source, error)

    def _side_by_side(self, sources: Sequence[Path], jobs: int) -> Iterator[Cut]:
        if self._by_track:
            raise SettingsError("extract: --faces track:N counts tracks over all files; it needs --jobs 1")
        with ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), initializer=begin_worker) as pool:
            running: list[tuple[Path, Future[Cut]]] = [
                (
                    source,
                    pool.submit(
                        cut_file, source, self.work.prefix(source), self.work.place(source), self.task
                    ),
                )
                for source in sources
            ]
            try:
                for done, (source, future) in enumerate(running, 1):
                    try:
                        cut = future.result()
                    except InputError as error:
                        self._fail(source, error)
                        continue
                    yield cut
                    self._tell(done, len(running), self.report.faces, cut.source.name, "files")
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _fail(self, source: Path, error: InputError) -> None:
        self.failure = self.failure or error
        self.report.notices.append(str(error))
        self.work.forget(source)

    def _publish(self, cut: Cut) -> None:
        """Moves a finished file's pictures to their place. The index comes after them: until then nothing refers to
        them; the ledger comes last."""
        first = 0 if self._by_track else self.work.first_track(cut.source)
        entries = [replace(entry, track=entry.track + first) for entry in cut.entries]
        report = self.report
        report.frames += cut.frames
        report.skipped.update(cut.skipped)
        report.notices += cut.notices
        if not entries:
            if self.out.exists():
                self._finished(cut)
            return
        try:
            self.out.mkdir(exist_ok=True)
            if not (self.out / INDEX).exists():
                write_index(self.out / INDEX, self.task.header, ())
            for path in self.work.place(cut.source).iterdir():
                path.replace(self.out / path.name)
        except OSError as error:
            raise OutputError(f"{self.out}: cannot write the faceset ({error.strerror})") from None
        # A command that was killed just here has indexed them before.
        new = [entry for entry in entries if not same_entry(entry, self._indexed.get(entry.file))]
        append_index(self.out / INDEX, new)
        self._finished(cut)
        report.faces += len(entries)
        report.sources[str(cut.source)] = len(entries)

    def _finished(self, cut: Cut) -> None:
        self.work.finished(cut.source, cut.tracks)
        self.ledger.add(cut.source)

    def _tell(self, done: int, total: int | None, faces: int, name: str, unit: str = "frames") -> None:
        now = time.monotonic()
        if self.progress and now - self._told >= _REPORT_S:
            self._told = now
            self.progress(Progress("extract", done, total, unit, values={"faces": float(faces)}, note=name))


def _check(size: int, template: str, coverage: float, every: int, faces: str) -> Header:
    if not SIZES[0] <= size <= SIZES[1]:
        raise SettingsError(f"extract: --size is {size}; it must lie in {SIZES[0]}..{SIZES[1]}")
    if template not in align.TEMPLATES:
        raise SettingsError(f"extract: template is {template!r}; choose one of {', '.join(align.TEMPLATES)}")
    if not 0.5 <= coverage <= 4.0:
        raise SettingsError(f"extract: coverage is {coverage}; it must lie in 0.5..4")
    if every < 1:
        raise SettingsError(f"extract: --every is {every}; it must be at least 1")
    number = faces.removeprefix("track:")
    if faces not in ("largest", "all") and not (faces.startswith("track:") and number.isdecimal()):
        raise SettingsError(f"extract: --faces is {faces!r}; choose largest, all or track:N")
    return Header(size, template, coverage)


def _existing(out: Path, header: Header) -> Faceset | None:
    """The faceset that is added to, None when there is none yet."""
    if out.exists() and not out.is_dir():
        raise OutputError(f"{out}: is a file; a faceset is a folder")
    if not out.parent.is_dir():
        raise OutputError(f"{out}: the folder {out.parent} does not exist")
    if not out.exists() or not any(out.iterdir()):
        return None
    if not (out / INDEX).exists():
        raise OutputError(f"{out}: this folder exists, is not empty and is no faceset")
    faceset = open_faceset(out, may_be_empty=True)  # as one that was stopped before its first picture is
    if faceset.header != header:
        raise SettingsError(
            f"{out}: holds pictures of another size, template or coverage; choose another folder"
        )
    return faceset


def _names(inputs: Sequence[str | Path]) -> str:
    return ", ".join(str(item) for item in inputs[:3]) + (", ..." if len(inputs) > 3 else "")


def _reasons(skipped: Counter[str]) -> str:
    return (
        f" ({', '.join(f'{reason}: {count}' for reason, count in skipped.most_common())})" if skipped else ""
    )
