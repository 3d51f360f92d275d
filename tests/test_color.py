"""The colour match against the float64 reference, and how it behaves when there is little to go by."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

import compare
import pictures
import reference
import reference_look
from fastswap import _cpu, ops

MODES = ("reinhard", "linear", "mkl", "histogram", "sliced")
METHODS = {
    "reinhard": (reference.reinhard, compare.COLOR_RGB),
    "linear": (reference_look.linear, compare.COLOR_RGB),
    "mkl": (reference.mkl, compare.COLOR_RGB),
    "histogram": (reference_look.histogram, compare.COLOR_TABLES),
    "sliced": (reference_look.sliced, compare.COLOR_TABLES),
}


def faces_of(count: int, size: int, seed: int) -> NDArray[np.float32]:
    """Pictures with strong colours, each with its own contrast and tint."""
    rng = np.random.default_rng(seed)
    out = []
    for n in range(count):
        rgb = pictures.smooth_rgb(size, size, seed + n, detail=9.0)
        tint, gain = rng.uniform(0.2, 0.6, (3, 1, 1)), rng.uniform(0.3, 0.9)
        out.append(np.clip(tint + gain * (rgb - 0.5) + rng.normal(0, 0.02, rgb.shape), 0, 1))
    return np.array(out, np.float32)


def round_mask(size: int) -> NDArray[np.float32]:
    """A disc with a soft edge."""
    y, x = np.mgrid[0:size, 0:size] + 0.5 - size / 2
    return np.clip((0.4 * size - np.hypot(x, y)) / 4, 0, 1).astype(np.float32)


@pytest.mark.parametrize("size", [16, 37, 64, 101])
@pytest.mark.parametrize("mode", MODES)
def test_matches_the_definition(mode: str, size: int) -> None:
    faces, targets = faces_of(3, size, 1), faces_of(3, size, 50)
    masks = np.stack([round_mask(size), np.ones((size, size)), round_mask(size) * 0.5]).astype(np.float32)
    got = ops.match_color(faces, targets, masks, mode)  # type: ignore[arg-type]
    method, limit = METHODS[mode]
    for n in range(3):
        f, t, m = (a[n].astype(np.float64) for a in (faces, targets, masks))
        assert np.abs(got[n] - method(f, t, m)).max() < limit


@pytest.mark.parametrize("mode", MODES)
def test_strength_mixes_with_the_face_as_it_was(mode: str) -> None:
    size = 40
    faces, targets, masks = faces_of(1, size, 4), faces_of(1, size, 7), round_mask(size)[None]

    def at(strength: float) -> NDArray[np.float32]:
        return ops.match_color(faces, targets, masks, mode, strength=strength)  # type: ignore[arg-type]

    assert np.abs(at(0.0) - faces).max() < compare.COLOR_RGB
    if mode in ("linear", "mkl", "histogram", "sliced"):  # in R'G'B'; there alone the mix is one of pixels
        middle, inside = 0.5 * (at(0.0) + at(1.0)), (at(1.0) > 0) & (at(1.0) < 1)
        assert np.abs(at(0.5) - middle)[inside].max() < compare.COLOR_RGB


@pytest.mark.parametrize("mode", MODES)
def test_statistics_of_several_frames_are_those_of_all_their_pixels(mode: str) -> None:
    size = 32
    faces, targets = faces_of(2, size, 1), faces_of(2, size, 50)
    masks = np.stack([round_mask(size), 0.3 * np.ones((size, size), np.float32)])
    sums = ops.color_statistics(faces, targets, masks, mode)  # type: ignore[arg-type]
    mean = _cpu.join_clouds(list(sums), [0.5, 0.5], -1) if mode == "sliced" else sums.mean(0)
    got = ops.match_color(faces, targets, masks, mode, statistics=np.stack([mean] * 2))  # type: ignore[arg-type]
    method, limit = METHODS[mode]
    f, t, m = (np.concatenate(list(a.astype(np.float64)), axis=-1) for a in (faces, targets, masks))
    want = method(f, t, m)
    assert np.abs(np.concatenate(list(got), axis=-1) - want).max() < limit


@pytest.mark.parametrize("mode", ["histogram", "sliced"])
def test_tables_bring_the_distributions_together(mode: str) -> None:
    """Of each channel, and for "sliced" of directions between the channels too, where no slope is cut off."""
    size = 64
    faces = 0.4 + 0.5 * (faces_of(1, size, 3) - 0.5)
    targets = np.clip(0.5 + 1.2 * (faces[:, ::-1] - 0.45), 0, 1).astype(np.float32)
    mask = round_mask(size)
    got = ops.match_color(faces, targets, mask[None], mode)[0]  # type: ignore[arg-type]
    directions = [(1, 0, 0), (0, 1, 0), (0, 0, 1)] + ([(1, 1, 0), (1, -1, 0)] if mode == "sliced" else [])

    def apart(a: NDArray[np.float32], b: NDArray[np.float32], way: tuple[int, ...]) -> float:
        p, q = (np.sort(np.tensordot(way, x, 1)[mask > 0.99]) for x in (a, b))
        return float(np.abs(p - q).mean())

    for way in directions:
        assert apart(got, targets[0], way) < 0.25 * apart(faces[0], targets[0], way) + 0.004


@pytest.mark.parametrize("mode", ["reinhard", "mkl"])
def test_the_result_has_the_targets_statistics(mode: str) -> None:
    """Where no gain or value is cut off, mean and deviation (or covariance) become the target's."""
    size = 64
    faces = 0.4 + 0.6 * (faces_of(1, size, 3) - 0.5)
    other = faces_of(1, size, 9)
    targets = 0.5 + np.array([1.2, 1.0, 0.85], np.float32)[:, None, None] * (0.8 * faces + 0.2 * other - 0.5)
    mask = round_mask(size)
    got = ops.match_color(faces, targets, mask[None], mode)[0].astype(np.float64)  # type: ignore[arg-type]
    space = reference.lab_from_rgb if mode == "reinhard" else lambda rgb: 100.0 * rgb
    mean, covariance = reference.weighted_statistics(space(got), mask)
    want_mean, want = reference.weighted_statistics(space(targets[0].astype(np.float64)), mask)
    assert np.abs(mean - want_mean).max() < 0.3
    measured = np.diag(covariance) if mode == "reinhard" else covariance
    assert (
        np.abs(measured - (np.diag(want) if mode == "reinhard" else want)).max() < 0.1 * np.diag(want).max()
    )


