"""Facesets in memory, as training reads them."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fastswap import align, ops
from fastswap.errors import InputError, TrainingError
from fastswap.frame import Frame
from fastswap.training import expression, lips, repertoire
from fastswap.training.faceset import Entry, Faceset, open_faceset, read_picture
from fastswap.training.mapped import mapped
from fastswap.training.persons import several

DENSITY = 1.5
"""Stored pixels for each pixel of the model's crop, along a side: bilinear sampling at 1 would blur what is to be
learned, more would only take memory."""
MIN_FACES = 8
FEW_FACES = 50
AHEAD = 12.0
"""Degrees of yaw up to which a face looks ahead."""
_CHUNK = 64

_LIPS = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185)
_LIPS_WIDEN = 1.25
_EYE = (0.9, 0.6)
"""Half axes of the ellipse that gets priority around an eye, in distances between its corners: it covers lids and
lashes, and stays as large when the eye is closed."""
_CIRCLE = np.linspace(0.0, 2.0 * np.pi, 24, endpoint=False)
_PRIORITY_EDGE = 0.02


@dataclass(frozen=True, slots=True)
class FaceArrays:
    """Faces of one person.

    parts: one or several uint8 [N, 5, S, S], often memory-mapped: R'G'B', face mask, eyes and mouth. ratio: the side
    that a stored picture shows, as a multiple of the model's crop. template: how they are aligned. poses: yaw and
    pitch of each face in degrees, float32 [N, 2], and expressions, float32 [N, 12], see `expression`, if known. marks:
    what tells a face from all others, see `Entry.mark`. repertoire: expressions to compare persons by, float32 [N, 10],
    see there. lips: where they part, float32 [N, 38], see there. width: distance of the outer corners of the eyes in
    sides of the model's crop, the median of the faces that look ahead; 0 if not known.
    """

    parts: tuple[NDArray[np.uint8], ...]
    ratio: float
    template: str
    notices: tuple[str, ...] = ()
    poses: NDArray[np.float32] | None = None
    expressions: NDArray[np.float32] | None = None
    marks: tuple[str, ...] = ()
    repertoire: NDArray[np.float32] | None = None
    lips: NDArray[np.float32] | None = None
    width: float = 0.0

    def __len__(self) -> int:
        return sum(len(part) for part in self.parts)

    @property
    def bytes(self) -> int:
        """Size of all planes."""
        return sum(part.nbytes for part in self.parts)

    @property
    def planes(self) -> NDArray[np.uint8]:
        """All planes as one array [N, 5, S, S]; a copy when there are several parts."""
        return self.parts[0] if len(self.parts) == 1 else np.concatenate(self.parts)

    def take(self, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        """A copy of the planes of these faces, [len(rows), 5, S, S]."""
        out = np.empty((len(rows), *self.parts[0].shape[1:]), np.uint8)
        first = 0
        for part in self.parts:
            here = (rows >= first) & (rows < first + len(part))
            out[here] = part[rows[here] - first]
            first += len(part)
        return out


def load_faces(
    folders: Sequence[Path], resolution: int, coverage: float, *, one_person: bool = True
) -> FaceArrays:
    """Loads facesets for a model of this resolution and crop coverage. one_person: tell if they seem to show several.

    Raises InputError for a folder that is no usable faceset, TrainingError when the faces are too few, show
    less than the model's crop, or are aligned in different ways. Damaged pictures are left out with a notice.
    """
    sets = [open_faceset(folder) for folder in folders]
    if not sets:
        raise InputError("train: no faceset was named")
    template, shown = sets[0].header.template, sets[0].header.coverage
    for each in sets:
        if (each.header.template, each.header.coverage) != (template, shown):
            raise TrainingError(
                f"{each.folder}: aligned in another way than {sets[0].folder}; extract both alike"
            )
    ratio = shown / coverage
    if ratio < 1.0:
        raise TrainingError(
            f"{sets[0].folder}: its pictures show less than the model's crop; extract it again"
        )
    side = _stored_side(resolution, ratio, max(each.header.size for each in sets))
    parts, notices = [], [notice for each in sets for notice in each.notices]
    poses: list[tuple[float, float]] = []
    points: list[NDArray[np.float64]] = []
    gazes: list[NDArray[np.float32]] = []
    marks: list[str] = []
    for each in sets:
        planes, kept = mapped(each, side, _load_set)
        parts.append(planes)
        poses += [(entry.yaw, entry.pitch) for entry in kept]
        points += [entry.points() / each.header.size for entry in kept]
        gazes += [entry.gazes() for entry in kept]
        marks += [entry.mark for entry in kept]
        good = {entry.file for entry in kept}
        damaged = [entry.file for entry in each.entries if entry.file not in good]
        if damaged:
            notices.append(f"{each.folder}: {len(damaged)} damaged pictures are left out ({_some(damaged)})")
    mixed = several(sets) if one_person else None
    notices += [mixed] if mixed else []
    names = ", ".join(str(folder) for folder in folders)
    if len(poses) < MIN_FACES:
        lost = sum(len(each.entries) for each in sets) - len(poses)
        also = f", {lost} are damaged" if lost else ""
        raise TrainingError(f"{names}: {len(poses)} usable faces{also}; training needs at least {MIN_FACES}")
    if len(poses) < FEW_FACES:
        notices.append(f"{names}: {len(poses)} faces are few; the swap will not know many expressions")
    turns = np.array(poses, np.float32)
    placed, looks = np.stack(points), np.stack(gazes)
    return FaceArrays(
        tuple(parts),
        ratio,
        template,
        tuple(notices),
        turns,
        expression.measure(placed, turns, looks),
        tuple(marks),
        repertoire.measure(placed, turns, looks),
        lips.measure(placed),
        _width(placed, turns) * ratio,
    )


def _width(points: NDArray[np.float64], turns: NDArray[np.float32]) -> float:
    """See `FaceArrays.width`, in sides of the picture. Where nobody looks ahead, of those that do so most."""
    yaw = np.abs(turns[:, 0])
    ahead = yaw <= max(AHEAD, float(np.sort(yaw)[min(MIN_FACES, len(yaw)) - 1]))
    return float(np.median(expression.distance(points[ahead, :, :2], *expression.OUTER_EYES)))


def _some(names: Sequence[str], most: int = 3) -> str:
    return ", ".join(names[:most]) + (", ..." if len(names) > most else "")


def _stored_side(resolution: int, ratio: float, size: int) -> int:
    return min(round(resolution * ratio * DENSITY / 2.0) * 2, size)


def _load_set(faceset: Faceset, side: int, out: NDArray[np.uint8]) -> list[int]:
    """Fills `out` [N, 5, side, side] from its start; the numbers of the entries whose pictures could be read."""
    good: list[int] = []
    with ThreadPoolExecutor(max_workers=2) as pool:
        for start in range(0, len(faceset.entries), _CHUNK):
            entries = faceset.entries[start : start + _CHUNK]
            frames = list(pool.map(lambda entry: read_picture(faceset.path(entry)), entries))
            found = [(i, frame) for i, frame in enumerate(frames) if frame is not None]
            if found:
                pairs = [(frame, entries[i]) for i, frame in found]
                out[len(good) : len(good) + len(found)] = _planes(pairs, faceset.header.size, side)
                good += [start + i for i, _ in found]
    return good


def _planes(faces: Sequence[tuple[Frame, Entry]], size: int, side: int) -> NDArray[np.uint8]:
    """uint8 [N, 5, side, side] of pictures whose landmarks are in pixels of a picture of this size."""
    scales = np.array([frame.width / side for frame, _ in faces])
    to_coded = np.zeros((len(faces), 2, 3))
    to_coded[:, 0, 0] = to_coded[:, 1, 1] = scales
    pictures = ops.crop([frame for frame, _ in faces], to_coded, side)
    points = [entry.points()[:, :2] * (side / size) for _, entry in faces]
    planes = np.concatenate((pictures, _masks(points, side)), axis=1)
    return np.asarray(planes.clip(0.0, 1.0) * 255.0 + 0.5, np.uint8)


def _masks(points: Sequence[NDArray[np.float64]], side: int) -> NDArray[np.float32]:
    """float32 [N, 2, side, side]: the face's outline, and its eyes and mouth with a soft edge."""
    outlines = np.stack([align.outline(face) for face in points])
    face = ops.mask(outlines, None, side, erode=0.0, feather=0.0)
    priority = np.zeros_like(face)
    for features in (
        _eyes(points, *align.RIGHT_EYE_CORNERS),
        _eyes(points, *align.LEFT_EYE_CORNERS),
        _lips(points),
    ):
        soft = ops.mask(features, None, side, erode=0.0, feather=_PRIORITY_EDGE)
        np.maximum(priority, soft, out=priority)
    return np.stack((face, priority), axis=1)


def _eyes(points: Sequence[NDArray[np.float64]], first: int, second: int) -> NDArray[np.float32]:
    """Ellipses around one eye of each face, float32 [N, 24, 2]."""
    corners = np.stack([each[[first, second]] for each in points])
    along = corners[:, 1] - corners[:, 0]
    across = along[:, ::-1] * np.array([-1.0, 1.0])
    ring = (
        _EYE[0] * np.cos(_CIRCLE)[:, None] * along[:, None]
        + _EYE[1] * np.sin(_CIRCLE)[:, None] * across[:, None]
    )
    return np.asarray(corners.mean(axis=1, keepdims=True) + ring, np.float32)


def _lips(points: Sequence[NDArray[np.float64]]) -> NDArray[np.float32]:
    """The outer edge of each face's lips, widened a little, float32 [N, K, 2]."""
    ring = np.stack([each[list(_LIPS)] for each in points])
    middle = ring.mean(axis=1, keepdims=True)
    return np.asarray(middle + (ring - middle) * _LIPS_WIDEN, np.float32)
