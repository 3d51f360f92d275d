"""The measure of how far a render's face does what the target's does."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from commands import Run
from fastswap import actors, video
from fastswap.bench import expression
from fastswap.track import Tracker
from fastswap.training import gaze

NUMBERS = len(expression.NAMES)


def performance(seed: int = 0) -> np.ndarray:
    """Numbers [60, 10] that change slowly; the last hardly at all."""
    rng = np.random.default_rng(seed)
    slow = np.cumsum(rng.normal(0, 0.2, (60, NUMBERS)), axis=0)
    slow[:, -1] *= 0.001
    return slow.astype(np.float32)


def test_the_same_performance_is_followed_wholly() -> None:
    found = expression.compare(np.arange(60), performance(), performance())
    assert found["mean"] == {"correlation": 1.0, "range": 1.0, "error": 0.0, "jitter": 1.0}
    assert found["numbers"]["left gaze"] == dict.fromkeys(expression.FIGURES)


def test_half_the_movement_and_noise_are_told_apart() -> None:
    target = performance()
    half = expression.compare(np.arange(60), target, 0.5 * target)["mean"]
    assert half == pytest.approx(
        {"correlation": 1.0, "range": 0.5, "error": half["error"], "jitter": 0.5}, abs=1e-3
    )
    assert 0.5 < half["error"] < 2.0
    noisy = target + np.random.default_rng(1).normal(0, 0.3, target.shape).astype(np.float32)
    shaken = expression.compare(np.arange(60), target, noisy)["mean"]
    assert shaken["jitter"] > 1.5
    assert 0.3 < shaken["correlation"] < 0.99
    other = expression.compare(np.arange(60), target, performance(7))["mean"]
    assert other["correlation"] < 0.6


def test_frames_left_out_do_not_shake() -> None:
    """A jump over frames without a face is no movement."""
    frames = np.r_[np.arange(30), np.arange(100, 130)]
    target = performance()
    jumped = target.copy()
    jumped[30:] += 5.0
    assert expression.compare(frames, target, jumped)["mean"]["jitter"] == pytest.approx(1.0, abs=1e-3)


def test_what_is_not_known_is_left_out() -> None:
    target = performance()
    target[10:20, 3] = np.nan
    found = expression.compare(np.arange(60), target, performance())
    assert found["numbers"][expression.NAMES[3]] == {
        "correlation": 1.0,
        "range": 1.0,
        "error": 0.0,
        "jitter": 1.0,
    }
    target[:40, 3] = np.nan
    found = expression.compare(np.arange(60), target, performance())
    assert found["numbers"][expression.NAMES[3]] == dict.fromkeys(expression.FIGURES)


def test_the_gaze_is_that_of_the_actor() -> None:
    """Told from the picture: it follows the eyes whichever way the head turns, and is unknown when they are closed."""
    looks, told = np.linspace(-1, 1, 9), []
    scene = actors.Scene(size=(360, 300), face_px=180)
    for gaze_x, yaw in zip(looks, np.tile([-12.0, 12.0, 0.0], 3), strict=True):
        pose = actors.Pose(yaw=yaw, gaze_x=gaze_x)
        frame = video.frame_from_rgb(actors.render_frame(actors.BO, pose, scene).rgb)
        (face,) = Tracker().update(frame).faces
        told.append(gaze.measure(frame.planes[0], face.landmarks))
    for eye in np.transpose(told):
        assert np.corrcoef(looks, eye)[0, 1] > 0.8
    shut = face.landmarks.copy()
    for _, upper, lower in gaze.EYES:
        shut[list(lower)] = shut[list(upper)]
    assert np.isnan(gaze.measure(frame.planes[0], shut)).all()
    assert np.isnan(gaze.measure(frame.planes[0], np.zeros((468, 2)))).all()


@pytest.fixture(scope="module")
def talk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An actor who talks for 36 frames."""
    path = tmp_path_factory.mktemp("talk") / "talk.mp4"
    play = actors.performance("talk", frames=36, seed=5)
    scene = actors.Scene(size=(240, 200), face_px=90)
    video.write_video(path, actors.render_clip(actors.BO, play, scene), fps=25)
    return path


def test_a_clip_against_itself_and_against_another(talk: Path, face_clip: Path, run: Run) -> None:
    code, out, _ = run("bench", "expression", talk, talk, "--json")
    assert code == 0
    found = json.loads(out)
    assert found["frames"] == 36
    assert found["mean"]["correlation"] == 1.0
    code, out, err = run("bench", "expression", talk, face_clip)
    assert code != 0
    assert "ends after 20 frames" in err
    code, _, err = run("bench", "expression", face_clip, face_clip)
    assert code != 0
    assert "only 20 frames have a face" in err
