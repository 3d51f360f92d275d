"""The composite in one call: the same as its steps one by one, with any number of threads, faces and pictures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pictures
from fastswap import ops
from fastswap.look import Look
from reference import Color
from test_blend import face_and_mask


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
    ops.blend(frames, s["to_coded"], matched, masks, opacity=look.opacity, enlarge=look.enlarge)
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
