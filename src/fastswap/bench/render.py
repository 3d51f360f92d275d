"""Where the time of a render goes: each part measured alone, then the whole, on a 1080p clip of a synthetic actor."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from fastswap import actors, provenance, video
from fastswap.analysis import analyse
from fastswap.bench.untrained import untrained
from fastswap.demo import TARGET, demo_model
from fastswap.detect import Detector, Mesh
from fastswap.device import CPU_BATCH, CpuDevice
from fastswap.frame import Frame
from fastswap.look import Look
from fastswap.pipeline import render
from fastswap.swap import Work, drawing_order
from fastswap.track import Tracker

SIZE = (1920, 1080)
FACE_PX = 350
_HELD = 64
"""Decoded frames kept in memory while parts are measured alone: 200 MB at 1080p."""


@dataclass(slots=True)
class Parts:
    """CPU milliseconds per frame, all threads together, of each part alone and of the whole render.

    once: milliseconds in all, not per frame, to compile the generator and to sign the output. start: what a process
    takes once beyond that, for its first render, to load libraries and face models. left_over: what the whole takes
    beyond its parts, `once` shared out over the frames. face_models: what detector and mesh take of `analysis`. wall,
    codec_wall: wall milliseconds per frame of the whole, and of decode and encode alone.
    """

    decode: float = 0.0
    analysis: float = 0.0
    crop: float = 0.0
    network: float = 0.0
    composite: float = 0.0
    encode: float = 0.0
    transcode_floor: float = 0.0
    whole: float = 0.0
    once: float = 0.0
    start: float = 0.0
    left_over: float = 0.0
    wall: float = 0.0
    face_models: float = 0.0
    codec_wall: float = 0.0

    @property
    def alone(self) -> float:
        """The sum of the parts, each measured alone."""
        return self.transcode_floor + self.analysis + self.crop + self.network + self.composite

    def ratios(self, cores: int) -> dict[str, float]:
        """cpu: CPU time of the whole without `once` over that of codec and networks. wall: its wall time over that of
        the slower of codec and networks, were their work spread evenly over the cores. codec: its wall time over the
        codec's alone.
        """
        networks = self.network + self.face_models
        even = max(self.transcode_floor, networks) / cores
        return {
            "cpu": (self.alone + self.left_over) / (self.transcode_floor + networks),
            "wall": self.wall / even,
            "codec": self.wall / self.codec_wall,
        }


def _cpu_ms(work: Callable[[], int]) -> float:
    """CPU milliseconds of this process per item that `work` says it did."""
    begin = time.process_time()
    count = work()
    return (time.process_time() - begin) * 1e3 / max(count, 1)


def _drain(items: Iterable[Any]) -> int:
    return sum(1 for _ in items)


def make_clip(path: Path, frames: int) -> None:
    """Writes the benchmark's clip: one synthetic actor who moves and talks, forth and back without a cut."""
    scene = actors.Scene(size=SIZE, face_px=FACE_PX)
    play = actors.performance("talk", frames=min(frames, 60), fps=30.0, seed=11)
    unique = list(actors.render_clip(TARGET, play, scene))
    cycle = unique + unique[::-1]
    video.write_video(path, (cycle[i % len(cycle)] for i in range(frames)), fps=30)


def measure(clip: Path, model: Path, *, threads: int = 0, batch: int = CPU_BATCH) -> Parts:
    """Measures all parts on `clip` with `model`; the first pass of each is a warm-up and is not counted."""
    parts = Parts()
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "copy.mp4"
        frames = _drain(_read(clip))
        parts.decode = _cpu_ms(lambda: _drain(_read(clip)))
        begin = time.perf_counter()
        parts.transcode_floor = _cpu_ms(lambda: _transcode(clip, copy))
        parts.codec_wall = (time.perf_counter() - begin) * 1e3 / frames
        parts.encode = parts.transcode_floor - parts.decode

        def whole() -> float:
            # Each time in a folder of its own: the faces are found anew.
            with tempfile.TemporaryDirectory(dir=folder) as own:
                made, faces = Path(own) / "made.mp4", Path(own) / "clip.faces"
                begin = time.perf_counter()
                taken = _cpu_ms(
                    lambda: (
                        render(clip, made, model=model, batch=batch, threads=threads, analysis=faces).frames
                    )
                )
                parts.wall = (time.perf_counter() - begin) * 1e3 / frames
                return taken

        first, parts.whole = whole(), whole()
        parts.start = (first - parts.whole) * frames
        _measure_held(parts, clip, model, threads, batch)
        parts.once += _cpu_ms(lambda: _sign(copy, clip))
    parts.left_over = parts.whole - parts.alone - parts.once / frames
    return parts


def _read(clip: Path) -> Iterator[Frame]:
    with video.Reader(clip) as reader:
        yield from reader


def _transcode(clip: Path, output: Path) -> int:
    count = 0
    with video.Reader(clip) as reader, video.Writer(output, reader) as writer:
        for frame in reader:
            writer.write(frame)
            count += 1
    return count


def _sign(output: Path, source: Path) -> int:
    provenance.sign(output, source=source, model=None)
    return 1


