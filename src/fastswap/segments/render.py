"""An output as a list of segments: makes those that are missing, here or in several processes, and joins them."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import fastswap
from fastswap import video
from fastswap.analysis import Analysis
from fastswap.choice import Choice
from fastswap.device import Device
from fastswap.errors import OutputError
from fastswap.frame import Frame
from fastswap.model import model_hash
from fastswap.report import Report
from fastswap.segments import sequence
from fastswap.segments.faces import SpanFaces
from fastswap.segments.pool import Pool
from fastswap.segments.task import Recipe
from fastswap.segments.workspace import Workspace
from fastswap.select import Selection
from fastswap.stages import Stages
from fastswap.swap import FaceSwap, chain_swaps
from fastswap.video.about import ffmpeg_version, pyav_version
from fastswap.video.packets import Damaged

if TYPE_CHECKING:
    from fastswap.cluster.pool import ClusterPool

Tick = Callable[[Report], None]
_JOIN_TRIES = 2


@dataclass(frozen=True, slots=True)
class Job:
    """A render in segments.

    made: where the joined file goes. parallel: processes; less than 2 renders in this one. cluster: Ray's address or
    "auto"; then `parallel` is the number of its workers, 0 as many as there is room for. files: see `cluster.files`.
    """

    recipe: Recipe
    info: video.VideoInfo
    spans: tuple[video.Span, ...]
    made: Path
    parallel: int = 0
    cluster: str | None = None
    files: str = "auto"

    @property
    def target(self) -> video.Target:
        """The output as the writers take it."""
        return video.Target(self.made, self.recipe.output, None, None, [])


def open_workspace(job: Job, known: Analysis, swaps: Sequence[FaceSwap]) -> Workspace:
    """The workspace of a job. Its key holds all that the bytes of a segment follow from, but its faces."""
    recipe = job.recipe
    assert known.header is not None
    cut = json.dumps([asdict(span) for span in job.spans]).encode()
    key = {
        "software": [fastswap.__version__, ffmpeg_version, pyav_version],
        "input": known.header.content,
        "analysis": known.header.settings,
        "models": [model_hash(model) for model in recipe.models],
        "engines": [f"{swap.engine.name} {swap.engine.precision}" for swap in swaps],
        "look": asdict(recipe.look),
        "batch": recipe.batch,
        "deinterlace": recipe.deinterlace,
        "encoding": recipe.encoding.as_dict(),
        "cut": hashlib.blake2b(cut, digest_size=16).hexdigest(),
    }
    return Workspace(recipe.output, key)


def render(
    job: Job,
    work: Workspace,
    device: Device,
    swaps: Sequence[FaceSwap],
    known: Analysis,
    selections: Sequence[Selection],
    report: Report,
    stages: Stages,
    tick: Tick,
) -> None:
    """Makes the missing segments and joins all of them into `job.made`.

    What is finished stays in the workspace when this fails. Raises Unsuited when the input cannot be cut after all.
    """
    for attempt in range(_JOIN_TRIES):
        try:
            _finish_all(job, work, device, swaps, known, selections, report, stages, tick)
            for _ in video.join(
                job.target, job.info, job.recipe.source, job.recipe.encoding, _paths(job, work)
            ):
                pass
        except Damaged as error:
            if attempt + 1 == _JOIN_TRIES:
                raise OutputError(
                    f"{job.recipe.output}: a finished segment is damaged on the disk: {error}"
                ) from error
            work.verify()
            report.swapped, report.faces = 0, 0
            report.skipped.clear()
            continue
        break
    report.frames = sum(work.records[span.number]["frames"] for span in job.spans)


def _paths(job: Job, work: Workspace) -> list[Path]:
    return [work.path(span.number) for span in job.spans]


def _finish_all(
    job: Job,
    work: Workspace,
    device: Device,
    swaps: Sequence[FaceSwap],
    known: Analysis,
    selections: Sequence[Selection],
    report: Report,
    stages: Stages,
    tick: Tick,
) -> None:
    before = SpanFaces(known, job.spans, work)
    todo = sequence.missing(before, Choice(deepcopy(selections), Report()), work, job.recipe.margin)
    report.resumed = len(job.spans) - len(todo)
    report.frames = sum(record["frames"] for number, record in work.records.items() if number not in todo)
    faces, choice = SpanFaces(known, job.spans, work), Choice(selections, report)
    with known.reader() as reader, stages:
        if (job.parallel > 1 or job.cluster) and todo:
            _in_processes(job, work, device, swaps, faces, choice, todo, reader, report, stages, tick)
        else:
            _in_sequence(job, work, device, faces, choice, todo, reader, swaps, report, stages, tick)
        report.notices += [notice for notice in reader.notices if notice not in report.notices]
    faces.publish()


def _in_sequence(
    job: Job,
    work: Workspace,
    device: Device,
    faces: SpanFaces,
    choice: Choice,
    todo: sequence.Todo,
    reader: video.Reader,
    swaps: Sequence[FaceSwap],
    report: Report,
    stages: Stages,
    tick: Tick,
) -> None:
    margin = job.recipe.margin
    heard = sequence.Ledger(job.spans, margin)
    frames = stages.thread("decode", device.arrive(sequence.decoded(reader, job.spans, todo, margin)))
    works = stages.thread("analyse", sequence.works(faces, frames, todo, choice, margin, heard))
    encoder = sequence.Encoder(job.recipe, work, heard, reader.info)
    direct = job.recipe.encoding.plan.gpu is not None
    swapped = device.leave(chain_swaps(stages, swaps, works), direct=direct)
    for _ in stages.timed("encode", encoder(swapped, job.spans, todo)):
        report.frames += 1
        tick(report)
    report.notices += encoder.notices


def _in_processes(
    job: Job,
    work: Workspace,
    device: Device,
    swaps: Sequence[FaceSwap],
    faces: SpanFaces,
    choice: Choice,
    todo: sequence.Todo,
    reader: video.Reader,
    report: Report,
    stages: Stages,
    tick: Tick,
) -> None:
    fresh: sequence.Todo = {number: first for number, first in todo.items() if number >= faces.kept}
    frames: Iterator[Frame] = iter(())
    if fresh:
        frames = stages.thread("decode", device.arrive(sequence.decoded(reader, job.spans, fresh, 0)))
    tasks = sequence.tasks_to_do(faces, frames, choice, work, job.recipe.margin)
    with _pool(job, work, [f"{swap.engine.name} {swap.engine.precision}" for swap in swaps]) as pool:
        for task, made, record, notices in pool.run(tasks):
            work.publish(made, task.span.number, record)
            for name, seconds in record["seconds"].items():
                stages.busy[name] = stages.busy.get(name, 0.0) + seconds
            report.notices += [notice for notice in notices if notice not in report.notices]
            report.frames += record["frames"]
            tick(report)
    if pool.lost:
        report.notices.append(f"{pool.lost} worker processes died; their segments were rendered by others")


def _pool(job: Job, work: Workspace, engines: list[str]) -> Pool | ClusterPool:
    if job.cluster:
        from fastswap.cluster.pool import ClusterPool

        return ClusterPool(job.recipe, job.cluster, job.parallel, work.partial, job.files, engines)
    threads = max(1, (job.recipe.threads or os.cpu_count() or 1) // job.parallel)
    return Pool(replace(job.recipe, threads=threads), job.parallel, work.partial)
