"""What side outputs hold, read by PyAV alone."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from fastswap import video

Array = NDArray[np.float64]


def frames_of(path: Path) -> list[av.VideoFrame]:
    with av.open(str(path)) as container:
        return list(container.decode(video=0))


def plane_of(frame: av.VideoFrame, index: int) -> Array:
    """A plane's code values."""
    plane = frame.planes[index]
    kind = np.dtype("u1") if frame.format.components[0].bits == 8 else np.dtype("<u2")
    rows = np.frombuffer(plane, kind).reshape(plane.height, -1)
    return rows[:, : plane.width].astype(np.float64)


def half_of(plane: av.video.plane.VideoPlane) -> Array:
    return np.frombuffer(plane, "<f2").reshape(plane.height, -1)[:, : plane.width].astype(np.float64)


def lumas_of(path: Path) -> list[Array]:
    with video.Reader(path) as reader:
        return [frame.planes[0].astype(np.float64) for frame in reader]


def mattes_of(path: Path) -> list[Array]:
    return [plane_of(frame, 0) / 255.0 for frame in frames_of(path)]


def layers_of(path: Path) -> list[tuple[Array, Array]]:
    """Limited luma in 8-bit code values, and alpha, of a YUV layer; ProRes decodes to 12 bits."""
    found = []
    for frame in frames_of(path):
        bits = frame.format.components[0].bits
        found.append((plane_of(frame, 0) / 2 ** (bits - 8), plane_of(frame, 3) / (2**bits - 1)))
    return found
