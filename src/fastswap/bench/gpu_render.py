"""Frames through the GPU in one run on one clip: decoding alone, decoding to composite without an encoder, a whole
render."""

from __future__ import annotations

import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from typing import Any

import fastswap
from fastswap import video
from fastswap.analysis import Analysis
from fastswap.bench.render import make_clip
from fastswap.choice import Choice
from fastswap.device import open_device
from fastswap.frame import Frame
from fastswap.look import Look
from fastswap.report import Report
from fastswap.select import parse_selection
from fastswap.stages import Stages
from fastswap.swap import chain_swaps

FRAMES, BATCH = 600, 32


def run(
    model: Path, *, device: str = "cuda:0", clip: Path | None = None, frames: int = FRAMES
) -> dict[str, Any]:
    """Frames a second and CPU milliseconds a frame of "decode", "composite" (decoded, analysed from a stored analysis,
    generated and drawn, on the device throughout) and "render" (with a fast encoder, signed); "of_decode": the rate of
    the second as a part of the first's."""
    with tempfile.TemporaryDirectory() as folder:
        source = clip or Path(folder) / "clip.mp4"
        if clip is None:
            make_clip(source, frames)
        faces = Path(folder) / "clip.faces"
        reports: list[Report] = []

        def render() -> int:
            options = {"preset": "ultrafast"}
            out = Path(folder) / "out.mp4"
            report = fastswap.render(
                source, out, model=model, device=device, batch=BATCH, analysis=faces,
                encoder="libx264", encoder_options=options,
            )  # fmt: skip
            reports.append(report)
            return report.frames

        render()  # finds the faces and prepares the network
        result: dict[str, Any] = {"first": reports[0].as_dict()}
        for name, composites in (("decode", False), ("composite", True)):
            result[name] = _rates(partial(_frames, source, model, device, faces, composites))
        result["render"] = _rates(render)
        result["report"] = reports[-1].as_dict()
        result["of_decode"] = result["composite"]["fps"] / result["decode"]["fps"]
        return result


def _frames(source: Path, model: Path, device: str, faces: Path, composites: bool) -> int:
    """How many frames came through."""
    place = open_device(device)
    with ExitStack() as held:
        held.callback(place.close)
        known = Analysis(video.probe(source), faces, None, None, place)
        stages = Stages()
        if not composites:
            with known.reader() as reader, stages:
                return _count(stages.thread("decode", place.arrive(reader)))
        swap = held.enter_context(closing(place.swap(model, look=Look(), batch=BATCH, threads=0)))
        choice = Choice([known.resolve(parse_selection("all"), None)], Report())
        with known.reader() as reader, stages:
            analysed = stages.thread("analyse", known.of(stages.thread("decode", place.arrive(reader))))
            works = (choice(found).work(frame) for frame, found in analysed)
            return _count(place.leave(chain_swaps(stages, [swap], works, []), direct=True))


def _count(frames: Iterator[Frame]) -> int:
    """Drops all frames but the last few, as an encoder would."""
    kept: deque[Frame] = deque(maxlen=4)
    count = 0
    for frame in frames:
        kept.append(frame)
        count += 1
    return count


def _rates(work: Callable[[], int]) -> dict[str, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    count = work()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return {"fps": count / wall, "cpu_ms": cpu * 1e3 / count, "frames": count}
