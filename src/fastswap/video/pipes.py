"""Video through pipes: y4m and NUT, read and written once, in order, with the sound beside the pictures."""

from __future__ import annotations

import contextlib
import hashlib
import os
import select
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Stream

from fastswap.errors import InputError, OutputError
from fastswap.video.clock import Clock
from fastswap.video.decoder import Decoder
from fastswap.video.muxing import VideoSink
from fastswap.video.nvidia import Landing
from fastswap.video.opening import reason
from fastswap.video.stream import StreamSource
from fastswap.video.target import Target, writing
from fastswap.video.versions import open_input, open_output

FORMATS = {"y4m": "yuv4mpegpipe", "nut": "nut"}
"""Containers that a pipe can carry, and FFmpeg's names for them."""

STDIN = Path("standard input")
STDOUT = Path("standard output")
_BLOCK = 1 << 20
_POLL_S = 0.2
_MOST_WAITING = 100_000
"""Packets of other streams that may wait for their pictures."""


class Inflow:
    """What FFmpeg reads a pipe through: gives what is there, hashes it, and ends when it is told to."""

    def __init__(self, handle: int) -> None:
        self._handle, self._stop = handle, threading.Event()
        self._digest = hashlib.sha256()
        self.size = 0

    def read(self, size: int) -> bytes:
        """The next bytes, at least one, b"" at the end."""
        while not self._stop.is_set():
            if select.select([self._handle], [], [], _POLL_S)[0]:
                data = os.read(self._handle, size)
                self._digest.update(data)
                self.size += len(data)
                return data
        return b""

    def stop(self) -> None:
        """The next read finds the end."""
        self._stop.set()

    def sha256(self) -> str:
        """Of all that was read."""
        return self._digest.hexdigest()


class Outflow:
    """What FFmpeg writes a pipe through: hashes what was taken."""

    def __init__(self, handle: int) -> None:
        self._handle = handle
        self._digest = hashlib.sha256()
        self.size = 0

    def write(self, data: bytes) -> int:
        """Writes all of it."""
        view = memoryview(data)
        while view:
            count = os.write(self._handle, view)
            self._digest.update(view[:count])
            self.size += count
            view = view[count:]
        return len(data)

    def digest(self) -> bytes:
        """SHA-256 of all that was written."""
        return self._digest.digest()


class _PipeDecoder(Decoder):
    """Decodes the pictures and puts everything else aside."""

    def __init__(self, flow: Inflow, threads: int, aside: deque[Packet[Any]]) -> None:
        self._flow, self._aside = flow, aside
        self.container = _open(flow)
        self._clock = Clock(keeps_pts=True)
        self._begin(STDIN, threads)

    def _demux(self) -> Iterator[Packet[Any] | None]:
        with contextlib.suppress(av.FFmpegError):  # the pipe ended in the middle of a packet
            for packet in self.container.demux():
                if packet.stream_index != self.stream.index:
                    if packet.size and len(self._aside) < _MOST_WAITING:
                        self._aside.append(packet)
                elif packet.size:
                    self.packets += 1
                    self._clock.packet(packet.dts)
                    yield packet
        yield None


class PipeReader(StreamSource):
    """The frames of a video that comes through a pipe, once and in order; see `Reader`.

    handle: file descriptor to read from. Raises InputError when no video comes.
    """

    def __init__(self, handle: int, *, threads: int = 0, deinterlace: bool | None = None) -> None:
        self.flow = Inflow(handle)
        self.aside: deque[Packet[Any]] = deque()
        self._used = False
        super().__init__(STDIN, threads, [], deinterlace)

    def _open(self, landing: Landing | None) -> Decoder:
        if self._used:
            raise InputError(f"{STDIN}: a pipe can be read once only")
        self._used = True
        return _PipeDecoder(self.flow, self._threads, self.aside)

    @property
    def others(self) -> list[Stream]:
        """The input's other streams."""
        return [stream for stream in self.container.streams if stream.index != self.info.stream]

    @property
    def container(self) -> InputContainer:
        """FFmpeg's."""
        return self._decoding.container

    def close(self) -> None:
        """Releases the pipe; an iteration that still goes on ends."""
        self.flow.stop()
        super().close()


