"""Writes one segment of an output with encoders of its own, and joins the segments without encoding again."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any

from fastswap.errors import OutputError
from fastswap.frame import Frame
from fastswap.video.info import VideoInfo
from fastswap.video.muxing import VideoSink
from fastswap.video.packets import PacketFile, PacketWriter
from fastswap.video.picture_sink import FolderSink
from fastswap.video.side import Layer, SideSeries, SideVideo
from fastswap.video.side_output import SideOutput
from fastswap.video.target import Target, writing
from fastswap.video.tracks import Behind, Encoding, PictureEncoding, Track, side_track
from fastswap.video.window import Window
from fastswap.video.writer import check_picture, writes_video


class SegmentWriter:
    """Encodes the frames of one segment into a file of packets, complete and on the disk after `finish`.

    made: the file. path: the output's name in messages. window: what of the input the output holds. sides: the side
    outputs; notes are in the track behind theirs. Raises OutputError as `Writer` does. Leaving the `with` block without
    `finish` leaves nothing.
    """

    def __init__(
        self,
        made: Path,
        path: Path,
        info: VideoInfo,
        encoding: Encoding | PictureEncoding,
        window: Window | None = None,
        sides: Sequence[SideOutput] = (),
    ) -> None:
        self.notices: list[str] = []
        self._made, self._path, self._open = made, path, True
        self._file: PacketWriter | None = None
        self._tracks: list[Track] = []
        self._sides: list[Behind] = []
        target = Target(made, path, None, None, self.notices, window)
        try:
            self._main = encoding.track(target, info)
            self._tracks.append(self._main)
            for output in sides:
                side = side_track(replace(target, path=output.place.path), info, output)
                self._tracks.append(side)
                self._sides.append(Behind(side.put, output))
            with writing(path):
                self._file = PacketWriter(made, {"extradata": [t.extradata.hex() for t in self._tracks]})
            for number, track in enumerate(self._tracks):
                track.into(self._file, number)
        except BaseException:
            self.abort()
            raise

    def write(self, frame: Frame, layer: Layer | None = None, note: bytes | None = None) -> None:
        """Takes the next frame, in order of presentation, and its new faces alone if there are side outputs.

        Its planes must not be written to afterwards. note: what else is to be kept of it.
        """
        if note is not None and self._file is not None:
            with writing(self._path):
                self._file.add_picture(note, len(self._tracks))
        for side in self._sides:
            side.put(frame, layer)
        self._main.write(frame)

    def finish(self, record: Mapping[str, Any]) -> None:
        """Flushes the encoders and completes the file; `record` is kept in it."""
        assert self._file is not None
        try:
            for side in self._sides:
                side.wait()
            told = [track.finish() for track in self._tracks]
            with writing(self._path):
                self._file.close({**record, "tracks": told})
        except BaseException:
            self.abort()
            raise
        self._open = False
        for side in self._sides:
            side.close()

    def abort(self) -> None:
        """Drops the segment."""
        if not self._open:
            return
        self._open = False
        for side in self._sides:
            side.close()
        for track in self._tracks:
            track.abort()
        if self._file is not None:
            self._file.abort()
        self._made.unlink(missing_ok=True)

    def __enter__(self) -> SegmentWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.abort()


class _Joined(VideoSink):
    """A `VideoSink` that is given packets instead of frames."""

    def take(self, file: PacketFile, track: int, dts: Sequence[int], shift: int) -> None:
        """Muxes the packets of one segment, their PTS moved by `shift`, with these decoding times."""
        if file.header["extradata"][track] != self.extradata.hex():
            raise OutputError(f"{self._path}: the segment {file.path.name} was encoded by another encoder")
        with writing(self._path):
            for packet, stamp in zip(file.packets(self.plan.time_base, track), dts, strict=True):
                assert packet.pts is not None
                packet.pts, packet.dts, packet.stream = packet.pts + shift, stamp, self._stream
                self._last_pts = packet.pts
                self._store(packet)
        self._moved += file.trailer["tracks"][track]["moved"]

    def _flush(self) -> None:
        """The encoder in this container never saw a frame."""


class _JoinedSide(_Joined, SideVideo):
    """The same for a side output."""


def prepare(target: Target, info: VideoInfo) -> Encoding | PictureEncoding:
    """How to encode for this output: opens encoder and container for a try. Raises OutputError as `Writer` does."""
    if not writes_video(target.path):
        check_picture(target.path, info)
        FolderSink(target)
        return PictureEncoding(target.encoder, target.options)
    sink = VideoSink(target, info, _others(info))
    try:
        return Encoding(sink.format_name, sink.plan)
    finally:
        sink.abort()
        target.made.unlink(missing_ok=True)


def join(
    target: Target,
    info: VideoInfo,
    encoding: Encoding | PictureEncoding,
    segments: Sequence[Path],
    sides: Sequence[tuple[Target, SideOutput]] = (),
) -> None:
    """Writes the output from its segments, the input's other streams copied beside them, and the side outputs.

    Raises OutputError, or `packets.Damaged` for a segment that is not sound.
    """
    if isinstance(encoding, Encoding):
        _join_video(_Joined(target, info, _others(info), encoding.plan), segments, 0)
    else:
        _join_pictures(FolderSink(target), segments)
    for track, (place, output) in enumerate(sides, 1):
        if output.place.names is None:
            _join_video(_JoinedSide(place, info, output), segments, track)
            continue
        series = SideSeries(place, output)
        for path in segments:
            with PacketFile(path) as file:
                for data in file.pictures(track):
                    series.put_picture(data)
        series.close()


def _others(info: VideoInfo) -> Path | None:
    """Where the output's other streams come from."""
    return info.path if info.kind == "video" else None


def _join_pictures(sink: FolderSink, segments: Sequence[Path]) -> None:
    for path in segments:
        with PacketFile(path) as file:
            names = file.trailer["tracks"][0]["names"]
            for (source, name), data in zip(names, file.pictures(), strict=True):
                sink.put(source, name, data)
    sink.close()


def _join_video(sink: _Joined, segments: Sequence[Path], track: int) -> None:
    """Muxes a track of all segments.

    Decoding times are made anew over the whole video: at a variable rate those of one encoder may begin before those
    of the encoder before it have ended.
    """
    try:
        shown, shifts, depth = array("q"), [], 0
        for path in segments:
            with PacketFile(path) as file:
                decoded = file.times(track)
            times = sorted(decoded)
            depth = max(depth, *(place - bisect_left(times, pts) for place, pts in enumerate(decoded)), 0)
            # Only containers that count frames can have rounded two segments into one another.
            shifts.append(max(0, shown[-1] + 1 - times[0]) if shown and times else 0)
            shown.extend(pts + shifts[-1] for pts in times)
        dts, at = _decoding_times(shown, depth), 0
        for path, shift in zip(segments, shifts, strict=True):
            with PacketFile(path) as file:
                count = len(file.times(track))
                sink.take(file, track, dts[at : at + count], shift)
                at += count
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
