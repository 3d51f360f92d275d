"""Seam matching against the float64 reference, and what must hold for any mask: nothing bleeds, nothing flickers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import compare
import reference_seam
from fastswap import _cpu, ops

Floats = NDArray[np.float32]
MODES = ("poisson", "multiband")
INSIDE = np.array([[1.4, 0.1, 100.0], [-0.1, 1.4, 100.0]])
"""A map that puts the whole crop inside a frame of `FRAME`."""
FRAME = (1920, 1080)


def pictures(size: int, feather: float, seed: int = 0, shift: tuple[float, float] = (0, 0)) -> Any:
    """Face, target and mask: waves, a slope between the two, noise; an ellipse with a soft edge."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:size, 0:size] + 0.5
    y, x = y - size / 2 - shift[1], x - size / 2 - shift[0]
    inward = size * 0.344 * (1 - np.hypot(x / (0.344 * size), y / (0.4 * size)))
    mask = np.clip(inward / (feather * size), 0, 1) if feather else (inward > 0).astype(float)
    mask[[0, -1]], mask[:, [0, -1]] = 0, 0
    wave = 400.0 / size
    target = [0.5 + 0.2 * np.sin(x * wave / 30 + k) + 0.2 * x / size for k in range(3)]
    face = [0.55 + 0.15 * np.cos(y * wave / 25 + k) for k in range(3)]
    noisy = [np.stack(p) + rng.normal(0, 0.02, (3, size, size)) for p in (face, target)]
    return [np.clip(a, 0, 1).astype(np.float32) for a in (*noisy, mask * mask * (3 - 2 * mask))]


def match(
    face: Floats, target: Floats, mask: Floats, mode: str, to_coded: Any = INSIDE, frame: Any = FRAME
) -> Floats:
    """One face, or several under the same map."""
    many = [np.ascontiguousarray(a if a.ndim == d else a[None], np.float32) for a, d in
            ((face, 4), (target, 4), (mask, 3))]  # fmt: skip
    out = np.full_like(many[0], np.nan)
    maps = np.broadcast_to(np.asarray(to_coded, np.float64), (len(out), 2, 3)).copy()
    _cpu.match_seam(*many, maps, np.broadcast_to(np.array(frame, np.int32), (len(out), 2)).copy(), mode, out)
    return out if face.ndim == 4 else out[0]


@pytest.mark.parametrize("feather", [0.08, 0.02, 0.0])
@pytest.mark.parametrize("size", [5, 33, 75, 128])
def test_poisson_solves_its_equations(size: int, feather: float) -> None:
    face, target, mask = pictures(size, feather)
    want = reference_seam.poisson(*(a.astype(np.float64) for a in (face, target, mask)), np.ones_like(mask))
    error = np.abs(match(face, target, mask, "poisson") - want)[:, mask > 0]
    assert error.mean() < compare.MEMBRANE_MEAN
    assert error.max() < compare.MEMBRANE_MAX


@pytest.mark.parametrize("feather", [0.08, 0.0])
@pytest.mark.parametrize("size", [1, 5, 33, 75, 128])
def test_bands_match_their_definition(size: int, feather: float) -> None:
    face, target, mask = pictures(size, feather)
    want = reference_seam.multiband(*(a.astype(np.float64) for a in (face, target, mask)))
    assert np.abs(match(face, target, mask, "multiband") - want)[:, mask > 0].max(initial=0) < compare.BANDS


@pytest.mark.parametrize("degrees", [0.0, 30.0])
@pytest.mark.parametrize("edge", ["left", "right", "top", "bottom"])
def test_poisson_ends_freely_at_the_frames_edge(edge: str, degrees: float) -> None:
    """What the crop repeats beyond the frame neither counts nor bleeds in."""
    size, (width, height) = 64, (200, 150)
    centre = {"left": (0, 75), "right": (200, 75), "top": (100, 0), "bottom": (100, 150)}[edge]
    turn = np.deg2rad(degrees)
    linear = 1.5 * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    to_coded = np.column_stack([linear, np.array(centre) - linear @ np.full(2, size / 2)])
    face, target, mask = pictures(size, 0.08)
    inside = reference_seam.inside_frame(size, to_coded, width, height)
    assert 0.2 < inside.mean() < 0.8
    got = match(face, target, mask, "poisson", to_coded, (width, height))
    want = reference_seam.poisson(*(a.astype(np.float64) for a in (face, target, mask)), inside)
    error = np.abs(got - want)[:, (mask > 0) & (inside > 0)]
    assert error.mean() < compare.MEMBRANE_MEAN
    assert error.max() < compare.MEMBRANE_MAX
    spoiled = target.copy()
    spoiled[:, inside == 0] = 0.0
    assert np.array_equal(match(face, spoiled, mask, "poisson", to_coded, (width, height)), got)


