"""The mask against the float64 reference: filling, erosion, feathering and what must hold for any outline."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import compare
import reference
from fastswap import _cpu, ops
from fastswap.errors import SettingsError
from fastswap.look import Look


def star(size: int, points: int, seed: int, centre: tuple[float, float] | None = None) -> NDArray[np.float32]:
    """A closed outline around a centre, with bays."""
    rng = np.random.default_rng(seed)
    turn = np.sort(rng.uniform(0, 2 * np.pi, points))
    radius = rng.uniform(0.2, 0.48, points) * size
    cx, cy = centre or (size / 2, size / 2)
    return np.column_stack([cx + radius * np.cos(turn), cy + radius * np.sin(turn)]).astype(np.float32)


def filled(outline: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """The bare coverage."""
    return ops.mask(outline[None], None, size, erode=0.0, feather=0.0)[0]


@pytest.mark.parametrize("size", [7, 16, 31, 50])
def test_outlines_cover_their_exact_area(size: int) -> None:
    for seed in range(4):
        outline = star(size, 11, seed)
        want = reference.mask(outline.astype(np.float64), None, size, 0.0, 0.0)
        assert np.abs(filled(outline, size) - want).max() < compare.MASK
        assert np.array_equal(filled(outline, size), filled(outline[::-1].copy(), size))


@pytest.mark.parametrize(
    "centre", [(0.0, 12.0), (24.0, 24.0), (12.0, -3.0), (30.0, 5.0), (-40.0, 12.0), (12.0, 99.0)]
)
def test_outlines_over_the_edge(centre: tuple[float, float]) -> None:
    outline = star(24, 9, 3, centre)
    want = reference.mask(outline.astype(np.float64), None, 24, 0.0, 0.0)
    assert np.abs(filled(outline, 24) - want).max() < compare.MASK


def test_thin_and_level_edges() -> None:
    for corners in (
        [(3, 3), (20, 3), (20, 20), (3, 20)],
        [(2.25, 4.5), (21.75, 4.5), (21.75, 5.0), (2.25, 5.0)],
        [(5, 2), (5.125, 2), (5.125, 22), (5, 22)],
        [(1, 1), (23, 23), (22.9, 23)],
        [(-100, -100), (200, -100), (200, 200), (-100, 200)],
    ):
        outline = np.array(corners, np.float32)
        want = reference.mask(outline.astype(np.float64), None, 24, 0.0, 0.0)
        assert np.abs(filled(outline, 24) - want).max() < compare.MASK


@pytest.mark.parametrize(
    ("erode", "feather"), [(0.0, 0.1), (0.02, 0.08), (0.1, 0.0), (0.13, 0.31), (0.03, 0.5), (0.5, 0.5)]
)
@pytest.mark.parametrize("size", [24, 45])
def test_erosion_and_feather(size: int, erode: float, feather: float) -> None:
    outline = star(size, 13, 7)
    y, x = np.mgrid[0:size, 0:size]
    generated = (0.5 + 0.5 * np.sin(x / 3.0) * np.cos(y / 5.0)).astype(np.float32)
    for o, g in ((outline, None), (None, generated), (outline, generated)):
        got = ops.mask(
            None if o is None else o[None], None if g is None else g[None], size, erode=erode, feather=feather
        )[0]
        want = reference.mask(
            None if o is None else o.astype(np.float64),
            None if g is None else g.astype(np.float64),
            size,
            erode,
            feather,
        )
        assert np.abs(got - want).max() < compare.MASK


@pytest.mark.parametrize("erode", [-0.02, -0.1, -0.3])
@pytest.mark.parametrize("centre", [None, (0.0, 12.0), (33.0, 40.0), (20.0, -4.0)])
def test_masks_grow(erode: float, centre: tuple[float, float] | None) -> None:
    outline = star(41, 9, 5, centre)
    got = ops.mask(outline[None], None, 41, erode=erode, feather=0.1)[0]
    want = reference.mask(outline.astype(np.float64), None, 41, erode, 0.1)
    assert np.abs(got - want).max() < compare.MASK
    assert got.sum() > ops.mask(outline[None], None, 41, erode=0.0, feather=0.1)[0].sum()


@pytest.mark.parametrize("join", ["product", "union"])
@pytest.mark.parametrize("erode", [-0.06, 0.04])
def test_shapes_are_joined(join: ops.MaskJoin, erode: float) -> None:
    size = 45
    outlines = [star(size, 11, 1), star(size, 11, 2, (20.0, 30.0)), star(size, 11, 3, (30.0, 21.0))]
    y, x = np.mgrid[0:size, 0:size]
    generated = (0.5 + 0.5 * np.sin(x / 3.0) * np.cos(y / 5.0)).astype(np.float32)
    matte = np.clip((x + y) / size - 0.4, 0, 1).astype(np.float32)
    for drawn, seen_through in ((None, None), (generated, None), (None, matte), (generated, matte)):
        got = ops.mask(
            np.stack(outlines)[None],
            None if drawn is None else drawn[None],
            size,
            erode=erode,
            feather=0.08,
            join=join,
            mattes=None if seen_through is None else seen_through[None],
        )[0]
        want = reference.mask(
            [o.astype(np.float64) for o in outlines],
            drawn,
            size,
            erode,
            0.08,
            unite=join == "union",
            matte=seen_through,
        )
        assert np.abs(got - want).max() < 2 * compare.MASK


def test_parts_of_a_look() -> None:
    """An ellipse and a box are as wide and high as the outline, and the parts that are missing are left out."""
    size = 64
    outline = star(size, 40, 4)[None]
    low, high = outline[0].min(axis=0), outline[0].max(axis=0)
    generated = np.full((1, size, size), 0.5, np.float32)

    def shown(mask: str, outlines: NDArray[np.float32] | None = outline) -> NDArray[np.float32]:
        look = Look(mask=mask)
        shapes, drawn = ops.mask_sources(outlines, generated, look)
        return ops.mask(shapes, drawn, size, erode=0.0, feather=0.0, join=look.mask_join)[0]

    assert shown("box").sum() == pytest.approx(np.prod(high - low), rel=1e-3)
    assert shown("ellipse").sum() == pytest.approx(np.pi / 4 * np.prod(high - low), rel=0.01)
    assert np.abs(shown("mesh*generator") - 0.5 * shown("mesh")).max() < compare.MASK
    inner = slice(1, -1)  # the crop's border is 0
    assert np.abs(shown("box+generator") - np.maximum(shown("box"), 0.5))[inner, inner].max() < compare.MASK
    assert np.abs(shown("mesh*ellipse") - shown("mesh") * shown("ellipse")).max() < 2 * compare.MASK
    assert np.abs(shown("mesh", None) - 0.5)[inner, inner].max() < compare.MASK
    assert np.array_equal(shown("mesh*generator", None), shown("generator"))


def test_the_soft_edge_lies_inside_the_eroded_outline() -> None:
    size, erode, feather = 128, 0.05, 0.12
    turn = np.linspace(0, 2 * np.pi, 90, endpoint=False)
    outline = (64 + 50 * np.column_stack([np.cos(turn), np.sin(turn)])).astype(np.float32)
    mask = ops.mask(outline[None], None, size, erode=erode, feather=feather)[0]
    y, x = np.mgrid[0:size, 0:size] + 0.5 - 64
    inward = 50 - np.hypot(x, y)
    # The box filters' reach is a square and what they shrink by an octagon: their faint corners show diagonally.
    assert mask[inward < erode * size - 0.5].max() < compare.MASK_EDGE
    assert mask[inward > (erode + feather) * size + 0.5].min() > 1.0 - compare.MASK_EDGE
    middle = mask[np.abs(inward - (erode + feather / 2) * size) < 0.7]
    assert abs(middle.mean() - 0.5) < 0.1


def test_a_shape_too_thin_for_the_feather_is_kept() -> None:
    outline = np.array([(10, 30), (54, 30), (54, 34), (10, 34)], np.float32)
    assert ops.mask(outline[None], None, 64, erode=0.0, feather=0.4)[0].max() > 0.5


def test_the_border_is_zero() -> None:
    for erode, feather in ((0.0, 0.0), (0.0, 0.2), (0.1, 0.1)):
        mask = ops.mask(None, np.ones((1, 33, 33), np.float32), 33, erode=erode, feather=feather)[0]
        assert mask[16, 16] == 1.0
        assert not any(edge.any() for edge in (mask[0], mask[-1], mask[:, 0], mask[:, -1]))


def test_generated_masks_are_cut_to_0_and_1() -> None:
    generated = np.full((1, 20, 20), 7.0, np.float32)
    generated[0, 5, 5], generated[0, 6, 6], generated[0, 7, 7] = np.nan, -3.0, np.inf
    mask = ops.mask(None, generated, 20, erode=0.0, feather=0.0)[0]
    assert (mask[5, 5], mask[6, 6], mask[7, 7], mask[8, 8]) == (0.0, 0.0, 1.0, 1.0)


def test_batches_are_faces_one_by_one() -> None:
    outlines = np.stack([star(40, 12, seed) for seed in range(5)])
    together = ops.mask(outlines, None, 40, erode=0.03, feather=0.1)
    for n in range(5):
        assert np.array_equal(
            together[n], ops.mask(outlines[n : n + 1], None, 40, erode=0.03, feather=0.1)[0]
        )


coordinates = st.one_of(st.floats(-50, 80, width=32), st.sampled_from([0.0, 16.0, 32.0, -1e6, 1e6, 1e-30]))


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(coordinates, coordinates), min_size=0, max_size=9),
    st.integers(1, 33),
    st.floats(0, 0.5),
    st.floats(0, 0.5),
)
def test_any_outline_gives_a_mask(
    corners: list[tuple[float, float]], size: int, erode: float, feather: float
) -> None:
    """Crossing itself, without area, far away: still 0..1, and 0 on the border."""
    outline = np.array(corners, np.float32).reshape(1, -1, 2)
    mask = ops.mask(outline, None, size, erode=erode, feather=feather)[0]
    assert ((mask >= 0) & (mask <= 1)).all()
    assert not any(edge.any() for edge in (mask[0], mask[-1], mask[:, 0], mask[:, -1]))


def test_wrong_arguments_are_named() -> None:
    outline = star(16, 5, 0)[None]
    with pytest.raises(SettingsError, match="neither"):
        ops.mask(None, None, 16, erode=0.0, feather=0.0)
    for bad in (np.nan, np.inf, 1e9):
        spoiled = outline.copy()
        spoiled[0, 2, 1] = bad
        with pytest.raises(ValueError, match="not finite or far"):
            ops.mask(spoiled, None, 16, erode=0.0, feather=0.0)
    for erode, feather, name in ((-0.6, 0.0, "erode"), (0.0, 0.6, "feather"), (float("nan"), 0.0, "erode")):
        with pytest.raises(ValueError, match=name):
            ops.mask(outline, None, 16, erode=erode, feather=feather)
    with pytest.raises(ValueError, match="generated"):
        ops.mask(outline, np.ones((1, 8, 8)), 16, erode=0.0, feather=0.0)
    with pytest.raises(ValueError, match="outlines"):
        _cpu.mask(
            outline[:, None, :, :1].copy(), None, None, "product", 0.0, 0.0, np.zeros((1, 16, 16), np.float32)
        )
    with pytest.raises(ValueError, match="join"):
        ops.mask(outline, None, 16, erode=0.0, feather=0.0, join="sum")  # type: ignore[arg-type]
