"""The faces of one file: found, judged, cut out upright and written as pictures."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from multiprocessing import parent_process
from multiprocessing.connection import wait
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fastswap import align, ops, video
from fastswap.detect import Detector, Mesh
from fastswap.faces import Face, FrameFaces
from fastswap.frame import Frame
from fastswap.track import Tracker
from fastswap.training import gaze, likeness
from fastswap.training.faceset import SUFFIX, Entry, Header
from fastswap.training.quality import GAUGE, Limits, refuse, sharpness
from fastswap.training.unfinished import Reached, Steps

LUMA = np.array([0.299, 0.587, 0.114], np.float32)


@dataclass(frozen=True, slots=True)
class Task:
    """What all files of one extraction share. choice: which faces. duplicates: see `extract`. known: hashes that are
    in the faceset already."""

    header: Header
    every: int
    choice: str
    limits: Limits
    duplicates: int
    known: tuple[str, ...] = ()


@dataclass(slots=True)
class Cut:
    """What one file gave. tracks: numbers used, counted from `first_track`."""

    source: Path
    entries: list[Entry] = field(default_factory=list)
    frames: int = 0
    tracks: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    notices: list[str] = field(default_factory=list)


Tell = Callable[[int, "int | None", int], None]
"""Called with the frame that was done, the frames in all if known, and the faces so far."""


def cut_file(
    source: Path,
    prefix: str,
    folder: Path,
    task: Task,
    *,
    first_track: int = 0,
    models: tuple[Detector, Mesh] | None = None,
    tell: Tell | None = None,
) -> Cut:
    """Writes the faces of a file as pictures `PREFIX_FRAME_TRACK.jpg` into `folder`.

    How far a long video has come is kept beside the folder, see `unfinished`: the work goes on where it was stopped.
    Raises InputError, OutputError, WeightsError.
    """
    work = _Work(task, source, prefix, folder, first_track)
    with Steps(folder) as steps, video.Reader(source, deinterlace=True) as reader:
        spans = video.cut(reader.info)
        reached = steps.reached() or Reached(0, 0, 0, 0, Counter(), Tracker(), [])
        work.go_on(reached)
        tracker = reached.tracker
        if models:
            tracker.use_models(models)
        for span in spans[reached.span :]:
            for frame in reader if len(spans) == 1 else reader.frames_of(span, reached.index):
                work.look(frame, tracker.update(frame))
                reached.index = frame.index + 1
                if tell:
                    tell(frame.index + 1, reader.info.frames, len(work.cut.entries))
            if span is not spans[-1]:
                reached.span = span.number + 1
                work.keep(steps, reached)
        work.cut.notices += reader.notices
    return work.cut


def begin_worker() -> None:
    """Processes side by side fill the cores; threads within them would only get in each other's way. They end with the
    command, even one that is killed: the next one is at the same work by then."""
    ops.set_threads(1)
    parent = parent_process()
    assert parent is not None

    def watch() -> None:
        wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


class _Work:
    """One file on its way."""

    def __init__(self, task: Task, source: Path, prefix: str, folder: Path, first_track: int) -> None:
        self.task, self.prefix, self.folder, self.first_track = task, prefix, folder, first_track
        self.cut = Cut(source)
        self._hashes = likeness.words(list(task.known))
        self._kept = 0

    def go_on(self, reached: Reached) -> None:
        """Takes over what was done before."""
        cut = self.cut
        cut.entries, cut.frames = list(reached.entries), reached.frames
        cut.tracks, cut.skipped = reached.tracks, reached.skipped
        self._kept = len(cut.entries)
        self._hashes = likeness.words([*self.task.known, *(entry.hash for entry in cut.entries)])
        if reached.index:
            cut.notices.append(f"{cut.source.name}: goes on after frame {reached.index - 1}")

    def look(self, frame: Frame, seen: FrameFaces) -> None:
        """Keeps what is good and new in the next frame."""
        cut = self.cut
        cut.tracks = max(cut.tracks, *(face.track + 1 for face in seen.faces), 0)
        cut.frames += 1
        if frame.index % self.task.every == 0:
            cut.skipped.update({"doubtful": seen.doubted} if seen.doubted else {})
            cut.entries += self._good(frame, self._chosen(seen.faces))

    def keep(self, steps: Steps, reached: Reached) -> None:
        """Takes down where the work stands."""
        cut = self.cut
        reached.entries, reached.frames = cut.entries, cut.frames
        reached.tracks, reached.skipped = cut.tracks, cut.skipped
        steps.keep(reached, self._kept)
        self._kept = len(cut.entries)

    def _chosen(self, faces: tuple[Face, ...]) -> list[Face]:
        """Those that were asked for."""
        choice, skipped = self.task.choice, self.cut.skipped
        if not faces:
            skipped["no face in the frame"] += 1
            return []
        if choice == "all":
            return list(faces)
        if choice == "largest":
            skipped.update({"not the largest face": len(faces) - 1} if len(faces) > 1 else {})
            return [max(faces, key=lambda face: face.area)]
        number = int(choice.removeprefix("track:"))
        return [face for face in faces if face.track + self.first_track == number]

    def _good(self, frame: Frame, faces: list[Face]) -> Iterator[Entry]:
        """The entries of the faces that are good enough and new, each already written."""
        for face in faces:
            pose = align.pose(face.landmarks)
            reason = refuse(face, pose, frame.display_size, self.task.limits)
            luma = None if reason else self._luma(frame, face)
            sharp = 0.0 if luma is None else sharpness(luma[1])
            if reason is None and sharp < self.task.limits.sharpness:
                reason = "blurred"
            likeness_hash = "" if luma is None else likeness.face_hash(luma[0])
            if reason is None and self._seen(likeness_hash):
                reason = "nearly the same as another"
            if reason or luma is None:
                self.cut.skipped[reason or ""] += 1
                continue
            yield self._write(frame, face, pose, sharp, float(luma[0].mean()), likeness_hash)

    def _seen(self, likeness_hash: str) -> bool:
        """Whether a picture like this is there already; if not, it is from now on."""
        if self.task.duplicates and len(self._hashes):
            near = likeness.distances(likeness_hash, self._hashes)
            if int(near.min()) < self.task.duplicates:
                return True
        self._hashes = np.concatenate((self._hashes, likeness.words([likeness_hash])))
        return False

    def _luma(self, frame: Frame, face: Face) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Luma [GAUGE, GAUGE] and the crop [3, GAUGE, GAUGE] that it comes from."""
        crop = self._cut(frame, face, GAUGE)[0]
        return np.tensordot(LUMA, crop, axes=1), crop

    def _write(
        self,
        frame: Frame,
        face: Face,
        pose: tuple[float, float, float],
        sharp: float,
        brightness: float,
        likeness_hash: str,
    ) -> Entry:
        track = face.track + self.first_track
        crop, transform = self._cut(frame, face, self.task.header.size)
        landmarks = _placed(face, transform)
        looks = gaze.measure(np.tensordot(LUMA, crop, axes=1), np.array(landmarks))
        file = f"{self.prefix}_{frame.index:06d}_{track}{SUFFIX}"
        video.save_picture(self.folder / file, picture(crop))
        return Entry(
            file=file,
            source=self.cut.source.name,
            index=frame.index,
            time=round(frame.time, 6),
            pts=frame.pts,
            track=track,
            score=round(face.score, 4),
            sharpness=round(sharp, 4),
            yaw=round(pose[0], 1),
            pitch=round(pose[1], 1),
            roll=round(pose[2], 1),
            box=face.box,
            transform=[[round(value, 6) for value in row] for row in transform.tolist()],
            landmarks=landmarks,
            brightness=round(brightness, 3),
            hash=likeness_hash,
            gaze=(_known(looks[0]), _known(looks[1])),
        )

    def _cut(self, frame: Frame, face: Face, size: int) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
        header = self.task.header
        points = align.five_points(face.landmarks)
        transform = align.crop_to_display(points, header.template, header.coverage, size)
        return ops.crop([frame], align.compose(frame.to_coded, transform)[None], size)[0], transform


def _placed(face: Face, transform: NDArray[np.float64]) -> list[list[float]]:
    """The landmarks in picture pixels."""
    points = face.landmarks.astype(np.float64)
    scale = float(np.hypot(transform[0, 0], transform[1, 0]))
    flat = align.apply(align.invert(transform), points[:, :2])
    placed = np.column_stack((flat, points[:, 2] / scale))
    return [[round(value, 2) for value in row] for row in placed.tolist()]


def _known(look: float) -> float | None:
    return None if np.isnan(look) else round(look, 3)


def picture(crop: NDArray[np.float32]) -> NDArray[np.uint8]:
    """A crop [3, S, S] of R'G'B' 0..1 as [S, S, 3] in 0..255."""
    return np.ascontiguousarray((crop.clip(0.0, 1.0) * 255.0 + 0.5).astype(np.uint8).transpose(1, 2, 0))
