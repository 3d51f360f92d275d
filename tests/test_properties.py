"""The native operations on anything: a right answer or an error, never a crash and never a touch outside the planes.

Planes are cut to size, so that AddressSanitizer (`make sanitize`) also sees a read beside them.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import compare
import pictures
import reference
from fastswap import _cpu, ops
from fastswap.frame import ColorSpec, Frame, identity_affine
from fastswap.look import Look
from fastswap.pixels import FORMATS
from reference import Color

SLOW = [HealthCheck.too_slow]
"""Not checked: the sanitizers make everything slow."""

LAYOUTS = (
    ((8, 0, (1, 1), "yuv")),
    ((8, 0, (1, 0), "yuv")),
    ((8, 0, (0, 0), "gbr")),
    ((8, 0, (2, 2), "yuv")),
    ((8, 0, (0, 0), "gray")),
    ((10, 0, (0, 1), "yuv")),
    ((10, 0, (1, 1), "yuv")),
    ((10, 6, (1, 1), "yuv")),
    ((12, 4, (1, 0), "yuv")),
    ((14, 0, (0, 0), "gbr")),
    ((16, 0, (0, 0), "yuv")),
    ((16, 0, (0, 0), "gray")),
)
"""bits, shift, subsampling, kind."""

STEPS = (1, 2, 3, 4, -1, -3)
wild = st.one_of(
    st.floats(-3.0, 3.0),
    st.sampled_from(
        [0.0, -0.0, 1e-30, -1e-7, 1e-3, 4096.0, -4096.0, 4096.1, 1e5, -1e9, 1e308, np.inf, -np.inf, np.nan]
    ),
)
maps = st.lists(wild, min_size=6, max_size=6).map(lambda v: np.array(v).reshape(2, 3))
values = st.sampled_from([0.0, 0.5, 1.0, -1.0, 2.0, 1e30, -1e30, 1e-40, np.inf, -np.inf, np.nan])


def plane(
    height: int, width: int, step: int, backwards: bool, bits: int, shift: int, seed: int
) -> NDArray[Any]:
    """Noise with samples `step` apart; the memory ends where the samples do."""
    dtype = np.uint8 if bits + shift == 8 else np.uint16
    row = (width - 1) * abs(step) + 1
    memory = np.zeros(height * row, dtype).reshape(height, row)
    view = memory[:, :: abs(step)]
    view[...] = np.random.default_rng(seed).integers(0, 1 << bits, (height, width)) << shift
    view = view[:, ::-1] if step < 0 else view
    return view[::-1] if backwards else view


class Anything(NamedTuple):
    """A picture for the native module; its planes, colour and shift for the checks; kind: yuv, gbr or gray."""

    native: Any
    planes: list[NDArray[Any]]
    color: Color
    shift: int
    kind: str


@st.composite
def frames(draw: st.DrawFn) -> Anything:
    """Any picture."""
    bits, shift, sub, kind = draw(st.sampled_from(LAYOUTS))
    height, width = draw(st.integers(1, 40)), draw(st.integers(1, 40))
    step, backwards = draw(st.sampled_from(STEPS)), draw(st.booleans())
    full, siting = draw(st.booleans()), draw(st.sampled_from(["left", "center", "topleft"]))
    matrix = "gbr" if kind == "gbr" else draw(st.sampled_from(["bt601", "bt709", "bt2020"]))
    small = pictures.chroma_shape(height, width, sub)
    shapes = [(height, width)] if kind == "gray" else [(height, width), small, small]
    planes = [plane(*shape, step, backwards, bits, shift, n) for n, shape in enumerate(shapes)]
    u, v = planes[1:] or (None, None)
    native = (planes[0], u, v, matrix, full, siting, bits, sub, shift)
    return Anything(native, planes, Color(matrix, full, siting, bits, sub), shift, kind)


def as_frame(frame: Anything, planes: list[NDArray[Any]]) -> Frame:
    """Other planes as a frame; any format with these samples will do, since where they lie is for the planes to say."""
    native, color, shift = frame.native, frame.color, frame.shift
    key = (color.bits, shift, color.matrix == "gbr", len(planes) == 1)
    name = next(
        f.name
        for f in FORMATS.values()
        if (f.bits, f.shift, f.rgb, f.gray) == key and (f.gray or f.log2_sub == color.log2_sub)
    )
    spec = ColorSpec(native[3], native[4], native[5])
    return Frame(tuple(planes), name, spec, 0, 0, 0.0, identity_affine(), (1, 1))


def sane(to_coded: NDArray[Any]) -> bool:
    """The limits that the native module states."""
    return bool((np.abs(to_coded[:, :2]) <= 4096).all() and (np.abs(to_coded[:, 2]) <= 1e7).all())


@settings(max_examples=150, deadline=None, suppress_health_check=SLOW)
@given(frames(), maps, st.integers(1, 20), st.sampled_from(["replicate", "black"]))
def test_crops_of_anything(frame: Anything, to_coded: NDArray[Any], size: int, border: str) -> None:
    planes = frame.planes
    before = [p.copy() for p in planes]
    out = np.full((1, 3, size, size), np.nan, np.float32)
    try:
        _cpu.crop([frame.native], to_coded[None], out, border)
    except ValueError:
        assert not sane(to_coded)
        return
    assert sane(to_coded)
    assert np.isfinite(out).all()
    assert out.min() >= 0.0
    assert out.max() <= 1.0
    if frame.kind == "gray":
        assert np.abs(out - out[:, :1]).max() < compare.CROP_POINT
    assert all(np.array_equal(p, q) for p, q in zip(planes, before, strict=True))


@settings(max_examples=100, deadline=None, suppress_health_check=SLOW)
@given(frames(), st.integers(1, 20), st.floats(0.05, 0.5), st.floats(-180, 180), st.booleans())
def test_enlarging_crops_are_right(
    frame: Anything, size: int, scale: float, degrees: float, black: bool
) -> None:
    """Where chroma is not shrunk either, the definition holds sample by sample."""
    planes, shift = frame.planes, frame.shift
    height, width = planes[0].shape
    to_coded = pictures.similarity(scale, degrees, (width * 0.4, height * 0.6), size)
    out = np.empty((1, 3, size, size), np.float32)
    _cpu.crop([frame.native], to_coded[None], out, "black" if black else "replicate")
    codes = [p >> np.array(shift, p.dtype) for p in planes]
    if frame.kind == "gray":
        codes += [
            np.full(pictures.chroma_shape(height, width, frame.color.log2_sub), 1 << (frame.color.bits - 1))
        ] * 2
    want = reference.crop(codes, frame.color, to_coded, size, black=black)
    assert np.abs(out[0] - want).max() < compare.CROP_POINT


@settings(max_examples=150, deadline=None, suppress_health_check=SLOW)
@given(frames(), maps, st.integers(1, 20), values, values, st.floats(0, 1))
def test_blends_of_anything(
    frame: Anything, to_coded: NDArray[Any], size: int, color: float, alpha: float, opacity: float
) -> None:
    planes, shift = frame.planes, frame.shift
    rng = np.random.default_rng(size)
    faces, masks = rng.uniform(0, 1, (1, 3, size, size)), rng.uniform(0, 1, (1, size, size))
    faces[0, :, size // 2] = color
    masks[0, size // 2] = alpha
    before = [p.copy() for p in planes]
    shown = as_frame(frame, planes)
    try:
        ops.blend([shown], to_coded[None], faces, masks, opacity=opacity)
    except ValueError:
        assert not sane(to_coded)
        assert all(np.array_equal(p, q) for p, q in zip(planes, before, strict=True))
        return
    for p in planes:
        assert p.max() >> shift <= frame.color.top
        assert (p >> shift << shift == p).all()


@settings(max_examples=120, deadline=None, suppress_health_check=SLOW)
@given(
    frames(),
    maps,
    st.integers(1, 40),
    values,
    st.sampled_from(["none", "reinhard", "mkl"]),
    st.sampled_from(["feather", "poisson", "multiband"]),
    st.lists(st.tuples(wild, wild), min_size=3, max_size=9),
    st.floats(0.0, 0.3),
    st.floats(0.0, 0.3),
)
def test_composites_of_anything(
    frame: Anything,
    to_coded: NDArray[Any],
    size: int,
    odd: float,
    color: Any,
    blend: Any,
    outline: list[tuple[float, float]],
    erode: float,
    feather: float,
) -> None:
    """NaN and infinities in every input: the samples stay in their range and the rest of memory is left alone."""
    planes, shift = frame.planes, frame.shift
    rng = np.random.default_rng(size)
    targets, faces = rng.uniform(0, 1, (2, 1, 3, size, size)).astype(np.float32)
    targets[0, 0, 0] = odd
    faces[0, 1, size // 2] = odd
    generated = rng.uniform(0, 1, (1, size, size)).astype(np.float32)
    generated[0, :, size // 3] = odd
    shown = as_frame(frame, planes)
    look = Look(color=color, blend=blend, erode=erode, feather=feather)
    with np.errstate(over="ignore"):
        points = np.array([outline], np.float32)
    try:
        ops.composite([shown], to_coded[None], targets, faces, generated, points, look)
    except ValueError:
        assert not sane(to_coded) or not np.isfinite(points).all() or np.abs(points).max() > 1e6
        return
    for p in planes:
        assert p.max() >> shift <= frame.color.top


@settings(max_examples=60, deadline=None, suppress_health_check=SLOW)
@given(
    st.lists(st.tuples(wild, wild), min_size=1, max_size=12),
    st.integers(1, 48),
    st.floats(-0.6, 0.6),
    st.floats(0.0, 0.6),
    values,
)
def test_masks_of_anything(
    outline: list[tuple[float, float]], size: int, erode: float, feather: float, odd: float
) -> None:
    with np.errstate(over="ignore"):
        points = np.array([outline], np.float32)
    generated = np.full((1, size, size), odd, np.float32)
    try:
        got = ops.mask(points, generated, size, erode=erode, feather=feather)
    except ValueError:
        return
    assert np.isfinite(got).all()
    assert got.min() >= 0.0
    assert got.max() <= 1.0


@settings(max_examples=80, deadline=None, suppress_health_check=SLOW)
@given(frames(), maps, st.integers(1, 20), values)
def test_noise_of_anything(frame: Anything, to_coded: NDArray[Any], size: int, odd: float) -> None:
    masks = np.ones((1, size, size), np.float32)
    masks[0, size // 2] = odd
    out = np.full((1, 4), np.nan)
    try:
        _cpu.noise_statistics([frame.native], to_coded[None], masks, out)
    except ValueError:
        assert not sane(to_coded)
        return
    assert np.isfinite(out).all()
    assert (out >= 0.0).all()


@settings(max_examples=60, deadline=None, suppress_health_check=SLOW)
@given(frames(), st.sampled_from([1, 2, 3, 7]), st.integers(8, 40))
def test_any_number_of_threads_gives_the_same_bytes(frame: Anything, threads: int, size: int) -> None:
    planes = frame.planes
    height, width = planes[0].shape
    to_coded = pictures.similarity(1.1, 15.0, (width / 2, height / 2), size)[None]
    rng = np.random.default_rng(3)
    face, mask = rng.uniform(0, 1, (1, 3, size, size)), rng.uniform(0, 1, (1, size, size))
    results = []
    used = ops.get_threads()
    try:
        for count in (1, threads):
            ops.set_threads(count)
            copies = [p.copy() for p in planes]
            shown = as_frame(frame, copies)
            crop = ops.crop([shown], to_coded, size)
            ops.blend([shown], to_coded, face, mask)
            results.append([crop, *copies])
    finally:
        ops.set_threads(used)
    assert all(np.array_equal(p, q) for p, q in zip(*results, strict=True))


@settings(max_examples=60, deadline=None, suppress_health_check=SLOW)
@given(frames(), st.integers(8, 40), st.floats(0.3, 3.0))
def test_levels_agree(frame: Anything, size: int, scale: float) -> None:
    """Every SIMD level against the scalar one, for every layout."""
    planes, shift = frame.planes, frame.shift
    height, width = planes[0].shape
    to_coded = pictures.similarity(scale, 15.0, (width / 2, height / 2), size)[None]
    rng = np.random.default_rng(3)
    face, mask = rng.uniform(0, 1, (1, 3, size, size)), rng.uniform(0, 1, (1, size, size))
    used = _cpu.get_simd()
    results: list[Any] = []
    try:
        for level in _cpu.simd_levels():
            _cpu.set_simd(level)
            copies = [p.copy() for p in planes]
            shown = as_frame(frame, copies)
            crop = ops.crop([shown], to_coded, size)
            ops.blend([shown], to_coded, face, mask)
            results.append((crop, [c.astype(int) >> shift for c in copies]))
    finally:
        _cpu.set_simd(used)
    for crop, codes in results[1:]:
        assert np.abs(crop - results[0][0]).max() < compare.SIMD_RGB
        assert all(
            np.abs(p - q).max() <= compare.SIMD_CODES for p, q in zip(codes, results[0][1], strict=True)
        )


def test_pictures_that_do_not_fit_are_named() -> None:
    y, c = np.zeros((8, 8), np.uint16), np.zeros((4, 4), np.uint16)
    out = np.zeros((1, 3, 4, 4), np.float32)
    for rest, words in (
        (("bt709", False, "left", 10, (1, 1), 7), "shift does not fit"),
        (("bt709", False, "left", 10, (1, 1), -1), "shift must lie"),
        (("bt709", False, "left", 8, (1, 1), 0), "bits do not fit"),
        (("bt709", False, "left", 17, (1, 1), 0), "bits do not fit"),
    ):
        with pytest.raises(ValueError, match=words):
            _cpu.crop([(y, c, c, *rest)], np.zeros((1, 2, 3)), out, "black")
    with pytest.raises(ValueError, match="no matrix gbr"):
        _cpu.crop([(y, None, None, "gbr", False, "left", 10, (0, 0), 0)], np.zeros((1, 2, 3)), out, "black")


def test_the_sanitizers_are_in_the_module_that_is_tested() -> None:
    """`make sanitize` must not quietly test the installed module."""
    if os.environ.get("FASTSWAP_SANITIZED") != "1":
        pytest.skip("runs in make sanitize")
    assert "sanitize" in Path(_cpu.__file__).parts
    assert b"__asan_init" in Path(_cpu.__file__).read_bytes()
    assert b"__ubsan_handle" in Path(_cpu.__file__).read_bytes()
