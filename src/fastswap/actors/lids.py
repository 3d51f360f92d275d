"""Eyelids: laid on the eyeballs, open or shut."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fastswap.actors.mathkit import F64, smoothstep
from fastswap.actors.shape import EYE_RADIUS, EYE_Z, Face
from fastswap.actors.topology import EYE_IN, EYE_OUT, EYE_X

LID_RADIUS = EYE_RADIUS + 0.07


def lay(face: Face, points: F64, sign: int, closed: float) -> None:
    """Lays the lids on the eyeball. closed: 0 open, 1 shut, below 0 wide."""
    g = face.grid
    f = face.features
    x = face.x * sign
    near = (x > 0) & (np.abs(face.y) < 2.2) & (np.abs(x - EYE_X) < 2.6) & (face.front > 0)
    x, y = x[near], face.y[near]
    lower = (y < -1e-6) | (g.side[near] < 0)
    middle, half = (EYE_IN + EYE_OUT) / 2, (EYE_OUT - EYE_IN) / 2
    u = np.clip((x - middle) / half, -1, 1)
    body = np.sqrt(np.maximum(1 - u * u, 0))
    # Almond: the upper lid peaks toward the nose, the lower one toward the temple.
    top = 0.47 * body * (1 - 0.14 * u)
    bottom = -0.40 * body**1.15 * (1 + 0.2 * u)
    opening = 1.0 - closed
    shut = -0.33 * body
    edge = np.where(lower, bottom * (0.35 + 0.65 * min(opening, 1.0)) + shut * 0.65 * max(closed, 0.0),
                    shut + (top - shut) * opening)  # fmt: skip
    edge = np.where(lower, np.minimum(edge, shut + (top - shut) * max(opening, 0.0) + 0.001), edge)
    fade = np.where(lower, smoothstep(-1.25, 0.0, y), smoothstep(1.45, 0.0, y) ** 1.3)
    tilt = (0.05 + 0.16 * f.eye_tilt) * np.clip((x - middle) / half, -1.3, 1.3)
    around = smoothstep(1.6, 0.2, np.abs(y)) * smoothstep(2.6, 1.6, np.abs(x - middle))
    high = y + edge * fade + tilt * around
    inside = g.inside[near].astype(float)
    ex, ey = x - EYE_X, high
    away = np.hypot(ex, ey)
    ball = EYE_Z + np.sqrt(LID_RADIUS**2 - np.minimum(away, 1.5) ** 2) - 1.6 * np.maximum(away - 1.5, 0.0)
    rest = points[near, 2]
    k = 0.22  # smooth maximum of lid and socket
    mix = np.clip(0.5 + 0.5 * (ball - rest) / k, 0, 1)
    z = rest + (ball - rest) * mix + k * mix * (1 - mix)
    seat = smoothstep(0.6, 0.1, np.abs(y)) * smoothstep(1.95, 1.5, np.abs(x - middle))  # edges touch the ball
    z += (ball - z) * seat
    z += _crease(f.lid_fold, u, y, lower, opening)
    thick = np.array([0.0, 0.085, 0.35])[np.clip(inside.astype(int), 0, 2)]
    z -= thick
    high = high + np.where(inside > 1, np.where(lower, -0.05, 0.05), 0.0)
    moved = smoothstep(2.6, 2.0, np.abs(x - EYE_X)) * smoothstep(2.2, 1.6, np.abs(y))
    points[near, 0] += (face.x[near] - points[near, 0]) * moved
    points[near, 1] += (high - points[near, 1]) * moved
    points[near, 2] += (z - rest) * moved


def _crease(fold: float, u: F64, y: F64, lower: NDArray[np.bool_], opening: float) -> F64:
    """The fold above the upper lid and the roll below the lower one."""
    depth = (0.13 + 0.05 * fold) * max(0.25, min(opening, 1.2))
    span = np.clip(1 - 0.55 * u**2, 0, 1)
    above = -depth * np.exp(-(((y - 0.5) / 0.16) ** 2)) + 0.1 * np.exp(-(((y - 0.95) / 0.3) ** 2))
    under = 0.05 * np.exp(-(((y + 0.35) / 0.2) ** 2)) - 0.04 * np.exp(-(((y + 0.75) / 0.2) ** 2))
    return np.asarray(np.where(lower, under, above) * span)


def place(face: Face, points: F64, sign: int) -> None:
    """Moves and scales an eye with everything around it."""
    x = face.x * sign
    distance = np.hypot(x - EYE_X, (face.y - 0.1) * 1.15)
    share = smoothstep(3.4, 1.9, distance) * (x > -0.5) * face.front
    share = share * smoothstep(-0.3, 0.9, x)
    center = np.array([EYE_X * sign, 0.0, EYE_Z])
    shift = face.eye_shift * np.array([sign, 1.0, 1.0])
    points += share[:, None] * (shift + (face.eye_scale - 1) * (points - center) * np.array([1.0, 1.0, 0.6]))
