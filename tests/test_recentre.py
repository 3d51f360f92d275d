"""Colour statistics moved to another mean: the same as those of pixels that were moved."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

import pictures
from fastswap import ops
from fastswap.look import ColorMode
from fastswap.recentre import mean_of, mean_of_frames, moved, recentred

MODES: tuple[ColorMode, ...] = ("reinhard", "linear", "mkl", "histogram", "sliced")


def picture(seed: int) -> NDArray[np.float32]:
    """[1, 3, 48, 48] in 0.2..0.7."""
    return (0.2 + 0.5 * pictures.smooth_rgb(48, 48, seed, detail=9.0)).astype(np.float32)[None]


@pytest.mark.parametrize("mode", ["linear", "mkl", "histogram", "sliced"])
def test_moved_statistics_are_those_of_moved_pixels(mode: ColorMode) -> None:
    rng = np.random.default_rng(0)
    mask = rng.uniform(0, 1, (1, 48, 48)).astype(np.float32)
    way = np.array([0.06, -0.04, 0.1])
    shifted = (picture(1) + way[:, None, None]).astype(np.float32)
    got = moved(ops.color_statistics(picture(1), picture(2), mask, mode)[0, 0], way, mode)
    want = ops.color_statistics(shifted, picture(2), mask, mode)[0, 0]
    assert np.abs(mean_of(got, mode) - mean_of(want, mode)).max() < 1e-6
    if mode == "sliced":  # cells keep their pixels, whose colours are right
        assert got[0] == pytest.approx(want[0])
    elif mode == "histogram":  # up to which two bins share a value
        assert np.abs(np.cumsum(got[1:]) - np.cumsum(want[1:])).max() < 0.01 * want[0]
    else:
        assert np.abs(got - want).max() < 1e-6 * want[0]


@pytest.mark.parametrize("mode", MODES)
def test_recentred_statistics_have_the_others_mean_and_their_own_spread(mode: ColorMode) -> None:
    mask = np.ones((1, 48, 48), np.float32)
    a, b = (ops.color_statistics(picture(s), picture(s + 5), mask, mode)[0] for s in (1, 2))
    got = recentred(a, b, mode)
    assert np.abs(mean_of(got, mode) - mean_of(b, mode)).max() < 1e-9
    assert got[:, 0] == pytest.approx(a[:, 0])
    there = recentred(got, a, mode)
    if mode != "histogram":  # which softens a little with each move
        assert np.abs(there - a).max() < 1e-6 * a[:, 0].max()
    assert np.array_equal(recentred(a, a, mode)[:, 0], a[:, 0])


def test_an_average_of_recentred_frames_keeps_the_frames_own_mean() -> None:
    """What the composite then does to the face's mean is to bring it to the target's, frame by frame."""
    mask = np.ones((3, 48, 48), np.float32)
    faces, targets = (np.concatenate([picture(s + k) for s in range(3)]) for k in (0, 5))
    for mode in MODES:
        sums = ops.color_statistics(faces, targets, mask, mode)
        average = mean_of_frames(list(sums), 1, np.ones(3), mode)
        made = ops.match_color(faces[1:2], targets[1:2], mask[1:2], mode, statistics=average[None])
        off = made[0].mean(axis=(1, 2)) - targets[1].mean(axis=(1, 2))
        assert np.abs(off).max() < 0.006
