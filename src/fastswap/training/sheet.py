"""The contact sheet: a faceset at one glance."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fastswap import ops, video
from fastswap.errors import FastswapError
from fastswap.training.faceset import SHEET, Entry, Faceset

CELL = 80
"""Pixels of a thumbnail's side."""
MOST = 400
"""Thumbnails on a sheet; of larger sets every k-th picture is shown."""


def write_sheet(
    faceset: Faceset, entries: Sequence[Entry] | None = None, path: Path | None = None, most: int = MOST
) -> Path:
    """Draws a contact sheet; returns its path. entries: in this order, default all by source and time. path: default
    in the faceset's folder. most: thumbnails at most; of more entries every k-th is shown."""
    if entries is None:
        entries = sorted(faceset.entries, key=lambda entry: (entry.source, entry.index, entry.track))
    step = math.ceil(len(entries) / most)
    cells = [_thumbnail(faceset.path(entry)) for entry in entries[::step]]
    path = path or faceset.folder / SHEET
    video.save_picture(path, tile(cells))
    return path


def tile(cells: list[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Squares [S, S, 3] in a grid that is about 1.6 times as wide as high; what is left over is black."""
    side = cells[0].shape[0]
    columns = max(1, round(math.sqrt(len(cells) * 1.6)))
    rows = math.ceil(len(cells) / columns)
    grid = np.zeros((rows * columns, side, side, 3), np.uint8)
    grid[: len(cells)] = np.stack(cells)
    rowwise = grid.reshape(rows, columns, side, side, 3).swapaxes(1, 2)
    return np.ascontiguousarray(rowwise.reshape(rows * side, columns * side, 3))


def _thumbnail(path: Path) -> NDArray[np.uint8]:
    try:
        with video.Reader(path, threads=1) as reader:
            frame = next(iter(reader))
    except (FastswapError, StopIteration):
        return np.zeros((CELL, CELL, 3), np.uint8)
    scale = frame.width / CELL
    to_coded = np.array([[[scale, 0.0, 0.0], [0.0, scale, 0.0]]])
    crop = ops.crop([frame], to_coded, CELL)[0]
    return np.ascontiguousarray((crop.clip(0.0, 1.0) * 255.0 + 0.5).astype(np.uint8).transpose(1, 2, 0))
