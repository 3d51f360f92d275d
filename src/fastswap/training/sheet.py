"""The contact sheet: a faceset at one glance."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fastswap import ops, video
from fastswap.errors import FastswapError
from fastswap.training import letters
from fastswap.training.faceset import SHEET, Entry, Faceset

CELL = 96
"""Pixels of a thumbnail's side."""
MOST = 400
"""Thumbnails on a sheet; of larger sets every k-th picture is shown."""
_GAP, _FOOT, _HEAD = 4, 11, 22
"""Pixels between thumbnails, below each for its caption, and above all for the title."""
_GROUND = 24


def write_sheet(
    faceset: Faceset,
    entries: Sequence[Entry] | None = None,
    path: Path | None = None,
    most: int = MOST,
    *,
    by: str = "",
    caption: Callable[[Entry], str] = lambda entry: f"frame {entry.index}",
) -> Path:
    """Draws a contact sheet of what a model will see of the pictures; returns its path.

    entries: in this order, default all by source and time. path: default in the faceset's folder. most: thumbnails at
    most; of more entries every k-th is shown. by: what they are ordered by, for the title. caption: of each.
    """
    if entries is None:
        entries = sorted(faceset.entries, key=lambda entry: (entry.source, entry.index, entry.track))
    shown = entries[:: math.ceil(len(entries) / most)]
    title = f"{faceset.folder.resolve().name}: {len(shown)} of {len(entries)} pictures" + (
        f" by {by}" if by else ""
    )
    cells = [_thumbnail(faceset.path(entry), faceset.header.coverage) for entry in shown]
    path = path or faceset.folder / SHEET
    video.save_picture(path, tile(cells, [caption(entry) for entry in shown], title))
    return path


def tile(cells: Sequence[NDArray[np.uint8]], captions: Sequence[str], title: str) -> NDArray[np.uint8]:
    """Squares [S, S, 3] in a grid that is about 1.6 times as wide as high, each over its caption."""
    side = cells[0].shape[0]
    columns = max(1, round(math.sqrt(len(cells) * 1.6)))
    wide, high = side + _GAP, side + _FOOT + _GAP
    width = max(columns * wide + _GAP, letters.length(title) + 2 * _GAP)
    picture = np.full((_HEAD + math.ceil(len(cells) / columns) * high, width, 3), _GROUND, np.uint8)
    letters.write(picture, title, _GAP, (_HEAD - letters.HEIGHT) // 2)
    for number, (cell, caption) in enumerate(zip(cells, captions, strict=True)):
        top, left = _HEAD + number // columns * high, _GAP + number % columns * wide
        picture[top : top + side, left : left + side] = cell
        letters.write(picture, caption, left, top + side + 2, bright=160)
    return picture


def _thumbnail(path: Path, coverage: float) -> NDArray[np.uint8]:
    """The middle of a picture, as the model sees it; black where the picture is damaged."""
    try:
        with video.Reader(path, threads=1) as reader:
            frame = next(iter(reader))
    except (FastswapError, OSError, StopIteration):
        return np.zeros((CELL, CELL, 3), np.uint8)
    shown = frame.width / max(coverage, 1.0)
    scale, edge = shown / CELL, (frame.width - shown) / 2.0
    to_coded = np.array([[[scale, 0.0, edge], [0.0, scale, edge]]])
    crop = ops.crop([frame], to_coded, CELL)[0]
    return np.ascontiguousarray((crop.clip(0.0, 1.0) * 255.0 + 0.5).astype(np.uint8).transpose(1, 2, 0))
