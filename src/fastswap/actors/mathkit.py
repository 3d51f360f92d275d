"""Small numeric helpers of the actors."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]


def smoothstep(low: float, high: float, value: ArrayLike) -> F64:
    """0 below `low`, 1 above `high`, a cubic between (also with low > high)."""
    t = np.clip((np.asarray(value, dtype=np.float64) - low) / (high - low), 0.0, 1.0)
    return np.asarray(t * t * (3.0 - 2.0 * t))


def bell(x: ArrayLike, y: ArrayLike, cx: float, cy: float, sx: float, sy: float) -> F64:
    """A Gaussian bump of height 1."""
    u = (np.asarray(x) - cx) / sx
    v = (np.asarray(y) - cy) / sy
    return np.asarray(np.exp(-(u * u) - v * v))


def both(x: ArrayLike, y: ArrayLike, cx: float, cy: float, sx: float, sy: float) -> F64:
    """The same bump left and right of the middle."""
    return bell(x, y, cx, cy, sx, sy) + bell(x, y, -cx, cy, sx, sy)


def spline(x: ArrayLike, knots: ArrayLike, values: ArrayLike) -> F64:
    """Natural cubic spline through (knots, values); straight beyond the ends. values: [K] or [K, C]."""
    t = np.asarray(knots, dtype=np.float64)
    y = np.asarray(values, dtype=np.float64)
    at = np.asarray(x, dtype=np.float64)
    h = np.diff(t)
    n = len(t)
    system = np.eye(n)
    right = np.zeros_like(y)
    slope = np.diff(y, axis=0) / h.reshape((-1,) + (1,) * (y.ndim - 1))
    for i in range(1, n - 1):
        system[i, i - 1 : i + 2] = h[i - 1], 2 * (h[i - 1] + h[i]), h[i]
        right[i] = 6 * (slope[i] - slope[i - 1])
    bend = np.linalg.solve(system, right)  # second derivatives at the knots
    k = np.clip(np.searchsorted(t, at) - 1, 0, n - 2)
    extra = (1,) * (y.ndim - 1)
    width = h[k].reshape(at.shape + extra)
    a = ((t[k + 1] - at) / h[k]).reshape(at.shape + extra)
    b = 1.0 - a
    inside = ((a**3 - a) * bend[k] + (b**3 - b) * bend[k + 1]) * width**2 / 6
    outside = ((at < t[0]) | (at > t[-1])).reshape(at.shape + extra)
    return np.asarray(a * y[k] + b * y[k + 1] + np.where(outside, 0.0, inside))


def rotation(yaw: float, pitch: float, roll: float) -> F64:
    """Rotation of the head, degrees: yaw turns to the viewer's right, pitch looks up, roll tilts clockwise.

    Axes: x to the viewer's right, y up, z toward the viewer. Roll is applied first, then pitch, then yaw.
    """
    a, b, c = np.deg2rad([yaw, -pitch, -roll])
    ry = np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])
    rx = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    rz = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    return np.asarray(ry @ rx @ rz)


def unit(v: F64) -> F64:
    """Vectors [..., 3] scaled to length 1."""
    return np.asarray(v / np.maximum(np.linalg.norm(v, axis=-1, keepdims=True), 1e-9))


def noise(shape: tuple[int, int], cell: float, rng: np.random.Generator, *, aspect: float = 1.0) -> F64:
    """Smooth random values, mean 0 and deviation about 1, features `cell` samples wide (`cell * aspect` high)."""
    height, width = shape
    rows, columns = int(height / (cell * aspect)) + 3, int(width / cell) + 3
    grid = rng.standard_normal((rows, columns))
    return np.asarray(_stretch(_stretch(grid, height, cell * aspect, 0), width, cell, 1) * 1.3)


def _stretch(grid: F64, size: int, cell: float, axis: int) -> F64:
    at = np.arange(size) / cell
    low = at.astype(int)
    t = at - low
    t = t * t * (3 - 2 * t)
    t = t.reshape((-1, 1) if axis == 0 else (1, -1))
    return np.asarray(np.take(grid, low, axis) * (1 - t) + np.take(grid, low + 1, axis) * t)


def blur(image: F64, radius: int) -> F64:
    """Two box filters one after the other, both ways; the edges repeat. [H, W] or [H, W, C]."""
    out = image
    for axis in (0, 1):
        for _ in range(2):
            out = _box(out, radius, axis)
    return out


def _box(image: F64, radius: int, axis: int) -> F64:
    if radius < 1:
        return image
    pad = [(0, 0)] * image.ndim
    pad[axis] = (radius + 1, radius)
    sums = np.cumsum(np.pad(image, pad, mode="edge"), axis=axis)
    n = image.shape[axis]
    width = 2 * radius + 1
    high = np.take(sums, np.arange(width, width + n), axis)
    low = np.take(sums, np.arange(n), axis)
    return np.asarray((high - low) / width)
