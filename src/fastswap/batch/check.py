"""Finds what is wrong with jobs before the first frame is rendered, one line for each fault with its place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

from fastswap.batch.jobs import Job
from fastswap.cast import parse_cast
from fastswap.cluster.files import check_way
from fastswap.device.choice import names_of
from fastswap.errors import FastswapError
from fastswap.look import Look
from fastswap.model import load_contract
from fastswap.page.output import check_page
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
    outputs: dict[Path, tuple[Job, str]] = {}
    made = {_place(job.output) for job in jobs}
    contract = cache(_model_fault)
    found: list[str] = []
    for job in jobs:
        problems = [*_path_faults(job, made), *_value_faults(job)]
        problems += [fault for model in job.model_files if (fault := contract(model))]
        for key, path in _made(job).items():
            first, its = outputs.setdefault(_place(path), (job, key))
            if first is not job:
                problems.append(f"{key} {path} is that of the job at {first.place} already")
            elif its != key or _place(path) == _place(job.input):
                problems.append(f"{key} {path} is its own {'input' if its == key else its}")
        found += [f"{job.place}: {problem}" for problem in dict.fromkeys(problems)]
    return found + in_order(jobs)[1]


def _made(job: Job) -> dict[str, Path]:
    """What a job makes, without what cannot be."""
    try:
        return job.made
    except FastswapError:
        return {"output": job.output}


def _path_faults(job: Job, made: set[Path]) -> Iterator[str]:
    if not job.input.exists() and _place(job.input) not in made:
        yield f"input {job.input}: no such file or folder"
    for key, path in _made(job).items():
        parent = path.parent
        if not parent.is_dir() and parent.exists():
            yield f"{key} {path}: {parent} is not a folder"
        if job.input.is_dir() and _place(job.input) in _place(path).parents:
            yield f"{key} {path} lies inside the input folder"
    keys = ("mask_file", "recogniser", "certificate", "private_key")
    needed = {key: job.render[key] for key in keys if key in job.render} | job.references
    for key, path in needed.items():
        if not path.exists():
            yield f"{key} {path}: no such file or folder"


def _value_faults(job: Job) -> Iterator[str]:
    render = job.render
    checks = (
        lambda: look_of(job),
        lambda: parse_cast(job.models, render.get("select", "all"), render.get("recogniser")),
        lambda: parse_trim(render.get("start"), render.get("end")),
        lambda: _check_encoder(render.get("encoder")),
        lambda: check_way(render.get("cluster_files", "auto")),
        lambda: names_of(render.get("device", "auto")),
        lambda: check_page(render.get("report")),
        lambda: job.made,
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
