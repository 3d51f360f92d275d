"""CUDA blend and composite against the float64 reference and the CPU."""

from __future__ import annotations

import numpy as np
import pytest

import compare
import pictures
import reference
from fastswap import _cpu
from kernel_cases import FORMATS, HDR, blobs, star
from on_device import Device
from reference import Color

pytestmark = pytest.mark.usefixtures("scalar")


@pytest.mark.parametrize("color", FORMATS, ids=str)
@pytest.mark.parametrize("layout", pictures.LAYOUTS)
def test_blend(device: Device, layout: str, color: Color) -> None:
    size = 24
    shown = [pictures.noise(67, 93, color, layout=layout, seed=n) for n in range(2)]
    there = [device.picture(p.copy()) for p in shown]
    faces, masks = blobs(4, size)
    maps = np.array(
        [
            pictures.similarity(2.2, 20.0, (30.0, 30.0), size),
            pictures.similarity(2.5, -100.0, (60.0, 50.0), size),
            pictures.similarity(2.1, 0.0, (70.0, 10.0), size),
            pictures.similarity(2.3, 5.0, (5.0, 40.0), size),
        ]
    )
    order = (0, 1, 0, 1)
    device.cuda.blend(
        [there[n].native for n in order],
        maps,
        device.put(faces),
        device.put(masks),
        0.9,
        "bilinear",
        None,
        [],
        device.stream,
    )
    tolerance = {8: compare.BLEND_CODES, 12: compare.BLEND_CODES_12, 16: compare.BLEND_CODES_16}
    for n in range(2):
        got = device.fetch(there[n])
        want = [plane.astype(np.float64) for plane in shown[n].planes]
        for k in (k for k in range(4) if order[k] == n):
            want = reference.blend(want, color, maps[k], faces[k], masks[k], opacity=0.9)
        for plane, truth in zip(got.planes, want, strict=True):
            # Two faces on one picture: the second is mixed with rounded codes.
            assert np.abs(plane - truth).max() < tolerance.get(color.bits, compare.BLEND_CODES_12) + 0.5
        assert got.guards_hold()


@pytest.mark.parametrize("enlarge", ["bilinear", "bicubic", "lanczos"])
@pytest.mark.parametrize("scale", [0.06, 0.3, 0.8, 2.2])
def test_blend_matches_the_cpu(device: Device, scale: float, enlarge: str) -> None:
    """Shrunk and enlarged faces that overlap, with grain; later ones over earlier ones."""
    size = 40
    shown = pictures.noise(75, 90)
    there = device.picture(shown.copy())
    faces, masks = blobs(3, size)
    maps = np.array([pictures.similarity(scale, 15.0 * n, (35.0 + 6 * n, 40.0), size) for n in range(3)])
    grain = np.array([[0.01, 0.004, 0.005], [0, 0, 0], [0.02, 0, 0]], np.float32)
    seeds = [7, 8, 2**32 - 1]
    want = shown.copy()
    _cpu.blend([want.native] * 3, maps, faces, masks, 1.0, enlarge, grain, seeds)
    device.cuda.blend(
        [there.native] * 3,
        maps,
        device.put(faces),
        device.put(masks),
        1.0,
        enlarge,
        grain,
        seeds,
        device.stream,
    )
    got = device.fetch(there)
    assert got.guards_hold()
    for plane, cpu in zip(got.planes, want.planes, strict=True):
        assert np.abs(plane.astype(int) - cpu.astype(int)).max() <= compare.CUDA_CODES
    assert not np.array_equal(got.planes[0], shown.planes[0])


@pytest.mark.parametrize("blend", ["feather", "poisson", "multiband"])
@pytest.mark.parametrize(
    ("mode", "steadied"),
    [
        ("none", False),
        ("reinhard", False),
        ("mkl", True),
        ("linear", False),
        ("histogram", True),
        ("sliced", True),
    ],
)
def test_composite_matches_the_cpu(device: Device, mode: str, steadied: bool, blend: str) -> None:
    size = 48
    shown = [pictures.smooth(90, 120, layout="semiplanar", seed=n) for n in range(2)]
    there = [device.picture(p.copy()) for p in shown]
    cpu = [p.copy() for p in shown]
    order = (0, 1, 1)
    maps = np.array([pictures.similarity(1.4, 10.0 * n, (50.0 + 10 * n, 40.0), size) for n in range(3)])
    targets = pictures.run_crop([shown[n] for n in order], list(maps), size)
    faces, generated = blobs(3, size, seed=5)
    outlines = np.stack([[star(size, 24, n, (size / 2, size / 2))] for n in range(3)])
    statistics = None
    if steadied:
        statistics = np.empty((3, 2, _cpu.statistics_size(mode)))
        _cpu.color_statistics(faces, targets, generated, mode, statistics)
    settings = ("product", 0.02, 0.1, mode, 0.9, blend, 0.95, "bicubic", None, [])
    _cpu.composite(
        [cpu[n].native for n in order],
        maps,
        targets,
        faces,
        generated,
        outlines,
        None,
        None,
        statistics,
        *settings,
    )
    device.cuda.composite(
        [there[n].native for n in order],
        maps,
        device.put(targets),
        device.put(faces),
        device.put(generated),
        outlines,
        None,
        None,
        statistics,
        *settings,
        device.stream,
    )
    for n in range(2):
        got = device.fetch(there[n])
        assert got.guards_hold()
        for plane, want in zip(got.planes, cpu[n].planes, strict=True):
            limit = compare.CUDA_CODES if blend == "feather" else compare.CUDA_SEAM_CODES
            assert np.abs(plane.astype(int) - want.astype(int)).max() <= limit


