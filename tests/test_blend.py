"""The blend, and the composite that contains it, against the float64 reference; and what they must never touch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import compare
import pictures
import reference
from fastswap import _cpu
from reference import Color


def face_and_mask(size: int, seed: int = 0) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """A noisy face and a soft blob that ends inside the crop."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:size, 0:size] + 0.5 - size / 2
    mask = np.clip((0.42 * size - np.hypot(x, y * 0.8)) / (0.15 * size), 0, 1)
    return rng.uniform(0, 1, (3, size, size)).astype(np.float32), mask.astype(np.float32)


def check(
    picture: pictures.Picture,
    to_coded: NDArray[Any],
    size: int,
    *,
    opacity: float = 1.0,
    limit: float | None = None,
) -> None:
    """One blend where the map enlarges: every sample, the guards, and the samples outside."""
    face, mask = face_and_mask(size)
    before = [plane.copy() for plane in picture.planes]
    pictures.run_blend([picture], [to_coded], face[None], mask[None], opacity)
    want = reference.blend(
        before, picture.color, to_coded, face.astype(np.float64), mask.astype(np.float64), opacity=opacity
    )
    limit = compare.BLEND_CODES if limit is None else limit
    for got, old, expected in zip(picture.planes, before, want, strict=True):
        assert np.abs(got.astype(np.float64) - expected).max() <= limit
        untouched = expected == old
        assert np.array_equal(got[untouched], old[untouched])
    assert picture.guards_hold()


@pytest.mark.parametrize("degrees", [0.0, 11.0, 90.0, -160.0])
@pytest.mark.parametrize("layout", pictures.LAYOUTS)
def test_enlarged_faces_match_the_definition(layout: str, degrees: float) -> None:
    # Chroma samples are twice as far apart as luma samples, so the map must enlarge by 2 for both to interpolate.
    for scale in (2.0, 3.1):
        picture = pictures.noise(117, 131, layout=layout, seed=3)
        check(picture, pictures.similarity(scale, degrees, (66.0, 60.0), 33), 33)


@pytest.mark.parametrize("siting", ["left", "center", "topleft"])
@pytest.mark.parametrize("full_range", [False, True])
@pytest.mark.parametrize("matrix", ["bt601", "bt709", "bt2020"])
def test_colour_and_siting(matrix: str, full_range: bool, siting: str) -> None:
    picture = pictures.noise(61, 75, Color(matrix, full_range, siting), seed=2)
    check(picture, pictures.similarity(2.3, 20.0, (36.0, 30.0), 24), 24, opacity=0.7)


@pytest.mark.parametrize("log2_sub", [(1, 1), (1, 0), (0, 0)])
@pytest.mark.parametrize("bits", [8, 10, 12, 16])
def test_depths_and_subsamplings(bits: int, log2_sub: tuple[int, int]) -> None:
    for layout in pictures.LAYOUTS:
        color = Color("bt2020", bits == 12, "left", bits, log2_sub)
        picture = pictures.noise(67, 81, color, layout=layout, seed=bits)
        limit = {8: None, 10: compare.BLEND_CODES, 12: compare.BLEND_CODES_12, 16: compare.BLEND_CODES_16}[
            bits
        ]
        check(picture, pictures.similarity(2.4, -30.0, (40.0, 33.0), 25), 25, limit=limit)


@pytest.mark.parametrize(
    "centre", [(0.0, 0.0), (130.0, 60.0), (60.0, 117.0), (-20.0, 60.0), (400.0, 400.0), (131.0, -9.0)]
)
def test_faces_over_the_edge(centre: tuple[float, float]) -> None:
    for layout in pictures.LAYOUTS:
        check(pictures.noise(117, 131, layout=layout), pictures.similarity(2.2, 25.0, centre, 28), 28)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 2), (2, 1), (3, 3), (5, 64), (64, 5)])
def test_tiny_and_odd_pictures(height: int, width: int) -> None:
    for layout in pictures.LAYOUTS:
        picture = pictures.noise(height, width, layout=layout)
        check(picture, pictures.similarity(2.6, 35.0, (width / 2, height / 2), 17), 17)


