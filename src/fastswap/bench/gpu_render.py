"""A whole render on the GPU, beside decoding alone, in one run on one clip."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fastswap
from fastswap import video
from fastswap.bench.render import make_clip

FRAMES = 600


def run(model: Path, *, clip: Path | None = None, frames: int = FRAMES) -> dict[str, Any]:
    """Frames a second and CPU milliseconds a frame, of "decode" (on the CPU, nothing else) and "render" (on the GPU,
    with a fast encoder); "first": the render that finds the faces; "report": the second render's own."""
    with tempfile.TemporaryDirectory() as folder:
        source = clip or Path(folder) / "clip.mp4"
        if clip is None:
            make_clip(source, frames)
        faces = Path(folder) / "clip.faces"

        def render(name: str) -> fastswap.Report:
            return fastswap.render(
                source,
                Path(folder) / name,
                model=model,
                device="cuda:0",
                batch=32,
                analysis=faces,
                encoder="libx264",
                encoder_options={"preset": "ultrafast"},
            )

        first = render("first.mp4")  # finds the faces and prepares the network
        again: list[fastswap.Report] = []

        def once_more() -> int:
            again.append(render("second.mp4"))
            return again[0].frames

        return {
            "decode": _rates(lambda: _decode(source)),
            "first": {"fps": first.fps, "seconds": first.seconds},
            "render": _rates(once_more),
            "report": again[0].as_dict(),
        }


def _decode(source: Path) -> int:
    with video.Reader(source) as reader:
        return sum(1 for _ in reader)


def _rates(work: Callable[[], int]) -> dict[str, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    count = work()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return {"fps": count / wall, "cpu_ms": cpu * 1e3 / count, "frames": count}
