"""Copies everything but the main video: audio, subtitles, data, attachments, chapters and metadata."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import av
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Discard, Stream
from av.video.stream import VideoStream

from fastswap.errors import OutputError
from fastswap.video.opening import open_container

_STALE_CONTAINER = frozenset({"encoder", "major_brand", "minor_version", "compatible_brands"})
_STALE_VIDEO = ("BPS", "DURATION", "NUMBER_OF_", "_STATISTICS_", "ENCODER", "encoder")

AddVideo = Callable[[OutputContainer], VideoStream]


class StreamCopier:
    """Adds the other streams of an input to an output and muxes their packets, unchanged, as the video advances.

    path: the input. main: index of its video. name: the output's name in messages.
    """

    def __init__(
        self, path: Path, main: int, output: OutputContainer, name: Path, notices: list[str]
    ) -> None:
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
                _copy_tags(stream, video, _STALE_VIDEO)
            elif not self._is_made_anew(stream):
                self._add(stream, add_video)
        assert video is not None
        kept = {k: v for k, v in self._input.metadata.items() if k.lower() not in _STALE_CONTAINER}
        self._output.metadata.update(kept)
        self._output.set_chapters(self._input.chapters())
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
        try:
            for packet in self._input.demux(wanted):
                if packet.size or packet.dts is not None:  # neither: PyAV's own flush packet
                    yield packet
        except av.FFmpegError:
            self._notices.append(
                f"{self._name.name}: the input's other streams end early, the file is cut off"
            )

    def _add(self, stream: Stream, add_video: AddVideo) -> None:
        if self._accepts(stream, add_video):
            copy = self._output.add_stream_from_template(stream, opaque=True)
            _copy_tags(stream, copy)
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
            trial = av.open(io.BytesIO(), "w", format=self._output.format.name)
            _copy_tags(self._input.streams[self._main], add_video(trial), _STALE_VIDEO)
            _copy_tags(stream, trial.add_stream_from_template(stream, opaque=True))
            trial.start_encoding()
            return True
        return False

    def _is_made_anew(self, stream: Stream) -> bool:
        """True for the tracks in which MP4 and MOV keep chapters and time codes: muxers make them from the tags."""
        if stream.type != "data":
            return False
        chapters = stream.name == "bin_data" and bool(self._input.chapters())
        return chapters or "timecode" in stream.metadata


def _copy_tags(source: Stream, target: Stream, stale: tuple[str, ...] = ()) -> None:
    target.metadata.update({k: v for k, v in source.metadata.items() if not (stale and k.startswith(stale))})
    target.disposition = source.disposition


def _seconds(packet: Packet[Any]) -> float:
    stamp = packet.dts if packet.dts is not None else packet.pts
    return float("-inf") if stamp is None else float(stamp * packet.time_base)
