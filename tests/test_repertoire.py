"""Expressions that a source lacks: measured on actors of unlike build, told, drawn and warned of."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from typer.testing import CliRunner

from fastswap import actors, video
from fastswap.cli import build
from fastswap.training import histograms, repertoire
from fastswap.training.checks import coverage_notices
from fastswap.training.extract import extract
from fastswap.training.faceset import open_faceset
from fastswap.training.store import FaceArrays

SCENE = actors.Scene(size=(240, 200), face_px=110)


def play() -> list[actors.Pose]:
    """At rest, smiling, speaking, mouth wide open, pursed, eyes closed, brows raised and the eyes turned to the
    picture's right; the head moves a little."""
    acts = (
        [{}] * 6
        + [{"smile": 1.0}] * 5
        + [{"blink": 1.0}] * 4
        + [{"pucker": 1.0}] * 2
        + [{"brow": 1.0, "gaze_x": 1.0}] * 2
    )
    acts += [{"jaw": jaw} for jaw in (0.2, 0.3, 0.4, 0.5, 0.7, 0.95, 1.0)]
    turns = [(8 * np.sin(2.1 * i), 5 * np.cos(1.3 * i)) for i in range(len(acts))]
    return [actors.Pose(yaw=yaw, pitch=pitch, **act) for act, (yaw, pitch) in zip(acts, turns, strict=True)]


