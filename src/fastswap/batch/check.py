"""Finds what is wrong with jobs before the first frame is rendered, one line for each fault with its place."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

from fastswap.batch.jobs import Job
from fastswap.cast import parse_cast
from fastswap.cluster.files import check_way
from fastswap.device.choice import names_of
from fastswap.errors import FastswapError
from fastswap.look import Look
from fastswap.model import load_contract
from fastswap.page.output import check_page
from fastswap.trim import parse_moment, parse_trim
from fastswap.video.reader import Reader
from fastswap.video.side_output import Kind, place_of
from fastswap.video.writer import check_container, check_encoding

_GIVEN = ("mask_file", "recogniser", "certificate", "private_key")
"""Keys that name files which have to be there."""


def look_of(job: Job) -> Look:
    """The look of a job. Raises InputError or SettingsError."""
    return _look(job.look)


def _look(look: Path | dict[str, Any]) -> Look:
    return Look.load(look) if isinstance(look, Path) else Look().changed(look)


def in_order(jobs: Sequence[Job]) -> tuple[list[Job], list[str]]:
    """The jobs such that one whose input is another's output comes after it, by priority and number otherwise.

    Second: a line for every job in a cycle, but for one that is a cycle alone.
    """
    makers = {_place(job.output): job for job in jobs}
    waiting = sorted(jobs, key=lambda job: (-job.priority, job.number))
    done: set[int] = set()
    ordered: list[Job] = []
    while waiting:
        ready = next((job for job in waiting if _needs(job, makers) in (None, *done)), None)
        if ready is None:
            return ordered, [_cycle(job, makers) for job in waiting if _is_in_cycle(job, makers)]
        waiting.remove(ready)
        done.add(ready.number)
        ordered.append(ready)
    return ordered, []


def maker_of(job: Job, jobs: Sequence[Job]) -> Job | None:
    """The job whose output is this one's input."""
    return next((other for other in jobs if _place(other.output) == _place(job.input)), None)


def faults(jobs: Sequence[Job]) -> list[str]:
    """All that is wrong, in the order of the jobs."""
    uses = _Uses(jobs)
    made = {_place(job.output) for job in jobs}
    contract, encoding = cache(_model_fault), _Encodings()
    found: dict[str, None] = {}  # one line for what all files of a pattern have in common
    for job in jobs:
        problems = [*_path_faults(job, made), *_value_faults(job)]
        problems += [("model", fault) for model in job.model_files if (fault := contract(model))]
        problems += [("options", fault) for fault in encoding.faults(job)]
        problems += [
            (key, fault) for key, path in _made(job).items() if (fault := uses.clash(job, key, path))
        ]
        found |= dict.fromkeys(f"{_stands_at(job, key)}: {problem}" for key, problem in problems)
    return [*found, *in_order(jobs)[1]]


class _Encodings:
    """Whether encoders take their options: each choice once, with the first video that it is meant for."""

    def __init__(self) -> None:
        self._found: dict[tuple[object, ...], str] = {}

    def faults(self, job: Job) -> Iterator[str]:
        """What the job's encoder says of its options, at most one line."""
        if not job.options or not job.input.is_file():  # an output of another job is not there yet
            return
        encoder = job.render.get("encoder")
        choice = (job.output.suffix, encoder, *sorted(job.options.items()))
        if choice not in self._found:
            fault = self._fault(job, encoder)
            if fault is None:
                return
            self._found[choice] = fault
        if self._found[choice]:
            yield self._found[choice]

    @staticmethod
    def _fault(job: Job, encoder: str | None) -> str | None:
        """None where it cannot be told: what else is wrong is told elsewhere, or when the job runs."""
        try:
            _check_encoder(encoder)
            check_container(job.output)
            with Reader(job.input, deinterlace=False) as reader:
                info = reader.info
        except FastswapError:
            return None
        try:
            check_encoding(job.output, info, encoder, job.options)
        except FastswapError as error:
            return str(error)
        return ""


class _Uses:
    """What all jobs read and write, by place: a job and its key."""

    def __init__(self, jobs: Sequence[Job]) -> None:
        self._inputs = {_place(job.input): (job, "input") for job in jobs}
        self._read = {_place(path): (job, key) for job in jobs for key, path in _read(job).items()}
        self._written: dict[Path, tuple[Job, str]] = {}

    def clash(self, job: Job, key: str, path: Path) -> str:
        """Why a job cannot write there, after those that were asked for before; "" when it can."""
        place = _place(path)
        found = self._written.setdefault(place, (job, key))
        if found == (job, key):
            own = {_place(path): key for key, path in {**_read(job), "input": job.input}.items()}
            if place in own:
                found = job, own[place]
            elif key != "output" and place in self._inputs:  # an output that is an input makes a chain
                found = self._inputs[place]
            else:
                found = self._read.get(place, found)
        other, its = found
        if other is not job:
            whose = "that" if its == key else f"the {its}"
            return f"{key} {path} is {whose} of the job at {other.place} already"
        return f"{key} {path} is its own {its}" if its != key else ""