@pytest.mark.parametrize("layout", ["planar", "semiplanar"])
def test_p010_words(device: Device, layout: str) -> None:
    """Code values in the upper bits of their words: the low bits stay 0 where a face is drawn."""
    size, color = 32, Color(bits=10)
    host = pictures.noise(60, 70, color, layout=layout)
    up = host.copy()
    for plane in up.planes:
        plane[...] = plane << 6
    there = device.picture(up.copy())
    native = (*there.native[:8], 6)
    maps = np.array([pictures.similarity(1.3, 20.0, (35.0, 30.0), size)])
    out = device.floats(1, 3, size, size)
    device.cuda.crop([native], maps, out, "replicate", device.stream)
    plain = pictures.run_crop([host], list(maps), size)
    assert np.abs(device.get(out) - plain).max() < compare.CUDA_RGB
    faces, masks = blobs(1, size)
    _cpu.blend([host.native], maps, faces, masks, 1.0, "bilinear", None, [])
    device.cuda.blend(
        [native], maps, device.put(faces), device.put(masks), 1.0, "bilinear", None, [], device.stream
    )
    got = device.fetch(there)
    for plane, want in zip(got.planes, host.planes, strict=True):
        assert not (plane & 63).any()
        assert np.abs((plane >> 6).astype(int) - want.astype(int)).max() <= compare.CUDA_CODES


@pytest.mark.parametrize("color", HDR, ids=str)
def test_hdr(device: Device, color: Color) -> None:
    """Crops look like SDR and faces go back; in one call with an SDR picture."""
    size = 40
    shown = [pictures.smooth(70, 80, c, seed=n) for n, c in enumerate((color, Color(bits=10)))]
    there = [device.picture(p.copy()) for p in shown]
    maps = np.array([pictures.similarity(1.3, 20.0, (40.0, 35.0), size)] * 2)
    out = device.floats(2, 3, size, size)
    device.cuda.crop([p.native for p in there], maps, out, "replicate", device.stream)
    crops = pictures.run_crop(shown, list(maps), size)
    # The curves are steep where it is dark.
    assert np.abs(device.get(out) - crops).max() < compare.CUDA_TONE
    faces, masks = blobs(2, size)
    _cpu.blend([p.native for p in shown], maps, faces, masks, 1.0, "bilinear", None, [])
    pixels, alpha = device.put(faces), device.put(masks)
    device.cuda.blend(
        [p.native for p in there], maps, pixels, alpha, 1.0, "bilinear", None, [], device.stream
    )
    for n in range(2):
        got = device.fetch(there[n])
        for plane, want in zip(got.planes, shown[n].planes, strict=True):
            assert np.abs(plane.astype(int) - want.astype(int)).max() <= compare.CUDA_CODES


def test_an_outline_outside_the_crop_draws_nothing(device: Device) -> None:
    size = 32
    shown = pictures.noise(60, 70)
    there = device.picture(shown.copy())
    faces, generated = blobs(1, size)
    outlines = np.full((1, 1, 5, 2), -50.0, np.float32)
    maps = np.array([pictures.similarity(1.0, 0.0, (30.0, 30.0), size)])
    pixels = device.put(faces)
    settings = ("product", 0.0, 0.1, "reinhard", 1.0, "feather", 1.0, "bilinear", None, [])
    device.cuda.composite(
        [there.native],
        maps,
        pixels,
        pixels,
        device.put(generated),
        outlines,
        None,
        None,
        None,
        *settings,
        device.stream,
    )
    got = device.fetch(there)
    assert all(np.array_equal(a, b) for a, b in zip(got.planes, shown.planes, strict=True))