def test_none_copies() -> None:
    faces = faces_of(2, 16, 0) * 3 - 1
    got = ops.match_color(faces, faces[::-1], np.ones((2, 16, 16), np.float32), "none")
    assert np.array_equal(got, faces)
    assert got is not faces


@pytest.mark.parametrize("mode", MODES)
def test_pixels_outside_the_mask_do_not_count(mode: str) -> None:
    size = 40
    faces, targets, mask = faces_of(1, size, 1), faces_of(1, size, 2), round_mask(size)[None]
    clean = ops.match_color(faces, targets, mask, mode)  # type: ignore[arg-type]
    outside = np.broadcast_to(mask[:, None] == 0, faces.shape)
    for spoiled in (faces, targets):
        spoiled[outside] = np.nan
    dirty = ops.match_color(faces, targets, mask, mode)  # type: ignore[arg-type]
    assert np.array_equal(clean[~outside], dirty[~outside])
    assert np.isfinite(dirty).all()


@pytest.mark.parametrize("mode", MODES)
def test_a_mask_of_a_few_pixels_changes_nothing(mode: str) -> None:
    faces, targets = faces_of(1, 32, 1), faces_of(1, 32, 2)
    mask = np.zeros((1, 32, 32), np.float32)
    for count in (0, 1, 15):
        mask[0, 4, :count] = 1.0
        got = ops.match_color(faces, targets, mask, mode)  # type: ignore[arg-type]
        assert np.abs(got - faces).max() < compare.COLOR_RGB


@pytest.mark.parametrize("mode", MODES)
def test_flat_faces_do_not_explode(mode: str) -> None:
    """A face without contrast takes the target's mean; its noise is amplified by the largest gain at most."""
    size = 48
    rng = np.random.default_rng(0)
    flat = np.full((1, 3, size, size), 0.5) + rng.normal(0, 0.002, (1, 3, size, size))
    targets, mask = faces_of(1, size, 2), np.ones((1, size, size), np.float32)
    got = ops.match_color(flat, targets, mask, mode).astype(np.float64)  # type: ignore[arg-type]
    assert got[0].std(axis=(1, 2)).max() < 0.02
    back = ops.match_color(targets, flat, mask, mode)  # type: ignore[arg-type]
    assert np.isfinite(back).all()
    black = ops.match_color(np.zeros_like(flat), np.ones_like(flat), mask, mode)  # type: ignore[arg-type]
    # Tables smooth their histograms, at the ends too.
    assert np.abs(black - 1.0).max() < (0.01 if mode in ("histogram", "sliced") else 1e-3)


