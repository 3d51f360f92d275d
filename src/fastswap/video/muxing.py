"""Writes a video file: encodes the frames and copies the rest of the input beside them."""

from __future__ import annotations

import contextlib
import errno
import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.container import OutputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from fastswap.errors import OutputError
from fastswap.frame import Frame
from fastswap.video import encoder as encoders
from fastswap.video.info import VideoInfo
from fastswap.video.opening import reason
from fastswap.video.planes import to_av
from fastswap.video.remux import StreamCopier

_FULL = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)
_INT32_MAX = 2**31 - 1
_AVFMT_NOTIMESTAMPS = 0x0080
_AVFMT_FLAG_BITEXACT = 0x0400
_COUNTING = frozenset({"avi", "mxf", "mxf_d10", "mxf_opatom", "gxf", "dv"})
"""Containers that store frames at a constant rate instead of time stamps."""


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turns what goes wrong while `path` is written into one line."""
    try:
        yield
    except (av.FFmpegError, OSError) as error:
        code = getattr(error, "errno", None)
        if code in _FULL:
            raise OutputError(f"{path}: disk full or file size limit reached while writing") from error
        raise OutputError(f"{path}: cannot be written: {reason(error)}") from error


@dataclass(frozen=True, slots=True)
class Target:
    """What is to be written. made: where it is made; path: its name in messages; encoder, options: the user's."""

    made: Path
    path: Path
    encoder: str | None
    options: Mapping[str, str] | None
    notices: list[str]


class VideoSink:
    """One video file. source: the input whose other streams are copied, None for none."""

    def __init__(self, target: Target, info: VideoInfo, source: Path | None) -> None:
        path = target.path
        self._path, self._info, self._notices = path, info, target.notices
        self._container = _open_output(target.made, path, info)
        self._copier: StreamCopier | None = None
        try:
            self._plan = self._choose(target)
            self._durations: dict[int, int] = {}
            self._last_pts: int | None = None
            self._moved = 0
            if source is not None:
                self._copier = StreamCopier(source, info.stream, self._container, path, self._notices)
                self._stream = self._copier.add_streams(self._add_video)
            else:
                self._stream = self._add_video(self._container)
            with writing(path):
                self._container.start_encoding()
            if self._copier:
                self._copier.start()
        except BaseException:
            self.abort()
            raise

    def write(self, frame: Frame) -> None:
        """Encodes one frame; its planes must not be written to afterwards."""
        if (frame.width, frame.height) != (self._info.width, self._info.height):
            raise OutputError(
                f"{self._path}: a frame of {frame.width}x{frame.height} does not fit a video of "
                f"{self._info.width}x{self._info.height}"
            )
        picture = to_av(frame, self._plan.pixel_format if self._plan.pixel_format.startswith("yuv") else None)
        picture.pts = self._pts(frame)
        picture.time_base = self._plan.time_base
        picture.pict_type = 0  # the input's I, P and B are not the output's
        if picture.duration:
            duration = round(picture.duration * self._info.time_base / self._plan.time_base)
            self._durations[picture.pts] = duration
        with writing(self._path):
            self._mux(self._stream.encode(picture))

    def close(self) -> None:
        """Flushes the encoder and completes the file."""
        with writing(self._path):
            self._mux(self._stream.encode(None))
            if self._copier:
                self._copier.advance(None)
                self._copier.close()
            self._container.close()
        if self._moved:
            self._notices.append(
                f"{self._path.name}: {self._moved} time stamps did not increase and were moved"
            )

    def abort(self) -> None:
        """Releases everything; what was written is of no use."""
        if self._copier:
            self._copier.close()
        with contextlib.suppress(av.FFmpegError, OSError, ValueError):  # the file is thrown away
            self._container.close()

    def _choose(self, target: Target) -> encoders.Plan:
        name = target.encoder or encoders.default_for(self._container)
        kind = self._container.format
        counted = kind.name in _COUNTING or bool(kind.flags & _AVFMT_NOTIMESTAMPS)
        if counted:
            self._notices.append(
                f"{self._path.name}: {kind.name} keeps no time stamps; "
                f"frames are written at {float(self._info.fps):g} per second"
            )
        return encoders.plan(name, target.options, self._info, counted=counted)

    def _add_video(self, container: OutputContainer) -> VideoStream:
        plan = self._plan
        try:
            stream = container.add_stream(plan.name, rate=self._info.fps)
        except ValueError as error:
            raise OutputError(
                f"{self._path}: the container {self._container.format.name} cannot hold video of {plan.name}"
            ) from error
        assert isinstance(stream, VideoStream)
        encoders.configure(stream.codec_context, plan, self._info)
        stream.time_base = plan.time_base
        if self._info.display_matrix:
            stream.set_display_matrix(self._info.display_matrix)
        return stream

    def _pts(self, frame: Frame) -> int:
        """The frame's PTS in the encoder's units, strictly increasing as encoders ask."""
        if frame.pts is None:
            pts = round(frame.index / self._info.fps / self._plan.time_base)
        else:
            pts = round(frame.pts * self._info.time_base / self._plan.time_base)
        if self._last_pts is not None and pts <= self._last_pts:
            pts = self._last_pts + 1
            self._moved += 1
        self._last_pts = pts
        return pts

    def _mux(self, packets: list[Packet[Any]]) -> None:
        for packet in packets:
            duration = self._durations.pop(packet.pts, 0) if packet.pts is not None else 0
            if duration:
                packet.duration = duration
            if self._copier and packet.dts is not None:
                self._copier.advance(float(packet.dts * self._plan.time_base))
            self._container.mux_one(packet)


def _open_output(made: Path, path: Path, info: VideoInfo) -> OutputContainer:
    try:
        container = av.open(str(made), "w", metadata_errors="surrogateescape")
    except ValueError as error:
        raise OutputError(
            f"{path}: no container is known for {path.suffix or 'a name without suffix'!r}"
        ) from error
    # No version strings, dates or random numbers: the same input gives the same bytes.
    container.flags |= _AVFMT_FLAG_BITEXACT
    container.container_options.update(_exact_times(container.format.name, info.time_base))
    return container


def _exact_times(container: str, time_base: Fraction) -> dict[str, str]:
    """Options that keep the input's time stamps exactly, where the container can."""
    options: dict[str, str] = {}
    if (
        container in ("mp4", "mov", "ipod", "3gp", "3g2", "psp", "ismv", "f4v")
        and time_base.denominator <= _INT32_MAX
    ):
        options["video_track_timescale"] = str(time_base.denominator)
        # Edit lists, which hold the first PTS, count in the movie's units.
        common = math.lcm(time_base.denominator, 48000)
        options["movie_timescale"] = str(common if common <= _INT32_MAX else time_base.denominator)
    if container == "mpegts":
        options["mpegts_copyts"] = "1"
    return options


def sync(path: Path) -> None:
    """Waits until the file or folder is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
