"""An actor ready to be posed: the differences each expression makes, parts, materials, baked openness."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from fastswap import _raster
from fastswap.actors import hair, parts
from fastswap.actors.identity import Identity
from fastswap.actors.lashes import Lashes
from fastswap.actors.materials import make_materials
from fastswap.actors.mathkit import F32, F64, rotation
from fastswap.actors.muscles import JAW_AXIS, JAW_SWING, Expression, Sculptor
from fastswap.actors.parts import Anchor, Part
from fastswap.actors.performance import Pose
from fastswap.actors.shape import Face
from fastswap.actors.topology import I32, MOUTH_OUT, MOUTH_RIM, MOUTH_ROW, grid

PIVOT = np.array([0.0, -7.0, -2.5])
"""Where the head turns, cm: the top of the neck."""

_JAW_KEYS = (0.0, 0.35, 0.7, 1.0)
_LID_KEYS = (-0.25, 0.0, 0.3, 0.6, 0.85, 1.0)
_DIRECTIONS = 72
_ANCHORS: tuple[Anchor, ...] = get_args(Anchor)


@dataclass(frozen=True)
class Posed:
    """An actor's geometry for one frame in head-centred centimetres (y up, z toward the viewer)."""

    points: F32
    normals: F32
    points_of_interest: F64


