"""What depth, threads and frame size cost, and how near each operation comes to the machine's memory.

The pixels are those of `bench ops`. Ratios are taken in turns, so that both sides meet the same machine.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import av
import numpy as np
from rich.console import Console
from rich.table import Table

from fastswap import _cpu, actors, ops, video
from fastswap.analysis import analyse
from fastswap.bench.ops import DETECTOR, FACE, HEIGHT, SIZE, WIDTH, Case, make_case
from fastswap.demo import TARGET, demo_model
from fastswap.frame import Frame
from fastswap.look import Look
from fastswap.swap import FaceSwap, Work, drawing_order

FRAMES = 4
"""Frames in a batch of the thread measurement, as many as a render takes."""
_HELD = 12
"""Decoded frames of each size that the 4K comparison works on."""
_COPY_BYTES = 64 << 20
_FLOAT = 4


@dataclass(frozen=True)
class Operation:
    """One operation and the bytes that it cannot do without reading or writing."""

    work: Callable[[], Any]
    touched: int


def _fast(work: Callable[[], Any], clock: Callable[[], float], least_s: float = 0.02) -> Callable[[], float]:
    """A function that gives the milliseconds of one `work`, over as many as fill `least_s`."""
    work()
    begin = time.perf_counter()
    work()
    loops = max(1, int(least_s / max(time.perf_counter() - begin, 1e-6)))

    def measure() -> float:
        begin = clock()
        for _ in range(loops):
            work()
        return (clock() - begin) / loops * 1e3

    return measure


def _ratio(a: Callable[[], float], b: Callable[[], float], repeat: int) -> float:
    """The median of a over b."""
    return statistics.median(x / y for x, y in [(a(), b()) for _ in range(repeat)])


def deeper(frame: Frame, name: str) -> Frame:
    """The same picture in 10 bits, in a format of the same subsampling."""
    planes = tuple(np.left_shift(plane, 2, dtype=np.uint16) for plane in frame.planes)
    return replace(frame, planes=planes, format=name)


def _face_work(case: Case, frames: list[Frame], look: Look) -> Callable[[], None]:
    """Crop, colour match, mask and blend of one face in each frame."""
    count = len(frames)
    maps = np.stack([case.to_coded] * count)
    face, generated = np.stack([case.face] * count), np.stack([case.generated] * count)
    outline = np.stack([case.outline] * count)
    crops = np.empty((count, 3, SIZE, SIZE), np.float32)

    def work() -> None:
        ops.crop(frames, maps, SIZE, out=crops)
        ops.composite(frames, maps, crops, face, generated, outline, look)

    return work


def _depth(case: Case, repeat: int) -> dict[str, float]:
    """CPU time of 10 bits over that of 8, planar and semi-planar."""
    narrow = _fast(_face_work(case, [case.frame], case.look), time.thread_time)
    planar = _fast(_face_work(case, [deeper(case.frame, "yuv420p10le")], case.look), time.thread_time)
    high = deeper(case.frame, "p010le")
    high = replace(high, planes=tuple(np.left_shift(plane, 6, dtype=np.uint16) for plane in high.planes))
    semi = _fast(_face_work(case, [high], case.look), time.thread_time)
    return {"10_bit": _ratio(planar, narrow, repeat), "p010": _ratio(semi, narrow, repeat)}


def _threads(case: Case, repeat: int) -> dict[str, float]:
    """Wall time of one thread over that of two, of a batch and of a single face."""

    def on(count: int, frames: list[Frame]) -> Callable[[], float]:
        work = _face_work(case, frames, case.look)

        def run() -> None:
            ops.set_threads(count)
            work()

        return _fast(run, time.perf_counter)

    batch = [replace(case.frame, planes=tuple(p.copy() for p in case.frame.planes)) for _ in range(FRAMES)]
    return {
        "two_threads": _ratio(on(1, batch), on(2, batch), repeat),
        "two_threads_one_face": _ratio(on(1, batch[:1]), on(2, batch[:1]), repeat),
    }


def _sizes(repeat: int) -> float:
    """CPU time outside the codec of 3840x2160 over that of 1920x1080: analysis, crop, network, composite and the copy.

    The same picture with the same face in pixels, once alone and once in the middle of a larger one.
    """
    scene = actors.Scene(size=(WIDTH, HEIGHT), face_px=350)
    play = actors.performance("talk", frames=_HELD, fps=30.0, seed=11)
    small = list(actors.render_clip(TARGET, play, scene))
    rows, columns = (HEIGHT // 2, HEIGHT - HEIGHT // 2), (WIDTH // 2, WIDTH - WIDTH // 2)
    large = [np.pad(picture, (rows, columns, (0, 0)), mode="edge") for picture in small]
    swap = FaceSwap(demo_model(), device="cpu", look=Look(), batch=FRAMES, threads=1)

    def outside_codec(pictures: list[Any]) -> Callable[[], float]:
        decoded = [_decoded(picture) for picture in pictures]

        def work() -> None:
            works = (Work(f, drawing_order(found.faces)) for f, found in analyse(decoded))
            shown = list(swap.composite(swap.generate(swap.cut(works))))
            if all(a is b for a, b in zip(shown, decoded, strict=True)):
                raise RuntimeError("bench scaling: no face was found in the actor's frames")

        return _fast(work, time.process_time)

    try:
        return _ratio(outside_codec(large), outside_codec(small), repeat)
    finally:
        swap.close()


def _decoded(picture: Any) -> Frame:
    """A frame as a decoder gives it: not to be written to."""
    frame = video.frame_from_rgb(picture)
    assert isinstance(frame.owner, av.VideoFrame)
    return video.frame_from_av(frame.owner)


def _operations(case: Case) -> dict[str, Operation]:
    frame, maps, look = case.frame, case.to_coded[None], case.look
    face, generated, outline = case.face[None], case.generated[None], case.outline[None]
    target = ops.crop([frame], maps, SIZE)
    where = ops.mask(outline, generated, SIZE, erode=look.erode, feather=look.feather)
    letterbox = np.array([[[10.0, 0, 0], [0, 10.0, (HEIGHT - WIDTH) / 2]]])
    detector = np.empty((1, 3, DETECTOR, DETECTOR), np.float32)
    area = SIZE * SIZE * _FLOAT
    # Of 4:2:0 a byte and a half for each pixel.
    under_crop = int(abs(np.linalg.det(case.to_coded[:, :2])) * SIZE * SIZE * 1.5)
    under_face = int(np.pi / 4 * FACE[0] * FACE[1] * 1.5)
    return {
        "crop": Operation(lambda: ops.crop([frame], maps, SIZE, out=target), under_crop + 3 * area),
        "detector_crop": Operation(
            lambda: ops.crop([frame], letterbox, DETECTOR, border="black", out=detector),
            WIDTH * HEIGHT * 3 // 2 + detector.nbytes,
        ),
        "mask": Operation(
            lambda: ops.mask(outline, generated, SIZE, erode=look.erode, feather=look.feather), 2 * area
        ),
        "reinhard": Operation(lambda: ops.match_color(face, target, where, "reinhard"), 10 * area),
        "blend": Operation(lambda: ops.blend([frame], maps, face, where), 4 * area + 2 * under_face),
        "composite": Operation(
            lambda: ops.composite([frame], maps, target, face, generated, outline, look),
            7 * area + 2 * under_face,
        ),
    }


def _copy_bandwidth(repeat: int) -> float:
    """GB/s of a copy of 64 MiB by one thread, bytes read and bytes written both counted."""
    source, target = np.ones(_COPY_BYTES, np.uint8), np.zeros(_COPY_BYTES, np.uint8)
    measure = _fast(lambda: np.copyto(target, source), time.thread_time)
    return 2 * _COPY_BYTES / min(measure() for _ in range(repeat)) / 1e6


def run(*, repeat: int = 15, sizes: bool = True) -> dict[str, Any]:
    """Measures all. "ratios": 10_bit and p010 (CPU time over 8 bit), two_threads and two_threads_one_face (times faster
    in wall time), 4k (CPU time outside the codec over 1080p). "operations": milliseconds, bytes touched and GB/s by
    name. "copy_gb_s": the machine's. sizes: false leaves the 4K comparison out.
    """
    before, case = ops.get_threads(), make_case()
    ops.set_threads(1)
    try:
        operations = {}
        for name, operation in _operations(case).items():
            measure = _fast(operation.work, time.thread_time)
            ms = statistics.median(measure() for _ in range(repeat))
            operations[name] = {"ms": ms, "bytes": operation.touched, "gb_s": operation.touched / ms / 1e6}
        ratios = _depth(case, repeat)
        copy = _copy_bandwidth(max(3, repeat // 3))
        if (os.cpu_count() or 1) > 1:
            ratios |= _threads(case, repeat)
        ops.set_threads(1)
        if sizes:
            ratios["4k"] = _sizes(max(3, repeat // 5))
    finally:
        ops.set_threads(before)
    return {"ratios": ratios, "operations": operations, "copy_gb_s": copy, "simd": _cpu.get_simd()}


def print_table(result: dict[str, Any], console: Console) -> None:
    """The result of `run`, for people."""
    table = Table(title=f"One thread, {result['simd']}; a copy runs at {result['copy_gb_s']:.1f} GB/s")
    for heading in ("operation", "ms", "KiB touched", "GB/s"):
        table.add_column(heading, justify="left" if heading == "operation" else "right")
    for name, row in result["operations"].items():
        table.add_row(name, f"{row['ms']:.3f}", f"{row['bytes'] / 1024:.0f}", f"{row['gb_s']:.2f}")
    console.print(table)
    words = {
        "10_bit": "10 bits over 8 bits, CPU time",
        "p010": "p010 over 8 bits, CPU time",
        "two_threads": f"two threads on {FRAMES} frames, times faster",
        "two_threads_one_face": "two threads on one face, times faster",
        "4k": "3840x2160 over 1920x1080 outside the codec, CPU time",
    }
    for name, ratio in result["ratios"].items():
        console.print(f"{words[name]}: {ratio:.2f}")
