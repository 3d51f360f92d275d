"""The reader: one face for videos, pictures and folders of pictures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Protocol

from fastswap.frame import Frame
from fastswap.video.info import VideoInfo
from fastswap.video.nvidia import Landing
from fastswap.video.opening import check_file
from fastswap.video.pictures import PictureSource, is_picture
from fastswap.video.spans import Span
from fastswap.video.stream import StreamSource
from fastswap.video.window import Window


class Source(Protocol):
    """What reads one kind of input."""

    info: VideoInfo

    @property
    def skipped(self) -> int: ...
    def __iter__(self) -> Iterator[Frame]: ...
    def frames_of(self, span: Span, first: int) -> Iterator[Frame]: ...
    def lead_in(self, span: Span, first: int, count: int) -> list[Frame]: ...
    def frame_at(self, seconds: float) -> Frame: ...
    def seek(self, seconds: float) -> None: ...
    def close(self) -> None: ...


class Reader:
    """Iterates over the frames of a video, a picture or a folder of pictures, in the planes the decoder gave.

    path: the input. threads: decoder threads, 0 takes one per core. window: what of it an iteration gives; the
    frames keep their index, PTS and time in the whole. deinterlace: what becomes of interlaced video: True makes its
    frames progressive, False gives them as they are, None refuses them. landing: a GPU that decodes, if it can; its
    frames stay in its memory. strict: refuses pictures of which a part is missing.
    `notices`: what the user should know, such as a conversion; grows while reading. `skipped`: damaged frames.

    Raises InputError when there is nothing to read or the video is interlaced and nobody said what to do.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        threads: int = 0,
        window: Window | None = None,
        deinterlace: bool | None = None,
        landing: Landing | None = None,
        strict: bool = False,
    ) -> None:
        path = Path(path)
        check_file(path)
        self.notices: list[str] = []
        self._source: Source
        if path.is_dir() or is_picture(path):
            self._source = PictureSource(path, self.notices, strict=strict)
        else:
            self._source = StreamSource(path, threads, self.notices, deinterlace, landing)
        self.window = window

    @property
    def info(self) -> VideoInfo:
        """What is known about the input."""
        return self._source.info

    @property
    def skipped(self) -> int:
        """Frames that could not be decoded, so far."""
        return self._source.skipped

    def __iter__(self) -> Iterator[Frame]:
        """The frames in order of presentation; from the start, or from the place last sought."""
        return iter(self._source) if self.window is None else self._within(self.window)

    @property
    def frames(self) -> int | None:
        """How many frames an iteration gives, None when that is not known."""
        return self.info.frames if self.window is None else self.window.count

    def _within(self, window: Window) -> Iterator[Frame]:
        if window.first:
            self._source.seek(float(window.begin))
        index = window.first
        for frame in self._source:
            timed = window.begin_pts is not None and frame.pts is not None
            if window.is_behind(frame.pts, frame.index):
                break
            if window.is_before(frame.pts, frame.index):
                continue
            # After a seek a frame's index is an estimate; counted from the first one it is exact.
            yield replace(frame, index=index) if timed else frame
            index += 1

    def frames_of(self, span: Span, first: int) -> Iterator[Frame]:
        """The frames of one span of `spans.cut`, exactly as a pass over the whole gives them.

        first: the index of its first frame. Spans in a row are read on without a seek.
        """
        return self._source.frames_of(span, first)

    def lead_in(self, span: Span, first: int, count: int) -> list[Frame]:
        """The last `count` frames before a span, fewer at the input's start; the span itself can be read on."""
        return self._source.lead_in(span, first, count) if span.number else []

    def seek(self, seconds: float) -> None:
        """The next iteration starts at the last key frame at or before `seconds` after the first frame."""
        self._source.seek(seconds)

    def frame_at(self, seconds: float) -> Frame:
        """The frame shown `seconds` after the first one. Its index is exact only at a constant frame rate."""
        return self._source.frame_at(seconds)

    def close(self) -> None:
        """Releases the file."""
        self._source.close()

    def __enter__(self) -> Reader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def probe(path: str | Path, *, deinterlace: bool = False) -> VideoInfo:
    """What is known about an input, read so; decodes one frame. Raises InputError as `Reader` does."""
    with Reader(path, threads=1, deinterlace=deinterlace) as reader:
        return reader.info
