"""Painting in canonical face coordinates: a square canvas, soft masks, strokes and spots."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastswap.actors.identity import Color
from fastswap.actors.mathkit import F32, F64, noise
from fastswap.actors.topology import texel_of, texture_maps


class Canvas:
    """Colour (sRGB 0..255), gloss 0..1 and height (cm) over the head's texture map.

    x, y: canonical coordinates of each texel, phi: azimuth, all [size, size]. scale: texels a centimetre on the face.
    """

    def __init__(self, size: int, base: Color, seed: int) -> None:
        self.size = size
        self.x, self.y, self.phi = (m.astype(np.float32) for m in texture_maps(size))
        self.scale = size / 27.0
        self.rgb: F32 = np.broadcast_to(np.array(base, np.float32), (size, size, 3)).copy()
        self.gloss: F32 = np.full((size, size), 0.5, np.float32)
        self.height: F32 = np.zeros((size, size), np.float32)
        self.rng = np.random.default_rng([0xFACE, seed])

    def noise(self, cell_cm: float, aspect: float = 1.0) -> F32:
        """Smooth noise of deviation about 1 with features `cell_cm` wide."""
        return noise((self.size, self.size), cell_cm * self.scale, self.rng, aspect=aspect).astype(np.float32)

    def tint(self, mask: ArrayLike, color: ArrayLike) -> None:
        """Mixes `color` in where mask (0..1) says so."""
        m = np.asarray(mask, np.float32)[..., None]
        self.rgb += (np.asarray(color, np.float32) - self.rgb) * m

    def multiply(self, mask: ArrayLike, factor: ArrayLike) -> None:
        """Scales the colour by `factor` (one number or RGB) where mask (0..1) says so."""
        m = np.asarray(mask, np.float32)[..., None]
        self.rgb *= 1 + (np.asarray(factor, np.float32) - 1) * m

    def strokes(
        self, starts: F64, ends: F64, width_cm: float, *, bend: F64 | None = None, steps: int = 28
    ) -> F32:
        """Coverage 0..1 of thin tapering strokes between canonical points [N, 2]; `bend` [N, 2] moves their middles."""
        t = np.linspace(0, 1, steps)[None, :, None]
        points = starts[:, None] * (1 - t) + ends[:, None] * t
        if bend is not None:
            points = points + bend[:, None] * (4 * t * (1 - t))
        taper = (0.35 + 0.65 * np.sin(np.pi * np.clip(t[..., 0] * 0.85 + 0.12, 0, 1))) * np.ones(len(starts))[
            :, None
        ]
        length = np.linalg.norm(ends - starts, axis=1)[:, None] * self.scale
        weight = taper * width_cm * self.scale * length / steps
        return self.splat(points[..., 0].ravel(), points[..., 1].ravel(), weight.ravel())

    def splat(self, x: F64, y: F64, weight: F64) -> F32:
        """Sums weighted points (canonical) onto the texels around them; clipped to 1."""
        u, v = texel_of(x, y)
        px, py = u * self.size - 0.5, v * self.size - 0.5
        ix, iy = np.floor(px).astype(int), np.floor(py).astype(int)
        fx, fy = px - ix, py - iy
        total = np.zeros(self.size * self.size)
        for dx in (0, 1):
            for dy in (0, 1):
                w = weight * np.abs(1 - dx - fx) * np.abs(1 - dy - fy)
                at = np.clip(iy + dy, 0, self.size - 1) * self.size + np.clip(ix + dx, 0, self.size - 1)
                total += np.bincount(at, w, self.size * self.size)
        return np.clip(total, 0, 1).reshape(self.size, self.size).astype(np.float32)

    def spots(self, x: F64, y: F64, radius: F64) -> F32:
        """Coverage 0..1 of soft round spots at canonical points, radii in cm."""
        out = np.zeros((self.size, self.size), np.float32)
        u, v = texel_of(x, y)
        for cu, cv, cx, cy, r in zip(u * self.size, v * self.size, x, y, radius, strict=True):
            reach = int(np.ceil(2.5 * r * self.scale)) + 2
            rows = slice(max(0, int(cv) - reach), int(cv) + reach)
            columns = slice(max(0, int(cu) - reach), int(cu) + reach)
            square = ((self.x[rows, columns] - cx) ** 2 + (self.y[rows, columns] - cy) ** 2) / (r * r)
            np.maximum(out[rows, columns], np.exp(-(square**1.5)), out=out[rows, columns])
        return out

    def texture(self) -> NDArray[np.uint8]:
        """[size, size, 4]: sRGB and gloss."""
        rgba = np.concatenate([self.rgb, 255 * self.gloss[..., None]], axis=-1)
        return np.clip(rgba + 0.5, 0, 255).astype(np.uint8)

    def relief(self) -> NDArray[np.int8]:
        """[size, size, 2]: slopes along u and v in units of 1/64."""
        slope_v, slope_u = np.gradient(self.height, 1.0 / self.scale)
        slopes = np.stack([slope_u, slope_v], axis=-1) * 64
        return np.asarray(np.clip(slopes, -127, 127).astype(np.int8))


def pyramid(texture: NDArray[np.uint8], levels: int = 5) -> list[NDArray[np.uint8]]:
    """The texture and its halvings (2x2 means)."""
    out = [np.ascontiguousarray(texture)]
    while len(out) < levels and min(out[-1].shape[:2]) > 8:
        out.append(_halve(out[-1].astype(np.float32)).astype(np.uint8))
    return out


def relief_pyramid(relief: NDArray[np.int8], levels: int = 5) -> list[NDArray[np.int8]]:
    """The same for slopes."""
    out = [np.ascontiguousarray(relief)]
    while len(out) < levels and min(out[-1].shape[:2]) > 8:
        out.append(np.rint(_halve(out[-1].astype(np.float32))).astype(np.int8))
    return out


def _halve(image: F32) -> F32:
    return np.asarray((image[0::2, 0::2] + image[1::2, 0::2] + image[0::2, 1::2] + image[1::2, 1::2]) * 0.25)
