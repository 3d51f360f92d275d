"""Alignment: similarity fits, crops, outline, pose."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import compare
from fastswap import align
from fastswap.errors import SettingsError

F64 = NDArray[np.float64]


def umeyama(points: F64, template: F64) -> F64:
    """The published algorithm with its SVD, as an independent reference."""
    p, q = points - points.mean(0), template - template.mean(0)
    u, d, vt = np.linalg.svd(q.T @ p / len(p))
    sign = np.array([1.0, np.sign(np.linalg.det(u) * np.linalg.det(vt))])
    turn = u @ np.diag(sign) @ vt
    scale = (d * sign).sum() / (p**2).sum(1).mean()
    return np.column_stack([scale * turn, template.mean(0) - scale * turn @ points.mean(0)])


def head(yaw: float = 0.0, pitch: float = 0.0, roll: float = 0.0) -> F64:
    """468 points of a symmetric half ellipsoid facing the camera, turned; the named points lie where they
    should."""
    rng = np.random.default_rng(5)
    points = rng.uniform(-1, 1, (468, 2)) * 0.7
    marks = {10: (0, -1), 152: (0, 1), 4: (0, 0.1), 33: (-0.6, -0.3), 133: (-0.2, -0.3), 362: (0.2, -0.3),
             263: (0.6, -0.3), 61: (-0.3, 0.5), 291: (0.3, 0.5), 234: (-0.8, 0), 454: (0.8, 0),
             127: (-0.78, -0.2), 356: (0.78, -0.2), 93: (-0.78, 0.2), 323: (0.78, 0.2)}  # fmt: skip
    for index, mark in marks.items():
        points[index] = mark
    z = -0.8 * np.sqrt(np.maximum(0.0, 1.0 - 0.9 * (points**2).sum(1)))
    y, p, r = np.radians([yaw, pitch, roll])
    about_y = np.array([[np.cos(y), 0, -np.sin(y)], [0, 1, 0], [np.sin(y), 0, np.cos(y)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(p), np.sin(p)], [0, -np.sin(p), np.cos(p)]])
    about_z = np.array([[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]])
    turned: F64 = np.column_stack([points, z]) @ (about_z @ about_x @ about_y).T * 100
    turned += (320, 240, 0)
    return turned


@pytest.mark.parametrize(
    "name", ["arcface_112_v1", "arcface_112_v2", "arcface_128", "dfl_whole_face", "ffhq_512"]
)
def test_templates_are_upright_faces_in_the_crop(name: str) -> None:
    eye, other_eye, nose, mouth, other_mouth = align.TEMPLATES[name]
    assert 0.2 < eye[0] < nose[0] < other_eye[0] < 0.8
    assert eye[1] < nose[1] < mouth[1] < 0.9
    assert mouth[0] < nose[0] < other_mouth[0]
    with pytest.raises(ValueError, match="read-only"):
        align.TEMPLATES[name][0, 0] = 0.0


@settings(deadline=None)
@given(
    st.floats(-np.pi, np.pi), st.floats(0.05, 20), st.floats(-1e4, 1e4), st.floats(-1e4, 1e4), st.sampled_from(
        sorted(align.TEMPLATES)))  # fmt: skip
def test_fit_recovers_a_similarity(angle: float, scale: float, x: float, y: float, name: str) -> None:
    truth = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0]]) * scale
    truth[:, 2] = x, y
    points = align.TEMPLATES[name] * 100
    fit = align.fit_similarity(points, align.apply(truth, points))
    np.testing.assert_allclose(align.apply(fit, points), align.apply(truth, points), atol=compare.AFFINE_PX)


@settings(deadline=None)
@given(st.integers(0, 10_000), st.booleans())
def test_fit_is_umeyamas(seed: int, mirrored: bool) -> None:
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(5, 2)) * 50 + 100
    target = points @ rng.normal(size=(2, 2)) + rng.normal(size=(5, 2))
    if mirrored:
        target[:, 0] *= -1
    np.testing.assert_allclose(
        align.fit_similarity(points, target), umeyama(points, target), atol=compare.AFFINE_PX
    )


def test_fit_of_one_point_is_an_error() -> None:
    with pytest.raises(SettingsError, match="coincide"):
        align.fit_similarity(np.ones((5, 2)), align.TEMPLATES["ffhq_512"])


@pytest.mark.parametrize("coverage", [1.0, 0.8, 2.13])
def test_crop_puts_the_template_at_its_place(coverage: float) -> None:
    template = align.TEMPLATES["dfl_whole_face"]
    turn = np.array([[30.0, -40.0, 500.0], [40.0, 30.0, 200.0]])
    to_display = align.crop_to_display(align.apply(turn, template), "dfl_whole_face", coverage, 224)
    in_crop = ((template - 0.5) / coverage + 0.5) * 224
    np.testing.assert_allclose(
        align.apply(to_display, in_crop), align.apply(turn, template), atol=compare.AFFINE_PX
    )
    side = np.hypot(*to_display[:, 0]) * 224
    assert side == pytest.approx(50.0 * coverage)  # `turn` enlarges 50 times


@pytest.mark.parametrize(
    ("template", "coverage", "wrong"), [("nobody", 1.0, "nobody"), ("ffhq_512", 0.0, "0.0")]
)
def test_crop_names_the_wrong_value(template: str, coverage: float, wrong: str) -> None:
    with pytest.raises(SettingsError, match=wrong):
        align.crop_to_display(align.TEMPLATES["ffhq_512"], template, coverage, 128)


def test_compose_and_invert() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(2, 2, 3))
    points = rng.normal(size=(7, 2))
    np.testing.assert_allclose(
        align.apply(align.compose(a, b), points), align.apply(a, align.apply(b, points))
    )
    np.testing.assert_allclose(align.apply(align.invert(a), align.apply(a, points)), points)
    with pytest.raises(SettingsError, match="inverted"):
        align.invert(np.array([[1.0, 2.0, 0.0], [2.0, 4.0, 0.0]]))


def test_a_blink_does_not_move_the_five_points() -> None:
    landmarks = head()
    blinking = landmarks.copy()
    blinking[[159, 145, 386, 374, 158, 385], 1] += 20.0
    assert np.array_equal(align.five_points(landmarks), align.five_points(blinking))


@pytest.mark.parametrize("roll", [0.0, 33.0, -120.0])
@pytest.mark.parametrize("yaw", [0.0, 40.0])
def test_outline_is_convex_and_holds_the_face(roll: float, yaw: float) -> None:
    landmarks = head(yaw=yaw, roll=roll)
    polygon = align.outline(landmarks).astype(np.float64)
    assert polygon.shape == (64, 2)
    edges = np.roll(polygon, -1, axis=0) - polygon
    for point in landmarks[:, :2]:
        away = point - polygon
        side = edges[:, 0] * away[:, 1] - edges[:, 1] * away[:, 0]
        lengths = np.hypot(*edges.T)
        long = lengths > 0.0  # neighbours may coincide
        assert (side[long] / lengths[long] ** 2).min() > -compare.OUTLINE_EDGE
    forehead, chin = landmarks[10, :2], landmarks[152, :2]
    up = (forehead - chin) / np.hypot(*(forehead - chin))
    raised = ((polygon - forehead) @ up).max() / np.hypot(*(forehead - chin))
    assert 0.03 < raised < 0.2


@pytest.mark.parametrize("yaw", [-50.0, 0.0, 25.0])
@pytest.mark.parametrize("pitch", [-30.0, 0.0, 20.0])
@pytest.mark.parametrize("roll", [-70.0, 0.0, 15.0])
def test_pose_of_a_turned_head(yaw: float, pitch: float, roll: float) -> None:
    # The head's own z axis points away from the camera: yaw to the right takes the nose (negative z) right.
    assert align.pose(head(yaw, pitch, roll)) == pytest.approx((yaw, pitch, roll), abs=1e-6)