def _read(job: Job) -> dict[str, Path]:
    """All files that a job reads beside the input."""
    models = {"model" if n == 1 else f"model {n}": path for n, path in enumerate(job.model_files, 1)}
    look = {"look": job.look} if isinstance(job.look, Path) else {}
    return {
        **models,
        **look,
        **job.references,
        **{key: job.render[key] for key in _GIVEN if key in job.render},
    }


def _stands_at(job: Job, key: str) -> str:
    """Where a key stands; models and selections may stand in `faces`."""
    return job.place_of(key, "faces") if key in ("model", "select") else job.place_of(key)


def _made(job: Job) -> dict[str, Path]:
    """What a job makes, without what cannot be."""
    try:
        return job.made
    except FastswapError:
        return {"output": job.output}


def _path_faults(job: Job, made: set[Path]) -> Iterator[tuple[str, str]]:
    if not job.input.exists() and _place(job.input) not in made:
        yield "input", f"input {job.input}: no such file or folder"
    for key, path in _made(job).items():
        parent = path.parent
        if not parent.is_dir() and parent.exists():
            yield key, f"{key} {path}: {parent} is not a folder"
        if job.input.is_dir() and _place(job.input) in _place(path).parents:
            yield key, f"{key} {path} lies inside the input folder"
    for key in _GIVEN:
        if key in job.render and not job.render[key].exists():
            yield key, f"{key} {job.render[key]}: no such file or folder"
    for name, path in job.references.items():
        if not path.exists():
            yield "select", f"{name} {path}: no such file or folder"


def _value_faults(job: Job) -> Iterator[tuple[str, str]]:
    render = job.render
    each = job.look.items() if isinstance(job.look, dict) else ()
    looks: list[Path | dict[str, Any]] = [{name: value} for name, value in each] or [job.look]
    checks: list[tuple[str, Callable[[], object]]] = [
        *(("look", partial(_look, look)) for look in looks),
        ("select", lambda: _check_cast(job)),
        ("start", lambda: parse_moment(render.get("start"), "start")),
        ("end", lambda: _check_end(render.get("start"), render.get("end"))),
        ("encoder", lambda: _check_encoder(render.get("encoder"))),
        ("output", lambda: check_container(job.output)),
        ("cluster_files", lambda: check_way(render.get("cluster_files", "auto"))),
        ("device", lambda: names_of(render.get("device", "auto"))),
        ("report", lambda: check_page(render.get("report"))),
        ("matte", lambda: _check_side(job, "matte")),
        ("layer", lambda: _check_side(job, "layer")),
    ]
    for key, check in checks:
        try:
            check()
        except FastswapError as error:
            yield key, str(error)
    for name in ("batch", "threads", "parallel"):
        if render.get(name, 0) < 0:
            yield name, f"{name} is {render[name]}"
    if job.retries is not None and job.retries < 0:
        yield "retries", f"retries is {job.retries}"


def _check_cast(job: Job) -> None:
    if job.models:
        parse_cast(job.models, job.render.get("select", "all"), job.render.get("recogniser"))


def _check_end(start: str | float | None, end: str | float | None) -> None:
    try:
        parse_moment(start, "start")
    except FastswapError:  # told already
        start = None
    parse_trim(start, end)


def _check_side(job: Job, kind: Kind) -> None:
    if kind in job.render:
        place_of(job.render[kind], kind)


def _check_encoder(name: str | None) -> None:
    from fastswap.video import presets
    from fastswap.video.encoder import find

    if name is not None and name not in presets.PRESETS:
        find(name)


def _model_fault(path: Path) -> str | None:
    try:
        load_contract(path)
    except FastswapError as error:
        return f"model {error}"
    return None


def _place(path: Path) -> Path:
    return path.absolute().resolve()


def _needs(job: Job, makers: dict[Path, Job]) -> int | None:
    maker = makers.get(_place(job.input))
    return None if maker is None else maker.number


def _is_in_cycle(job: Job, makers: dict[Path, Job]) -> bool:
    seen, maker = {job.number}, makers.get(_place(job.input))
    if maker is job:
        return False
    while maker is not None and maker.number not in seen:
        seen.add(maker.number)
        maker = makers.get(_place(maker.input))
    return maker is job


def _cycle(job: Job, makers: dict[Path, Job]) -> str:
    maker = makers[_place(job.input)]
    return f"{job.place_of('input')}: input {job.input} is made by the job at {maker.place}, which waits for this one"
