"""Batches: three forms of job files, a ledger that knows what is done, retries, order."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from fastswap import actors, batch, provenance, video
from fastswap.errors import Interrupted, JobsError, OutputError
from fastswap.report import Report
from generators import write_generator

Made = list[tuple[str, dict[str, Any]]]


@pytest.fixture
def place(face_clip: Path, generator: Path, tmp_path: Path) -> Path:
    """A folder with a model and three inputs, of which the render of these tests knows nothing."""
    shutil.copy(generator, tmp_path / "anna.onnx")
    for name in ("a.mp4", "b.mp4", "c.mp4"):
        (tmp_path / name).write_bytes(name.encode())
    return tmp_path


class Fake:
    """Stands for `fastswap.render` where the order and number of renders is the question."""

    def __init__(self, fails: dict[str, int] | None = None) -> None:
        self.made: list[str] = []
        self.options: list[dict[str, Any]] = []
        self._fails = fails or {}

    def __call__(self, source: Path, output: Path, **options: Any) -> Report:
        self.made.append(output.name)
        self.options.append(options)
        if self._fails.get(output.name, 0) > 0:
            self._fails[output.name] -= 1
            raise OutputError(f"{output}: no luck")
        output.write_bytes(source.read_bytes() + b" swapped")
        return Report(input=str(source), output=str(output), frames=3, faces=2)


def toml(folder: Path, text: str) -> Path:
    path = folder / "jobs.toml"
    path.write_text(text)
    return path


GLOB = """
[defaults]
model = "anna.onnx"
look = { color = "mkl" }
options = { crf = 20 }

[[job]]
input = "[ab].mp4"
output = "out/{stem}_{model}.mkv"

