"""The swap itself: crops out of frames, the generator over them, the new faces back into the planes."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from fastswap import align, ops, texture, video
from fastswap.engines import Engine, open_engine
from fastswap.errors import DeviceError
from fastswap.faces import Face, FrameFaces
from fastswap.finish import Measured, drawing_order, finish, finished, measure
from fastswap.frame import Affine, Frame
from fastswap.look import Look
from fastswap.mask_file import MaskFile
from fastswap.model import Contract, load_contract
from fastswap.stages import Stages, side_by_side

__all__ = ["Batch", "FaceSwap", "Watcher", "Work", "chain_swaps", "drawing_order"]

MAX_WAITING = 4
"""Frames that may wait for a full batch, as a multiple of the batch: bounds memory where faces are rare."""


@dataclass(frozen=True, slots=True)
class Work:
    """One frame and the faces in it that are to be replaced, drawn in the order given.

    found: all that the analysis knows of the frame, None where nobody kept it. state: "swapped", or why the frame
    passes through unchanged. warm: the frame lies before or after the wanted ones and only steadies them (see
    `Look.reach`); it is neither drawn nor handed on. rest: the faces for the models after this one. span: a batch never
    holds frames of two spans, so that a span comes out the same wherever the work began.
    """

    frame: Frame
    faces: tuple[Face, ...]
    found: FrameFaces | None = None
    state: str = ""
    warm: bool = False
    rest: tuple[tuple[Face, ...], ...] = ()
    span: int = 0


@dataclass(slots=True)
class Batch:
    """Frames in order, and all their faces side by side.

    owner: for each of the N faces, the index of its frame in `works`. to_coded [N, 2, 3]: crop to coded luma pixels.
    outlines [N, K, 2]: face outline in crop pixels. targets [N, 3, S, S]: what the frames show there, R'G'B' 0..1.
    swaps [N, 3, S, S] and masks [N, S, S]: what the generator made of them. ready: on a GPU the event after which the
    last of these is there. shown [N, S, S]: where the faces show, once that is known. measured: what the look goes by,
    steadied over time. seeds: of their grain.
    """

    works: list[Work]
    owner: list[int]
    to_coded: NDArray[np.float64]
    outlines: NDArray[np.float32]
    targets: NDArray[np.float32]
    swaps: NDArray[np.float32]
    masks: NDArray[np.float32]
    ready: Any = None
    shown: NDArray[np.float32] | None = None
    measured: Measured | None = None
    seeds: list[int] = field(default_factory=list)

    def without_warm(self) -> Batch:
        """This finished batch without the faces of frames that are not drawn."""
        kept = [n for n, index in enumerate(self.owner) if not self.works[index].warm]
        if len(kept) == len(self.owner):
            return self
        return replace(
            self,
            owner=[self.owner[n] for n in kept],
            to_coded=self.to_coded[kept],
            outlines=self.outlines[kept],
            targets=self.targets[kept],
            swaps=self.swaps[kept],
            masks=self.masks[kept],
            shown=None if self.shown is None else self.shown[kept],
            measured=self.measured and self.measured.rows(kept),
            seeds=[self.seeds[n] for n in kept],
        )


class Watcher(Protocol):
    """Looks on while frames are made: side outputs, reports."""

    def see(self, batch: Batch, made: Sequence[Frame], number: int) -> None:
        """Takes note of a batch and of its finished frames, one for each of `batch.works`; changes neither.

        number: of the model in the chain, from 0. Each frame is seen once for each model, in order; those of the models
        come from threads of their own.
        """


class FaceSwap:
    """A model, an engine and a look: everything that a frame with known faces needs.

    Raises ModelError for a bad model file and DeviceError for a device that is not there.
    """

    mask_file: MaskFile | None = None

    def __init__(
        self,
        model: Path,
        *,
        device: str = "cpu",
        look: Look,
        batch: int,
        threads: int = 0,
        streams: int = 1,
        engine: str = "openvino",
    ) -> None:
        if device not in ("auto", "cpu"):
            raise DeviceError(f"device {device!r}: only whole renders run on a GPU; use --device cpu here")
        self.contract: Contract = load_contract(model)
        self.look = look
        ops.set_threads(threads or os.cpu_count() or 1)
        self.engine: Engine = open_engine(model, batch=batch, threads=threads, streams=streams, engine=engine)

    def masked_with(self, path: str | Path | None) -> Self:
        """This swap, its masks multiplied by a mask file (`mask_file.MaskFile`). Raises InputError for a bad one."""
        self.mask_file = MaskFile(Path(path)) if path else None
        return self

    def close(self) -> None:
        """Frees the engine."""
        self.engine.close()
        if self.mask_file:
            self.mask_file.close()

    def crop_to_display(self, face: Face) -> Affine:
        """Where the generator's crop of a face lies, as a map from crop to display pixels."""
        c = self.contract
        points = align.five_points(face.landmarks)
        return align.crop_to_display(points, c.template, c.coverage, c.resolution)

    def cut(self, works: Iterable[Work]) -> Iterator[Batch]:
        """Groups frames into batches of faces and samples their crops.

        Where batches begin follows from the frames alone, never from timing, so the same input always meets the
        same batches.
        """
        return (self._cut(group) for group in self._groups(works))

    def _groups(self, works: Iterable[Work]) -> Iterator[list[Work]]:
        """The frames of each batch."""
        waiting: list[Work] = []
        faces = 0
        for work in works:
            if waiting and waiting[0].span != work.span:
                yield waiting
                waiting, faces = [], 0
            waiting.append(work)
            faces += len(work.faces)
            if faces >= self.engine.batch or len(waiting) >= MAX_WAITING * self.engine.batch:
                yield waiting
                waiting, faces = [], 0
        if waiting:
            yield waiting

    def _cut(self, works: list[Work]) -> Batch:
        size = self.contract.resolution
        owner = [index for index, work in enumerate(works) for _ in work.faces]
        shown = [
            align.compose(works[i].frame.to_coded, self.crop_to_display(face)) for i, face in _faces(works)
        ]
        to_coded = np.array(shown, np.float64).reshape(-1, 2, 3)
        outlines = [
            align.apply(
                align.invert(self.crop_to_display(face)), align.outline(face.landmarks, self.look.forehead)
            )
            for _, face in _faces(works)
        ]
        nothing, none = np.zeros((0, 3, size, size), np.float32), np.zeros((0, size, size), np.float32)
        targets = self._sample([works[i].frame for i in owner], to_coded, size) if owner else nothing
        return Batch(works, owner, to_coded, np.array(outlines, np.float32), targets, nothing, none)

    def _sample(
        self, frames: Sequence[Frame], to_coded: NDArray[np.float64], size: int
    ) -> NDArray[np.float32]:
        """The crops of the faces, [N, 3, size, size]; `device.swap` has them on a GPU."""
        return ops.crop(frames, to_coded, size)

    def generate(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        """Runs the generator over each batch, over as many at once as the engine takes."""

        def made(batch: Batch) -> Batch:
            if batch.owner:
                batch.swaps, batch.masks = self.engine.infer(batch.targets)
            return batch

        return side_by_side(made, batches, self.engine.streams)

    def composite(self, batches: Iterable[Batch], watchers: Sequence[Watcher] = ()) -> Iterator[Frame]:
        """Draws the new faces into the frames and gives the frames back in order, `look.reach` frames late.

        A frame without faces is handed on untouched; one with faces is written to in a copy of its own. watchers: are
        shown every batch when its frames are finished.
        """
        return (work.frame for work in self.composited(batches, watchers))

    def composited(
        self, batches: Iterable[Batch], watchers: Sequence[Watcher] = (), number: int = 0
    ) -> Iterator[Work]:
        """As `composite`, with what the next model has to do in each frame. number: of this model, from 0."""
        for whole in self._finish(batches):
            batch = self._without_warm(whole)
            made = self._composite(batch) if batch.owner else [work.frame for work in batch.works]
            for watcher in watchers:
                watcher.see(batch, made, number)
            for work, frame in zip(batch.works, made, strict=True):
                if not work.warm:
                    faces = work.rest[0] if work.rest else ()
                    yield replace(work, frame=frame, faces=faces, rest=work.rest[1:])

    def _finish(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        """What is measured of the faces before they are drawn."""
        return finished(batches, self.look, self.face_width, self.mask_file, measure, finish)

    @property
    def face_width(self) -> float:
        """Width of a face as a fraction of the crop's side."""
        return align.face_width(self.contract.template, self.contract.coverage)

    def draw(self, batch: Batch, frames: Sequence[Frame]) -> None:
        """Draws each face of a finished batch into its own entry of `frames`, which are writable and may repeat."""
        assert batch.measured is not None
        grains = self.look.grain > 0.0
        ops.composite(
            frames,
            batch.to_coded,
            batch.targets,
            batch.swaps,
            None,
            None,
            self.look,
            masks=batch.shown,
            statistics=batch.measured.color,
            grain=texture.grain(batch.measured.noise, self.look.grain) if grains else None,
            seeds=batch.seeds if grains else (),
        )

    def _without_warm(self, batch: Batch) -> Batch:
        return batch.without_warm()

    def _composite(self, batch: Batch) -> Sequence[Frame]:
        changed = set(batch.owner)
        frames = [
            video.writable(work.frame) if index in changed else work.frame
            for index, work in enumerate(batch.works)
        ]
        if batch.owner:
            self.draw(batch, [frames[i] for i in batch.owner])
        return frames


def engines_of(swaps: Iterable[FaceSwap]) -> list[str]:
    """What the networks run on, and in which arithmetic: other ones make other bytes."""
    return [f"{swap.engine.name} {swap.engine.precision}" for swap in swaps]


def _faces(works: Sequence[Work]) -> Iterator[tuple[int, Face]]:
    for index, work in enumerate(works):
        for face in work.faces:
            yield index, face


def chain_swaps(
    stages: Stages, swaps: Sequence[FaceSwap], works: Iterable[Work], watchers: Sequence[Watcher] = ()
) -> Iterator[Frame]:
    """The frames with the faces of all models drawn in, each step in a thread of its own; one model after the other."""
    for number, swap in enumerate(swaps, 1):
        name = "" if number == 1 else f" {number}"
        cut = stages.thread(f"crop{name}", swap.cut(works), depth=1)
        generated = stages.thread(f"generate{name}", swap.generate(cut), depth=1)
        works = stages.thread(f"composite{name}", swap.composited(generated, watchers, number - 1))
    return (work.frame for work in works)
