"""Nothing stays in memory longer than it is needed: no frame, no swapper."""

from __future__ import annotations

import gc
import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np

import fastswap
import people
from fastswap import video


def test_a_frame_that_was_written_to_goes_at_once(face_clip: Path) -> None:
    """Not when Python's collector comes by: by then hundreds of frames would wait for it."""
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        with video.Reader(face_clip) as reader:
            for frame in reader:
                video.writable(frame)
        gc.collect()
        waited = [kind for item in gc.garbage if (kind := type(item).__name__) == "VideoFrame"]
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
    assert len(waited) <= 2, "the first frame's description may hold one"


def _resident() -> int:
    """Bytes of this process in memory."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def _least_growth(work: Callable[[], None], times: int) -> int:
    """The least that the resident set grows by in one of several calls: a leak shows in all of them, while the
    allocator takes memory from the system when it likes.
    """
    work()
    sizes = [_resident()]
    for _ in range(times):
        work()
        sizes.append(_resident())
    return min(after - before for before, after in itertools.pairwise(sizes))


def test_memory_does_not_grow_with_the_frames(generator: Path) -> None:
    """`fastswap bench embed` measures 10,000 frames of every kind; here some hundred tell a leak of a frame."""
    small = [np.ascontiguousarray(shown.rgb[60:240:2, 110:290:2]) for shown in people.clip(count=3)]
    with fastswap.Swapper(generator, threads=1) as swap:

        def some_frames() -> None:
            for index in range(150):
                swap(small[index % 3])
            for _ in swap.stream(small[index % 3] for index in range(150)):
                pass

        assert _least_growth(some_frames, 5) < 0.25 * 300 * small[0].nbytes


def test_swappers_give_their_memory_back(generator: Path) -> None:
    def some_swappers() -> None:
        for _ in range(3):
            with fastswap.Swapper(generator, threads=1) as swap:
                swap(people.person().rgb)

    assert _least_growth(some_swappers, 4) < 9 << 20
