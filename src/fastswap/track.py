"""Follows faces through a shot: the detector finds them, the mesh follows its own last result.

The detector runs on the first frame, at shot cuts, when a track is lost and every few frames; otherwise a
face costs one crop and one run of the mesh. A result that is not plausible is not used: the face is left out
of that frame and counted as doubted.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fastswap import detect, measure
from fastswap.cuts import ShotCuts
from fastswap.detect import Detection, Detector, Mesh
from fastswap.errors import SettingsError
from fastswap.faces import LANDMARK_STEP, Face, FrameFaces
from fastswap.followed import DRIFTED, EXPLAINED, Floats, Followed, borne_out, box_of, inside, overlapping
from fastswap.frame import Affine, Frame

_TILE: Final = 0.375
"""Side of a tile as a fraction of the frame's longer side. The letterboxed pass is sure of faces down to a
twentieth of that side, a pass over such tiles down to a fiftieth."""
_TILED_FROM: Final = 600
"""Longer side, in pixels, from which tiles pay: in smaller frames the faces they add are too small to
swap."""
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


class Tracker:
    """Finds and follows the faces of one video, frame by frame and in order. One per thread.

    The models are loaded with the first frame, unless `models` names some that are loaded already. The same
    frames and settings give the same result.
    """

    def __init__(
        self, settings: TrackerSettings | None = None, models: tuple[Detector, Mesh] | None = None
    ) -> None:
        self.settings = settings or TrackerSettings()
        self._models = models
        self._cuts = ShotCuts()
        self._tracks: list[Followed] = []
        self._born = 0
        self._since_detection = 0
        self._next_tile = 0

    def update(self, frame: Frame) -> FrameFaces:
        """The faces of the next frame, ordered by track, landmarks as measured (see `smooth`).

        Tracks are numbered as they appear, the larger face first where two appear together.

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
        seen = self._seen()
        faces = tuple(Face(t.number, t.score, _rounded(t.landmarks)) for t in seen)
        # The same face may be among both kinds of doubt.
        doubts = max(len(doubted - {track.number for track in seen}), rejected)
        return FrameFaces(frame.index, frame.pts, frame.time, cut, faces, doubts)

    def use_models(self, models: tuple[Detector, Mesh]) -> None:
        """Looks for faces with these from now on."""
        self._models = models

    def without_models(self) -> Tracker:
        """The same state, to be kept: whoever goes on from it loads the models anew."""
        kept = copy.copy(self)
        kept._models = None
        return kept

    def _follow(self, frame: Frame, mesh: Mesh) -> set[int]:
        """Moves the tracks seen in the last frame on to this one; the numbers of those that are in doubt.

        When one face passes in front of another, both tracks may see the nearer one: it belongs to the track
        whose motion leads to it, and the other is lost.
        """
        for track in self._tracks:
            track.missed += 1
        live = [track for track in self._tracks if track.missed == 1]
        squares = [track.square for track in live]
        claims, doubted = [], set()
        for track, before, (landmarks, presence, square) in zip(
            live, squares, measure.measure(frame, mesh, squares), strict=True
        ):
            if presence >= self.settings.keep and measure.plausible(track.landmarks, landmarks, frame):
                expected = before.copy()
                expected[:, 2] += track.step
                change = measure.square_change(expected, square)
                claims.append((change, track.number, track, landmarks, presence, square))
            elif presence >= measure.DOUBT:
                doubted.add(track.number)
        for _, _, track, landmarks, presence, square in sorted(claims, key=lambda claim: claim[:2]):
            if not overlapping(box_of(landmarks), self._seen(), _SAME):
                track.see(landmarks, presence, square)
        return doubted

    def _seen(self) -> list[Followed]:
        return [track for track in self._tracks if track.missed == 0]

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
        """All tiles in a new shot or while there is no face, else the next one: its cost is then no matter."""
        if max(frame.display_size) < _TILED_FROM:
            return []
        tiles = detect.tiles(frame, max(frame.display_size) * _TILE)
        if cut or not self._tracks:
            return tiles
        self._next_tile = (self._next_tile + 1) % len(tiles)
        return [tiles[self._next_tile]]

    def _admit(self, frame: Frame, found: Sequence[Detection], detector: Detector, mesh: Mesh) -> int:
        """Gives the detected faces that no track follows to lost, mistaken or new tracks; how many were doubtful."""
        doubted = 0
        # Larger faces first: a tile that cuts one often shows a smaller "face" of its mouth and chin.
        found = sorted(found, key=lambda detection: detection.box[0] - detection.box[2])
        boxes = np.array([detection.box for detection in found]).reshape(-1, 4)
        for detection, box in zip(found, boxes, strict=True):
            seen = self._seen()
            small = min(box[2:] - box[:2]) < self.settings.smallest
            owner = overlapping(box, seen, EXPLAINED)
            followed = owner is not None and measure.disagreement(owner.landmarks, detection) < DRIFTED
            sure = [track for track in seen if borne_out(track, found)]
            if small or followed or inside(box, sure) or (owner is None and len(seen) >= self.settings.most):
                continue
            landmarks, presence = self._approach(frame, detection, detector, mesh)
            unsure = _SURE_START if detection.score < _SURE_SCORE else 0.0
            if presence < max(self.settings.start, unsure) or not measure.sound(landmarks, frame):
                doubted += presence >= measure.DOUBT
            elif same := overlapping(box_of(landmarks), seen, _SAME):
                better = measure.disagreement(landmarks, detection)
                if better < measure.disagreement(same.landmarks, detection) / 2:
                    same.see(landmarks, presence)
            elif len(seen) < self.settings.most:
                self._unseat(box_of(landmarks), found)
                self._assign(landmarks, presence)
        return doubted

    def _unseat(self, box: Floats, found: Sequence[Detection]) -> None:
        """Tracks that reach into a face now found, and that no detection bears out, were drawn across two faces."""
        while track := overlapping(box, self._seen(), 0.1):
            if borne_out(track, found):
                break
            track.missed = 1

    def _approach(
        self, frame: Frame, detection: Detection, detector: Detector, mesh: Mesh
    ) -> tuple[Floats, float]:
        """The mesh of a detected face, looked at twice; presence is the lower of the two.

        A small face, whose box is rough, gets a closer look by the detector when the first fails.
        """
        landmarks, presence = measure.twice(frame, mesh, detection)
        if presence < self.settings.start:
            closer = detector(frame, minimum=self.settings.score, regions=[_around(np.array(detection.box))])
            if closer:
                landmarks, presence = measure.twice(frame, mesh, closer[0])
        return landmarks, presence

    def _assign(self, landmarks: Floats, presence: float) -> None:
        """The lost track that this face continues, or a new one."""
        lost = [track for track in self._tracks if track.missed]
        near = overlapping(box_of(landmarks), lost, 0.1)
        if near:
            near.see(landmarks, presence)
        else:
            self._tracks.append(Followed(self._born, landmarks, presence))
            self._born += 1

    def _forget(self) -> None:
        """Drops the tracks that were lost too long ago."""
        self._tracks = [track for track in self._tracks if track.missed <= self.settings.patience]


def _around(box: Floats) -> Affine:
    """A region for the detector in which the face in this box is a quarter as large as the region."""
    side = max(4.0 * float((box[2:] - box[:2]).max()), 1.0)
    scale = side / detect.SIDE
    x, y = (box[:2] + box[2:]) / 2
    return np.array([[scale, 0.0, x - side / 2], [0.0, scale, y - side / 2]])


def _rounded(landmarks: Floats) -> NDArray[np.float32]:
    return (np.rint(landmarks / LANDMARK_STEP) * LANDMARK_STEP).astype(np.float32)
