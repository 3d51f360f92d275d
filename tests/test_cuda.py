"""The CUDA module. Without a GPU it must load and fail in words; with one it must agree with the float64 reference.

Tests that need the module or a GPU are skipped without it, unless FASTSWAP_REQUIRE_CUDA=1, which makes that a failure.
"""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from types import ModuleType

import numpy as np
import pytest

import compare
import pictures
import reference
import signatures
from fastswap import _cpu
from reference import Color

REQUIRED = os.environ.get("FASTSWAP_REQUIRE_CUDA") == "1"


def missing(why: str) -> None:
    """Skips, or fails where CUDA is required."""
    if REQUIRED:
        pytest.fail(f"FASTSWAP_REQUIRE_CUDA=1, but {why}")
    pytest.skip(why)


@pytest.fixture(scope="module")
def cuda() -> ModuleType:
    """The module, GPU or not."""
    try:
        return importlib.import_module("fastswap._cuda")
    except ModuleNotFoundError:
        missing("_cuda was not built: there was no working nvcc")
        raise


@pytest.fixture(scope="module")
def gpu(cuda: ModuleType) -> ModuleType:
    """The module on a machine with a GPU."""
    if cuda.device_count() == 0:
        missing("there is no usable NVIDIA GPU")
    return cuda


def test_the_stub_and_the_module_agree(cuda: ModuleType) -> None:
    stub = signatures.of_stub("_cuda")
    assert stub == signatures.of_module(cuda)
    assert stub["crop"] == signatures.of_stub("_cpu")["crop"]


def test_without_a_gpu_the_first_call_says_so(cuda: ModuleType) -> None:
    """In a process that sees no GPU even where there is one."""
    program = """
import numpy as np
from fastswap import _cuda
assert _cuda.device_count() == 0
y, c = np.zeros((8, 8), np.uint8), np.zeros((4, 4), np.uint8)
picture = (y, c, c, "bt709", False, "left", 8, (1, 1))
for call in (
    lambda: _cuda.device_name(0),
    lambda: _cuda.crop([picture], np.zeros((1, 2, 3)), np.zeros((1, 3, 8, 8), np.float32), "black"),
):
    try:
        call()
    except RuntimeError as error:
        print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    lines = done.stdout.splitlines()
    assert len(lines) == 2
    assert all(line.startswith("no usable NVIDIA GPU") and "cuda" in line for line in lines)


def test_bad_arguments_need_no_gpu(cuda: ModuleType) -> None:
    picture = pictures.noise(16, 16)
    out = np.zeros((1, 3, 8, 8), np.float32)
    with pytest.raises(ValueError, match="border is 'grey'"):
        cuda.crop([picture.native], np.zeros((1, 2, 3)), out, "grey")
    with pytest.raises(ValueError, match="not finite"):
        cuda.crop([picture.native], np.full((1, 2, 3), np.nan), out, "black")


@pytest.mark.parametrize("border", ["replicate", "black"])
@pytest.mark.parametrize("bits", [8, 10])
@pytest.mark.parametrize("layout", pictures.LAYOUTS)
def test_crop_matches_reference_and_cpu(gpu: ModuleType, layout: str, bits: int, border: str) -> None:
    color = Color("bt709", False, "left", bits)
    shown = [pictures.noise(67, 93, color, layout=layout, seed=n) for n in range(2)]
    batch = [shown[0], shown[1], shown[0], shown[1]]
    size = 45
    settings = ((0.3, 0.0), (0.9, 33.0), (1.7, -120.0), (6.0, 10.0))
    maps = [pictures.similarity(scale, angle, (40.0, 30.0), size) for scale, angle in settings]
    out = np.empty((4, 3, size, size), np.float32)
    gpu.crop([p.native for p in batch], np.array(maps), out, border)
    for n in range(2):
        want = reference.crop(batch[n].planes, color, maps[n], size, black=border == "black")
        assert np.abs(out[n] - want).max() < compare.CROP_POINT
    before = _cpu.get_simd()
    _cpu.set_simd("scalar")
    cpu = pictures.run_crop(batch, maps, size, border)
    _cpu.set_simd(before)
    assert np.abs(out - cpu).max() < compare.CUDA_RGB
