"""Which container a file is, and whether the C2PA library can put a manifest into it."""

from __future__ import annotations

from pathlib import Path

_BRANDS = {
    b"qt  ": "video/quicktime",
    b"avif": "image/avif",
    b"avis": "image/avif",
    b"heic": "image/heic",
    b"mif1": "image/heif",
}
_MAGIC = (
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (8, b"WEBP", "image/webp"),
    (8, b"AVI ", "video/avi"),
    (0, b"GIF8", "image/gif"),
    (0, b"II*\0", "image/tiff"),
    (0, b"MM\0*", "image/tiff"),
)

_EMBEDDING = (".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".tif", ".tiff", ".gif", ".avif")

CARRIERS = frozenset((*_EMBEDDING, ".mp4", ".m4v", ".mov", ".avi"))
"""Suffixes of files that `sniff` knows when they are sound."""

PICTURES = frozenset((*_EMBEDDING, ".bmp", ".exr", ".ppm", ".tga"))
"""Of the files in a folder, those that are taken for pictures."""

LIBRARY_LIMIT = 256 << 20
"""The library signs on whole copies of the media in memory and in the temporary folder. A larger file of a kind that
only the library can embed into gets a sidecar: signing must not take memory that grows with the video."""


def sniff(path: Path) -> str | None:
    """MIME type of a container that can carry a manifest, by its first bytes; None for any other file."""
    with path.open("rb") as file:
        head = file.read(16)
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12], "video/mp4")
    for offset, magic, kind in _MAGIC:
        if head[offset:].startswith(magic):
            return kind
    return None


def sidecar_of(path: Path) -> Path:
    """Where the manifest of a file lies that cannot carry it: `out.mkv` has `out.mkv.c2pa`."""
    return path.with_name(path.name + ".c2pa")


def pictures_in(folder: Path) -> list[Path]:
    """The pictures of a folder, by name."""
    found = [path for path in folder.iterdir() if path.suffix.lower() in PICTURES and path.name[0] != "."]
    return sorted(path for path in found if path.is_file())
