"""What the tests of the CUDA kernels (test_kernels_*.py) share.

They run on a card where there is one. Without one they are skipped, and test_cuda.py runs them over kernels that are
compiled for the host: FASTSWAP_CUDA_EMULATED names that module.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from numpy.typing import NDArray

import emulated
import pictures
from fastswap import _cpu
from on_device import Device
from reference import Color

EMULATED = os.environ.get("FASTSWAP_CUDA_EMULATED")

FORMATS = [
    Color(),
    Color(bits=10),
    Color("bt2020", True, "topleft", 16, (1, 0)),
    Color("bt601", False, "center", 12, (0, 0)),
]
HDR = [Color("bt2020", bits=10, transfer=name) for name in ("pq", "hlg")]


@pytest.fixture(scope="module")
def cuda() -> ModuleType:
    """The module, with something to run on."""
    if EMULATED:
        return emulated.load(Path(EMULATED))
    required = os.environ.get("FASTSWAP_REQUIRE_CUDA") == "1"
    try:
        module = importlib.import_module("fastswap._cuda")
    except ModuleNotFoundError:
        module = None
    if module is None or module.device_count() == 0:
        if required:
            pytest.fail("FASTSWAP_REQUIRE_CUDA=1, but there is no _cuda or no usable NVIDIA GPU")
        pytest.skip("there is no usable NVIDIA GPU")
    return module


@pytest.fixture
def device(cuda: ModuleType) -> Device:
    """The module and a stream."""
    return Device(cuda, cuda.Stream())


@pytest.fixture
def scalar() -> Iterator[None]:
    """The CPU's results to compare with come from its plain loops."""
    before = _cpu.get_simd()
    _cpu.set_simd("scalar")
    yield
    _cpu.set_simd(before)


def star(size: int, points: int, seed: int, centre: tuple[float, float]) -> NDArray[np.float32]:
    """A closed outline around a centre, with bays."""
    rng = np.random.default_rng(seed)
    turn = np.sort(rng.uniform(0, 2 * np.pi, points))
    radius = rng.uniform(0.2, 0.48, points) * size
    return (np.array(centre) + radius[:, None] * np.column_stack([np.cos(turn), np.sin(turn)])).astype(
        np.float32
    )


def faces_and_masks(count: int, size: int, seed: int = 0) -> tuple[NDArray[np.float32], ...]:
    """Faces, targets and masks, with values beyond 0..1 and pixels that are not numbers outside the masks."""
    rng = np.random.default_rng(seed)
    faces = rng.normal(0.5, 0.25, (count, 3, size, size)).astype(np.float32)
    targets = rng.normal((0.6, 0.45, 0.4), 0.1, (count, size, size, 3)).astype(np.float32)
    masks = np.clip(rng.uniform(-1, 1.5, (count, size, size)), 0, 1).astype(np.float32)
    faces[:, :, 0, 0] = np.nan
    masks[:, 0, 0] = 0.0
    return faces, np.ascontiguousarray(targets.transpose(0, 3, 1, 2)), masks


def blobs(count: int, size: int, seed: int = 0) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Smooth faces, and masks that are 0 on the crop's border."""
    faces = np.stack([pictures.smooth_rgb(size, size, seed + n) for n in range(count)]).astype(np.float32)
    y, x = np.mgrid[0:size, 0:size] + 0.5 - size / 2
    mask = np.clip(1.3 - np.hypot(x, y) / (0.36 * size), 0, 1).astype(np.float32)
    mask[[0, -1]] = mask[:, [0, -1]] = 0.0
    return faces, np.stack([mask] * count)
