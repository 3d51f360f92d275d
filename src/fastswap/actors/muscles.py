"""Expressions: how the surface of a face moves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fastswap.actors import lids
from fastswap.actors.mathkit import F64, bell, both, smoothstep
from fastswap.actors.shape import Face
from fastswap.actors.topology import MOUTH_OUT, MOUTH_RIM, MOUTH_ROW

JAW_AXIS = np.array([0.0, -0.9, 1.0])
JAW_SWING = 17.0  # degrees at jaw = 1


@dataclass(frozen=True, slots=True)
class Expression:
    """What the face does, 0..1 each; brow -1..1; lids below 0 open wider than at rest."""

    jaw: float = 0.0
    smile: float = 0.0
    pucker: float = 0.0
    brow: float = 0.0
    lids: float = 0.0


class Sculptor:
    """Gives the vertices of a face for an expression.

    Called a few dozen times when an actor is built; frames only add up the differences (see `rig`).
    """

    def __init__(self, face: Face) -> None:
        self.face, self.grid = face, face.grid
        self.x, self.y, self.front = face.x, face.y, face.front
        # Vertices below the parting of the lips.
        self.below = (self.y < MOUTH_ROW - 1e-6) | ((self.grid.side < 0) & (self.grid.part == 3))

    def __call__(self, expression: Expression = Expression()) -> F64:
        """Vertices [V, 3] in centimetres."""
        points = self.face.still.copy()
        self._rims_of_mouth(points)
        self._smile(points, expression.smile)
        self._pucker(points, expression.pucker)
        self._brows(points, expression.brow)
        points = self._open_jaw(points, expression.jaw, expression.smile)
        points += self.face.warp
        for sign in (-1, 1):
            lids.lay(self.face, points, sign, expression.lids)
            lids.place(self.face, points, sign)
        return points

    def _rims_of_mouth(self, points: F64) -> None:
        """Folds the inner edges of the lips inward to a closed pocket, the cavity of the mouth."""
        g = self.grid
        rim = (g.part == 3) & (g.inside > 0)
        step = g.inside[rim].astype(float)
        at = np.arange(MOUTH_RIM + 1)
        points[rim, 2] -= np.interp(step, at, [0, 0.22, 0.55, 1.1, 1.9, 3.2, 4.2])
        # Upper and lower rows meet at the corners of the mouth, so the pocket has no open side.
        apart = g.side[rim] * np.sqrt(np.maximum(1 - (self.x[rim] / MOUTH_OUT) ** 2, 0))
        points[rim, 1] += apart * np.interp(step, at, [0, 0.0, 0.16, 0.5, 0.9, 0.9, 0.0])
        points[rim, 0] *= np.interp(step, at, [1, 0.99, 0.98, 0.97, 0.93, 0.8, 0.6])

    def _smile(self, points: F64, amount: float) -> None:
        x, y, s = self.x, self.y, np.sign(self.x)
        corner = both(x, y, 2.6, -6.8, 1.25, 1.25) * self.front
        points += (
            amount
            * corner[:, None]
            * np.stack([0.62 * s, np.full_like(x, 0.5), np.full_like(x, -0.42)], axis=1)
        )
        apple = both(x, y, 3.5, -3.5, 1.5, 1.25) * self.front
        points += (
            amount
            * apple[:, None]
            * np.stack([0.12 * s, np.full_like(x, 0.36), np.full_like(x, 0.34)], axis=1)
        )
        below_eye = both(x, y, 3.1, -1.3, 1.6, 0.6) * self.front
        points[:, 1] += 0.12 * amount * below_eye
        lip = bell(x, y, 0, MOUTH_ROW, 2.2, 0.9) * self.front
        parted = np.where(self.below, -0.07, 0.2)
        points[:, 1] += amount * lip * parted * np.sqrt(np.maximum(1 - (x / MOUTH_OUT) ** 2, 0))
        points[:, 2] -= 0.14 * amount * lip

    def _pucker(self, points: F64, amount: float) -> None:
        x, y = self.x, self.y
        field = bell(x, y, 0, MOUTH_ROW, 3.0, 1.5) * self.front
        points[:, 0] -= 0.33 * amount * x * field
        points[:, 2] += 0.55 * amount * bell(x, y, 0, MOUTH_ROW, 1.9, 1.2) * self.front
        lip = bell(x, y, 0, MOUTH_ROW, 1.4, 0.9) * self.front
        points[:, 1] += 0.06 * amount * lip * np.where(self.below, -1.0, 1.0)

    def _brows(self, points: F64, amount: float) -> None:
        x, y = self.x, self.y
        field = (both(x, y, 2.7, 2.1, 2.1, 1.25) + 0.5 * bell(x, y, 0, 2.6, 1.2, 1.4)) * self.front
        field *= smoothstep(0.55, 1.4, y)
        points[:, 1] += 0.55 * amount * field
        if amount < 0:
            inner = both(x, y, 1.2, 1.7, 0.9, 0.8) * self.front
            points[:, 0] += 0.28 * amount * np.sign(x) * inner
            points[:, 2] -= 0.15 * amount * inner

    def _open_jaw(self, points: F64, amount: float, smile: float) -> F64:
        x, y = self.x, self.y
        u = np.clip(np.abs(x) / MOUTH_OUT, 0, 1)
        aside = 1 - np.sqrt(1 - u**2.2)  # 0 in the middle, 1 from the corners outward
        slope = smoothstep(-4.2, -9.4, y)
        weight = np.where(self.below, 1 - (1 - slope) * aside, slope * aside)
        g = self.grid
        throat = (g.part == 3) & (g.inside == MOUTH_RIM)
        weight = np.where(throat, 0.5, weight)
        ring = g.ring[g.row]
        weight = weight * smoothstep(15.0, 12.4, ring)
        depth = self.face.still[:, 2]
        weight = weight * smoothstep(0.0, 4.0, depth)
        pivot = JAW_AXIS
        turned = np.empty_like(points)
        angle = JAW_SWING * amount * weight
        a = np.deg2rad(angle)
        p = points - pivot
        turned[:, 0] = p[:, 0] * (1 - 0.1 * amount * (1 - smile) * both(x, y, 2.4, -6.8, 1.2, 1.4))
        turned[:, 1] = p[:, 1] * np.cos(a) - p[:, 2] * np.sin(a)
        turned[:, 2] = p[:, 1] * np.sin(a) + p[:, 2] * np.cos(a)
        raised = bell(x, y, 0, MOUTH_ROW, 2.0, 1.3) * ~self.below * np.sqrt(1 - u**2)
        turned[:, 1] += 0.24 * amount * raised  # the upper lip bares the teeth a little
        return np.asarray(turned + pivot)
