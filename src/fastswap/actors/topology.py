"""The grid of the head: where its rows and columns lie, where it is slit for eyes and mouth.

Rows run from the crown over the face and under the chin to the base of the neck, columns around the head. Lengths are
in centimetres on an average adult head; x to the viewer's right, y up, z toward the viewer, the origin between the
eyes in height and between the ears in depth. "Canonical" coordinates (X, Y) of a vertex are its x and the height of
its row on the average face, with eyes and mouth closed: everything on the face is described in them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from fastswap.actors.mathkit import F64, spline

I32 = NDArray[np.int32]

EYE_X, EYE_IN, EYE_OUT, EYE_ROW = 3.1, 1.66, 4.54, 0.0
MOUTH_OUT, MOUTH_ROW = 2.5, -6.8
FACE_TOP, FACE_BOTTOM = 8.0, -11.2
MOUTH_RIM = 6  # rows from the edge of the lips to the throat, where upper and lower meet

# Rings of the average head without nose, lips and lids: front (y, z), side (x, y, z), back (y, z).
RINGS = np.array([
    [11.90, -0.5, 0.00, 11.90, -0.5, 11.90, -0.5],  # crown
    [11.35, 2.9, 3.45, 11.15, -0.6, 11.40, -3.9],
    [9.70, 6.2, 5.75, 9.60, -0.9, 9.90, -7.1],
    [7.00, 8.4, 6.95, 7.00, -1.1, 7.20, -9.1],
    [4.50, 9.3, 7.40, 4.50, -1.0, 4.60, -9.9],
    [2.20, 9.45, 7.55, 2.20, -1.0, 2.20, -10.0],  # brow
    [0.00, 9.0, 7.60, 0.00, -1.1, 0.00, -9.6],  # eyes
    [-2.40, 8.95, 7.45, -2.40, -1.1, -2.40, -8.7],
    [-4.70, 9.2, 6.92, -4.70, -1.0, -4.50, -7.9],  # base of the nose
    [-6.80, 9.1, 6.30, -6.75, -0.7, -6.00, -7.4],  # mouth
    [-8.70, 8.75, 5.55, -8.00, -0.3, -7.10, -7.2],
    [-10.20, 8.55, 4.75, -8.75, 0.1, -7.90, -7.1],
    [-11.20, 7.8, 4.05, -9.40, 0.2, -8.50, -7.0],  # chin
    [-11.55, 6.4, 3.90, -10.10, -0.2, -9.20, -6.9],
    [-11.70, 4.7, 4.10, -11.00, -1.0, -10.20, -6.9],
    [-12.80, 3.5, 4.55, -12.60, -1.6, -12.00, -7.0],
    [-15.50, 2.9, 4.95, -15.50, -2.2, -15.00, -7.2],
    [-19.50, 2.9, 6.20, -19.00, -2.8, -18.00, -7.8],  # base of the neck
])  # fmt: skip


@dataclass(frozen=True)
class Grid:
    """Vertices and triangles of the head, the same for every person.

    ring: position of each row along `RINGS`. phi: azimuth of each column, 0 in front. row, column: of each vertex.
    side: of the slit's doubles, +1 for upper and -1 for lower edges, 0 elsewhere. inside: how many steps a vertex lies
    inward of an eye's or the mouth's edge. part: 0 skin, 1 left rim, 2 right rim (of the picture), 3 mouth's rim.
    x, y: canonical. uv: texture. weld: vertices with equal numbers share a normal.
    """

    ring: F64
    phi: F64
    row: I32
    column: I32
    side: I32
    inside: I32
    part: I32
    x: F64
    y: F64
    uv: F64
    triangles: I32
    weld: I32


def _columns() -> F64:
    """Azimuths: eye and mouth corners fall on columns."""
    at_eye, at_mouth = 7.60, 6.30
    marks = [
        0.0,
        np.arcsin(EYE_IN / at_eye),
        np.arcsin(MOUTH_OUT / at_mouth),
        np.arcsin(EYE_OUT / at_eye),
        1.5,
        np.pi,
    ]
    counts = (11, 9, 13, 22, 16)
    parts = [np.linspace(a, b, n, endpoint=False) for a, b, n in zip(marks, marks[1:], counts, strict=False)]
    right = np.concatenate([*parts, [np.pi]])
    return np.concatenate([-right[:0:-1], right])


def _rows() -> F64:
    """Positions of the rows along RINGS; rows are denser at the eyes, the nose's base and the mouth."""
    heights = [np.linspace(a, b, n, endpoint=False) for a, b, n in (
        (8.0, 3.0, 16), (3.0, 1.3, 9), (1.3, 0.0, 13), (0.0, -1.2, 11), (-1.2, -3.3, 11), (-3.3, -5.1, 18),
        (-5.1, -6.0, 7), (-6.0, MOUTH_ROW, 10), (MOUTH_ROW, -7.8, 12), (-7.8, -11.2, 19))]  # fmt: skip
    front = np.concatenate([*heights, [FACE_BOTTOM]])
    first, last = 2, 12
    keys = np.linspace(first, last, 400)
    along = spline(keys, np.arange(len(RINGS)), RINGS[:, 0])
    face = np.interp(-front, -along, keys)
    crown = np.linspace(0.02, face[0], 12, endpoint=False)
    neck = np.linspace(last, len(RINGS) - 1.0, 30)[1:]
    return np.concatenate([crown, face, neck])


