"""One face that a tracker follows, and which of several faces a box or a detection shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fastswap import detect, measure
from fastswap.align import extent
from fastswap.detect import Detection
from fastswap.frame import Affine

Floats = NDArray[np.float64]

DRIFTED: Final = 0.25
"""Disagreement with the detector from which a mesh is measured anew; faces of 40 px and more measured up to
0.24."""
_WITHIN: Final = 0.7
"""Part of a box that must lie within a larger face to be a part of that face."""
EXPLAINED: Final = 0.45
"""Overlap (IoU) of a detector's box with the box of the mesh on the same face; measured 0.57 to 0.89."""


@dataclass(slots=True)
class Followed:
    """A face and its number in the clip, as it was last seen."""

    number: int
    landmarks: Floats  # float64 [468, 3], display pixels, of the last frame that was trusted
    score: float
    missed: int = 0  # frames since then
    box: Floats = field(init=False)
    step: Floats = field(default_factory=lambda: np.zeros(2))  # pixels that the box moved in the last frame
    square: Affine = field(init=False)  # where the mesh looks next

    def __post_init__(self) -> None:
        self.box = box_of(self.landmarks)
        self.square = detect.square_of_landmarks(self.landmarks)

    def see(self, landmarks: Floats, score: float, square: Affine | None = None) -> None:
        """Takes over what the next frame shows. square: where the mesh looks after it."""
        box = box_of(landmarks)
        self.square = detect.square_of_landmarks(landmarks) if square is None else square
        moved = (box[:2] + box[2:] - self.box[:2] - self.box[2:]) / 2
        self.step = moved if self.missed <= 1 else np.zeros(2)
        self.landmarks, self.score, self.missed, self.box = landmarks, score, 0, box


def box_of(landmarks: Floats) -> Floats:
    """The least and the greatest x and y, float64 [4]."""
    return np.concatenate(extent(landmarks))


def overlapping(box: Floats, tracks: Sequence[Followed], least: float) -> Followed | None:
    """The track whose box overlaps this one most, if its IoU exceeds `least`."""
    if not tracks:
        return None
    overlaps = detect.overlaps(box, np.stack([track.box for track in tracks]))
    best = int(np.argmax(overlaps))
    return tracks[best] if overlaps[best] > least else None


def borne_out(track: Followed, found: Sequence[Detection]) -> bool:
    """Whether a detection shows the face of this track, where the track has it."""
    overlaps = detect.overlaps(track.box, np.array([detection.box for detection in found]))
    best = found[int(np.argmax(overlaps))]
    return bool(overlaps.max() >= EXPLAINED and measure.disagreement(track.landmarks, best) < DRIFTED)


def inside(box: Floats, tracks: Sequence[Followed]) -> bool:
    """Whether most of a box lies within the box of a face that is clearly larger."""
    area = float(np.prod(box[2:] - box[:2]))
    for track in tracks:
        shared = np.clip(np.minimum(box[2:], track.box[2:]) - np.maximum(box[:2], track.box[:2]), 0.0, None)
        if np.prod(shared) > _WITHIN * area and np.prod(track.box[2:] - track.box[:2]) > 1.5 * area:
            return True
    return False
