"""Checkpoints: written whole or not at all, the one before kept as a backup."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import torch

from fastswap.errors import OutputError, TrainingError

STATE, BACKUP = "state.pt", "state.previous.pt"
FORMAT = 1


def save(folder: Path, state: dict[str, Any]) -> None:
    """Writes the state into the folder; the last checkpoint becomes the backup.

    Raises OutputError when the disk is full or not writable; the checkpoints that exist are then untouched.
    """
    path, partial = folder / STATE, folder / (STATE + ".partial")
    try:
        torch.save(state | {"format": FORMAT}, partial)
        if path.exists():
            path.replace(folder / BACKUP)
        partial.replace(path)
    except (OSError, RuntimeError) as error:  # torch reports a full disk as RuntimeError
        partial.unlink(missing_ok=True)
        reason = getattr(error, "strerror", None) or "is the disk full?"
        raise OutputError(f"{path}: cannot write the checkpoint ({reason})") from error


def load(folder: Path) -> tuple[dict[str, Any], list[str]] | None:
    """The newest checkpoint that can be read and notices about it; None when the folder has none.

    Raises TrainingError when there are checkpoints but none can be read.
    """
    damaged = []
    for path in (folder / STATE, folder / BACKUP):
        if not path.exists():
            continue
        try:
            # Only tensors and plain values: a checkpoint from elsewhere must not be able to run code.
            state = torch.load(path, map_location="cpu", weights_only=True)
        except (OSError, RuntimeError, ValueError, EOFError, KeyError, pickle.UnpicklingError):
            damaged.append(path.name)
            continue
        if not isinstance(state, dict) or state.get("format") != FORMAT:
            raise TrainingError(f"{path}: a checkpoint of another version of fastswap")
        return state, [f"{folder / name} is damaged; the backup is used" for name in damaged]
    if damaged:
        raise TrainingError(f"{folder / damaged[0]}: the checkpoint is damaged and there is no usable backup")
    return None


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
