"""The native operations against the same work in OpenCV, on the same pixels, one thread, in one run.

The case: a 1920x1080 frame of 8-bit 4:2:0, one face of 320x370 px, a crop of 256 px. Times are of this machine while
whatever else ran on it; the ratios are what counts.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from fastswap import _cpu, ops
from fastswap.errors import SettingsError
from fastswap.frame import ColorSpec, Frame, identity_affine
from fastswap.look import BlendMode, Look

WIDTH, HEIGHT = 1920, 1080
FACE = (320.0, 370.0)
SIZE = 256
DETECTOR = 192


@dataclass(frozen=True)
class Case:
    """One frame with one face, as both sides need it."""

    i420: NDArray[np.uint8]
    to_coded: NDArray[np.float64]
    face: NDArray[np.float32]
    generated: NDArray[np.float32]
    outline: NDArray[np.float32]
    look: Look

    @property
    def frame(self) -> Frame:
        """The frame as views of `i420`."""
        flat = self.i420.reshape(-1)
        area, part = WIDTH * HEIGHT, WIDTH * HEIGHT // 4
        planes = (
            self.i420[:HEIGHT],
            flat[area : area + part].reshape(HEIGHT // 2, WIDTH // 2),
            flat[area + part :].reshape(HEIGHT // 2, WIDTH // 2),
        )
        # OpenCV's conversions are BT.601, limited range, chroma between the luma samples.
        color = ColorSpec("bt601", False, "center")
        return Frame(planes, "yuv420p", color, 0, 0, 0.0, identity_affine(), (WIDTH, HEIGHT))


def _picture(height: int, width: int, seed: int) -> NDArray[np.float32]:
    """[3, height, width] in 0..1: soft shapes in skin-like colours with a little noise."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32) / 100.0
    base = np.stack([0.62 + 0.2 * np.sin(x + k) * np.cos(0.7 * y - k) for k in range(3)])
    base *= np.array([1.0, 0.78, 0.66], np.float32)[:, None, None]
    return np.clip(base + rng.normal(0, 0.01, base.shape), 0, 1).astype(np.float32)


