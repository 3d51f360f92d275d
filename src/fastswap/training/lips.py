"""Where the lips part, so that training can close them: hardly any footage shows a person with every face.

Somebody who only smiles with parted lips leaves the source's decoder without a closed smile, and it answers a target's
with an open mouth. The smile is there, though, in the cheeks and the corners; a warp that brings the lips together
shows the rest (`closing`).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fastswap.training.expression import OUTER_EYES

CORNERS = (78, 308)
"""Where the inner rims of the lips meet, from left to right in the picture."""
UPPER = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308)
LOWER = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308)
"""The inner rims from corner to corner."""
NODES = 17
SIZE = 4 + 2 * NODES
GAPS = (0.06, 0.6)
"""Gaps that are closed, in half widths of the mouth: below there is none, above the cheeks say that the jaw hangs."""
TILT = 0.12
"""Most that the line of the mouth's corners may lean against that of the eyes', in radians: the mesh draws lopsided
mouths badly."""


def measure(points: NDArray[np.float64]) -> NDArray[np.float32]:
    """The lips of faces, float32 [N, 38].

    The middle between the corners, x and y; from there to the right corner, x and y; then how far below the line of the
    corners, in half widths of the mouth, the upper rim runs at `NODES` places evenly from the left corner to the right
    one, and the lower. Both rims are 0 where there is nothing to close.

    points: landmarks [N, 468, 3] in sides of the picture. Lengths count in half sides, positions from the picture's
    middle: -1..1, as torch's grids do.
    """
    flat = np.asarray(points[:, :, :2], np.float64) * 2.0 - 1.0
    left, right = flat[:, CORNERS[0]], flat[:, CORNERS[1]]
    middle, half = (left + right) / 2.0, (right - left) / 2.0
    down = np.stack((-half[:, 1], half[:, 0]), axis=1)
    power = np.maximum((half**2).sum(axis=1), 1e-12)[:, None]
    nodes = np.linspace(-1.0, 1.0, NODES)
    rims = []
    for rim in (UPPER, LOWER):
        away = flat[:, list(rim)] - middle[:, None]
        across, below = (np.einsum("nkc,nc->nk", away, axis) / power for axis in (half, down))
        across = np.maximum.accumulate(across, axis=1)
        rims.append(np.stack([np.interp(nodes, x, y) for x, y in zip(across, below, strict=True)]))
    upper, lower = rims
    lower = np.maximum(lower, upper)
    gap = (lower - upper).max(axis=1)
    eyes = flat[:, OUTER_EYES[1]] - flat[:, OUTER_EYES[0]]
    level = np.abs((eyes * down).sum(axis=1)) <= np.sin(TILT) * np.linalg.norm(eyes, axis=1) * np.sqrt(
        power[:, 0]
    )
    closable = ((gap >= GAPS[0]) & (gap <= GAPS[1]) & level)[:, None]
    return np.concatenate((middle, half, upper * closable, lower * closable), axis=1).astype(np.float32)


def parted(measured: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Which lips of `measure` a warp can close; bool [N]."""
    return np.asarray((measured[:, 4:] != 0.0).any(axis=1))
