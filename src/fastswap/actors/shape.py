"""The head's surface at rest as a function of who it is: bones, nose, lips and the proportions of a person."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fastswap.actors.identity import Features, Head, Identity
from fastswap.actors.mathkit import F64, bell, both, smoothstep, spline, unit
from fastswap.actors.topology import EYE_X, MOUTH_OUT, MOUTH_ROW, RINGS, grid, ring_coordinates

EYE_Z, EYE_RADIUS = 6.58, 1.6  # larger than life, so that the lids rest on it from corner to corner


@dataclass(frozen=True, slots=True)
class EyeFrame:
    """Where an eyeball sits: centre in centimetres and scale."""

    center: F64
    scale: float


def rings_of(head: Head, features: Features) -> F64:
    """The average rings in this head's proportions."""
    rings = RINGS.copy()
    k = np.arange(len(rings))
    width = 1.0 + 0.045 * head.face_width * np.exp(-(((k - 7.0) / 3.5) ** 2))
    width += 0.09 * head.jaw_width * np.exp(-(((k - 11.0) / 1.9) ** 2))
    width += 0.04 * head.skull * np.exp(-(((k - 3.5) / 2.5) ** 2))
    rings[:, 2] *= width
    neck = smoothstep(13.2, 14.5, k)
    rings[:, 2] *= 1.0 + 0.15 * head.neck_width * neck
    rings[:, 1] += 0.35 * head.neck_width * neck
    chin = smoothstep(9.0, 12.0, k)
    rings[:, 0] -= 0.75 * head.chin_length * chin
    rings[:, 3] -= 0.4 * head.chin_length * chin
    top = smoothstep(5.5, 2.0, k)
    for column in (0, 3, 5):
        rings[:, column] += 0.55 * head.forehead * top
    rings[:, 4] += 0.5 * head.jaw_width * np.exp(-(((k - 11.0) / 1.9) ** 2))
    rings[:, 1] += 0.12 * features.cheek_fullness * np.exp(-(((k - 8.0) / 2.0) ** 2))
    return rings


