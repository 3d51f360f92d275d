"""Synthetic actors: rendered people who do not exist, for the demo and the tests.

`render_frame(identity, pose, scene)` draws a person; `performance(...)` says what the person does over time. The same
performance rendered with `target.with_features_of(source)` is the ground truth of swapping source's face into
target's video: head, hair, complexion, light and background are the target's, the inner face is the source's.
Everything is deterministic.
"""

from fastswap.actors.identity import ANNA, BO, CLEO, DAN, PRESETS, Features, Head, Identity
from fastswap.actors.performance import KINDS, Performance, Pose, performance
from fastswap.actors.scene import (
    ActorTruth,
    RenderedFrame,
    Scene,
    render_cast,
    render_clip,
    render_frame,
)

__all__ = [
    "ANNA", "BO", "CLEO", "DAN", "KINDS", "PRESETS", "ActorTruth", "Features", "Head", "Identity", "Performance",
    "Pose", "RenderedFrame", "Scene", "performance", "render_cast", "render_clip", "render_frame",
]  # fmt: skip
