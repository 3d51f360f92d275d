"""CUDA masks against the float64 reference and the CPU."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

import compare
import reference
from fastswap import _cpu
from kernel_cases import star
from on_device import Device

pytestmark = pytest.mark.usefixtures("scalar")


def waves(size: int) -> NDArray[np.float32]:
    y, x = np.mgrid[0:size, 0:size]
    return (0.5 + 0.6 * np.sin(x / 3.0) * np.cos(y / 5.0)).astype(np.float32)


def run_mask(
    device: Device,
    outlines: NDArray[np.float32] | None,
    generated: NDArray[np.float32] | None,
    size: int,
    settings: tuple[str, float, float],
    mattes: NDArray[np.float32] | None = None,
) -> NDArray[np.float32]:
    """Masks from the GPU."""
    count = len(next(a for a in (outlines, generated) if a is not None))
    out = device.floats(count, size, size)
    pixels = [None if a is None else device.put(a) for a in (generated, mattes)]
    device.cuda.mask(outlines, *pixels, *settings, out, device.stream)
    return device.get(out)


@pytest.mark.parametrize(
    ("erode", "feather"), [(0.0, 0.0), (0.0, 0.1), (0.1, 0.0), (0.03, 0.13), (0.13, 0.31), (0.5, 0.5)]
)
@pytest.mark.parametrize("size", [24, 45])
def test_mask(device: Device, size: int, erode: float, feather: float) -> None:
    middle = size / 2
    centres = ((middle, middle), (0.0, middle), (middle, -3.0), (-3.0 * size, 5.0))
    outlines = np.stack([star(size, 13, n, centre) for n, centre in enumerate(centres)])
    generated = np.stack([waves(size)] * len(outlines))
    for lines, drawn in ((outlines, None), (None, generated), (outlines, generated)):
        got = run_mask(
            device, None if lines is None else lines[:, None], drawn, size, ("product", erode, feather)
        )
        for n in range(len(outlines)):
            line = None if lines is None else lines[n].astype(np.float64)
            picture = None if drawn is None else drawn[n].astype(np.float64)
            want = reference.mask(line, picture, size, erode, feather)
            assert np.abs(got[n] - want).max() < compare.MASK


@pytest.mark.parametrize("join", ["product", "union"])
@pytest.mark.parametrize("erode", [-0.2, 0.05])
def test_joined_and_grown_masks_match_the_cpu(device: Device, join: str, erode: float) -> None:
    size = 37
    rng = np.random.default_rng(2)
    outlines = np.stack(
        [[star(size, 9, 2 * n, (16.0, 20.0)), star(size, 9, 2 * n + 1, (24.0, 12.0))] for n in range(2)]
    )
    generated, mattes = rng.uniform(-0.2, 1.2, (2, 2, size, size)).astype(np.float32)
    for drawn in (None, generated):
        got = run_mask(device, outlines, drawn, size, (join, erode, 0.2), mattes)
        want = np.empty((2, size, size), np.float32)
        _cpu.mask(outlines, drawn, mattes, join, erode, 0.2, want)
        assert np.abs(got - want).max() < compare.CUDA_MASK


def test_wide_soft_edges_take_several_launches(device: Device) -> None:
    """Of a reach that does not fit into shared memory at once."""
    size = 660
    outlines = np.array([[[[10, 10], [650, 10], [650, 650], [10, 650]]]], np.float32)
    got = run_mask(device, outlines, None, size, ("product", 0.0, 0.5))
    want = np.empty((1, size, size), np.float32)
    _cpu.mask(outlines, None, None, "product", 0.0, 0.5, want)
    assert np.abs(got - want).max() < compare.CUDA_MASK
