"""The CUDA colour match against the float64 reference and the CPU."""

from __future__ import annotations

import numpy as np
import pytest

import compare
import reference
from fastswap import _cpu
from kernel_cases import faces_and_masks
from on_device import Device

pytestmark = pytest.mark.usefixtures("scalar")

MODES = ("reinhard", "linear", "mkl", "histogram", "sliced")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("size", [9, 70])
def test_color_statistics_and_match(device: Device, mode: str, size: int) -> None:
    arrays = faces_and_masks(3, size)
    faces, targets, masks = arrays
    want = np.empty((3, 2, _cpu.statistics_size(mode)))
    _cpu.color_statistics(*arrays, mode, want)
    out = device.put(np.full_like(want, np.nan))
    there = [device.put(a) for a in arrays]
    device.cuda.color_statistics(*there, mode, out, device.stream)
    got = device.get(out)
    assert np.abs(got - want).max() < compare.CUDA_SUMS * want[:, :, :1].max()

    matched = np.empty_like(faces)
    _cpu.match_color(faces, got, mode, 0.8, matched)
    for numbers in (got, out) if mode in ("reinhard", "linear", "mkl") else (got,):
        new = device.floats(3, 3, size, size)
        device.cuda.match_color(there[0], numbers, mode, 0.8, new, device.stream)
        assert np.abs(device.get(new) - matched).max() < compare.CUDA_COLOR
    if mode in ("reinhard", "mkl") and size > 9:
        device.cuda.match_color(there[0], out, mode, 1.0, new, device.stream)
        clean = np.nan_to_num(np.clip(faces, 0, 1)).astype(np.float64)
        truth = getattr(reference, mode)(clean[0], np.clip(targets[0], 0, 1).astype(np.float64), masks[0])
        assert np.abs(device.get(new)[0] - truth).max() < compare.COLOR_RGB


def test_color_none_copies_and_tables_need_host_statistics(device: Device) -> None:
    faces = faces_and_masks(1, 12)[0]
    there = device.put(faces)
    out = device.floats(*faces.shape)
    device.cuda.match_color(there, np.empty((1, 2, 0)), "none", 1.0, out, device.stream)
    assert np.array_equal(device.get(out), faces, equal_nan=True)
    numbers = device.put(np.zeros((1, 2, _cpu.statistics_size("histogram"))))
    with pytest.raises(ValueError, match="need statistics in host memory"):
        device.cuda.match_color(there, numbers, "histogram", 1.0, out, device.stream)
