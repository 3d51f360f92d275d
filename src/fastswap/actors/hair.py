"""Hair: cards with strands painted on them that follow a combed flow over the skull, and a sheet below long hair."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fastswap.actors.identity import HairStyle, Head, Identity
from fastswap.actors.mathkit import F64, smoothstep, unit
from fastswap.actors.parts import Part, lattice
from fastswap.actors.skin import hairline
from fastswap.actors.topology import I32, Grid

CENTER = np.array([0.0, 2.0, -0.8])
"""Where the skull's radius is measured from, cm."""
_WHORL = np.array([0.8, 10.5, -4.5])


@dataclass(frozen=True)
class Cut:
    """A style; lengths in cm.

    cards, steps: how many and of how many pieces. top, side, fringe: lengths above, at the temples, over the forehead.
    parted: combed sideways from a parting at x = part, else forward from the whorl and swept by `sweep` in front.
    volume: height of the outermost layer. width: of a card. lift: how steeply cards leave the skull. hang: falls free
    below the ears. hull: length of the sheet below the cards in front and elsewhere, None without one.
    """

    cards: int
    steps: int
    top: float
    side: float
    fringe: float
    parted: bool
    part: float
    sweep: float
    volume: float
    width: float
    lift: float
    hang: bool = False
    hull: tuple[float, float] | None = None


CUTS: dict[HairStyle, Cut] = {
    "short": Cut(820, 5, 4.2, 1.6, 3.4, False, 0.0, -0.9, 1.15, 0.75, 0.35),
    "crop": Cut(1000, 2, 1.5, 1.0, 1.2, False, 0.0, -0.2, 0.42, 0.6, 0.3),
    "parted": Cut(560, 7, 7.5, 2.0, 7.0, True, 2.3, 0.0, 1.1, 0.95, 0.25),
    "long": Cut(330, 12, 25.0, 21.0, 25.0, True, -0.8, 0.0, 1.1, 1.3, 0.2, True, (9.5, 28.0)),
    "bob": Cut(330, 10, 17.0, 12.5, 16.5, True, 1.2, 0.0, 1.3, 1.25, 0.25, True, (9.5, 20.5)),
}


def grow(identity: Identity, skin: F64, grid: Grid) -> list[Part]:
    """Cards over a head's vertices, on a sheet where hair is long; none for the bald."""
    style = identity.head.hair_style
    if style == "bald":
        return []
    cut = CUTS[style]
    rng = np.random.default_rng([0x4A13, identity.head.seed])
    skull = _Skull(skin, grid)
    roots, normals = _roots(cut, identity.head, skin, grid, rng)
    out = [_cards(cut, _curves(cut, roots, normals, skull, rng), rng)]
    if cut.hull is not None:
        out.append(_sheet(cut, cut.hull, skull))
    return out


def _roots(cut: Cut, head: Head, skin: F64, grid: Grid, rng: np.random.Generator) -> tuple[F64, F64]:
    """Places where hair grows, evenly over the scalp and denser at its edge."""
    t = grid.triangles
    a, b, c = skin[t[:, 0]], skin[t[:, 1]], skin[t[:, 2]]
    cross = np.cross(b - a, c - a)
    above = grid.y[t].mean(axis=1) - hairline(grid.phi[grid.column[t[:, 0]]], head)
    hairy = (above > 0.15) & (grid.inside[t].max(axis=1) == 0)
    weight = np.linalg.norm(cross, axis=1) * hairy * (1 + 1.2 * smoothstep(1.6, 0.2, above))
    if cut.parted:
        middle = (a + b + c) / 3
        weight *= 1 + 3.0 * np.exp(-(((middle[:, 0] - cut.part) / 0.9) ** 2)) * smoothstep(
            5.0, 8.0, middle[:, 1]
        )
    # Stratified along the cumulated weight: random places without random clusters.
    total = np.cumsum(weight)
    at = (np.arange(cut.cards) + rng.random(cut.cards)) / cut.cards * total[-1]
    pick = np.searchsorted(total, at)
    u, v = rng.random(cut.cards), rng.random(cut.cards)
    flip = u + v > 1
    u, v = np.where(flip, 1 - u, u)[:, None], np.where(flip, 1 - v, v)[:, None]
    return a[pick] + u * (b - a)[pick] + v * (c - a)[pick], unit(cross[pick])