class Face:
    """The surface of one person before it moves.

    still: float64 [V, 3] cm with closed, flat lids. warp: shifts [V, 3] that stretch nose and mouth. front: 1 on the
    face, 0 on the back of the head. eye_shift, eye_scale: how far the right eye of the picture lies from the average
    place, and its size.
    """

    def __init__(self, identity: Identity) -> None:
        self.grid = g = grid()
        self.features, self.head = identity.features, identity.head
        self.x, self.y = g.x, g.y
        self.front = smoothstep(-0.05, 0.25, np.cos(g.phi[g.column]))
        base = ring_coordinates(g.ring[g.row], g.phi[g.column], rings_of(self.head, self.features))
        self.outward = unit(base * np.array([1.0, 0.25, 0.8]) + np.array([0.0, 0.0, 0.4]))
        self.still = self._sculpt(base)
        self.eye_shift, self.eye_scale = self._eye_placement()
        self.warp = self._proportions()

    # --- the face at rest ---------------------------------------------------------------------------------------

    def _sculpt(self, base: F64) -> F64:
        along = self._volumes() * self.front
        deep = (self._nose() + self._lips()) * self.front
        points = base + self.outward * along[:, None]
        points[:, 2] += deep
        points[:, 0] += self._temples() * self.front
        points[:, 1] += self._nose_droop() * self.front
        return points

    def _volumes(self) -> F64:
        """Bones and soft parts, along the outward direction."""
        f, h, x, y = self.features, self.head, self.x, self.y
        ridge = 0.24 + 0.2 * f.brow_ridge
        out = ridge * both(x, y, 2.5, 1.75, 1.7, 0.55) + 0.5 * ridge * bell(x, y, 0, 1.5, 1.0, 0.6)
        out -= 0.62 * both(x, y, 3.0, 0.35, 1.75, 0.95)  # sockets
        out -= 0.42 * both(x, y, 1.55, 0.15, 0.7, 0.8)
        out -= 0.08 * both(x, y, 2.3, -1.35, 1.0, 0.3)  # tear trough
        out += (0.3 + 0.28 * f.cheekbones) * both(x, y, 4.7, -1.7, 1.7, 1.0)
        out += (0.18 + 0.2 * f.cheek_fullness) * both(x, y, 3.3, -3.4, 1.3, 1.2)
        out += (-0.32 + 0.35 * f.cheek_fullness - 0.12 * f.cheekbones) * both(x, y, 4.3, -5.6, 1.5, 1.7)
        out += self._fold()
        out += (0.3 + 0.22 * h.chin_width) * both(x, y, 0.9 + 0.3 * h.chin_width, -10.1, 1.2, 0.95)
        out -= 0.34 * bell(x, y, 0, -8.65, 1.7, 0.42)  # below the lower lip
        out += 0.1 * bell(x, y, 0, 5.0, 3.5, 2.0)
        return np.asarray(out)

    def _fold(self) -> F64:
        """The crease from the wing of the nose to the corner of the mouth."""
        y = np.clip(self.y, -7.6, -3.9)
        line = spline(y, [-7.6, -6.8, -5.6, -4.6, -3.9], [3.15, 3.05, 2.65, 2.2, 1.95])
        across = np.abs(self.x) - line
        strength = smoothstep(-3.6, -4.4, self.y) * smoothstep(-8.0, -6.9, self.y)
        depth = 0.06 + 0.08 * self.features.wrinkles
        crease, cheek = np.exp(-((across / 0.22) ** 2)), np.exp(-(((across - 0.55) / 0.5) ** 2))
        return np.asarray(strength * (0.12 * cheek - depth * crease))

    def _temples(self) -> F64:
        return np.asarray(-0.35 * np.sign(self.x) * both(self.x, self.y, 6.4, 3.2, 1.3, 2.2))

    def _nose(self) -> F64:
        """Height above the face: a profile down the middle, its width by height, a tip, wings and nostrils."""
        f, x, y = self.features, self.x, self.y
        bridge = 0.24 * f.nose_bridge
        # From the forehead to the lip: rise above the face, how much of the bridge's height it takes, half width.
        table = np.array([
            [1.9, 0.0, 0.0, 0.95], [1.1, 0.12, 1.0, 0.72], [0.3, 0.34, 1.2, 0.64], [-0.8, 0.82, 1.0, 0.66],
            [-1.8, 1.3, 0.8, 0.72], [-2.7, 1.7, 0.4, 0.82], [-3.35, 1.95, 0.0, 0.9], [-3.8, 2.0, 0.0, 0.95],
            [-4.15, 1.82, 0.0, 0.9], [-4.45, 1.35, 0.0, 0.78], [-4.75, 0.78, 0.0, 0.62], [-5.05, 0.28, 0.0, 0.6],
            [-5.4, 0.0, 0.0, 0.6],
        ])[::-1]  # fmt: skip
        heights = table[:, 0]
        row = np.clip(y, heights[0], heights[-1])
        profile = np.maximum(spline(row, heights, table[:, 1] + bridge * table[:, 2]), 0.0)
        profile += 0.18 * f.nose_hump * np.exp(-(((y + 1.0) / 0.7) ** 2))
        wide = 1.0 + 0.16 * f.nose_width
        width = spline(row, heights, table[:, 3])
        width *= 1.0 + 0.12 * f.nose_width * smoothstep(0.5, -3.0, y)
        u = np.abs(x) / width
        out = profile * np.exp(-0.69 * u**2.2)
        out += 0.12 * profile * np.exp(-((u / 1.9) ** 2))  # soft foot toward the cheeks
        tip = 0.22 + 0.14 * f.nose_tip
        out += tip * bell(x, y, 0, -3.6, 0.7 + 0.1 * f.nose_tip, 0.62)
        out += 0.98 * both(x, y, 1.24 * wide, -3.98, 0.54, 0.5)
        out -= 0.16 * both(x, y, 1.98 * wide, -3.95, 0.22, 0.5)  # crease round the wing
        out -= 0.95 * both(x, y, 0.66 * wide, -4.5, 0.3, 0.15)  # nostrils
        return np.asarray(out)

    def _nose_droop(self) -> F64:
        """The tip hangs over its base, or turns up."""
        turn = -0.1 + 0.2 * self.features.nose_turn
        wings = 0.12 * both(self.x, self.y, 1.25, -4.0, 0.5, 0.4)
        return np.asarray(turn * bell(self.x, self.y, 0, -3.7, 1.0, 0.55) - wings)

    def lip_heights(self, x: F64) -> tuple[F64, F64]:
        """Canonical heights of the red of the upper and lower lip at each x."""
        u = np.clip(np.abs(x) / MOUTH_OUT, 0, 1)
        body = np.sqrt(np.maximum(1 - u * u, 0))
        bow = 0.14 * np.exp(-(((np.abs(x) - 0.45) / 0.35) ** 2)) - 0.06 * np.exp(-((x / 0.2) ** 2))
        return body**1.1 * (0.66 + bow), 0.88 * body**0.85

    def _lips(self) -> F64:
        f, x, y = self.features, self.x, self.y
        upper, lower = self.lip_heights(x)
        body = np.sqrt(np.maximum(1 - (x / (MOUTH_OUT + 0.2)) ** 2, 0))
        d = y - MOUTH_ROW
        t = np.where(d >= 0, d / np.maximum(upper, 0.12), -d / np.maximum(lower, 0.12))
        above = 0.42 * np.exp(-(((t - 0.55) / 0.75) ** 2)) + 0.05 * np.exp(-(((t - 1.05) / 0.16) ** 2))
        under = 0.5 * np.exp(-(((t - 0.5) / 0.6) ** 2))
        roll = -0.3 * np.exp(-((t / 0.3) ** 2))
        full = np.where(d >= 0, 1.0 + 0.3 * f.upper_lip, 1.0 + 0.3 * f.lower_lip)
        # The double edge of the slit lies at d = 0 on both sides.
        edge = np.where(self.grid.side < 0, under, above)
        out = np.where(np.abs(d) < 1e-6, edge, np.where(d >= 0, above, under)) * full + roll
        out = out * body
        out -= 0.22 * both(x, y, MOUTH_OUT + 0.1, MOUTH_ROW, 0.42, 0.4)  # corners
        out -= 0.09 * bell(x, y, 0, -5.45, 0.24, 0.55)  # philtrum
        out += 0.06 * both(x, y, 0.45, -5.5, 0.2, 0.55)
        out += 0.34 * bell(x, y, 0, -6.4, 2.3, 1.7)  # teeth behind the lips
        return np.asarray(out)

    # --- proportions of this person ---------------------------------------------------------------------------

    def _eye_placement(self) -> tuple[F64, float]:
        f = self.features
        return np.array([0.22 * f.eye_spacing, 0.12 * f.eye_height, 0.0]), 1.0 + 0.085 * f.eye_size

    def _proportions(self) -> F64:
        """Shifts that stretch nose and mouth; eyes are placed with their lids."""
        f, x, y = self.features, self.x, self.y
        warp = np.zeros((len(x), 3))
        mouth = bell(x, y, 0, MOUTH_ROW, 4.2, 1.9)
        warp[:, 0] += 0.13 * f.mouth_width * x * mouth
        upper = bell(x, y, 0, -6.3, 2.2, 0.55) * smoothstep(MOUTH_ROW, -6.2, y)
        lower = bell(x, y, 0, -7.5, 2.2, 0.6) * smoothstep(MOUTH_ROW, -7.6, y)
        warp[:, 1] += 0.2 * f.upper_lip * upper - 0.24 * f.lower_lip * lower
        nose = smoothstep(0.0, -3.8, y) * smoothstep(-6.4, -4.6, y) * bell(x, y, 0, -3.8, 2.6, 3.0)
        warp[:, 1] -= 0.38 * f.nose_length * nose
        warp[:, 2] += 0.15 * f.nose_length * nose
        warp[:, 1] += 0.3 * f.mouth_height * bell(x, y, 0, MOUTH_ROW, 3.2, 1.5)
        brow = both(x, y, 2.7, 2.0, 2.2, 0.8)
        warp[:, 1] += 0.12 * f.brow_height * brow
        return np.asarray(warp * self.front[:, None])

    def eye(self, sign: int) -> EyeFrame:
        """The left (-1) or right (+1) eyeball of the picture."""
        center = np.array([EYE_X, 0.0, EYE_Z]) + self.eye_shift
        return EyeFrame(center * np.array([sign, 1.0, 1.0]), self.eye_scale)
