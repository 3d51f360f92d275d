"""Facesets as training reads them: decoded once, kept in one file, whole pictures only."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from fastswap.errors import TrainingError
from fastswap.training import store
from fastswap.training.faceset import Faceset, open_faceset
from fastswap.training.store import FaceArrays, load_faces
from fastswap.video import pictures


@pytest.fixture
def anna(facesets: tuple[Path, Path], tmp_path: Path) -> Path:
    """A copy of Anna's faceset that a test may change."""
    ignore = shutil.ignore_patterns(".store")  # another test may have left one
    return Path(shutil.copytree(facesets[0], tmp_path / "anna", ignore=ignore))


def test_the_store_is_read_again_until_something_changes(anna: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = load_faces([anna], 32, 1.0)
    assert isinstance(first.parts[0], np.memmap)
    times = [path.stat().st_mtime_ns for path in (anna / ".store").iterdir()]
    second = load_faces([anna], 32, 1.0)
    assert np.array_equal(first.planes, second.planes)
    assert [path.stat().st_mtime_ns for path in (anna / ".store").iterdir()] == times
    kept = first.take(np.array([3, 3, 0]))
    for path in anna.glob("*.jpg"):
        path.unlink() if path.name.endswith("3_0.jpg") else path.write_bytes(path.read_bytes())
    third = load_faces([anna], 32, 1.0)
    assert len(third) == 11
    assert np.array_equal(first.take(np.array([3, 3, 0])), kept)
    assert {path.suffix for path in (anna / ".store").iterdir()} == {".json", ".npy"}
    shutil.rmtree(anna / ".store")
    (anna / ".store").write_text("in the way")
    assert not isinstance(load_faces([anna], 32, 1.0).parts[0], np.memmap)


def test_two_trainings_that_begin_at_the_same_time_do_not_share_a_file(
    anna: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second one begins while the first fills its store; it must neither cut it off nor wait for it."""
    fill = store._load_set
    inner: list[FaceArrays] = []

    def slow(faceset: Faceset, side: int, out: np.ndarray) -> list[int]:
        if not inner:
            out[:] = 7
            inner.append(FaceArrays((), 1.0, ""))
            inner[0] = load_faces([anna], 32, 1.0)
            assert (out == 7).all()
        return fill(faceset, side, out)

    monkeypatch.setattr(store, "_load_set", slow)
    outer = load_faces([anna], 32, 1.0)
    assert np.array_equal(outer.planes, inner[0].planes)
    assert {path.suffix for path in (anna / ".store").iterdir()} == {".json", ".npy"}


def test_several_facesets_are_one(facesets: tuple[Path, Path]) -> None:
    both = load_faces(list(facesets), 32, 1.0)
    rows = np.array([13, 2, 23, 11])
    assert len(both) == 24
    assert np.array_equal(both.take(rows), both.planes[rows])
    assert both.poses is not None
    assert both.poses.shape == (24, 2)


def test_pictures_that_are_cut_short_are_damaged(anna: Path) -> None:
    for path in anna.glob("*.jpg"):
        path.write_bytes(path.read_bytes()[:-400])
    with pytest.raises(TrainingError, match="0 usable faces, 12 are damaged"):
        load_faces([anna], 32, 1.0)


def test_a_picture_that_is_deleted_while_the_faceset_is_read_is_left_out(
    anna: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the faceset was opened, and in the worst moment: between two looks at the same file."""
    decode = pictures.decode_picture

    def gone(path: Path, **options: bool) -> object:
        decoded = decode(path, **options)
        path.unlink(missing_ok=True)
        return decoded

    faceset = open_faceset(anna)
    faceset.path(faceset.entries[3]).unlink()
    assert store.read_picture(faceset.path(faceset.entries[3])) is None
    monkeypatch.setattr(pictures, "decode_picture", gone)
    assert store.read_picture(faceset.path(faceset.entries[4])) is None
    monkeypatch.undo()
    assert len(load_faces([anna], 32, 1.0)) == 10