class _Skull:
    """Radius of the head by direction from `CENTER`, to keep hair outside and close."""

    def __init__(self, skin: F64, grid: Grid) -> None:
        rays = skin[grid.inside == 0][::3] - CENTER
        radius = np.linalg.norm(rays, axis=1)
        self.rows, self.columns = 60, 120
        polar = (np.arange(self.rows) + 0.5) / self.rows * np.pi
        turn = (np.arange(self.columns) + 0.5) / self.columns * 2 * np.pi - np.pi
        p, t = np.meshgrid(polar, turn, indexing="ij")
        directions = np.stack([np.sin(p) * np.sin(t), np.cos(p), np.sin(p) * np.cos(t)], axis=-1).reshape(
            -1, 3
        )
        nearest = np.argmax(directions.astype(np.float32) @ unit(rays).T.astype(np.float32), axis=1)
        self.radius = radius[nearest].reshape(self.rows, self.columns)

    def hold(self, points: F64, low: F64, high: F64) -> F64:
        """Points moved to between `low` and `high` above the head."""
        ray = points - CENTER
        r = np.linalg.norm(ray, axis=1)
        polar = np.arccos(np.clip(ray[:, 1] / np.maximum(r, 1e-6), -1, 1)) / np.pi * self.rows - 0.5
        turn = (np.arctan2(ray[:, 0], ray[:, 2]) + np.pi) / (2 * np.pi) * self.columns - 0.5
        i, j = np.floor(polar).astype(int), np.floor(turn).astype(int)
        fi, fj = polar - i, turn - j
        ground = np.zeros(len(points))
        for di in (0, 1):
            for dj in (0, 1):
                w = np.abs(1 - di - fi) * np.abs(1 - dj - fj)
                ground += w * self.radius[np.clip(i + di, 0, self.rows - 1), (j + dj) % self.columns]
        wanted = np.clip(r, ground + low, ground + high)
        return np.asarray(CENTER + ray * (wanted / np.maximum(r, 1e-6))[:, None])


def _comb(cut: Cut, points: F64, side: F64) -> F64:
    """Where hair is combed at each point: a smooth field of unit vectors along the skull."""
    outward = unit(points - CENTER)
    y, z = points[:, 1], points[:, 2]
    upper, front = smoothstep(1.5, 8.5, y), smoothstep(1.0, 7.0, z)
    if cut.parted:
        flow = np.stack([side * upper * 1.1, -(1.05 - upper), -0.5 * front * (0.4 + upper) - 0.15], axis=1)
    else:
        flow = points - _WHORL
        flow = unit(flow - (flow * outward).sum(axis=1, keepdims=True) * outward)
        flow += (front * upper)[:, None] * np.array([cut.sweep, 0.25, -0.35])
        flow[:, 1] -= 0.7 * (1 - upper)
        flow[:, 2] -= 0.5 * (1 - upper) * smoothstep(-1.0, 4.0, z)
    return unit(flow - (flow * outward).sum(axis=1, keepdims=True) * outward)


def _lengths(cut: Cut, roots: F64) -> F64:
    """By place on the head: fringe in front, top above, side below."""
    side = smoothstep(6.5, 3.0, roots[:, 1])
    front = smoothstep(4.0, 7.0, roots[:, 2]) * smoothstep(3.5, 5.0, roots[:, 1])
    return np.asarray((cut.top * (1 - front) + cut.fringe * front) * (1 - side) + cut.side * side)


def _curves(cut: Cut, roots: F64, normals: F64, skull: _Skull, rng: np.random.Generator) -> F64:
    """[N, steps + 1, 3]: middles of the cards."""
    n = len(roots)
    side = np.sign(roots[:, 0] - cut.part)
    length = _lengths(cut, roots) * rng.uniform(0.85, 1.04, n)
    layer = rng.uniform(0.1, 1.0, n)
    height = cut.volume * layer * (0.35 + 0.65 * smoothstep(-2, 6, roots[:, 1]))
    stray = 0.16 * rng.standard_normal((n, 3))
    direction = unit(_comb(cut, roots, side) + cut.lift * normals + stray)
    wave = rng.uniform(0, 2 * np.pi, n)
    step = (length / cut.steps)[:, None]
    points = [roots - 0.12 * normals]
    for k in range(1, cut.steps + 1):
        t = k / cut.steps
        here = points[-1]
        wanted = _comb(cut, here, side) + stray
        if cut.hang:
            free = smoothstep(1.0, -3.0, here[:, 1])[:, None]
            sway = 0.10 * np.stack([np.sin(wave + 6 * t), np.zeros(n), np.cos(wave + 6 * t)], axis=1)
            down = np.stack([-0.06 * here[:, 0] * t / 3, np.full(n, -1.0), np.full(n, 0.03)], axis=1)
            wanted = wanted * (1 - free) + (down + sway) * free
        direction = unit(0.4 * direction + 0.6 * unit(wanted))
        moved = _beside_face(here + direction * step, layer) if cut.hang else here + direction * step
        grown = height * min(1.0, 0.35 + 1.5 * t)
        room = np.where(moved[:, 1] < 0, 50.0, 0.25) if cut.hang else 0.12 + 0.25 * (1 - t)
        after = skull.hold(moved, grown, grown + room)
        direction = unit(after - here)
        points.append(after)
    return np.stack(points, axis=1)