def _open(flow: Inflow) -> InputContainer:
    try:
        return open_input(flow, buffer_size=_BLOCK)
    except (av.FFmpegError, ValueError) as error:
        if not flow.size:
            raise InputError(f"{STDIN}: the pipe is empty") from error
        raise InputError(
            f"{STDIN}: not a video that FFmpeg can read from a pipe ({reason(error)}); use y4m or NUT"
        ) from error


class PipeSink(VideoSink):
    """Writes frames, and the other streams' packets of a `PipeReader`, to a pipe.

    handle: file descriptor to write to. form: "y4m" or "nut".
    """

    def __init__(
        self, handle: int, form: str, reader: PipeReader, encoder: str | None,
        options: Mapping[str, str] | None, tags: Mapping[str, str],
    ) -> None:  # fmt: skip
        self.flow, self._form, self._reader = Outflow(handle), form, reader
        self.notices: list[str] = []
        self._copies: dict[int, Stream] = {}
        self._tags = dict(tags)
        if form == "y4m" and encoder not in (None, "rawvideo"):
            raise OutputError(f"{STDOUT}: y4m holds raw video alone; use --container nut for {encoder}")
        target = Target(STDOUT, STDOUT, encoder or "rawvideo", options, self.notices)
        super().__init__(target, reader.info, None)

    def _open(self, target: Target) -> OutputContainer:
        container = open_output(
            self.flow,
            format=FORMATS[self._form],
            buffer_size=_BLOCK,
            container_options={"strict": "-1"},  # y4m's 10-bit formats are common, but not the standard's
        )
        container.flags |= 0x0400  # AVFMT_FLAG_BITEXACT
        return container

    def _add_video(self, container: OutputContainer) -> Any:
        stream = super()._add_video(container)
        for other in self._reader.others if self._form == "nut" else ():
            with contextlib.suppress(av.FFmpegError, ValueError):
                self._copies[other.index] = container.add_stream_from_template(other, opaque=True)
        container.metadata.update(self._tags)
        left_out = len(self._reader.others) - len(self._copies)
        if left_out:
            self.notices.append(
                f"{STDOUT}: {left_out} streams of the input are left out, {self._form} cannot hold them"
            )
        return stream

    def _store(self, packet: Packet[Any]) -> None:
        now = None if packet.dts is None else packet.dts * self.plan.time_base
        self._pass_on(now)
        super()._store(packet)

    def _pass_on(self, until: Fraction | None) -> None:
        """Muxes what of the other streams comes before the next picture; None: all of it."""
        aside = self._reader.aside
        while aside and (until is None or _time_of(aside[0]) <= until):
            packet = aside.popleft()
            if packet.stream_index in self._copies:
                packet.stream = self._copies[packet.stream_index]
                self._container.mux_one(packet)

    def close(self) -> None:
        """Writes what is left."""
        with writing(STDOUT):
            self._flush()
            self._pass_on(None)
            self._container.close()


def _time_of(packet: Packet[Any]) -> Fraction:
    stamp = packet.dts if packet.dts is not None else packet.pts
    return Fraction(0) if stamp is None else stamp * packet.time_base


def form_of(reader: PipeReader, wanted: str | None) -> str:
    """The container of the output: the one that was asked for, else the input's if a pipe can carry it, else NUT."""
    if wanted is not None and wanted not in FORMATS:
        raise OutputError(f"{STDOUT}: container is {wanted!r}; a pipe carries {' or '.join(FORMATS)}")
    kept = next((name for name, form in FORMATS.items() if form == reader.container.format.name), "nut")
    return wanted or kept
