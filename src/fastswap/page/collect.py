"""What a page needs to know of each frame, gathered while the frames go by."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

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


@dataclass(slots=True)
class Collector:
    """Watches a render, see `swap.Watcher`. swaps: the models in order. total: frames to come, None when not known."""

    swaps: Sequence[FaceSwap]
    total: int | None
    frames: list[FrameFacts] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    _every: int = 1
    _next: int = 0
    _held: dict[int, tuple[Frame, tuple[FaceFacts, ...]]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._every = max(1, (self.total or SAMPLES) // SAMPLES)

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
            self._add(work, before, after, earlier + own)

    def _add(self, work: Work, before: Frame, after: Frame, faces: tuple[FaceFacts, ...]) -> None:
        cut = work.found is not None and work.found.cut
        self.frames.append(FrameFacts(work.frame.index, work.frame.time, cut, work.state, faces))
        if faces and len(self.frames) > self._next:
            self._keep(before, after, len(faces))

    def swap_facts(self) -> dict[str, str]:
        """Whose face was put in, and with whose consent."""
        contracts = [swap.contract for swap in self.swaps]
        return {
            "face of": "; ".join(contract.subject for contract in contracts),
            "consent": "; ".join(contract.consent for contract in contracts),
        }

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

    def _keep(self, before: Frame, after: Frame, faces: int) -> None:
        width, height = before.display_size
        scale = min(1.0, _LARGEST / max(width, height))
        size = max(1, round(width * scale)), max(1, round(height * scale))
        pictures = video.rgb_from_frame(before, size), video.rgb_from_frame(after, size)
        self.samples.append(Sample(before.index, before.time, *pictures, faces))
        self._next = len(self.frames) - 1 + self._every
        if len(self.samples) >= 2 * SAMPLES:  # the video is longer than it said
            self.samples, self._every = self.samples[::2], 2 * self._every
