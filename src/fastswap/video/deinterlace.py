"""Interlaced video: recognised, and made progressive by FFmpeg's bwdif, or refused."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
from av.filter import Graph
from av.video.stream import VideoStream

from fastswap.errors import InputError
from fastswap.video.versions import fraction

_FIRST_SHOWN = {2: "top", 3: "bottom", 4: "bottom", 5: "top"}
"""AV_FIELD_TT, BB, TB and BT: the second letter is the field that is shown first."""
_ORDERS = {"top": "parity=tff:deint=all", "bottom": "parity=bff:deint=all"}


def field_order(stream: VideoStream, frame: av.VideoFrame) -> str:
    """The field that is shown first, "top" or "bottom"; "" for progressive video.

    Both the stream and each frame may say that there are two fields. PyAV does not show which one a frame says comes
    first, and what FFmpeg says of an H.264 stream is a guess; filters and encoders see the frame's own word.
    """
    stated = _FIRST_SHOWN.get(stream.codec_context.field_order, "")
    return stated or ("top" if frame.interlaced_frame else "")


@dataclass(slots=True)
class Fields:
    """What the first interlaced frame of a stream said of its fields; it counts from wherever the stream is read on."""

    first: str | None = None


def progressive(
    frames: Generator[av.VideoFrame, None, None],
    stream: VideoStream,
    path: Path,
    wanted: bool | None,
    fields: Fields | None = None,
) -> Generator[av.VideoFrame, None, None]:
    """The frames of a stream, deinterlaced if `wanted`, as they are if it is False; None refuses interlaced ones.

    fields: of the same stream, read before. Raises InputError at the first interlaced frame of a stream that is not to
    have any.
    """
    fields = fields or Fields()
    filtered: Deinterlacer | None = None
    for frame in frames:
        order = "" if wanted is False else field_order(stream, frame)
        if order and wanted is None:
            raise InputError(
                f"{path}: interlaced video; add --deinterlace, or --no-deinterlace to take its frames as progressive"
            )
        if order and filtered is None:
            if fields.first is None:
                fields.first = "" if frame.interlaced_frame else order
            filtered = Deinterlacer(fields.first)
        if filtered is None:
            yield frame
        else:
            yield from filtered.push(frame)
    if filtered is not None:
        yield from filtered.flush()


class Deinterlacer:
    """Takes decoded frames in order and gives them back progressive, one frame later; times and count stay.

    first: the field that is shown first where only the stream says that it is interlaced; "" lets each frame say it,
    and leaves progressive frames among them as they are.
    """

    def __init__(self, first: str) -> None:
        self._settings = "mode=send_frame:" + _ORDERS.get(first, "parity=auto:deint=interlaced")
        self._graph: Graph | None = None
        self._shape: tuple[int, int, str] | None = None
        self._unit = Fraction(1, 90000)
        self._waiting: deque[tuple[object, ...]] = deque()

    def push(self, frame: av.VideoFrame) -> Iterator[av.VideoFrame]:
        """Takes the next frame and gives those that are ready."""
        shape = (frame.width, frame.height, frame.format.name)
        if shape != self._shape:
            yield from self.flush()
            self._open(frame)
            self._shape = shape
        assert self._graph is not None
        self._waiting.append(_kept(frame))
        self._graph.vpush(frame)
        yield from self._pull()

    def flush(self) -> Iterator[av.VideoFrame]:
        """Gives what is left; the next frame starts anew."""
        if self._graph is not None:
            self._graph.vpush(None)
            yield from self._pull()
        self._graph = self._shape = None
        self._waiting.clear()

    def _open(self, frame: av.VideoFrame) -> None:
        graph = Graph()
        graph.threads = 1
        self._unit = fraction(frame.time_base) or Fraction(1, 90000)
        source = graph.add_buffer(
            width=frame.width, height=frame.height, format=frame.format, time_base=self._unit
        )
        graph.link_nodes(source, graph.add("bwdif", self._settings), graph.add("buffersink")).configure()
        self._graph = graph

    def _pull(self) -> Iterator[av.VideoFrame]:
        assert self._graph is not None
        while True:
            try:
                made = self._graph.vpull()
            except (av.BlockingIOError, av.EOFError):
                return
            # The filter counts in half units, and a conversion before it loses the tags.
            for name, value in zip(_KEPT, self._waiting.popleft(), strict=True):
                setattr(made, name, value)
            made.time_base = self._unit
            yield made


_KEPT = ("pts", "duration", "colorspace", "color_range", "color_primaries", "color_trc")


def _kept(frame: av.VideoFrame) -> tuple[object, ...]:
    return tuple(getattr(frame, name) for name in _KEPT)
