"""Checkpoints: written whole or not at all, the one before kept as a backup, and older ones now and then."""

from __future__ import annotations

import contextlib
import os
import pickle
import time
from pathlib import Path
from typing import Any

import torch

from fastswap.errors import FastswapError, InputError, OutputError, TrainingError

STATE, BACKUP, BACKUPS = "state.pt", "state.previous.pt", "backups"
FORMAT = 3


def save(folder: Path, state: dict[str, Any], *, backup_every: float = 0.0, keep: int = 5) -> None:
    """Writes the state into the folder; the last checkpoint becomes the backup.

    backup_every: seconds after which the checkpoint before goes to the folder `backups` in place of being dropped, 0
    for never; the newest `keep` of those stay. Raises OutputError when the disk is full or not writable; the
    checkpoints that exist are then untouched.
    """
    path = folder / STATE
    partial = _write(path, state)
    try:
        previous = folder / BACKUP
        if backup_every and previous.exists():
            _set_aside(previous, folder / BACKUPS, backup_every, keep)
        if path.exists():
            path.replace(previous)
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise OutputError(f"{path}: cannot write the checkpoint ({error.strerror})") from error


def save_alone(path: Path, state: dict[str, Any]) -> None:
    """Writes a state to one file. Raises OutputError."""
    _write(path, state).replace(path)


def _write(path: Path, state: dict[str, Any]) -> Path:
    partial = path.with_name(path.name + ".partial")
    try:
        with partial.open("wb") as file:
            torch.save(state | {"format": FORMAT}, file)
            file.flush()
            os.fsync(file.fileno())
    except BaseException as error:
        with contextlib.suppress(OSError):
            partial.unlink()
        # torch reports a full disk as RuntimeError, and puts one over what stopped it, a second Ctrl-C for one.
        stopped = error if isinstance(error, FastswapError) else error.__context__
        if isinstance(stopped, FastswapError):
            raise stopped from None
        if not isinstance(error, OSError | RuntimeError):
            raise
        reason = getattr(error, "strerror", None) or "is the disk full?"
        raise OutputError(f"{path}: cannot write the checkpoint ({reason})") from error
    return partial


def _set_aside(previous: Path, backups: Path, every: float, keep: int) -> None:
    kept = sorted(backups.glob("*.pt"), key=lambda path: path.stat().st_mtime)
    if kept and time.time() - kept[-1].stat().st_mtime < every:
        return
    backups.mkdir(exist_ok=True)
    made = time.strftime("%Y%m%d-%H%M%S", time.gmtime(previous.stat().st_mtime))
    target = backups / f"{made}.pt"
    previous.replace(target)
    os.utime(target)
    for old in kept[: len(kept) + 1 - keep]:
        old.unlink()


def load(folder: Path) -> tuple[dict[str, Any], list[str]] | None:
    """The newest checkpoint that can be read and notices about it; None when the folder has none.

    Raises TrainingError when there are checkpoints but none can be read.
    """
    damaged = []
    older = sorted((folder / BACKUPS).glob("*.pt"), reverse=True)
    for path in (folder / STATE, folder / BACKUP, *older):
        if not path.exists():
            continue
        state = _read(path)
        if state is None:
            damaged.append(path.name)
            continue
        if state.get("format") != FORMAT:
            raise TrainingError(
                f"{path}: a checkpoint of another version of fastswap; choose another output or --fresh"
            )
        return state, [f"{folder / name} is damaged; the backup is used" for name in damaged]
    if damaged:
        raise TrainingError(f"{folder / damaged[0]}: the checkpoint is damaged and there is no usable backup")
    return None


def load_weights(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The averaged weights of a checkpoint, or of a `.training` folder, and its whole state.

    Raises InputError, one line that names the file.
    """
    if path.is_dir():
        path = path / STATE
    if not path.is_file():
        raise InputError(f"{path}: no such checkpoint to start from")
    if path.suffix.lower() == ".onnx":
        raise InputError(
            f"{path}: a model holds only a part of its network; start from {path.with_suffix('.training')}"
        )
    state = _read(path)
    if state is None or state.get("format") != FORMAT:
        raise InputError(f"{path}: not a checkpoint of this version of fastswap, or damaged")
    learner = state["learner"]
    weights = dict(learner["weights"])
    for name, mean in zip(state["names"], learner["average"], strict=True):
        weights[name] = mean
    return weights, state


def _read(path: Path) -> dict[str, Any] | None:
    try:
        # Only tensors and plain values: a checkpoint from elsewhere must not be able to run code.
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, ValueError, EOFError, KeyError, pickle.UnpicklingError):
        return None
    return state if isinstance(state, dict) else None


def check_same(folder: Path, was: dict[str, Any], now: dict[str, Any]) -> None:
    """Raises TrainingError that names the first setting of a checkpoint that differs from this run's."""
    for name, value in now.items():
        if was.get(name) != value:
            raise TrainingError(
                f"{folder}: its checkpoint was trained with {name} {_short(was.get(name))}, now it is "
                f"{_short(value)}; ask for the same, or choose another output or --fresh"
            )


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 60 else text[:57] + "..."
