"""Writes a video file: encodes the frames and copies the rest of the input beside them."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import av
import av.logging
from av.container import OutputContainer
from av.packet import Packet
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from fastswap.errors import OutputError
from fastswap.frame import Frame
from fastswap.pixels import pixel_format
from fastswap.video import containers, hdr, nvidia
from fastswap.video import encoder as encoders
from fastswap.video.info import VideoInfo
from fastswap.video.log import listening
from fastswap.video.loss import loss
from fastswap.video.opening import reason
from fastswap.video.planes import native_name, to_av
from fastswap.video.remux import StreamCopier, part_of
from fastswap.video.rgb import reformatted
from fastswap.video.target import Target, writing
from fastswap.video.turning import turned_frame, turned_info
from fastswap.video.versions import open_output

_AVFMT_FLAG_BITEXACT = 0x0400


def open_file(made: Path, path: Path) -> OutputContainer:
    """Opens the file `made` in the container that its suffix asks for. path: its name in messages.

    Raises OutputError where FFmpeg knows none.
    """
    try:
        return open_output(f"file:{made}")
    except ValueError as error:
        name = path.suffix or "a name without suffix"
        raise OutputError(f"{path}: no container is known for {name}") from error


class VideoSink:
    """One video file. source: the input whose other streams are copied, None for none. plan: a choice made before."""

    def __init__(
        self, target: Target, info: VideoInfo, source: Path | None, plan: encoders.Plan | None = None
    ) -> None:
        self._path, self._notices, self._window = target.path, target.notices, target.window
        self._container = self._open(target)
        self._turns = bool(info.display_matrix) and not containers.keeps_turn(self._container.format)
        self._info = turned_info(info) if self._turns else info
        self._size = info.width, info.height
        self._copier: StreamCopier | None = None
        self._reformatter = VideoReformatter()
        self._durations: dict[int, int] = {}
        self._last_pts: int | None = None
        self._moved = 0
        try:
            self._plan = plan or self._choose(target)
            self._container.container_options.update(
                containers.exact_times(self._container.format, self._plan.time_base)
            )
            if source is not None:
                self._copier = StreamCopier(
                    source,
                    info.stream,
                    self._container,
                    self._path,
                    self._notices,
                    part_of(info, self._window),
                )
                self._stream = self._copier.add_streams(self._add_video)
            else:
                self._stream = self._add_video(self._container)
            self._begin()
        except BaseException:
            self.abort()
            raise

    @property
    def format_name(self) -> str:
        """FFmpeg's name of the container."""
        return self._container.format.name

    @property
    def plan(self) -> encoders.Plan:
        """How it encodes."""
        return self._plan

    @property
    def extradata(self) -> bytes:
        """What the encoder says once for the whole stream."""
        return bytes(self._stream.codec_context.extradata or b"")

    def write(self, frame: Frame) -> None:
        """Encodes one frame; its planes must not be written to afterwards."""
        if (frame.width, frame.height) != self._size:
            wanted = f"{self._size[0]}x{self._size[1]}"
            raise OutputError(f"{self._path}: a {frame.width}x{frame.height} frame in a video of {wanted}")
        duration = int(getattr(frame.owner, "duration", 0) or 0)
        picture = self._picture(turned_frame(frame) if self._turns else frame)
        picture.pts = self._pts(frame)
        picture.time_base = self._plan.time_base
        picture.pict_type = 0  # the input's I, P and B are not the output's
        if duration:
            self._durations[picture.pts] = self._ticks(duration)
        with writing(self._path):
            self._mux(self._stream.encode(picture))

    def close(self) -> None:
        """Flushes the encoder and completes the file."""
        if self._last_pts is None:
            raise OutputError(f"{self._path}: there was no frame to write")
        with writing(self._path):
            self._flush()
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

    def _open(self, target: Target) -> OutputContainer:
        container = open_file(target.made, target.path)
        # No version strings, dates or random numbers: the same input gives the same bytes.
        container.flags |= _AVFMT_FLAG_BITEXACT
        return container

    def _choose(self, target: Target) -> encoders.Plan:
        kind = self._container.format
        encoder = target.encoder or encoders.default_for(self._container, self._info)
        if encoder == "none":
            raise OutputError(f"{self._path}: the container {kind.name} holds no video")
        plan = self._on_gpu(target, encoder) or self._plan_of(encoder, target)
        name = self._path.name
        if containers.counts_frames(kind):
            rate = f"{float(self._info.fps):g} per second"
            self._notices.append(f"{name}: {kind.name} keeps no time stamps; frames are written at {rate}")
        self._tell_format(name, plan)
        self._tell_hdr(name, plan)
        if self._turns:
            self._notices.append(
                f"{name}: {kind.name} cannot say how to turn the picture; its frames are turned"
            )
        return plan

    def _plan_of(self, encoder: str, target: Target) -> encoders.Plan:
        kind = self._container.format
        counted, in_order = containers.counts_frames(kind), containers.keeps_order(kind)
        return encoders.plan(encoder, target.options, self._info, counted=counted, in_order=in_order)

    def _on_gpu(self, target: Target, encoder: str) -> encoders.Plan | None:
        """A plan that encodes on the GPU, None where the user chose another way or the GPU cannot."""
        name = encoder if encoder in nvidia.ENCODERS.values() else nvidia.ENCODERS.get(encoder)
        if target.gpu is None or name is None or self._turns or (target.encoder and target.encoder != name):
            return None
        try:
            plan = self._plan_of(name, target)
        except OutputError as error:
            if target.encoder:
                raise
            why = str(error).removeprefix(f"encoder {name}: ")
            self._notices.append(f"{self._path.name}: encoded on the CPU ({encoder}): {name}: {why}")
            return None
        return replace(plan, gpu=target.gpu, options={**plan.options, "gpu": str(target.gpu)})

    def _tell_hdr(self, name: str, plan: encoders.Plan) -> None:
        found = self._info.hdr
        if found is None:
            return
        if (found.mastering or found.light) and hdr.encoder_parameters(plan.name, found) is None:
            self._notices.append(
                f"{name}: {plan.name} has no place for the mastering display and light level"
            )
        if found.dynamic:
            self._notices.append(
                f"{name}: {', '.join(found.dynamic)} metadata is left out, the static one stays"
            )

    def _tell_format(self, name: str, plan: encoders.Plan) -> None:
        own, made, info = self._info.frame_format, plan.pixel_format, self._info
        if any(loss(own, made)[:-1]):
            self._notices.append(
                f"{name}: {plan.name} does not hold {own}; written as {made}, the nearest it has"
            )
        elif not encoders.holds_size(own, info) and encoders.holds_size(made, info):
            size = f"{info.width}x{info.height}"
            self._notices.append(f"{name}: {plan.name} keeps the odd size {size} only as {made}")

    def _add_video(self, container: OutputContainer) -> VideoStream:
        plan = self._plan
        try:
            device = None if plan.gpu is None else nvidia.hwaccel(plan.gpu)
            stream = container.add_stream(plan.name, rate=self._info.fps, hwaccel=device)
        except ValueError as error:
            kind = container.format.name
            raise OutputError(
                f"{self._path}: the container {kind} cannot hold video of {plan.name}"
            ) from error
        assert isinstance(stream, VideoStream)
        encoders.configure(stream.codec_context, plan, self._info)
        stream.time_base = plan.time_base
        if self._info.display_matrix:
            stream.set_display_matrix(self._info.display_matrix)
        return stream

    def _begin(self) -> None:
        """Writes the file's head."""
        failure: Exception | None = None
        with writing(self._path), listening(av.logging.ERROR) as complaints:
            try:
                self._container.start_encoding()
            except av.ArgumentError as error:
                failure = error
        if failure is not None:
            kind = self._container.format.name
            why = complaints[0] if complaints else reason(failure)
            raise OutputError(f"{self._path}: the container {kind} refuses video of {self._plan.name}: {why}")
        if self._copier:
            self._copier.start()

    def _picture(self, frame: Frame) -> av.VideoFrame:
        """The frame in the encoder's pixel format; one in a GPU's memory is encoded there."""
        if self._plan.gpu is not None and getattr(frame.owner, "picture", None) is not None:
            frame.owner.wait()
            return cast(av.VideoFrame, frame.owner.picture)
        name, color = self._plan.pixel_format, self._plan.color
        plain = native_name(name)
        same = (color.matrix, color.full_range) == (frame.color.matrix, frame.color.full_range)
        if same and plain is not None and pixel_format(plain).holds(frame.pixels):
            return to_av(frame, name)
        return reformatted(frame, name, color, self._reformatter)

    def _pts(self, frame: Frame) -> int:
        """The frame's PTS in the encoder's units, strictly increasing as encoders ask."""
        first, origin = (self._window.first, self._window.begin_pts or 0) if self._window else (0, 0)
        if frame.pts is None:
            pts = round((frame.index - first) / self._info.fps / self._plan.time_base)
        else:
            pts = self._ticks(frame.pts - origin)
        if self._last_pts is not None and pts <= self._last_pts:
            pts = self._last_pts + 1
            self._moved += 1
        self._last_pts = pts
        return pts

    def _ticks(self, count: int) -> int:
        """The input's ticks in the encoder's."""
        if self._info.time_base == self._plan.time_base:
            return count
        return round(count * self._info.time_base / self._plan.time_base)

    def _flush(self) -> None:
        self._mux(self._stream.encode(None))

    def _mux(self, packets: list[Packet[Any]]) -> None:
        for packet in packets:
            duration = self._durations.pop(packet.pts, 0) if packet.pts is not None else 0
            if duration:
                packet.duration = duration
            self._store(packet)

    def _store(self, packet: Packet[Any]) -> None:
        """Muxes a packet, after what of the other streams comes before it."""
        if self._copier and packet.dts is not None:
            base = self._plan.time_base
            self._copier.advance(packet.dts * base.numerator / base.denominator)
        self._container.mux_one(packet)