def make_case() -> Case:
    """The benchmark's pixels, always the same."""
    rgb = _picture(HEIGHT, WIDTH, 1)
    r, g, b = rgb
    luma = 16 + 65.481 * r + 128.553 * g + 24.966 * b
    u = 128 - 37.797 * r - 74.203 * g + 112.0 * b
    v = 128 + 112.0 * r - 93.786 * g - 18.214 * b
    chroma = [c.reshape(HEIGHT // 2, 2, WIDTH // 2, 2).mean((1, 3)).reshape(-1, WIDTH) for c in (u, v)]
    i420 = np.ascontiguousarray(np.rint(np.vstack([luma, *chroma])), np.uint8)
    # A whole-face crop is about half again as wide as the face.
    scale, angle = 1.45 * FACE[1] / SIZE, np.deg2rad(6.0)
    linear = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    offset = np.array([960.0, 540.0]) - linear @ np.array([SIZE / 2, SIZE / 2])
    turn = np.linspace(0, 2 * np.pi, 36, endpoint=False)
    half = np.array(FACE) / scale / 2
    outline = SIZE / 2 + np.column_stack([np.cos(turn), np.sin(turn)]) * half
    y, x = np.mgrid[0:SIZE, 0:SIZE] + 0.5 - SIZE / 2
    radius = np.hypot(x / half[0], y / half[1])
    generated = np.clip((1.15 - radius) * 12, 0, 1)
    return Case(
        i420,
        np.column_stack([linear, offset]),
        np.clip(_picture(SIZE, SIZE, 2) * 0.9 + 0.03, 0, 1).astype(np.float32),
        generated.astype(np.float32),
        outline.astype(np.float32),
        Look(color="reinhard", erode=0.02, feather=0.08, enlarge="bilinear"),
    )


def _timer(work: Callable[[], Any]) -> Callable[[], float]:
    """A function that runs `work` a few times, long enough to be timed, and returns CPU milliseconds for one.

    CPU time of this thread, which does all the work: it does not count what other programs took.
    """
    work()
    begin = time.thread_time()
    work()
    loops = max(1, int(0.004 / max(time.thread_time() - begin, 1e-6)))

    def measure() -> float:
        begin = time.thread_time()
        for _ in range(loops):
            work()
        return (time.thread_time() - begin) / loops * 1e3

    return measure


def _compare(mine: Callable[[], Any], theirs: Callable[[], Any], repeat: int) -> tuple[float, float, float]:
    """Medians of both times and of their ratio; the two are measured in turns, so that both meet the same machine."""
    timers = _timer(mine), _timer(theirs)
    rounds = [(timers[0](), timers[1]()) for _ in range(repeat)]
    ratios = [b / a for a, b in rounds]
    return (
        statistics.median(a for a, _ in rounds),
        statistics.median(b for _, b in rounds),
        statistics.median(ratios),
    )


def _pairs(case: Case) -> dict[str, tuple[Callable[[], Any], Callable[[], Any]]]:
    """By case name: the native call and what OpenCV does in its place."""
    from fastswap.bench import looks
    from fastswap.bench import reference_cv2 as cv

    frame, maps, look = case.frame, case.to_coded[None], case.look
    face, generated, outline = case.face[None], case.generated[None], case.outline[None]
    target = ops.crop([frame], maps, SIZE)
    where = ops.mask(outline, generated, SIZE, erode=look.erode, feather=look.feather)
    matched = ops.match_color(face, target, where, "reinhard")
    letterbox = np.array([[[10.0, 0, 0], [0, 10.0, (HEIGHT - WIDTH) / 2]]])
    detector = np.empty((1, 3, DETECTOR, DETECTOR), np.float32)

    bgr = cv.to_bgr(case.i420)
    face8 = np.ascontiguousarray((case.face.transpose(1, 2, 0)[:, :, ::-1] * 255 + 0.5).astype(np.uint8))
    cv_target = cv.warp(bgr, case.to_coded, SIZE)
    cv_mask = cv.face_mask(case.outline, case.generated, look.erode, look.feather)
    cv_matched = cv.reinhard(face8, cv_target, cv_mask)
    region = cv.region_of(case.to_coded, SIZE, HEIGHT, WIDTH)

    # What a tool has at hand when it blends: face and mask warped to the frame's region, the region in BGR.
    part = np.ascontiguousarray(bgr[region.rows, region.columns])
    warped, warped_mask = cv.warp_back(cv_matched, cv_mask, case.to_coded, region)
    warped8 = np.ascontiguousarray((warped * 255 + 0.5).astype(np.uint8))
    solid = np.ascontiguousarray((warped_mask > 0).astype(np.uint8) * 255)

    reused = np.empty_like(target)

    def seam(mode: BlendMode) -> None:
        fitted = ops.match_seam([frame], maps, matched, target, where, mode, out=reused)
        ops.blend([frame], maps, fitted, where)

    def composite() -> None:
        crops = ops.crop([frame], maps, SIZE, out=reused)
        ops.composite([frame], maps, crops, face, generated, outline, look)

    def cv_blend() -> None:
        cv.paste(bgr, cv_matched, cv_mask, case.to_coded, region)
        cv.from_bgr(bgr)

    return {
        "composite": (
            composite,
            lambda: cv.composite(case.i420, case.to_coded, SIZE, face8, case.outline, case.generated, look),
        ),
        "crop": (
            lambda: ops.crop([frame], maps, SIZE),
            lambda: cv.warp(cv.to_bgr(case.i420), case.to_coded, SIZE),
        ),
        "detector_crop": (
            lambda: ops.crop([frame], letterbox, DETECTOR, border="black", out=detector),
            lambda: cv.detector_input(cv.to_bgr(case.i420), DETECTOR),
        ),
        "mask": (
            lambda: ops.mask(outline, generated, SIZE, erode=look.erode, feather=look.feather),
            lambda: cv.face_mask(case.outline, case.generated, look.erode, look.feather),
        ),
        "reinhard": (
            lambda: ops.match_color(face, target, where, "reinhard"),
            lambda: cv.reinhard(face8, cv_target, cv_mask),
        ),
        "blend": (lambda: ops.blend([frame], maps, matched, where), cv_blend),
        "poisson": (lambda: seam("poisson"), lambda: cv.seamless_clone(part, warped8, solid)),
        "multiband": (lambda: seam("multiband"), lambda: cv.multiband(part, warped, warped_mask)),
        **looks.pairs(case),
    }


def run(*, repeat: int = 15) -> dict[str, Any]:
    """Times every case; "milliseconds" holds [fastswap, OpenCV] by case name, "ratios" how many times faster."""
    try:
        import cv2
    except ImportError as error:
        raise SettingsError("bench ops: OpenCV is missing; install fastswap[bench]") from error
    before, cv_before = ops.get_threads(), cv2.getNumThreads()
    ops.set_threads(1)
    cv2.setNumThreads(1)
    try:
        results = {
            name: _compare(mine, theirs, repeat) for name, (mine, theirs) in _pairs(make_case()).items()
        }
    finally:
        ops.set_threads(before)
        cv2.setNumThreads(cv_before)
    return {
        "milliseconds": {name: [mine, theirs] for name, (mine, theirs, _) in results.items()},
        "ratios": {name: ratio for name, (_, _, ratio) in results.items()},
        "simd": _cpu.get_simd(),
        "opencv": cv2.__version__,
    }


def print_table(result: dict[str, Any], console: Console) -> None:
    """The result of `run`, for people."""
    table = Table(title=f"One thread, {result['simd']}, OpenCV {result['opencv']}")
    for heading in ("case", "fastswap ms", "OpenCV ms", "times faster"):
        table.add_column(heading, justify="left" if heading == "case" else "right")
    for name, (mine, theirs) in result["milliseconds"].items():
        table.add_row(name, f"{mine:.3f}", f"{theirs:.3f}", f"{result['ratios'][name]:.1f}")
    console.print(table)
