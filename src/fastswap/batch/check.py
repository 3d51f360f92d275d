"""Finds what is wrong with jobs before the first frame is rendered, one line for each fault with its place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

from fastswap.batch.jobs import Job
from fastswap.cast import parse_cast
from fastswap.errors import FastswapError
from fastswap.look import Look
from fastswap.model import load_contract
from fastswap.trim import parse_trim


def look_of(job: Job) -> Look:
    """The look of a job. Raises InputError or SettingsError."""
    return Look.load(job.look) if isinstance(job.look, Path) else Look().changed(job.look)


def in_order(jobs: Sequence[Job]) -> tuple[list[Job], list[str]]:
    """The jobs such that one whose input is another's output comes after it, by priority and number otherwise.

    Second: a line for every job in a cycle.
    """
    makers = {_place(job.output): job for job in jobs}
    waiting = sorted(jobs, key=lambda job: (-job.priority, job.number))
    done: set[int] = set()
    ordered: list[Job] = []
    while waiting:
        ready = next((job for job in waiting if _needs(job, makers) in (None, *done)), None)
        if ready is None:
            return ordered, [_cycle(job, makers) for job in waiting]
        waiting.remove(ready)
        done.add(ready.number)
        ordered.append(ready)
    return ordered, []


def maker_of(job: Job, jobs: Sequence[Job]) -> Job | None:
    """The job whose output is this one's input."""
    return next((other for other in jobs if _place(other.output) == _place(job.input)), None)


def faults(jobs: Sequence[Job]) -> list[str]:
    """All that is wrong, in the order of the jobs."""
    outputs: dict[Path, Job] = {}
    made = {_place(job.output) for job in jobs}
    contract = cache(_model_fault)
    found: list[str] = []
    for job in jobs:
        problems = [*_path_faults(job, made), *_value_faults(job)]
        problems += [fault for model in job.model_files if (fault := contract(model))]
        first = outputs.setdefault(_place(job.output), job)
        if first is not job:
            problems.append(f"output {job.output} is that of the job at {first.place} already")
        found += [f"{job.place}: {problem}" for problem in dict.fromkeys(problems)]
    return found + in_order(jobs)[1]


def _path_faults(job: Job, made: set[Path]) -> Iterator[str]:
    if _place(job.input) == _place(job.output):
        yield f"output {job.output} is its own input"
    elif not job.input.exists() and _place(job.input) not in made:
        yield f"input {job.input}: no such file or folder"
    parent = job.output.parent
    if not parent.is_dir() and parent.exists():
        yield f"output {job.output}: {parent} is not a folder"
    if job.input.is_dir() and _place(job.input) in _place(job.output).parents:
        yield f"output {job.output} lies inside the input folder"
    for name in ("matte", "layer"):
        if name in job.render and _place(job.render[name]) in (_place(job.output), _place(job.input)):
            yield f"{name} {job.render[name]} is the job's own output or input"


def _value_faults(job: Job) -> Iterator[str]:
    render = job.render
    checks = (
        lambda: look_of(job),
        lambda: parse_cast(job.models, render.get("select", "all"), render.get("recogniser")),
        lambda: parse_trim(render.get("start"), render.get("end")),
        lambda: _check_encoder(render.get("encoder")),
    )
    for check in checks:
        try:
            check()
        except FastswapError as error:
            yield str(error)
    for name in ("batch", "threads", "parallel"):
        if render.get(name, 0) < 0:
            yield f"{name} is {render[name]}"
    if job.retries is not None and job.retries < 0:
        yield f"retries is {job.retries}"


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


def _cycle(job: Job, makers: dict[Path, Job]) -> str:
    maker = makers[_place(job.input)]
    return f"{job.place}: input {job.input} is made by the job at {maker.place}, which waits for this one"