@pytest.fixture(scope="module")
def acting(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The same performance by Anna and by Bo."""
    folder = tmp_path_factory.mktemp("acting")
    for name, who in (("anna", actors.ANNA), ("bo", actors.BO)):
        video.write_video(folder / f"{name}.mp4", actors.render_clip(who, play(), SCENE), fps=25)
        assert extract([folder / f"{name}.mp4"], folder / name, size=128, duplicates=0).faces == len(play())
    return folder / "anna", folder / "bo"


def without(faces: Path, out: Path, left_out: Callable[[actors.Pose], bool]) -> Path:
    """A copy of a faceset without some of the poses."""
    shutil.copytree(faces, out)
    for entry in open_faceset(out).entries:
        if left_out(play()[entry.index]):
            (out / entry.file).unlink()
    return out


def told(source: Path, target: Path, *more: object) -> dict[str, object]:
    asked = ["faceset", "coverage", "--source", source, "--target", target, "--json", *more]
    done = CliRunner().invoke(build(), [str(part) for part in asked])
    assert done.exit_code == 0, (done.output, done.exception)
    return dict(json.loads(done.stdout))


def seen(folder: Path) -> np.ndarray:
    found = open_faceset(folder)
    points = np.stack([entry.points() for entry in found.entries]) / found.header.size
    poses = np.array([(entry.yaw, entry.pitch) for entry in found.entries], np.float32)
    return repertoire.measure(points, poses, np.stack([entry.gazes() for entry in found.entries]))


def test_the_numbers_say_what_the_actor_did_whoever_it_is(acting: tuple[Path, Path]) -> None:
    for folder in acting:
        numbers = dict(zip(repertoire.NAMES, seen(folder).T, strict=True))
        for name, did in (
            ("mouth opening", [pose.jaw for pose in play()]),
            ("mouth width", [pose.smile - pose.pucker for pose in play()]),
            ("corners raised", [pose.smile for pose in play()]),
            ("right eye", [-pose.blink for pose in play()]),
            ("left brow", [pose.brow for pose in play()]),
            ("left gaze", [pose.gaze_x for pose in play()]),
            ("right gaze", [pose.gaze_x for pose in play()]),
        ):
            assert np.corrcoef(numbers[name], did)[0, 1] > 0.5, name
    gaps = (seen(acting[0]) - seen(acting[1])) / np.array(repertoire.TOLERANCE)
    assert (np.median(np.abs(gaps), axis=0) < 0.6).all()


def test_another_build_measures_the_same(acting: tuple[Path, Path]) -> None:
    """A larger mouth with corners that hang, narrower eyes, higher brows, on a face of another size."""
    found = open_faceset(acting[0])
    points = np.stack([entry.points() for entry in found.entries])
    poses = np.array([(entry.yaw, entry.pitch) for entry in found.entries], np.float32)
    other = points.copy()
    unit = np.linalg.norm(points[:, 33] - points[:, 263], axis=1)[:, None]
    down = points[:, 152] - points[:, 10]
    down /= np.linalg.norm(down, axis=1, keepdims=True)
    for ring, larger in (((61, 291, 13, 14), 1.25), ((159, 145), 0.8), ((386, 374), 0.8)):
        middle = points[:, list(ring[-2:])].mean(axis=1, keepdims=True)
        other[:, list(ring)] = middle + larger * (points[:, list(ring)] - middle)
    for moved, lower in (((61, 291), 0.05), ((105, 334), -0.06)):
        other[:, list(moved)] += lower * (unit * down)[:, None]
    unknown = np.full((len(points), 2), np.nan, np.float32)
    gaps = repertoire.measure(other * 1.7, poses, unknown) - repertoire.measure(points, poses, unknown)
    assert (np.abs(gaps) < 0.35 * np.array(repertoire.TOLERANCE)).all()


def test_the_same_performance_lacks_nothing(acting: tuple[Path, Path]) -> None:
    for source, target in (acting, acting[::-1]):
        found = told(source, target)
        assert (found["expressions"], found["expression share"]) == ([], 0.0)


@pytest.mark.parametrize(
    ("left_out", "lacks", "share"),
    [
        (lambda pose: pose.smile > 0, "closed mouth, smiling", 5 / 26),
        (lambda pose: pose.jaw > 0, "open mouth", 7 / 26),
        (lambda pose: pose.jaw > 0.4, "mouth wide open", 4 / 26),
        (lambda pose: pose.blink > 0, "eyes", 4 / 26),
        (lambda pose: pose.gaze_x > 0, "looking to the picture's right", 2 / 26),
    ],
)
def test_what_the_source_never_does_is_named(
    acting: tuple[Path, Path],
    tmp_path: Path,
    left_out: Callable[[actors.Pose], bool],
    lacks: str,
    share: float,
) -> None:
    found = told(without(acting[0], tmp_path / "source", left_out), acting[1])
    assert lacks in " ".join(found["expressions"])  # type: ignore[arg-type]
    assert found["expression share"] == pytest.approx(share, abs=2.1 / 26)
    assert float(str(found["share"])) == 0.0  # all poses are there


def test_what_lacks_is_drawn_and_warned_of(acting: tuple[Path, Path], tmp_path: Path) -> None:
    source = without(acting[0], tmp_path / "source", lambda pose: pose.smile > 0)
    told(source, acting[1], "--out", tmp_path / "both.svg")
    both = (tmp_path / "both.svg").read_text()
    texts = [str(text.text) for text in ElementTree.fromstring(both).iter("{http://www.w3.org/2000/svg}text")]
    assert {"closed mouth, smiling", *repertoire.NAMES} <= set(texts)
    assert any("yaw to the right" in text for text in texts)
    assert "red: faces of the target that the source has nothing near" in " ".join(texts)
    compared = repertoire.compare(seen(acting[0]), seen(acting[1]))
    assert "#d22" not in histograms.panel(compared)
    alone = histograms.panel(
        repertoire.compare(seen(source), np.zeros((0, len(repertoire.NAMES)), np.float32))
    )
    assert "gray" not in alone

    def arrays(folder: Path) -> FaceArrays:
        planes = np.zeros((1, 5, 8, 8), np.uint8)
        return FaceArrays((planes,), 1.3, "dfl_whole_face", repertoire=seen(folder))

    (notice,) = coverage_notices(arrays(source), arrays(acting[1]))
    assert notice.startswith("source: it lacks expressions of 1")
    assert "closed mouth, smiling" in notice
    assert coverage_notices(arrays(acting[0]), arrays(acting[1])) == []


def test_faces_that_look_away_and_very_large_sets_do_no_harm(
    acting: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    points = np.stack([entry.points() for entry in open_faceset(acting[0]).entries])
    away = np.full((len(points), 2), 70.0, np.float32)
    unknown = np.full((len(points), 2), np.nan, np.float32)
    numbers = repertoire.measure(points, away, unknown)
    assert np.isnan(numbers).all()
    nothing = repertoire.compare(numbers, seen(acting[1]))
    assert (nothing.share, nothing.lacking) == (0.0, [])
    one = repertoire.measure(points[:1], away[:1] * 0, unknown[:1])
    assert np.isfinite(one).all()
    many = np.repeat(seen(acting[1]), 10, axis=0)
    monkeypatch.setattr(repertoire, "_MOST_TARGET", 100)
    assert repertoire.compare(many, many[::2]).share == 0.0
    assert len(repertoire.compare(many[:8], many).target) <= 100


def test_a_squint_lacks_what_looks_straight(acting: tuple[Path, Path]) -> None:
    """The source is cross-eyed all the time, then not; a gaze that nobody took down is not missed."""
    target = seen(acting[1])
    crossed = target.copy()
    crossed[:, 8:] += np.array([0.15, -0.15], np.float32)
    lacking = repertoire.compare(crossed, target).lacking
    assert lacking[0].name == "looking ahead"
    crossed[:9] = target[:9]
    assert "looking ahead" not in [each.name for each in repertoire.compare(crossed, target).lacking]
    unknown = target.copy()
    unknown[:, 8:] = 0.0
    for pair in ((unknown, target), (target, unknown)):
        assert repertoire.compare(*pair).lacking == []