class Actor:
    """Built once for an identity; `pose` is cheap."""

    def __init__(self, identity: Identity) -> None:
        self.identity = identity
        self.face = Face(identity)
        self.sculptor = Sculptor(self.face)
        self.rest = self.sculptor(Expression())
        self._changes()
        self.grid = grid()
        self.parts: list[Part] = self._parts()
        self._assemble()
        self.materials = make_materials(identity, self.face)
        self.names = list(self.materials)
        order = {name: i for i, name in enumerate(self.names)}
        counts = [len(self.grid.triangles), *(len(p.triangles) for p in self.parts)]
        kinds = [order["skin"], *(order[p.material] for p in self.parts)]
        self.material_of = np.repeat(np.array(kinds, np.uint8), counts)
        self._bake()

    # --- building ------------------------------------------------------------------------------------------------

    def _changes(self) -> None:
        def change(expression: Expression) -> F32:
            return (self.sculptor(expression) - self.rest).astype(np.float32)

        self.jaw = [change(Expression(jaw=k)) for k in _JAW_KEYS]
        self.lids = [change(Expression(lids=k)) for k in _LID_KEYS]
        self.smile, self.pucker = change(Expression(smile=1.0)), change(Expression(pucker=1.0))
        self.brow_up, self.brow_down = change(Expression(brow=1.0)), change(Expression(brow=-1.0))

    def _parts(self) -> list[Part]:
        head = self.identity.head
        out = [parts.eyeball(self.face.eye(-1), "eye_left"), parts.eyeball(self.face.eye(1), "eye_right")]
        mouth = self._mouth_shift()
        for piece in (parts.teeth(upper=True), parts.teeth(upper=False), parts.tongue()):
            out.append(Part(piece.points + mouth, piece.uv, piece.triangles, piece.anchor, piece.material, piece.inner,
                            piece.tangents, piece.openness))  # fmt: skip
        for sign in (-1, 1):
            out.append(parts.ear(sign, head, self._ear_root(sign)))
        out += parts.body(head)
        out += hair.grow(self.identity, self.rest, self.grid)
        self.lashes = Lashes(self.grid, self.identity.features.lashes, self.identity.features.seed)
        out.append(self.lashes.part(self.rest))
        return sorted(out, key=lambda part: _ANCHORS.index(part.anchor))

    def _mouth_shift(self) -> F64:
        """How far this person's lips lie from the average."""
        lip = self._vertex(0.0, MOUTH_ROW)
        return np.array([0.0, self.rest[lip, 1] - MOUTH_ROW, self.rest[lip, 2] - 9.5])

    def _ear_root(self, sign: int) -> F64:
        g = self.grid
        distance = (
            np.abs(self.rest[:, 1] + 0.9) + np.abs(self.rest[:, 2] + 0.9) - 0.01 * sign * self.rest[:, 0]
        )
        distance = distance + 100.0 * ((self.rest[:, 0] * sign < 0) | (g.inside > 0))
        root = self.rest[int(np.argmin(distance))].copy()
        return np.asarray(root - np.array([sign * 0.35, 0.0, 0.0]))

    def _vertex(self, x: float, y: float) -> int:
        g = self.grid
        plain = (g.inside == 0) & (g.side >= 0) & (np.cos(g.phi[g.column]) > 0)
        return int(np.argmin(np.hypot(g.x - x, g.y - y) + 100.0 * ~plain))

    def _assemble(self) -> None:
        sizes = [len(self.rest), *(len(p.points) for p in self.parts)]
        starts = np.concatenate([[0], np.cumsum(sizes)])
        self.slices = [slice(int(a), int(b)) for a, b in pairwise(starts)]
        triangles = [
            self.grid.triangles,
            *(p.triangles + int(s) for p, s in zip(self.parts, starts[1:], strict=False)),
        ]
        self.triangles: I32 = np.ascontiguousarray(np.concatenate(triangles), dtype=np.int32)
        self.weld: I32 = np.arange(starts[-1], dtype=np.int32)
        self.weld[: len(self.rest)] = self.grid.weld
        for part, s in zip(self.parts, starts[1:], strict=False):
            _weld_doubles(part, self.weld, int(s))
        self.uv: F32 = np.ascontiguousarray(
            np.concatenate([self.grid.uv, *(p.uv for p in self.parts)]), np.float32
        )
        self.neck = parts.neck_share(self.rest).astype(np.float32)[:, None]
        self.inner = self._inner_face().astype(np.float32)
        self.fibre = np.concatenate([np.full(n, p is not None and p.tangents is not None) for n, p in
                                     zip(sizes, [None, *self.parts], strict=True)])  # fmt: skip
        self.fixed = np.concatenate([np.full(n, p is not None and p.normals is not None) for n, p in
                                     zip(sizes, [None, *self.parts], strict=True)])  # fmt: skip
        self.batches = self._batches()
        # Shadows are cast by matter, not by the few strands in front of it.
        self.solid = np.concatenate([np.full(len(self.grid.triangles), True),
                                     *(np.full(len(p.triangles), p.material != "lash") for p in self.parts)])  # fmt: skip  # noqa: E501

        self.casters: I32 = np.ascontiguousarray(self.triangles[self.solid])

    def _batches(self) -> dict[Anchor, tuple[slice, F32, F32]]:
        """Rigid vertices by what they move with: where they are, the points and their fixed normals or tangents."""
        out: dict[Anchor, tuple[slice, F32, F32]] = {}
        for anchor in _ANCHORS:
            chosen = [(p, w) for p, w in zip(self.parts, self.slices[1:], strict=True) if p.anchor == anchor]
            if chosen:
                where = slice(chosen[0][1].start, chosen[-1][1].stop)
                points = np.concatenate([p.points for p, _ in chosen]).astype(np.float32)
                vectors = [p.tangents if p.tangents is not None else p.normals for p, _ in chosen]
                filled = [
                    np.zeros_like(p.points) if v is None else v
                    for v, (p, _) in zip(vectors, chosen, strict=True)
                ]
                out[anchor] = where, points, np.concatenate(filled).astype(np.float32)
        return out

    def _inner_face(self) -> F64:
        """1 on the inner face: between brows and chin, inside the cheeks."""
        g = self.grid
        ahead = np.cos(g.phi[g.column]) > 0.05
        inside = (np.abs(g.x) / 6.0) ** 2.6 + (np.abs(g.y + 3.6) / 7.4) ** 2.6 < 1
        return np.concatenate(
            [(inside & ahead).astype(float), *(np.full(len(p.points), p.inner) for p in self.parts)]
        )

    def _bake(self) -> None:
        """Ambient openness of every vertex at rest: the share of the sky it sees (cosine-weighted)."""
        posed = self.pose(Pose())
        k = np.arange(_DIRECTIONS) + 0.5
        z = 1 - 2 * k / _DIRECTIONS
        turn = np.pi * (1 + 5**0.5) * k
        r = np.sqrt(1 - z * z)
        directions = np.stack([r * np.cos(turn), r * np.sin(turn), z], axis=1)
        normals = posed.normals.copy()
        normals[self.fibre] = _unit32(posed.points[self.fibre] - np.array([0, 1, -1], np.float32))
        seen = np.full(len(posed.points), 1e-6, np.float32)
        total = np.full(len(posed.points), 1e-6, np.float32)
        for d in directions:
            weight = np.maximum(normals @ d.astype(np.float32), 0)
            toward = (float(d[0]), float(d[1]), float(d[2]))
            seen += weight * _raster.visibility(
                posed.points, self.casters, posed.points, normals, toward, 0.3, 0.12, 160
            )
            total += weight
        openness = seen / total
        for part, where in zip(self.parts, self.slices[1:], strict=True):
            if part.openness is not None:
                openness[where] = part.openness
        head = self.slices[0]
        g = self.grid
        rim = ((g.part == 3) * g.inside).astype(np.float32)
        dark = np.interp(rim, np.arange(MOUTH_RIM + 1), [0.8, 0.65, 0.42, 0.22, 0.12, 0.07, 0.04])
        openness[head] = np.where(rim > 0, dark, openness[head])
        lid_rim = ((g.part == 1) | (g.part == 2)) & (g.inside > 0)
        openness[head] = np.where(lid_rim, 0.6, openness[head])
        self.openness = openness.astype(np.float32)

    # --- posing --------------------------------------------------------------------------------------------------

    def pose(self, pose: Pose) -> Posed:
        """Vertices and normals for a pose, turned but not placed."""
        head = self.rest.astype(np.float32)
        head += _between(self.jaw, _JAW_KEYS, pose.jaw)
        lids = pose.blink - 0.22 * np.clip(pose.gaze_y, -1, 1) * (1 - pose.blink)
        head += _between(self.lids, _LID_KEYS, float(lids))
        for amount, change in ((pose.smile, self.smile), (pose.pucker, self.pucker),
                               (max(pose.brow, 0), self.brow_up), (max(-pose.brow, 0), self.brow_down)):  # fmt: skip
            if amount:
                head += np.float32(amount) * change
        turn = rotation(pose.yaw, pose.pitch, pose.roll)
        lean = rotation(0.18 * pose.yaw, 0.0, 0.12 * pose.roll)
        points = np.empty((self.slices[-1].stop, 3), np.float32)
        normals = np.empty_like(points)
        points[self.slices[0]] = self._bend_neck(head, turn, lean)
        for anchor, (where, rest, vectors) in self.batches.items():
            moved = self.lashes.points(head, pose.blink) if anchor == "lids" else rest
            matrix, shift = self._motion(anchor, pose, turn, lean)
            points[where] = moved @ matrix.T + shift
            normals[where] = vectors @ matrix.T
        own = self.fibre | self.fixed
        normals = np.where(own[:, None], normals, _raster.vertex_normals(points, self.triangles, self.weld))
        return Posed(points, normals, self._interest(points))

    def _motion(self, anchor: Anchor, pose: Pose, turn: F64, lean: F64) -> tuple[F32, F32]:
        """Rotation and shift of the parts on an anchor."""
        outer = lean if anchor == "body" else turn
        inner, pivot = np.eye(3), PIVOT
        if anchor == "jaw":
            inner, pivot = rotation(0, -JAW_SWING * pose.jaw, 0), JAW_AXIS
        elif anchor in ("eye_left", "eye_right"):
            inner = rotation(18.0 * pose.gaze_x, 14.0 * pose.gaze_y, 0)
            pivot = self.face.eye(-1 if anchor == "eye_left" else 1).center
        matrix = outer @ inner
        shift = outer @ (pivot - inner @ pivot - PIVOT) + PIVOT
        return matrix.astype(np.float32), shift.astype(np.float32)

    def _bend_neck(self, head: F32, turn: F64, lean: F64) -> F32:
        centred = head - PIVOT.astype(np.float32)
        up = centred @ turn.T.astype(np.float32)
        down = centred @ lean.T.astype(np.float32)
        return np.asarray(down + (up - down) * self.neck + PIVOT.astype(np.float32))

    def _interest(self, points: F32) -> F64:
        """Left eye, right eye (of the picture), nose tip, left and right mouth corner."""
        if not hasattr(self, "_marks"):
            g = self.grid
            corners = [[self._vertex(s * x, 0.0) for x in (1.66, 4.54)] for s in (-1, 1)]
            tip = int(
                np.argmax(np.where((np.abs(g.x) < 0.5) & (g.y < -2) & (g.y > -5), self.rest[:, 2], -99))
            )
            mouth = [self._vertex(s * MOUTH_OUT, MOUTH_ROW) for s in (-1, 1)]
            self._marks = (*corners, [tip], [mouth[0]], [mouth[1]])
        return np.array([points[m].mean(axis=0) for m in self._marks], np.float64)


def _between(changes: list[F32], keys: tuple[float, ...], value: float) -> F32:
    """Linear interpolation between keyed changes."""
    value = float(np.clip(value, keys[0], keys[-1]))
    k = int(np.clip(np.searchsorted(keys, value, side="right") - 1, 0, len(keys) - 2))
    t = np.float32((value - keys[k]) / (keys[k + 1] - keys[k]))
    return np.asarray(changes[k] * (1 - t) + changes[k + 1] * t)


def _unit32(v: F32) -> F32:
    return np.asarray(v / np.maximum(np.linalg.norm(v, axis=1, keepdims=True), 1e-6))


def _weld_doubles(part: Part, weld: NDArray[np.int32], start: int) -> None:
    """Lets vertices of a part that share a place share a normal (seams of closed rings)."""
    if part.tangents is not None:
        return
    _, first, inverse = np.unique(np.round(part.points, 4), axis=0, return_index=True, return_inverse=True)
    weld[start : start + len(part.points)] = start + first[inverse.ravel()]


@lru_cache(maxsize=8)
def actor(identity: Identity) -> Actor:
    """The actor of an identity, built once (about a second) and kept."""
    return Actor(identity)
