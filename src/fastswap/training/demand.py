"""Which of the source's faces the target asks for: those that do what its own faces do.

The codes of both persons are brought together (`domain`), and that is only right as far as both do the same as often.
Where the target smiles with closed lips and the source grimaces, the one would be taken for the other. Drawing the
source's faces as often as the target does what they show is the usual answer to such a shift (importance weighting,
Shimodaira 2000). A smile with parted lips also counts as one with closed lips, as `closing` can make it one.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fastswap.training import lips, repertoire
from fastswap.training.store import FaceArrays

NEAREST = 6
"""Faces of the source that a face of the target asks for, in equal parts."""
CLOSED = 0.2
"""The opening of a mouth (see `repertoire.NAMES`) whose lips were closed, at most."""
_TURN = 12.0
"""Degrees of yaw or pitch that count as much as a tolerance of the mouth."""
_OTHERS = 0.5
"""How much lids and brows count beside that: mouth and gaze have more to learn."""
_MADE = 1.0
"""Squared difference for which lips that were really closed go before lips that a warp closes."""
_MOST, _CHUNK = 1000, 32
"""Faces of the target that are asked, spread over larger sets, and how many at once."""


def demand(source: FaceArrays, target: FaceArrays) -> NDArray[np.float64] | None:
    """Probability of each of the source's faces as it is, and with its lips closed; float64 [2, N], 1 in all.

    None where either's expressions are not known.
    """
    own, other = _numbers(source), _numbers(target)
    if own is None or other is None or source.lips is None:
        return None
    shut = own.copy()
    shut[:, 0] = np.minimum(shut[:, 0], CLOSED / repertoire.TOLERANCE[0])
    shut[~lips.parted(source.lips)] = np.nan
    candidates = np.concatenate((own, shut))
    rows = np.flatnonzero(~np.isnan(candidates).any(axis=1))
    wanted = repertoire.spread(other, _MOST)
    if len(rows) < NEAREST or not len(wanted):
        return None
    known = candidates[rows]
    lengths = (known**2).sum(axis=1) + _MADE * (rows >= len(own))
    counts = np.zeros(len(candidates))
    for start in range(0, len(wanted), _CHUNK):
        gaps = lengths - 2.0 * wanted[start : start + _CHUNK] @ known.T  # but for the asker's own length
        nearest = np.argpartition(gaps, NEAREST - 1, axis=1)[:, :NEAREST]
        np.add.at(counts, rows[nearest.reshape(-1)], 1.0)
    return np.asarray((counts / counts.sum()).reshape(2, -1), np.float64)


def _numbers(faces: FaceArrays) -> NDArray[np.float64] | None:
    """What faces do, mouth first, such that differences of 1 count alike; float64 [N, 12], NaN where not known."""
    if faces.repertoire is None or faces.poses is None:
        return None
    mouth, *others, gaze = (part for part, _, _ in repertoire.PARTS)
    shown = faces.repertoire.astype(np.float64) / repertoire.TOLERANCE
    rest = [_OTHERS * shown[:, part] for part in others]
    return np.concatenate((shown[:, mouth], *rest, shown[:, gaze], faces.poses / _TURN), axis=1)
