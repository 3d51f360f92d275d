"""What a training shows while it runs: history, previews, TensorBoard, and a page at the end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fastswap import provenance, video
from fastswap.errors import OutputError
from fastswap.training.board import Board

PREVIEW, HISTORY, PREVIEWS = "preview.png", "history.jsonl", "previews"
HISTORY_GAP_S = 1.0
HISTORY_GROWTH = 1.002
MOST_PREVIEWS = 40


class Seeing:
    """The files beside a model in training. said: what previews say about themselves when they are signed."""

    def __init__(self, folder: Path, said: dict[str, str], *, board: bool) -> None:
        self.folder, self.said = folder, said
        self._next_line = 0.0
        self._board = Board(folder / "board") if board else None

    def forget(self) -> None:
        """Removes what an earlier training in this folder left."""
        (self.folder / HISTORY).unlink(missing_ok=True)
        for path in (self.folder / PREVIEWS).glob("*.jpg"):
            path.unlink()

    def rewind(self, step: int) -> None:
        """Removes what came after a step that the training goes back to, as one that was killed does."""
        path = self.folder / HISTORY
        lines = read_history(self.folder)
        kept = [line for line in lines if line.get("step", 0.0) <= step]
        if len(kept) < len(lines):
            _write(path, "".join(json.dumps(line) + "\n" for line in kept), "w")
        for picture in (self.folder / PREVIEWS).glob("*.jpg"):
            if picture.stem.isdigit() and int(picture.stem) > step:
                picture.unlink()

    def note(self, step: int, seconds: float, values: dict[str, float], *, last: bool = False) -> None:
        """Takes down the losses; sparser as the run grows, so the history of a week is no larger than that of an
        hour."""
        if self._board is not None:
            self._board.scalars(step, values)
        if not last and seconds < self._next_line:
            return
        self._next_line = seconds * HISTORY_GROWTH + HISTORY_GAP_S
        line = {"step": step, "seconds": round(seconds, 2)} | values
        _write(self.folder / HISTORY, json.dumps(line) + "\n", "a")

    def preview(self, step: int, picture: NDArray[np.uint8]) -> Path:
        """Keeps the newest preview, and a history of them that is thinned out as it grows; all are signed."""
        path = self.folder / PREVIEW
        video.save_picture(path, picture)
        provenance.sign(path, source=None, model=None, settings=dict(self.said))
        kept = self.folder / PREVIEWS
        kept.mkdir(exist_ok=True)
        old = kept / f"{step:08d}.jpg"
        video.save_picture(old, picture)
        provenance.sign(old, source=None, model=None, settings=dict(self.said))
        _thin_out(kept)
        if self._board is not None:
            self._board.picture(step, picture)
        return path

    def close(self) -> None:
        """Writes out what TensorBoard still holds."""
        if self._board is not None:
            self._board.close()


def _write(path: Path, text: str, mode: Literal["w", "a"]) -> None:
    try:
        with path.open(mode, encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror})") from None


def _thin_out(folder: Path) -> None:
    """Of too many previews every second one goes, the first and the last stay."""
    pictures = sorted(folder.glob("*.jpg"))
    if len(pictures) > MOST_PREVIEWS:
        for path in pictures[1:-1:2]:
            path.unlink()


def read_history(folder: Path) -> list[dict[str, float]]:
    """The history's lines; damaged ones, which a power loss can leave, are skipped."""
    found = []
    try:
        lines = (folder / HISTORY).read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    for line in lines:
        try:
            found.append({key: float(value) for key, value in json.loads(line).items()})
        except (ValueError, AttributeError, TypeError):
            continue
    return found
