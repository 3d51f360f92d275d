"""Pose and expression of a face in a few numbers that mean the same for every person, from the mesh.

They are what a swap must keep. Openings are ratios of lengths, so that a closed mouth is 0 whoever it belongs to; what
differs between faces at rest (width of the mouth, height of the brows) is taken against the person's own median, and
lids against how far the person opens them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

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
MIRRORED = (0, 1, 2, 3, 4, 6, 5, 8, 7)
"""Order of the numbers of a mirrored face; the first, yaw, changes its sign too."""

_OUTER_EYES = (33, 263)
_LIPS, _CORNERS = (13, 14), (61, 291)
_EYES = (((159, 145), (33, 133)), ((386, 374), (362, 263)))
_BROWS = (105, 334)
_FOREHEAD, _CHIN = 10, 152
_SCALE = np.array([1 / 30, 1 / 20, 6.0, 8.0, 15.0, 2.5, 2.5, 10.0, 10.0])
"""Makes each number about as large as the others: deviations of practice footage lie at 0.5 to 1.5."""


def measure(points: NDArray[np.float64], poses: NDArray[np.float32]) -> NDArray[np.float32]:
    """The numbers `NAMES` of one person's faces, float32 [N, 9], each scaled to about unit deviation.

    points: landmarks [N, 468, 3] in pictures of one size. poses: yaw and pitch in degrees [N, 2].
    """
    unit = _distance(points, *_OUTER_EYES)
    down = points[:, _CHIN] - points[:, _FOREHEAD]
    down = down / np.maximum(np.linalg.norm(down, axis=1, keepdims=True), 1e-9)
    lips = points[:, list(_LIPS)].mean(axis=1)
    corners = points[:, list(_CORNERS)].mean(axis=1)
    columns: list[NDArray[np.float64]] = [
        poses[:, 0].astype(np.float64),
        poses[:, 1].astype(np.float64),
        _distance(points, *_LIPS) / unit,
        _about_median(_distance(points, *_CORNERS) / unit),
        _about_median(((lips - corners) * down).sum(axis=1) / unit),
    ]
    for lids, ends in _EYES:
        open_ = _distance(points, *lids) / np.maximum(_distance(points, *ends), 1e-9)
        columns.append(open_ / max(float(np.percentile(open_, 90)), 1e-9) - 0.8)
    for brow, (_, ends) in zip(_BROWS, _EYES, strict=True):
        eye = points[:, list(ends)].mean(axis=1)
        columns.append(_about_median(((eye - points[:, brow]) * down).sum(axis=1) / unit))
    return np.asarray(np.stack(columns, axis=1) * _SCALE, np.float32)


def _distance(points: NDArray[np.float64], one: int, two: int) -> NDArray[np.float64]:
    return np.asarray(np.linalg.norm(points[:, one] - points[:, two], axis=1))


def _about_median(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(values - np.median(values))
