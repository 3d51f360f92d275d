"""What workers of a Ray cluster gain: one core each, on this machine, and simulated for more than it has."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from fastswap import video
from fastswap.analysis import analyse
from fastswap.bench.segments import make_clip
from fastswap.demo import demo_model
from fastswap.errors import DeviceError

_ROUNDS: Final = 3
_SIMULATED: Final = (1, 2, 4, 8, 16, 32)
_LONGER: Final = 10

_RENDER = """
import json, os, sys, time
import fastswap
from fastswap import pipeline, video
from fastswap.cluster.pool import ClusterPool
from fastswap.segments import render
source, output, model, faces, options = sys.argv[1:]
took = {"start": 0.0}
def timed(name, call):
    def clocked(*arguments):
        begin = time.perf_counter()
        try:
            return call(*arguments)
        finally:
            took[name] = time.perf_counter() - begin
    return clocked
pipeline._sign = lambda *_: {}
render._finish_all = timed("segments", render._finish_all)
render._pool = timed("connect", render._pool)
ClusterPool.__enter__ = timed("start", ClusterPool.__enter__)
video.join = timed("join", video.join)
report = fastswap.render(source, output, model=model, analysis=faces, threads=1, **json.loads(options))
start = took["start"] + took.pop("connect", 0.0)
print(json.dumps({**took, "start": start, "segments": took["segments"] - start, "wall": report.wall,
                  "count": report.segments, "frames": report.frames}))
"""


def run(
    *, seconds: float = 60.0, size: str = "640x360", workers: int = 2, model: Path | None = None
) -> dict[str, Any]:
    """Renders a clip with a stored analysis in one process on one core, then on 1 to `workers` workers, each a node
    of a real Ray cluster with one core of its own, and takes the best of three of each.

    Returns plain values. "process" and "workers": seconds of all segments, of starting the workers, of joining.
    "speed-up": of the segments, against one worker; "at best": what the number of segments allows. "overhead": seconds
    a segment beyond those of one process. "simulated": the speed-up for more workers, from the measured seconds of a
    segment, its overhead, and the analysis: each worker takes the next segment as soon as it is analysed.

    Raises DeviceError without Ray.
    """
    width, height = (int(part) for part in size.split("x"))
    cores = sorted(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as folder:
        place, chosen = Path(folder), model or demo_model()
        clip = place / "clip.mp4"
        make_clip(clip, (width, height), round(seconds * 30))
        _once(place, chosen, {})  # the analysis stays out of what is compared
        with _on_core(cores[0]):
            process = _best(place, chosen, {})
            analysis = _analysis(clip)
        found = {}
        with _cluster(workers, cores) as address:
            for number in range(1, workers + 1):
                found[number] = _best(place, chosen, {"cluster": address, "parallel": number})
    count = int(process["count"])
    each = process["segments"] / count
    result: dict[str, Any] = {
        "seconds": seconds,
        "size": [width, height],
        "frames": process["frames"],
        "segments": count,
        "cores": len(cores),
        "seconds of a segment": round(each, 3),
        "seconds of the analysis": round(analysis, 2),
        "process": _rounded(process),
        "workers": {str(number): _measured(number, each, found) for number in found},
    }
    over = result["workers"]["1"]["overhead"]
    result["simulated"] = {
        name: {
            kind: _speed_ups([step * (n + 1) for n in range(length)], each + max(over, 0.0))
            for kind, step in (("analysis stored", 0.0), ("analysis made", analysis / count))
        }
        for name, length in ((f"{count} segments", count), (f"{_LONGER * count} segments", _LONGER * count))
    }
    return result


def _measured(number: int, each: float, found: dict[int, dict[str, float]]) -> dict[str, float]:
    mine = found[number]
    most = math.ceil(mine["count"] / number)  # segments of the busiest worker
    return {
        **_rounded(mine),
        "speed-up": round(found[1]["segments"] / mine["segments"], 2),
        "at best": round(mine["count"] / most, 2),
        "overhead": round(mine["segments"] / most - each, 3),
    }


def _rounded(result: dict[str, float]) -> dict[str, float]:
    return {name: round(result[name], 2) for name in ("wall", "start", "segments", "join")}


def _best(place: Path, model: Path, options: dict[str, Any]) -> dict[str, float]:
    return min((_once(place, model, options) for _ in range(_ROUNDS)), key=lambda each: each["segments"])


def _once(place: Path, model: Path, options: dict[str, Any]) -> dict[str, float]:
    arguments = [place / "clip.mp4", place / "made.mp4", model, place / "clip.faces", json.dumps(options)]
    command = [sys.executable, "-c", _RENDER, *map(str, arguments)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise DeviceError(f"a render of the benchmark failed: {done.stderr.strip().splitlines()[-1]}")
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result


def _analysis(clip: Path) -> float:
    begin = time.perf_counter()
    with video.Reader(clip) as reader:
        for _ in analyse(reader):
            pass
    return time.perf_counter() - begin


@contextmanager
def _on_core(core: int) -> Iterator[None]:
    """Processes that are started in the block, and this thread, run on one core."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def _cluster(workers: int, cores: Sequence[int]) -> Iterator[str]:
    """The address of a cluster whose head has no worker and whose other nodes have one core each."""
    try:
        from ray.cluster_utils import Cluster
    except ImportError as error:
        raise DeviceError("this benchmark needs Ray: pip install 'fastswap[cluster]'") from error
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    try:
        for number in range(workers):
            with _on_core(cores[number % len(cores)]):
                cluster.add_node(num_cpus=1)
        cluster.wait_for_nodes()
        yield cluster.address
    finally:
        cluster.shutdown()  # type: ignore[no-untyped-call]


def _speed_ups(arrive: Sequence[float], each: float) -> dict[str, float]:
    alone = _makespan(arrive, each, 1)
    return {str(n): round(alone / _makespan(arrive, each, n), 2) for n in _SIMULATED}


def _makespan(arrive: Sequence[float], each: float, workers: int) -> float:
    free = [0.0] * workers
    for moment in arrive:
        first = min(range(workers), key=lambda n: free[n])
        free[first] = max(free[first], moment) + each
    return max(free)


def print_table(result: dict[str, Any], console: Console) -> None:
    """The result as tables."""
    size = "x".join(map(str, result["size"]))
    table = Table(
        title=f"{result['seconds']:g} s of {size} in {result['segments']} segments, one core a worker of "
        f"{result['cores']} here; seconds"
    )
    for name in ("", "segments", "start", "join", "speed-up", "at best", "overhead a segment"):
        table.add_column(name, justify="right" if name else "left")
    process = result["process"]
    table.add_row("one process", f"{process['segments']:.2f}", "", f"{process['join']:.2f}", "", "", "")
    for number, row in result["workers"].items():
        seconds = [f"{row[name]:.2f}" for name in ("segments", "start", "join", "speed-up", "at best")]
        table.add_row(
            f"{number} workers" if number != "1" else "1 worker", *seconds, f"{row['overhead']:.3f}"
        )
    console.print(table)
    table = Table(title="speed-up simulated from these seconds")
    table.add_column("workers", justify="right")
    columns = [
        (f"{name}, {kind}", ups) for name, kinds in result["simulated"].items() for kind, ups in kinds.items()
    ]
    for name, _ in columns:
        table.add_column(name, justify="right")
    for number in _SIMULATED:
        table.add_row(str(number), *(f"{ups[str(number)]:.2f}" for _, ups in columns))
    console.print(table)
