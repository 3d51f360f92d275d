"""Opens a media file, and says in one line what is wrong with it when it cannot be used."""

from __future__ import annotations

from pathlib import Path

import av
from av.codec.hwaccel import HWAccel
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from fastswap.atomic import NO_TEXT, is_text
from fastswap.errors import InputError
from fastswap.video.versions import open_input

_HEIF = frozenset({"heic", "heix", "heim", "heis", "mif1", "avif"})
_TEXT_ART = frozenset({"tty", "bin", "xbin", "adf", "idf"})
"""Formats in which FFmpeg makes pictures of any text file."""

MAX_SIDE = 16384
"""Pixels. Above it a wrong header is likelier than a picture, and the buffers alone would take gigabytes."""


def check_file(path: Path) -> None:
    """Raises InputError when `path` is not a folder or a file with something in it."""
    try:
        if not path.exists():
            raise InputError(f"{path}: no such file or folder")
        if not is_text(path):
            raise InputError(f"{path}: {NO_TEXT}")
        if path.is_dir():
            return
        if not path.is_file():
            raise InputError(f"{path}: not a file or a folder")
        if path.stat().st_size == 0:
            raise InputError(f"{path}: the file is empty")
        with path.open("rb"):
            pass
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error


def reason(error: Exception) -> str:
    """FFmpeg's own words for an error, without the code and the file name that PyAV puts around them."""
    return str(getattr(error, "strerror", None) or error)


def open_container(
    path: Path, format_name: str | None = None, hwaccel: HWAccel | None = None
) -> InputContainer:
    """Opens for reading; raises InputError when FFmpeg cannot. hwaccel: what decodes its video, None for the CPU."""
    try:
        # "file:" keeps names with a colon from being taken for a protocol.
        return open_input(f"file:{path}", format=format_name, hwaccel=hwaccel)
    except (av.FFmpegError, ValueError) as error:
        check_file(path)  # it may be gone since somebody last looked
        if format_name is None and _lacks_index(path):
            raise InputError(f"{path}: the file is cut off, its index (moov) is missing") from error
        raise InputError(
            f"{path}: not a video or a picture that FFmpeg can read ({reason(error)})"
        ) from error


def _lacks_index(path: Path) -> bool:
    """True for an MP4 or MOV file whose index, which recorders write last, is missing."""
    size = path.stat().st_size
    with path.open("rb") as file:
        if file.read(8)[4:8] not in (b"ftyp", b"mdat", b"wide", b"free", b"skip"):
            return False
        at = 0
        while at + 8 <= size:
            file.seek(at)
            header = file.read(16)
            length, name = int.from_bytes(header[:4], "big"), header[4:8]
            if name == b"moov":
                return False
            if length == 1:  # a 64-bit length follows
                length = int.from_bytes(header[8:], "big")
            if length < 8:
                break
            at += length
    return True


def main_stream(container: InputContainer, path: Path) -> VideoStream:
    """The stream whose frames are read; cover pictures do not count.

    Raises InputError when there is none, no decoder for it, or its size is out of reach.
    """
    if container.metadata.get("major_brand") in _HEIF and len(container.streams.video) > 1:
        raise InputError(f"{path}: a HEIF picture made of tiles; convert it to JPEG or PNG")
    if container.format.name in _TEXT_ART:
        raise InputError(f"{path}: not a video or a picture but text")
    videos = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    if not videos:
        what = "it holds only audio" if container.streams.audio else "it holds no video"
        raise InputError(f"{path}: no pictures in it, {what}")
    best = container.streams.best("video")
    stream = next((s for s in videos if s is best), videos[0])
    if stream.codec_context is None:
        raise InputError(f"{path}: FFmpeg has no decoder for its video")
    width, height = stream.codec_context.width, stream.codec_context.height
    if max(width, height) > MAX_SIDE:
        raise InputError(f"{path}: {width}x{height} is too large, {MAX_SIDE} pixels a side is the limit")
    return stream
