"""Jobs with more than one output, and with more files that they depend on."""

from __future__ import annotations

import inspect
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import fastswap
from fastswap import batch, video
from fastswap.batch.entries import KEYS
from fastswap.cli.render import render as command
from fastswap.errors import OutputError
from fastswap.report import Report
from test_batch import Fake, toml


@pytest.fixture
def place(generator: Path, tmp_path: Path) -> Path:
    """A folder with a model, and with all else that the jobs name; what is in it does not matter."""
    shutil.copy(generator, tmp_path / "anna.onnx")
    for name in ("a.mp4", "b.mp4", "c.mp4", "mask.png", "who.png", "r.onnx"):
        (tmp_path / name).write_bytes(name.encode())
    return tmp_path


SIDES = """
[[job]]
input = "[ab].mp4"
output = "out/{stem}.mkv"
model = "anna.onnx"
start = 1.5
end = "40f"
encoder = "ffv1"
deinterlace = false
matte = "mattes/{stem}.mkv"
layer = "layers/{stem}/l_%04d.exr"
report = "pages/{stem}.html"
analysis = "{stem}.faces"
mask_file = "mask.png"
select = "ref:who.png"
recogniser = "r.onnx"
cluster_files = "shared"
"""


class Full(Fake):
    """Also writes the other outputs, and an analysis."""

    def __call__(self, source: Path, output: Path, **options: Any) -> Report:
        for key in ("matte", "report_page"):
            options[key].write_text("made")
        if "layer" in options:
            options["layer"].parent.mkdir()
            (options["layer"].parent / "l_0000.exr").write_text("made")
        report = super().__call__(source, output, **options)
        report.analysis = str(source.with_suffix(".faces"))
        Path(report.analysis).write_text("found")
        return report


def test_every_option_of_render_has_a_key(place: Path) -> None:
    """But those of pipes, and of the terminal; `--option` is `options`, the look's options are in `look`."""
    elsewhere = {"source", "face", "option", "container", "manifest", "json", "quiet", "log_format"}
    look = set(fastswap.Look.__dataclass_fields__) | {"look", "look_file"}
    options = {name for name in inspect.signature(command).parameters if name not in elsewhere | look}
    assert options <= KEYS.keys() | look, options - KEYS.keys()
    fake = Full()
    assert batch.run(toml(place, SIDES), render=fake).ok
    first, second = fake.options
    assert first["start"] == 1.5
    assert (first["encoder"], first["deinterlace"], first["end"]) == ("ffv1", False, "40f")
    assert second["matte"] == place / "mattes" / "b.mkv"
    assert second["layer"] == place / "layers" / "b" / "l_%04d.exr"
    assert second["report_page"] == place / "pages" / "b.html"
    assert second["analysis"] == place / "b.faces"
    assert second["mask_file"] == place / "mask.png"
    assert second["select"] == f"ref:{place / 'who.png'}"
    assert all(path.is_dir() for path in (place / "mattes", place / "layers", place / "pages"))


def test_a_lost_matte_another_mask_and_an_edited_analysis_are_seen(place: Path) -> None:
    jobs = toml(place, SIDES.replace("layer =", "# layer ="))

    def rerun() -> list[str]:
        render = Full()
        assert batch.run(jobs, render=render).ok
        return render.made

    assert rerun() == ["a.mkv", "b.mkv"]
    assert rerun() == []
    (place / "mattes" / "b.mkv").unlink()
    assert rerun() == ["b.mkv"]
    (place / "pages" / "a.html").write_text("cut")
    assert rerun() == ["a.mkv"]
    (place / "a.faces").unlink()
    assert rerun() == [], "it is made again when it is needed"
    (place / "b.faces").write_text("edited by hand")
    assert rerun() == ["b.mkv"]
    for name in ("mask.png", "who.png"):
        (place / name).write_bytes(b"another")
        assert rerun() == ["a.mkv", "b.mkv"]


def test_folders_of_an_earlier_run_make_room_and_come_back_when_a_run_fails(place: Path) -> None:
    class Pictures(Fake):
        """Writes a folder, and only where there is none."""

        def __call__(self, source: Path, output: Path, **options: Any) -> Report:
            if output.exists():
                raise OutputError(f"{output}: this folder exists and is not empty")
            if source.read_bytes() == b"bad":
                raise OutputError(f"{output}: no luck")
            output.mkdir()
            (output / "0.png").write_bytes(source.read_bytes())
            return Report(input=str(source), output=str(output), frames=1)

    jobs = [
        {"input": str(place / "a.mp4"), "output": str(place / "shots"), "model": str(place / "anna.onnx")}
    ]
    picture = place / "shots" / "0.png"

    def rerun(source: bytes) -> str:
        (place / "a.mp4").write_bytes(source)
        return batch.run(jobs, ledger=place / "l", render=Pictures(), retries=0).lines[0].outcome

    assert [rerun(b"one"), rerun(b"one"), rerun(b"two")] == ["done", "unchanged", "done"]
    assert picture.read_bytes() == b"two"
    assert rerun(b"bad") == "failed"
    assert picture.read_bytes() == b"two"
    (place / "shots").rename(place / ".shots.before")  # killed in the middle
    assert rerun(b"three") == "done"
    assert picture.read_bytes() == b"three"
    picture.write_bytes(b"drawn over by hand")
    assert rerun(b"four") == "failed"
    assert picture.read_bytes() == b"drawn over by hand"
    assert not (place / ".shots.before").exists()


KILLED = """
import os, sys
from fastswap import batch, video
from fastswap.batch.ledger import Ledger
Ledger.finish = lambda *_: os._exit(9)
batch.run(sys.argv[1], retries=2)
"""
FOLDERS = """
[[job]]
input = "shots"
output = "out"
model = "anna.onnx"
layer = "layers/l_%04d.exr"
"""


@pytest.mark.parametrize("done_before", [False, True])
def test_killed_between_the_folders_and_their_entry(
    done_before: bool, place: Path, generator: Path, face_clip: Path
) -> None:
    """The folders are then the job's own, but not those that somebody changed since, or put there before."""
    shots, folders, jobs = place / "shots", [place / "out", place / "layers"], toml(place, FOLDERS)
    shots.mkdir()
    with video.Reader(face_clip) as reader:
        video.save_picture(shots / "1.png", video.rgb_from_frame(next(iter(reader))))

    def killed() -> None:
        process = subprocess.run([sys.executable, "-c", KILLED, jobs], check=False)
        assert process.returncode == 9
        assert all(any(path.iterdir()) for path in folders)

    if done_before:
        assert batch.run(jobs).ok
        shutil.copy(shots / "1.png", shots / "2.png")
    killed()
    killed()
    killed()
    report = batch.run(jobs)
    assert [line.error for line in report.lines] == ["the process died over it 3 times"]
    assert batch.run(jobs, retries=5).ok
    assert not list(place.glob(".*"))
    shutil.copy(shots / "1.png", shots / "3.png")
    killed()
    picture = folders[0] / "3.png"
    picture.write_bytes(data := picture.read_bytes() + b"drawn over")
    report = batch.run(jobs, retries=5)
    assert [line.error for line in report.lines] == [f"{folders[0]}: this folder exists and is not empty"]
    assert picture.read_bytes() == data
