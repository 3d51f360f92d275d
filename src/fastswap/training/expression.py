"""Pose and expression of a face in a few numbers that mean the same for every person, from the mesh.

They are what a swap must keep. Openings are ratios of lengths, so that a closed mouth is 0 whoever it belongs to; what
differs between faces at rest (width of the mouth, height of the brows) is taken against the person's own median, and
lids against how far the person opens them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fastswap import align

NAMES = (
    "yaw",
    "pitch",
    "mouth open",
    "mouth width",
    "smile",
    "right eye",
    "left eye",
    "right brow",
    "left brow",
)
COUNT = len(NAMES)
MOUTH_OPEN = NAMES.index("mouth open")
MIRRORED = (0, 1, 2, 3, 4, 6, 5, 8, 7)
"""Order of the numbers of a mirrored face; the first, yaw, changes its sign too."""

OUTER_EYES = align.RIGHT_EYE_CORNERS[0], align.LEFT_EYE_CORNERS[1]
LIPS = (13, 14)
"""Middle of the inner lips, upper and lower."""
EYES = (((159, 145), align.RIGHT_EYE_CORNERS), ((386, 374), align.LEFT_EYE_CORNERS))
"""Upper and lower lid, and the corners; right eye, left eye."""
BROWS = (105, 334)
_SCALE = np.array([1 / 30, 1 / 20, 6.0, 8.0, 15.0, 2.5, 2.5, 10.0, 10.0])
"""Makes each number about as large as the others: deviations of practice footage lie at 0.5 to 1.5."""


def measure(points: NDArray[np.float64], poses: NDArray[np.float32]) -> NDArray[np.float32]:
    """The numbers `NAMES` of one person's faces, float32 [N, 9], each scaled to about unit deviation.

    points: landmarks [N, 468, 3] in pictures of one size. poses: yaw and pitch in degrees [N, 2].
    """
    unit, down = distance(points, *OUTER_EYES), downwards(points)
    lips = points[:, list(LIPS)].mean(axis=1)
    corners = points[:, list(align.MOUTH_CORNERS)].mean(axis=1)
    columns: list[NDArray[np.float64]] = [
        poses[:, 0].astype(np.float64),
        poses[:, 1].astype(np.float64),
        distance(points, *LIPS) / unit,
        about_median(distance(points, *align.MOUTH_CORNERS) / unit),
        about_median(((lips - corners) * down).sum(axis=1) / unit),
    ]
    for lids, ends in EYES:
        open_ = opening(points, lids, ends)
        columns.append(open_ / max(float(np.percentile(open_, 90)), 1e-9) - 0.8)
    for brow, (_, ends) in zip(BROWS, EYES, strict=True):
        eye = points[:, list(ends)].mean(axis=1)
        columns.append(about_median(((eye - points[:, brow]) * down).sum(axis=1) / unit))
    return np.asarray(np.stack(columns, axis=1) * _SCALE, np.float32)


def distance(points: NDArray[np.float64], one: int, two: int) -> NDArray[np.float64]:
    """Between two landmarks of each face, float64 [N], of points [N, 468, 3] and in their unit."""
    return np.asarray(np.linalg.norm(points[:, one] - points[:, two], axis=1))


def downwards(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """From the forehead to the chin of each face, unit vectors, float64 [N, 3], of points [N, 468, 3]."""
    down = points[:, align.CHIN] - points[:, align.FOREHEAD]
    return np.asarray(down / np.maximum(np.linalg.norm(down, axis=1, keepdims=True), 1e-9))


def opening(points: NDArray[np.float64], lids: tuple[int, int], ends: tuple[int, int]) -> NDArray[np.float64]:
    """Distance of an eye's lids in widths of the eye, float64 [N], of points [N, 468, 3]."""
    return np.asarray(distance(points, *lids) / np.maximum(distance(points, *ends), 1e-9))


def about_median(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values less their median."""
    return np.asarray(values - np.median(values))
