"""The skin's texture: complexion, lips, brows, freckles, stubble, pores and lines."""

from __future__ import annotations

import numpy as np

from fastswap.actors.identity import Features, Head, Identity
from fastswap.actors.mathkit import F32, F64, bell, both, smoothstep, spline
from fastswap.actors.paint import Canvas
from fastswap.actors.shape import Face
from fastswap.actors.topology import EYE_IN, EYE_OUT, EYE_X, MOUTH_OUT, MOUTH_ROW, half_width

SKIN_SIZE = 1024


def paint_skin(identity: Identity, face: Face) -> Canvas:
    """The whole head's canvas. What belongs to `Features` is seeded by them, the rest by `Head`."""
    f, h = identity.features, identity.head
    canvas = Canvas(SKIN_SIZE, h.complexion, h.seed)
    _complexion(canvas, h)
    canvas.rng = np.random.default_rng([0xFACE, f.seed, 1])
    _flush(canvas, f)
    _freckles(canvas, f, h)
    _lids(canvas, f)
    _lips(canvas, f, face)
    _nostrils(canvas, f)
    _stubble(canvas, f)
    _pores(canvas)
    _lines(canvas, f)
    _brows(canvas, f)
    canvas.rng = np.random.default_rng([0xFACE, h.seed, 2])
    _scalp(canvas, h)
    return canvas


def _front(c: Canvas) -> F64:
    return smoothstep(0.0, 0.3, np.cos(c.phi))


def _complexion(c: Canvas, h: Head) -> None:
    """Uneven melanin and blood under the skin."""
    patches = 0.5 * c.noise(2.6) + 0.35 * c.noise(0.9) + 0.3 * c.noise(0.3)
    c.rgb *= (1 + 0.017 * patches)[..., None]
    blood = 0.5 * c.noise(1.8) + 0.5 * c.noise(0.5)
    c.rgb *= 1 + np.float32(0.012) * blood[..., None] * np.array([0.4, -1.0, -0.9], np.float32)
    jaw = smoothstep(-10.5, -12.5, c.y)
    c.multiply(jaw, (0.95, 0.93, 0.92))
    c.multiply(bell(c.x, c.y, 0, 4.5, 5.5, 2.5) * _front(c) * 0.6, (1.02, 1.02, 0.97))
    _ = h


def _flush(c: Canvas, f: Features) -> None:
    """Blood near the surface: cheeks, nose, chin, lids."""
    front = _front(c)
    cheeks = both(c.x, c.y, 4.0, -2.9, 1.9, 1.5) * (0.35 + 0.75 * f.blush)
    nose = bell(c.x, c.y, 0, -3.7, 1.5, 1.0) * (0.4 + 0.3 * f.blush)
    chin = bell(c.x, c.y, 0, -10.0, 1.5, 1.0) * 0.35
    mask = np.clip((cheeks + nose + chin) * front * (1 + 0.15 * c.noise(0.4)), 0, 1)
    c.multiply(mask, (1.0, 0.875, 0.865))
    c.multiply(both(c.x, c.y, 2.9, -1.15, 1.4, 0.5) * front * 0.5, (0.93, 0.9, 0.93))  # under the eyes
    c.multiply(both(c.x, c.y, 1.75, 0.2, 0.6, 0.8) * front * 0.6, (0.93, 0.86, 0.86))
    c.multiply(both(c.x, c.y, 1.95, -4.1, 0.3, 0.6) * front * 0.7, (0.95, 0.83, 0.8))  # wings of the nose


def _freckles(c: Canvas, f: Features, h: Head) -> None:
    dark = 0.62 if sum(h.complexion) > 420 else 0.75
    n = int(520 * f.freckles)
    if n:
        x = c.rng.normal(0, 3.0, n)
        y = c.rng.normal(-1.9, 1.5, n) + 0.12 * np.abs(x)
        keep = (np.abs(x) < 6) & (y < 3.5) & (y > -9)
        keep &= ~((np.abs(np.abs(x) - EYE_X) < 1.9) & (np.abs(y) < 0.8))
        x, y = x[keep], y[keep]
        radius = c.rng.uniform(0.03, 0.075, len(x))
        c.multiply(c.spots(x, y, radius) * c.rng.uniform(0.35, 0.75), (0.86, 0.7, dark))
    if f.moles:
        side = c.rng.choice([-1, 1], f.moles)
        spots = c.spots(side * c.rng.uniform(1.8, 4.6, f.moles), c.rng.uniform(-8.4, -3.2, f.moles),
                        c.rng.uniform(0.08, 0.14, f.moles))  # fmt: skip
        c.multiply(spots, (0.42, 0.3, 0.27))
        c.height += 0.03 * spots


