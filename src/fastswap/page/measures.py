"""Numbers for how steady a swapped face is and how well its edge is hidden. All are 0 for a perfect swap."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

SECTORS: Final = 16
_LUMA: Final = np.array([0.2126, 0.7152, 0.0722])
_RIM: Final = (0.2, 0.9)
"""Mask values that count as its edge: below, the difference is divided by too little, above, it is the face."""


def jitter(points: Floats) -> Floats:
    """How far a face lies from the middle of where it was a frame ago and where it will be in one; float64 [F].

    points: [F, K, 2] of consecutive frames, any unit; the first two are the eyes. The root mean square over the
    points, in percent of the distance of the eyes. NaN for the first and the last frame.
    """
    found = np.full(len(points), np.nan)
    if len(points) > 2:
        off = points[1:-1] - (points[:-2] + points[2:]) / 2
        eyes = np.linalg.norm(points[1:-1, 0] - points[1:-1, 1], axis=1)
        found[1:-1] = 100.0 * np.sqrt((off**2).sum(axis=2).mean(axis=1)) / np.maximum(eyes, 1e-6)
    return found


def flicker(shift: Floats) -> Floats:
    """How far a frame's brightness change lies from its neighbours' mean; float64 [F], NaN at both ends.

    shift: [F] of consecutive frames: the mean change of luma that the swap makes, see `shift_and_seam`.
    """
    found = np.full(len(shift), np.nan)
    found[1:-1] = np.abs(shift[1:-1] - (shift[:-2] + shift[2:]) / 2)
    return found


def shift_and_seam(
    before: NDArray[np.float32], after: NDArray[np.float32], alpha: NDArray[np.float32]
) -> tuple[float, float, float]:
    """(mean change of luma in the face, seam, worst seam) in code values of 0..255.

    before, after: the same crop without and with the new face, [3, S, S] R'G'B' 0..1. alpha: [S, S], how much of the
    new face shows. The seam is the step between new face and frame that the mask's soft edge has to hide: their
    difference along the edge, averaged in 16 directions around the face so that texture cancels out; the mean of its
    size over the directions, and the largest.
    """
    change = 255.0 * np.tensordot(_LUMA, after.astype(np.float64) - before, 1)
    inside = alpha > 0.5
    shift = float(change[inside].mean()) if inside.any() else 0.0
    rim = (alpha > _RIM[0]) & (alpha < _RIM[1])
    if not rim.any():
        return shift, 0.0, 0.0
    down, right = np.gradient(alpha.astype(np.float64))
    y, x = np.nonzero(rim)
    weight = np.hypot(down, right)[y, x] + 1e-9
    step = change[y, x] / alpha[y, x]
    row, column = np.nonzero(inside) if inside.any() else (y, x)
    angle = np.arctan2(y - row.mean(), x - column.mean())
    sector = np.floor((angle / (2.0 * np.pi) + 0.5) * SECTORS).astype(int) % SECTORS
    total = np.bincount(sector, weight, SECTORS)
    mean = np.abs(np.bincount(sector, weight * step, SECTORS)) / np.maximum(total, 1e-9)
    seen = total > 0.0
    return shift, float(mean[seen].mean()), float(mean[seen].max())
