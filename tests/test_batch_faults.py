"""What is wrong with a job file: all of it at once, before anything is rendered, each fault with its place."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fastswap import batch
from fastswap.errors import JobsError
from test_batch import Fake, toml


@pytest.fixture
def place(generator: Path, tmp_path: Path) -> Path:
    """A folder with a model and three inputs; what is in them does not matter."""
    shutil.copy(generator, tmp_path / "anna.onnx")
    for name in ("a.mp4", "b.mp4", "c.mp4"):
        (tmp_path / name).write_bytes(name.encode())
    return tmp_path


FAULTS = """
[defaults]
colour = "mkl"
model = "anna.onnx"
[[job]]
input = "none.mp4"
output = "x.mp4"
[[job]]
input = "a.mp4"
output = "b2.mp4"
model = "missing.onnx"
[[job]]
input = "b.mp4"
output = "b2.mp4"
[[job]]
input = "p.mp4"
output = "q.mp4"
[[job]]
input = "q.mp4"
output = "p.mp4"
[[job]]
input = "a.mp4"
output = "a.mp4"
[[job]]
input = "*.mov"
output = "{stemm}.mp4"
[[job]]
input = "a.mp4"
output = "t.mp4"
look = { feather = 9.0, shine = 1 }
select = "track:x"
encoder = "libnothing"
start = "soon"
end = "5"
[[job]]
output = 3
priority = "high"
[[job]]
input = "p.mp4"
output = "anna.onnx"
start = "20"
end = 10
[[job]]
input = "b.mp4"
output = "r.mp4"
faces = { "track:0" = ["anna.onnx"] }
[[job]]
input = "b.mp4"
output = "r.mp4"
model = ""
[[job]]
input = "b.mp4"
output = "r.xyz"
"""
TOLD = [
    (3, "unknown key 'colour'"),
    (6, "none.mp4: no such file"),
    (11, "missing.onnx: no such model"),
    (14, "b2.mp4 is that of the job at jobs.toml:8 already"),
    (16, "made by the job at jobs.toml:18"),
    (19, "made by the job at jobs.toml:15"),
    (23, "a.mp4 is its own input"),
    (25, "matches no file"),
    (30, "feather is 9.0"),
    (30, "shine is not a setting"),
    (31, "track:x"),
    (32, "libnothing"),
    (33, "start is 'soon'"),
    (35, "the job has no input"),
    (36, "output is 3"),
    (37, "priority is 'high'"),
    (40, "no container is known for .onnx"),
    (40, "anna.onnx is its own model"),
    (42, "end 10 lies at or before start 20"),
    (46, "faces.track:0 is ['anna.onnx']"),
    (49, "r.mp4 is that of the job at jobs.toml:43 already"),
    (50, "model is empty"),
    (53, "no container is known for .xyz"),
]


def test_all_faults_are_told_at_once_with_their_places(place: Path) -> None:
    """Each in one line, in the order of the file, and nothing that only follows from another fault."""
    render = Fake()
    with pytest.raises(JobsError) as caught:
        batch.run(toml(place, FAULTS), render=render)
    assert render.made == []
    for said, (line, words) in zip(caught.value.problems, TOLD, strict=True):
        assert said.startswith(f"jobs.toml:{line}: ")
        assert words in said
        assert "\n" not in said


def test_faults_of_rows_and_lines_are_told_together(place: Path) -> None:
    lines = [
        '{"input": "a.mp4", "output": "x.mp4", "model": "anna.onnx"}',
        "not json",
        "[1, 2]",
        '{"input": "a.mp4", "output": "x.mp4", "model": "lost.onnx"}',
    ]
    (place / "jobs.jsonl").write_text("\n".join(lines))
    with pytest.raises(JobsError) as caught:
        batch.run(place / "jobs.jsonl", render=Fake())
    for said, words in zip(
        caught.value.problems,
        ("2: not JSON", "3: the job is [1, 2]", "4: model", "4: output"),
        strict=True,
    ):
        assert said.startswith(f"jobs.jsonl:{words}")
    rows = "input,output,model,look.feather\na.mp4,x.mp4,anna.onnx,0.2\nb.mp4,x.mp4,lost.onnx,wide\n"
    (place / "jobs.csv").write_text(rows)
    with pytest.raises(JobsError) as caught:
        batch.run(place / "jobs.csv", render=Fake())
    assert [said.split(" ")[:2] for said in caught.value.problems] == [
        ["jobs.csv:3:", word] for word in ("look:", "model", "output")
    ]


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("jobs.toml", "[[job]\n", "jobs.toml"),
        ("jobs.toml", "[jobs]\nx = 1\n", "jobs.toml:1: 'jobs' has no place"),
        ("jobs.jsonl", '{"input": "a.mp4"}\nnot json\n', "jobs.jsonl:2: not JSON"),
        ("jobs.xml", "<jobs/>", ".toml, .csv, .jsonl"),
        ("jobs.csv", "input,output,model\n", "no job in it"),
        ("jobs.csv", "input,output,modell\na.mp4,x.mp4,anna.onnx\n", "jobs.csv:2: unknown key 'modell'"),
    ],
)
def test_files_that_are_no_job_files(name: str, text: str, says: str, place: Path) -> None:
    (place / name).write_text(text)
    run = subprocess.run(
        [sys.executable, "-m", "fastswap", "batch", name],
        cwd=place,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode in (3, 10)
    assert says in run.stderr
    assert all(line.startswith("fastswap: error: ") for line in run.stderr.split("\n") if line)


WRONG = """
[defaults]
model = "anna.onnx"
[[job]]
input = "[ab].mp4"
output = "{stem}.mkv"
matte = "matte.mkv"
[[job]]
input = "c.mp4"
output = "c2.mkv"
matte = "c2.mkv"
[[job]]
input = "c.mp4"
output = "c3.mkv"
layer = "c.mp4"
report = "page.pdf"
mask_file = "none.png"
device = "gpu"
cluster_files = "post"
[[job]]
input = "c.mp4"
output = "c4.mkv"
matte = "{stemm}.mkv"
select = "ref:none.jpg"
recogniser = "lost.onnx"
"""


def test_faults_of_the_other_outputs_are_told_with_the_rest(place: Path) -> None:
    with pytest.raises(JobsError) as caught:
        batch.run(toml(place, WRONG), render=Fake())
    expected = [
        ("jobs.toml:7", "matte.mkv is that of the job at jobs.toml:4 already"),
        ("jobs.toml:11", "c2.mkv is its own output"),
        ("jobs.toml:15", "a layer is written to"),
        ("jobs.toml:16", "a report is an .html file"),
        ("jobs.toml:17", "none.png: no such file"),
        ("jobs.toml:18", "'gpu'"),
        ("jobs.toml:19", "'post'"),
        ("jobs.toml:23", "stemm"),
        ("jobs.toml:24", "none.jpg: no such file"),
        ("jobs.toml:25", "lost.onnx: no such file"),
    ]
    said = caught.value.problems
    for start, words in expected:
        assert any(line.startswith(f"{start}: ") and words in line for line in said), (start, words, said)
    assert all("\n" not in line for line in said)


def test_options_that_an_encoder_refuses_are_told_before_anything_is_rendered(
    place: Path, face_clip: Path
) -> None:
    """With the encoder and the container that the job would take; of one choice for many files once."""
    for name in ("a.mp4", "b.mp4"):
        shutil.copy(face_clip, place / name)
    jobs = """
[defaults]
model = "anna.onnx"
[[job]]
input = "a.mp4"
output = "1.mp4"
options = { crf = 20, preset = "quick" }
[[job]]
input = "b.mp4"
output = "2.mkv"
encoder = "ffv1"
options = { quantiser = 3 }
[[job]]
input = "b.mp4"
output = "3.webm"
options = { crf = 30 }
[[job]]
input = "c.mp4"
output = "4.mp4"
options = { crf = "low" }
"""
    render = Fake()
    with pytest.raises(JobsError) as caught:
        batch.run(toml(place, jobs), render=render)
    assert render.made == []
    first, second = caught.value.problems  # c.mp4 is no video: that is told when it is its turn
    assert first.startswith("jobs.toml:7: encoder libx264: ")
    assert "preset" in first
    assert second.startswith("jobs.toml:12: encoder ffv1: no option 'quantiser'")
    assert not [path for path in place.iterdir() if path.suffix in (".webm", ".mkv")]
