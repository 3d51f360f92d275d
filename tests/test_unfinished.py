"""Extractions that were stopped inside a long video go on there and give what one without a stop gives."""

from __future__ import annotations

import contextlib
import fcntl
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fastswap.errors import Interrupted, OutputError
from fastswap.progress import Progress
from fastswap.training import unfinished
from fastswap.training.extract import extract
from fastswap.training.faceset import open_faceset

extraction = sys.modules["fastswap.training.extract"]
pytestmark = pytest.mark.usefixtures("short_spans")

MARK = "FASTSWAP_TEST_SCRIPT"
COMMAND = """
import sys
from fastswap.video import spans
spans.SHORTEST, spans._LAST, spans._LONGEST = 16, 8, 32
from fastswap.cli import build
if __name__ == "__main__":
    build()(["extract", *sys.argv[1:], "--size", "64", "--quiet"])
"""
"""Processes that it starts run the first lines too."""


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, long_clip: Path, face_clip: Path) -> dict[str, bytes]:
    """The faceset of two files that was made without a stop, and in one span each."""
    out = tmp_path_factory.mktemp("whole") / "faces"
    extract([face_clip, long_clip], out, size=64)
    return content(out)


def at_work(script: str) -> list[str]:
    """Processes that run a script or were started by it."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if f"{MARK}={script}".encode() in path.read_bytes().split(b"\0"):
                found.append(path.parent.name)
    return found


def stop_at(frame: int, monkeypatch: pytest.MonkeyPatch) -> object:
    """A callback that interrupts the work on the long clip."""
    monkeypatch.setattr(extraction, "_REPORT_S", -1.0)  # reports are otherwise a tenth of a second apart

    def stop(progress: Progress) -> None:
        if progress.note == "long.mkv" and progress.done >= frame:
            raise Interrupted("stopped; nothing partial was left behind")

    return stop


def test_a_command_that_is_killed_goes_on_inside_the_video(
    whole: dict[str, bytes], long_clip: Path, face_clip: Path, tmp_path: Path
) -> None:
    out, work = tmp_path / "faces", tmp_path / "faces.unfinished"
    (tmp_path / "run.py").write_text(COMMAND)
    arguments = [str(face_clip), str(long_clip), "--out", str(out), "-j", "2"]
    mark = os.environ | {MARK: str(tmp_path / "run.py")}
    running = subprocess.Popen([sys.executable, mark[MARK], *arguments], env=mark)
    for _ in range(2400):
        if (work / "00001.state").exists() or running.poll() is not None:
            break
        time.sleep(0.05)
    assert running.poll() is None, "it was over before it could be killed"
    running.kill()
    running.wait()
    for _ in range(200):  # those that worked for it end by themselves
        if not (left := at_work(str(tmp_path / "run.py"))):
            break
        time.sleep(0.05)
    assert not left
    report = extract([face_clip, long_clip], out, size=64)
    assert any("long.mkv: goes on after frame" in notice for notice in report.notices)
    assert content(out) == whole
    assert not work.exists()


def test_every_stop_inside_a_video_is_gone_on_from(
    whole: dict[str, bytes],
    long_clip: Path,
    face_clip: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out, work = tmp_path / "faces", tmp_path / "faces.unfinished"
    for frame in (20, 50, 70):  # each of them some frames further than what is kept
        with pytest.raises(
            Interrupted, match=r"what is done is kept in .*faces\.unfinished, the same command"
        ):
            extract([face_clip, long_clip], out, size=64, progress=stop_at(frame, monkeypatch))  # type: ignore[arg-type]
    (work / "00001" / "long_000071_0.jpg").write_bytes(b"of a frame that was not taken down")
    assert extract([face_clip, long_clip], out, size=64).frames == 72
    assert content(out) == whole


def test_a_file_that_is_indexed_and_not_taken_down_is_not_indexed_twice(
    face_clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "faces"

    def killed(*_: object) -> None:
        raise Interrupted("stopped")

    with monkeypatch.context() as patch:
        patch.setattr(extraction.Ledger, "add", killed)
        with pytest.raises(Interrupted):
            extract([face_clip], out, size=64, every=5)
    before = (out / "faceset.jsonl").read_bytes()
    assert extract([face_clip], out, size=64, every=5).total == 4
    assert (out / "faceset.jsonl").read_bytes() == before


@pytest.mark.parametrize("damage", ["00001.state", "plan.json", "00001/long_000003_0.jpg"])
def test_what_is_damaged_is_done_again(
    whole: dict[str, bytes],
    long_clip: Path,
    face_clip: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    damage: str,
) -> None:
    out, work = tmp_path / "faces", tmp_path / "faces.unfinished"
    with pytest.raises(Interrupted):
        extract([face_clip, long_clip], out, size=64, progress=stop_at(20, monkeypatch))  # type: ignore[arg-type]
    path = work / damage
    if path.suffix == ".jpg":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-40])
    report = extract([face_clip, long_clip], out, size=64)
    assert not any("goes on" in notice for notice in report.notices)
    made = content(out)
    if damage == "plan.json":  # the first file's faces are then faces that were there before
        assert len(made) < len(whole)
    else:
        assert made == whole


def test_a_line_cut_short_by_a_kill_counts_for_nothing(tmp_path: Path) -> None:
    first, second, third = sources = [tmp_path / name for name in ("a.mkv", "b.mkv", "c.mkv")]

    def begin() -> unfinished.Unfinished:
        return unfinished.Unfinished(
            tmp_path / "faces", {each: each.name for each in sources}, ["x_0_0.jpg"], [], 3
        )

    with contextlib.suppress(Interrupted), begin() as work:
        work.finished(first, 2)
        raise Interrupted("stopped")
    tracks = tmp_path / "faces.unfinished" / unfinished.TRACKS
    with tracks.open("a") as file:
        file.write("1 1")  # of "1 17", without its end
    with contextlib.suppress(Interrupted), begin() as work:
        assert [work.first_track(source) for source in sources] == [3, 5, 5]
        work.finished(second, 17)
        raise Interrupted("stopped")
    assert tracks.read_text() == "0 2\n1 17\n"
    with begin() as work:
        assert work.first_track(third) == 22


def test_other_options_or_a_faceset_that_is_gone_begin_anew(
    long_clip: Path, face_clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "faces"
    with pytest.raises(Interrupted):
        extract([long_clip], out, size=64, progress=stop_at(20, monkeypatch))  # type: ignore[arg-type]
    assert not out.exists()
    report = extract([long_clip], out, size=64, every=9)
    assert [entry.index % 9 for entry in open_faceset(out).entries] == [0] * report.faces
    assert not any("goes on" in notice for notice in report.notices)


def test_one_extraction_at_a_time_and_no_folder_of_others(face_clip: Path, tmp_path: Path) -> None:
    work = tmp_path / "faces.unfinished"
    work.mkdir()
    (work / "letter.txt").write_text("mine")
    with pytest.raises(OutputError, match="in the way, and not one of fastswap's"):
        extract([face_clip], tmp_path / "faces", size=64)
    (work / "letter.txt").rename(work / unfinished._LOCK)
    lock = os.open(work / unfinished._LOCK, os.O_RDWR)
    fcntl.flock(lock, fcntl.LOCK_EX)
    with pytest.raises(OutputError, match="another extraction works on it"):
        extract([face_clip], tmp_path / "faces", size=64)
    os.close(lock)
    assert extract([face_clip], tmp_path / "faces", size=64, every=10).faces == 2


def test_a_faceset_where_one_stands(face_clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert extract([face_clip], ".", size=64, every=10).faces == 2
    assert [path.name for path in tmp_path.iterdir()] == ["here"]


def test_a_command_that_was_killed_before_its_first_picture_goes_on(face_clip: Path, tmp_path: Path) -> None:
    """All that is there is an index without entries."""
    out = tmp_path / "faces"
    first = extract([face_clip], out, size=64)
    for picture in out.glob("*.jpg"):
        picture.unlink()
    index = out / "faceset.jsonl"
    index.write_text(index.read_text().splitlines()[0] + "\n")
    for left in tmp_path.rglob("*"):
        if left.is_file() and left != index:
            left.unlink()
    assert extract([face_clip], out, size=64).faces == first.faces
