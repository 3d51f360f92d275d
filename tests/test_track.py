"""Tracks: who is where, through motion, occlusion, several faces and cuts."""

from __future__ import annotations

import numpy as np
import pytest

import compare
import people
from fastswap import align, detect
from fastswap.actors import BO, CLEO, Pose, Scene
from fastswap.errors import SettingsError
from fastswap.faces import LANDMARK_STEP, FrameFaces
from fastswap.frame import Affine, Frame
from fastswap.track import Tracker, TrackerSettings

EMPTY = people.people(()).rgb
FACE = people.person().rgb


def follow(pictures: list[people.RGB], settings: TrackerSettings | None = None) -> list[FrameFaces]:
    tracker = Tracker(settings)
    return [tracker.update(frame) for frame in people.frames(pictures)]


def tracks(found: list[FrameFaces]) -> list[list[int]]:
    return [[face.track for face in frame.faces] for frame in found]


def hidden(rgb: people.RGB) -> people.RGB:
    """The picture with a plain board in front of the face."""
    covered = rgb.copy()
    covered[40:240, 110:290] = (120, 110, 100)
    return covered


@pytest.fixture
def detections(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Indexes of the frames in which the detector looked at the whole picture."""
    seen: list[int] = []
    look = detect.letterbox

    def note(frame: Frame) -> Affine:
        seen.append(frame.index)
        return look(frame)

    monkeypatch.setattr(detect, "letterbox", note)
    return seen


def test_every_frame_of_a_performance(detections: list[int]) -> None:
    shown = people.clip(BO, "talk", 26)
    found = follow([frame.rgb for frame in shown])
    assert tracks(found) == [[0]] * 26
    assert detections == [0, 12, 24]
    assert [frame.cut for frame in found] == [True] + [False] * 25
    assert [frame.index for frame in found] == list(range(26))
    assert [frame.pts for frame in found] == list(range(26))
    assert not any(frame.doubted for frame in found)
    for frame, truth in zip(found, shown, strict=True):
        (face,) = frame.faces
        assert face.score > 0.99
        off = align.five_points(face.landmarks)[:2] - truth.points[:2]
        assert np.hypot(*off.T).max() < compare.MESH_EYE * np.hypot(*(truth.points[1] - truth.points[0]))
        assert np.array_equal(face.landmarks, np.rint(face.landmarks / LANDMARK_STEP) * LANDMARK_STEP)


def test_a_turning_head_is_one_track_without_cuts() -> None:
    found = follow([frame.rgb for frame in people.clip(BO, "turn", 20)])
    assert tracks(found) == [[0]] * 20
    assert sum(frame.cut for frame in found) == 1


def test_the_same_frames_give_the_same_faces() -> None:
    pictures = [frame.rgb for frame in people.clip(BO, "talk", 26)][:6]
    for a, b in zip(follow(pictures), follow(pictures), strict=True):
        assert a.faces[0].score == b.faces[0].score
        assert np.array_equal(a.faces[0].landmarks, b.faces[0].landmarks)


def test_fast_motion_is_followed() -> None:
    # A fifth of the mesh's square a frame: one pass of the mesh falls behind and loses the face.
    found = follow([people.moved(FACE, 36 * i - 72, 4 * i) for i in range(5)])
    assert tracks(found) == [[0]] * 5
    first = found[0].faces[0].landmarks
    for i, frame in enumerate(found):
        off = frame.faces[0].landmarks[:, :2] - first[:, :2] - (36 * i, 4 * i)
        assert np.abs(off).mean() < compare.FAST_MESH_PX


def test_a_hidden_face_passes_through_and_keeps_its_number() -> None:
    found = follow([FACE, FACE, hidden(FACE), hidden(FACE), FACE, FACE])
    assert tracks(found) == [[0], [0], [], [], [0], [0]]
    assert not any(frame.cut for frame in found[1:])


def test_a_face_that_stays_away_is_forgotten() -> None:
    settings = TrackerSettings(patience=3, detect_every=4)
    found = follow([FACE] + [hidden(FACE)] * 6 + [FACE] * 5, settings)
    assert tracks(found)[0] == [0]
    assert tracks(found)[-1] == [1]
    assert all(not frame.faces for frame in found[1:7])


def test_an_empty_room_has_no_faces() -> None:
    found = follow([EMPTY] * 3)
    assert tracks(found) == [[], [], []]
    assert not any(frame.doubted for frame in found)


def test_a_jump_is_not_followed_blindly() -> None:
    # The face leaps across the picture between two frames: it must not be drawn where it was.
    found = follow([people.moved(FACE, -110, 0)] * 2 + [people.moved(FACE, 110, 0)] * 2)
    for frame, shift in zip(found, (-110, -110, 110, 110), strict=True):
        for face in frame.faces:
            left, _, right, _ = face.box
            assert (left + right) / 2 == pytest.approx(200 + shift, abs=25)
    assert found[-1].faces


def test_two_faces_in_order_of_appearance() -> None:
    two = people.people(((BO, Pose(x=0.27, scale=0.8)), (CLEO, Pose(x=0.73, scale=0.8)))).rgb
    one = two.copy()
    one[60:220, 240:350] = (120, 110, 100)  # a board in front of Cleo
    found = follow([one, one, two, two, two, two], TrackerSettings(detect_every=3))
    assert tracks(found) == [[0], [0], [0], [0, 1], [0, 1], [0, 1]]
    left, right = (np.mean([face.box[0], face.box[2]]) for face in found[-1].faces)
    assert left < 200 < right


def test_two_tracks_never_share_a_face() -> None:
    poses = [0.27 + 0.055 * i for i in range(11)]  # Bo walks in front of Cleo and past her
    pictures = [
        people.people(((CLEO, Pose(x=0.5, scale=0.7)), (BO, Pose(x=x, scale=0.9)))).rgb for x in poses
    ]
    found = follow(pictures, TrackerSettings(detect_every=2))
    for frame in found:
        numbers = [face.track for face in frame.faces]
        assert len(numbers) == len(set(numbers))
        boxes = np.array([face.box for face in frame.faces])
        for i in range(len(boxes)):
            assert (detect.overlaps(boxes[i], boxes[:i]) < 0.4).all()
    # Cleo, behind, is lost and found again; Bo never is. Each keeps their number.
    assert tracks(found)[0] == tracks(found)[-1] == [0, 1]
    assert all(0 in numbers for numbers in tracks(found))
    assert [0] in tracks(found)
    for first, last, moved in zip(found[0].faces, found[-1].faces, (0.55 * 400, 0.0), strict=True):
        assert (last.box[0] + last.box[2] - first.box[0] - first.box[2]) / 2 == pytest.approx(moved, abs=15)


def test_a_cut_starts_new_tracks() -> None:
    other = people.person(
        CLEO, Pose(x=0.4), Scene(size=(400, 300), face_px=130.0, background="studio", light="warm")
    )
    found = follow([FACE, FACE, other.rgb, other.rgb])
    assert [frame.cut for frame in found] == [True, False, True, False]
    assert tracks(found) == [[0], [0], [1], [1]]


def test_a_small_face_in_a_large_frame() -> None:
    picture = people.person(BO, Pose(x=0.8, y=0.3), people.LARGE).rgb
    found = follow([picture] * 3)
    assert tracks(found) == [[0]] * 3
    assert found[0].faces[0].score > 0.98


def test_parts_of_a_large_face_are_no_faces() -> None:
    # Tiles cut such a face in every way: the detector looks at one of them in each frame here.
    picture = people.person(BO, Pose(y=0.5), people.CLOSE).rgb
    found = follow([picture] * 9, TrackerSettings(detect_every=1))
    assert tracks(found) == [[0]] * 9


def test_smallest_and_most() -> None:
    assert tracks(follow([FACE], TrackerSettings(smallest=200.0))) == [[]]
    two = people.people(((BO, Pose(x=0.27, scale=0.8)), (CLEO, Pose(x=0.73, scale=0.8)))).rgb
    assert tracks(follow([two], TrackerSettings(most=1))) == [[0]]


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (17, 9)])
def test_tiny_frames_have_no_faces(size: tuple[int, int]) -> None:
    assert follow([np.full((*size, 3), 90, np.uint8)] * 2)[1].faces == ()


@pytest.mark.parametrize("wrong", [{"detect_every": 0}, {"most": 0}, {"score": 1.0}, {"keep": -0.1}])
def test_settings_that_make_no_sense(wrong: dict[str, float]) -> None:
    with pytest.raises(SettingsError, match=next(iter(wrong))):
        TrackerSettings(**wrong)  # type: ignore[arg-type]
