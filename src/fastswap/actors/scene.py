"""Pictures of actors: camera, light, background, and what is known about each frame."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from fastswap import _raster
from fastswap.actors.backdrop import BACKDROPS, Backdrop, backdrop
from fastswap.actors.identity import Identity
from fastswap.actors.mathkit import F64
from fastswap.actors.performance import Pose
from fastswap.actors.rig import actor
from fastswap.errors import SettingsError

U8 = NDArray[np.uint8]
Light = Literal["studio", "window", "warm", "flat", "evening"]
LIGHTS: tuple[Light, ...] = get_args(Light)

DISTANCE = 140.0
"""Camera to head, cm: far enough that perspective does not swell the nose."""
FACE_WIDTH = 14.0
"""Width of the average face across the cheekbones, cm: `face_px` pixels."""
MIDDLE = np.array([0.0, -2.5, 2.0])
"""The point of the head that `Pose.x`, `Pose.y` place."""


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything around the actors.

    size: (width, height) in pixels. face_px: width of an average face at scale 1, pixels. noise: deviation of the
    camera's noise in code values. Raises SettingsError for an unknown light or background, or a size below 1.
    """

    size: tuple[int, int] = (640, 480)
    background: Backdrop = "room"
    light: Light = "studio"
    face_px: float = 90.0
    noise: float = 1.2
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.size) < 1 or self.face_px <= 0:
            raise SettingsError(f"scene: size {self.size} and face_px {self.face_px} must be positive")
        if self.background not in BACKDROPS:
            raise SettingsError(
                f"scene: background is {self.background!r}; choose one of {', '.join(BACKDROPS)}"
            )
        if self.light not in LIGHTS:
            raise SettingsError(f"scene: light is {self.light!r}; choose one of {', '.join(LIGHTS)}")


@dataclass(frozen=True, slots=True)
class ActorTruth:
    """What is known about one actor of a frame, in display pixels.

    points: float64 [5, 2] for `align`: left eye, right eye (of the picture; middles of the corners), nose tip, left and
    right corner of the mouth.
    """

    pose: Pose
    points: F64


@dataclass(frozen=True, slots=True)
class RenderedFrame:
    """rgb: uint8 [H, W, 3]. mask: uint8 [H, W], 255 on inner faces. cover: 255 on any actor. actors: in cast order."""

    rgb: U8
    mask: U8
    cover: U8
    actors: tuple[ActorTruth, ...]

    @property
    def points(self) -> F64:
        """Five points of the first actor."""
        return self.actors[0].points


Cast = Sequence[tuple[Identity, Pose]]


def render_frame(identity: Identity, pose: Pose, scene: Scene = Scene(), *, index: int = 0) -> RenderedFrame:
    """One actor in a scene. index: picks the camera noise."""
    return render_cast([(identity, pose)], scene, index=index)


def render_cast(cast: Cast, scene: Scene = Scene(), *, index: int = 0) -> RenderedFrame:
    """Any number of actors (none is a frame without a face), the farthest first."""
    rgb = backdrop(scene.background, scene.size, scene.seed).copy()
    width, height = scene.size
    cover, face = np.zeros((height, width), np.uint8), np.zeros((height, width), np.uint8)
    truths: dict[int, ActorTruth] = {}
    for i in sorted(range(len(cast)), key=lambda k: cast[k][1].scale):
        truths[i] = _draw(*cast[i], scene, rgb, cover, face)
    if scene.noise > 0:
        _add_noise(rgb, scene.noise, scene.seed, index)
    return RenderedFrame(rgb, face, cover, tuple(truths[i] for i in range(len(cast))))


def render_clip(identity: Identity, performance: Iterable[Pose], scene: Scene = Scene()) -> Iterator[U8]:
    """RGB frames [H, W, 3] of a performance. The same performance with another identity differs only in the actor."""
    for index, pose in enumerate(performance):
        yield render_frame(identity, pose, scene, index=index).rgb


