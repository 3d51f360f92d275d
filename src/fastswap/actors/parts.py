"""Everything on an actor that is not the head's grid: eyeballs, teeth, tongue, ears, body and clothes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fastswap.actors.identity import Head
from fastswap.actors.mathkit import F64, smoothstep, spline
from fastswap.actors.shape import EYE_RADIUS, EyeFrame
from fastswap.actors.topology import I32

Anchor = Literal["head", "jaw", "eye_left", "eye_right", "body", "lids"]
"""What a part moves with. Left and right are those of the picture."""


@dataclass(frozen=True)
class Part:
    """A rigid piece. points: float64 [V, 3] cm at rest. tangents: of fibres instead of normals, else None.

    material: key of the actor's materials. inner: 1 when the piece belongs to the inner face.
    """

    points: F64
    uv: F64
    triangles: I32
    anchor: Anchor
    material: str
    inner: float = 0.0
    tangents: F64 | None = None
    openness: F64 | None = None  # ambient openness where baking it makes no sense
    normals: F64 | None = None  # where they are not those of the triangles


def lattice(rows: int, columns: int) -> I32:
    """Triangles of a grid of vertices, counter-clockwise when rows run down and columns to the right."""
    index = np.arange(rows * columns).reshape(rows, columns)
    a, b, d, e = index[:-1, :-1], index[:-1, 1:], index[1:, :-1], index[1:, 1:]
    return np.stack([a, d, b, b, d, e], axis=-1).reshape(-1, 3).astype(np.int32)


IRIS = 0.65  # cm on the enlarged ball


def eyeball(frame: EyeFrame, anchor: Anchor) -> Part:
    """A ball whose pole is the pupil. The map is its front view.

    The cornea's bulge is in the normals alone: it catches light like one and never pierces a closed lid.
    """
    polar = np.concatenate([np.linspace(0.0, 0.5, 15), np.linspace(0.58, 1.75, 10)])
    around = np.linspace(0, 2 * np.pi, 41)
    t, p = np.meshgrid(polar, around, indexing="ij")
    ball = np.stack([np.sin(t) * np.cos(p), np.sin(t) * np.sin(p), np.cos(t)], axis=-1).reshape(-1, 3)
    points = ball * EYE_RADIUS * frame.scale + frame.center
    steep = np.clip(t * np.interp(t, [0, 0.36, 0.48, 1.8], [2.1, 2.1, 1.0, 1.0]), 0, 2.0)
    normals = np.stack(
        [np.sin(steep) * np.cos(p), np.sin(steep) * np.sin(p), np.cos(steep)], axis=-1
    ).reshape(-1, 3)
    uv = np.stack([0.5 + 0.5 * ball[:, 0], 0.5 - 0.5 * ball[:, 1]], axis=1)
    # The lids shade the ball from above and at the corners.
    x, y = (points - frame.center)[:, :2].T / frame.scale
    open_ = (0.3 + 0.7 * smoothstep(0.62, -0.05, y)) * (0.55 + 0.45 * smoothstep(1.45, 0.7, np.abs(x)))
    return Part(points, uv, lattice(len(polar), len(around)), anchor, "eye", inner=1.0, openness=0.9 * open_,
                normals=normals)  # fmt: skip


def teeth(upper: bool) -> Part:
    """A strip on an arch with the relief of single teeth."""
    across = np.linspace(-1, 1, 81)
    down = np.linspace(0, 1, 9)
    v, u = np.meshgrid(down, across, indexing="ij")
    x = 2.45 * u
    edges = np.array(UPPER_TEETH if upper else LOWER_TEETH)
    widths = np.abs(x)
    k = np.clip(np.searchsorted(edges, widths) - 1, 0, len(edges) - 2)
    within = (widths - edges[k]) / (edges[k + 1] - edges[k])
    rounded = np.clip(1 - np.abs(2 * within - 1) ** 4, 0, 1)
    arch = (8.9 if upper else 8.66) - 0.24 * np.abs(x) ** 2.0
    z = arch + 0.09 * rounded * smoothstep(0.0, 0.3, v) - 0.25 * v**3 * 0.4
    long = np.interp(widths, [0, 0.85, 0.9, 1.5, 1.6, 2.5], [1.0, 0.98, 0.9, 0.92, 1.0, 0.75])
    drop = 1.42 * v * long - 0.05 * (1 - rounded) * v
    y = -5.75 - drop if upper else -8.05 + drop * 0.9
    points = np.stack([x, y, z], axis=-1).reshape(-1, 3)
    uv = np.stack([0.5 + 0.5 * u, v * 0.5 + (0.0 if upper else 0.5)], axis=-1).reshape(-1, 2)
    triangles = lattice(len(down), len(across))
    if not upper:
        triangles = np.ascontiguousarray(triangles[:, ::-1])
    back = smoothstep(2.7, 1.0, np.abs(x)).ravel()
    return Part(
        points, uv, triangles, "head" if upper else "jaw", "teeth", inner=1.0, openness=0.12 + 0.63 * back
    )


UPPER_TEETH = (0.0, 0.43, 0.77, 1.15, 1.5, 1.85, 2.5)
LOWER_TEETH = (0.0, 0.28, 0.58, 0.92, 1.28, 1.65, 2.5)


def tongue() -> Part:
    """A flat tongue lying on the floor of the mouth."""
    t, p = np.meshgrid(np.linspace(0.0, np.pi, 14), np.linspace(0, 2 * np.pi, 25), indexing="ij")
    x = 1.75 * np.sin(t) * np.cos(p)
    y = 0.5 * np.cos(t) - 0.12 * np.exp(-((x / 0.3) ** 2))
    z = 2.0 * np.sin(t) * -np.sin(p)
    points = np.stack([x, y - 7.5, z + 6.35], axis=-1).reshape(-1, 3)
    uv = np.stack([p / (2 * np.pi), t / np.pi], axis=-1).reshape(-1, 2)
    open_ = 0.15 + 0.55 * smoothstep(5.5, 8.2, points[:, 2])
    return Part(points, uv, lattice(14, 25), "jaw", "tongue", inner=1.0, openness=open_)


def ear(sign: int, head: Head, side: F64) -> Part:
    """An auricle: a rim (helix), an inner fold and a bowl. side: where it joins the head, cm."""
    rows, columns = 15, 40
    radius, angle = np.meshgrid(np.linspace(0, 1, rows), np.linspace(0, 2 * np.pi, columns), indexing="ij")
    # Outline: broad above, narrow at the lobe; 0 degrees is toward the back, 90 up.
    outline = (
        1.0 + 0.16 * np.sin(angle) - 0.2 * np.sin(2 * angle + 0.5) * smoothstep(0.2, -0.8, np.sin(angle))
    )
    a, b = 1.62 * outline * radius * np.cos(angle), 2.9 * outline * radius * np.sin(angle)
    back = smoothstep(-0.55, 0.1, np.cos(angle - 0.5))
    lift = 0.72 * radius**1.5 * back
    lift += 0.34 * np.exp(-(((radius - 0.9) / 0.11) ** 2)) * np.clip(back + 0.2, 0, 1)
    lift -= 0.28 * np.exp(-(((radius - 0.72) / 0.1) ** 2)) * back
    lift += 0.24 * np.exp(-(((radius - 0.54) / 0.1) ** 2)) * back
    lift -= 0.55 * np.exp(-(((a + 0.1) / 0.55) ** 2) - ((b + 0.3) / 0.85) ** 2)
    lift -= 0.5 * smoothstep(0.93, 1.0, radius)
    size = 1.0 + 0.12 * head.ear_size
    tilt = np.deg2rad(-12)
    y = (b * np.cos(tilt) + a * np.sin(tilt)) * size
    z = (-a * np.cos(tilt) + b * np.sin(tilt)) * size
    x = lift * size
    points = np.stack([sign * x, y, z], axis=-1).reshape(-1, 3) + side
    uv = np.stack([0.5 + a / 4.5, 0.5 - b / 8.0], axis=-1).reshape(-1, 2)
    triangles = lattice(rows, columns)
    if sign < 0:
        triangles = np.ascontiguousarray(triangles[:, ::-1])
    return Part(points, uv, triangles, "head", "ear")


# The body below the neck: height, half width, front and back depth, roundness of the section.
TORSO = np.array([
    [-13.6, 5.5, 3.4, -7.8],
    [-15.0, 6.6, 3.7, -8.3],
    [-16.6, 9.8, 4.3, -8.8],
    [-18.2, 14.2, 5.2, -9.0],
    [-20.2, 18.2, 6.4, -9.0],
    [-23.5, 20.6, 8.0, -9.0],
    [-30.0, 21.4, 9.6, -9.0],
    [-44.0, 21.0, 10.4, -9.0],
])  # fmt: skip


def _torso(ring: F64, phi: F64, head: Head, inset: float) -> F64:
    h, w, front, back = np.moveaxis(spline(ring, np.arange(len(TORSO)), TORSO), -1, 0)
    broad = (1 + 0.06 * head.neck_width) * w + 0.7 * head.neck_width * smoothstep(3, 0, ring) - inset
    s, c = np.sin(phi), np.cos(phi)
    middle = 0.5 * (front + back)
    depth = np.where(c > 0, front - middle, middle - back) - inset
    x = broad * np.sign(s) * np.abs(s) ** 0.92
    z = middle + depth * np.sign(c) * np.abs(c) ** 0.8
    # The collar is higher behind and dips in front; shoulders slope.
    y = h + smoothstep(3.5, 0.0, ring) * (-1.1 * c)
    return np.stack([x, y, z], axis=-1)


def body(head: Head) -> list[Part]:
    """Chest in skin and a garment over it."""
    phi = np.linspace(-np.pi, np.pi, 97)
    parts = []
    rings = np.linspace(0.0, 4.6, 24)
    r, p = np.meshgrid(rings, phi, indexing="ij")
    chest = _torso(r, p, head, 0.28).reshape(-1, 3)
    uv = np.stack([0.5 + p / (2 * np.pi), r / 5.0], axis=-1).reshape(-1, 2)
    parts.append(Part(chest, uv, lattice(len(rings), len(phi)), "body", "chest"))
    deep = {"crew": 0.25, "v": 3.9, "shirt": 2.4}[head.neckline]
    width = {"crew": 0.8, "v": 0.62, "shirt": 0.42}[head.neckline]
    start = 0.35 + deep * np.exp(-((np.abs(phi) / width) ** (2.0 if head.neckline == "crew" else 1.15)))
    t = np.concatenate([[0.0, 0.0, 0.02, 0.05], np.linspace(0.09, 1, 30)])
    ring = start[None, :] + (len(TORSO) - 1 - start[None, :]) * t[:, None]
    _, p = np.meshgrid(t, phi, indexing="ij")
    cloth = _torso(ring, p, head, 0.0)
    # The first rows fold inward, so the edge has thickness; a shirt's collar stands up.
    cloth[0] = _torso(ring[0], phi, head, 0.55)
    cloth[0, :, 1] -= 0.2
    hem = np.exp(-(((t - 0.02) / 0.03) ** 2))[:, None]
    cloth[..., 2] += 0.16 * hem * np.cos(p)
    cloth[..., 0] += 0.16 * hem * np.sin(p)
    if head.neckline == "shirt":
        _collar(parts, head, phi, start)
    _drape(cloth)
    uv = np.stack([p * 3.0, ring], axis=-1).reshape(-1, 2)
    uv = (uv - uv.min(axis=0)) / (uv.max(axis=0) - uv.min(axis=0))
    parts.append(Part(cloth.reshape(-1, 3), uv, lattice(len(t), len(phi)), "body", "cloth"))
    return parts


def _drape(cloth: F64) -> None:
    """Soft folds that run from the shoulders to the chest, all of them outward: the skin lies close beneath."""
    x, y = cloth[..., 0], cloth[..., 1]
    low = smoothstep(-17.0, -22.0, y)
    cloth[..., 2] += low * (
        0.36 + 0.22 * np.sin(0.55 * x + 0.35 * y) + 0.14 * np.sin(-0.9 * x + 0.5 * y + 1.3)
    )
    cloth[..., 1] += 0.12 * low * np.sin(0.8 * x)


def _collar(parts: list[Part], head: Head, phi: F64, start: F64) -> None:
    """Two leaves that lie over the opening of a shirt."""
    t = np.linspace(0, 1, 8)
    tt, pp = np.meshgrid(t, phi, indexing="ij")
    ring = start[None, :] - 0.25 + tt * (0.9 + 0.9 * np.exp(-((np.abs(pp) - 0.35) ** 2) / 0.12))
    edge = _torso(np.maximum(ring, 0.0), pp, head, -0.22)
    edge[..., 1] += 0.75 * np.sin(np.pi * np.clip(1 - tt, 0, 1) * 0.5) * smoothstep(0.0, 0.4, np.abs(pp))
    edge[..., 0] += 0.25 * np.sin(np.pi * tt) * np.sin(pp)
    edge[..., 2] += 0.25 * np.sin(np.pi * tt) * np.cos(pp)
    uv = np.stack([pp * 3.0, ring], axis=-1).reshape(-1, 2)
    uv = (uv - uv.min(axis=0)) / (uv.max(axis=0) - uv.min(axis=0))
    parts.append(Part(edge.reshape(-1, 3), uv, lattice(len(t), len(phi)), "body", "collar"))


def neck_share(points: F64) -> NDArray[np.float64]:
    """How much of the head's turn each point of the head's grid follows: the neck's base stays with the body."""
    y, z = points[:, 1], points[:, 2]
    return np.asarray(smoothstep(-18.0, -9.5, y + 0.25 * np.minimum(z, 6.0)))
