"""Which poses a faceset shows, and which of a target's poses a source lacks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from numpy.typing import NDArray

BIN = 10
"""Degrees of a cell."""
YAW, PITCH = 90, 60
"""Largest angles that have cells of their own."""
_CELL = 26
"""Pixels of a cell in the plot."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """Poses of a source against those of a target.

    source, target: int64 [pitch, yaw], faces by cell of `BIN` degrees, looking up first, the picture's left first.
    lacking: bool of the same shape, cells that the target has and that no face of the source comes near. share: of
    the target's faces, in such cells.
    """

    source: NDArray[np.int64]
    target: NDArray[np.int64]
    lacking: NDArray[np.bool_]
    share: float

    def ranges(self, most: int = 3) -> list[str]:
        """The cells that most of the target's faces need, in words."""
        cells = sorted(np.argwhere(self.lacking).tolist(), key=lambda cell: -self.target[tuple(cell)])
        return [_words(row, column, int(self.target[row, column])) for row, column in cells[:most]]


def count_poses(poses: NDArray[np.float32]) -> NDArray[np.int64]:
    """Faces by cell, int64 [pitch, yaw], of yaw and pitch in degrees [N, 2]."""
    rows, columns = 2 * PITCH // BIN + 1, 2 * YAW // BIN + 1
    yaw = np.clip(np.floor(poses[:, 0] / BIN + 0.5).astype(int) + YAW // BIN, 0, columns - 1)
    pitch = np.clip(PITCH // BIN - np.floor(poses[:, 1] / BIN + 0.5).astype(int), 0, rows - 1)
    counts = np.zeros((rows, columns), np.int64)
    np.add.at(counts, (pitch, yaw), 1)
    return counts


def compare(source: NDArray[np.float32], target: NDArray[np.float32]) -> Coverage:
    """Coverage of the target's poses by the source's, both yaw and pitch in degrees [N, 2].

    A source face counts for its own cell and for the eight around it: a decoder draws poses between those that it
    learned.
    """
    own, wanted = count_poses(source), count_poses(target)
    padded = np.pad(own, 1)
    near = sum(padded[y : y + own.shape[0], x : x + own.shape[1]] for y in range(3) for x in range(3))
    lacking = (wanted > 0) & (near == 0)
    return Coverage(own, wanted, lacking, float(wanted[lacking].sum() / max(wanted.sum(), 1)))


def one_sided(poses: NDArray[np.float32]) -> str | None:
    """Words for a faceset that shows one half of the face only; None for one that shows both."""
    low, high = np.percentile(poses[:, 0], [3, 97])
    if min(low, high) > 5.0 or max(low, high) < -5.0:
        return f"all faces look to one side, yaw {low:.0f} to {high:.0f} degrees"
    return None


def plot(counts: Sequence[tuple[str, NDArray[np.int64]]], lacking: NDArray[np.bool_] | None = None) -> str:
    """An SVG picture: a grid of poses for each name, darker where there are more faces, red frames where they lack."""
    rows, columns = counts[0][1].shape
    width = len(counts) * (columns * _CELL + 60)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{rows * _CELL + 70}" '
        'font-family="sans-serif" font-size="11">'
    ]
    for place, (name, cells) in enumerate(counts):
        parts += _grid(name, cells, lacking, place * (columns * _CELL + 60) + 40)
    return "".join([*parts, "</svg>"])


def _grid(name: str, cells: NDArray[np.int64], lacking: NDArray[np.bool_] | None, left: int) -> list[str]:
    top, (rows, columns) = 26, cells.shape
    most = max(int(cells.max()), 1)
    out = [f'<text x="{left}" y="16" font-size="13">{escape(name)}, {int(cells.sum())} faces</text>']
    for row in range(rows):
        for column in range(columns):
            x, y, count = left + column * _CELL, top + row * _CELL, int(cells[row, column])
            dark = (count / most) ** 0.5
            fill = f"rgb({255 - round(200 * dark)},{255 - round(140 * dark)},{255 - round(60 * dark)})"
            frame = "#d22" if lacking is not None and lacking[row, column] else "#ddd"
            heavy = 2 if frame == "#d22" else 1
            out.append(
                f'<rect x="{x}" y="{y}" width="{_CELL - 2}" height="{_CELL - 2}" fill="{fill}" stroke="{frame}" '
                f'stroke-width="{heavy}"><title>{_words(row, column, count)}</title></rect>'
            )
    for column in range(0, columns, 3):
        angle = column * BIN - YAW
        out.append(f'<text x="{left + column * _CELL}" y="{top + rows * _CELL + 14}">{angle}°</text>')
    for row in range(0, rows, 2):
        out.append(f'<text x="{left - 34}" y="{top + row * _CELL + 16}">{PITCH - row * BIN}°</text>')
    out.append(
        f'<text x="{left}" y="{top + rows * _CELL + 32}">yaw across (right of the picture +), pitch down</text>'
    )
    return out


def _words(row: int, column: int, count: int) -> str:
    return f"yaw {column * BIN - YAW}, pitch {PITCH - row * BIN}: {count} faces"