def _draw(identity: Identity, pose: Pose, scene: Scene, rgb: U8, cover: U8, face: U8) -> ActorTruth:
    person = actor(identity)
    posed = person.pose(pose)
    width, height = scene.size
    focal = scene.face_px * pose.scale * DISTANCE / FACE_WIDTH
    flip = np.array([1, -1, -1], np.float32)
    center = MIDDLE.astype(np.float32)
    camera = (posed.points - center) * flip + np.array([0, 0, DISTANCE], np.float32)
    normals = posed.normals * flip
    light, toward = _lighting(scene.light)
    casters = person.casters
    lit = _raster.visibility(camera, casters, camera, normals, toward, 0.42, 0.1, 256)
    lit = _raster.smoothed(lit, person.triangles, 2)
    exposure = np.ascontiguousarray(np.stack([person.openness, lit, person.inner], axis=1))
    cx, cy = pose.x * width, pose.y * height
    _raster.draw(rgb, cover, face, camera, normals, person.uv, exposure, person.triangles, person.material_of,
                 [person.materials[name] for name in person.names], light, focal, cx, cy)  # fmt: skip
    marks = (posed.points_of_interest - MIDDLE) * flip + [0, 0, DISTANCE]
    xy = focal * marks[:, :2] / marks[:, 2:] + [cx, cy]
    return ActorTruth(pose, xy)


@lru_cache(maxsize=16)
def _lighting(name: Light) -> tuple[_raster.Lighting, tuple[float, float, float]]:
    """Lights in camera space (y down, z away), and the direction of the key light."""
    table = {
        # name: key direction, key, fill direction, fill, rim direction, rim, sky, ground
        "studio": ((-0.55, -0.6, -0.75), (1.32, 1.25, 1.15), (0.8, -0.1, -0.6), (0.2, 0.215, 0.245),
                   (0.75, -0.45, 0.65), (0.5, 0.5, 0.55), (0.3, 0.315, 0.35), (0.17, 0.14, 0.125)),
        "window": ((0.8, -0.3, -0.55), (1.4, 1.42, 1.45), (-0.7, -0.1, -0.7), (0.2, 0.2, 0.22),
                   (-0.7, -0.4, 0.6), (0.3, 0.3, 0.32), (0.42, 0.45, 0.5), (0.24, 0.21, 0.18)),
        "warm": ((-0.35, -0.5, -0.8), (1.4, 1.2, 0.95), (0.75, -0.2, -0.6), (0.3, 0.33, 0.42),
                 (-0.8, -0.4, 0.5), (0.6, 0.48, 0.3), (0.42, 0.38, 0.34), (0.26, 0.2, 0.15)),
        "flat": ((-0.1, -0.45, -0.9), (1.15, 1.13, 1.1), (0.6, -0.1, -0.8), (0.4, 0.4, 0.42),
                 (0.0, -0.8, 0.6), (0.3, 0.3, 0.3), (0.6, 0.61, 0.63), (0.4, 0.37, 0.35)),
        "evening": ((0.5, -0.45, -0.75), (1.0, 0.8, 0.6), (-0.8, -0.1, -0.5), (0.16, 0.22, 0.36),
                    (-0.75, -0.3, 0.6), (0.35, 0.5, 0.8), (0.24, 0.28, 0.36), (0.16, 0.13, 0.12)),
    }  # fmt: skip
    key_to, key, fill_to, fill, rim_to, rim, sky, ground = table[name]
    return _raster.Lighting(key_to, key, fill_to, fill, rim_to, rim, sky, ground), key_to


@lru_cache(maxsize=4)
def _noise_tile(seed: int) -> NDArray[np.float32]:
    rng = np.random.default_rng([0x201, seed])
    tile = rng.standard_normal((512, 512, 3)).astype(np.float32)
    shared = rng.standard_normal((512, 512, 1)).astype(np.float32)
    return np.asarray(0.75 * shared + 0.65 * tile)


def _add_noise(rgb: U8, deviation: float, seed: int, index: int) -> None:
    """Camera noise: one tile, shifted differently in every frame."""
    tile = _noise_tile(seed)
    rng = np.random.default_rng([0x202, seed, index])
    dy, dx = rng.integers(0, 512, 2)
    rows, columns = (np.arange(n) for n in rgb.shape[:2])
    for top in range(0, len(rows), 512):
        for left in range(0, len(columns), 512):
            block = rgb[top : top + 512, left : left + 512]
            moved = np.roll(tile, (int(dy), int(dx)), (0, 1))[: block.shape[0], : block.shape[1]]
            block[...] = np.clip(block + deviation * moved + 0.5, 0, 255).astype(np.uint8)
