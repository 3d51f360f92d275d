"""Backgrounds: soft, slightly structured, no people in them."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from fastswap.actors.mathkit import F64, blur, noise, smoothstep
from fastswap.errors import SettingsError

Backdrop = Literal["studio", "room", "garden", "street", "plain"]
BACKDROPS: tuple[Backdrop, ...] = get_args(Backdrop)


@lru_cache(maxsize=8)
def backdrop(kind: Backdrop, size: tuple[int, int], seed: int) -> NDArray[np.uint8]:
    """uint8 [H, W, 3], the same for the same arguments; do not write to it. Raises SettingsError for another kind."""
    if kind not in BACKDROPS:
        raise SettingsError(f"scene: background is {kind!r}; choose one of {', '.join(BACKDROPS)}")
    width, height = size
    rng = np.random.default_rng([0xBACD, seed])
    y, x = np.meshgrid(
        np.linspace(0, 1, height), np.linspace(0, max(width / height, 1e-3), width), indexing="ij"
    )
    image = {"studio": _studio, "room": _room, "garden": _garden, "street": _street, "plain": _plain}[kind](
        x, y, rng
    )
    image *= 1 + 0.012 * noise((height, width), max(2.0, height / 180), rng)[..., None]
    return np.clip(image + 0.5, 0, 255).astype(np.uint8)


def _mix(image: F64, color: tuple[float, float, float], mask: NDArray[Any]) -> None:
    image += (np.array(color) - image) * mask[..., None]


def _plain(x: F64, y: F64, rng: np.random.Generator) -> F64:
    _ = rng
    return np.asarray(np.full((*x.shape, 3), 118.0) * (1 - 0.1 * y)[..., None])


def _studio(x: F64, y: F64, rng: np.random.Generator) -> F64:
    """Painted canvas with a pool of light."""
    aspect = max(float(x.max()), 1e-3)
    pool = np.exp(-(((x - 0.55 * aspect) / 0.6) ** 2) - ((y - 0.38) / 0.55) ** 2)
    base = np.array([62.0, 70, 78]) + pool[..., None] * np.array([78.0, 80, 80])
    cloth = noise(x.shape, x.shape[0] / 5, rng) + 0.5 * noise(x.shape, x.shape[0] / 13, rng)
    return np.asarray(base * (1 + 0.05 * cloth)[..., None])


def _room(x: F64, y: F64, rng: np.random.Generator) -> F64:
    """A wall with shelves of books, a lamp and a plant, out of focus."""
    aspect = max(float(x.max()), 1e-3)
    image = np.empty((*x.shape, 3))
    image[:] = np.array([186.0, 176, 160])
    image *= (1.06 - 0.3 * np.abs(x / aspect - 0.35) - 0.16 * y)[..., None]
    left = 0.58 * aspect
    for shelf in range(4):
        top = 0.06 + 0.25 * shelf
        _mix(image, (112, 78, 54), ((x > left) & (y > top + 0.2) & (y < top + 0.225)).astype(float))
        at = left + 0.01
        while at < aspect:
            wide = rng.uniform(0.02, 0.055)
            tall = rng.uniform(0.12, 0.185)
            hue = rng.uniform([60, 50, 50], [180, 140, 150])
            if rng.random() < 0.85:
                book = (x > at) & (x < at + wide * 0.92) & (y > top + 0.2 - tall) & (y < top + 0.2)
                _mix(image, tuple(hue), 0.9 * book)
            at += wide
    _mix(image, (196, 214, 226), ((x > 0.05) & (x < 0.3 * aspect) & (y > 0.05) & (y < 0.62)).astype(float))
    _mix(
        image, (228, 224, 214), ((np.abs(x - 0.16 * aspect) < 0.012) & (y < 0.62) & (y > 0.05)).astype(float)
    )
    for _ in range(26):
        cx, cy = rng.normal(0.38 * aspect, 0.06), rng.normal(0.62, 0.12)
        leaf = np.exp(-(((x - cx) / 0.05) ** 2) - ((y - cy) / 0.025) ** 2 * 2)
        _mix(image, (64 + rng.uniform(0, 40), 104 + rng.uniform(0, 40), 62), leaf * 0.8)
    image = blur(image, max(1, x.shape[0] // 70))
    glow = np.exp(-(((x - 0.93 * aspect) ** 2 + (y - 0.2) ** 2) / 0.05))
    return np.asarray(image * 0.8 + glow[..., None] * np.array([60.0, 46, 24]))


def _discs(image: F64, x: F64, y: F64, rng: np.random.Generator, count: int, low: F64, high: F64) -> None:
    """Out-of-focus lights."""
    for _ in range(count):
        radius = rng.uniform(0.012, 0.05)
        cx, cy = rng.uniform(0, x.max()), rng.beta(1.4, 2.0)
        rows = slice(*np.searchsorted(y[:, 0], [cy - radius * 1.3, cy + radius * 1.3]))
        columns = slice(*np.searchsorted(x[0], [cx - radius * 1.3, cx + radius * 1.3]))
        r = np.hypot(x[rows, columns] - cx, y[rows, columns] - cy) / radius
        disc = smoothstep(1.08, 0.92, r) * (0.75 + 0.25 * smoothstep(0.6, 1.0, r)) * rng.uniform(0.15, 0.5)
        part = image[rows, columns]
        part += (rng.uniform(low, high) - part) * disc[..., None]


def _garden(x: F64, y: F64, rng: np.random.Generator) -> F64:
    leaves = noise(x.shape, x.shape[0] / 7, rng) + 0.6 * noise(x.shape, x.shape[0] / 18, rng)
    base = np.array([74.0, 104, 58]) * (1.12 - 0.45 * y)[..., None] * (1 + 0.16 * leaves)[..., None]
    _mix(base, (196, 208, 190), np.clip(0.5 - 1.4 * y + 0.18 * leaves, 0, 0.75))
    _discs(base, x, y, rng, 60, np.array([120, 150, 70]), np.array([240, 240, 190]))
    return np.asarray(blur(base, max(1, x.shape[0] // 240)))


def _street(x: F64, y: F64, rng: np.random.Generator) -> F64:
    base = np.empty((*x.shape, 3))
    base[:] = np.array([44.0, 50, 66])
    base *= (1.1 - 0.4 * y)[..., None]
    at = 0.0
    while at < x.max():
        wide = rng.uniform(0.15, 0.4)
        tone = rng.uniform(0.6, 1.3)
        house = (x > at) & (x < at + wide) & (y > rng.uniform(0, 0.35))
        _mix(base, (58 * tone, 56 * tone, 62 * tone), 0.8 * house)
        at += wide
    base = blur(base, max(1, x.shape[0] // 40))
    _discs(base, x, y, rng, 70, np.array([150, 100, 60]), np.array([255, 225, 190]))
    return base
