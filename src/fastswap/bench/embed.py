"""`fastswap bench embed`: memory and CPU time of a `Swapper` over many frames, for every kind of picture."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from fastswap import actors, video
from fastswap.demo import demo_model
from fastswap.swapper import Swapper

SIZE = (320, 240)
_PICTURES = 8
_WARM = 1000
"""Frames before memory is measured: allocators and the engine have reached their size by then."""


def run(*, frames: int = 10_000, model: Path | None = None) -> dict[str, Any]:
    """For each kind of picture, MiB that the process grew from frame 1,000 to the last, and CPU ms a frame; and how
    much of what a Swapper takes is given back when it is closed. Linux only: it reads /proc."""
    pictures = _pictures()
    kinds: dict[str, tuple[str, Callable[[int], Any]]] = {
        "array": ("rgb24", lambda i: pictures[i % _PICTURES]),
        "av.VideoFrame": ("rgb24", lambda i: _frames[i % _PICTURES]),
        "planes": ("yuv420p", lambda i: _split[i % _PICTURES]),
    }
    native = [video.frame_from_rgb(picture) for picture in pictures]
    _frames = [video.to_av(frame) for frame in native]
    _split = [tuple(np.ascontiguousarray(plane) for plane in frame.planes) for frame in native]
    cases = {}
    for name, (layout, get) in kinds.items():
        with Swapper(model or demo_model(), layout=layout, threads=1) as swap:
            cases[name] = _grown(lambda i, swap=swap, get=get: swap(get(i)), frames)  # type: ignore[misc]
        with Swapper(model or demo_model(), layout=layout, threads=1, batch=4) as swap:
            made = swap.stream(get(i) for i in range(frames))
            cases[f"{name}, stream"] = _grown(lambda _, made=made: next(made), frames)  # type: ignore[misc]
    return {
        "frames": frames,
        "size": list(SIZE),
        "cases": cases,
        "open_and_close": _reopened(model, pictures[0]),
    }


def _pictures() -> list[np.ndarray]:
    scene = actors.Scene(SIZE, face_px=110)
    play = actors.performance("talk", frames=_PICTURES, seed=3)
    return list(actors.render_clip(actors.BO, play, scene))


def _grown(step: Callable[[int], object], frames: int) -> dict[str, float]:
    warm = min(_WARM, frames // 2)
    for index in range(warm):
        step(index)
    before, begin = _resident(), time.process_time()
    for index in range(warm, frames):
        step(index)
    spent = time.process_time() - begin
    return {"grown_mib": _resident() - before, "cpu_ms": 1000.0 * spent / (frames - warm)}


def _reopened(model: Path | None, picture: np.ndarray) -> dict[str, float]:
    """MiB after the third and the twentieth Swapper that was opened, used and closed."""
    found = {}
    for count in range(1, 21):
        with Swapper(model or demo_model(), threads=1) as swap:
            swap(picture)
        if count in (3, 20):
            found[f"after_{count}_mib"] = _resident()
    return found


def _resident() -> float:
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**20


def print_table(result: dict[str, Any], console: Console) -> None:
    """The result as a table."""
    table = Table(title=f"{result['frames']} frames of {result['size'][0]}x{result['size'][1]}, one thread")
    for name in ("picture", "MiB grown", "CPU ms a frame"):
        table.add_column(name, justify="left" if name == "picture" else "right")
    for name, case in result["cases"].items():
        table.add_row(name, f"{case['grown_mib']:.1f}", f"{case['cpu_ms']:.2f}")
    console.print(table)
    console.print("open and close: " + ", ".join(f"{k} {v:.0f}" for k, v in result["open_and_close"].items()))