def _lids(c: Canvas, f: Features) -> None:
    """Skin of the lids, the dark roots of the lashes, the pink edge."""
    front = _front(c)
    middle, half = (EYE_IN + EYE_OUT) / 2, (EYE_OUT - EYE_IN) / 2
    u = (np.abs(c.x) - middle) / half
    span = smoothstep(1.15, 0.85, np.abs(u)) * front
    c.multiply(span * np.exp(-(((c.y - 0.55) / 0.5) ** 2)) * 0.55, (0.9, 0.8, 0.79))
    c.multiply(span * np.exp(-(((c.y - 0.62) / 0.1) ** 2)) * 0.55, (0.7, 0.58, 0.55))  # the fold
    lash = span * smoothstep(0.26, 0.07, c.y) * (c.y > 0)
    c.tint(lash * (0.75 + 0.2 * smoothstep(-0.5, 1, u)), (44, 28, 24))
    below = span * smoothstep(-0.2, -0.06, c.y) * (c.y < 0)
    c.tint(below * 0.42, (92, 52, 46))
    edge = span * np.exp(-((c.y / 0.035) ** 2))
    c.tint(edge * 0.85, (186, 112, 100))
    inner = both(c.x, c.y, EYE_IN, 0.0, 0.16, 0.14) * front
    c.tint(inner * 0.7, (196, 120, 110))
    c.gloss += 0.35 * edge.astype(np.float32)
    _ = f


def _lips(c: Canvas, f: Features, face: Face) -> None:
    upper, lower = face.lip_heights(c.x.astype(np.float64))
    d = c.y - MOUTH_ROW
    top, low = smoothstep(0.07, -0.07, d - upper), smoothstep(0.09, -0.08, -d - lower)
    inside = (
        np.where(d >= 0, top, low) * smoothstep(MOUTH_OUT + 0.12, MOUTH_OUT - 0.25, np.abs(c.x)) * _front(c)
    )
    red = 0.62 + 0.25 * f.lip_redness
    c.multiply(inside, np.array([1.0, 0.74, 0.76]) ** (red * 1.5) * np.array([0.95, 0.93, 0.93]))
    c.multiply(inside * (d > 0) * 0.5, (0.92, 0.88, 0.88))
    grooves = c.noise(0.09, aspect=9.0)
    c.multiply(np.clip(inside * (0.3 + 0.25 * grooves), 0, 1), (0.93, 0.87, 0.87))
    c.height += (0.006 * grooves * inside).astype(np.float32)
    # The wet inner edge and the parting line, which the rims of the mouth share.
    wet = inside * np.exp(-((d / 0.13) ** 2))
    c.tint(wet * 0.85, np.array([118, 50, 46]) * (0.5 + 0.5 * c.rgb.mean() / 170))
    c.gloss += ((0.35 + 0.1 * f.lip_redness) * inside - 0.25 * wet).astype(np.float32)
    corner = both(c.x, c.y, MOUTH_OUT + 0.02, MOUTH_ROW, 0.22, 0.14) * _front(c)
    c.multiply(corner * 0.8, (0.55, 0.42, 0.4))


def _nostrils(c: Canvas, f: Features) -> None:
    wide = 1.0 + 0.16 * f.nose_width
    hole = both(c.x, c.y, 0.66 * wide, -4.52, 0.3, 0.16) * _front(c)
    c.tint(np.clip(1.5 * hole - 0.25, 0, 0.9), (46, 22, 18))
    c.gloss *= (1 - np.clip(1.6 * hole, 0, 1)).astype(np.float32)


def _beard_mask(c: Canvas) -> F64:
    """Where stubble grows."""
    ax = np.abs(c.x)
    jaw = smoothstep(-3.6, -6.2, c.y - 0.55 * (ax - 3.0)) * smoothstep(-14.5, -12.2, c.y)
    bare = both(c.x, c.y, 3.4, -4.4, 1.5, 1.3)
    moustache = bell(c.x, c.y, 0, -5.6, 2.4, 0.55) * smoothstep(-4.85, -5.2, c.y)
    area = np.clip(jaw - 0.9 * bare, 0, 1) + moustache
    area = area * (1 - bell(c.x, c.y, 0, -8.3, 0.9, 0.25) * 0.3)
    lips = smoothstep(1.15, 0.8, np.hypot(c.x / 2.6, (c.y - MOUTH_ROW) / 0.85))
    edge = smoothstep(0.92, 0.7, ax / half_width(np.asarray(c.y[:, :1], np.float64)))
    return np.asarray(np.clip(area, 0, 1) * (1 - lips) * edge * smoothstep(-0.2, 0.15, np.cos(c.phi)))


