"""Frames through the GPU in one run on one clip: decoding alone, decoding to composite without an encoder, the same in
several processes at once, a whole render."""

from __future__ import annotations

import multiprocessing
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, NamedTuple

import fastswap
from fastswap import video
from fastswap.analysis import Analysis
from fastswap.bench.render import make_clip
from fastswap.choice import Choice
from fastswap.device import open_device
from fastswap.errors import DeviceError
from fastswap.frame import Frame
from fastswap.look import Look
from fastswap.report import Report
from fastswap.select import parse_selection
from fastswap.stages import Stages
from fastswap.swap import chain_swaps

FRAMES, BATCH = 600, 32
SETTLED = 3 * BATCH
"""Frames that are not counted: networks warm up over them and queues fill."""
DECODERS = 4
"""Processes that share the card, each of which has one of its decoders; an H200 has seven."""


def run(
    model: Path,
    *,
    device: str = "cuda:0",
    clip: Path | None = None,
    frames: int = FRAMES,
    decoders: int = DECODERS,
) -> dict[str, Any]:
    """Frames a second and CPU milliseconds a frame of "decode", "composite" (decoded, analysed from a stored analysis,
    generated and drawn, on the device throughout), "together" (the same in several processes at once) and "render"
    (with a fast encoder, signed, from its start to its end); "of_decode": the rate of the second as a part of the
    first's."""
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
            result[name] = _rates(_frames(source, model, device, faces, composites))
        result["together"] = _together(decoders, source, model, device, faces)
        wall, cpu = time.perf_counter(), time.process_time()
        count = render()
        result["render"] = _rates(Span(wall, time.perf_counter(), time.process_time() - cpu, count))
        result["report"] = reports[-1].as_dict()
        result["of_decode"] = result["composite"]["fps"] / result["decode"]["fps"]
        return result


class Span(NamedTuple):
    """When frames came through, by the system's clock, and the CPU seconds that they took."""

    begin: float
    end: float
    cpu: float
    frames: int


def _rates(span: Span) -> dict[str, float]:
    return {
        "fps": span.frames / (span.end - span.begin),
        "cpu_ms": span.cpu * 1e3 / span.frames,
        "frames": span.frames,
    }


def _frames(
    source: Path,
    model: Path,
    device: str,
    faces: Path,
    composites: bool,
    ready: Callable[[], object] = lambda: None,
) -> Span:
    """Takes all frames through. ready: called when everything is open."""
    place = open_device(device)
    with ExitStack() as held:
        held.callback(place.close)
        known = Analysis(video.probe(source), faces, None, None, place)
        stages = Stages()
        if not composites:
            with known.reader() as reader, stages:
                return _through(stages.thread("decode", place.arrive(reader)))
        swap = held.enter_context(closing(place.swap(model, look=Look(), batch=BATCH, threads=0)))
        choice = Choice([known.resolve(parse_selection("all"), None)], Report())
        with known.reader() as reader, stages:
            ready()
            analysed = stages.thread("analyse", known.of(stages.thread("decode", place.arrive(reader))))
            works = (choice(found).work(frame) for frame, found in analysed)
            return _through(place.leave(chain_swaps(stages, [swap], works, []), direct=True))


def _through(frames: Iterator[Frame]) -> Span:
    """Drops all frames but the last few, as an encoder would, and waits for those."""
    kept: deque[Frame] = deque(maxlen=4)
    count = settled = 0
    wall, cpu = time.perf_counter(), time.process_time()
    for frame in frames:
        kept.append(frame)
        count += 1
        if count == SETTLED:
            settled, wall, cpu = count, time.perf_counter(), time.process_time()
    for frame in kept:
        getattr(frame.owner, "wait", lambda: None)()
    return Span(wall, time.perf_counter(), time.process_time() - cpu, max(1, count - settled))


def _together(count: int, *asked: Any) -> dict[str, float]:
    """So many processes at once: all their frames over the time from the first's begin to the last's end."""
    context = multiprocessing.get_context("spawn")
    begin, results = context.Barrier(count), context.SimpleQueue()
    processes = [context.Process(target=_one, args=(begin, results, asked)) for _ in range(count)]
    for process in processes:
        process.start()
    found = [results.get() for _ in processes]
    for process in processes:
        process.join()
    if failed := [words for words in found if isinstance(words, str)]:
        raise DeviceError(failed[0])
    spans = [Span(*numbers) for numbers in found]
    first, last = min(span.begin for span in spans), max(span.end for span in spans)
    whole = Span(first, last, sum(span.cpu for span in spans), sum(span.frames for span in spans))
    return {**_rates(whole), "processes": count}


def _one(begin: Any, results: Any, asked: tuple[Any, ...]) -> None:
    """One of the processes: puts its span into `results`, or in words what went wrong."""
    try:
        source, model, device, faces = asked
        results.put(tuple(_frames(source, model, device, faces, True, ready=begin.wait)))
    except Exception as error:
        begin.abort()  # the others do not wait for this one
        results.put(f"{type(error).__name__}: {error}")
