"""PQ and HLG pictures: networks and statistics see them as SDR shows them, and what is drawn is HDR again."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import compare
import pictures
import reference
from fastswap import _cpu, ops, video
from fastswap.look import Look
from reference import Color

HDR = [Color("bt2020", False, "topleft", 10, (1, 1), t) for t in ("pq", "hlg")]


def face_and_mask(size: int) -> tuple[Any, Any]:
    y, x = np.mgrid[0:size, 0:size] + 0.5 - size / 2
    mask = np.clip((0.42 * size - np.hypot(x, y)) / 4, 0, 1).astype(np.float32)
    return np.random.default_rng(1).uniform(0, 1, (3, size, size)).astype(np.float32), mask


def skin(color: Color, nits: float, seed: int = 0) -> pictures.Picture:
    """A smooth picture around a skin tone of so much light in its red channel, code values of `color`."""
    rgb = pictures.smooth_rgb(90, 110, seed)
    codes = np.linspace(0.0, 1.0, 20001)
    light = (0.4 + 0.9 * rgb) * nits * np.array([1.0, 0.72, 0.6])[:, None, None]
    rgb = np.interp(light, reference.light_of(codes, color.transfer), codes)
    yuv = reference.yuv_from_rgb(rgb, color)
    planes = [np.rint(p).astype(np.uint16) for p in (yuv[0], yuv[1, ::2, ::2], yuv[2, ::2, ::2])]
    return pictures.lay_out(planes, color)


@pytest.mark.parametrize("color", HDR, ids=lambda c: c.transfer)
def test_the_curve_has_the_landmarks_of_the_standards(color: Color) -> None:
    """BT.2408: diffuse white is 58 % of PQ and 75 % of HLG. It must stay the brightest part of SDR, below 1."""
    white = {"pq": 0.58, "hlg": 0.75}[color.transfer]
    assert reference.light_of(np.array(white), color.transfer) == pytest.approx(203.0, rel=0.01)
    shown = reference.sdr_of(np.array([0.0, white, 1.0]), color.transfer)
    assert shown[0] < 1e-4
    assert 0.85 < shown[1] < 0.92
    assert shown[2] == pytest.approx(1.0)
    grid = reference.sdr_of(np.linspace(0, 1, 5001), color.transfer)
    assert (np.diff(grid) > 0).all()
    assert np.abs(reference.hdr_of(grid, color.transfer) - np.linspace(0, 1, 5001)).max() < 1e-5


@pytest.mark.parametrize("level", _cpu.simd_levels())
@pytest.mark.parametrize("color", HDR, ids=lambda c: c.transfer)
def test_crop_and_blend_match_the_definition(color: Color, level: str) -> None:
    used = _cpu.get_simd()
    _cpu.set_simd(level)
    try:
        for matrix, bits, sub in (("bt2020", 10, (1, 1)), ("bt2020", 12, (0, 0)), ("gbr", 10, (0, 0))):
            spec = Color(matrix, False, "left", bits, sub, color.transfer)
            picture = pictures.noise(67, 81, spec, seed=bits)
            near = pictures.similarity(0.4, 20.0, (40.0, 33.0), 25)
            got = pictures.run_crop([picture], [near], 25)[0]
            assert np.abs(got - reference.crop(picture.planes, spec, near, 25)).max() < compare.TONE_RGB
            before = [p.copy() for p in picture.planes]
            to_coded = pictures.similarity(2.4, -30.0, (40.0, 33.0), 25)
            face, mask = face_and_mask(25)
            pictures.run_blend([picture], [to_coded], face[None], mask[None])
            want = reference.blend(before, spec, to_coded, face.astype(float), mask.astype(float))
            for plane, expected in zip(picture.planes, want, strict=True):
                assert np.abs(plane - expected).max() < compare.TONE_CODES
            assert picture.guards_hold()
    finally:
        _cpu.set_simd(used)


@pytest.mark.parametrize("color", HDR, ids=lambda c: c.transfer)
def test_a_crop_put_back_changes_nearly_nothing(color: Color) -> None:
    picture = skin(color, 60.0)
    before = [p.copy() for p in picture.planes]
    to_coded = pictures.similarity(0.9, 25.0, (50.0, 45.0), 64)
    crop = pictures.run_crop([picture], [to_coded], 64)
    pictures.run_blend([picture], [to_coded], crop, face_and_mask(64)[1][None])
    for got, old in zip(picture.planes, before, strict=True):
        assert np.abs(got.astype(int) - old).max() <= compare.HDR_ROUND_TRIP_CODES


@pytest.mark.parametrize("mode", ["reinhard", "mkl"])
@pytest.mark.parametrize("nits", [15.0, 60.0, 200.0])
@pytest.mark.parametrize("color", HDR, ids=lambda c: c.transfer)
def test_a_matched_face_has_the_light_of_the_scene(color: Color, nits: float, mode: Any) -> None:
    """The generator draws as it learned on SDR; in the HDR frame the face must have the target's light."""
    picture, size = skin(color, nits), 64
    to_coded = pictures.similarity(0.8, 5.0, (55.0, 45.0), size)[None]
    frame = picture.frame
    target = ops.crop([frame], to_coded, size)
    face = 0.25 + 0.5 * pictures.smooth_rgb(size, size, 5)[None] * np.array([1.0, 0.8, 0.7])[:, None, None]
    mask = face_and_mask(size)[1][None]
    before = picture.planes[0].astype(float) / color.top
    ops.composite(
        [frame], to_coded, target, face, mask, None, Look(color=mode, mask="generator", feather=0.05)
    )
    after = picture.planes[0].astype(float) / color.top
    changed = before != after
    assert changed.mean() > 0.05
    mean = [reference.light_of(luma[changed], color.transfer).mean() for luma in (before, after)]
    assert mean[1] == pytest.approx(mean[0], rel=compare.HDR_LIGHT)
    assert reference.light_of(after[changed].max(), color.transfer) < 4.0 * nits


