"""No frame stays in memory longer than it is needed."""

from __future__ import annotations

import gc
from pathlib import Path

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
