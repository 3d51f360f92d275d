"""Wide filters for enlarged faces, and the grain that is drawn over them, against the float64 reference."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import compare
import pictures
import reference
import reference_look
from fastswap import _cpu, ops
from reference import Color
from test_blend import face_and_mask


@pytest.mark.parametrize("enlarge", ["bicubic", "lanczos"])
@pytest.mark.parametrize("layout", pictures.LAYOUTS)
def test_wide_filters_match_their_definition(layout: str, enlarge: str) -> None:
    size = 30
    face, mask = face_and_mask(size)
    mask[:12] = 0  # a hard edge, and layers that do not begin at the crop's edge
    for scale, degrees, centre in (
        (2.0, 0.0, (60.0, 55.0)),
        (3.3, 28.0, (66.0, 60.0)),
        (2.4, -70.0, (-5.0, 90.0)),
    ):
        picture = pictures.noise(117, 131, layout=layout, seed=3)
        before = [plane.copy() for plane in picture.planes]
        to_coded = pictures.similarity(scale, degrees, centre, size)
        pictures.run_blend([picture], [to_coded], face[None], mask[None], 0.9, enlarge)
        read = functools.partial(reference_look.filtered, name=enlarge)
        want = reference.blend(
            before,
            picture.color,
            to_coded,
            face.astype(np.float64),
            mask.astype(np.float64),
            opacity=0.9,
            read=read,
        )
        for got, expected in zip(picture.planes, want, strict=True):
            assert np.abs(got.astype(np.float64) - expected).max() <= compare.WIDE_CODES
        assert picture.guards_hold()


def test_wide_filters_change_nothing_where_the_map_shrinks() -> None:
    face, mask = face_and_mask(64)
    to_coded = pictures.similarity(0.7, 20.0, (40.0, 40.0), 64)
    results = []
    for enlarge in ("bilinear", "bicubic", "lanczos"):
        picture = pictures.noise(80, 80)
        pictures.run_blend([picture], [to_coded], face[None], mask[None], 1.0, enlarge)
        results.append(picture.planes)
    for other in results[1:]:
        assert all(np.array_equal(p, q) for p, q in zip(results[0], other, strict=True))


@pytest.mark.parametrize("bits", [8, 10])
def test_grain_has_the_asked_deviation(bits: int) -> None:
    """On a flat face: normal in shape, and under half a mask as strong as keeps the sum's variance."""
    size, code = 24, 2.0 ** (bits - 8)
    mask = np.zeros((1, size, size), np.float32)
    mask[0, 1:-1, 1:-1] = 1.0
    gray = np.full((1, 3, size, size), 110 / 219, np.float32)  # 126, a whole code value
    to_coded = pictures.similarity(12.0, 0.0, (150.0, 150.0), size)
    deviations = np.array([[0.02, 0.012, 0.008]], np.float32)
    for opacity in (1.0, 0.5):
        clean, grainy = (pictures.noise(300, 300, Color(bits=bits)) for _ in range(2))
        for picture, grain in ((clean, None), (grainy, deviations)):
            for plane in picture.planes:
                plane[...] = int(128 * code)
            pictures.run_blend([picture], [to_coded], gray, mask, opacity, "bilinear", grain, (7,))
        for plane, flat, deviation in zip(grainy.planes, clean.planes, deviations[0], strict=True):
            h, w = plane.shape
            inner = np.s_[h // 6 : -h // 6, w // 6 : -w // 6]
            added = (plane.astype(np.float64) - flat)[inner]
            want = deviation * 2**bits * (1.0 - (1.0 - opacity) ** 2) ** 0.5
            assert abs(added.std() / want - 1.0) < compare.GRAIN_PART
            assert abs(added.mean()) < 4 * want / added.size**0.5 + 0.05
            assert np.abs(np.corrcoef(added[:, 1:].ravel(), added[:, :-1].ravel())[0, 1]) < 0.03
            kurtosis = ((added - added.mean()) ** 4).mean() / added.var() ** 2
            assert 2.4 < kurtosis < 3.2


def test_grain_follows_from_seed_and_place_alone() -> None:
    face, mask = face_and_mask(24)
    to_coded = pictures.similarity(2.0, 10.0, (50.0, 50.0), 24)
    grain = np.array([[0.02, 0.02, 0.02]], np.float32)

    def planes(seed: int) -> list[NDArray[Any]]:
        picture = pictures.noise(100, 100)
        pictures.run_blend([picture], [to_coded], face[None], mask[None], 1.0, "bilinear", grain, (seed,))
        return [plane.copy() for plane in picture.planes]

    assert all(np.array_equal(p, q) for p, q in zip(planes(1), planes(1), strict=True))
    assert not np.array_equal(planes(1)[0], planes(2)[0])
    plain = pictures.noise(100, 100)
    before = [plane.copy() for plane in plain.planes]
    pictures.run_blend([plain], [to_coded], face[None], mask[None])
    for grainy, without, old in zip(planes(1), plain.planes, before, strict=True):
        assert not np.array_equal(grainy, without)
        assert np.array_equal(grainy[:8], old[:8])  # beyond the crop


@pytest.mark.parametrize("enlarge", ["bilinear", "bicubic", "lanczos"])
@pytest.mark.parametrize("scale", [0.7, 1.0, 2.5])
@pytest.mark.parametrize("subsampling", [(0, 0), (1, 1)])
def test_levels_agree_about_every_one_of_16_bits(
    enlarge: ops.Enlarge, scale: float, subsampling: tuple[int, int]
) -> None:
    """In 16 bits a weight that is rounded to 15 bits is two codes off: no sample of the hardest noise may show it."""
    used = _cpu.get_simd()
    for seed in range(30):
        picture = pictures.noise(40, 56, Color(bits=16, log2_sub=subsampling), seed=seed)
        for plane in picture.planes:
            plane[...] = np.where(plane < 2**15, 0, 2**16 - 1)
        rng = np.random.default_rng(seed)
        face, mask = rng.integers(0, 2, (1, 3, 16, 16)), rng.integers(0, 2, (1, 16, 16))
        transform = pictures.similarity(scale, 7.0 * seed, (28.3, 20.1), 16)[None]
        made = []
        try:
            for level in _cpu.simd_levels():
                _cpu.set_simd(level)
                copy = picture.copy()
                ops.blend([copy.frame], transform, face, mask, enlarge=enlarge)
                made.append([plane.astype(int) for plane in copy.planes])
        finally:
            _cpu.set_simd(used)
        for planes in made[1:]:
            assert all(
                np.abs(p - q).max() <= compare.SIMD_CODES for p, q in zip(planes, made[0], strict=True)
            )
