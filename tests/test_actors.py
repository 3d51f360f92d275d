"""Synthetic actors: found by the detector, measured as posed, deterministic, and a truth for swaps."""

from __future__ import annotations

from dataclasses import fields, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import compare
from fastswap import align, detect, video
from fastswap.actors import (
    ANNA,
    BO,
    CLEO,
    DAN,
    KINDS,
    PRESETS,
    Features,
    Head,
    Identity,
    Pose,
    RenderedFrame,
    Scene,
    performance,
    render_cast,
    render_clip,
    render_frame,
)
from fastswap.errors import SettingsError
from fastswap.video import frame_from_rgb

SMALL = Scene(size=(320, 240), face_px=90.0)
STRANGERS = tuple(Identity.random(seed) for seed in (2, 7))


@pytest.fixture(scope="module")
def detector() -> detect.Detector:
    return detect.Detector()


@pytest.fixture(scope="module")
def mesh() -> detect.Mesh:
    return detect.Mesh()


def landmarks_of(
    rgb: NDArray[np.uint8], detector: detect.Detector, mesh: detect.Mesh
) -> tuple[NDArray[np.float64], float]:
    """The best face's landmarks, measured twice as a tracker would, and their presence."""
    frame = frame_from_rgb(rgb)
    ((first, _),) = mesh(frame, [detect.square_of_detection(detector(frame)[0])])
    ((landmarks, presence),) = mesh(frame, [detect.square_of_landmarks(first)])
    return landmarks, presence


# --- what detectors and meshes see ------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", [*PRESETS.values(), *STRANGERS], ids=lambda who: who.name)
def test_the_detector_is_sure_in_every_frame_of_a_wide_performance(
    who: Identity, detector: detect.Detector, mesh: detect.Mesh
) -> None:
    play = performance("range", frames=20, fps=1.25, seed=1)
    assert max(pose.yaw for pose in play) > 28
    assert min(pose.yaw for pose in play) < -28
    scene = Scene()
    for index, pose in enumerate(play):
        shown = render_frame(who, pose, scene, index=index)
        found = detector(frame_from_rgb(shown.rgb), minimum=0.3)
        assert len(found) == 1, pose
        assert found[0].score > compare.ACTOR_SCORE, pose
        landmarks, presence = landmarks_of(shown.rgb, detector, mesh)
        assert presence > 0.99
        size = float(np.hypot(*(shown.points[1] - shown.points[0]))) / np.cos(np.deg2rad(pose.yaw))
        error = np.hypot(*(align.five_points(landmarks) - shown.points).T)
        assert error.max() < compare.ACTOR_POINT * size, pose


@pytest.mark.parametrize("who", [ANNA, BO], ids=["anna", "bo"])
def test_the_measured_mouth_follows_the_jaw(
    who: Identity, detector: detect.Detector, mesh: detect.Mesh
) -> None:
    jaws = (0.0, 0.25, 0.5, 0.75, 1.0)
    measured = []
    for jaw in jaws:
        landmarks, _ = landmarks_of(render_frame(who, Pose(jaw=jaw), SMALL).rgb, detector, mesh)
        width = float(np.hypot(*(landmarks[61, :2] - landmarks[291, :2])))
        measured.append(float(np.hypot(*(landmarks[13, :2] - landmarks[14, :2]))) / width)
    assert measured[0] < 0.05
    assert np.corrcoef(measured, jaws)[0, 1] > 0.95
    assert (np.diff(measured) > 0).all()
    assert measured[-1] > 0.3


def test_the_measured_eyes_and_lips_follow_blinks_and_smiles(
    detector: detect.Detector, mesh: detect.Mesh
) -> None:
    scene = replace(SMALL, face_px=120.0)

    def seen(pose: Pose) -> NDArray[np.float64]:
        return landmarks_of(render_frame(DAN, pose, scene).rgb, detector, mesh)[0][:, :2]

    def gap(points: NDArray[np.float64], a: int, b: int) -> float:
        return float(np.hypot(*(points[a] - points[b])))

    rest, blink, smile, pucker = (
        seen(Pose()),
        seen(Pose(blink=1.0)),
        seen(Pose(smile=1.0)),
        seen(Pose(pucker=1.0)),
    )
    assert gap(blink, 159, 145) < 0.8 * gap(rest, 159, 145)
    assert gap(blink, 386, 374) < 0.8 * gap(rest, 386, 374)
    assert gap(smile, 61, 291) > 1.08 * gap(rest, 61, 291)
    assert gap(pucker, 61, 291) < 0.95 * gap(rest, 61, 291)