def _beside_face(points: F64, own: F64) -> F64:
    """Long hair falls beside the face, not over it. own: 0..1, spreads the strands."""
    x, y, z = points.T
    turn = np.arctan2(x, np.maximum(z + 1.0, 1e-3))
    least = (0.86 + 0.3 * own) * smoothstep(6.5, 1.0, y - own) * (z > -1.0)
    turned = np.where(np.abs(turn) < least, np.sign(x + 1e-6) * least, turn)
    radius = np.hypot(x, z + 1.0)
    moved = np.stack([radius * np.sin(turned), y, radius * np.cos(turned) - 1.0], axis=1)
    return np.asarray(np.where((np.abs(turn) < least)[:, None], moved, points))


def _sheet(cut: Cut, hull: tuple[float, float], skull: _Skull) -> Part:
    """A bell of hair under the cards: from the crown to behind the hairline in front, to the tips elsewhere."""
    short, long = hull
    n, steps = 100, 18
    phi = np.linspace(-np.pi, np.pi, n)
    front = smoothstep(1.3, 0.85, np.abs(phi))
    length = long + (short - long) * front
    step = (length / steps)[:, None]
    direction = unit(np.stack([np.sin(phi), np.zeros(n), np.cos(phi)], axis=1))
    points = [np.array([0.0, 11.3, -0.8]) + 0.05 * direction]
    for k in range(1, steps + 1):
        direction = unit(direction + np.array([0.0, -0.35, 0.0]))
        moved = _beside_face(points[-1] + direction * step, np.full(n, 0.6))
        height = np.full(n, 0.42 * cut.volume * min(1.0, 0.3 + 1.5 * k / steps))
        after = skull.hold(moved, height, height + np.where(moved[:, 1] < 0, 50.0, 0.2))
        direction = unit(after - points[-1])
        points.append(after)
    curves = np.stack(points, axis=0)  # rows from the crown down, columns around
    tangents = unit(np.gradient(curves, axis=0)).reshape(-1, 3)
    v, u = np.meshgrid(np.linspace(0.1, 1, steps + 1), 0.98 * np.abs(np.linspace(-1, 1, n)), indexing="ij")
    uv = np.stack([u + 0.01, v], axis=-1).reshape(-1, 2)
    return Part(curves.reshape(-1, 3), uv, lattice(steps + 1, n), "head", "hair", tangents=tangents)


def _cards(cut: Cut, curves: F64, rng: np.random.Generator) -> Part:
    n, k, _ = curves.shape
    tangent = unit(np.gradient(curves, axis=1))
    outward = unit(curves - CENTER)
    across = unit(np.cross(tangent, outward) + 0.12 * rng.standard_normal((n, 1, 3)))
    t = np.linspace(0, 1, k)
    width = (
        cut.width
        * rng.uniform(0.7, 1.2, (n, 1))
        * np.interp(t, [0, 0.25, 0.7, 1], [0.8, 1, 0.95, 0.55])[None, :]
    )
    left, right = curves - 0.5 * width[..., None] * across, curves + 0.5 * width[..., None] * across
    points = np.stack([left, right], axis=2).reshape(-1, 3)
    share = 0.11 * cut.width / 0.8  # of the strands on the texture
    u = np.repeat(rng.random(n) * (1 - share), 2 * k) + np.tile([0.0, share], n * k)
    uv = np.stack([u, np.tile(np.repeat(t, 2), n)], axis=1)
    tangents = np.repeat(tangent.reshape(-1, 3), 2, axis=0)
    return Part(points, uv, _card_triangles(n, k), "head", "hair", tangents=tangents)


def _card_triangles(n: int, k: int) -> I32:
    start = (np.arange(n)[:, None] * 2 * k + np.arange(k - 1)[None, :] * 2).reshape(-1, 1)
    return np.asarray((start + np.array([[0, 1, 2, 1, 3, 2]])).reshape(-1, 3), np.int32)