def ring_coordinates(ring: F64, phi: F64, rings: F64 = RINGS) -> F64:
    """Points [..., 3] of the bare head: `ring` and `phi` broadcast."""
    ring, phi = np.broadcast_arrays(ring, phi)
    k = spline(ring.ravel(), np.arange(len(rings)), rings).reshape((*ring.shape, rings.shape[1]))
    fy, fz, sx, sy, sz, by, bz = np.moveaxis(k, -1, 0)
    sx = np.maximum(sx, 0.0)
    c = np.cos(phi)
    ahead = c > 0
    x = sx * np.sin(phi)
    z = sz + np.where(ahead, (fz - sz) * c, (sz - bz) * c)
    bow = np.abs(c) ** 1.4  # the jaw's edge rises toward the ears
    y = sy + np.where(ahead, fy - sy, by - sy) * bow
    return np.stack([x, y, z], axis=-1)


def texture_uv(ring: F64, phi: F64) -> F64:
    """Texture coordinates: the face gets most of the map."""
    turn = np.abs(phi)
    u = np.where(turn < 1.5, 0.8 * turn / 1.5, 0.8 + 0.2 * (turn - 1.5) / (np.pi - 1.5))
    v = np.interp(ring, [0.0, 2.62, 12.0, len(RINGS) - 1.0], [0.0, 0.12, 0.88, 1.0])
    return np.stack([0.5 + 0.5 * np.sign(phi) * u, v], axis=-1)


def half_width(y: F64) -> F64:
    """Half the width of the average face at canonical heights, cm."""
    keys = np.linspace(2.0, 12.0, 600)
    table = spline(keys, np.arange(len(RINGS)), RINGS)
    return np.interp(-y, -table[:, 0], table[:, 2])


def texel_of(x: F64, y: F64) -> tuple[F64, F64]:
    """Texture coordinates (u, v) of canonical points of the face."""
    keys = np.linspace(2.0, 12.0, 600)
    table = spline(keys, np.arange(len(RINGS)), RINGS)
    ring = np.interp(-np.asarray(y), -table[:, 0], keys)
    half = np.interp(ring, keys, table[:, 2])
    uv = texture_uv(ring, np.arcsin(np.clip(x / half, -1, 1)))
    return uv[..., 0], uv[..., 1]


def texture_maps(size: int) -> tuple[F64, F64, F64]:
    """Canonical X, Y and azimuth of every texel of a square map, each [size, size]."""
    t = (np.arange(size) + 0.5) / size
    ring = np.interp(t, [0.0, 0.12, 0.88, 1.0], [0.0, 2.62, 12.0, len(RINGS) - 1.0])
    w = 2 * t - 1
    a = np.abs(w)
    phi = np.sign(w) * np.where(a < 0.8, a / 0.8 * 1.5, 1.5 + (a - 0.8) / 0.2 * (np.pi - 1.5))
    keys = spline(ring, np.arange(len(RINGS)), RINGS)
    x = np.maximum(keys[:, 2:3], 0) * np.sin(phi)[None, :]
    y = np.broadcast_to(keys[:, :1], (size, size))
    return x, np.asarray(y), np.broadcast_to(phi, (size, size)).copy()


@lru_cache(maxsize=1)
def grid() -> Grid:
    """The grid, built once."""
    return _Builder().build()