def test_no_face_is_found_without_an_actor(detector: detect.Detector) -> None:
    for background in ("studio", "room", "garden", "street", "plain"):
        shown = render_cast([], Scene(background=background))
        assert not detector(frame_from_rgb(shown.rgb), minimum=0.5)
        assert not shown.cover.any()
        assert shown.actors == ()


def test_several_actors_and_small_faces(detector: detect.Detector) -> None:
    cast = [(ANNA, Pose(x=0.2, scale=0.8)), (BO, Pose(x=0.5)), (CLEO, Pose(x=0.8, scale=0.9))]
    shown = render_cast(cast, Scene(size=(1280, 720), face_px=150.0, background="street"))
    found = sorted(detector(frame_from_rgb(shown.rgb)), key=lambda face: face.points[0, 0])
    assert len(found) == len(cast)
    for face, truth in zip(found, shown.actors, strict=True):
        assert np.hypot(*(face.points[0] - truth.points[0])) < 0.3 * np.hypot(
            *(truth.points[1] - truth.points[0])
        )
    small = render_frame(BO, Pose(), Scene(size=(1920, 1080), face_px=110.0))
    assert detector(frame_from_rgb(small.rgb))[0].score > compare.ACTOR_SCORE


# --- the picture ----------------------------------------------------------------------------------------------------


def test_frames_are_the_same_for_the_same_arguments_and_no_others() -> None:
    pose = Pose(yaw=12.0, jaw=0.4)
    first = render_frame(BO, pose, SMALL, index=3)
    again = render_frame(BO, pose, SMALL, index=3)
    for name in ("rgb", "mask", "cover"):
        np.testing.assert_array_equal(getattr(first, name), getattr(again, name))
    assert (render_frame(BO, pose, SMALL, index=4).rgb != first.rgb).any()  # the camera's noise
    quiet = replace(SMALL, noise=0.0)
    np.testing.assert_array_equal(
        render_frame(BO, pose, quiet, index=3).rgb, render_frame(BO, pose, quiet, index=4).rgb
    )


def test_masks_and_points_lie_on_the_actor() -> None:
    shown = render_frame(ANNA, Pose(yaw=-20.0, x=0.4), SMALL)
    assert shown.rgb.shape == (240, 320, 3)
    assert (shown.mask <= shown.cover).all()
    share = (shown.mask > 128).sum() / 90.0**2
    assert 0.5 < share < 1.4
    columns, rows = shown.points.astype(int).T
    assert (shown.mask[rows, columns] > 200).all()
    left, right, nose, mouth_left, mouth_right = shown.points
    assert left[0] < nose[0] < right[0]
    assert mouth_left[0] < mouth_right[0]
    assert left[1] < nose[1] < mouth_left[1]
    # Turned to the viewer's left, the nose points there.
    assert nose[0] < (left[0] + right[0]) / 2
    plain = render_cast([], SMALL)
    outside = shown.cover == 0
    np.testing.assert_array_equal(shown.rgb[outside], plain.rgb[outside])


@pytest.mark.parametrize("size", [(1, 1), (17, 9), (641, 3), (50, 333)])
def test_any_size_can_be_drawn(size: tuple[int, int]) -> None:
    shown = render_frame(BO, Pose(), Scene(size=size, face_px=60.0))
    assert shown.rgb.shape == (size[1], size[0], 3)


def test_an_actor_out_of_the_picture_leaves_it_alone() -> None:
    shown = render_frame(BO, Pose(x=9.0), SMALL)
    np.testing.assert_array_equal(shown.rgb, render_cast([], SMALL).rgb)