def _stubble(c: Canvas, f: Features) -> None:
    if f.stubble <= 0:
        return
    mask = _beard_mask(c)
    n = int(30000 * min(1.0, f.stubble))
    x = c.rng.uniform(-6.8, 6.8, n)
    y = c.rng.uniform(-11.2, -3.4, n)
    drop = np.stack([0.02 * c.rng.standard_normal(n), -0.09 - 0.05 * c.rng.random(n)], axis=1)
    seen = np.abs(x) < 0.93 * half_width(y)
    x, y, drop = x[seen], y[seen], drop[seen]
    start = np.stack([x, y], axis=1)
    hairs = c.strokes(start, start + drop, 0.016, steps=5)
    color = 0.75 * np.array(f.brow_color) + 0.25 * np.array([90, 84, 84])
    c.tint(mask * hairs * 0.9, color)
    c.tint(mask * 0.26 * f.stubble, 0.5 * np.array(f.brow_color) + 0.5 * np.array([96, 92, 98]))
    c.gloss *= (1 - 0.4 * mask * f.stubble).astype(np.float32)


def _pores(c: Canvas) -> None:
    """Fine relief everywhere, coarser on nose and cheeks; where the skin shines."""
    fine = c.rng.standard_normal((c.size, c.size)).astype(np.float32)
    fine = 0.25 * (fine + np.roll(fine, 1, 0) + np.roll(fine, 1, 1) + np.roll(np.roll(fine, 1, 0), 1, 1))
    zone = 0.55 + 0.6 * bell(c.x, c.y, 0, -3.0, 2.2, 2.0)
    zone = zone + 0.45 * both(c.x, c.y, 3.4, -3.2, 1.6, 1.5)
    c.height += (0.0042 * zone * fine + 0.004 * c.noise(0.14)).astype(np.float32)
    c.rgb *= (1 + 0.018 * zone * fine)[..., None].astype(np.float32)
    shine = 0.32 * bell(c.x, c.y, 0, 4.0, 3.4, 2.4) + 0.4 * bell(c.x, c.y, 0, -1.8, 0.9, 2.6)
    shine += 0.18 * both(c.x, c.y, 4.2, -1.6, 1.3, 0.9) + 0.15 * bell(c.x, c.y, 0, -10, 1.3, 0.9)
    c.gloss += ((shine - 0.08) * _front(c) + 0.04 * c.noise(0.25)).astype(np.float32)


def _lines(c: Canvas, f: Features) -> None:
    """Forehead, crow's feet, folds beside the mouth; deeper with `wrinkles`."""
    front, depth = _front(c), 0.012 + 0.05 * f.wrinkles
    wave = 0.12 * c.noise(2.2)
    for level, strength in ((3.3, 0.7), (4.3, 1.0), (5.3, 0.8)):
        line = np.exp(-(((c.y - level - wave - 0.02 * c.x**2) / 0.07) ** 2)) * smoothstep(
            4.6, 2.4, np.abs(c.x)
        )
        _carve(c, line * front, strength * depth)
    for side in (-1, 1):
        starts, ends = [], []
        for k in range(4):
            angle = np.deg2rad(-28 + 19 * k)
            starts.append((side * 5.0, 0.12 + 0.18 * (k - 1.5)))
            ends.append((side * (5.0 + 1.0 * np.cos(angle)), 0.12 + 0.18 * (k - 1.5) + 1.0 * np.sin(angle)))
        feet = c.strokes(np.array(starts), np.array(ends), 0.07)
        _carve(c, feet, 0.7 * depth)
    y = np.clip(c.y, -7.6, -3.9).astype(np.float64)
    fold = np.abs(c.x) - spline(y, [-7.6, -6.8, -5.6, -4.6, -3.9], [3.15, 3.05, 2.65, 2.2, 1.95])
    along = smoothstep(-3.7, -4.5, c.y) * smoothstep(-7.9, -7.0, c.y)
    _carve(c, np.exp(-((fold / 0.09) ** 2)) * along * front, 0.9 * depth)
    bags = np.exp(-(((c.y + 1.05 - 0.12 * (np.abs(c.x) - 3.1) ** 2) / 0.08) ** 2)) * both(
        c.x, c.y, 2.8, -1.0, 1.2, 1.0
    )
    _carve(c, bags * front, 0.8 * depth)


