"""The CUDA kernels against the float64 reference and the scalar CPU code.

They run on a card where there is one. Without one this file is skipped, and test_cuda.py runs it over kernels that are
compiled for the host: FASTSWAP_CUDA_EMULATED names that module.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import compare
import emulated
import pictures
import reference
import reference_seam
from fastswap import _cpu
from on_device import Device
from reference import Color

EMULATED = os.environ.get("FASTSWAP_CUDA_EMULATED")


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


@pytest.fixture(autouse=True)
def _scalar() -> Iterator[None]:
    """The CPU's results to compare with come from its plain loops."""
    before = _cpu.get_simd()
    _cpu.set_simd("scalar")
    yield
    _cpu.set_simd(before)


FORMATS = [
    Color(),
    Color(bits=10),
    Color("bt2020", True, "topleft", 16, (1, 0)),
    Color("bt601", False, "center", 12, (0, 0)),
]
HDR = [Color("bt2020", bits=10, transfer=name) for name in ("pq", "hlg")]


@pytest.mark.parametrize("border", ["replicate", "black"])
@pytest.mark.parametrize("color", FORMATS, ids=str)
@pytest.mark.parametrize("layout", pictures.LAYOUTS)
def test_crop(device: Device, layout: str, color: Color, border: str) -> None:
    shown = [pictures.noise(67, 93, color, layout=layout, seed=n) for n in range(2)]
    there = [device.picture(p) for p in shown]
    order = (0, 1, 0, 1)
    size = 45
    settings = ((0.3, 0.0), (0.9, 33.0), (1.7, -120.0), (6.0, 10.0))
    maps = np.array([pictures.similarity(scale, angle, (40.0, 30.0), size) for scale, angle in settings])
    out = device.floats(4, 3, size, size)
    device.cuda.crop([there[n].native for n in order], maps, out, border, device.stream)
    got = device.get(out)
    for n in range(2):
        want = reference.crop(shown[n].planes, color, maps[n], size, black=border == "black")
        assert np.abs(got[n] - want).max() < compare.CROP_POINT
    cpu = pictures.run_crop([shown[n] for n in order], list(maps), size, border)
    assert np.abs(got - cpu).max() < compare.CUDA_RGB


def test_steady_calls_allocate_nothing(device: Device) -> None:
    picture = device.picture(pictures.noise(67, 93))
    maps = np.array([pictures.similarity(0.9, 33.0, (40.0, 30.0), 45)] * 3)
    out = device.floats(3, 3, 45, 45)
    held = []
    for _ in range(12):
        device.cuda.crop([picture.native] * 3, maps, out, "black", device.stream)
        held.append(device.stream.reserved)
    device.stream.synchronize()
    assert held[6] == held[-1] > 0


def test_arguments_are_checked(device: Device) -> None:
    host = pictures.noise(16, 16)
    picture = device.picture(host).native
    out = device.floats(1, 3, 8, 8)
    call: Any = device.cuda.crop
    maps = np.zeros((1, 2, 3))
    with pytest.raises(ValueError, match="border is 'grey'"):
        call([picture], maps, out, "grey", device.stream)
    with pytest.raises(ValueError, match="not finite"):
        call([picture], np.full((1, 2, 3), np.nan), out, "black", device.stream)
    with pytest.raises(ValueError, match="Y plane: it is no array on a CUDA device"):
        call([host.native], maps, out, "black", device.stream)
    with pytest.raises(ValueError, match="out: its elements are not float32"):
        call([picture], maps, device.put(np.zeros((1, 3, 8, 8), np.uint8)), "black", device.stream)
    with pytest.raises(ValueError, match="out: its shape"):
        call([picture], maps, device.floats(1, 3, 8, 9), "black", device.stream)
    with pytest.raises(ValueError, match="to_coded"):
        call([picture] * 2, maps, out, "black", device.stream)


def test_arrays_go_through_dlpack_and_back(device: Device) -> None:
    values = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    first = device.put(values)
    view = device.cuda.Array(first.pointer + 4, (2, 3), (48, 16), "<f4", first)
    second = device.cuda.Array.from_dlpack(view)
    assert (second.pointer, second.shape, second.strides) == (view.pointer, view.shape, view.strides)
    assert second.typestr == "<f4"
    del first, view
    assert np.array_equal(device.get(device.cuda.Array.from_dlpack(device.put(values))), values)
    assert second.__cuda_array_interface__["strides"] == (48, 16)
    with pytest.raises(ValueError, match="no __dlpack__"):
        device.cuda.Array.from_dlpack(3)
    with pytest.raises(ValueError, match="not lie on a CUDA device"):
        device.cuda.Array.from_dlpack(values)


# --- masks --------------------------------------------------------------------------------------------------


def star(size: int, points: int, seed: int, centre: tuple[float, float]) -> NDArray[np.float32]:
    """A closed outline around a centre, with bays."""
    rng = np.random.default_rng(seed)
    turn = np.sort(rng.uniform(0, 2 * np.pi, points))
    radius = rng.uniform(0.2, 0.48, points) * size
    return (np.array(centre) + radius[:, None] * np.column_stack([np.cos(turn), np.sin(turn)])).astype(
        np.float32
    )


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


# --- colour -------------------------------------------------------------------------------------------------


def faces_and_masks(count: int, size: int, seed: int = 0) -> tuple[NDArray[np.float32], ...]:
    """Faces, targets and masks, with values beyond 0..1 and pixels that are not numbers outside the masks."""
    rng = np.random.default_rng(seed)
    faces = rng.normal(0.5, 0.25, (count, 3, size, size)).astype(np.float32)
    targets = rng.normal((0.6, 0.45, 0.4), 0.1, (count, size, size, 3)).astype(np.float32)
    masks = np.clip(rng.uniform(-1, 1.5, (count, size, size)), 0, 1).astype(np.float32)
    faces[:, :, 0, 0] = np.nan
    masks[:, 0, 0] = 0.0
    return faces, np.ascontiguousarray(targets.transpose(0, 3, 1, 2)), masks


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


# --- seams ----------------------------------------------------------------------------------------------------


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


# --- sharpness, motion, noise -------------------------------------------------------------------------------


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


# --- blend and composite ------------------------------------------------------------------------------------


def blobs(count: int, size: int, seed: int = 0) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Smooth faces, and masks that are 0 on the crop's border."""
    faces = np.stack([pictures.smooth_rgb(size, size, seed + n) for n in range(count)]).astype(np.float32)
    y, x = np.mgrid[0:size, 0:size] + 0.5 - size / 2
    mask = np.clip(1.3 - np.hypot(x, y) / (0.36 * size), 0, 1).astype(np.float32)
    mask[[0, -1]] = mask[:, [0, -1]] = 0.0
    return faces, np.stack([mask] * count)


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
