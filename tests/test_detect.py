"""Detector and mesh, on actors whose faces are known."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import compare
import people
from fastswap import align, detect
from fastswap.actors import ANNA, BO, CLEO, DAN, Identity, Pose
from fastswap.errors import ModelError
from fastswap.frame import Frame
from fastswap.video import frame_from_rgb


@pytest.fixture(scope="module")
def detector() -> detect.Detector:
    return detect.Detector()


@pytest.fixture(scope="module")
def mesh() -> detect.Mesh:
    return detect.Mesh()


def eyes_apart(points: NDArray[np.float64]) -> float:
    return float(np.hypot(*(points[1] - points[0])))


def landmarks_of(
    frame: Frame, detector: detect.Detector, mesh: detect.Mesh
) -> tuple[NDArray[np.float64], float]:
    """The best face's mesh, measured again in its own square as a tracker would."""
    ((first, _),) = mesh(frame, [detect.square_of_detection(detector(frame)[0])])
    ((landmarks, presence),) = mesh(frame, [detect.square_of_landmarks(first)])
    return landmarks, presence


@pytest.mark.parametrize("who", [ANNA, BO, CLEO, DAN], ids=["anna", "bo", "cleo", "dan"])
@pytest.mark.parametrize("pose", [Pose(), Pose(yaw=25), Pose(pitch=-15, jaw=0.6), Pose(roll=25, blink=1.0)])
def test_faces_are_found_where_they_are(
    who: Identity, pose: Pose, detector: detect.Detector, mesh: detect.Mesh
) -> None:
    shown = people.person(who, pose)
    frame = frame_from_rgb(shown.rgb)
    (found,) = detector(frame)
    assert found.score > 0.6
    size = eyes_apart(shown.points)
    detected_eyes = found.points[:2] - shown.points[:2]
    assert np.hypot(*detected_eyes.T).max() < compare.DETECTED_EYE * size
    landmarks, presence = landmarks_of(frame, detector, mesh)
    assert presence > 0.99
    off = align.five_points(landmarks) - shown.points
    assert np.hypot(*off[:2].T).max() < compare.MESH_EYE * size
    assert np.hypot(*off.T).max() < compare.MESH_POINT * size


@pytest.mark.parametrize("pose", [Pose(yaw=30), Pose(yaw=-30), Pose(pitch=15), Pose(roll=-30)])
def test_pose_of_an_actor(pose: Pose, detector: detect.Detector, mesh: detect.Mesh) -> None:
    landmarks, _ = landmarks_of(frame_from_rgb(people.person(BO, pose).rgb), detector, mesh)
    truth = np.array([pose.yaw, pose.pitch, pose.roll])
    assert np.abs(np.array(align.pose(landmarks)) - truth).max() < compare.POSE_DEGREES


def test_no_face_in_an_empty_room(detector: detect.Detector) -> None:
    assert detector(frame_from_rgb(people.people(()).rgb)) == []


def test_two_faces_best_first(detector: detect.Detector) -> None:
    cast = ((BO, Pose(x=0.25, scale=0.8)), (ANNA, Pose(x=0.75, scale=0.8)))
    found = detector(frame_from_rgb(people.people(cast).rgb))
    assert len(found) == 2
    assert found[0].score >= found[1].score
    assert sorted((d.box[0] + d.box[2]) / 800 for d in found) == pytest.approx([0.25, 0.75], abs=0.05)


def turned(frame: Frame) -> Frame:
    """The same picture coded a quarter turn clockwise, as a phone does."""
    _, height = frame.display_size
    y, u, v = (np.rot90(plane, -1) for plane in frame.planes)
    to_coded = np.array([[0.0, -1.0, height], [1.0, 0.0, 0.0]])
    return replace(frame, planes=(y, u, v), to_coded=to_coded)


