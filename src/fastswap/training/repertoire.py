"""What a person's face does in a faceset, in numbers that are equal where two people do the same, and in words.

Everything is a length on the mesh as a share of the person's own: of the width of the mouth at rest, of the distance of
the outer corners of the eyes, of how far the eyes open. What remains of the head's turn is taken out by constants that
four synthetic actors of unlike build agreed on; the same performance then measures the same within about half of
`TOLERANCE` whoever plays it. Where the eyes look is told by the picture, see `gaze`: not from rest but as it is, for a
squint is no expression of the target.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastswap import align
from fastswap.training.expression import (
    BROWS,
    EYES,
    LIPS,
    OUTER_EYES,
    distance,
    downwards,
    opening,
)

Floats = NDArray[np.float64]

NAMES = (
    "mouth opening",
    "mouth width",
    "corners raised",
    "lopsided",
    "right eye",
    "left eye",
    "right brow",
    "left brow",
    "right gaze",
    "left gaze",
)
"""Opening is the square root of the lips' distance, as the first parting of the lips changes more than a wider one.
Width and corners are measured from rest, lopsided is the right corner's rise over the left one's; eyes are 1 when open;
brows are heights over rest, gazes lie to the picture's right."""
TOLERANCE = (0.13, 0.065, 0.022, 0.07, 0.12, 0.12, 0.03, 0.03, 0.08, 0.08)
"""Differences up to which two faces count as doing the same."""
TURNED = 40.0
"""Degrees of yaw from which the far half of the face is a guess: such faces are left out."""

_CLOSED = 0.045
"""Distance of the lips, of the eyes', below which a mouth is closed."""
_REST = 35.0
"""Percentile that stands for rest among faces with a closed mouth: mouths are drawn wide and raised more often than
they are narrowed and lowered."""
_OPEN_EYE = 85.0
_FEWEST = 8
"""Faces that rest is told from at least: the ones whose mouths are open least, where fewer are closed."""
_JAW_RAISES = 0.18
"""How far the middle of the lips sinks below the corners while the mouth opens by 1."""


def measure(
    points: NDArray[np.float64], poses: NDArray[np.float32], gazes: NDArray[np.float32]
) -> NDArray[np.float32]:
    """The numbers `NAMES` of one person's faces, float32 [N, 10]; NaN for faces that are turned too far.

    points: landmarks [N, 468, 3] in pictures of one size. poses: yaw and pitch in degrees [N, 2]. gazes: see
    `gaze.measure` [N, 2]; what is not known, as of closed eyes, counts as 0.
    """
    across, down = distance(points, *OUTER_EYES), downwards(points)
    yaw = np.clip(poses[:, 0].astype(np.float64), -TURNED, TURNED) / 30.0
    pitch = np.clip(poses[:, 1].astype(np.float64) - np.median(poses[:, 1]), -20.0, 20.0) / 20.0

    def above(point: Floats, middle: Floats) -> Floats:
        return np.asarray(((middle - point) * down).sum(axis=1) / across)

    gap, wide = distance(points, *LIPS) / across, distance(points, *align.MOUTH_CORNERS) / across
    quiet = gap <= max(_CLOSED, float(np.sort(gap)[min(_FEWEST, len(gap)) - 1]))
    rest = max(float(np.percentile(wide[quiet], _REST)), 1e-9)
    parted, width = gap / rest, wide / rest - 0.07 * pitch
    lips = points[:, list(LIPS)].mean(axis=1)
    turn = 0.015 * yaw**2 - 0.025 * pitch - _JAW_RAISES * parted
    right, left = (
        _from(above(points[:, corner], lips) / rest + turn, quiet) for corner in align.MOUTH_CORNERS
    )  # each from its own rest: hardly a mouth is even
    columns = [np.sqrt(parted), _from(width, quiet), (right + left) / 2.0, right - left]
    for (lids, ends), side in zip(EYES, (1.0, -1.0), strict=True):
        open_ = opening(points, lids, ends)
        most = max(float(np.percentile(open_, _OPEN_EYE)), 1e-9)
        columns.append(open_ / most + 0.1 * pitch + 0.055 * side * yaw)
    for brow, (_, ends) in zip(BROWS, EYES, strict=True):
        height = above(points[:, brow], points[:, list(ends)].mean(axis=1))
        columns.append(_about_median(height + 0.018 * pitch + 0.012 * yaw**2))
    columns += list(np.nan_to_num(gazes).T.astype(np.float64))
    found = np.stack(columns, axis=1)
    found[np.abs(poses[:, 0]) > TURNED] = np.nan
    return np.asarray(found, np.float32)


def _about_median(values: Floats) -> Floats:
    return np.asarray(values - np.median(values))


def _from(values: Floats, quiet: NDArray[np.bool_]) -> Floats:
    return np.asarray(values - np.percentile(values[quiet], _REST))


# -- in words -------------------------------------------------------------------------------------------------


def _mouth(numbers: Floats) -> list[str]:
    opening, width, raised, lopsided = numbers.T
    level = np.select([opening < 0.3, opening < 0.6], ["closed mouth", "open mouth"], "mouth wide open")
    form = np.select(
        [
            np.abs(lopsided) > 0.09,
            (raised > 0.015) & (width > 0.04),
            raised < -0.025,
            width < -0.06,
            width > 0.08,
        ],
        ["lopsided", "smiling", "corners down", "pursed", "drawn wide"],
        "at rest",
    )
    return [f"{first}, {second}" for first, second in zip(level, form, strict=True)]


