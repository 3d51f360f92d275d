"""An output as a list of segments: makes those that are missing, here or in several processes, and joins them."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import closing
from copy import deepcopy
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

import fastswap
from fastswap import sidecar, video
from fastswap.choice import Choice
from fastswap.errors import OutputError
from fastswap.flow import Flow
from fastswap.frame import Frame
from fastswap.model import model_hash
from fastswap.report import Report
from fastswap.segments import sequence
from fastswap.segments.faces import SpanFaces
from fastswap.segments.pool import Pool
from fastswap.segments.task import Recipe, Seen
from fastswap.segments.workspace import Workspace
from fastswap.swap import chain_swaps, engines_of
from fastswap.video.about import ffmpeg_version, pyav_version
from fastswap.video.packets import Damaged

if TYPE_CHECKING:
    from fastswap.cluster.pool import ClusterPool

_JOIN_TRIES = 2


@dataclass(frozen=True, slots=True)
class Job:
    """A render in segments.

    parallel: processes; less than 2 renders in this one. cluster: Ray's address or "auto"; then `parallel` is the
    number of its workers, 0 as many as there is room for. files: see `cluster.files`.
    """

    recipe: Recipe
    info: video.VideoInfo
    spans: tuple[video.Span, ...]
    parallel: int = 0
    cluster: str | None = None
    files: str = "auto"

    @property
    def wanted(self) -> list[int]:
        """Numbers of the spans that are segments of the output."""
        return [span.number for span in self.spans if span.wanted]


def open_workspace(job: Job, flow: Flow) -> Workspace:
    """The workspace of a job. Its key holds all that the bytes of a segment follow from, but its faces."""
    recipe, header = job.recipe, flow.known.header
    assert header is not None
    cut = json.dumps([asdict(span) for span in job.spans]).encode()
    key = {
        "software": [fastswap.__version__, ffmpeg_version, pyav_version],
        "input": header.content,
        "analysis": header.settings,
        "models": [model_hash(model) for model in recipe.models],
        "engines": engines_of(flow.swaps),
        "look": asdict(recipe.look),
        "mask file": sidecar.content_hash(recipe.mask_file) if recipe.mask_file else None,
        "batch": recipe.batch,
        "deinterlace": recipe.deinterlace,
        "encoding": recipe.encoding.as_dict(),
        "page": recipe.page and asdict(recipe.page),
        "sides": [[side.kind, side.place.suffix] for side in recipe.sides],
        "cut": hashlib.blake2b(cut, digest_size=16).hexdigest(),
    }
    return Workspace(recipe.output, key)


def render(job: Job, work: Workspace, flow: Flow) -> None:
    """Makes the missing segments and joins all of them into the target's file.

    What is finished stays in the workspace when this fails. Raises Unsuited when the input cannot be cut after all.
    """
    report = flow.report
    for attempt in range(_JOIN_TRIES):
        try:
            _finish_all(job, work, flow)
            paths = [work.path(number) for number in job.wanted]
            joined = replace(flow.target, notices=[])  # of what was told when it was prepared
            video.join(joined, job.info, job.recipe.encoding, paths, flow.sides.targets)
            flow.page.load(paths, 1 + len(job.recipe.sides))
            report.notices += [notice for notice in joined.notices if notice not in report.notices]
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
    report.frames = sum(work.records[number]["frames"] for number in job.wanted)


def _finish_all(job: Job, work: Workspace, flow: Flow) -> None:
    report, known = flow.report, flow.known
    before = SpanFaces(known, job.spans, work)
    todo = sequence.missing(before, Choice(deepcopy(flow.selections), Report()), work, flow.margin)
    report.resumed = sum(number not in todo for number in job.wanted)
    report.frames = sum(record["frames"] for number, record in work.records.items() if number not in todo)
    faces, choice = SpanFaces(known, job.spans, work), Choice(flow.selections, report)
    make = _in_processes if (job.parallel > 1 or job.cluster) and todo else _in_sequence
    with known.reader() as reader, flow.stages:
        make(job, work, flow, faces, choice, todo, reader)
        report.notices += [notice for notice in reader.notices if notice not in report.notices]
    faces.publish()


def _in_sequence(
    job: Job,
    work: Workspace,
    flow: Flow,
    faces: SpanFaces,
    choice: Choice,
    todo: sequence.Todo,
    reader: video.Reader,
) -> None:
    margin, stages, device = flow.margin, flow.stages, flow.device
    heard = sequence.Ledger(job.spans, margin)
    frames = stages.thread("decode", device.arrive(sequence.decoded(reader, job.spans, todo, margin)))
    works = stages.thread("analyse", sequence.works(faces, frames, todo, choice, margin, heard))
    seen = Seen(flow.sides.layers, flow.page.collector)
    encoder = sequence.Encoder(job.recipe, work, heard, reader.info, device.gpu, seen)
    made = chain_swaps(stages, flow.swaps, works, flow.watchers)
    swapped = device.leave(made, direct=job.recipe.encoding.takes_gpu_frames)
    # Closed when it is left, whatever for: what is being finished is finished before anybody counts.
    with closing(encoder(swapped, job.spans, todo)) as encoded:
        for _ in stages.timed("encode", encoded):
            flow.report.frames += 1
            flow.tick(flow.report)
    flow.report.notices += encoder.notices


def _in_processes(
    job: Job,
    work: Workspace,
    flow: Flow,
    faces: SpanFaces,
    choice: Choice,
    todo: sequence.Todo,
    reader: video.Reader,
) -> None:
    report, stages = flow.report, flow.stages
    fresh: sequence.Todo = {number: first for number, first in todo.items() if number >= faces.kept}
    frames: Iterator[Frame] = iter(())
    if fresh:
        frames = stages.thread("decode", flow.device.arrive(sequence.decoded(reader, job.spans, fresh, 0)))
    tasks = sequence.tasks_to_do(faces, frames, choice, work, flow.margin)
    with _pool(job, work, engines_of(flow.swaps)) as pool:
        for task, made, record, notices in pool.run(tasks):
            work.publish(made, task.span.number, record)
            for name, seconds in record["seconds"].items():
                stages.busy[name] = stages.busy.get(name, 0.0) + seconds
            report.notices += [notice for notice in notices if notice not in report.notices]
            report.frames += record["frames"]
            flow.tick(report)
    if pool.lost:
        report.notices.append(f"{pool.lost} worker processes died; their segments were rendered by others")


def _pool(job: Job, work: Workspace, engines: list[str]) -> Pool | ClusterPool:
    if job.cluster:
        from fastswap.cluster.pool import ClusterPool

        return ClusterPool(job.recipe, job.cluster, job.parallel, work.partial, job.files, engines)
    threads = max(1, (job.recipe.threads or os.cpu_count() or 1) // job.parallel)
    return Pool(replace(job.recipe, threads=threads), job.parallel, work.partial)
