"""CUDA sharpness, motion blur and noise against the CPU."""

from __future__ import annotations

import numpy as np
import pytest

import compare
import pictures
from fastswap import _cpu
from kernel_cases import FORMATS, blobs, faces_and_masks
from on_device import Device
from reference import Color

pytestmark = pytest.mark.usefixtures("scalar")


@pytest.mark.parametrize("size", [1, 2, 7, 50])
def test_detail_and_sharpen(device: Device, size: int) -> None:
    faces, _, masks = faces_and_masks(3, size)
    pixels, alpha = device.put(faces), device.put(masks)
    want = np.empty((3, 5))
    _cpu.detail_statistics(faces, masks, want)
    out = device.put(np.full_like(want, np.nan))
    device.cuda.detail_statistics(pixels, alpha, out, device.stream)
    # A magnitude beside the border between two of the histogram's bins may be counted in either.
    assert np.abs(device.get(out) - want).max() <= compare.CUDA_DETAIL * max(want[:, 0].max(), 1.0)
    gains = np.array([[1.5, 0.5], [1.0, 1.0], [2.0, 1.2]], np.float32)
    sharper, there = np.empty_like(faces), device.floats(*faces.shape)
    _cpu.sharpen(faces, gains, sharper)
    device.cuda.sharpen(pixels, gains, there, device.stream)
    assert np.abs(device.get(there) - sharper).max() < compare.CUDA_RGB


@pytest.mark.parametrize("size", [1, 2, 33])
def test_motion_blur(device: Device, size: int) -> None:
    rng = np.random.default_rng(1)
    faces = rng.uniform(0, 1, (3, 3, size, size)).astype(np.float32)
    masks = (rng.uniform(0, 1, (3, size, size)) > 0.3).astype(np.float32)
    motions = np.array([[[0, 0, 6.0], [0, 0, -3.0]], np.zeros((2, 3)), [[0.02, -0.1, 1.0], [0.1, 0.02, 0]]])
    want, out = np.empty_like(faces), device.floats(*faces.shape)
    _cpu.motion_blur(faces, masks, motions, want)
    pixels = device.put(faces)
    device.cuda.motion_blur(pixels, device.put(masks), motions, out, device.stream)
    assert np.abs(device.get(out) - want).max() < compare.CUDA_RGB
    with pytest.raises(ValueError, match="out must not be faces"):
        device.cuda.motion_blur(pixels, device.put(masks), motions, pixels, device.stream)
    with pytest.raises(ValueError, match="not finite"):
        device.cuda.motion_blur(pixels, device.put(masks), motions * np.nan, out, device.stream)


@pytest.mark.parametrize("color", FORMATS, ids=str)
@pytest.mark.parametrize("layout", ["semiplanar", "mirrored"])
def test_noise(device: Device, layout: str, color: Color) -> None:
    shown = [pictures.noise(67, 93, color, layout=layout, seed=n) for n in range(2)]
    there = [device.picture(p) for p in shown]
    size = 32
    _, masks = blobs(3, size)
    maps = np.array(
        [
            pictures.similarity(1.5, 30.0, (45.0, 30.0), size),
            pictures.similarity(1.0, 0.0, (2.0, 60.0), size),
            np.zeros((2, 3)),
        ]
    )
    order = (0, 1, 0)
    want = np.empty((3, 4))
    _cpu.noise_statistics([shown[n].native for n in order], maps, masks, want)
    out = device.put(np.full_like(want, np.nan))
    device.cuda.noise_statistics(
        [there[n].native for n in order], maps, device.put(masks), out, device.stream
    )
    assert np.allclose(device.get(out), want, rtol=1e-12, atol=0)
    assert want[0, 0] > 64
    assert not want[2].any()
