"""Writes one segment of a video with an encoder of its own, and joins the segments without encoding again."""

from __future__ import annotations

import io
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import av
from av.container import OutputContainer
from av.packet import Packet

from fastswap.errors import OutputError
from fastswap.frame import Frame
from fastswap.video.encoder import Plan
from fastswap.video.info import VideoInfo
from fastswap.video.muxing import Target, VideoSink, writing
from fastswap.video.packets import PacketFile, PacketWriter


@dataclass(frozen=True, slots=True)
class Encoding:
    """How every segment of one output is encoded. container: FFmpeg's name of the output's format."""

    container: str
    plan: Plan

    def as_dict(self) -> dict[str, Any]:
        """Plain values that change when the bytes of a segment may."""
        plan = self.plan
        return {
            "container": self.container,
            "encoder": plan.name,
            "pixel_format": plan.pixel_format,
            "time_base": str(plan.time_base),
            "options": dict(plan.options),
            "threads": plan.threads,
        }


class SegmentWriter:
    """Encodes the frames of one segment into a file of packets, complete and on the disk after `finish`.

    made: the file. path: the output's name in messages. Raises OutputError as `Writer` does. Leaving the `with` block
    without `finish` leaves nothing.
    """

    def __init__(self, made: Path, path: Path, info: VideoInfo, encoding: Encoding) -> None:
        self.notices: list[str] = []
        self._made = made
        self._sink = _PacketSink(Target(made, path, None, None, self.notices), info, encoding)
        self._open = True

    def write(self, frame: Frame) -> None:
        """Takes the next frame, in order of presentation. Its planes must not be written to afterwards."""
        self._sink.write(frame)

    def finish(self, record: Mapping[str, Any]) -> None:
        """Flushes the encoder and completes the file; `record` is kept in it."""
        try:
            self._sink.finish(record)
        except BaseException:
            self.abort()
            raise
        self._open = False

    def abort(self) -> None:
        """Drops the segment."""
        if self._open:
            self._open = False
            self._sink.abort()
            self._made.unlink(missing_ok=True)

    def __enter__(self) -> SegmentWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.abort()


class _PacketSink(VideoSink):
    """A `VideoSink` whose packets go to a file of packets; its container only tells the encoder what it needs."""

    def __init__(self, target: Target, info: VideoInfo, encoding: Encoding) -> None:
        self._format = encoding.container
        self._file: PacketWriter | None = None
        super().__init__(target, info, None, encoding.plan)
        with writing(self._path):
            self._file = PacketWriter(target.made, {"extradata": self.extradata.hex()})

    def _open(self, target: Target) -> OutputContainer:
        return av.open(io.BytesIO(), "w", format=self._format)

    def _store(self, packet: Packet[Any]) -> None:
        assert self._file is not None
        self._file.add(packet)

    def finish(self, record: Mapping[str, Any]) -> None:
        assert self._file is not None
        with writing(self._path):
            if self._last_pts is not None:
                self._mux(self._stream.encode(None))
            self._file.close({**record, "moved": self._moved})
            self._container.close()

    def abort(self) -> None:
        if self._file is not None:
            self._file.abort()
        super().abort()


class _JoinSink(VideoSink):
    """A `VideoSink` that is given packets instead of frames."""

    def put(self, file: PacketFile, dts: Sequence[int], shift: int) -> None:
        """Muxes the packets of one segment, their PTS moved by `shift`, with these decoding times."""
        if file.header.get("extradata") != self.extradata.hex():
            raise OutputError(f"{self._path}: the segment {file.path.name} was encoded by another encoder")
        with writing(self._path):
            for packet, stamp in zip(file.packets(self.plan.time_base), dts, strict=True):
                assert packet.pts is not None
                packet.pts, packet.dts, packet.stream = packet.pts + shift, stamp, self._stream
                self._last_pts = packet.pts
                self._store(packet)
        self._moved += file.trailer.get("moved", 0)

    def _flush(self) -> None:
        """The encoder in this container never saw a frame."""


def prepare(target: Target, info: VideoInfo, source: Path | None) -> Encoding:
    """How to encode for this output: opens encoder and container for a try. Raises OutputError as `Writer` does."""
    sink = VideoSink(target, info, source)
    try:
        return Encoding(sink.format_name, sink.plan)
    finally:
        sink.abort()
        target.made.unlink(missing_ok=True)


def join(
    target: Target, info: VideoInfo, source: Path | None, encoding: Encoding, segments: Sequence[Path]
) -> Iterator[int]:
    """Writes the output from its segments, the streams of `source` copied beside them. Yields the segments done.

    Decoding times are made anew over the whole video: at a variable rate those of one encoder may begin before those
    of the encoder before it have ended. Raises OutputError, or `packets.Damaged` for a segment that is not sound.
    """
    shown, shifts, depth = array("q"), [], 0
    for path in segments:
        with PacketFile(path) as file:
            times = sorted(pts for pts, _ in file.times)
            depth = max(
                depth, *(place - bisect_left(times, pts) for place, (pts, _) in enumerate(file.times)), 0
            )
            # Only containers that count frames can have rounded two segments into one another.
            shifts.append(max(0, shown[-1] + 1 - times[0]) if shown and times else 0)
            shown.extend(pts + shifts[-1] for pts in times)
    dts = _decoding_times(shown, depth)
    sink, at = _JoinSink(target, info, source, encoding.plan), 0
    try:
        for number, (path, shift) in enumerate(zip(segments, shifts, strict=True), 1):
            with PacketFile(path) as file:
                sink.put(file, dts[at : at + len(file.times)], shift)
                at += len(file.times)
            yield number
        sink.close()
    except BaseException:
        sink.abort()
        raise


def _decoding_times(shown: array[int], depth: int) -> array[int]:
    """The usual decoding times: `depth` frames behind the order of presentation. shown: all PTS in order."""
    if depth == 0:
        return shown
    lead = shown[min(depth, len(shown) - 1)] - shown[0]
    return array("q", (pts - lead for pts in shown[:depth])) + shown[: len(shown) - depth]
