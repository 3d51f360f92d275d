"""Textures of the parts: iris, teeth, cloth, hair."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fastswap.actors.identity import Color, Features, Head
from fastswap.actors.mathkit import F64, bell, noise, smoothstep
from fastswap.actors.parts import IRIS, LOWER_TEETH, UPPER_TEETH
from fastswap.actors.shape import EYE_RADIUS

U8 = NDArray[np.uint8]


def pack(rgb: F64, gloss: F64 | float) -> U8:
    """[H, W, 3] in 0..255 and gloss 0..1 as one texture."""
    alpha = np.broadcast_to(np.asarray(gloss, np.float64) * 255, rgb.shape[:2])
    return np.clip(np.concatenate([rgb, alpha[..., None]], axis=-1) + 0.5, 0, 255).astype(np.uint8)


def plain(color: Color, gloss: float = 0.5, grain: float = 0.03, seed: int = 0) -> U8:
    """One colour with a little unevenness."""
    rng = np.random.default_rng([0x71A1, seed])
    uneven = 1 + grain * (noise((128, 128), 6, rng) + noise((128, 128), 20, rng))
    return pack(np.array(color, np.float64) * uneven[..., None], gloss)


def eye(features: Features) -> U8:
    """Front view of an eyeball: veined white, ringed iris with fibres, pupil."""
    size = 384
    rng = np.random.default_rng([0xE7E, features.seed])
    c = (np.arange(size) + 0.5) / size * 2 - 1
    x, y = np.meshgrid(c, c)
    radius, angle = np.hypot(x, y), np.arctan2(y, x)
    r = radius * EYE_RADIUS / IRIS  # 1 at the rim of the iris
    white = np.array([200, 193, 187], np.float64) * (1 - 0.05 * smoothstep(0.4, 1.0, radius))[..., None]
    veins = np.clip(np.abs(noise((size, size), 14, rng)) * -7 + 1, 0, 1) * smoothstep(0.5, 1.0, radius)
    rgb = (
        white
        + veins[..., None] * np.array([-6, -34, -34])
        + smoothstep(0.55, 1, radius)[..., None] * [-8, -22, -24]
    )
    turns = noise((8, 720), 4, rng)[4] + 0.6 * noise((8, 720), 9, rng)[4]
    fibres = np.interp(angle, np.linspace(-np.pi, np.pi, 720), turns)
    fibres = fibres * smoothstep(0.3, 0.6, r) + 0.35 * noise((size, size), 5, rng)
    color = np.array(features.eye_color, np.float64)
    iris = color * (1 + 0.2 * fibres * smoothstep(0.95, 0.6, r))[..., None]
    warm = np.exp(-(((r - 0.46) / 0.13) ** 2))[..., None]
    iris = iris + warm * (np.array([52, 30, 4]) * 0.55)
    iris *= (0.34 + 0.66 * smoothstep(1.02, 0.8, r))[..., None]  # dark outer ring
    iris *= (0.72 + 0.5 * smoothstep(-0.4, 0.5, y * EYE_RADIUS / IRIS))[
        ..., None
    ]  # light gathers opposite the sky
    rgb = rgb + (iris - rgb) * smoothstep(1.06, 0.96, r)[..., None]
    rgb = rgb + (np.array([9, 7, 7]) - rgb) * smoothstep(0.41, 0.36, r)[..., None]
    return pack(rgb, 1.0)


def teeth() -> U8:
    """Upper teeth in the upper half of the map, lower ones below: gaps, gums, a bluish edge."""
    half = 128
    u = np.linspace(-1, 1, 512)[None, :] * 2.45
    v = np.linspace(0, 1, half)[:, None]
    rows = []
    for edges in (UPPER_TEETH, LOWER_TEETH):
        gap = np.min(np.abs(np.abs(u)[..., None] - np.array(edges)), axis=-1)
        rgb = np.array([236, 226, 204], np.float64) * np.ones((half, 512, 1))
        rgb *= (1 - 0.05 * smoothstep(0.5, 1.6, np.abs(u)))[..., None]
        rgb *= (1 - 0.42 * np.exp(-((gap / 0.03) ** 2)))[..., None]
        rgb = rgb + smoothstep(0.8, 1.0, v)[..., None] * np.array([-22, -16, -2])
        scallop = 0.24 + 0.07 * np.cos(np.pi * np.minimum(gap / 0.2, 1.0))
        gum = smoothstep(0.03, -0.03, v - scallop)
        rows.append(rgb + gum[..., None] * (np.array([186, 98, 94]) - rgb))
    return pack(np.concatenate(rows), 0.9)


def cloth(head: Head) -> U8:
    """Woven or knitted cloth."""
    size = 512
    rng = np.random.default_rng([0xC107, head.seed])
    weave = rng.standard_normal((size, size))
    weave = 0.5 * (weave + np.roll(weave, 1, 0))
    rows = np.arange(size)
    knit = np.sin(rows * np.pi / 2)[:, None] * np.sin(rows * np.pi / 2)[None, :]
    tone = 1 + 0.05 * weave + 0.05 * knit + 0.05 * noise((size, size), 40, rng)
    return pack(np.array(head.clothes, np.float64) * tone[..., None], 0.25)


def strand(color: Color, seed: int) -> U8:
    """Hair: strands side by side along u, each of its own tone and length; v from root (dark) to tip (lighter).

    Between and beyond the strands the map has holes (alpha 0).
    """
    rng = np.random.default_rng([0x4A12, seed])
    wide, tall, each = 768, 256, 4
    n = wide // each
    lock = np.interp(np.arange(n), np.arange(0, n + 8, 8), rng.standard_normal(n // 8 + 1))
    tone = np.clip(1 + 0.13 * rng.standard_normal(n) + 0.10 * lock, 0.5, 1.5)
    warm = 1 + 0.04 * rng.standard_normal((n, 3))
    tip = np.clip(0.97 - np.abs(0.13 * rng.standard_normal(n)) - 0.05 * np.abs(lock), 0.4, 1.0)
    root = np.abs(0.025 * rng.standard_normal(n))
    v = ((np.arange(tall) + 0.5) / tall)[:, None]
    across = np.tile((np.arange(each) + 0.5) / each * 2 - 1, n)[None, :]
    tip, root, tone = (np.repeat(a, each)[None, :] for a in (tip, root, tone))
    thin = smoothstep(0.0, 0.25, tip - v)  # strands taper
    there = (np.abs(across) < 0.3 + 0.8 * thin) & (v < tip) & (v > root)
    along = np.interp(v, [0, 0.12, 1], [0.62, 0.9, 1.1])
    body = tone * along * (1 - 0.22 * across**2)
    rgb = np.array(color, np.float64) * body[..., None] * np.repeat(warm, each, axis=0)[None]
    gloss = np.clip(0.55 + 0.25 * np.repeat(rng.standard_normal(n), each)[None, :] - 0.2 * across**2, 0.25, 1)
    return pack(rgb, gloss * there)


def ear_skin(complexion: Color, seed: int) -> U8:
    """Skin of the ear: redder, darker in the bowl."""
    size = 128
    rng = np.random.default_rng([0xEA5, seed])
    c = (np.arange(size) + 0.5) / size * 2 - 1
    x, y = np.meshgrid(c, c)
    rgb = np.array(complexion, np.float64) * (1 + 0.02 * noise((size, size), 6, rng))[..., None]
    rgb = rgb * np.array([1.0, 0.86, 0.84])
    rgb *= (1 - 0.3 * bell(x, y, 0.0, 0.1, 0.3, 0.25))[..., None]
    return pack(rgb, 0.45)