def test_a_face_wholly_outside_the_frame_stays() -> None:
    face, target, mask = pictures(48, 0.1)
    far = INSIDE + np.array([[0, 0, 1e4], [0, 0, 0]])
    assert np.array_equal(match(face, target, mask, "poisson", far), face)


@pytest.mark.parametrize("feather", [0.1, 0.0])
def test_poisson_takes_over_an_even_difference(feather: float) -> None:
    """A face that is darker all over gets the target's light and keeps its own detail."""
    face, _, mask = pictures(96, feather)
    face = 0.2 + 0.3 * face
    got = match(face, face + np.array([0.2, -0.1, 0.05], np.float32)[:, None, None], mask, "poisson")
    want = face + np.array([0.2, -0.1, 0.05])[:, None, None]
    assert np.abs(got - want)[:, mask > 0].max() < compare.MEMBRANE_MAX


def test_poisson_takes_over_light_from_the_side() -> None:
    face, _, mask = pictures(96, 0.1)
    face = 0.3 + 0.3 * face
    slope = np.broadcast_to(np.linspace(-0.2, 0.2, 96), (96, 96)).astype(np.float32)
    left = np.abs(match(face, face + slope, mask, "poisson") - face - slope)[:, mask > 0]
    assert left.mean() < 0.02
    assert left.max() < 0.1


