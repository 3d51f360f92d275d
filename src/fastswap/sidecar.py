"""Where a stored analysis is kept, whether it still fits its input, and what it holds.

A sidecar is keyed by the content of the input and the settings of the analysis; `faces_file` is its format.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final

from fastswap import weights
from fastswap.errors import InputError
from fastswap.faces_file import Header, Writer, read, read_header
from fastswap.smooth import SmootherSettings
from fastswap.track import TrackerSettings

__all__ = [
    "SUFFIX", "Header", "Writer", "content_hash", "default_path", "find", "header_for", "header_of_part", "misfit",
    "part_path", "read", "read_header", "summary",
]  # fmt: skip

SUFFIX: Final = ".faces"
ANALYSIS: Final = 2
"""Raised whenever the analysis finds other landmarks with the same settings: older files are then stale."""


def header_for(
    source: Path, tracker: TrackerSettings | None = None, smoother: SmootherSettings | None = None
) -> Header:
    """The header of an analysis of `source` as it is now. Reads the whole input, see `content_hash`."""
    settings = {
        "analysis": ANALYSIS,
        "tracker": asdict(tracker or TrackerSettings()),
        "smoother": asdict(smoother or SmootherSettings()),
        "models": {name: weight.sha256[:16] for name, weight in weights.WEIGHTS.items()},
    }
    return Header(source.name, content_hash(source), settings)


def header_of_part(header: Header, first: int, end: int) -> Header:
    """The header of an analysis of the frames from `first` up to `end` alone."""
    return replace(header, settings={**header.settings, "frames": [first, end]})


def content_hash(source: Path) -> str:
    """BLAKE2b-256 of all of a file, or of the names and contents of a folder's files in order of name.

    All of it, at more than 1 GB/s: sampling would miss an edit, and the time is nothing beside decoding.
    Raises InputError when it cannot be read.
    """
    digest = hashlib.blake2b(digest_size=32)
    try:
        for path in sorted(p for p in source.iterdir() if p.is_file()) if source.is_dir() else [source]:
            if path != source:
                digest.update(f"{path.name}\0{path.stat().st_size}\0".encode("utf-8", "surrogateescape"))
            with path.open("rb", buffering=0) as file:
                while block := file.read(1 << 18):
                    digest.update(block)
    except OSError as error:
        raise InputError(f"{source}: cannot be read: {error.strerror or error}") from error
    return f"blake2b-256:{digest.hexdigest()}"


def default_path(source: Path) -> Path:
    """Where the analysis of `source` is kept: beside it, or in the cache folder where that cannot be written."""
    beside, cached = _places(source)
    return beside if os.access(beside.parent, os.W_OK) else cached


def part_path(source: Path, first: int, end: int) -> Path:
    """Where the analysis of the frames from `first` up to `end` alone is kept."""
    whole = default_path(source)
    return whole.with_name(f"{whole.name.removesuffix(SUFFIX)}.{first}-{end}{SUFFIX}")


def find(source: Path) -> Path | None:
    """The sidecar kept for `source`, fitting or not, or None."""
    return next((path for path in _places(source) if path.is_file()), None)


def _places(source: Path) -> tuple[Path, Path]:
    absolute = source.expanduser().absolute()
    key = hashlib.blake2b(os.fsencode(absolute), digest_size=8).hexdigest()
    return absolute.with_name(absolute.name + SUFFIX), (
        weights.cache_dir() / "faces" / f"{absolute.name}.{key}{SUFFIX}"
    )


def misfit(path: Path, header: Header) -> str | None:
    """Why the sidecar at `path` cannot serve an input with this header, in a few words; None when it can.

    Reads and checks the whole file, so that `read` will not fail half-way through a render.
    """
    try:
        found = read_header(path)
        if found.content != header.content:
            return "it belongs to another version of the input"
        if json.dumps(found.settings, sort_keys=True) != json.dumps(header.settings, sort_keys=True):
            return "it was made with other settings"
        for _ in read(path):
            pass
    except InputError as error:
        return str(error).removeprefix(f"{path}: ")
    return None


def summary(path: Path) -> dict[str, Any]:
    """What a sidecar holds, as plain values for a report: input, frames, faces, cuts in seconds, and each
    track.

    Raises InputError when the file is damaged.
    """
    header = read_header(path)
    frames = faces = with_faces = doubted = 0
    cuts: list[float] = []
    tracks: dict[int, dict[str, Any]] = {}
    for frame in read(path):
        frames += 1
        faces += len(frame.faces)
        with_faces += bool(frame.faces)
        doubted += frame.doubted
        if frame.cut and frame.index > 0:
            cuts.append(frame.time)
        for face in frame.faces:
            new = {"track": face.track, "frames": 0, "first": frame.time, "last": frame.time, "largest": 0.0}
            track = tracks.setdefault(face.track, new)
            track["frames"] += 1
            track["last"] = frame.time
            left, top, right, bottom = face.box
            track["largest"] = max(track["largest"], round(max(right - left, bottom - top), 1))
    return {
        "path": str(path),
        "input": header.input,
        "content": header.content,
        "settings": dict(header.settings),
        "frames": frames,
        "frames_with_faces": with_faces,
        "faces": faces,
        "doubted": doubted,
        "cuts": cuts,
        "tracks": [tracks[number] for number in sorted(tracks)],
    }
