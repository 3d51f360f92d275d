"""Whose face it is, without a recogniser: histograms of oriented gradients of the aligned face.

Dalal and Triggs 2005; Déniz et al. 2011 show that they tell faces apart. They see the shapes of eyes, nose, mouth and
brows and neither complexion nor exposure, and a blurred face has none of the gradients that its owner has.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SIDE = 96
"""Side of the aligned crop in pixels."""
CELL, BINS = 8, 9
_INNER = slice(2, 10)
"""Cells that are inner face in every aligned crop."""


def descriptor(luma: NDArray[np.float32]) -> NDArray[np.float64]:
    """Of an aligned crop's luma [SIDE, SIDE]: unsigned gradient directions, 8x8 pixel cells, 2x2 cell blocks, L2."""
    down, across = np.gradient(luma.astype(np.float64))
    strength = np.hypot(down, across)
    place = np.arctan2(down, across) % np.pi * (BINS / np.pi)
    low = np.floor(place).astype(int) % BINS
    part = place - np.floor(place)
    votes = np.zeros((SIDE, SIDE, BINS))
    rows, columns = np.mgrid[:SIDE, :SIDE]
    votes[rows, columns, low] += strength * (1.0 - part)
    votes[rows, columns, (low + 1) % BINS] += strength * part
    cells = votes.reshape(SIDE // CELL, CELL, SIDE // CELL, CELL, BINS).sum((1, 3))[_INNER, _INNER]
    blocks = np.stack([cells[:-1, :-1], cells[:-1, 1:], cells[1:, :-1], cells[1:, 1:]], axis=2)
    blocks = blocks.reshape(*blocks.shape[:2], -1)
    blocks = blocks / np.sqrt((blocks**2).sum(-1, keepdims=True) + 1e-3)
    return np.asarray(blocks.ravel() / max(float(np.linalg.norm(blocks)), 1e-9))


def distance(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """1 - cosine of the descriptors of two aligned crops' luma [SIDE, SIDE] in 0..1; 0 for the same face."""
    return float(1.0 - descriptor(a) @ descriptor(b))
