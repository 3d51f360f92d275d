"""Measurements of faces that can be trusted, or not: the mesh applied with care, and what it must satisfy."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fastswap import detect
from fastswap.align import extent, five_points
from fastswap.detect import Detection, Mesh
from fastswap.frame import Affine, Frame

Floats = NDArray[np.float64]

DOUBT: Final = 0.1
"""A presence of at least this much, yet too little to trust, is a doubt; less is no face."""


def measure(frame: Frame, mesh: Mesh, squares: Sequence[Affine]) -> list[tuple[Floats, float, Affine]]:
    """Landmarks, presence and the landmarks' own square; measured again where a face lay well off its square.

    The mesh sees a shifted face, but draws it towards the square's middle: 0.7 % of the side in error when
    it is 10 % off, 3 % when it is 20 % off.
    """
    results = [_with_square(*result) for result in mesh(frame, squares)]
    again = [
        i
        for i, (_, presence, square) in enumerate(results)
        if presence >= DOUBT and square_change(squares[i], square) > 0.08
    ]
    for i, result in zip(again, mesh(frame, [results[i][2] for i in again]), strict=True):
        results[i] = _with_square(*result)
    return results


def _with_square(landmarks: Floats, presence: float) -> tuple[Floats, float, Affine]:
    return landmarks, presence, detect.square_of_landmarks(landmarks)


def twice(frame: Frame, mesh: Mesh, detection: Detection) -> tuple[Floats, float]:
    """Landmarks measured again in their own square, and the lower presence: background seldom passes twice."""
    ((landmarks, first),) = mesh(frame, [detect.square_of_detection(detection)])
    ((landmarks, second),) = mesh(frame, [detect.square_of_landmarks(landmarks)])
    return landmarks, min(first, second)


def disagreement(landmarks: Floats, detection: Detection) -> float:
    """Largest distance of the mesh's eyes, nose and mouth from the detector's, in longer sides of its box."""
    five = five_points(landmarks)
    off = np.concatenate([five[:3], five[3:].mean(axis=0, keepdims=True)]) - detection.points[:4]
    left, top, right, bottom = detection.box
    return float(np.hypot(off[:, 0], off[:, 1]).max()) / max(right - left, bottom - top, 1e-6)


def square_change(a: Affine, b: Affine) -> float:
    """How far square b is from square a: shift relative to the side, or half the relative change of size."""
    middle = np.full(2, detect.SIDE / 2)
    shift = (b[:, :2] @ middle + b[:, 2]) - (a[:, :2] @ middle + a[:, 2])
    scale_a, scale_b = math.hypot(a[0, 0], a[1, 0]), math.hypot(b[0, 0], b[1, 0])
    moved = math.hypot(*shift) / (scale_a * detect.SIDE)
    return max(moved, abs(math.log(max(scale_b, 1e-6) / scale_a)) / 2)


def plausible(before: Floats, now: Floats, frame: Frame) -> bool:
    """Whether one face can have moved so within a frame: not too far, not collapsed, not torn apart."""
    # A quarter of the points tells as much. As complex numbers, so that a similarity is one coefficient:
    # see `align.fit_similarity`.
    old, new = before[::4, 0] + 1j * before[::4, 1], now[::4, 0] + 1j * now[::4, 1]
    old_mean, new_mean = old.mean(), new.mean()
    p, q = old - old_mean, new - new_mean
    size = max(float(np.ptp(p.real)), float(np.ptp(p.imag)))
    power = float(np.vdot(p, p).real)
    if not power > 1e-12:
        return False
    turn = complex(np.vdot(p, q)) / power
    jump = float(abs(new_mean - old_mean)) / size
    left_over = q - turn * p
    torn = math.sqrt(float(np.vdot(left_over, left_over).real) / len(p)) / max(size * abs(turn), 1e-6)
    return 0.7 < abs(turn) < 1.43 and jump < 0.6 and torn < 0.12 and sound(now, frame)


def sound(landmarks: Floats, frame: Frame) -> bool:
    """Whether these landmarks can be a face in this frame: finite, extended, and not mostly outside."""
    if not np.isfinite(landmarks).all():
        return False
    xy = landmarks[:, :2]
    low, high = extent(xy)
    width, height = high - low
    if not min(width, height) > 0.25 * max(width, height):
        return False
    if low.min() >= 0.0 and (high <= frame.display_size).all():
        return True
    return bool(((xy >= 0.0) & (xy <= frame.display_size)).all(axis=1).mean() >= 0.4)
