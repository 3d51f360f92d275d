"""Copies everything but the main video: audio, subtitles, data, attachments, chapters and metadata."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Discard, Stream
from av.video.stream import VideoStream

from fastswap.errors import OutputError
from fastswap.video import timecode
from fastswap.video.info import VideoInfo
from fastswap.video.opening import open_container
from fastswap.video.versions import open_output
from fastswap.video.window import Window

_STALE_CONTAINER = frozenset({"encoder", "major_brand", "minor_version", "compatible_brands"})
_STALE_VIDEO = ("BPS", "DURATION", "NUMBER_OF_", "_STATISTICS_", "ENCODER", "encoder")

_BEFORE_S = 10
"""How far before a part reading begins, for subtitles that are still shown when it does."""

AddVideo = Callable[[OutputContainer], VideoStream]


@dataclass(frozen=True, slots=True)
class Part:
    """The part of an input that is copied; its begin becomes 0. begin, until: seconds by the input's own clock, until
    is None at its end. frames: of the video before the part. rate: frames per second, by which time codes count.
    """

    begin: Fraction
    until: Fraction | None
    frames: int
    rate: Fraction

    def chapters(self, found: list[Any]) -> list[Any]:
        """The chapters that reach into the part."""
        kept = []
        for chapter in found:
            base = chapter["time_base"]
            start, end = (chapter[side] * base - self.begin for side in ("start", "end"))
            last = None if self.until is None else self.until - self.begin
            if end > 0 and (last is None or start < last):
                sides = {"start": max(start, Fraction(0)), "end": end if last is None else min(end, last)}
                kept.append(chapter | {side: round(value / base) for side, value in sides.items()})
        return kept

    def moved(self, packet: Packet[Any], kind: str) -> bool:
        """Moves a packet's times; False when it does not belong to the part.

        Sound begins with the first packet that begins in it. A subtitle that is still shown at its begin is kept for
        its rest.
        """
        base = packet.time_base
        stamp = packet.pts if packet.pts is not None else packet.dts
        if stamp is None:
            return False
        begin = stamp * base
        if self.until is not None and begin >= self.until:
            return False
        if begin < self.begin:
            rest = begin + (packet.duration or 0) * base - self.begin
            if kind != "subtitle" or rest <= 0:
                return False
            packet.pts = packet.dts = 0
            packet.duration = round(rest / base)
            return True
        offset = round(self.begin / base)
        packet.pts = None if packet.pts is None else packet.pts - offset
        packet.dts = None if packet.dts is None else packet.dts - offset
        return True


def part_of(info: VideoInfo, window: Window | None) -> Part | None:
    """What is copied beside the frames of a window; None for all."""
    if window is None:
        return None
    start = info.start * info.time_base
    until = None if window.until is None else start + window.until
    return Part(start + window.begin, until, window.first, info.fps)


class StreamCopier:
    """Adds the other streams of an input to an output and muxes their packets, unchanged, as the video advances.

    path: the input. main: index of its video. name: the output's name in messages. part: what of it, None for all.
    """

    def __init__(
        self,
        path: Path,
        main: int,
        output: OutputContainer,
        name: Path,
        notices: list[str],
        part: Part | None = None,
    ) -> None:
        self._part = part
        self._input, self._main, self._output = open_container(path), main, output
        self._name, self._notices = name, notices
        self._streams: dict[int, Stream] = {}
        self._packets: Iterator[Packet[Any]] = iter(())
        self._next: Packet[Any] | None = None

    def add_streams(self, add_video: AddVideo) -> VideoStream:
        """Adds all streams in the input's order, the video by `add_video`; returns the video.

        Raises OutputError when the container cannot hold the input's audio.
        """
        video: VideoStream | None = None
        for stream in self._input.streams:
            if stream.index == self._main:
                video = add_video(self._output)
                self._copy_tags(stream, video, _STALE_VIDEO)
            elif not self._is_made_anew(stream):
                self._add(stream, add_video)
        assert video is not None
        kept = {k: v for k, v in self._input.metadata.items() if k.lower() not in _STALE_CONTAINER}
        self._output.metadata.update(self._shifted(kept))
        chapters = self._input.chapters()
        self._output.set_chapters(chapters if self._part is None else self._part.chapters(chapters))
        return video

    def start(self) -> None:
        """Begins to read; the output's streams are complete."""
        for stream in self._input.streams:
            if stream.index not in self._streams:
                stream.discard = Discard.all
        wanted = [s for s in self._input.streams if s.index in self._streams and s.type != "attachment"]
        self._packets = self._read(wanted) if wanted else iter(())
        self._next = next(self._packets, None)

    def advance(self, seconds: float | None) -> None:
        """Muxes every packet whose decoding time is at or before `seconds`; None: all that are left."""
        while self._next is not None and (seconds is None or _seconds(self._next) <= seconds):
            packet = self._next
            packet.stream = self._streams[packet.stream_index]
            self._output.mux_one(packet)
            self._next = next(self._packets, None)

    def close(self) -> None:
        """Releases the input."""
        self._input.close()

    def _read(self, wanted: list[Stream]) -> Iterator[Packet[Any]]:
        part = self._part
        try:
            if part is not None and part.begin > _BEFORE_S:
                with contextlib.suppress(av.FFmpegError):  # no index: read from the start
                    self._input.seek(int((part.begin - _BEFORE_S) * av.time_base))
            for packet in self._input.demux(wanted):
                if not packet.size and packet.dts is None:  # PyAV's own flush packet
                    continue
                if part is None or part.moved(packet, packet.stream.type):
                    yield packet
        except av.FFmpegError:
            self._notices.append(
                f"{self._name.name}: the input's other streams end early, the file is cut off"
            )

    def _add(self, stream: Stream, add_video: AddVideo) -> None:
        if self._accepts(stream, add_video):
            copy = self._output.add_stream_from_template(stream, opaque=True)
            self._copy_tags(stream, copy)
            self._streams[stream.index] = copy
            return
        container = self._output.format.name
        what = f"{stream.type} stream {stream.index} ({getattr(stream, 'name', None) or 'unknown'})"
        if stream.type == "audio" and self._output.default_audio_codec != "none":
            raise OutputError(f"{self._name}: the container {container} cannot hold {what}; try .mkv or .mp4")
        self._notices.append(
            f"{self._name.name}: the container {container} cannot hold {what}; it is left out"
        )

    def _accepts(self, stream: Stream, add_video: AddVideo) -> bool:
        """Asks the muxer itself by letting it write a header for the video and this stream, in memory."""
        with contextlib.suppress(av.FFmpegError, ValueError):
            trial = open_output(io.BytesIO(), format=self._output.format.name)
            self._copy_tags(self._input.streams[self._main], add_video(trial), _STALE_VIDEO)
            self._copy_tags(stream, trial.add_stream_from_template(stream, opaque=True))
            trial.start_encoding()
            return True
        return False

    def _copy_tags(self, source: Stream, target: Stream, stale: tuple[str, ...] = ()) -> None:
        kept = {k: v for k, v in source.metadata.items() if not (stale and k.startswith(stale))}
        target.metadata.update(self._shifted(kept))
        target.disposition = source.disposition

    def _shifted(self, tags: dict[str, str]) -> dict[str, str]:
        """The tags with the time code of the part's first frame."""
        part = self._part
        if part is None:
            return tags
        return {
            k: timecode.shifted(v, part.frames, part.rate) if k.lower() == "timecode" else v
            for k, v in tags.items()
        }

    def _is_made_anew(self, stream: Stream) -> bool:
        """True for the tracks in which MP4 and MOV keep chapters and time codes: muxers make them from the tags.

        A time code track has one entry; other data that carries a time code with every frame (Sony's rtmd) has many.
        """
        if stream.type != "data":
            return False
        chapters = stream.name == "bin_data" and bool(self._input.chapters())
        return chapters or ("timecode" in stream.metadata and stream.frames <= 1)


def _seconds(packet: Packet[Any]) -> float:
    stamp = packet.dts if packet.dts is not None else packet.pts
    return float("-inf") if stamp is None else float(stamp * packet.time_base)
