"""The marks that models are given, and the benchmarks of training, at their smallest."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import compare
from fastswap import actors, video
from fastswap.bench import identity, practice
from fastswap.bench.exam import Exam, Figures
from fastswap.cli import build
from fastswap.demo import SOURCE, TARGET, demo_model
from fastswap.training.presets import PRESETS
from fastswap.training.store import load_faces
from learning import MICRO_PRESET

torch = pytest.importorskip("torch", reason="training needs torch")

from fastswap.bench import ablation  # noqa: E402

SCENE = actors.Scene(size=(240, 200), face_px=90)


@pytest.fixture(scope="module")
def exam() -> Exam:
    """Six frames of two performances."""
    return Exam(SOURCE, TARGET, SCENE, frames=6)


def test_the_truth_has_full_marks_and_the_target_has_not(exam: Exam) -> None:
    truths = [exam._score(question, video.frame_from_rgb(question.truth)) for question in exam.questions]
    untouched = exam.untouched()
    assert len(truths) == 6
    for mark in truths:
        assert mark.psnr > 30.0
        assert mark.landmarks < compare.MESH_AGAIN
        assert mark.identity < 1e-6
        assert mark.beats(untouched)
    assert not untouched.beats(truths[0])
    assert Figures(1.0, 1.0, 0.1, 0.1).beats(Figures(0.9, 0.9, 0.2, 0.2))
    assert not Figures(1.0, 1.0, 0.1, 0.3).beats(Figures(0.9, 0.9, 0.2, 0.2))


def test_marks_do_not_depend_on_what_was_marked_before(exam: Exam) -> None:
    untouched, first = exam.untouched(), exam.mark(demo_model())
    assert exam.mark(demo_model()) == first
    assert exam.untouched() == untouched


def test_the_average_face_is_pasted_whatever_is_shown(
    exam: Exam, facesets: tuple[Path, Path], tmp_path: Path
) -> None:
    faces = load_faces([facesets[0]], 64, 1.0)
    path = tmp_path / "average.onnx"
    practice.average_model(faces, 64, path)
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    shown = np.random.default_rng(0).random((2, 3, 64, 64), np.float32)
    swap, mask = session.run(["swap", "mask"], {"face": shown})
    assert np.array_equal(swap[0], swap[1])
    assert (mask == 1.0).all()
    edge = round(faces.parts[0].shape[-1] * (1 - 1 / 1.3) / 2)
    middle = faces.planes[:, :3, edge:-edge, edge:-edge].mean(axis=(0, 2, 3)) / 255
    assert swap[0].mean(axis=(1, 2)) == pytest.approx(middle, abs=0.01)
    average, demo = exam.mark(path), exam.mark(demo_model())
    assert demo.identity < average.identity
    assert demo.psnr > average.psnr
    assert exam.picture([path], 2).shape == (400, 720, 3)


def test_identity_sees_who_and_neither_light_nor_colour() -> None:
    rng = np.random.default_rng(3)
    face = rng.random((12, 12)).repeat(8, 0).repeat(8, 1).astype(np.float32)
    other = rng.random((12, 12)).repeat(8, 0).repeat(8, 1).astype(np.float32)
    blurred = (face + np.roll(face, 4, 0) + np.roll(face, 4, 1) + np.roll(face, -4, 1)) / 4
    assert identity.distance(face, 0.6 * face + 0.2) < 0.01
    assert 0.02 < identity.distance(face, blurred) < identity.distance(face, other)


def test_an_ablation_goes_on_and_its_table_grows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ablation, "BASE", MICRO_PRESET)
    monkeypatch.setattr(ablation, "QUESTIONS", 4)
    monkeypatch.setattr(practice, "SCENE", SCENE)
    monkeypatch.setattr(ablation, "LOSSES", {"no edges": {"edge": 0.0}})
    said: list[str] = []
    options = {"steps": 3, "frames": 12, "groups": ("loss",), "told": said.append}
    table = ablation.run(tmp_path, **options)  # type: ignore[arg-type]
    assert len(said) == 2
    text = table.read_text()
    assert "| no edges | 0 |" in text
    assert "--steps 3" in text
    ablation.run(tmp_path, **options)  # type: ignore[arg-type]
    assert len(said) == 2


def test_the_training_benchmark_reports_ratios(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PRESETS, "micro", MICRO_PRESET)
    done = CliRunner().invoke(
        build(), ["bench", "train", "--preset", "micro", "--threads", "1", "--repeat", "2", "--json"]
    )
    assert done.exit_code == 0, (done.output, done.exception)
    told = json.loads(done.stdout)
    row = told["presets"]["micro"]
    assert told["ratios"]["micro"] == row["ratio"] > 0.0
    assert row["faces_per_second"] > 0.0
    assert 0.0 < row["peak_share"] < 1.0