[[job]]
input = "c.mp4"
output = "out/c.mkv"
priority = 5
look.color = "none"
"""


def test_the_three_forms_say_the_same(place: Path) -> None:
    (place / "jobs.csv").write_text(
        "input,output,model,look.color,options.crf,priority\n"
        "a.mp4,out/a_anna.mkv,anna.onnx,mkl,20,\nb.mp4,out/b_anna.mkv,anna.onnx,mkl,20,\nc.mp4,out/c.mkv,anna.onnx,none,20,5\n"
    )
    lines = [
        {"input": ["a.mp4", "b.mp4"], "output": "out/{stem}_{model}.mkv", "look": {"color": "mkl"}},
        {"input": "c.mp4", "output": "out/c.mkv", "look": {"color": "none"}, "priority": 5},
    ]
    common = {"model": "anna.onnx", "options": {"crf": 20}}
    (place / "jobs.jsonl").write_text("\n\n".join(json.dumps(line | common) for line in lines))
    read = []
    for path in (toml(place, GLOB), place / "jobs.csv", place / "jobs.jsonl"):
        jobs, problems = batch.read_jobs(path)
        assert problems == []
        read.append([(j.input, j.output, j.models, j.look, j.options, j.priority) for j in jobs])
    assert read[0] == read[1] == read[2]
    assert [job[1].name for job in read[0]] == ["a_anna.mkv", "b_anna.mkv", "c.mkv"]


def test_priorities_settings_and_what_is_not_done_again(place: Path) -> None:
    jobs, render = toml(place, GLOB), Fake()
    report = batch.run(jobs, render=render)
    assert render.made == ["c.mkv", "a_anna.mkv", "b_anna.mkv"]
    assert [options["look"].color for options in render.options] == ["none", "mkl", "mkl"]
    assert report.ok
    assert [line.output for line in report.lines] == [
        str(place / "out" / n) for n in ("a_anna.mkv", "b_anna.mkv", "c.mkv")
    ]
    assert batch.run(jobs, render=render).count("unchanged") == 3

    def rerun() -> list[str]:
        again = Fake()
        batch.run(jobs, render=again)
        return again.made

    (place / "out" / "c.mkv").unlink()
    assert rerun() == ["c.mkv"]
    (place / "a.mp4").write_bytes(b"another")
    assert rerun() == ["a_anna.mkv"]
    (place / "out" / "b_anna.mkv").write_bytes(b"cut off")
    assert rerun() == ["b_anna.mkv"]
    jobs.write_text(GLOB.replace("mkl", "linear"))
    assert rerun() == ["a_anna.mkv", "b_anna.mkv"]
    write_generator(place / "anna.onnx", consent="another model")
    assert len(rerun()) == 3


def test_a_clock_that_is_set_costs_no_render(place: Path) -> None:
    jobs = toml(place, GLOB)
    batch.run(jobs, render=Fake())
    for moment in (0, 4_000_000_000):
        for path in [*place.iterdir(), *(place / "out").iterdir()]:
            if path.is_file():
                os.utime(path, (moment, moment))
        render = Fake()
        batch.run(jobs, render=render)
        assert render.made == []


def test_failures_are_tried_again_and_do_not_stop_others(place: Path) -> None:
    render = Fake({"c.mkv": 1, "a_anna.mkv": 9})
    report = batch.run(toml(place, GLOB), render=render, retries=2)
    assert render.made == ["c.mkv", "a_anna.mkv", "b_anna.mkv", "c.mkv", "a_anna.mkv", "a_anna.mkv"]
    assert [line.outcome for line in report.lines] == ["failed", "done", "done"]
    assert "no luck" in report.lines[0].error
    assert [line.tries for line in report.lines] == [3, 1, 2]
    render = Fake()
    assert batch.run(toml(place, GLOB), render=render).ok
    assert render.made == ["a_anna.mkv"]


CHAIN = """
[defaults]
model = "anna.onnx"
[[job]]
input = "mid.mp4"
output = "end.mp4"
[[job]]
input = "a.mp4"
output = "mid.mp4"
"""


def test_an_output_may_be_the_input_of_another_job(place: Path) -> None:
    render = Fake()
    assert batch.run(toml(place, CHAIN), render=render).ok
    assert render.made == ["mid.mp4", "end.mp4"]
    (place / "a.mp4").write_bytes(b"another")
    assert batch.run(toml(place, CHAIN), render=render).count("done") == 2
    (place / "a.mp4").write_bytes(b"a third")
    report = batch.run(toml(place, CHAIN), render=Fake({"mid.mp4": 9}))
    assert [line.outcome for line in report.lines] == ["blocked", "failed"]


def test_a_dry_run_renders_nothing(place: Path) -> None:
    render = Fake()
    report = batch.run(toml(place, GLOB), render=render, dry_run=True)
    assert render.made == []
    assert report.count("planned") == 3
    assert not (place / "out").exists()


def test_stopping_counts_as_no_failure(place: Path) -> None:
    def stop(*_: Any, **__: Any) -> Report:
        raise Interrupted("stopped")

    for _ in range(4):
        with pytest.raises(Interrupted):
            batch.run(toml(place, GLOB), render=stop, retries=0)
    assert batch.run(toml(place, GLOB), render=Fake(), retries=0).ok


def test_a_job_that_kills_the_process_is_given_up(place: Path) -> None:
    (place / "jobs.jsonl").write_text('{"input": "a.mp4", "output": "x.mp4", "model": "anna.onnx"}')
    program = (
        "import os; from fastswap import batch;"
        "batch.run('jobs.jsonl', retries=1, render=lambda *a, **k: os.kill(os.getpid(), 9))"
    )
    for _ in range(2):
        assert (
            subprocess.run([sys.executable, "-c", program], cwd=place, check=False).returncode
            == -signal.SIGKILL
        )
    report = batch.run(place / "jobs.jsonl", retries=1, render=Fake())
    assert report.lines[0].error == "the process died over it 2 times"
    assert batch.run(place / "jobs.jsonl", retries=1, render=Fake()).ok


def test_one_ledger_has_one_batch(place: Path) -> None:
    jobs = toml(place, GLOB)

    def again(*_: Any, **__: Any) -> Report:
        with pytest.raises(OutputError, match="another batch"):
            batch.run(jobs, render=Fake())
        raise Interrupted("stopped")

    with pytest.raises(Interrupted):
        batch.run(jobs, render=again)


def test_a_ledger_that_is_none(place: Path) -> None:
    jobs = toml(place, GLOB)
    (place / "jobs.toml.ledger").write_text("my diary, which is quite long, and no database at all\n" * 50)
    with pytest.raises(OutputError, match="not a ledger"):
        batch.run(jobs, render=Fake())
    assert "my diary" in (place / "jobs.toml.ledger").read_text()


def test_two_models_in_one_pass_by_command(generator: Path, tmp_path: Path) -> None:
    """Two people, two models, one render; its manifest names both."""
    scene = actors.Scene(size=(640, 360), face_px=110)
    cast = [(actors.BO, actors.Pose(x=0.25)), (actors.CLEO, actors.Pose(x=0.75))]
    pictures = [actors.render_cast(cast, scene, index=i).rgb for i in range(6)]
    video.write_video(tmp_path / "two.mp4", pictures, fps=25)
    shutil.copy(generator, tmp_path / "anna.onnx")
    write_generator(tmp_path / "bo.onnx", consent="given by Bo")
    (tmp_path / "jobs.toml").write_text(
        '[[job]]\ninput = "two.mp4"\noutput = "out.mp4"\n'
        'faces = { "at:0.1,160,180" = "anna.onnx", "at:0.1,480,180" = "bo.onnx" }\n'
    )
    run = [sys.executable, "-m", "fastswap", "batch", "jobs.toml", "--json"]
    done = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (line,) = json.loads(done.stdout)["lines"]
    assert (line["outcome"], line["frames"], line["faces"]) == ("done", 6, 12)
    said = provenance.verify(tmp_path / "out.mp4")
    assert said.ok
    assert "given for tests" in str(said)
    assert "given by Bo" in str(said)
    again = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert json.loads(again.stdout)["counts"]["unchanged"] == 1
    (tmp_path / "two.mp4").write_bytes(b"no video")
    failed = subprocess.run(run[:-1], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert failed.returncode == 10
    assert "two.mp4" in failed.stderr


def write_recogniser(path: Path, side: int = 112) -> Path:
    """A network that sees the mean colours of the aligned face, less their common part: an embedding of 27 numbers."""
    import onnx
    from onnx import TensorProto, helper

    nodes = [
        helper.make_node(
            "AveragePool", ["face"], ["cells"], kernel_shape=[side // 4] * 2, strides=[side // 3] * 2
        ),
        helper.make_node("ReduceMean", ["cells"], ["mean"], keepdims=1),
        helper.make_node("Sub", ["cells", "mean"], ["rest"]),
        helper.make_node("Flatten", ["rest"], ["embedding"]),
    ]
    graph = helper.make_graph(
        nodes, "recogniser",
        [helper.make_tensor_value_info("face", TensorProto.FLOAT, ["N", 3, side, side])],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["N", 27])],
    )  # fmt: skip
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), str(path))
    return path


def test_models_by_reference_pictures(generator: Path, tmp_path: Path) -> None:
    from fastswap import match, sidecar

    scene = actors.Scene(size=(640, 360), face_px=110)
    people = {"bo": actors.BO, "anna": actors.ANNA}
    for name, who in people.items():
        pose = actors.Pose(yaw=4.0)
        video.save_picture(tmp_path / f"{name}.png", actors.render_frame(who, pose, scene).rgb)
    cast = [(actors.ANNA, actors.Pose(x=0.25)), (actors.BO, actors.Pose(x=0.75))]
    video.write_video(tmp_path / "two.mp4", (actors.render_cast(cast, scene, index=i).rgb for i in range(4)))
    recogniser = write_recogniser(tmp_path / "recogniser.onnx")
    jobs = (
        '[[job]]\ninput = "two.mp4"\noutput = "out.mp4"\nrecogniser = "recogniser.onnx"\n'
        'faces = { "ref:bo.png" = "bo.onnx", "ref:anna.png" = "anna.onnx" }\n'
    )
    for name in people:
        shutil.copy(generator, tmp_path / f"{name}.onnx")
    report = batch.run(toml(tmp_path, jobs))
    assert report.ok, report.lines
    assert report.lines[0].faces == 8
    faces = list(sidecar.read(tmp_path / "two.mp4.faces"))
    left = next(face.track for face in faces[0].faces if face.box[0] < 320)
    pictures = [tmp_path / "bo.png", tmp_path / "anna.png"]
    found = match.tracks_like(tmp_path / "two.mp4", faces, pictures, match.Recogniser(recogniser))
    assert found == [frozenset({1 - left}), frozenset({left})]
    with pytest.raises(JobsError, match="needs a recogniser"):
        batch.run(toml(tmp_path, jobs.replace('recogniser = "recogniser.onnx"\n', "")))
