"""Eyelashes: thin blades that ride on the edges of the upper lids."""

from __future__ import annotations

import numpy as np

from fastswap.actors.mathkit import F32, F64, unit
from fastswap.actors.parts import Part
from fastswap.actors.topology import I32, Grid

COUNT = 36  # an eye
_VERTICES = 5


class Lashes:
    """Blades over both eyes; `points` follows the lids."""

    def __init__(self, grid: Grid, length: float, seed: int) -> None:
        rng = np.random.default_rng([0x1A54, seed])
        self.left, self.right, self.mix, self.fan, self.length = [], [], [], [], []
        for part, sign in ((1, -1), (2, 1)):
            edge = np.flatnonzero((grid.part == part) & (grid.side >= 0) & (grid.inside == 0))
            edge = edge[np.argsort(grid.x[edge] * sign)]  # from the nose outward
            at = np.linspace(0.12, 0.985, COUNT) * (len(edge) - 1) + rng.uniform(-0.2, 0.2, COUNT)
            low = np.clip(np.floor(at).astype(int), 0, len(edge) - 2)
            self.left += list(edge[low])
            self.right += list(edge[low + 1])
            self.mix += list(at - low)
            outward = at / (len(edge) - 1) - 0.42
            self.fan += list(sign * (1.3 * outward + rng.normal(0, 0.08, COUNT)))
            self.length += list((0.42 + 0.3 * np.clip(outward + 0.4, 0, 0.8)) * rng.uniform(0.8, 1.1, COUNT))
        self._fan = np.array(self.fan, np.float32)[:, None]
        self._length = np.array(self.length, np.float32)[:, None] * np.float32(0.8 + 0.35 * length)
        self._mix = np.array(self.mix, np.float32)[:, None]

    def points(self, head: F32, closed: float) -> F32:
        """[2 * COUNT * 5, 3] for the head's vertices, before it turns."""
        root = head[self.left] * (1 - self._mix) + head[self.right] * self._mix
        lift = np.float32(0.42 - 0.85 * np.clip(closed, 0, 1))
        out = unit(
            np.concatenate([self._fan, np.full_like(self._fan, lift), np.full_like(self._fan, 0.8)], axis=1)
        )
        middle = root + out * self._length * 0.55
        tip = middle + (out + np.array([0, 0.45 * (1 - closed), -0.1])) * self._length * 0.5
        wide = np.array([0.02, 0, 0])
        blades = np.stack([root - wide, root + wide, middle - 0.7 * wide, middle + 0.7 * wide, tip], axis=1)
        return np.asarray(blades.reshape(-1, 3), np.float32)

    def part(self, head: F64) -> Part:
        """The blades as a part of the actor."""
        n = 2 * COUNT
        start = (np.arange(n) * _VERTICES)[:, None, None]
        triangles: I32 = (start + np.array([[0, 1, 2], [1, 3, 2], [2, 3, 4]])).reshape(-1, 3).astype(np.int32)
        points = self.points(head.astype(np.float32), 0.0).astype(np.float64)
        half = np.full(len(points), 0.5)
        return Part(
            points, np.stack([half, half], axis=1), triangles, "lids", "lash", inner=1.0, openness=0.6 * half
        )
