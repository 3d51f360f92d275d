"""`fastswap.atomic`: complete or absent."""

from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from fastswap.atomic import NoLocks, Staging, append_durably, lock_file, unlock
from fastswap.errors import OutputError


def test_publish_moves_the_output_and_what_lies_beside_it(tmp_path: Path) -> None:
    with Staging(None, tmp_path / "out.mkv") as staging:
        staging.path.write_bytes(b"video")
        staging.path.with_name("out.mkv.c2pa").write_bytes(b"manifest")
        staging.publish()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out.mkv", "out.mkv.c2pa"]


def test_without_publish_nothing_is_left_and_an_old_output_stays(tmp_path: Path) -> None:
    old = tmp_path / "out.mp4"
    old.write_bytes(b"old")
    with pytest.raises(ZeroDivisionError), Staging(None, old) as staging:
        1 / staging.path.write_bytes(b"")
    assert old.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [old]


def test_the_input_is_never_the_output_not_even_by_a_link(tmp_path: Path) -> None:
    source = tmp_path / "in.mp4"
    source.write_bytes(b"in")
    link = tmp_path / "link.mp4"
    link.symlink_to(source)
    for output in (source, link):
        with pytest.raises(OutputError, match="is the input"):
            Staging(source, output)


def test_a_missing_folder_and_a_folder_with_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="does not exist"):
        Staging(None, tmp_path / "missing" / "out.mp4")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "keep.txt").write_text("mine")
    with pytest.raises(OutputError, match="not empty"):
        Staging(None, tmp_path / "full")
    assert (tmp_path / "full" / "keep.txt").read_text() == "mine"


def test_an_output_inside_the_input_folder_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    with pytest.raises(OutputError, match="inside the input"):
        Staging(folder, folder / "out")


KILLED = """
import os, sys
import subprocess
import sys
from pathlib import Path
from fastswap.atomic import Staging
output, of = map(Path, sys.argv[1:])
with Staging(None, output, of) as staging:
    staging.path.mkdir()
    (staging.path / "1.png").write_bytes(b"of the killed one")
    staging.publish()
    os._exit(9)
"""


def _killed(output: Path, of: Path) -> None:
    """A process moves a folder to its place and is killed before it is through."""
    process = subprocess.run([sys.executable, "-c", KILLED, output, of], check=False)
    assert process.returncode == 9
    assert (output / "1.png").exists()


def test_a_folder_that_a_killed_render_left_is_replaced_by_the_same_render_alone(tmp_path: Path) -> None:
    output, of = tmp_path / "matte", tmp_path / "out.mp4"
    _killed(output, of)
    with pytest.raises(OutputError, match="not empty"):
        Staging(None, output, tmp_path / "other.mp4")
    with pytest.raises(ZeroDivisionError), Staging(None, output, of) as staging:
        1 / staging.path.write_bytes(b"")
    with Staging(None, output, of) as staging:
        staging.path.mkdir()
        (staging.path / "2.png").write_bytes(b"new")
        assert [path.name for path in output.iterdir()] == ["1.png"], "until the new one is complete"
        staging.publish()
    assert [path.name for path in output.iterdir()] == ["2.png"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["matte"]
    with pytest.raises(OutputError, match="not empty"):  # that one was through
        Staging(None, output, of)


@pytest.mark.parametrize("change", ["a picture more", "a picture changed", "a picture less"])
def test_a_folder_that_somebody_changed_since_is_kept(change: str, tmp_path: Path) -> None:
    output = tmp_path / "matte"
    _killed(output, output)
    if change == "a picture less":
        (output / "1.png").rename(output / "renamed.png")
    else:
        (output / ("2.png" if change == "a picture more" else "1.png")).write_bytes(b"somebody's own one")
    with pytest.raises(OutputError, match="not empty"):
        Staging(None, output)
    assert any(output.iterdir())


def test_a_folder_that_somebody_changes_meanwhile_is_kept(tmp_path: Path) -> None:
    output = tmp_path / "matte"
    _killed(output, output)
    with Staging(None, output) as staging:
        staging.path.mkdir()
        (output / "2.png").write_bytes(b"somebody's")
        with pytest.raises(OutputError, match="cannot be written"):
            staging.publish()
    assert sorted(path.name for path in output.iterdir()) == ["1.png", "2.png"]


def test_a_folder_goes_again_when_what_comes_after_it_fails(tmp_path: Path) -> None:
    def fail(staging: Staging) -> None:
        staging.path.mkdir()
        (staging.path / "1.png").write_bytes(b"1")
        staging.publish()
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), Staging(None, tmp_path / "matte") as staging:
        fail(staging)
    assert not list(tmp_path.iterdir())


def test_one_process_holds_a_lock_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "lock"
    lock = lock_file(path)
    with pytest.raises(BlockingIOError):
        lock_file(path)
    unlock(lock)
    unlock(lock_file(path))
    unlock(None)

    handles = []

    def none(handle: int, _: int) -> None:
        handles.append(handle)
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", none)
    with pytest.raises(NoLocks, match="No locks available"):
        lock_file(path)
    with pytest.raises(OSError, match="Bad file descriptor"):  # it is closed again
        os.fstat(handles[0])


def test_text_is_added_to_a_file(tmp_path: Path) -> None:
    for text in ("one\n", "zwölf\n"):
        append_durably(tmp_path / "lines", text)
    assert (tmp_path / "lines").read_text(encoding="utf-8") == "one\nzwölf\n"