def _analyse(frames: Iterable[Frame]) -> Iterator[Work]:
    return (Work(frame, drawing_order(faces.faces), faces) for frame, faces in analyse(frames))


def _measure_held(parts: Parts, clip: Path, model: Path, threads: int, batch: int) -> None:
    frames = [frame for frame, _ in zip(_read(clip), range(_HELD), strict=False)]
    works = list(_analyse(frames))  # warm-up
    parts.analysis = _cpu_ms(lambda: _drain(_analyse(_read(clip)))) - parts.decode
    parts.face_models = _face_models(frames)
    begin = time.process_time()
    swap = CpuDevice().swap(model, look=Look(), batch=batch, threads=threads)
    parts.once = (time.process_time() - begin) * 1e3
    batches = list(swap.cut(works))
    parts.crop = _cpu_ms(lambda: sum(len(b.works) for b in swap.cut(works)))
    swap.engine.infer(batches[0].targets)
    parts.network = _cpu_ms(lambda: sum(len(b.works) for b in swap.generate(batches)))
    parts.composite = _cpu_ms(lambda: _drain(swap.composite(batches)))
    swap.close()


class _Timed:
    """A face model's network that counts the CPU time of its thread, which is all that it uses."""

    def __init__(self, network: Callable[[Any], Any]) -> None:
        self.network, self.seconds = network, 0.0

    def __call__(self, image: Any) -> Any:
        begin = time.thread_time()
        try:
            return self.network(image)
        finally:
            self.seconds += time.thread_time() - begin


def _face_models(frames: list[Frame]) -> float:
    """CPU milliseconds a frame that the networks of detector and mesh take while faces are followed."""
    models = Detector(), Mesh()
    clocks = []
    for model in models:
        clocks.append(_Timed(model._network))
        model._network = clocks[-1]  # type: ignore[assignment]
    tracker = Tracker(models=models)
    for frame in frames:
        tracker.update(frame)
    return sum(clock.seconds for clock in clocks) * 1e3 / len(frames)


def peak_memory(clip: Path, model: Path) -> int:
    """Peak resident bytes of a process that renders `clip`."""
    # Not getrusage: its figure is inherited from the process that started this one.
    program = (
        "import re, sys, fastswap;"
        "fastswap.render(sys.argv[1], sys.argv[2], model=sys.argv[3], analysis=sys.argv[4]);"
        "print(int(re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1]) * 1024)"
    )
    with tempfile.TemporaryDirectory() as folder:
        made, faces = Path(folder) / "made.mp4", Path(folder) / "clip.faces"
        arguments = [sys.executable, "-c", program, str(clip), str(made), str(model), str(faces)]
        return int(subprocess.run(arguments, check=True, stdout=subprocess.PIPE, text=True).stdout)


def run(
    *,
    model: Path | None = None,
    preset: str | None = None,
    clip: Path | None = None,
    frames: int = 300,
    memory: bool = False,
    threads: int = 0,
    batch: int = CPU_BATCH,
) -> dict[str, Any]:
    """Measures everything. model: default the demo's. preset: an untrained generator of that preset instead. clip:
    default one of `frames` frames made for it.

    Returns plain values: "parts" (see `Parts`), "ratios" (see `Parts.ratios`), "clip", "model", "cores", and with
    `memory` "peak_memory" in bytes by frames.
    """
    cores = os.cpu_count() or 1
    with tempfile.TemporaryDirectory() as folder:
        if preset is not None:
            model = untrained(preset, Path(folder) / f"{preset}.onnx")
        model = model or demo_model()
        if clip is None:
            clip = Path(folder) / "actor-1080p.mp4"
            make_clip(clip, frames)
        parts = measure(clip, model, threads=threads, batch=batch)
        result: dict[str, Any] = {
            "clip": clip.name,
            "model": model.name,
            "cores": cores,
            "frames": _drain(_read(clip)),
            "parts": asdict(parts),
            "ratios": parts.ratios(cores),
        }
        if memory:
            result["peak_memory"] = {}
            for length in (300, 3000):
                long = Path(folder) / f"actor-{length}.mp4"
                make_clip(long, length)
                result["peak_memory"][str(length)] = peak_memory(long, model)
    return result


def print_table(result: dict[str, Any], console: Console) -> None:
    """Prints `run`'s result."""
    table = Table(
        title=f"{result['clip']}, {result['frames']} frames, {result['model']}", title_justify="left"
    )
    table.add_column("part")
    table.add_column("CPU ms a frame", justify="right")
    for name, value in result["parts"].items():
        table.add_row(name.replace("_", " "), f"{value:.2f}")
    console.print(table)
    ratios = result["ratios"]
    console.print(f"CPU time over codec and networks alone: {ratios['cpu']:.2f}")
    console.print(f"wall time over the codec's alone: {ratios['codec']:.2f}")
    console.print(f"wall time over the slower of both, spread evenly over the cores: {ratios['wall']:.2f}")
    for length, peak in result.get("peak_memory", {}).items():
        console.print(f"peak memory, {length} frames: {peak / 2**20:.0f} MiB")