@pytest.mark.parametrize("beyond", [0.0, 1.0])
def test_background_under_the_soft_edge_does_not_bleed_in(beyond: float) -> None:
    """The mask reaches over the head's side: a black or white wall there must not darken or bleach the face."""
    size = 128
    rng = np.random.default_rng(2)
    mask = pictures(size, 0.08)[2]
    skin = np.array([0.75, 0.55, 0.45])[:, None, None] + 0.08 * np.sin(np.arange(size) / 20)
    face = np.broadcast_to(skin, (3, size, size)) + rng.normal(0, 0.02, (3, size, size))
    target = face + 0.08
    target[:, :, : size // 4] = beyond
    got = match(face.astype(np.float32), target.astype(np.float32), mask, "poisson")
    moved = (got - face)[:, (mask > 0.9) & (np.arange(size) > size // 4 + 4)]
    assert np.abs(moved - 0.08).max() < 0.02


def test_bands_keep_the_middle_and_fade_to_the_target() -> None:
    size = 128
    mask = pictures(size, 0.0)[2]
    y, x = np.mgrid[0:size, 0:size] + 0.5 - size / 2
    face, target = np.full((3, size, size), 0.7, np.float32), np.full((3, size, size), 0.4, np.float32)
    got = match(face, target, mask, "multiband")
    assert got[:, size // 2, size // 2].min() > 0.69
    # Coarse colour fades inside the mask: at its edge little of the difference is left.
    inward = size * 0.344 * (1 - np.hypot(x / (0.344 * size), y / (0.4 * size)))
    edge = got[:, (inward > 0) & (inward < 1.0)]
    assert edge.mean() < 0.4 + 0.3 * 0.25


@pytest.mark.parametrize("mode", MODES)
def test_a_face_that_fits_stays(mode: str) -> None:
    face, _, mask = pictures(80, 0.08)
    assert np.abs(match(face, face, mask, mode) - face).max() < compare.BANDS


@pytest.mark.parametrize("mode", MODES)
def test_what_lies_outside_the_mask_does_not_bleed_in(mode: str) -> None:
    face, target, mask = pictures(80, 0.08)
    want = match(face, target, mask, mode)
    face[:, mask == 0] = np.nan
    target[:, mask == 0] = np.inf
    got = match(face, target, mask, mode)
    assert np.array_equal(got[:, mask > 0], want[:, mask > 0])
    assert ((got >= 0) & (got <= 1)).all()


@pytest.mark.parametrize("mode", MODES)
def test_sensor_noise_does_not_reach_the_face(mode: str) -> None:
    """A still head whose every frame has its own noise: the corrected face must stand still."""
    rng = np.random.default_rng(5)
    face, target, mask = pictures(128, 0.08)
    frames = np.stack([target + rng.normal(0, 0.02, target.shape).astype(np.float32) for _ in range(8)])
    faces, masks = np.stack([face] * 8), np.stack([mask] * 8)
    got = match(faces, frames, masks, mode)
    middle = got.std(axis=0)[:, mask == 1].mean()
    assert middle < compare.SEAM_FLICKER * 0.02


def test_a_mask_elsewhere_does_not_matter() -> None:
    """The grids cover what the mask covers; where they begin must not show."""
    face, target, mask = pictures(128, 0.05, shift=(20, 10))
    spotted = mask.copy()
    spotted[3, 5] = 0.5
    near = np.hypot(*(np.mgrid[0:128, 0:128] - np.array([3, 5])[:, None, None])) < 3
    for mode in MODES:
        a, b = match(face, target, mask, mode), match(face, target, spotted, mode)
        assert np.abs(a - b)[:, (mask > 0) & ~near].max() < compare.MEMBRANE_MAX


@pytest.mark.parametrize("mode", MODES)
def test_batches_and_threads_change_no_byte(mode: str) -> None:
    cases = [pictures(70, 0.02 * n, seed=n, shift=(3.0 * n, -2.0 * n)) for n in range(5)]
    faces, targets, masks = (np.stack([case[i] for case in cases]) for i in range(3))
    before = ops.get_threads()
    results = []
    for threads in (1, 2, 5):
        ops.set_threads(threads)
        results.append(match(faces, targets, masks, mode))
    ops.set_threads(before)
    for other in results[1:]:
        assert np.array_equal(results[0], other)
    for n, case in enumerate(cases):
        assert np.array_equal(results[0][n], match(*case, mode))


@pytest.fixture(params=[level for level in _cpu.simd_levels() if level != "scalar"])
def level(request: pytest.FixtureRequest) -> Iterator[str]:
    """Each SIMD level of this machine; the one before is chosen again afterwards."""
    before = _cpu.get_simd()
    yield request.param
    _cpu.set_simd(before)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("size", [1, 15, 33, 96])
def test_seams_agree_across_levels(level: str, size: int, mode: str) -> None:
    for feather in (0.1, 0.0):
        case = pictures(size, feather)
        _cpu.set_simd("scalar")
        scalar = match(*case, mode)
        _cpu.set_simd(level)
        assert np.abs(match(*case, mode) - scalar).max() < compare.SIMD_COLOR


values = st.sampled_from([0.0, 1e-30, 1e-3, 0.5, 1.0, 7.0, -1.0, float("nan"), float("inf")])


@settings(max_examples=120, deadline=None)
@given(
    st.data(),
    st.integers(1, 24),
    st.sampled_from(MODES),
    st.lists(st.floats(-4000, 4000), min_size=6, max_size=6),
    st.integers(1, 60),
)
def test_any_mask_gives_a_face(data: Any, size: int, mode: str, numbers: list[float], side: int) -> None:
    """Specks, holes, no mask, odd values, any map: an answer in 0..1."""
    picked = data.draw(st.lists(values, min_size=size, max_size=size))
    mask = np.resize(np.array(picked, np.float32), (size, size))
    rng = np.random.default_rng(len(picked))
    face, target = rng.uniform(-0.5, 1.5, (2, 3, size, size)).astype(np.float32)
    target[0, 0, 0], face[1, -1, -1] = np.nan, np.inf
    got = match(face, target, mask, mode, np.array(numbers).reshape(2, 3), (side, side + 3))
    assert ((got >= 0) & (got <= 1)).all()
    empty = np.zeros_like(mask)
    plain = np.clip(np.nan_to_num(face, nan=0.0), 0, 1)
    assert np.array_equal(match(face, target, empty, mode), plain)
    assert np.array_equal(match(face, target, mask, "feather"), plain)


def test_wrong_arguments_are_named() -> None:
    face, target, mask = pictures(16, 0.1)
    with pytest.raises(ValueError, match="choose feather, poisson or multiband"):
        match(face, target, mask, "glue")
    with pytest.raises(ValueError, match="masks"):
        match(face, target, mask[:8], "poisson")
    with pytest.raises(ValueError, match="not finite"):
        match(face, target, mask, "poisson", np.full((2, 3), np.nan))
