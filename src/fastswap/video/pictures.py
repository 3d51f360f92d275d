"""Reads and writes single pictures and folders of them, as the same planes that videos have."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from fastswap.errors import InputError
from fastswap.frame import Frame
from fastswap.video.convert import native, native_twin, tags_after
from fastswap.video.describe import DEFAULT_RATE
from fastswap.video.info import ColorTags, Geometry, VideoInfo
from fastswap.video.opening import main_stream, open_container
from fastswap.video.picture_tags import PictureTags, read_tags
from fastswap.video.planes import native_name, shared_planes
from fastswap.video.spans import Span

SUFFIXES = frozenset(
    {".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".bmp", ".tif", ".tiff", ".ppm", ".tga"}
)
"""Of the files in a folder, those that are taken for pictures."""

_MOTION_JPEG = frozenset({".mjpg", ".mjpeg"})


@dataclass(frozen=True, slots=True)
class Extras:
    """What travels with a picture from reader to writer, on the FFmpeg frame: its name, tags and alpha plane.

    alpha: [H, W] in the frame's depth, None when it is opaque.
    """

    path: Path
    tags: PictureTags
    alpha: NDArray[Any] | None


def picture_format(path: Path) -> str | None:
    """FFmpeg's demuxer for the still picture in a file, by its first bytes; None when it may be something else."""
    with path.open("rb") as file:
        head = file.read(4096)
    suffix = path.suffix.lower()
    if head.startswith(b"\xff\xd8\xff") and suffix not in _MOTION_JPEG:
        return "jpeg_pipe"
    if (
        head.startswith(b"\x89PNG\r\n\x1a\n") and b"acTL" not in head.partition(b"IDAT")[0]
    ):  # acTL: an animation
        return "png_pipe"
    if head[8:12] == b"WEBP" and not (head[12:16] == b"VP8X" and head[20] & 2):  # 2: an animation
        return "webp_pipe"
    if head.startswith((b"II*\0", b"MM\0*")) and suffix in (".tif", ".tiff"):
        return "tiff_pipe"
    return {".bmp": "bmp_pipe", ".ppm": "ppm_pipe"}.get(suffix)


def is_picture(path: Path) -> bool:
    """True for a file with one still picture."""
    return picture_format(path) is not None or path.suffix.lower() == ".tga"


def natural_order(path: Path) -> tuple[list[tuple[int, int | str]], str]:
    """Sort key in which frame2 comes before frame10."""
    parts = re.split(r"(\d+)", path.name.lower())
    return [(0, int(p)) if p.isdigit() else (1, p) for p in parts], path.name


