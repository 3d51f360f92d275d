"""A faceset as one memory-mapped file: decoded once, read by every later run and by every process of one.

The file is a snapshot. Pictures that are deleted or changed while a training runs do not disturb it; the next run sees
that names, sizes or times differ and makes a new one. Trainings that begin at the same time do not disturb each other.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fastswap.atomic import Staging
from fastswap.errors import OutputError
from fastswap.training.faceset import INDEX, Entry, Faceset

FOLDER = ".store"
FORMAT = 2

Fill = Callable[[Faceset, int, NDArray[np.uint8]], list[int]]


def mapped(faceset: Faceset, side: int, fill: Fill) -> tuple[NDArray[np.uint8], list[Entry]]:
    """The faceset's planes, uint8 [N, 5, side, side], and their entries.

    fill: writes the planes of all pictures that can be read and tells which those were. Where the folder cannot be
    written, or the disk is full, the planes are kept in memory.
    """
    path = faceset.folder / FOLDER / f"{side}.npy"
    key = _key(faceset, side)
    found = _open(path, key)
    if found is None:
        found = _make(faceset, side, fill, path, key)
    planes, kept = found
    return planes, [faceset.entries[i] for i in kept]


def _key(faceset: Faceset, side: int) -> str:
    """Changes with any picture and with the index."""
    digest = hashlib.sha256(f"{FORMAT} {side} {faceset.header}".encode())
    for path in (faceset.folder / INDEX, *(faceset.path(entry) for entry in faceset.entries)):
        try:
            facts = path.stat()
            digest.update(f"{path.name} {facts.st_size} {facts.st_mtime_ns}\n".encode())
        except OSError:  # deleted this moment: the reader leaves it out
            digest.update(f"{path.name} gone\n".encode())
    return digest.hexdigest()


def _open(path: Path, key: str) -> tuple[NDArray[np.uint8], list[int]] | None:
    try:
        about = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        if about["key"] != key:
            return None
        planes = np.load(path, mmap_mode="r")
        kept = [int(i) for i in about["kept"]]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return (planes[: len(kept)], kept) if len(planes) >= len(kept) else None


def _make(
    faceset: Faceset, side: int, fill: Fill, path: Path, key: str
) -> tuple[NDArray[np.uint8], list[int]]:
    shape = (len(faceset.entries), 5, side, side)
    with ExitStack() as stack:
        try:
            path.parent.mkdir(exist_ok=True)
            # The index is the output: it comes into its place last, and until then the planes count for nothing.
            staging = stack.enter_context(Staging(None, path.with_suffix(".json")))
            made = staging.path.with_suffix(path.suffix)
            _reserve(made, int(np.prod(shape)))
            planes = np.lib.format.open_memmap(made, "w+", np.uint8, shape)
        except (OSError, OutputError):
            memory = np.empty(shape, np.uint8)
            kept = fill(faceset, side, memory)
            return memory[: len(kept)], kept
        kept = fill(faceset, side, planes)
        planes.flush()
        planes = np.load(made, mmap_mode="r")  # this very file, whatever another training puts in its place
        with suppress(OSError, OutputError):
            staging.path.write_text(json.dumps({"key": key, "kept": kept}), encoding="utf-8")
            staging.publish()
    return planes[: len(kept)], kept


def _reserve(path: Path, count: int) -> None:
    """Takes the disk space, so that a full disk is an error here and not a crash while pages are written."""
    with path.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(count, 1) + 4096)
