"""The crop against the float64 reference: positions, colours, borders, anti-aliasing, layouts, depths, odd maps."""

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
from fastswap import _cpu, ops
from fastswap.errors import SettingsError
from reference import Color


def check_point(
    picture: pictures.Picture, to_coded: NDArray[Any], size: int, border: str = "replicate"
) -> None:
    """Native against reference where the map does not shrink."""
    got = pictures.run_crop([picture], [to_coded], size, border)[0]
    want = reference.crop(picture.planes, picture.color, to_coded, size, black=border == "black")
    assert np.abs(got - want).max() < compare.CROP_POINT


@pytest.mark.parametrize("border", ["replicate", "black"])
@pytest.mark.parametrize("degrees", [0.0, 13.0, 90.0, 201.0])
@pytest.mark.parametrize("layout", pictures.LAYOUTS)
def test_enlarging_interpolates(layout: str, degrees: float, border: str) -> None:
    picture = pictures.noise(67, 93, layout=layout, seed=1)
    for scale in (0.25, 0.8, 1.0):
        check_point(picture, pictures.similarity(scale, degrees, (38.0, 31.0), 33), 33, border)


@pytest.mark.parametrize("siting", ["left", "center", "topleft"])
@pytest.mark.parametrize("full_range", [False, True])
@pytest.mark.parametrize("matrix", ["bt601", "bt709", "bt2020"])
def test_colour_and_siting(matrix: str, full_range: bool, siting: str) -> None:
    picture = pictures.noise(31, 45, Color(matrix, full_range, siting), seed=2)
    check_point(picture, pictures.similarity(0.7, 20.0, (22.0, 15.0), 24), 24)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 2), (2, 1), (2, 3), (3, 3), (5, 64), (64, 5)])
def test_tiny_and_odd_pictures(height: int, width: int) -> None:
    for layout in pictures.LAYOUTS:
        picture = pictures.noise(height, width, layout=layout, seed=3)
        for border in ("replicate", "black"):
            check_point(picture, pictures.similarity(0.4, 35.0, (width / 2, height / 2), 17), 17, border)


@pytest.mark.parametrize("log2_sub", [(1, 1), (1, 0), (0, 0)])
@pytest.mark.parametrize("bits", [8, 10, 12, 16])
def test_depths_and_subsamplings(bits: int, log2_sub: tuple[int, int]) -> None:
    for layout in pictures.LAYOUTS:
        color = Color("bt2020", bits == 12, "left", bits, log2_sub)
        picture = pictures.noise(37, 51, color, layout=layout, seed=bits)
        check_point(picture, pictures.similarity(0.6, -30.0, (25.0, 20.0), 32), 32)


@pytest.mark.parametrize("layout", ["semiplanar", "mirrored"])
@pytest.mark.parametrize("scale", [1.2, 1.9, 2.7, 4.4, 7.3, 10.0])
def test_shrinking_averages_the_area(scale: float, layout: str) -> None:
    size = 24
    side = int(size * scale)
    picture = pictures.smooth(side, side + 3, layout=layout, detail=12.0 * max(1.0, scale), seed=5)
    for degrees in (0.0, 17.0, 90.0):
        to_coded = pictures.similarity(scale, degrees, (side / 2, side / 2), size)
        got = pictures.run_crop([picture], [to_coded], size)[0]
        want = reference.crop(picture.planes, picture.color, to_coded, size, taps=int(2 * scale) + 1)
        error = np.abs(got - want)
        assert error.mean() < compare.CROP_AREA_MEAN
        assert error.max() < compare.CROP_AREA_MAX


@pytest.mark.parametrize("degrees", [0.0, 20.0, 45.0])
@pytest.mark.parametrize("scale", [1.5, 2.0, 2.5, 3.2, 5.0, 10.0, 16.0])
def test_shrinking_does_not_alias(scale: float, degrees: float) -> None:
    size = 32
    side = int(scale * size * 1.5) + 2
    y, x = np.mgrid[0:side, 0:side]
    luma = ((y + x) % 2 * 200 + 28).astype(np.uint8)
    grey = np.full(pictures.chroma_shape(side, side, (1, 1)), 128, np.uint8)
    picture = pictures.lay_out([luma, grey, grey], Color(full_range=True))
    to_coded = pictures.similarity(scale, degrees, (side / 2 + 0.3, side / 2 + 0.1), size)
    got = pictures.run_crop([picture], [to_coded], size)[0]
    assert np.abs(got - 128 / 255).max() < compare.CROP_ALIAS


