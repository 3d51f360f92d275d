"""Between the generator and the drawing: where each face shows, what is measured of it, and both steadied over time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fastswap import align, ops
from fastswap.faces import Face
from fastswap.frame import Affine, Frame
from fastswap.look import Look
from fastswap.steady import Doubles, Seen, steadied

if TYPE_CHECKING:
    from fastswap.swap import Batch, Work

Floats = NDArray[np.float32]
Measure = Callable[["Batch", Look, float], Doubles]


@dataclass(frozen=True, slots=True)
class Measured:
    """What the look of a batch's N faces goes by.

    color [N, 2, K]: see `ops.color_statistics`.
    """

    color: Doubles

    def rows(self, kept: Sequence[int]) -> Measured:
        """Those of some of the faces."""
        return Measured(self.color[kept])


def finished(
    batches: Iterable[Batch], look: Look, face_width: float, measure: Measure | None = None
) -> Iterator[Batch]:
    """Batches with `shown` and `measured` set, each `look.reach` frames late.

    face_width: of the crop's side. measure: sets `shown` and gives the color statistics [N, 2, K] of a batch's faces,
    in place of what measures in host memory. Drawing then takes what is in the batch and nothing else.
    """
    how = measure or _measure
    for batch, steady in steadied(batches, lambda batch: _seen(batch, how, look, face_width), look.reach):
        if batch.owner:
            tracks = [face.track for work in batch.works for face in work.faces]
            rows = [steady[i][track] for i, track in zip(batch.owner, tracks, strict=True)]
            batch.measured = Measured(*(np.stack(kind) for kind in zip(*rows, strict=True)))
        yield batch


def _seen(batch: Batch, measure: Measure, look: Look, face_width: float) -> list[Seen]:
    seen = [Seen(bool(work.found and work.found.cut)) for work in batch.works]
    if not batch.owner:
        return seen
    color = measure(batch, look, face_width)
    tracks = (face.track for work in batch.works for face in work.faces)
    for row, (owner, track) in enumerate(zip(batch.owner, tracks, strict=True)):
        seen[owner].faces[track] = (color[row],)
    return seen


def _measure(batch: Batch, look: Look, face_width: float) -> Doubles:
    size = batch.targets.shape[-1]
    shapes, drawn = ops.mask_sources(batch.outlines, batch.masks, look)
    erode, feather = ops.mask_lengths(look, face_width)
    mattes = without_nearer(batch, feather)
    batch.shown = ops.mask(
        shapes, drawn, size, erode=erode, feather=feather, join=look.mask_join, mattes=mattes
    )
    frames = [batch.works[i].frame for i in batch.owner]
    counted = within_frames(frames, batch.to_coded, batch.shown)
    return ops.color_statistics(batch.swaps, batch.targets, counted, look.color)


def within_frames(frames: Sequence[Frame], to_coded: Doubles, masks: Floats) -> Floats:
    """Masks [N, S, S] without the pixels of a crop that lie beyond its frame's edge: nothing is known of them."""
    size = masks.shape[-1]
    corners = np.array([[0.0, 0.0], [size, 0.0], [size, size], [0.0, size]])
    result = masks
    for n, (frame, crop) in enumerate(zip(frames, to_coded, strict=True)):
        least, most = np.zeros(2), np.array([frame.width, frame.height])
        reached = align.apply(crop, corners)
        if (reached >= least).all() and (reached <= most).all():
            continue
        grid = np.stack(np.meshgrid(np.arange(size) + 0.5, np.arange(size) + 0.5), axis=-1)
        at = align.apply(crop, grid)
        if result is masks:
            result = masks.copy()
        result[n] *= ((at >= least) & (at <= most)).all(axis=-1)
    return result


def without_nearer(batch: Batch, feather: float) -> Floats | None:
    """Mattes [N, S, S] that keep a face out of the outlines of nearer ones, replaced or not; None if none is near."""
    size = batch.targets.shape[-1]
    mattes: Floats | None = None
    faces = [(work, face) for work in batch.works for face in work.faces]
    for n, (work, face) in enumerate(faces):
        for other in nearer(work, face):
            to_crop = crop_from_display(batch.to_coded[n], work.frame)
            outline = align.apply(to_crop, align.outline(other.landmarks))
            if mattes is None:
                mattes = np.ones((len(faces), size, size), np.float32)
            mattes[n] -= mattes[n] * ops.mask(outline[None], None, size, erode=0.0, feather=feather)[0]
    return mattes


def nearer(work: Work, face: Face) -> list[Face]:
    """Faces of a frame whose boxes overlap this one's and that are taken to be nearer, for they are larger."""
    known = work.found.faces if work.found else work.faces
    return [other for other in known if _order(other) > _order(face) and _overlap(other, face)]


def _order(face: Face) -> tuple[float, int]:
    return face.area, face.track


def _overlap(a: Face, b: Face) -> bool:
    p, q = a.box, b.box
    return p[0] < q[2] and q[0] < p[2] and p[1] < q[3] and q[1] < p[3]


def drawing_order(faces: Iterable[Face]) -> tuple[Face, ...]:
    """Smaller faces first: where two overlap, the larger one is taken to be the nearer and is drawn over it."""
    return tuple(sorted(faces, key=_order))


def crop_from_display(to_coded: Affine, frame: Frame) -> Affine:
    """From display pixels to the pixels of a crop with this map to coded pixels."""
    return align.compose(align.invert(to_coded), frame.to_coded)
