"""Frames with synthetic actors for the tests of detection, tracking and smoothing."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

import numpy as np
from numpy.typing import NDArray

from fastswap.actors import BO, Identity, Pose, RenderedFrame, Scene, performance, render_cast, render_frame
from fastswap.frame import Frame
from fastswap.video import frame_from_rgb

RGB = NDArray[np.uint8]
FPS = 25.0
STRAIGHT = Pose()
SMALL = Scene(size=(400, 300), face_px=110.0)
LARGE = Scene(size=(1280, 720), face_px=26.0)
CLOSE = Scene(size=(720, 640), face_px=390.0)


@cache
def person(identity: Identity = BO, pose: Pose = STRAIGHT, scene: Scene = SMALL) -> RenderedFrame:
    """One actor, drawn once however many tests ask."""
    return render_frame(identity, pose, scene)


@cache
def people(cast: tuple[tuple[Identity, Pose], ...], scene: Scene = SMALL) -> RenderedFrame:
    """Several actors, or none."""
    return render_cast(cast, scene)


@cache
def clip(
    identity: Identity = BO, kind: str = "talk", count: int = 24, scene: Scene = SMALL
) -> tuple[RenderedFrame, ...]:
    """A short performance, every frame with its own camera noise."""
    poses = performance(kind, frames=count, fps=FPS)  # type: ignore[arg-type]
    return tuple(render_frame(identity, pose, scene, index=i) for i, pose in enumerate(poses))


def frames(pictures: Iterable[RGB]) -> list[Frame]:
    """Pictures [H, W, 3] as the frames of a video."""
    return [frame_from_rgb(rgb, index=i, pts=i, time=i / FPS) for i, rgb in enumerate(pictures)]


def moved(rgb: RGB, right: int, down: int) -> RGB:
    """The picture moved by whole pixels, its border repeated."""
    height, width = rgb.shape[:2]
    rows = np.clip(np.arange(height) - down, 0, height - 1)
    columns = np.clip(np.arange(width) - right, 0, width - 1)
    return np.ascontiguousarray(rgb[rows][:, columns])