def test_garbage_is_cut_to_colours() -> None:
    size = 24
    faces = np.full((1, 3, size, size), np.nan, np.float32)
    faces[0, 0], faces[0, 1, :8] = np.inf, -np.inf
    for mode in MODES:
        got = ops.match_color(faces, faces_of(1, size, 0), np.full((1, size, size), np.nan), mode)  # type: ignore[arg-type]
        assert np.isfinite(got).all()
        got = ops.match_color(faces, faces_of(1, size, 0), np.full((1, size, size), np.inf), mode)  # type: ignore[arg-type]
        assert (got >= 0).all()
        assert (got <= 1).all()


def test_any_number_of_threads_gives_the_same_bytes() -> None:
    faces, targets = faces_of(2, 150, 1), faces_of(2, 150, 5)
    masks = np.stack([round_mask(150)] * 2)
    before = ops.get_threads()
    for mode in MODES:
        results = []
        for threads in (1, 2, 5):
            ops.set_threads(threads)
            results.append(ops.match_color(faces, targets, masks, mode))  # type: ignore[arg-type]
        assert all(np.array_equal(results[0], other) for other in results[1:])
    ops.set_threads(before)


def test_wrong_arguments_are_named() -> None:
    faces, masks = np.zeros((1, 3, 8, 8), np.float32), np.zeros((1, 8, 8), np.float32)
    sums = np.zeros((1, 2, 10))
    with pytest.raises(ValueError, match="colour mode is 'lab'"):
        _cpu.color_statistics(faces, faces, masks, "lab", sums)
    with pytest.raises(ValueError, match="masks"):
        _cpu.color_statistics(faces, faces, masks[:, :4].copy(), "mkl", sums)
    with pytest.raises(ValueError, match="faces and targets"):
        _cpu.color_statistics(faces, faces[:, :, :4].copy(), masks, "mkl", sums)
    with pytest.raises(ValueError, match="statistics"):
        _cpu.match_color(faces, sums, "sliced", 1.0, faces.copy())
    with pytest.raises(ValueError, match="strength"):
        _cpu.match_color(faces, sums, "mkl", 1.5, faces.copy())


def test_a_face_of_very_many_colours_has_coarser_cells() -> None:
    """More than a list has room for: noise fills 4,096 cells, and the map is that of 512."""
    rng = np.random.default_rng(0)
    faces, targets = (rng.uniform(0, 1, (1, 3, 96, 96)).astype(np.float32) for _ in range(2))
    targets = 0.2 + 0.6 * targets
    masks = np.ones((1, 96, 96), np.float32)
    sums = ops.color_statistics(faces, targets, masks, "sliced")
    assert 0 < np.count_nonzero(sums[0, 0, 2::5]) <= 512
    assert sums[0, :, 0] == pytest.approx(96 * 96)
    got = ops.match_color(faces, targets, masks, "sliced", statistics=sums)[0]
    want = reference_look.sliced(*(a[0].astype(np.float64) for a in (faces, targets, masks)))
    assert np.abs(got - want).max() < compare.COLOR_TABLES


def test_wrong_lists_of_cells_are_named() -> None:
    cloud = np.zeros((2, _cpu.statistics_size("sliced")))
    for clouds, shares, like, words in (
        ([cloud, cloud[:, :6]], [0.5, 0.5], 0, "clouds"),
        ([cloud], [0.5, 0.5], 0, "differ in number"),
        ([cloud], [1.0], 1, "no such cloud"),
    ):
        with pytest.raises(ValueError, match=words):
            _cpu.join_clouds(clouds, shares, like)
    for cell in (-1.0, 4096.0, np.nan):
        wrong = cloud.copy()
        wrong[0, 1:3] = cell, 1.0
        with pytest.raises(ValueError, match="no such cell"):
            _cpu.join_clouds([wrong], [1.0], 0)
    with pytest.raises(ValueError, match="only histogram and sliced"):
        _cpu.mapped_mean(cloud, cloud[0], "mkl")
    with pytest.raises(ValueError, match="own"):
        _cpu.mapped_mean(cloud, cloud[0, :6], "sliced")