def test_an_sdr_face_in_a_pq_frame_is_not_drawn_at_the_sun() -> None:
    """Without a match: 0.6 of SDR is skin in the shade, 0.6 of PQ would be brighter than paper."""
    color = HDR[0]
    picture, size = skin(color, 60.0), 32
    to_coded = pictures.similarity(1.5, 0.0, (55.0, 45.0), size)
    pictures.run_blend([picture], [to_coded], np.full((1, 3, size, size), 0.6), np.ones((1, size, size)))
    code = (picture.planes[0][45, 55] / 4 - 16) / 219
    assert reference.light_of(np.array(code), "pq") == pytest.approx(203.0 * 0.6**2.4, rel=0.02)


def test_frames_tell_the_transfer() -> None:
    for number, name in ((16, "pq"), (18, "hlg"), (1, "sdr"), (2, "sdr"), (13, "sdr")):
        tags = video.ColorTags(1, 9, 9, number)
        assert tags.spec(64, 48, "hevc", "yuv420p10le").transfer == name
    y, c = np.zeros((8, 8), np.uint16), np.zeros((4, 4), np.uint16)
    wrong = (y, c, c, "bt709", False, "left", 10, (1, 1), 0, "log")
    with pytest.raises(ValueError, match="transfer is 'log'"):
        _cpu.crop([wrong], np.zeros((1, 2, 3)), np.zeros((1, 3, 4, 4), np.float32), "black")  # type: ignore[list-item]


@pytest.mark.parametrize("color", HDR, ids=lambda c: c.transfer)
def test_previews_show_hdr_as_sdr(color: Color) -> None:
    """Paper white is bright, not the grey that its code value would be; skin has the level it has in SDR."""
    for nits in (203.0, 60.0):
        light = np.linspace(0.0, 1.0, 20001)
        code = np.interp(nits, reference.light_of(light, color.transfer), light)
        yuv = reference.yuv_from_rgb(np.full((3, 40, 60), code), color)
        planes = [np.rint(p).astype(np.uint16) for p in (yuv[0], yuv[1, ::2, ::2], yuv[2, ::2, ::2])]
        shown = video.rgb_from_frame(pictures.lay_out(planes, color).frame)
        assert shown.shape == (40, 60, 3)
        want = reference.sdr_of(np.array(code), color.transfer) * 255
        assert np.abs(shown.astype(float) - want).max() < compare.SWSCALE_CODE
        small = video.rgb_from_frame(pictures.lay_out(planes, color).frame, (30, 10))
        assert small.shape == (10, 30, 3)
        assert np.abs(small.astype(float) - want).max() < compare.SWSCALE_CODE