def test_a_ramp_stays_where_it_is() -> None:
    """Shrinking by any factor, anisotropic ones too, must not move the picture, nor chroma against luma."""
    color = Color("bt709", True, "left", 16)
    height, width = 700, 900
    y, x = np.mgrid[0:height, 0:width] + 0.5
    ramp = (x + 2.0 * y) / 2400.0
    codes = np.clip(
        np.rint(reference.yuv_from_rgb(np.stack([ramp, 1.0 - ramp, 0.5 * ramp]), color)), 0, 65535
    )
    # Chroma as it would be sampled at its own positions.
    cy, cx = np.mgrid[0 : height // 2, 0 : width // 2]
    at = ((2 * cx + 0.5) + 2.0 * (2 * cy + 1.0)) / 2400.0
    chroma = np.rint(reference.yuv_from_rgb(np.stack([at, 1.0 - at, 0.5 * at]), color))
    picture = pictures.lay_out([p.astype(np.uint16) for p in (codes[0], chroma[1], chroma[2])], color)
    for sx, sy, degrees in (
        (0.5, 0.5, 0),
        (1.3, 1.3, 30),
        (2.9, 2.9, 0),
        (6.0, 6.0, -15),
        (9.0, 3.0, 0),
        (6.0, 1.5, 40),
    ):
        angle = np.deg2rad(degrees)
        linear = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) @ np.diag(
            [sx, sy]
        )
        offset = np.array([450.0, 350.0]) - linear @ np.array([20.0, 20.0])
        to_coded = np.column_stack([linear, offset])
        got = pictures.run_crop([picture], [to_coded], 40)[0]
        px, py = np.meshgrid(np.arange(40) + 0.5, np.arange(40) + 0.5)
        lx, ly = (to_coded[i, 0] * px + to_coded[i, 1] * py + to_coded[i, 2] for i in (0, 1))
        want = (lx + 2.0 * ly) / 2400.0
        error = np.abs(got[0] - want)
        assert error[(lx > 60) & (lx < 840) & (ly > 60) & (ly < 640)].max() < compare.CROP_RAMP


def test_a_flat_picture_stays_flat() -> None:
    color = Color()
    planes = [np.full((50, 70), 120, np.uint8), *[np.full((25, 35), v, np.uint8) for v in (90, 160)]]
    picture = pictures.lay_out(planes, color)
    want = reference.rgb_from_yuv(np.array([120.0, 90.0, 160.0]), color)
    rng = np.random.default_rng(8)
    maps = rng.uniform(-20, 20, (40, 2, 3))
    got = pictures.run_crop([picture] * 40, list(maps), 16)
    assert np.abs(got - want[None, :, None, None]).max() < compare.CROP_POINT


def test_black_border_is_black() -> None:
    for color in (Color(), Color(full_range=True), Color("bt2020", bits=10)):
        picture = pictures.noise(40, 40, color)
        far = pictures.similarity(1.0, 0.0, (500.0, -300.0), 16)
        assert np.abs(pictures.run_crop([picture], [far], 16, "black")).max() < compare.CROP_POINT
        wide = pictures.similarity(8.0, 10.0, (20.0, 20.0), 64)
        got = pictures.run_crop([picture], [wide], 64, "black")[0]
        assert np.abs(got[:, :20]).max() < compare.CROP_POINT
        assert got[:, 30:34, 30:34].max() > 0.1


@pytest.mark.parametrize("layout", ["planar", "semiplanar"])
def test_ops_crop_takes_frames(layout: str) -> None:
    picture = pictures.noise(33, 47, layout=layout)
    maps = np.stack([pictures.similarity(s, 5.0, (20.0, 16.0), 24) for s in (0.5, 1.7)])
    out = np.empty((2, 3, 24, 24), np.float32)
    assert ops.crop([picture.frame] * 2, maps, 24, out=out) is out
    assert np.array_equal(out, pictures.run_crop([picture] * 2, list(maps), 24))
    assert ops.crop([], np.zeros((0, 2, 3)), 24).shape == (0, 3, 24, 24)


