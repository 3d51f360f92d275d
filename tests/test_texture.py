"""Sharpness, motion blur and noise against the float64 reference, and what they do to pictures."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import compare
import pictures
import reference_look
from fastswap import _cpu, ops, texture
from reference import Color


def noisy(size: int, seed: int, deviation: float = 0.02) -> NDArray[np.float32]:
    """[3, size, size]: soft waves with noise."""
    rng = np.random.default_rng(seed)
    rgb = pictures.smooth_rgb(size, size, seed, detail=9.0)
    return np.clip(0.1 + 0.8 * rgb + rng.normal(0, deviation, rgb.shape), 0, 1).astype(np.float32)


def disc(size: int) -> NDArray[np.float32]:
    """A disc with a soft edge."""
    y, x = np.mgrid[0:size, 0:size] + 0.5 - size / 2
    return np.clip((0.42 * size - np.hypot(x, y)) / 5, 0, 1).astype(np.float32)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 17, 64])
def test_detail_and_sharpening_match_the_definition(size: int) -> None:
    faces = np.stack([noisy(size, 1), noisy(size, 2, 0.1)])
    masks = np.stack([disc(size), np.ones((size, size), np.float32)])
    got = texture.detail_statistics(faces, masks)
    gains = np.array([[1.7, 0.8], [0.6, 1.4]], np.float32)
    sharp = texture.sharpen(faces, gains)
    for n in range(2):
        face = faces[n].astype(np.float64)
        fine, middle, _ = reference_look.bands(face)
        more = (gains[n, 0] - 1.0) * fine + (gains[n, 1] - 1.0) * middle
        assert np.abs(sharp[n] - np.clip(face + more, 0, 1)).max() < compare.SHARPENED
        if not (masks[n] > 0.5).any():
            continue
        want = reference_look.detail_statistics(face, masks[n].astype(np.float64))
        assert got[n, 0] == pytest.approx(want[0], rel=1e-6)
        assert np.allclose(got[n, 1::2], want[1::2], rtol=compare.DETAIL, atol=1e-9)
        deviations = [np.sqrt(numbers[2::2] / numbers[0]) for numbers in (got[n], want)]
        if size > 16:
            assert np.abs(deviations[0] - deviations[1]).max() < compare.DETAIL_NOISE


def blurred(face: NDArray[np.float32], passes: int) -> NDArray[np.float32]:
    """Softened by (1 2 1) / 4, so many times."""
    for _ in range(passes):
        for axis in (1, 2):
            face = 0.5 * face + 0.25 * (np.roll(face, 1, axis) + np.roll(face, -1, axis))
    return face.astype(np.float32)


@pytest.mark.parametrize("passes", [1, 2])
def test_a_softened_face_gets_its_detail_back(passes: int) -> None:
    """And a face of the right sharpness is left alone, noise or not."""
    size = 96
    rng = np.random.default_rng(3)
    edges = np.clip(20 * (pictures.smooth_rgb(size, size, 5, detail=14.0) - 0.5) + 0.5, 0.1, 0.9)
    target = (edges + rng.normal(0, 0.01, edges.shape)).astype(np.float32)
    soft = blurred(edges.astype(np.float32), passes)
    mask = disc(size)[None]

    def energy(face: NDArray[np.float32]) -> NDArray[np.float64]:
        return np.asarray(texture.detail_statistics(face[None], mask)[0, 1::2])

    statistics = np.stack([[texture.detail_statistics(f[None], mask)[0] for f in (soft, target)]])
    gains = texture.sharpness_gains(statistics, 1.0)
    assert (gains > 1.1).all()
    sharp = texture.sharpen(soft[None], gains)[0]
    before, after, want = (np.sqrt(energy(face)) for face in (soft, sharp, edges.astype(np.float32)))
    left = 0.6 if passes == 1 else 0.8  # the gain's limit
    assert (np.abs(after - want) < left * np.abs(before - want)).all()
    assert np.array_equal(texture.sharpness_gains(statistics, 0.0), np.ones((1, 2), np.float32))
    same = np.stack([[texture.detail_statistics(f[None], mask)[0] for f in (edges, target)]])
    assert np.abs(texture.sharpness_gains(same, 1.0) - 1.0).max() < 0.05


@pytest.mark.parametrize("size", [1, 2, 9, 40])
def test_motion_blur_matches_the_definition(size: int) -> None:
    face, mask = noisy(size, 4), disc(size)
    motions = [
        np.array([[0.0, 0.0, 5.3], [0.0, 0.0, -2.2]]),
        np.array([[0.02, -0.1, 1.0], [0.1, 0.02, -2.0]]),
        np.zeros((2, 3)),
    ]
    got = texture.motion_blur(np.stack([face] * 3), np.stack([mask] * 3), np.stack(motions))
    corners = np.array([[0, 0, 1], [size, 0, 1], [0, size, 1], [size, size, 1]], np.float64)
    for n, motion in enumerate(motions):
        far = float(np.linalg.norm(corners @ motion.T, axis=1).max())
        taps = int(np.clip(np.ceil(far), 1, 32))
        want = reference_look.motion_blur(face.astype(np.float64), mask, motion, taps)
        assert np.abs(got[n] - want).max() < compare.MOTION_BLUR
    assert np.array_equal(got[2], face)


def test_motion_blur_smears_along_the_way_alone() -> None:
    size = 64
    rng = np.random.default_rng(0)
    face = rng.uniform(0.3, 0.7, (1, 3, size, size)).astype(np.float32)
    level = np.array([[[0.0, 0.0, 8.0], [0.0, 0.0, 0.0]]])
    got = texture.motion_blur(face, np.ones((1, size, size)), level)[0, 0, 8:-8, 8:-8]
    along, across = np.abs(np.diff(got, axis=1)).mean(), np.abs(np.diff(got, axis=0)).mean()
    assert along < 0.5 * across
    assert got.mean() == pytest.approx(face[0, 0, 8:-8, 8:-8].mean(), abs=2e-3)


@pytest.mark.parametrize("bits", [8, 10, 12, 16])
@pytest.mark.parametrize("layout", pictures.LAYOUTS)
def test_noise_matches_the_definition(layout: str, bits: int) -> None:
    color = Color(bits=bits)
    size, to_coded = 32, pictures.similarity(3.1, 21.0, (70.0, 60.0), 32)
    picture = pictures.smooth(117, 141, color, layout=layout, seed=1, detail=25.0)
    rng = np.random.default_rng(2)
    for plane, deviation in zip(picture.planes, (2.5, 1.4, 0.8), strict=True):
        added = plane + rng.normal(0, deviation * 2 ** (bits - 8), plane.shape)
        plane[...] = np.clip(np.rint(added), 0, color.top)
    got = np.empty((1, 4))
    mask = disc(size)
    _cpu.noise_statistics([picture.native], to_coded[None], mask[None], got)
    deviations = np.sqrt(got[0, 1:] / got[0, 0]) * 256
    inverse = np.linalg.inv(np.vstack([to_coded, [0, 0, 1]]))
    for plane, sub, deviation in zip(picture.planes, (1, 2, 2), deviations, strict=True):
        y, x = np.mgrid[0 : plane.shape[0], 0 : plane.shape[1]] + 0.5
        luma_x = x if sub == 1 else 2 * (x - 0.5) + 0.5  # chroma lies on the left luma samples
        u, v, _ = np.einsum("ij,jkl->ikl", inverse, np.stack([luma_x, y * sub, np.ones_like(x)]))
        inside = (u >= 0) & (v >= 0) & (u < size) & (v < size)
        inside[inside] = mask[v[inside].astype(int), u[inside].astype(int)] > 0.5
        want = reference_look.noise_deviation(plane, inside) / 2 ** (bits - 8)
        assert abs(deviation - want) < compare.NOISE_CODES
    assert abs(deviations[0] - 2.5) < 0.3


def test_grain_brings_back_the_measured_noise() -> None:
    """Measured on a noisy frame, drawn with a clean face, measured again."""
    size, to_coded = 48, pictures.similarity(4.0, 5.0, (150.0, 140.0), 48)
    picture = pictures.smooth(290, 310, seed=1, detail=40.0)
    rng = np.random.default_rng(2)
    for plane, deviation in zip(picture.planes, (3.0, 1.5, 1.5), strict=True):
        plane[...] = np.clip(np.rint(plane + rng.normal(0, deviation, plane.shape)), 0, 255)
    frames, maps, mask = [picture.frame], to_coded[None], disc(size)[None]
    before = texture.noise_statistics(frames, maps, mask)
    grain = texture.grain(before, 1.0)
    face = np.full((1, 3, size, size), 0.5, np.float32)
    ops.blend(frames, maps, face, mask, grain=grain, seeds=[3])
    after = texture.grain(texture.noise_statistics(frames, maps, mask), 1.0)
    assert np.abs(after / grain - 1.0).max() < 0.15
    assert texture.grain(before, 0.5) == pytest.approx(0.5 * grain)


def test_without_samples_there_is_no_noise() -> None:
    picture = pictures.noise(40, 40)
    for mask in (np.zeros((8, 8)), np.pad(np.ones((1, 1)), (0, 7))):
        statistics = texture.noise_statistics(
            [picture.frame], pictures.similarity(2.0, 0.0, (20.0, 20.0), 8)[None], mask[None]
        )
        assert not texture.grain(statistics, 1.0).any()


def test_wrong_arguments_are_named() -> None:
    face, mask = np.zeros((1, 3, 8, 8), np.float32), np.zeros((1, 8, 8), np.float32)
    for bad in (np.nan, np.inf):
        with pytest.raises(ValueError, match="motion is not finite"):
            texture.motion_blur(face, mask, np.full((1, 2, 3), bad))
    with pytest.raises(ValueError, match="gains"):
        texture.sharpen(face, np.ones((1, 3)))
    with pytest.raises(ValueError, match="out must not be faces"):
        _cpu.motion_blur(face, mask, np.zeros((1, 2, 3)), face)
    with pytest.raises(ValueError, match="pictures"):
        texture.detail_statistics(face[:, :2].copy(), mask)
    grain: Any = np.array([[2.0, 0.0, 0.0]], np.float32)
    picture = pictures.noise(16, 16)
    with pytest.raises(ValueError, match="grain"):
        pictures.run_blend([picture], [np.eye(2, 3)], face, mask, 1.0, "bilinear", grain, (1,))
    with pytest.raises(ValueError, match="enlarge is 'box'"):
        pictures.run_blend([picture], [np.eye(2, 3)], face, mask, 1.0, "box")
