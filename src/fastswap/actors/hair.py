"""Hair: some thousand ribbons that follow the skull and then fall."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fastswap.actors.identity import Head, HairStyle, Identity
from fastswap.actors.mathkit import F64, smoothstep, unit
from fastswap.actors.parts import Part
from fastswap.actors.skin import hairline
from fastswap.actors.topology import Grid, I32

CENTER = np.array([0.0, 2.0, -0.8])
"""Where the skull's radius is measured from, cm."""


@dataclass(frozen=True)
class Cut:
    """A style. Lengths in cm.

    strands, steps: how many ribbons of how many pieces. top, side, fringe: lengths on the crown, at the temples and at
    the forehead. lift: how steeply hair leaves the skull. fall: pull of gravity. part: x of the parting. volume:
    height of the outermost layer. width: of a ribbon. forward: combed toward the face rather than back.
    """

    strands: int
    steps: int
    top: float
    side: float
    fringe: float
    lift: float
    fall: float
    part: float
    volume: float
    width: float
    forward: float
    spread: float


CUTS: dict[HairStyle, Cut] = {
    "short": Cut(1500, 5, 4.2, 1.5, 4.0, 0.16, 0.10, -2.2, 1.15, 0.42, -0.8, 0.55),
    "crop": Cut(2200, 2, 1.2, 0.8, 1.1, 0.45, 0.05, 0.0, 0.42, 0.30, -0.3, 0.2),
    "parted": Cut(1200, 7, 8.0, 2.4, 8.0, 0.25, 0.22, 2.4, 1.3, 0.6, -0.3, 1.2),
    "long": Cut(1000, 11, 24.0, 21.0, 22.0, 0.2, 0.5, -1.0, 1.2, 0.8, -0.2, 1.0),
    "bob": Cut(1100, 9, 16.0, 12.0, 7.5, 0.25, 0.5, 0.6, 1.3, 0.75, 0.3, 0.7),
}
STRIPES = 0.018
"""Share of the strand texture's width that one ribbon shows."""


def grow(identity: Identity, skin: F64, grid: Grid) -> list[Part]:
    """Ribbons over a head's vertices; none for the bald."""
    style = identity.head.hair_style
    if style == "bald":
        return []
    cut = CUTS[style]
    rng = np.random.default_rng([0x4A13, identity.head.seed])
    roots, normals = _roots(cut, identity.head, skin, grid, rng)
    skull = _Skull(skin, grid)
    curves = _curves(cut, roots, normals, skull, rng)
    return [_ribbons(cut, curves, rng)]


def _roots(cut: Cut, head: Head, skin: F64, grid: Grid, rng: np.random.Generator) -> tuple[F64, F64]:
    """Random places where hair grows, evenly over the scalp."""
    t = grid.triangles
    a, b, c = skin[t[:, 0]], skin[t[:, 1]], skin[t[:, 2]]
    cross = np.cross(b - a, c - a)
    area = np.linalg.norm(cross, axis=1)
    middle_y, phi = grid.y[t].mean(axis=1), grid.phi[grid.column[t[:, 0]]]
    hairy = (middle_y > hairline(phi, head) + 0.15) & (grid.inside[t].max(axis=1) == 0)
    weight = area * hairy * (1 + 1.6 * smoothstep(1.2, 0.1, middle_y - hairline(phi, head)))  # denser at the edge
    pick = rng.choice(len(t), cut.strands, p=weight / weight.sum())
    u, v = rng.random(cut.strands), rng.random(cut.strands)
    flip = u + v > 1
    u, v = np.where(flip, 1 - u, u)[:, None], np.where(flip, 1 - v, v)[:, None]
    return a[pick] + u * (b - a)[pick] + v * (c - a)[pick], unit(cross[pick])


class _Skull:
    """Radius of the head by direction from `CENTER`, to keep hair outside."""

    def __init__(self, skin: F64, grid: Grid) -> None:
        rays = skin[grid.inside == 0][::3] - CENTER
        radius = np.linalg.norm(rays, axis=1)
        self.rows, self.columns = 60, 120
        polar = (np.arange(self.rows) + 0.5) / self.rows * np.pi
        turn = (np.arange(self.columns) + 0.5) / self.columns * 2 * np.pi - np.pi
        p, t = np.meshgrid(polar, turn, indexing="ij")
        directions = np.stack([np.sin(p) * np.sin(t), np.cos(p), np.sin(p) * np.cos(t)], axis=-1).reshape(-1, 3)
        nearest = np.argmax(directions.astype(np.float32) @ unit(rays).T.astype(np.float32), axis=1)
        self.radius = radius[nearest].reshape(self.rows, self.columns)

    def push(self, points: F64, height: F64) -> F64:
        """Points moved out to `height` above the head where they are lower."""
        ray = points - CENTER
        r = np.linalg.norm(ray, axis=1)
        polar = np.arccos(np.clip(ray[:, 1] / np.maximum(r, 1e-6), -1, 1)) / np.pi * self.rows - 0.5
        turn = (np.arctan2(ray[:, 0], ray[:, 2]) + np.pi) / (2 * np.pi) * self.columns - 0.5
        i, j = np.floor(polar).astype(int), np.floor(turn).astype(int)
        fi, fj = polar - i, turn - j
        least = np.zeros(len(points))
        for di in (0, 1):
            for dj in (0, 1):
                w = np.abs(1 - di - fi) * np.abs(1 - dj - fj)
                least += w * self.radius[np.clip(i + di, 0, self.rows - 1), (j + dj) % self.columns]
        least += height
        return np.asarray(CENTER + ray * np.maximum(1.0, least / np.maximum(r, 1e-6))[:, None])


