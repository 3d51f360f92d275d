"""`fastswap.atomic`: complete or absent."""

from __future__ import annotations

from pathlib import Path

import pytest

from fastswap.atomic import Staging
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
