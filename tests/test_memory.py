"""Memory that the C library holds free goes back to the system."""

from __future__ import annotations

import re
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from fastswap.memory import release


def _resident() -> int:
    found = re.search(r"VmRSS:\s+(\d+)", Path("/proc/self/status").read_text())
    assert found
    return int(found[1]) << 10


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