def _lengths(cut: Cut, roots: F64) -> F64:
    """By place on the head: fringe in front, top above, side below."""
    side = smoothstep(5.2, 2.0, roots[:, 1])
    front = smoothstep(4.0, 7.0, roots[:, 2]) * smoothstep(3.5, 5.0, roots[:, 1])
    return np.asarray((cut.top * (1 - front) + cut.fringe * front) * (1 - side) + cut.side * side)


def _curves(cut: Cut, roots: F64, normals: F64, skull: _Skull, rng: np.random.Generator) -> F64:
    """[N, steps + 1, 3]: strands combed from the parting, kept off the skull, pulled down."""
    n = len(roots)
    locks = rng.integers(0, max(n // 14, 1), n)
    lock_noise = rng.standard_normal((locks.max() + 1, 3))[locks]
    away = np.sign(roots[:, 0] - cut.part - 0.35 * lock_noise[:, 0])
    upper = smoothstep(2.5, 6.0, roots[:, 1])
    comb = np.stack([
        away * (0.35 + cut.spread * upper) * (1.0 if cut.part or cut.spread > 0.3 else 0.2),
        -0.55 * (1 - upper) - 0.05,
        cut.forward * (0.4 + 0.6 * upper) - 0.35 * (1 - upper),
    ], axis=1)  # fmt: skip
    comb = comb + 0.2 * lock_noise + 0.12 * rng.standard_normal((n, 3))
    comb -= (comb * normals).sum(axis=1, keepdims=True) * normals
    direction = unit(unit(comb) + cut.lift * normals)
    length = _lengths(cut, roots) * rng.uniform(0.78, 1.06, n) * (1 + 0.06 * lock_noise[:, 1])
    height = cut.volume * rng.uniform(0.12, 1.0, n) ** 0.8 * (0.45 + 0.55 * smoothstep(-1, 5, roots[:, 1]))
    step = (length / cut.steps)[:, None]
    wave = rng.uniform(0, 2 * np.pi, locks.max() + 1)[locks]
    own = rng.random(n)
    points = [roots - 0.05 * normals]
    for k in range(1, cut.steps + 1):
        t = k / cut.steps
        pull = cut.fall * (0.5 + t)
        curl = 0.08 * np.stack([np.sin(wave + 5 * t), np.zeros(n), np.cos(wave + 5 * t)], axis=1)
        direction = unit(direction + curl + np.array([0.0, -pull, 0.0]) + 0.03 * rng.standard_normal((n, 3)))
        grown = height * min(1.0, 0.25 + 1.6 * t)
        after = skull.push(_off_face(points[-1] + direction * step, cut, own), grown)
        direction = unit(after - points[-1])
        points.append(after)
    return np.stack(points, axis=1)


def _off_face(points: F64, cut: Cut, own: F64) -> F64:
    """Hair falls beside the face, not over it; a fringe ends above the brows. own: 0..1 of each strand."""
    x, y, z = points.T
    turn = np.arctan2(x, np.maximum(z + 1.0, 1e-3))
    fringed = cut.forward > 0
    high, low = (3.4, 2.2) if fringed else (6.6, 1.0)
    least = (0.9 + 0.35 * own) * smoothstep(high + own, low + own, y) * (z > -1.0)
    short = np.abs(turn) < least
    turned = np.where(short, np.sign(x + 1e-6) * least, turn)
    radius = np.hypot(x, z + 1.0)
    moved = np.stack([radius * np.sin(turned), y, radius * np.cos(turned) - 1.0], axis=1)
    return np.asarray(np.where(short[:, None], moved, points))


def _ribbons(cut: Cut, curves: F64, rng: np.random.Generator) -> Part:
    n, k, _ = curves.shape
    tangent = unit(np.gradient(curves, axis=1))
    outward = unit(curves - CENTER)
    across = unit(np.cross(tangent, outward) + 0.3 * rng.standard_normal((n, 1, 3)))
    t = np.linspace(0, 1, k)
    width = cut.width * rng.uniform(0.6, 1.15, (n, 1)) * (1 - 0.85 * t**2.5)[None, :]
    left, right = curves - 0.5 * width[..., None] * across, curves + 0.5 * width[..., None] * across
    points = np.stack([left, right], axis=2).reshape(-1, 3)
    tone = np.repeat(rng.random(n) * (1 - STRIPES), 2 * k) + np.tile([0.0, STRIPES], n * k)
    uv = np.stack([tone, np.tile(np.repeat(t, 2), n)], axis=1)
    tangents = np.repeat(tangent.reshape(-1, 3), 2, axis=0)
    return Part(points, uv, _ribbon_triangles(n, k), "head", "hair", tangents=tangents)


def _ribbon_triangles(n: int, k: int) -> I32:
    start = (np.arange(n)[:, None] * 2 * k + np.arange(k - 1)[None, :] * 2).reshape(-1, 1)
    return (start + np.array([[0, 1, 2, 1, 3, 2]])).reshape(-1, 3).astype(np.int32)