def squeezed(frame: Frame) -> Frame:
    """The same picture with every second column coded, for pixels twice as wide."""
    y, u, v = (plane[:, ::2] for plane in frame.planes)
    return replace(frame, planes=(y, u, v), to_coded=np.array([[0.5, 0.0, 0.25], [0.0, 1.0, 0.0]]))


@pytest.mark.parametrize(
    ("coded", "tolerance"), [(turned, compare.TURNED_PX), (squeezed, compare.SQUEEZED_PX)]
)
def test_rotation_and_sample_aspect(
    coded: object, tolerance: float, detector: detect.Detector, mesh: detect.Mesh
) -> None:
    frame = frame_from_rgb(people.person().rgb)
    other = coded(frame)  # type: ignore[operator]
    upright, _ = landmarks_of(frame, detector, mesh)
    landmarks, presence = landmarks_of(other, detector, mesh)
    assert presence > 0.99
    assert np.abs(landmarks - upright)[:, :2].mean() < tolerance


def test_small_faces_need_tiles(detector: detect.Detector) -> None:
    frame = frame_from_rgb(people.person(BO, Pose(x=0.8, y=0.3), people.LARGE).rgb)
    assert detector(frame) == []
    found = detector(frame, regions=detect.tiles(frame, 480.0))
    assert len(found) == 1
    left, top, right, bottom = found[0].box
    assert ((left + right) / 2, (top + bottom) / 2) == pytest.approx((0.8 * 1280, 0.3 * 720), abs=10)


@settings(deadline=None)
@given(st.integers(1, 5000), st.integers(1, 5000), st.floats(50, 2000))
def test_tiles_cover_the_frame_and_overlap(width: int, height: int, side: float) -> None:
    planes = (np.zeros((1, 1), np.uint8),) * 3
    frame = replace(
        frame_from_rgb(np.zeros((1, 1, 3), np.uint8)), planes=planes, display_size=(width, height)
    )
    tiles = detect.tiles(frame, side)
    for axis, length in ((0, width), (1, height)):
        starts = sorted({tile[axis, 2] for tile in tiles})
        assert starts[0] <= 1e-9
        assert starts[-1] + side >= length - 1e-6
        assert all(b - a <= 0.75 * side + 1e-6 for a, b in pairwise(starts))


def test_the_mesh_follows_a_face_off_the_middle_of_its_square(
    detector: detect.Detector, mesh: detect.Mesh
) -> None:
    frame = frame_from_rgb(people.person().rgb)
    landmarks, _ = landmarks_of(frame, detector, mesh)
    square = detect.square_of_landmarks(landmarks)
    beside = square.copy()
    beside[0, 2] += 0.1 * detect.SIDE * square[0, 0]
    (straight, presence), (shifted, _) = mesh(frame, [square, beside])
    assert presence > 0.99
    size = float(np.ptp(straight[:, 0]))
    assert np.abs(shifted - straight)[:, :2].mean() < compare.SHIFTED_MESH * size
    assert mesh(frame, []) == []


def test_no_face_has_no_presence(mesh: detect.Mesh) -> None:
    frame = frame_from_rgb(people.people(()).rgb)
    squares = [
        np.array([[s, 0.0, x], [0.0, s, y]]) for s, x, y in ((0.5, 20, 20), (1.0, 100, 50), (1.5, 0, 0))
    ]
    assert max(presence for _, presence in mesh(frame, squares)) < 0.1


def test_the_same_picture_gives_the_same_numbers() -> None:
    frame = frame_from_rgb(people.person().rgb)
    results = [landmarks_of(frame, detect.Detector(), detect.Mesh()) for _ in range(2)]
    assert np.array_equal(results[0][0], results[1][0])
    assert results[0][1] == results[1][1]


def test_a_file_that_is_no_network_is_named(tmp_path: Path) -> None:
    path = tmp_path / "detector.tflite"
    path.write_bytes(b"no network")
    with pytest.raises(ModelError, match=r"detector\.tflite"):
        detect.Detector(path)