class _Builder:
    def __init__(self) -> None:
        self.ring, self.phi = _rows(), _columns()
        heights = spline(self.ring, np.arange(len(RINGS)), RINGS[:, 0])
        self.heights = np.round(heights, 4)  # rows of the slits lie exactly at EYE_ROW and MOUTH_ROW
        rows, columns = len(self.ring), len(self.phi)
        self.row: list[int] = np.repeat(np.arange(rows), columns).tolist()
        self.column: list[int] = np.tile(np.arange(columns), rows).tolist()
        self.side = [0] * len(self.row)
        self.inside = [0] * len(self.row)
        self.part = [0] * len(self.row)
        self.index = np.arange(rows * columns).reshape(rows, columns)
        self.below: dict[tuple[int, int], int] = {}  # lower doubles of the slits
        self.extra: list[list[int]] = []

    def build(self) -> Grid:
        eye_row = int(np.argmin(np.abs(self.heights - EYE_ROW)))
        mouth_row = int(np.argmin(np.abs(self.heights - MOUTH_ROW)))
        # The widths of the rings at the eyes and the mouth turn corners into azimuths.
        for sign, part in ((-1, 1), (1, 2)):
            ends = sorted(self._column(sign * np.arcsin(x / 7.60)) for x in (EYE_IN, EYE_OUT))
            self._slit(eye_row, ends[0], ends[1], part, depth=2)
        corner = float(np.arcsin(MOUTH_OUT / 6.30))
        self._slit(mouth_row, self._column(-corner), self._column(corner), 3, depth=MOUTH_RIM)
        triangles = self._triangles()
        row, column = np.array(self.row), np.array(self.column)
        points = ring_coordinates(self.ring[row], self.phi[column])
        weld = np.arange(len(row))
        last = len(self.phi) - 1
        seam = (column == last) & (np.array(self.inside) == 0)
        weld[seam] = self.index[row[seam], 0]
        return Grid(
            self.ring, self.phi, row.astype(np.int32), column.astype(np.int32), np.array(self.side, np.int32),
            np.array(self.inside, np.int32), np.array(self.part, np.int32), points[:, 0], self.heights[row],
            texture_uv(self.ring[row], self.phi[column]), triangles, weld.astype(np.int32),
        )  # fmt: skip

    def _column(self, phi: float) -> int:
        return int(np.argmin(np.abs(self.phi - phi)))

    def _vertex(self, row: int, column: int, side: int, inside: int, part: int) -> int:
        for values, value in ((self.row, row), (self.column, column), (self.side, side), (self.inside, inside),
                              (self.part, part)):  # fmt: skip
            values.append(value)
        return len(self.row) - 1

    def _slit(self, row: int, first: int, last: int, part: int, *, depth: int) -> None:
        """Opens the grid along a row between two columns and folds `depth` rows of rim inward on both edges."""
        columns = range(first, last + 1)
        upper = [int(self.index[row, c]) for c in columns]
        lower = [upper[0], *(self._vertex(row, c, -1, 0, part) for c in columns[1:-1]), upper[-1]]
        for c, v in zip(columns[1:-1], lower[1:-1], strict=True):
            self.below[row, c] = v
        for v in upper[1:-1]:
            self.side[v], self.part[v] = 1, part
        for v in (upper[0], upper[-1]):
            self.part[v] = part
        for edge, side in ((upper, 1), (lower, -1)):
            before = edge
            for step in range(1, depth + 1):
                rim = [self._vertex(row, c, side, step, part) for c in columns]
                for k in range(len(rim) - 1):
                    a, b, c2, d = before[k], before[k + 1], rim[k], rim[k + 1]
                    quad = [a, c2, b, b, c2, d] if side > 0 else [a, b, c2, b, d, c2]
                    self.extra += [quad[:3], quad[3:]]
                before = rim

    def _triangles(self) -> I32:
        rows, columns = self.index.shape
        out = []
        for r in range(rows - 1):
            for c in range(columns - 1):
                a = self.below.get((r, c), int(self.index[r, c]))
                b = self.below.get((r, c + 1), int(self.index[r, c + 1]))
                d, e = int(self.index[r + 1, c]), int(self.index[r + 1, c + 1])
                out += [[a, d, b], [b, d, e]]
        return np.array(out + self.extra, np.int32)
