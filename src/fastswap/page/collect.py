"""What a page needs to know of each frame, gathered while the frames go by."""

from __future__ import annotations

import io
import json
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

import numpy as np
from numpy.typing import NDArray

from fastswap import align, ops, video
from fastswap.frame import Frame
from fastswap.page.measures import shift_and_seam
from fastswap.swap import Batch, FaceSwap, Work

SAMPLES = 12
"""Frames that are kept as pictures, about evenly spread."""
_LARGEST = 1280


@dataclass(frozen=True, slots=True)
class FaceFacts:
    """One swapped face. points: float32 [5, 2], display pixels. shift, seam, worst: see `measures.shift_and_seam`."""

    track: int
    score: float
    points: NDArray[np.float32]
    shift: float
    seam: float
    worst: float


@dataclass(frozen=True, slots=True)
class FrameFacts:
    """One frame. state: "swapped", or why it passed through unchanged."""

    index: int
    time: float
    cut: bool
    state: str
    faces: tuple[FaceFacts, ...] = ()


@dataclass(frozen=True, slots=True)
class Sample:
    """A frame before and after, upright uint8 [H, W, 3]."""

    index: int
    time: float
    before: NDArray[np.uint8]
    after: NDArray[np.uint8]
    faces: int


@dataclass(frozen=True, slots=True)
class Note:
    """What a page knows of one frame. sample: of some frames, evenly spread."""

    facts: FrameFacts
    sample: Sample | None = None

    def packed(self) -> bytes:
        """Plain bytes, without Python objects in them."""
        facts = asdict(self.facts)
        for face in facts["faces"]:
            face["points"] = face["points"].tolist()
        file = io.BytesIO()
        if self.sample:
            np.savez(file, before=self.sample.before, after=self.sample.after)
        return json.dumps(facts).encode() + b"\n" + file.getvalue()

    @classmethod
    def unpacked(cls, data: bytes) -> Note:
        """What `packed` gave."""
        line, _, pictures = data.partition(b"\n")
        told = json.loads(line)
        faces = (face | {"points": np.array(face["points"], np.float32)} for face in told["faces"])
        facts = FrameFacts(**told | {"faces": tuple(FaceFacts(**face) for face in faces)})
        if not pictures:
            return cls(facts)
        with np.load(io.BytesIO(pictures), allow_pickle=False) as held:
            shown = Sample(facts.index, facts.time, held["before"], held["after"], len(facts.faces))
        return cls(facts, shown)


@dataclass(frozen=True, slots=True)
class Spread:
    """Which frames are kept as pictures: of each run of `every` frames from `first` on, the first that was changed."""

    first: int
    every: int

    def run(self, index: int) -> int:
        """The number of a frame's run."""
        return (index - self.first) // self.every


@dataclass(slots=True)
class Collector:
    """Watches a render, see `swap.Watcher`, and gives its notes away in order. swaps: the models in order."""

    swaps: Sequence[FaceSwap]
    spread: Spread
    _last: int = -1  # number of the run that has its picture
    _held: dict[int, tuple[Frame, tuple[FaceFacts, ...]]] = field(default_factory=dict)
    _ready: deque[Note] = field(default_factory=deque)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def see(self, batch: Batch, made: Sequence[Frame], number: int) -> None:
        """Takes note of the frames of a batch; a frame is complete when the last model has been through it."""
        batch = batch.without_warm()
        faces = self._faces(batch, made, self.swaps[number])
        for place, (work, after) in enumerate(zip(batch.works, made, strict=True)):
            if work.warm:
                continue
            own = tuple(face for owner, face in zip(batch.owner, faces, strict=True) if owner == place)
            with self._lock:
                before, earlier = self._held.pop(work.frame.index, (work.frame, ()))
                if number + 1 < len(self.swaps):
                    self._held[work.frame.index] = before, earlier + own
                    continue
            note = self._note(work, before, after, earlier + own)
            with self._lock:
                self._ready.append(note)

    def take(self, frame: Frame) -> Note:
        """The note of the next frame that has come out; those of frames before it are let go."""
        with self._lock:
            while (note := self._ready.popleft()).facts.index != frame.index:
                pass
        return note

    def _note(self, work: Work, before: Frame, after: Frame, faces: tuple[FaceFacts, ...]) -> Note:
        cut = work.found is not None and work.found.cut
        facts = FrameFacts(work.frame.index, work.frame.time, cut, work.state, faces)
        run = self.spread.run(before.index)
        if not faces or run == self._last:
            return Note(facts)
        self._last = run
        return Note(facts, _sample(before, after, len(faces)))

    def _faces(self, batch: Batch, made: Sequence[Frame], swap: FaceSwap) -> list[FaceFacts]:
        if not batch.owner:
            return []
        drawn = [face for work in batch.works if not work.warm for face in work.faces]
        points = [align.five_points(face.landmarks).astype(np.float32) for face in drawn]
        changes = [(0.0, 0.0, 0.0)] * len(drawn)
        if batch.shown is not None:
            after = ops.crop([made[i] for i in batch.owner], batch.to_coded, batch.targets.shape[-1])
            alpha = batch.shown * np.float32(swap.look.opacity)
            changes = [shift_and_seam(batch.targets[n], after[n], alpha[n]) for n in range(len(drawn))]
        return [
            FaceFacts(face.track, face.score, where, *change)
            for face, where, change in zip(drawn, points, changes, strict=True)
        ]


def _sample(before: Frame, after: Frame, faces: int) -> Sample:
    width, height = before.display_size
    scale = min(1.0, _LARGEST / max(width, height))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    pictures = video.rgb_from_frame(before, size), video.rgb_from_frame(after, size)
    return Sample(before.index, before.time, *pictures, faces)