@pytest.mark.parametrize("scale", [0.9, 0.6, 0.31, 0.13])
def test_shrunk_faces_are_averaged(scale: float) -> None:
    size = 96
    side = int(size * scale) + 8
    face = pictures.smooth_rgb(size, size, detail=12.0 / scale)
    _, mask = face_and_mask(size)
    for degrees in (0.0, 33.0):
        picture = pictures.smooth(side, side, seed=4)
        before = [plane.copy() for plane in picture.planes]
        to_coded = pictures.similarity(scale, degrees, (side / 2, side / 2), size)
        pictures.run_blend([picture], [to_coded], face[None], mask[None])
        taps = 2 * int(2 / scale) + 1
        want = reference.blend(before, picture.color, to_coded, face, mask.astype(np.float64), taps=taps)
        for got, expected in zip(picture.planes, want, strict=True):
            error = np.abs(got.astype(np.float64) - expected)
            assert error.mean() < compare.BLEND_AREA_MEAN
            assert error.max() < compare.BLEND_AREA_MAX


def test_what_lies_outside_the_mask_does_not_bleed_in() -> None:
    """The generator's colours where the mask is 0 must not matter, not even beside the mask's edge."""
    size = 48
    face, mask = face_and_mask(size)
    spoiled = face.copy()
    spoiled[:, mask == 0] = np.nan
    for scale in (0.3, 1.0, 2.2):
        to_coded = pictures.similarity(scale, 10.0, (60.0, 60.0), size)
        a, b = pictures.noise(120, 120), pictures.noise(120, 120)
        pictures.run_blend([a], [to_coded], face[None], mask[None])
        pictures.run_blend([b], [to_coded], spoiled[None], mask[None])
        assert all(np.array_equal(p, q) for p, q in zip(a.planes, b.planes, strict=True))


@pytest.mark.parametrize("scale", [0.12, 0.3, 0.8, 2.1])
def test_a_pixel_far_away_does_not_matter(scale: float) -> None:
    """The part of the crop that is worked on follows the mask, but the grid it is sampled on must not."""
    size = 96
    face, mask = face_and_mask(size)
    mask[:20] = 0
    spotted = mask.copy()
    spotted[1, 1] = 1.0
    to_coded = pictures.similarity(scale, 10.0, (120.0, 110.0), size)
    a, b = pictures.noise(230, 240), pictures.noise(230, 240)
    pictures.run_blend([a], [to_coded], face[None], mask[None])
    pictures.run_blend([b], [to_coded], face[None], spotted[None])
    x, y = to_coded @ (1.5, 1.5, 1.0)
    for p, q, sub in zip(a.planes, b.planes, (1, 2, 2), strict=True):
        rows, columns = np.nonzero(np.abs(p.astype(int) - q) > compare.SIMD_CODES)
        near = 3.0 + 2.0 * scale
        assert (np.abs(columns * sub + sub / 2 - x) < near * sub).all()
        assert (np.abs(rows * sub + sub / 2 - y) < near * sub).all()


def test_an_empty_mask_and_no_opacity_change_nothing() -> None:
    face, mask = face_and_mask(24)
    to_coded = pictures.similarity(1.5, 10.0, (30.0, 30.0), 24)
    for masks, opacity in (
        (np.zeros_like(mask), 1.0),
        (mask, 0.0),
        (-mask, 1.0),
        (np.full_like(mask, np.nan), 1.0),
    ):
        picture = pictures.noise(60, 60)
        before = [plane.copy() for plane in picture.planes]
        pictures.run_blend([picture], [to_coded], face[None], masks[None], opacity)
        assert all(np.array_equal(p, q) for p, q in zip(picture.planes, before, strict=True))


