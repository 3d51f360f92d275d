"""What a segment's file of packets is made of: the video or the pictures, and the side outputs, each in a track."""

from __future__ import annotations

import io
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

from av.container import OutputContainer
from av.packet import Packet

from fastswap.frame import Frame
from fastswap.video.encoder import Plan
from fastswap.video.info import VideoInfo
from fastswap.video.muxing import VideoSink
from fastswap.video.packets import PacketWriter
from fastswap.video.picture_sink import FolderSink
from fastswap.video.side import Cell, Layer, SideSeries, SideVideo, cell_of
from fastswap.video.side_output import SideOutput
from fastswap.video.target import Target, writing
from fastswap.video.versions import open_output

_WAITING = 4
"""Frames of one side output that may wait for its encoder."""
FORMATS: Final = {".mkv": "matroska", ".mov": "mov"}
"""FFmpeg's names of the containers that side outputs have."""


class Track(Protocol):
    """What encodes into one track. extradata: what the encoder says once for all segments."""

    @property
    def extradata(self) -> bytes: ...
    def into(self, file: PacketWriter, number: int) -> None: ...
    def finish(self) -> dict[str, Any]:
        """Flushes the encoder; what the join has to know, plain JSON values."""
        ...

    def abort(self) -> None: ...


class MainTrack(Track, Protocol):
    """The output itself."""

    def write(self, frame: Frame) -> None: ...


class SideTrack(Track, Protocol):
    """A side output."""

    def put(self, cell: Cell) -> None: ...


@dataclass(frozen=True, slots=True)
class Encoding:
    """How every segment of a video is encoded. container: FFmpeg's name of the output's format."""

    container: str
    plan: Plan

    @property
    def takes_gpu_frames(self) -> bool:
        """True when frames in a GPU's memory are encoded where they are."""
        return self.plan.gpu is not None

    def on(self, gpu: int | None) -> Encoding:
        """See `Plan.on`."""
        return replace(self, plan=self.plan.on(gpu))

    def track(self, target: Target, info: VideoInfo) -> MainTrack:
        """Opens the encoder."""
        return _VideoTrack(target, info, self)

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


@dataclass(frozen=True, slots=True)
class PictureEncoding:
    """How every picture of a folder is encoded; see `target.Target`."""

    encoder: str | None
    options: Mapping[str, str] | None
    takes_gpu_frames = False

    def on(self, gpu: int | None) -> PictureEncoding:
        """Pictures are encoded on the CPU."""
        return self

    def track(self, target: Target, info: VideoInfo) -> MainTrack:
        """Nothing is opened before the first picture."""
        return _PictureTrack(replace(target, encoder=self.encoder, options=self.options))

    def as_dict(self) -> dict[str, Any]:
        """Plain values that change when the bytes of a segment may."""
        return {"container": "folder", "encoder": self.encoder, "options": dict(self.options or {})}


class _Packed(VideoSink):
    """A `VideoSink` whose packets go to a track; its container only tells the encoder what it needs."""

    _format: str

    def into(self, file: PacketWriter, number: int) -> None:
        self._file, self._number = file, number

    def finish(self) -> dict[str, Any]:
        with writing(self._path):
            if self._last_pts is not None:
                self._mux(self._stream.encode(None))
        self.abort()  # MXF's trailer fails where no packet came, and nobody reads it
        return {"moved": self._moved}

    def _open(self, target: Target) -> OutputContainer:
        return open_output(io.BytesIO(), format=self._format)

    def _store(self, packet: Packet[Any]) -> None:
        self._file.add(packet, self._number)


class _VideoTrack(_Packed):
    def __init__(self, target: Target, info: VideoInfo, encoding: Encoding) -> None:
        self._format = encoding.container
        super().__init__(target, info, None, encoding.plan)


class _SideVideoTrack(_Packed, SideVideo):
    def __init__(self, target: Target, info: VideoInfo, output: SideOutput) -> None:
        self._format = FORMATS[output.place.suffix]
        SideVideo.__init__(self, target, info, output)


class _PictureTrack:
    """The pictures that `FolderSink` would write."""

    extradata = b""

    def __init__(self, target: Target) -> None:
        self._sink, self._path, self._names = FolderSink(target), target.path, list[list[str]]()

    def into(self, file: PacketWriter, number: int) -> None:
        self._file, self._number = file, number

    def write(self, frame: Frame) -> None:
        source, name, data = self._sink.encoded(frame)
        self._names.append([source, name])
        with writing(self._path):
            self._file.add_picture(data, self._number)

    def finish(self) -> dict[str, Any]:
        return {"names": self._names}

    def abort(self) -> None:
        """Nothing is open."""


class _SideSeriesTrack:
    """The pictures that `SideSeries` would write."""

    extradata = b""

    def __init__(self, target: Target, output: SideOutput) -> None:
        self._sink, self._path = SideSeries(target, output), target.path

    def into(self, file: PacketWriter, number: int) -> None:
        self._file, self._number = file, number

    def put(self, cell: Cell) -> None:
        data = self._sink.encoded(cell)
        with writing(self._path):
            self._file.add_picture(data, self._number)

    def finish(self) -> dict[str, Any]:
        return {}

    def abort(self) -> None:
        """Nothing is open."""


def side_track(target: Target, info: VideoInfo, output: SideOutput) -> SideTrack:
    """Opens the encoder of a side output."""
    if output.place.names is not None:
        return _SideSeriesTrack(target, output)
    return _SideVideoTrack(target, info, output)


class Behind:
    """Gives the frames of a side output to `put` in a thread of its own, so that nothing else waits for it."""

    def __init__(self, put: Callable[[Cell], None], output: SideOutput) -> None:
        self._put, self._output = put, output
        self._worker = ThreadPoolExecutor(1, f"fastswap-{output.kind}")
        self._waiting: deque[Future[None]] = deque()

    def put(self, frame: Frame, layer: Layer | None) -> None:
        """Takes the next frame; raises what went wrong with an earlier one."""
        while len(self._waiting) >= _WAITING:
            self._waiting.popleft().result()
        self._waiting.append(self._worker.submit(self._write, frame, layer))

    def _write(self, frame: Frame, layer: Layer | None) -> None:
        self._put(cell_of(frame, layer, self._output))

    def wait(self) -> None:
        """Until all frames are encoded."""
        while self._waiting:
            self._waiting.popleft().result()

    def close(self) -> None:
        """Ends the thread; frames that wait are let go."""
        while self._waiting:
            self._waiting.pop().cancel()
        self._worker.shutdown()
