"""A file of encoded packets with exact times: what a finished segment is kept in until all are joined.

It has a track for the video, or the pictures, and one for each side output. No container keeps time stamps, durations
and flags of every codec exactly; this one has nothing else to do.

    magic, header (length, JSON), packets (times, flags, length, data)..., end mark, trailer (length, JSON), BLAKE2b-256

The digest covers everything before it, so a file that is cut short or changed anywhere is told from a sound one.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
import threading
from collections.abc import Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Final

from av.packet import Packet

MAGIC: Final = b"fastswap packets 2\n"
_RECORD = struct.Struct("<qqqBI")  # pts, dts, duration, flags, size
_LENGTH = struct.Struct("<I")
_END = b"\xff" * _RECORD.size
_KEY = 1
_TRACK = 2  # flags hold the number of the track from here on
_DIGEST = 32
_BUFFER = 1 << 20


class Damaged(Exception):
    """The file is not whole."""


class PacketWriter:
    """Writes packets to `path`. The file is complete, and on the disk, once `close` has returned.

    header: plain JSON values. Every packet needs PTS and DTS. Several threads may add packets, each to its own track.
    """

    def __init__(self, path: Path, header: Mapping[str, Any]) -> None:
        self._file: BinaryIO = path.open("wb", buffering=_BUFFER)
        self._digest = hashlib.blake2b(digest_size=_DIGEST)
        self._lock = threading.Lock()
        self._put(MAGIC)
        self._put_json(header)

    def add(self, packet: Packet[Any], track: int = 0) -> None:
        """Adds the next packet of a track in order of decoding."""
        flags = _KEY * packet.is_keyframe + _TRACK * track
        if packet.pts is None or packet.dts is None:
            raise ValueError("a packet without time stamps")
        with self._lock:
            self._put(_RECORD.pack(packet.pts, packet.dts, packet.duration or 0, flags, packet.size))
            self._put(memoryview(packet))

    def add_picture(self, data: bytes, track: int = 0) -> None:
        """Adds the next picture file, or other data, of a track."""
        with self._lock:
            self._put(_RECORD.pack(0, 0, 0, _KEY + _TRACK * track, len(data)))
            self._put(data)

    def close(self, trailer: Mapping[str, Any]) -> None:
        """Completes the file and waits until it is on the disk."""
        self._put(_END)
        self._put_json(trailer)
        self._file.write(self._digest.digest())
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()

    def abort(self) -> None:
        """Closes the file; what is in it is of no use."""
        try:
            self._file.close()
        except OSError:  # a full disk, noticed by the last flush
            self._file = open(os.devnull, "wb")  # noqa: SIM115, PTH123

    def _put(self, data: bytes | memoryview) -> None:
        self._digest.update(data)
        self._file.write(data)

    def _put_json(self, value: Mapping[str, Any]) -> None:
        data = json.dumps(value, sort_keys=True).encode()
        self._put(_LENGTH.pack(len(data)))
        self._put(data)


class PacketFile:
    """A file of packets, checked from end to end when it is opened. Raises Damaged, or OSError.

    header, trailer: as they were written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = path.open("rb", buffering=_BUFFER)
        try:
            self._check()
            self._file.seek(len(MAGIC))
            self.header = self._json()
            self._begin = self._file.tell()
            self._times = [(pts, flags // _TRACK) for pts, _, _, flags, _ in self._records(-1)]
            self.trailer = self._json()
        except (ValueError, struct.error) as error:
            self._file.close()
            raise Damaged(f"{path}: {error}") from error
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> PacketFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def times(self, track: int = 0) -> list[int]:
        """The PTS of a track's packets in order of decoding."""
        return [pts for pts, number in self._times if number == track]

    def pictures(self, track: int = 0) -> Iterator[bytes]:
        """The picture files of a track in order."""
        self._file.seek(self._begin)
        return (data for *_, data in self._records(track))

    def packets(self, time_base: Fraction, track: int = 0) -> Iterator[Packet[Any]]:
        """The packets of a track in order of decoding."""
        self._file.seek(self._begin)
        for pts, dts, duration, flags, data in self._records(track):
            packet: Packet[Any] = Packet(data)
            packet.pts, packet.dts, packet.duration = pts, dts, duration
            packet.time_base = time_base
            packet.is_keyframe = bool(flags & _KEY)
            yield packet

    def _check(self) -> None:
        digest, left = hashlib.blake2b(digest_size=_DIGEST), os.fstat(self._file.fileno()).st_size - _DIGEST
        if left < len(MAGIC) or self._file.read(len(MAGIC)) != MAGIC:
            raise ValueError("not a file of packets")
        self._file.seek(0)
        while left > 0:
            block = self._file.read(min(left, _BUFFER))
            if not block:
                raise ValueError("cut short while it was read")
            digest.update(block)
            left -= len(block)
        if self._file.read(_DIGEST) != digest.digest():
            raise ValueError("its digest does not fit")

    def _json(self) -> dict[str, Any]:
        (length,) = _LENGTH.unpack(self._file.read(_LENGTH.size))
        value: dict[str, Any] = json.loads(self._file.read(length))
        return value

    def _records(self, track: int) -> Iterator[tuple[int, int, int, int, bytes]]:
        """The records of a track with their data; of all tracks without them when it is -1."""
        while (head := self._file.read(_RECORD.size)) != _END:
            pts, dts, duration, flags, size = _RECORD.unpack(head)
            if flags // _TRACK == track:
                yield pts, dts, duration, flags, self._file.read(size)
                continue
            self._file.seek(size, os.SEEK_CUR)
            if track < 0:
                yield pts, dts, duration, flags, b""
