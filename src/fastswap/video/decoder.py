"""Decodes one video stream and gives each frame the most credible time."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import av
from av.packet import Packet

from fastswap.video import nvidia
from fastswap.video.clock import Clock
from fastswap.video.opening import main_stream, open_container

_READ_ERRORS = 32
"""Read errors in a row after which the rest of the file counts as lost."""

_AVFMT_FLAG_GENPTS = 0x0001


class Decoder:
    """Decodes one stream from where its container stands. A damaged packet costs its own frames, not the rest."""

    _landing: nvidia.Landing | None = None

    def __init__(self, path: Path, threads: int, landing: nvidia.Landing | None = None) -> None:
        self._landing = landing  # of the GPU that is to decode
        hwaccel = nvidia.hwaccel(landing.index) if landing else None
        self.container = open_container(path, hwaccel=hwaccel)
        has_pts = self.container.format.name != "avi"
        if not has_pts:  # what FFmpeg makes up for them at PyAV's wish is wrong, see Clock
            self.container.flags &= ~_AVFMT_FLAG_GENPTS
        self._clock = Clock(keeps_pts=has_pts)
        self._begin(path, threads)

    def _begin(self, path: Path, threads: int) -> None:
        """Finds the stream in the open container."""
        try:
            self.stream = main_stream(self.container, path)
        except BaseException:
            self.container.close()
            raise
        self._context = self.stream.codec_context
        self._context.thread_type = "AUTO"  # frame threads too; PyAV's default is slices alone
        # On a GPU each thread would want surfaces of its own.
        self._context.thread_count = 1 if self._landing else threads
        self.packets, self.damaged, self.cut_off = 0, 0, False

    def frames(self) -> Generator[av.VideoFrame, None, None]:
        """All frames from here to the end, each with the most credible PTS."""
        self._clock.restart()
        for packet in self._demux():
            try:
                decoded = self._context.decode(packet)
            except av.EOFError:
                return
            except av.BlockingIOError as error:
                self._lost(error)
                self._context.flush_buffers()  # full of frames that it will not give after an error
            except av.FFmpegError as error:
                self._lost(error)
            else:
                for frame in decoded:
                    frame.pts = self._clock.frame(frame.pts)
                    yield frame

    def _lost(self, error: av.FFmpegError) -> None:
        if self._landing:
            self._landing.lost(error)
        self.damaged += 1
        self._clock.lost()

    def _demux(self) -> Iterator[Packet[Any] | None]:
        """The stream's packets, then None, which flushes the decoder."""
        failures = 0
        while failures < _READ_ERRORS:
            try:
                for packet in self.container.demux(self.stream):
                    if packet.size:  # PyAV's own flush packet is empty
                        self.packets += 1
                        failures = 0
                        self._clock.packet(packet.dts)
                        yield packet
                break
            except av.FFmpegError:
                failures += 1
                self.cut_off = True
        yield None