def test_a_crop_put_back_changes_nearly_nothing() -> None:
    """Crop and blend use the same positions: what comes back from a smooth picture fits where it was."""
    picture = pictures.smooth(200, 240, detail=25.0)
    before = [plane.copy() for plane in picture.planes]
    to_coded = pictures.similarity(0.9, 25.0, (121.0, 97.0), 128)
    crop = pictures.run_crop([picture], [to_coded], 128)
    _, mask = face_and_mask(128)
    pictures.run_blend([picture], [to_coded], crop, mask[None])
    for got, old in zip(picture.planes, before, strict=True):
        assert np.abs(got.astype(int) - old).max() <= compare.ROUND_TRIP_CODES


def test_later_faces_draw_over_earlier_ones() -> None:
    face, mask = face_and_mask(24)
    faces, masks = np.stack([face, 1 - face]), np.stack([mask, mask])
    maps = [pictures.similarity(2.0, 0.0, (30.0, 30.0), 24), pictures.similarity(2.0, 40.0, (38.0, 33.0), 24)]
    together, single = pictures.noise(70, 70), pictures.noise(70, 70)
    pictures.run_blend([together, together], maps, faces, masks)
    for n in range(2):
        pictures.run_blend([single], maps[n : n + 1], faces[n : n + 1], masks[n : n + 1])
    assert all(np.array_equal(p, q) for p, q in zip(together.planes, single.planes, strict=True))


# --- anything goes ----------------------------------------------------------------------------------------------------

numbers = st.one_of(
    st.floats(-3.0, 3.0),
    st.sampled_from(
        [0.0, 1e-30, -1e-7, 4096.0, -4096.0, 1e5, -1e9, 1e308, float("inf"), float("-inf"), float("nan")]
    ),
)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(numbers, min_size=6, max_size=6),
    st.integers(1, 40),
    st.integers(1, 40),
    st.integers(1, 24),
    st.sampled_from(pictures.LAYOUTS),
    st.sampled_from([8, 10, 16]),
    st.sampled_from(["bilinear", "bicubic", "lanczos"]),
    st.sampled_from([None, 0.02, 1.0]),
)
def test_any_map_draws_inside_the_planes_or_is_an_error(
    values: list[float],
    height: int,
    width: int,
    size: int,
    layout: str,
    bits: int,
    enlarge: str,
    deviation: float | None,
) -> None:
    picture = pictures.noise(height, width, Color(bits=bits), layout=layout)
    to_coded = np.array(values).reshape(2, 3)
    sane = (np.abs(to_coded[:, :2]) <= 4096).all() and (np.abs(to_coded[:, 2]) <= 1e7).all()
    face, _ = face_and_mask(size)
    try:
        grain = None if deviation is None else np.full((1, 3), deviation, np.float32)
        pictures.run_blend(
            [picture], [to_coded], face[None], np.ones((1, size, size)), 1.0, enlarge, grain, (9,)
        )
    except ValueError:
        assert not sane
    else:
        assert sane
    assert picture.guards_hold()
    assert all(plane.max() <= picture.color.top for plane in picture.planes)


def test_wrong_arguments_are_named() -> None:
    picture = pictures.noise(16, 16)
    eye = np.array([[[1.0, 0, 0], [0, 1.0, 0]]])
    face, mask = np.zeros((1, 3, 8, 8), np.float32), np.zeros((1, 8, 8), np.float32)
    with pytest.raises(ValueError, match="masks"):
        _cpu.blend([picture.native], eye, face, mask[:, :4].copy(), 1.0, "bilinear", None, ())
    with pytest.raises(ValueError, match="faces"):
        _cpu.blend([picture.native], eye, face[:, :2].copy(), mask, 1.0, "bilinear", None, ())
    for opacity in (-0.1, 1.5, float("nan")):
        with pytest.raises(ValueError, match="opacity"):
            _cpu.blend([picture.native], eye, face, mask, opacity, "bilinear", None, ())
    picture.planes[1].setflags(write=False)
    with pytest.raises(ValueError, match="U plane: it is read-only"):
        _cpu.blend([picture.native], eye, face, mask, 1.0, "bilinear", None, ())
