"""Which files an extraction reads."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fastswap.errors import InputError, SettingsError

VIDEOS = (
    ".mp4",
    ".mov",
    ".mkv",
    ".webm",
    ".avi",
    ".m4v",
    ".mpg",
    ".mpeg",
    ".ts",
    ".mts",
    ".m2ts",
    ".mxf",
    ".wmv",
)
PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".avif", ".gif")
MEDIA = frozenset(VIDEOS + PICTURES)
"""Suffixes that count as footage in a folder; a file named by itself is read whatever its name."""


def footage(inputs: Sequence[Path], out: Path) -> tuple[list[Path], list[str]]:
    """All files to read, folders and the folders in them opened up, and notices.

    Raises InputError for an input that is missing or a folder without footage, SettingsError when an input is
    the faceset itself.
    """
    if not inputs:
        raise InputError("extract: no footage was named")
    found: list[Path] = []
    notices = []
    for path in inputs:
        if not path.exists():
            raise InputError(f"{path}: no such file or folder")
        if not path.is_dir():
            found.append(path)
            continue
        if path.resolve() == out.resolve():
            raise SettingsError(f"{path}: footage and faceset are the same folder")
        files = [file for file in sorted(path.rglob("*")) if file.is_file() and file.name[0] != "."]
        media = [file for file in files if file.suffix.lower() in MEDIA]
        if not media:
            raise InputError(f"{path}: the folder has no videos or pictures")
        if len(media) < len(files):
            notices.append(f"{path}: {len(files) - len(media)} files that are no footage are ignored")
        found += media
    return found, notices
