"""Which faces are good enough to learn from."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fastswap.errors import SettingsError
from fastswap.faces import Face

GAUGE = 96
"""Side of the crop that sharpness is measured on, in pixels. One size for all, so that the number says whether
detail of that size is there, however large the picture."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a face must have to be kept; None or 0 switches a limit off.

    size: least shorter side of its box in display pixels. score: least mesh presence, 0..1. sharpness: least
    value of `sharpness`. yaw, pitch: largest turn either way in degrees. inside: least share of its landmarks
    within the frame, 0..1.
    """

    size: float = 48.0
    score: float = 0.8
    sharpness: float = 0.15
    yaw: float | None = None
    pitch: float | None = None
    inside: float = 0.95

    def __post_init__(self) -> None:
        for name in ("size", "score", "sharpness", "inside"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0.0):
                raise SettingsError(f"extract: the limit on {name} is {value}; it must be 0 or more")
        for name in ("yaw", "pitch"):
            angle = getattr(self, name)
            if angle is not None and not 0.0 < angle <= 180.0:
                raise SettingsError(f"extract: the limit on {name} is {angle}; it must lie in 0..180 degrees")


def refuse(
    face: Face, pose: tuple[float, float, float], frame: tuple[int, int], limits: Limits
) -> str | None:
    """Why a face is not kept, judged before it is cropped; None when it is.

    pose: yaw, pitch, roll in degrees. frame: width and height in display pixels.
    """
    left, top, right, bottom = face.box
    xy = face.landmarks[:, :2]
    inside = float(((xy >= 0.0) & (xy <= np.array(frame))).all(axis=1).mean())
    yaw, pitch, _ = pose
    if min(right - left, bottom - top) < limits.size:
        return "too small"
    if face.score < limits.score:
        return "doubtful"
    if inside < limits.inside:
        return "cut off by the frame"
    if limits.yaw is not None and abs(yaw) > limits.yaw:
        return "turned too far sideways"
    if limits.pitch is not None and abs(pitch) > limits.pitch:
        return "turned too far up or down"
    return None


def sharpness(crop: NDArray[np.float32]) -> float:
    """How much fine detail a crop [3, GAUGE, GAUGE] of R'G'B' 0..1 holds.

    Real faces that are in focus have 0.5 to 1; blurred by a Gaussian of one pixel 0.25, of two pixels 0.1.
    The ratio of the deviation of luma's Laplacian to that of luma, over the middle of the crop. Unlike the
    plain variance of the Laplacian (Pech-Pacheco et al. 2000) it does not depend on contrast, so dark faces
    are not taken for blurred ones.
    """
    luma = np.tensordot(np.array([0.299, 0.587, 0.114], np.float32), crop, axes=1)
    edge = GAUGE // 4
    middle = luma[edge - 1 : edge + GAUGE // 2 + 1, edge - 1 : edge + GAUGE // 2 + 1]
    core = middle[1:-1, 1:-1]
    around = middle[:-2, 1:-1] + middle[2:, 1:-1] + middle[1:-1, :-2] + middle[1:-1, 2:]
    detail = float((around - 4.0 * core).std())
    return detail / max(float(core.std()), 1e-3)