def _eyes(numbers: Floats) -> list[str]:
    right, left = numbers.T
    both = (right + left) / 2.0
    words = np.select(
        [np.abs(right - left) > 0.25, both < 0.68, both < 0.85, both > 1.12],
        ["one eye closed", "eyes closed", "eyes half closed", "eyes wide open"],
        "eyes open",
    )
    return [str(word) for word in words]


def _brows(numbers: Floats) -> list[str]:
    right, left = numbers.T
    both = (right + left) / 2.0
    words = np.select(
        [np.abs(right - left) > 0.05, both > 0.03, both < -0.03],
        ["one brow raised", "brows raised", "brows lowered"],
        "brows at rest",
    )
    return [str(word) for word in words]


def _gazes(numbers: Floats) -> list[str]:
    right, left = numbers.T
    both = (right + left) / 2.0
    words = np.select(
        [left - right < -0.12, both < -0.08, both > 0.08],
        ["cross-eyed", "looking to the picture's left", "looking to the picture's right"],
        "looking ahead",
    )
    return [str(word) for word in words]


PARTS = (
    (slice(0, 4), 0.01, _mouth),
    (slice(4, 6), 0.003, _eyes),
    (slice(6, 8), 0.003, _brows),
    (slice(8, 10), 0.003, _gazes),
)
"""What belongs together in a face: its numbers, the share of the source's faces that must do the same for it to be
learned (a blink is short, a mouth has more to learn), and the words for it."""


# -- what lacks -------------------------------------------------------------------------------------------------

LEAST_SHARE = 0.01
"""Of the target's faces: a rarer expression is not worth a word."""
_MOST_SOURCE, _MOST_TARGET, _CHUNK = 8000, 4000, 128
"""Faces that are compared, spread over larger sets, and how many at once."""


@dataclass(frozen=True, slots=True)
class Expression:
    """One expression in words. source, target: shares of their faces that have it, 0..1. lacking: share of the target's
    faces that have it and for which the source has nothing near; above 0 only where that is most of them."""

    name: str
    source: float
    target: float
    lacking: float

    @property
    def words(self) -> str:
        """What lacks."""
        return f"{self.name}: {self.lacking:.1%}"


@dataclass(frozen=True, slots=True)
class Compared:
    """Expressions of a source against those of a target.

    source, target: the numbers `NAMES` of the faces that were compared, [N, 10]. alone: bool [target, 10], numbers of a
    target's face that belong to an expression that the source lacks. expressions: those that either shows, the most
    lacking first. share: of the target's faces, that have one that lacks.
    """

    source: NDArray[np.float32]
    target: NDArray[np.float32]
    alone: NDArray[np.bool_]
    expressions: tuple[Expression, ...]
    share: float

    @property
    def lacking(self) -> list[Expression]:
        """Expressions of the target that the source lacks, the most frequent first."""
        return [each for each in self.expressions if each.lacking]


def compare(source: NDArray[np.float32], target: NDArray[np.float32]) -> Compared:
    """What the source, float32 [N, 10] of `measure`, has of the target's expressions.

    A face of the target is alone when fewer faces of the source than `PARTS` asks for do the same within `TOLERANCE`;
    an expression lacks when most of the faces that have it are alone.
    """
    own, other = spread(source, _MOST_SOURCE), spread(target, _MOST_TARGET)
    alone = np.zeros(other.shape, bool)
    found = []
    for part, share, words in PARTS:
        if any(len(each) and not each[:, part].any() for each in (own, other)):
            continue  # no gaze is known
        without = _near(own[:, part], other[:, part], np.array(TOLERANCE[part])) < max(
            1, int(share * len(own))
        )
        names, has = words(own[:, part].astype(np.float64)), words(other[:, part].astype(np.float64))
        for name in sorted({*names, *has}):
            here = np.array([each == name for each in has], bool)
            lone = without & here
            often = max(LEAST_SHARE * len(other), 2.0)
            lacks = len(own) > 0 and here.sum() >= often and lone.sum() * 2 > here.sum()
            if lacks:
                alone[lone, part] = True
            shares = names.count(name) / max(len(own), 1), float(here.mean()) if len(other) else 0.0
            found.append(Expression(name, *shares, float(lone.mean()) if lacks else 0.0))
    found.sort(key=lambda each: -each.lacking)
    share = float(alone.any(axis=1).mean()) if len(other) else 0.0
    return Compared(own, other, alone, tuple(found), share)


def spread(numbers: NDArray[Any], most: int) -> NDArray[Any]:
    """The faces that could be measured, every k-th of very many."""
    known = numbers[~np.isnan(numbers).any(axis=1)]
    return np.asarray(known[:: max(1, math.ceil(len(known) / most))])


def _near(
    own: NDArray[np.float32], other: NDArray[np.float32], tolerance: NDArray[np.float64]
) -> NDArray[np.int64]:
    """How many faces of the source do what each of the target's does."""
    counts = np.zeros(len(other), np.int64)
    for start in range(0, len(other), _CHUNK):
        gaps = (other[start : start + _CHUNK, None] - own[None]) / tolerance
        counts[start : start + _CHUNK] = ((gaps**2).sum(axis=2) <= 1.0).sum(axis=1)
    return counts
