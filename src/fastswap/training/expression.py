"""Pose and expression of a face in a few numbers that mean the same for every person, from the mesh and the picture.

They are what a swap must keep. Openings are ratios of lengths, so that a closed mouth is 0 whoever it belongs to; what
differs between faces at rest (width of the mouth, height of the brows) is taken against the person's own median, and
lids against how far the person opens them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastswap import align

NAMES = (
    "yaw",
    "pitch",
    "mouth open",
    "mouth width",
    "smile",
    "lopsided",
    "right eye",
    "left eye",
    "right brow",
    "left brow",
    "right gaze",
    "left gaze",
)
COUNT = len(NAMES)
MOUTH_OPEN = NAMES.index("mouth open")
GAZE = NAMES.index("right gaze")
MIRRORED = (0, 1, 2, 3, 4, 5, 7, 6, 9, 8, 11, 10)
TURNED = (-1, 1, 1, 1, 1, -1, 1, 1, 1, 1, -1, -1)
"""Order of the numbers of a mirrored face, and their signs then."""

OUTER_EYES = align.RIGHT_EYE_CORNERS[0], align.LEFT_EYE_CORNERS[1]
LIPS = (13, 14)
"""Middle of the inner lips, upper and lower."""
EYES = (((159, 145), align.RIGHT_EYE_CORNERS), ((386, 374), align.LEFT_EYE_CORNERS))
"""Upper and lower lid, and the corners; right eye, left eye."""
BROWS = (105, 334)
_SCALE = np.array([1 / 30, 1 / 20, 6.0, 8.0, 15.0, 15.0, 2.5, 2.5, 10.0, 10.0, 8.0, 8.0])
"""Makes each number about as large as the others: deviations of practice footage lie at 0.5 to 1.5."""


def measure(
    points: NDArray[np.float64], poses: NDArray[np.float32], gazes: NDArray[np.float32]
) -> NDArray[np.float32]:
    """The numbers `NAMES` of one person's faces, float32 [N, 12], each scaled to about unit deviation.

    points: landmarks [N, 468, 3] in pictures of one size. poses: yaw and pitch in degrees [N, 2]. gazes: see
    `gaze.measure` [N, 2]; NaN stays NaN.
    """
    lengths = np.stack(shown(points), axis=1)
    gain, offset = at_rest(lengths)
    told = (poses * _SCALE[:MOUTH_OPEN], lengths * gain + offset, gazes * _SCALE[GAZE:])
    return np.asarray(np.concatenate(told, axis=1), np.float32)


def at_rest(lengths: NDArray[np.float64]) -> NDArray[np.float64]:
    """What makes of `shown` the numbers `NAMES` between pose and gaze: factors and what is added then, [2, 8].

    lengths: those of one person's faces, [N, 8].
    """
    middle = np.median(lengths, axis=0)
    gain, offset = np.ones(lengths.shape[1]), np.zeros(lengths.shape[1])
    for column, name in enumerate(NAMES[MOUTH_OPEN:GAZE]):
        if name.endswith("eye"):
            gain[column] = 1.0 / max(float(np.percentile(lengths[:, column], 90)), 1e-9)
            offset[column] = -0.8
        elif name != "mouth open":
            offset[column] = -middle[column]
    return np.asarray(np.stack((gain, offset)) * _SCALE[MOUTH_OPEN:GAZE], np.float64)


def evened(rest: NDArray[np.float64]) -> NDArray[np.float64]:
    """`at_rest` of a person who is mirrored half the time."""
    order = np.array(MIRRORED[MOUTH_OPEN:GAZE]) - MOUTH_OPEN
    signs = np.array([np.ones(len(order)), TURNED[MOUTH_OPEN:GAZE]])
    return np.asarray((rest + rest[:, order] * signs) / 2.0, np.float64)


def shown(points: Any) -> list[Any]:
    """Lengths on the mesh, [N] each, one for each of `NAMES` between pose and gaze; not yet against a person's rest.

    points: landmarks [N, 468, 3], an array or a tensor; what is told is of the same kind.
    """
    unit, down = distance(points, *OUTER_EYES), downwards(points)
    lips = points[:, list(LIPS)].mean(1)
    right, left = (points[:, corner] for corner in align.MOUTH_CORNERS)
    columns = [
        distance(points, *LIPS) / unit,
        distance(points, *align.MOUTH_CORNERS) / unit,
        ((lips - (right + left) / 2.0) * down).sum(-1) / unit,
        ((left - right) * down).sum(-1) / unit,
        *(opening(points, lids, ends) for lids, ends in EYES),
    ]
    for brow, (_, ends) in zip(BROWS, EYES, strict=True):
        eye = points[:, list(ends)].mean(1)
        columns.append(((eye - points[:, brow]) * down).sum(-1) / unit)
    return columns


def distance(points: Any, one: int, two: int) -> Any:
    """Between two landmarks of each face, [N], of points [N, 468, 3] and in their unit."""
    return _length(points[:, one] - points[:, two])


def downwards(points: Any) -> Any:
    """From the forehead to the chin of each face, unit vectors, [N, 3], of points [N, 468, 3]."""
    down = points[:, align.CHIN] - points[:, align.FOREHEAD]
    return down / _length(down)[:, None]


def opening(points: Any, lids: tuple[int, int], ends: tuple[int, int]) -> Any:
    """Distance of an eye's lids in widths of the eye, [N], of points [N, 468, 3]."""
    return distance(points, *lids) / distance(points, *ends)


def _length(vectors: Any) -> Any:
    """Of vectors [N, D]; never 0, where it could not be divided by nor has a slope."""
    return ((vectors**2).sum(-1) + 1e-18) ** 0.5