def test_any_number_of_threads_gives_the_same_bytes() -> None:
    picture = pictures.noise(200, 300, seed=4)
    maps = [pictures.similarity(s, a, (150.0, 100.0), 96) for s, a in ((0.7, 10.0), (2.2, -40.0), (1.0, 0.0))]
    before = ops.get_threads()
    results = []
    for threads in (1, 2, 5):
        ops.set_threads(threads)
        results.append(pictures.run_crop([picture] * 3, maps, 96))
    ops.set_threads(before)
    assert all(np.array_equal(results[0], other) for other in results[1:])


numbers = st.one_of(
    st.floats(-3.0, 3.0),
    st.sampled_from(
        [0.0, 1e-30, -1e-7, 4096.0, -4096.0, 1e5, -1e9, 1e308, float("inf"), float("-inf"), float("nan")]
    ),
)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(numbers, min_size=6, max_size=6),
    st.integers(1, 40),
    st.integers(1, 40),
    st.integers(1, 24),
    st.sampled_from(pictures.LAYOUTS),
    st.sampled_from(["replicate", "black"]),
)
def test_any_map_gives_a_picture_or_an_error(
    values: list[float], height: int, width: int, size: int, layout: str, border: str
) -> None:
    picture = pictures.noise(height, width, layout=layout)
    to_coded = np.array(values).reshape(2, 3)
    try:
        got = pictures.run_crop([picture], [to_coded], size, border)
    except ValueError:
        assert not (np.abs(to_coded[:, :2]) <= 4096).all() or not (np.abs(to_coded[:, 2]) <= 1e7).all()
        return
    assert np.isfinite(got).all()
    assert got.min() >= 0.0
    assert got.max() <= 1.0
    assert picture.guards_hold()


def test_wrong_arguments_are_named() -> None:
    picture = pictures.noise(16, 16)
    eye = np.array([[[1.0, 0, 0], [0, 1.0, 0]]])
    out = np.zeros((1, 3, 8, 8), np.float32)
    with pytest.raises(ValueError, match="border is 'grey'"):
        _cpu.crop([picture.native], eye, out, "grey")
    with pytest.raises(ValueError, match="out"):
        _cpu.crop([picture.native], eye, out[:, :, :, :4].copy(), "black")
    with pytest.raises(ValueError, match="to_coded"):
        _cpu.crop([picture.native] * 2, eye, np.zeros((2, 3, 8, 8), np.float32), "black")
    with pytest.raises(TypeError):
        _cpu.crop([picture.native], eye.astype(np.float32), out, "black")  # type: ignore[arg-type]
    y, u, v, *rest = picture.native
    for planes, text in (
        ((y, u[:, :-1], v), "chroma"),
        ((y[:0], u, v), "Y plane"),
        ((y, u.astype(np.uint16), v), "U plane"),
        ((y.astype(np.float32), u, v), "Y plane"),
    ):
        with pytest.raises(ValueError, match=text):
            _cpu.crop([(*planes, *rest)], eye, out, "black")  # type: ignore[list-item]
    for index, value, text in (
        (0, "bt470", "matrix"),
        (2, "right", "siting"),
        (3, 10, "bits"),
        (4, (3, 0), "subsampling"),
    ):
        changed = list(rest)
        changed[index] = value  # type: ignore[call-overload]
        with pytest.raises(ValueError, match=text):
            _cpu.crop([(y, u, v, *changed)], eye, out, "black")  # type: ignore[list-item]


def test_foreign_formats_are_refused() -> None:
    frame = pictures.noise(16, 16).frame
    object.__setattr__(frame, "format", "rgb565le")
    with pytest.raises(SettingsError, match="rgb565le"):
        ops.crop([frame], np.zeros((1, 2, 3)), 8)
    with pytest.raises(SettingsError, match="shape"):
        ops.crop([], np.zeros((0, 2, 3)), 8, out=np.zeros((1, 3, 8, 8), np.float32))
