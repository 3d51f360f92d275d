"""Which poses a faceset shows, and which of a target's poses a source lacks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

BIN = 10
"""Degrees of a cell."""
YAW, PITCH = 90, 60
"""Largest angles that have cells of their own."""
_CELL, _MARGIN = 32, 60
"""Pixels of a cell in the plot, and between two grids."""
_LEAST = (2, 3)
"""Cells up and down, and to either side, that are drawn at least."""


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
    return Coverage(own, wanted, lacking, int(wanted[lacking].sum()) / max(int(wanted.sum()), 1))


def one_sided(poses: NDArray[np.float32]) -> str | None:
    """Words for a faceset that shows one half of the face only; None for one that shows both."""
    low, high = np.percentile(poses[:, 0], [3, 97])
    if min(low, high) > 5.0 or max(low, high) < -5.0:
        return f"all faces look to one side, yaw {low:.0f} to {high:.0f} degrees"
    return None


def opened(wide: int, high: int) -> str:
    """The tag that begins an SVG picture of as many pixels; it shrinks with the page and keeps its shape."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high}" width="{wide}" height="{high}" '
        'style="max-width:100%;height:auto;background:#fff" font-family="sans-serif" font-size="11">'
    )


def plot(counts: Sequence[tuple[str, NDArray[np.int64]]], lacking: NDArray[np.bool_] | None = None) -> str:
    """An SVG picture: a grid of poses for each name, with the faces in each cell, darker where there are more, and red
    frames where they lack. Only the poses that occur are drawn, and those around them."""
    seen = np.any([cells > 0 for _, cells in counts], axis=0)
    top, bottom = _around(seen.any(axis=1), PITCH // BIN, _LEAST[0])
    left, right = _around(seen.any(axis=0), YAW // BIN, _LEAST[1])
    wide, high = (right - left) * _CELL + _MARGIN, (bottom - top) * _CELL + 62
    total = len(counts) * wide + 10
    parts = [opened(total, high)]
    if lacking is None:
        lacking = np.zeros_like(seen)
    for place, (name, cells) in enumerate(counts):
        parts += _grid(name, cells, lacking, (top, bottom, left, right), place * wide + 44)
    says = "yaw to the right, pitch up, in degrees"
    if lacking.any():
        says += "; red: poses of the target that the source has nothing near"
    parts.append(f'<text x="44" y="{high - 6}" style="fill:#555">{says}</text>')
    return "".join([*parts, "</svg>"])


def _around(seen: Any, middle: int, least: int) -> tuple[int, int]:
    """First and last row or column to draw: those that are seen, looking straight, and one more on either side."""
    found = [*np.flatnonzero(seen).tolist(), middle - least, middle + least]
    return max(min(found) - 1, 0), min(max(found) + 2, len(seen))


def _grid(
    name: str,
    cells: NDArray[np.int64],
    lacking: NDArray[np.bool_],
    part: tuple[int, int, int, int],
    x0: int,
) -> list[str]:
    top, bottom, left, right = part
    y0, most = 26, max(int(cells.max()), 1)
    out = [
        f'<text x="{x0}" y="16" font-size="13" style="fill:#111">{escape(name)}, {int(cells.sum())} faces</text>'
    ]
    for row in range(top, bottom):
        y = y0 + (row - top) * _CELL
        label = (
            f'<text x="{x0 - 6}" y="{y + 20}" text-anchor="end" style="fill:#555">{PITCH - row * BIN}°</text>'
        )
        out.append(label)
        for column in range(left, right):
            x, count = x0 + (column - left) * _CELL, int(cells[row, column])
            dark = (count / most) ** 0.5
            fill = f"rgb({255 - round(200 * dark)},{255 - round(140 * dark)},{255 - round(60 * dark)})"
            frame, heavy = ("#d22", 2) if lacking[row, column] else ("#ddd", 1)
            out.append(
                f'<rect x="{x + 1}" y="{y + 1}" width="{_CELL - 2}" height="{_CELL - 2}" fill="{fill}" '
                f'stroke="{frame}" stroke-width="{heavy}"><title>{_words(row, column, count)}</title></rect>'
            )
            if count:
                ink = "#fff" if dark > 0.6 else "#222"
                out.append(
                    f'<text x="{x + _CELL // 2}" y="{y + 20}" text-anchor="middle" style="fill:{ink};'
                    f'pointer-events:none">{count}</text>'
                )
    for column in range(left, right):
        x, y = x0 + (column - left) * _CELL + _CELL // 2, y0 + (bottom - top) * _CELL + 14
        out.append(
            f'<text x="{x}" y="{y}" text-anchor="middle" style="fill:#555">{column * BIN - YAW}°</text>'
        )
    return out


def _words(row: int, column: int, count: int) -> str:
    return f"yaw {column * BIN - YAW}, pitch {PITCH - row * BIN}: {count} faces"