def test_the_truth_of_a_swap_changes_the_inner_face_alone() -> None:
    truth_of = BO.with_features_of(ANNA)
    assert truth_of.features == ANNA.features
    assert truth_of.head == BO.head
    scene = replace(SMALL, noise=0.0)
    for pose in (Pose(), Pose(yaw=25.0, jaw=0.5, smile=0.4)):
        target, truth, source = (render_frame(who, pose, scene) for who in (BO, truth_of, ANNA))
        change = np.abs(target.rgb.astype(float) - truth.rgb).mean(axis=2)
        inner = (target.mask > 128) & (truth.mask > 128)
        # Hair, ears, neck, clothes and background stay; the features move and recolour what is inside.
        assert change[target.mask == 0].mean() < 0.1 * change[inner].mean()
        assert change[inner].mean() > 4.0
        assert not change[(target.cover == 0) & (truth.cover == 0)].any()
        other = np.abs(source.rgb.astype(float) - truth.rgb).mean(axis=2)
        assert other[source.cover > 0].mean() > 3 * change[target.cover > 0].mean()


def _faces(rgb: RenderedFrame) -> NDArray[np.float64]:
    return rgb.rgb[rgb.mask > 200].mean(axis=0)


def test_light_and_complexion_show() -> None:
    light = {
        name: _faces(render_frame(DAN, Pose(), replace(SMALL, light=name))) for name in ("studio", "evening")
    }
    assert light["studio"].sum() > 1.04 * light["evening"].sum()
    assert (
        _faces(render_frame(DAN, Pose(), SMALL)).sum() > 1.3 * _faces(render_frame(CLEO, Pose(), SMALL)).sum()
    )


# --- who and what -----------------------------------------------------------------------------------------------------


def test_identities_differ_and_repeat() -> None:
    people = [Identity.random(seed) for seed in range(30)]
    assert len({person.features for person in people}) == len(people)
    assert len({person.head for person in people}) == len(people)
    assert people[4] == Identity.random(4)
    for kind in (Features, Head):
        for field in fields(kind):
            if isinstance(field.default, float):
                values = [getattr(p.features if kind is Features else p.head, field.name) for p in people]
                assert min(values) >= -1
                assert max(values) <= 1.6
                assert np.ptp(values) > 0.3, field.name


@pytest.mark.parametrize("kind", KINDS)
def test_performances_stay_in_range_and_repeat(kind: str) -> None:
    play = performance(kind, seconds=12.0, fps=25.0, seed=3)  # type: ignore[arg-type]
    assert len(play) == 300
    assert play == performance(kind, frames=300, fps=25.0, seed=3)  # type: ignore[arg-type]
    assert play != performance(kind, frames=300, fps=25.0, seed=4)  # type: ignore[arg-type]
    for pose in play:
        assert abs(pose.yaw) <= 45
        assert abs(pose.pitch) <= 25
        for name in ("jaw", "smile", "pucker", "blink"):
            assert 0 <= getattr(pose, name) <= 1
        assert -1 <= pose.brow <= 1
        assert 0.3 < pose.x < 0.7
    assert max(pose.blink for pose in play) > 0.9
    steps = [abs(a.yaw - b.yaw) for a, b in pairwise(play)]
    assert max(steps) < 6  # a person, not a jump


def test_a_performance_starts_from_its_base() -> None:
    base = Pose(x=0.25, scale=0.5, smile=0.3)
    moved = performance("still", frames=5, base=base)
    plain = performance("still", frames=5)
    for a, b in zip(moved, plain, strict=True):
        assert np.isclose(a.x, b.x - 0.25)
        assert np.isclose(a.scale, 0.5 * b.scale)
        assert np.isclose(a.smile, 0.3)


def test_bad_settings_are_named() -> None:
    for make, message in (
        (lambda: performance("dance", frames=3), "dance"),
        (lambda: performance("talk"), "seconds or frames"),
        (lambda: Scene(light="neon"), "neon"),  # type: ignore[arg-type]
        (lambda: Scene(size=(0, 5)), "size"),
        (lambda: Scene(background="moon"), "moon"),  # type: ignore[arg-type]
        (lambda: Head(hair_style="mohawk"), "mohawk"),  # type: ignore[arg-type]
    ):
        with pytest.raises(SettingsError, match=message):
            make()


def test_a_clip_can_be_written_and_read(tmp_path: Path) -> None:
    play = performance("talk", frames=4, seed=1)
    pictures = list(render_clip(BO, play, SMALL))
    video.write_video(tmp_path / "clip.mp4", pictures, fps=25)
    with video.Reader(tmp_path / "clip.mp4") as reader:
        back = [video.rgb_from_frame(frame) for frame in reader]
    assert len(back) == len(pictures)
    for a, b in zip(pictures, back, strict=True):
        assert np.abs(a.astype(float) - b).mean() < compare.ACTOR_CLIP
