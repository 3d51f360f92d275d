"""The blend, and the composite that contains it, against the float64 reference; and what they must never touch."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import compare
import pictures
import reference
import reference_look
from fastswap import _cpu, ops
from fastswap.look import Look
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


# --- grain ------------------------------------------------------------------------------------------------------------


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


# --- composite --------------------------------------------------------------------------------------------------------


def scene(size: int, count: int) -> dict[str, Any]:
    """Everything that the composite takes, for `count` faces in one frame."""
    rng = np.random.default_rng(1)
    picture = pictures.smooth(180, 250, Color("bt709", False, "left"), seed=7)
    maps = np.stack(
        [
            pictures.similarity(s, a, (rng.uniform(60, 200), rng.uniform(40, 140)), size)
            for s, a in zip(np.geomspace(0.2, 2.0, count), rng.uniform(-40, 40, count), strict=True)
        ]
    )
    turn = np.linspace(0, 2 * np.pi, 36, endpoint=False)
    outline = size / 2 + size * np.column_stack([0.3 * np.cos(turn), 0.4 * np.sin(turn)])
    faces = np.stack([pictures.smooth_rgb(size, size, 20 + n) for n in range(count)])
    generated = np.stack([np.clip(2 * face_and_mask(size)[1], 0, 1)] * count)
    return {
        "picture": picture,
        "to_coded": maps,
        "targets": pictures.run_crop([picture] * count, list(maps), size),
        "faces": faces.astype(np.float32),
        "generated": generated.astype(np.float32),
        "outlines": np.stack([outline] * count).astype(np.float32),
    }


def composite(s: dict[str, Any], look: Look) -> pictures.Picture:
    """A copy of the scene's picture with the faces in it."""
    picture: pictures.Picture = s["picture"].copy()
    frames = [picture.frame] * len(s["faces"])
    ops.composite(frames, s["to_coded"], s["targets"], s["faces"], s["generated"], s["outlines"], look)
    return picture


def one_by_one(s: dict[str, Any], look: Look) -> pictures.Picture:
    """The same by separate calls."""
    picture: pictures.Picture = s["picture"].copy()
    frames = [picture.frame] * len(s["faces"])
    shapes, drawn = ops.mask_sources(s["outlines"], s["generated"], look)
    masks = ops.mask(
        shapes, drawn, s["faces"].shape[-1], erode=look.erode, feather=look.feather, join=look.mask_join
    )
    matched = ops.match_color(s["faces"], s["targets"], masks, look.color)
    if look.blend != "feather":
        matched = ops.match_seam(frames, s["to_coded"], matched, s["targets"], masks, look.blend)
    ops.blend(frames, s["to_coded"], matched, masks, opacity=look.opacity)
    return picture


@pytest.mark.parametrize("mask", ["mesh", "generator", "mesh*generator", "generator+ellipse", "box*mesh"])
@pytest.mark.parametrize("color", ["none", "reinhard", "linear", "mkl", "histogram", "sliced"])
@pytest.mark.parametrize("size", [64, 75])
def test_composite_equals_the_separate_calls(size: int, color: Any, mask: Any) -> None:
    s = scene(size, 3)
    look = Look(color=color, mask=mask, opacity=0.9)
    a, b = composite(s, look), one_by_one(s, look)
    assert all(np.array_equal(p, q) for p, q in zip(a.planes, b.planes, strict=True))
    assert any((p != q).any() for p, q in zip(a.planes, s["picture"].planes, strict=True))


@pytest.mark.parametrize("blend", ["poisson", "multiband"])
@pytest.mark.parametrize("color", ["none", "reinhard", "mkl", "sliced"])
@pytest.mark.parametrize("size", [64, 75])
def test_composite_fits_seams_as_the_separate_calls_do(size: int, color: Any, blend: Any) -> None:
    s = scene(size, 3)
    look = Look(color=color, blend=blend, opacity=0.9)
    a, b, plain = composite(s, look), one_by_one(s, look), composite(s, Look(color=color, opacity=0.9))
    assert all(np.array_equal(p, q) for p, q in zip(a.planes, b.planes, strict=True))
    assert all((p != q).any() for p, q in zip(a.planes, plain.planes, strict=True))


@pytest.mark.parametrize("look", [Look(), Look(blend="poisson"), Look(blend="multiband", color="none")])
@pytest.mark.parametrize("work", [composite, one_by_one])
def test_any_number_of_threads_gives_the_same_bytes(
    work: Callable[[dict[str, Any], Look], pictures.Picture],
    look: Look,
) -> None:
    s = scene(96, 5)
    before = ops.get_threads()
    results = []
    for threads in (1, 2, 5):
        ops.set_threads(threads)
        results.append(work(s, look))
    ops.set_threads(before)
    for other in results[1:]:
        assert all(np.array_equal(p, q) for p, q in zip(results[0].planes, other.planes, strict=True))


@pytest.mark.parametrize("blend", ["feather", "poisson"])
def test_faces_of_several_pictures_come_out_as_alone(blend: Any) -> None:
    """In any order, and whether threads share the pictures or the faces; faces of one picture overlap."""
    s, look = scene(64, 6), Look(blend=blend)
    owners = [0, 1, 0, 2, 1, 0]
    before = ops.get_threads()
    results = []
    for threads in (1, 2, 3, 8):
        ops.set_threads(threads)
        made = [s["picture"].copy() for _ in range(3)]
        frames = [made[owner].frame for owner in owners]
        ops.composite(frames, s["to_coded"], s["targets"], s["faces"], s["generated"], s["outlines"], look)
        results.append(made)
    ops.set_threads(before)
    for owner, picture in enumerate(results[0]):
        own = [n for n, other in enumerate(owners) if other == owner]
        part = {key: value[own] for key, value in s.items() if key != "picture"}
        alone = composite({"picture": s["picture"], **part}, look)
        for made in results:
            assert all(np.array_equal(p, q) for p, q in zip(made[owner].planes, alone.planes, strict=True))
        assert picture.guards_hold()


def test_composite_with_an_outline_outside_the_crop() -> None:
    s = scene(32, 2)
    s["outlines"][0] += 500.0
    s["outlines"][1, :, 0] -= 20.0
    for look in (Look(), Look(blend="poisson"), Look(blend="multiband")):
        a, b = composite(s, look), one_by_one(s, look)
        assert all(np.array_equal(p, q) for p, q in zip(a.planes, b.planes, strict=True))


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
