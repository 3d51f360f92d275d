"""Where eyes look to, from the picture: the mesh has no irises."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

EYES = (
    ((33, 133), (246, 161, 160, 159, 158, 157, 173), (7, 163, 144, 145, 153, 154, 155)),
    ((362, 263), (398, 384, 385, 386, 387, 388, 466), (382, 381, 380, 374, 373, 390, 249)),
)
"""Corners, the picture's left one first, upper and lower lid of the right eye and of the left one in the mesh."""
LEAST_OPEN = 0.27
"""Height over width of an eye that is open far enough to tell. The mesh sees closed eyes at 0.15 to 0.27."""
_ACROSS, _DOWN = np.linspace(0.08, 0.92, 29), np.linspace(0.25, 0.85, 9)
"""Places that are looked at, in eye widths and in heights of the opening there; lashes lie above them."""
_BRIGHT = 60.0
"""Percentile of the eye's luma from which it is the white."""


def measure(luma: NDArray[Any], landmarks: NDArray[np.floating]) -> tuple[float, float]:
    """How far each iris lies to the picture's right of the middle of its eye, in eye widths; NaN for a closed eye.

    The right eye first. An iris is taken to be the middle of what is darker than the white between the lids. luma:
    [H, W] of any scale. landmarks: [468, 2 or more] in its pixels.
    """
    points = landmarks[:, :2].astype(np.float64)
    right, left = (_of_eye(luma, points, *eye) for eye in EYES)
    return right, left


def _of_eye(
    luma: NDArray[Any],
    points: Floats,
    corners: tuple[int, int],
    upper: tuple[int, ...],
    lower: tuple[int, ...],
) -> float:
    start, end = points[list(corners)]
    width = float(np.hypot(*(end - start)))
    if width < 1e-6:
        return float("nan")
    along = (end - start) / width
    down = np.array([-along[1], along[0]])

    def lid(indices: tuple[int, ...]) -> Floats:
        """How far down a lid lies at `_ACROSS`, in eye widths."""
        place = (points[list(indices)] - start) / width
        order = np.argsort(place @ along)
        return np.asarray(np.interp(_ACROSS, (place @ along)[order], (place @ down)[order]))

    top, opening = lid(upper), lid(lower) - lid(upper)
    if opening.max() < LEAST_OPEN:
        return float("nan")
    below = top + np.maximum(opening, 0.0) * _DOWN[:, None]
    shown = _sampled(luma, start + width * (_ACROSS[:, None] * along + below[..., None] * down))
    dark = np.maximum(np.percentile(shown, _BRIGHT) - shown, 0.0) * np.maximum(opening, 0.0)
    return float((dark * (_ACROSS - 0.5)).sum() / max(float(dark.sum()), 1e-9))


def _sampled(luma: NDArray[Any], places: Floats) -> Floats:
    """Bilinear samples at places [..., 2] of pixels whose middles are at one half."""
    height, width = luma.shape
    x = np.clip(places[..., 0] - 0.5, 0.0, width - 1.001)
    y = np.clip(places[..., 1] - 0.5, 0.0, height - 1.001)
    left, top = x.astype(int), y.astype(int)
    right, bottom = np.minimum(left + 1, width - 1), np.minimum(top + 1, height - 1)
    across, down = x - left, y - top
    above = luma[top, left] * (1.0 - across) + luma[top, right] * across
    beneath = luma[bottom, left] * (1.0 - across) + luma[bottom, right] * across
    return np.asarray(above * (1.0 - down) + beneath * down)
