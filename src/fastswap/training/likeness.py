"""When two pictures show the same: a perceptual hash of a face."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

SIDE, KEPT = 32, 16
BITS = KEPT * KEPT
_MIDDLE = 0.72
"""Share of the crop that is looked at: the face, not what is behind it."""


def face_hash(luma: NDArray[np.float32]) -> str:
    """64 hexadecimal digits of an aligned crop's luma [S, S], S at least 32.

    The signs of the 16x16 lowest cosine coefficients of a 32x32 picture (Zauner 2010): near pictures differ in few
    bits, whatever their exposure and compression.
    """
    small = _shrunk(luma)
    matrix = _cosines()
    low = (matrix @ small @ matrix.T)[:KEPT, :KEPT].ravel()
    low[0] = 0.0  # the mean is exposure
    return np.packbits(low > np.median(low)).tobytes().hex()


def distances(one: str, others: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Bits, of 256, in which a hash differs from others [N, 4]."""
    return np.asarray(np.bitwise_count(others ^ words([one])).sum(axis=1), np.int64)


def words(hashes: list[str]) -> NDArray[np.uint64]:
    """Hashes as uint64 [N, 4]."""
    data = bytes.fromhex("".join(hashes))
    return np.frombuffer(data, np.uint64).reshape(-1, BITS // 64)


def _shrunk(luma: NDArray[np.float32]) -> NDArray[np.float64]:
    """The middle of the crop as means over 32x32 cells."""
    edge = round(luma.shape[0] * (1.0 - _MIDDLE) / 2.0)
    middle = luma[edge : luma.shape[0] - edge, edge : luma.shape[1] - edge].astype(np.float64)
    bounds = np.linspace(0, middle.shape[0], SIDE + 1).astype(int)
    sums = np.add.reduceat(np.add.reduceat(middle, bounds[:-1], axis=0), bounds[:-1], axis=1)
    counts = np.diff(bounds)
    return np.asarray(sums / (counts[:, None] * counts[None, :]))


@lru_cache(maxsize=1)
def _cosines() -> NDArray[np.float64]:
    k = np.arange(SIDE)
    return np.cos(np.pi * (2 * k[None, :] + 1) * k[:, None] / (2 * SIDE))
