"""Follows faces through a shot: the detector finds them, the mesh follows its own last result.

The detector runs on the first frame, at shot cuts, when a track is lost and every few frames; otherwise a
face costs one crop and one run of the mesh. A result that is not plausible is not used: the face is left out
of that frame and counted as doubted.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fastswap import detect
from fastswap.align import fit_similarity
from fastswap.cuts import ShotCuts
from fastswap.detect import Detection, Detector, Mesh
from fastswap.errors import SettingsError
from fastswap.faces import LANDMARK_STEP, Face, FrameFaces
from fastswap.frame import Affine, Frame

Floats = NDArray[np.float64]

_TILE: Final = 0.375
"""Side of a tile as a fraction of the frame's longer side. The letterboxed pass is sure of faces down to a
twentieth of that side, a pass over such tiles down to a fiftieth."""
_TILED_FROM: Final = 600
"""Longer side, in pixels, from which tiles pay: in smaller frames the faces they add are too small to
swap."""
_DOUBT: Final = 0.1
"""A presence of at least this much, yet too little to trust, is a doubt; less is no face."""
_SURE_SCORE: Final = 0.7
_SURE_START: Final = 0.98
"""A detection with a score below the first needs at least the second as presence. Of 82 detections in the
background of real clips (scores 0.5 to 0.67) six reached 0.5 and none 0.96; real faces from 40 px on reached
1."""
_SAME: Final = 0.4
"""Boxes of two meshes that overlap by more (IoU) show one face."""


@dataclass(frozen=True, slots=True)
class TrackerSettings:
    """How faces are found and followed.

    detect_every: frames between runs of the detector while all is well. score: lowest detector score. start,
    keep: mesh presence that begins a track and that it must keep. smallest: shorter sides of a face below
    this many display pixels are ignored. patience: frames for which a lost face keeps its track number.
    most: faces followed at once.
    """

    detect_every: int = 12
    score: float = 0.5
    start: float = 0.8
    keep: float = 0.5
    smallest: float = 20.0
    patience: int = 24
    most: int = 16

    def __post_init__(self) -> None:
        for name, whole in (("detect_every", self.detect_every), ("most", self.most)):
            if whole < 1:
                raise SettingsError(f"tracker: {name} is {whole}; it must be at least 1")
        for name, part in (("score", self.score), ("start", self.start), ("keep", self.keep)):
            if not 0.0 < part < 1.0:
                raise SettingsError(f"tracker: {name} is {part}; it must lie between 0 and 1")


@dataclass(slots=True)
class _Track:
    number: int
    landmarks: Floats  # float64 [468, 3], display pixels, of the last frame that was trusted
    score: float
    missed: int = 0  # frames since then
    box: Floats = field(init=False)

    def __post_init__(self) -> None:
        self.box = _box(self.landmarks)

    def see(self, landmarks: Floats, score: float) -> None:
        self.landmarks, self.score, self.missed, self.box = landmarks, score, 0, _box(landmarks)


class Tracker:
    """Finds and follows the faces of one video, frame by frame and in order. One per thread.

    The models are loaded with the first frame. The same frames and settings give the same result.
    """

    def __init__(self, settings: TrackerSettings | None = None) -> None:
        self.settings = settings or TrackerSettings()
        self._models: tuple[Detector, Mesh] | None = None
        self._cuts = ShotCuts()
        self._tracks: list[_Track] = []
        self._born = 0
        self._since_detection = 0
        self._next_tile = 0

    def update(self, frame: Frame) -> FrameFaces:
        """The faces of the next frame, ordered by track, landmarks as measured (see `smooth`).

        Raises WeightsError when the face models cannot be had.
        """
        detector, mesh = self._models = self._models or (Detector(), Mesh())
        cut = self._cuts.update(frame)
        if cut:
            self._tracks.clear()
        doubted = self._follow(frame, mesh)
        regions = self._regions(frame, cut)
        rejected = 0
        if regions:
            found = detector(frame, minimum=self.settings.score, regions=regions)
            rejected = self._admit(frame, found, detector, mesh)
        self._forget()
        seen = [track for track in self._tracks if track.missed == 0]
        faces = tuple(Face(t.number, t.score, _rounded(t.landmarks)) for t in seen)
        doubts = max(
            len(doubted - {track.number for track in seen}), rejected
        )  # the same face may be in both
        return FrameFaces(frame.index, frame.pts, frame.time, cut, faces, doubts)

    def _follow(self, frame: Frame, mesh: Mesh) -> set[int]:
        """Moves the tracks seen in the last frame on to this one; the numbers of those that are in doubt."""
        doubted = set()
        for track in self._tracks:
            track.missed += 1
        live = [track for track in self._tracks if track.missed == 1]
        squares = [detect.square_of_landmarks(track.landmarks) for track in live]
        for track, (landmarks, presence) in zip(live, _measure(frame, mesh, squares), strict=True):
            if presence >= self.settings.keep and _plausible(track.landmarks, landmarks, frame):
                track.see(landmarks, presence)
            elif presence >= _DOUBT:
                doubted.add(track.number)
        return doubted

    def _regions(self, frame: Frame, cut: bool) -> list[Affine]:
        """Where the detector looks in this frame; nowhere when all is well."""
        self._since_detection += 1
        lost = [track for track in self._tracks if 0 < track.missed <= 3]
        due = self._since_detection >= self.settings.detect_every
        if not (cut or due or lost):
            return []
        regions = [detect.letterbox(frame)]
        if due or cut:
            self._since_detection = 0
            regions += self._some_tiles(frame, cut)
        return regions + [_around(track.box) for track in lost]

    def _some_tiles(self, frame: Frame, cut: bool) -> list[Affine]:
        """All tiles in a new shot or while there is no face, else the next one: its cost is then no
        matter."""
        if max(frame.display_size) < _TILED_FROM:
            return []
        tiles = detect.tiles(frame, max(frame.display_size) * _TILE)
        if cut or not self._tracks:
            return tiles
        self._next_tile = (self._next_tile + 1) % len(tiles)
        return [tiles[self._next_tile]]

    def _admit(self, frame: Frame, found: Iterable[Detection], detector: Detector, mesh: Mesh) -> int:
        """Gives lost tracks and new ones the detected faces that no track follows; how many were doubtful."""
        doubted = 0
        for detection in found:
            box = np.array(detection.box)
            seen = [track for track in self._tracks if track.missed == 0]
            small = min(box[2:] - box[:2]) < self.settings.smallest
            if len(seen) >= self.settings.most or small or _overlapping(box, seen, _SAME / 2):
                continue
            landmarks, presence = self._approach(frame, detection, detector, mesh)
            start = (
                self.settings.start
                if detection.score >= _SURE_SCORE
                else max(self.settings.start, _SURE_START)
            )
            if presence < start or not _sound(landmarks, frame):
                doubted += presence >= _DOUBT
                continue
            if not _overlapping(_box(landmarks), seen, _SAME):
                self._assign(landmarks, presence)
        return doubted

    def _approach(
        self, frame: Frame, detection: Detection, detector: Detector, mesh: Mesh
    ) -> tuple[Floats, float]:
        """The mesh of a detected face, looked at twice; presence is the lower of the two.

        A small face, whose box is rough, gets a closer look by the detector when the first fails.
        """
        landmarks, presence = _twice(frame, mesh, detection)
        if presence < self.settings.start:
            closer = detector(frame, minimum=self.settings.score, regions=[_around(np.array(detection.box))])
            if closer:
                landmarks, presence = _twice(frame, mesh, closer[0])
        return landmarks, presence

    def _assign(self, landmarks: Floats, presence: float) -> None:
        """The lost track that this face continues, or a new one."""
        lost = [track for track in self._tracks if track.missed]
        near = _overlapping(_box(landmarks), lost, 0.1)
        if near:
            near.see(landmarks, presence)
        else:
            self._tracks.append(_Track(self._born, landmarks, presence))
            self._born += 1

    def _forget(self) -> None:
        """Drops tracks that were lost too long ago and, of two on one face, the younger."""
        kept: list[_Track] = []
        for track in self._tracks:
            double = track.missed == 0 and _overlapping(track.box, [t for t in kept if not t.missed], _SAME)
            if track.missed <= self.settings.patience and not double:
                kept.append(track)
        self._tracks = kept


def _measure(frame: Frame, mesh: Mesh, squares: Sequence[Affine]) -> list[tuple[Floats, float]]:
    """Landmarks and presence; measured again where the face turned out to lie well off its square.

    The mesh sees a shifted face, but draws it towards the square's middle: 0.7 % of the side in error when
    it is 10 % off, 3 % when it is 20 % off.
    """
    results = mesh(frame, squares)
    again = []
    for i, (landmarks, presence) in enumerate(results):
        square = detect.square_of_landmarks(landmarks)
        if presence >= _DOUBT and _square_change(squares[i], square) > 0.08:
            again.append((i, square))
    for (i, _), result in zip(again, mesh(frame, [square for _, square in again]), strict=True):
        results[i] = result
    return results


def _twice(frame: Frame, mesh: Mesh, detection: Detection) -> tuple[Floats, float]:
    """Landmarks measured again in their own square, and the lower presence: background seldom passes
    twice."""
    ((landmarks, first),) = mesh(frame, [detect.square_of_detection(detection)])
    ((landmarks, second),) = mesh(frame, [detect.square_of_landmarks(landmarks)])
    return landmarks, min(first, second)


def _square_change(a: Affine, b: Affine) -> float:
    """How far square b is from square a: shift relative to the side, or half the relative change of size."""
    middle = np.full(2, detect.SIDE / 2)
    shift = (b[:, :2] @ middle + b[:, 2]) - (a[:, :2] @ middle + a[:, 2])
    scale_a, scale_b = math.hypot(a[0, 0], a[1, 0]), math.hypot(b[0, 0], b[1, 0])
    moved = math.hypot(*shift) / (scale_a * detect.SIDE)
    return max(moved, abs(math.log(max(scale_b, 1e-6) / scale_a)) / 2)


def _plausible(before: Floats, now: Floats, frame: Frame) -> bool:
    """Whether one face can have moved so within a frame: not too far, not collapsed, not torn apart."""
    old, new = before[::4, :2], now[::4, :2]  # a quarter of the points tells as much
    fit = fit_similarity(old, new)
    size = float(np.ptp(old, axis=0).max())
    scale = math.hypot(fit[0, 0], fit[1, 0])
    jump = math.hypot(*(new.mean(axis=0) - old.mean(axis=0))) / size
    left_over = new - (old @ fit[:, :2].T + fit[:, 2])
    torn = math.sqrt(float((left_over**2).sum()) / len(new)) / max(size * scale, 1e-6)
    return 0.7 < scale < 1.43 and jump < 0.6 and torn < 0.12 and _sound(now, frame)


def _sound(landmarks: Floats, frame: Frame) -> bool:
    """Whether these landmarks can be a face in this frame: finite, extended, and not mostly outside."""
    if not np.isfinite(landmarks).all():
        return False
    xy = landmarks[:, :2]
    width, height = np.ptp(xy, axis=0)
    inside = ((xy >= 0.0) & (xy <= np.array(frame.display_size))).all(axis=1).mean()
    return bool(min(width, height) > 0.25 * max(width, height) and inside >= 0.4)


def _around(box: Floats) -> Affine:
    """A region for the detector in which the face in this box is a quarter as large as the region."""
    side = max(4.0 * float((box[2:] - box[:2]).max()), 1.0)
    scale = side / detect.SIDE
    x, y = (box[:2] + box[2:]) / 2
    return np.array([[scale, 0.0, x - side / 2], [0.0, scale, y - side / 2]])


def _box(landmarks: Floats) -> Floats:
    xy = landmarks[:, :2]
    return np.concatenate([xy.min(axis=0), xy.max(axis=0)])


def _overlapping(box: Floats, tracks: Sequence[_Track], least: float) -> _Track | None:
    """The track whose box overlaps this one most, if its IoU exceeds `least`."""
    if not tracks:
        return None
    overlaps = detect.overlaps(box, np.stack([track.box for track in tracks]))
    best = int(np.argmax(overlaps))
    return tracks[best] if overlaps[best] > least else None


def _rounded(landmarks: Floats) -> NDArray[np.float32]:
    return (np.rint(landmarks / LANDMARK_STEP) * LANDMARK_STEP).astype(np.float32)
