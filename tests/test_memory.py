"""Memory that the C library holds free goes back to the system."""

from __future__ import annotations

import gc
import re
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from fastswap import video
from fastswap.memory import release


def _resident() -> int:
    found = re.search(r"VmRSS:\s+(\d+)", Path("/proc/self/status").read_text())
    assert found
    return int(found[1]) << 10


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


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_holes_in_the_heap_are_given_back() -> None:
    """100 kB blocks, every other one freed: no heap shrinks by itself then. In a thread, so not in the main heap."""
    held: list[np.ndarray] = []

    def fill() -> None:
        blocks = [np.ones(100_000, np.uint8) for _ in range(2000)]
        held.extend(blocks[::2])

    thread = threading.Thread(target=fill)
    thread.start()
    thread.join()
    before = _resident()
    release()
    assert before - _resident() > 60 << 20
    assert len(held) == 1000