def _carve(c: Canvas, mask: F64 | F32, depth: float) -> None:
    c.height -= (depth * mask).astype(np.float32)
    c.multiply(np.clip(mask * depth * 6, 0, 1), (0.82, 0.72, 0.7))


def brow_curve(f: Features, t: F64) -> tuple[F64, F64]:
    """Canonical middle line of a brow, t from the nose (0) to the temple (1)."""
    x = 1.15 + 3.75 * t
    arch = 0.5 + 0.42 * f.brow_arch
    y = (
        1.62
        + 0.22 * f.brow_height
        + arch * np.sin(np.pi * np.clip(t * 0.78 + 0.02, 0, 1))
        - 0.62 * t**3
        + 0.12 * t
    )
    return x, y


def _brows(c: Canvas, f: Features) -> None:
    """A soft base and hairs that lean outward, thicker toward the nose."""
    n = int(330 + 90 * f.brow_thickness)
    half = 0.29 * (1 + 0.35 * f.brow_thickness)
    for side in (-1, 1):
        t = np.sort(c.rng.random(n) ** 1.1)
        x, y = brow_curve(f, t)
        width = half * np.interp(t, [0, 0.08, 0.3, 0.65, 1.0], [0.75, 1.0, 1.0, 0.7, 0.15])
        offset = c.rng.uniform(-1, 1, n)
        y = y + offset * width
        lean = np.deg2rad(
            np.interp(t, [0, 0.15, 0.5, 1], [75, 48, 22, -14]) - 18 * offset * smoothstep(0.1, 0.5, t)
        )
        lean += 0.12 * c.rng.standard_normal(n)
        length = np.interp(t, [0, 0.2, 0.7, 1], [0.34, 0.46, 0.42, 0.26]) * c.rng.uniform(0.75, 1.15, n)
        start = np.stack([side * x, y], axis=1)
        end = start + np.stack([side * length * np.cos(lean), length * np.sin(lean)], axis=1)
        hairs = c.strokes(start, end, 0.03, steps=24)
        line_x, line_y = brow_curve(f, np.linspace(0, 1, 60))
        base = c.spots(side * line_x[2:-4], line_y[2:-4] + 0.02, np.interp(np.linspace(0, 1, 60), [0, .1, .6, 1], [half * 0.55, half * 0.9, half * 0.7, 0.08])[2:-4])  # fmt: skip  # noqa: E501
        color = np.array(f.brow_color, np.float32)
        c.tint(np.clip(0.5 * base, 0, 1), color * 0.75 + 0.25 * np.array([150, 110, 92]))
        c.tint(np.clip(0.92 * hairs, 0, 1), color)
        c.height += 0.012 * hairs
        c.gloss *= 1 - 0.5 * np.clip(base + hairs, 0, 1)


def hairline(phi: F64, h: Head) -> F64:
    """Canonical height above which hair grows, by azimuth."""
    a = np.abs(phi)
    recede = 0.5 * h.forehead
    return np.interp(a, [0.0, 0.35, 0.62, 0.85, 1.05, 1.25, 1.5, 1.75, 2.1, np.pi],
                     np.array([6.6, 6.75, 6.9, 5.6, 3.2, 1.6, -1.0, 1.2, -5.5, -7.5]) + recede * np.array(
                         [1, 1, 1, 0.8, 0.4, 0.1, 0, 0, 0, 0]))  # fmt: skip


def _scalp(c: Canvas, h: Head) -> None:
    """Hair-coloured skin where hair grows, with a ragged edge."""
    if h.hair_style == "bald":
        shadow = smoothstep(-0.4, 0.8, c.y - hairline(c.phi.astype(np.float64), h)) * 0.16
        c.tint(shadow, np.array(h.hair_color) * 0.6 + 60)
        return
    ragged = 0.18 * c.noise(0.16, aspect=2.0) + 0.12 * c.noise(0.6)
    mask = smoothstep(-0.35, 0.55, c.y - hairline(c.phi.astype(np.float64), h) + ragged)
    strands = 1 + 0.16 * c.noise(0.07, aspect=14.0)
    color = np.array(h.hair_color, np.float32) * 0.8
    c.tint(mask * 0.95, color)
    c.rgb *= (1 + mask * (strands - 1))[..., None].astype(np.float32)
    c.gloss *= (1 - 0.7 * mask).astype(np.float32)
