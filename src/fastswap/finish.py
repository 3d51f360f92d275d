"""Between the generator and the drawing: where each face shows, what is measured of it, and both steadied over time."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fastswap import align, ops, texture
from fastswap.faces import Face
from fastswap.frame import Affine, Frame
from fastswap.look import Look
from fastswap.mask_file import MaskFile
from fastswap.recentre import mean_of_frames
from fastswap.steady import Doubles, Seen, SeenFace, average, motion, with_neighbours

if TYPE_CHECKING:
    from fastswap.swap import Batch, Work

Floats = NDArray[np.float32]
Measures = tuple[Doubles, Doubles, Doubles]
"""What is measured of a batch's faces: `Measured.color`, `.detail` and `.noise`."""
Measure = Callable[["Batch", Look, float, MaskFile | None], Measures]
Change = Callable[["Batch", "Measured", Look], None]


@dataclass(frozen=True, slots=True)
class Measured:
    """What the look of a batch's N faces goes by, one row a face.

    color [N, 2, K]: see `ops.color_statistics`. detail [N, 2, 5], noise [N, 4]: see `texture`. motion [N, 2, 3]: from a
    crop pixel's position to its way in one frame.
    """

    color: Doubles
    detail: Doubles
    noise: Doubles
    motion: Doubles

    def rows(self, kept: Sequence[int]) -> Measured:
        """Those of some of the faces."""
        return Measured(self.color[kept], self.detail[kept], self.noise[kept], self.motion[kept])


def finished(
    batches: Iterable[Batch],
    look: Look,
    face_width: float,
    mask_file: MaskFile | None,
    measure: Measure,
    finish: Change,
) -> Iterator[Batch]:
    """Batches with their faces as they are drawn, and `shown` and `measured` set; each `look.reach` frames late.

    face_width: of the crop's side. mask_file: multiplies the masks. measure, finish: the functions of this module, or
    what does their work where the pixels lie. Drawing then takes what is in the batch and nothing else.
    """

    def mean_color(statistics: Sequence[Doubles], now: int, shares: Doubles) -> Doubles:
        return mean_of_frames(statistics, now, shares, look.color)

    def result(frames: Sequence[Seen], now: int, track: int) -> tuple[Doubles, ...]:
        return *average(frames, now, track, look.steady, mean_color), motion(frames, now, track)

    def see(batch: Batch) -> list[Seen]:
        # A frame of which nothing is known may be one of any video: it stands alone.
        seen = [Seen(work.found is None or work.found.cut) for work in batch.works]
        if batch.owner:
            _note(batch, seen, measure(batch, look, face_width, mask_file))
        return seen

    for batch, steady in with_neighbours(batches, see, look.reach, result):
        if batch.owner:
            tracks = [face.track for work in batch.works for face in work.faces]
            rows = [steady[i][track] for i, track in zip(batch.owner, tracks, strict=True)]
            batch.measured = Measured(*(np.stack(kind) for kind in zip(*rows, strict=True)))
            batch.seeds = seeds_of(batch)
            finish(batch, batch.measured, look)
        yield batch


def _note(batch: Batch, seen: list[Seen], measured: tuple[Doubles, ...]) -> None:
    """Enters what was measured of a batch's faces in their frames."""
    tracks = (face.track for work in batch.works for face in work.faces)
    for row, (owner, track) in enumerate(zip(batch.owner, tracks, strict=True)):
        place = align.invert(crop_from_display(batch.to_coded[row], batch.works[owner].frame))
        seen[owner].faces[track] = SeenFace(tuple(kind[row] for kind in measured), place)


def nothing(count: int) -> tuple[Doubles, Doubles]:
    """Detail and noise of faces where neither is asked for."""
    return np.zeros((count, 2, texture.DETAIL_NUMBERS)), np.zeros((count, texture.NOISE_NUMBERS))


def measure(batch: Batch, look: Look, face_width: float, mask_file: MaskFile | None) -> Measures:
    """What the look goes by of a batch's faces in host memory; sets `shown`, and crops anew what is drawn in another
    size."""
    size = batch.targets.shape[-1]
    frames = [batch.works[i].frame for i in batch.owner]
    if look.scale != 1.0:
        batch.to_coded = scaled(batch.to_coded, look.scale, size)
        batch.targets = ops.crop(frames, batch.to_coded, size)
    shapes, drawn = ops.mask_sources(batch.outlines, batch.masks, look)
    erode, feather = ops.mask_lengths(look, face_width)
    mattes = mattes_of(batch, feather, mask_file)
    batch.shown = ops.mask(
        shapes, drawn, size, erode=erode, feather=feather, join=look.mask_join, mattes=mattes
    )
    counted = within_frames(frames, batch.to_coded, batch.shown)
    detail, noise = nothing(len(frames))
    if look.sharpness > 0.0:
        both = [texture.detail_statistics(faces, counted) for faces in (batch.swaps, batch.targets)]
        detail = np.stack(both, axis=1)
    if look.grain > 0.0:
        noise = texture.noise_statistics(frames, batch.to_coded, batch.shown)
    return ops.color_statistics(batch.swaps, batch.targets, counted, look.color), detail, noise


def finish(batch: Batch, measured: Measured, look: Look) -> None:
    """The faces of a batch in host memory as sharp and as smeared as the target."""
    assert batch.shown is not None
    if look.sharpness > 0.0:
        gains = texture.sharpness_gains(measured.detail, look.sharpness)
        batch.swaps = texture.sharpen(batch.swaps, gains)
    if look.motion_blur > 0.0:
        batch.swaps = texture.motion_blur(batch.swaps, batch.shown, look.motion_blur * measured.motion)


def seeds_of(batch: Batch) -> list[int]:
    """A number for each face, from its track and its frame's place in the video alone."""
    seeds = []
    for work in batch.works:
        at = work.frame.pts if work.frame.pts is not None else work.frame.index
        seeds += [zlib.crc32(f"{face.track} {at}".encode()) for face in work.faces]
    return seeds


def scaled(to_coded: Doubles, scale: float, size: int) -> Doubles:
    """Maps [N, 2, 3] of crops that are larger about their middle."""
    rest = size / 2 * (1.0 - scale)
    larger = np.array([[scale, 0.0, rest], [0.0, scale, rest]])
    return np.stack([align.compose(crop, larger) for crop in to_coded])


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


def mattes_of(batch: Batch, feather: float, mask_file: MaskFile | None) -> Floats | None:
    """What multiplies the masks of a batch's faces, [N, S, S], None for nothing: nearer faces and the mask file."""
    inside = without_nearer(batch, feather)
    if mask_file is None:
        return inside
    outside = _from_outside(batch, mask_file)
    return outside if inside is None else inside * outside


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


def _from_outside(batch: Batch, mask_file: MaskFile) -> Floats:
    """What a mask file shows of each face's crop, [N, S, S]."""
    size = batch.targets.shape[-1]
    crops = []
    for index, work in enumerate(batch.works):
        maps = [batch.to_coded[n] for n, owner in enumerate(batch.owner) if owner == index]
        if maps:
            places = [align.invert(crop_from_display(crop, work.frame)) for crop in maps]
            crops.append(mask_file.crops(work.frame, places, size))
    return np.concatenate(crops)


def nearer(work: Work, face: Face) -> list[Face]:
    """Faces of a frame whose boxes overlap this one's and that are taken to be nearer, for they are larger."""
    known = work.found.faces if work.found else work.faces
    if len(known) < 2:
        return []
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
