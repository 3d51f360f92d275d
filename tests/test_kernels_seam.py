"""The CUDA seams against the float64 reference and the CPU."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import compare
import pictures
import reference_seam
from fastswap import _cpu
from on_device import Device

pytestmark = pytest.mark.usefixtures("scalar")


def seam_case(size: int, feather: float, seed: int) -> tuple[NDArray[np.float32], ...]:
    """A face, a target of other colours, and a mask with a soft edge."""
    rng = np.random.default_rng(seed)
    face = pictures.smooth_rgb(size, size, seed).astype(np.float32)
    light = np.linspace(0.7, 1.1, size)[None, None]
    noise = rng.normal(0, 0.03, (3, size, size))
    target = np.clip(0.8 * face * light + 0.1 + noise, 0, 1).astype(np.float32)
    y, x = np.mgrid[0:size, 0:size] + 0.5 - size / 2
    soft = max(feather * size, 1e-3)
    mask = np.clip((0.42 * size - np.hypot(x, y)) / soft, 0, 1).astype(np.float32)
    return face, target, mask


def run_seam(
    device: Device, arrays: tuple[NDArray[np.float32], ...], maps: Any, mode: str, frame: tuple[int, int]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """What the GPU and the CPU make of the same faces, targets and masks."""
    count = len(arrays[0])
    to_coded = np.broadcast_to(np.asarray(maps, np.float64), (count, 2, 3)).copy()
    frames = np.broadcast_to(np.array(frame, np.int32), (count, 2)).copy()
    out, want = device.floats(*arrays[0].shape), np.empty_like(arrays[0])
    device.cuda.match_seam(*(device.put(a) for a in arrays), to_coded, frames, mode, out, device.stream)
    _cpu.match_seam(*arrays, to_coded, frames, mode, want)
    return device.get(out), want


@pytest.mark.parametrize("mode", ["feather", "poisson", "multiband"])
@pytest.mark.parametrize("feather", [0.08, 0.0])
@pytest.mark.parametrize("size", [1, 5, 33, 75])
def test_seam(device: Device, size: int, feather: float, mode: str) -> None:
    cases = [seam_case(size, feather, n) for n in range(2)]
    arrays = tuple(np.stack(a) for a in zip(*cases, strict=True))
    inside = [[1.0, 0.0, 10.0], [0.0, 1.0, 10.0]]
    got, cpu = run_seam(device, arrays, inside, mode, (500, 400))
    shown = arrays[2] > 0
    for n, case in enumerate(cases):
        face, target, mask = (a.astype(np.float64) for a in case)
        if mode == "poisson":
            want = reference_seam.poisson(face, target, mask, np.ones_like(mask))
            error = np.abs(got[n] - want)[:, shown[n]]
            assert error.mean() < compare.MEMBRANE_MEAN
            assert error.max() < compare.MEMBRANE_MAX
        elif mode == "multiband":
            want = reference_seam.multiband(face, target, mask)
            assert np.abs(got[n] - want)[:, shown[n]].max(initial=0) < compare.BANDS
        else:
            assert np.array_equal(got[n], case[0])
        assert np.abs(got[n] - cpu[n])[:, shown[n]].max(initial=0) < compare.CUDA_SEAM
        assert np.isfinite(got[n]).all()


@pytest.mark.parametrize("mode", ["poisson", "multiband"])
def test_seam_over_the_frames_edge(device: Device, mode: str) -> None:
    """A crop whose left third lies beyond the frame, turned a little; and one that is wholly outside."""
    size = 48
    arrays = tuple(a[None] for a in seam_case(size, 0.1, 3))
    for centre in ((8.0, 40.0), (-300.0, 40.0)):
        maps = pictures.similarity(1.0, 20.0, centre, size)
        got, cpu = run_seam(device, arrays, maps, mode, (80, 90))
        assert np.abs(got - cpu)[:, :, arrays[2][0] > 0].max() < compare.CUDA_SEAM
