"""Small networks and faces for the tests of training."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from fastswap import training
from fastswap.training import expression, presets
from fastswap.training.presets import Preset, Shape
from fastswap.training.recipe import Augment, LossWeights
from fastswap.training.report import TrainReport
from fastswap.training.store import FaceArrays

if TYPE_CHECKING:
    from fastswap.training.learner import Learner

MICRO = Shape(32, (32, 32), 32, (32, 32))
FAMILIES = [replace(MICRO, family=family) for family in ("df", "liae", "duo")]
ASKED = {"subject": "Anna", "consent": "a synthetic person"}
MICRO_PRESET = Preset("micro", MICRO, 4, 1e-3, 1.0, weights=LossWeights(onlooker=0.0))
"""Without the onlooker, which takes a hundred times as long as the rest; its tests are `test_training_onlooker`."""


def add_micro() -> None:
    """Makes the preset "micro" known in this process; it steps in milliseconds."""
    presets.PRESETS["micro"] = MICRO_PRESET


def blobs(seed: int, count: int = 12, side: int = 60) -> FaceArrays:
    """Faces that are smooth blobs on a plain ground, of one hue, in many places."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side] / side - 0.5
    color = rng.uniform(60, 250, (2, 3, 1, 1))
    planes = np.zeros((count, 5, side, side), np.uint8)
    for plane in planes:
        u, v = rng.uniform(-0.12, 0.12, 2)
        inside = np.exp(-(((x - u) / 0.2) ** 4) - ((y - v) / 0.3) ** 4)
        plane[:3] = color[0] * inside + color[1] * (1 - inside)
        plane[3] = 255 * (inside > 0.5)
        plane[4] = 255 * (np.hypot(x - u, y - v) < 0.06)
    turns = rng.uniform(-30, 30, (count, 2)).astype(np.float32)
    shown = rng.normal(size=(count, expression.COUNT)).astype(np.float32)
    return FaceArrays((planes,), 1.3, "dfl_whole_face", (), turns, shown)


def learner(*, faces: tuple[FaceArrays, FaceArrays] | None = None, **options: Any) -> Learner:
    """In float32 on the CPU; options as of `Learner`. faces: of both persons, by default blobs."""
    import torch

    from fastswap.training.learner import Learner

    settings = {"shape": MICRO, "batch": 4, "seed": 0, "device": torch.device("cpu"), "bf16": False} | options
    source, target = faces or (blobs(1), blobs(2))
    return Learner(source=source, target=target, **settings)


def losses(model: Learner, steps: int) -> list[float]:
    """The whole loss of each of so many steps."""
    return [float(model.step(1e-3)[0]) for _ in range(steps)]


NOTHING = Augment(
    turn=0,
    zoom=0,
    shift=0,
    warp=0,
    transfer=0,
    gain=0,
    tint=0,
    offset=0,
    light=0,
    blur=0,
    noise=0,
    compression=0,
)

MICRO_TOML = """
base = "tiny"
batch = 4
[network]
resolution = 32
encoder = [32, 32]
decoder = [32, 32]
latent = 32
"""
"""The same as a TOML file, which other processes know too."""

Go = Callable[..., TrainReport]


@pytest.fixture
def go(facesets: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Go:
    """`train` on the two small facesets with the preset "micro"; the model is anna.onnx in a folder of the test."""
    torch = pytest.importorskip("torch", reason="training needs torch")
    torch.set_num_threads(1)
    monkeypatch.setitem(presets.PRESETS, "micro", MICRO_PRESET)

    def run(**options: object) -> TrainReport:
        asked = {"preset": "micro", "precision": "f32", "steps": 6, **ASKED, **options}
        sides = [asked.pop(name, faces) for name, faces in zip(("source", "target"), facesets, strict=True)]
        return training.train(*sides, tmp_path / "anna.onnx", **asked)  # type: ignore[arg-type]

    return run
