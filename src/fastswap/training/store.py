"""Facesets in memory, as training reads them."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fastswap import align, ops, video
from fastswap.errors import FastswapError, InputError, TrainingError
from fastswap.frame import Frame
from fastswap.training.faceset import Entry, Faceset, open_faceset

DENSITY = 1.5
"""Stored pixels for each pixel of the model's crop, along a side: bilinear sampling at 1 would blur what is to be
learned, more would only take memory."""
MIN_FACES = 8
FEW_FACES = 50
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

    planes: uint8 [N, 5, S, S]: R'G'B', face mask, eyes and mouth. ratio: the side that a stored picture
    shows, as a multiple of the model's crop. template: how they are aligned.
    """

    planes: NDArray[np.uint8]
    ratio: float
    template: str
    notices: tuple[str, ...] = ()


def load_faces(folders: Sequence[Path], resolution: int, coverage: float) -> FaceArrays:
    """Loads facesets for a model of this resolution and crop coverage.

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
    for each in sets:
        planes, damaged = _load_set(each, side)
        parts.append(planes)
        if damaged:
            notices.append(f"{each.folder}: {damaged} damaged pictures are left out")
    planes = np.concatenate(parts)
    names = ", ".join(str(folder) for folder in folders)
    if len(planes) < MIN_FACES:
        raise TrainingError(f"{names}: {len(planes)} usable faces; training needs at least {MIN_FACES}")
    if len(planes) < FEW_FACES:
        notices.append(f"{names}: {len(planes)} faces are few; the swap will not know many expressions")
    return FaceArrays(planes, ratio, template, tuple(notices))


def _stored_side(resolution: int, ratio: float, size: int) -> int:
    return min(round(resolution * ratio * DENSITY / 2.0) * 2, size)


def _load_set(faceset: Faceset, side: int) -> tuple[NDArray[np.uint8], int]:
    parts: list[NDArray[np.uint8]] = []
    damaged = 0
    with ThreadPoolExecutor(max_workers=2) as pool:
        for start in range(0, len(faceset.entries), _CHUNK):
            entries = faceset.entries[start : start + _CHUNK]
            frames = list(pool.map(lambda entry: _read(faceset.path(entry)), entries))
            good = [(frame, entry) for frame, entry in zip(frames, entries, strict=True) if frame is not None]
            damaged += len(entries) - len(good)
            if good:
                parts.append(_planes(good, faceset.header.size, side))
    empty = np.zeros((0, 5, side, side), np.uint8)
    return np.concatenate([empty, *parts]), damaged


def _read(path: Path) -> Frame | None:
    try:
        with video.Reader(path, threads=1) as reader:
            frame = next(iter(reader), None)
    except FastswapError:
        return None
    return frame if frame is not None and frame.width == frame.height else None


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