class PictureSource:
    """The pictures of a folder, or one picture, as frames of a video with 25 frames per second."""

    def __init__(self, path: Path, notices: list[str], *, strict: bool = False) -> None:
        self.path, self.notices, self.skipped, self._strict = path, notices, 0, strict
        self._paths = [path] if path.is_file() else _pictures_in(path)
        self._from = 0
        first = self._first()
        self.info = self._describe(*first)

    def __iter__(self) -> Iterator[Frame]:
        """One frame per picture that can be decoded, each with a geometry of its own."""
        begin, self._from = self._from, 0
        return self._frames(begin, len(self._paths))

    def frames_of(self, span: Span, first: int) -> Iterator[Frame]:
        """The pictures of a span; `first` is not needed, a picture's index is its place in the folder."""
        return self._frames(span.first, min(span.end, len(self._paths)))

    def lead_in(self, span: Span, first: int, count: int) -> list[Frame]:
        """The last `count` pictures before a span."""
        return list(self._frames(max(span.first - count, 0), span.first))

    def _frames(self, begin: int, end: int) -> Iterator[Frame]:
        for index in range(begin, end):
            path = self._paths[index]
            try:
                yield self._frame(path, index)
            except InputError as error:
                if len(self._paths) == 1:
                    raise
                self.skipped += 1
                self.notices.append(f"left out: {error}")

    def frame_at(self, seconds: float) -> Frame:
        """The picture at a place in the sequence; the last one when it is shorter."""
        index = min(int(max(seconds, 0.0) * DEFAULT_RATE + 1e-9), len(self._paths) - 1)
        return self._frame(self._paths[index], index)

    def seek(self, seconds: float) -> None:
        """The next iteration starts at the picture at `seconds`."""
        self._from = min(int(max(seconds, 0.0) * DEFAULT_RATE + 1e-9), len(self._paths) - 1)

    def close(self) -> None:
        """Nothing stays open between two pictures."""

    def _first(self) -> tuple[av.VideoFrame, Extras, str]:
        problem: InputError | None = None
        for path in self._paths:
            try:
                return decode_picture(path, strict=self._strict)
            except InputError as error:
                problem = error
                if len(self._paths) == 1:
                    raise
        raise InputError(f"{self.path}: none of its {len(self._paths)} pictures can be decoded ({problem})")

    def _describe(self, frame: av.VideoFrame, extras: Extras, container: str) -> VideoInfo:
        tags = picture_color(frame)
        count, name = len(self._paths), native_twin(frame.format.name)[0]
        return VideoInfo(
            path=self.path,
            kind="image" if self.path.is_file() else "folder",
            container=container,
            codec=container.removesuffix("_pipe"),
            pixel_format=frame.format.name,
            frame_format=name,
            geometry=Geometry(frame.width, frame.height, Fraction(1), extras.tags.turn),
            fps=DEFAULT_RATE,
            time_base=1 / DEFAULT_RATE,
            frames=count,
            duration=float(count / DEFAULT_RATE),
            color=tags.spec(frame.width, frame.height, "png", name),
            tags=tags,
        )

    def _frame(self, path: Path, index: int) -> Frame:
        decoded, extras, _ = decode_picture(path, strict=self._strict)
        tags = picture_color(decoded)
        size = decoded.width, decoded.height
        shown = native(decoded, tags)
        shown.opaque = extras
        geometry, name = Geometry(*size, Fraction(1), extras.tags.turn), native_name(shown.format.name)
        assert name is not None
        return Frame(
            planes=shared_planes(shown),
            format=name,
            color=tags.spec(*size, "png", name),
            index=index,
            pts=index,
            time=float(index / DEFAULT_RATE),
            to_coded=geometry.to_coded(),
            display_size=geometry.display_size,
            owner=shown,
        )


def _pictures_in(folder: Path) -> list[Path]:
    found = [p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES and p.is_file() and p.name[0] != "."]
    if not found:
        raise InputError(f"{folder}: no pictures in this folder")
    return sorted(found, key=natural_order)


def picture_color(frame: av.VideoFrame) -> ColorTags:
    """JPEG and WebP state no matrix; both prescribe BT.601, JPEG and RGB with full range, with centred chroma."""
    stated = ColorTags(frame.color_range, frame.colorspace, frame.color_primaries, frame.color_trc, "center")
    tags = tags_after(frame, stated)
    return (
        tags if tags.matrix != 2 else ColorTags(tags.range or 1, 5, tags.primaries, tags.transfer, "center")
    )


def decode_picture(path: Path, *, strict: bool = False) -> tuple[av.VideoFrame, Extras, str]:
    """(FFmpeg's frame as decoded, what travels with it, FFmpeg's name of the file format).

    strict: a picture of which a part is missing counts as damaged; else the decoder fills the part with gray. Raises
    InputError when there is no picture in the file.
    """
    with open_container(path, picture_format(path)) as container:
        stream = main_stream(container, path)
        if strict:
            stream.codec_context.options = {"err_detect": "explode"}
        try:
            frame = next(container.decode(stream), None)
        except av.FFmpegError as error:
            raise InputError(f"{path}: the picture is damaged") from error
        name = container.format.name
    if frame is None:
        raise InputError(f"{path}: the picture is damaged")
    tags = read_tags(path.read_bytes()) if name in ("jpeg_pipe", "png_pipe", "webp_pipe") else PictureTags()
    return frame, Extras(path, tags, _alpha(frame)), name


def _alpha(frame: av.VideoFrame) -> NDArray[Any] | None:
    """The alpha plane [H, W], None when the picture has none or is opaque."""
    parts = frame.format.components
    if not any(c.is_alpha for c in parts) and not frame.format.has_palette:
        return None
    bits = 16 if parts[0].bits > 8 else 8
    alpha = frame.reformat(format="rgba" if bits == 8 else "rgba64le", threads=1).to_ndarray()[..., 3]
    return None if alpha.min() == (1 << bits) - 1 else np.ascontiguousarray(alpha)
