"""What the analysis knows about faces: one per track and frame."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from fastswap.align import extent

LANDMARK_STEP = 1.0 / 16.0
"""Landmarks are rounded to this many display pixels, so a stored and a fresh analysis render the same bytes."""

MESH_POINTS = 468


@dataclass(frozen=True, slots=True)
class Face:
    """One face in one frame.

    track: number of the track, from 0 in order of first appearance. score: mesh presence, 0..1.
    landmarks: float32 [468, 3], x and y in display pixels, z in the same scale (smaller is nearer the camera),
        each a multiple of `LANDMARK_STEP`.
    """

    track: int
    score: float
    landmarks: NDArray[np.float32]

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, top, right, bottom of the landmarks in display pixels."""
        (left, top), (right, bottom) = extent(self.landmarks)
        return float(left), float(top), float(right), float(bottom)

    @property
    def area(self) -> float:
        """Area of `box` in square pixels."""
        left, top, right, bottom = self.box
        return (right - left) * (bottom - top)


@dataclass(frozen=True, slots=True)
class FrameFaces:
    """All faces of one frame.

    cut: this frame is the first of a new shot. doubted: faces that the tracker saw but did not trust; they are not in
    `faces` and pass through unchanged.
    """

    index: int
    pts: int | None
    time: float
    cut: bool = False
    faces: tuple[Face, ...] = field(default=())
    doubted: int = 0
