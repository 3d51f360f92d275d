"""Puts a manifest into an MP4 or MOV file in one pass, whatever its size.

C2PA Technical Specification 2.x, A.5: the manifest is a `uuid` box after `ftyp` and before any `moov` and `mdat`, so
all that follows moves, and with it every absolute chunk offset (`stco`, `co64`; ISO/IEC 14496-12, 8.7.5). What binds
the manifest to the file is SHA-256 over each remaining top-level box, its position (64 bit, big endian) first. The
C2PA library can do the same but makes two copies of the media on the way; here memory holds one block and `moov`.
"""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np

BLOCK = 256 << 10

_C2PA_UUID = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
_PARENTS = (b"moov", b"trak", b"mdia", b"minf", b"stbl")
_SLACK = 64
_LARGEST_MOOV = 256 << 20

MakeManifest = Callable[[dict[str, Any]], bytes]
"""Signs a manifest that holds the given hash assertion; the length depends on the lengths of its parts alone."""


@dataclass(frozen=True, slots=True)
class Box:
    """kind: four characters. start: position in the file. header, size: bytes, the size with the header."""

    kind: bytes
    start: int
    header: int
    size: int


class Unsuited(Exception):
    """This file's layout is not one that can be handled here."""


def top_level(file: BinaryIO) -> list[Box]:
    """The boxes of a file, in order. Raises Unsuited when they do not fill it exactly."""
    end = file.seek(0, os.SEEK_END)
    boxes, start = [], 0
    while start < end:
        file.seek(start)
        box = _box(file.read(16), start, end)
        boxes.append(box)
        start += box.size
    return boxes


def brand_hash(file: BinaryIO) -> str | None:
    """SHA-256 of the `ftyp` box, which C2PA leaves out of its own hash; None when the file does not begin with one."""
    file.seek(0)
    size, kind = struct.unpack(">I4s", file.read(8).ljust(8, b"\0"))
    if kind != b"ftyp" or not 8 <= size <= BLOCK:
        return None
    file.seek(0)
    return hashlib.sha256(file.read(size)).hexdigest()


def embed(source: BinaryIO, target: BinaryIO, make: MakeManifest) -> None:
    """Copies `source` to `target` with a manifest in it.

    Raises Unsuited, before anything is written, for a file that is fragmented, has metadata items with absolute
    positions, or carries a manifest already.
    """
    first, *rest = _checked(source)
    draft = make(binding(bytes(32)))
    room = len(draft) + _SLACK
    shift = len(_manifest_box(draft, room))
    moov = _moved_moov(source, next(box for box in rest if box.kind == b"moov"), shift)

    source.seek(0)
    target.write(source.read(first.size))
    target.write(bytes(shift))
    digest = hashlib.sha256()
    for box in rest:
        digest.update(struct.pack(">Q", box.start + shift))
        for block in [moov] if box.kind == b"moov" else _blocks(source, box):
            digest.update(block)
            target.write(block)
    target.seek(first.size)
    target.write(_manifest_box(make(binding(digest.digest())), room))


def binding(digest: bytes) -> dict[str, Any]:
    """The hash assertion. The three exclusions are those that the specification demands (A.5.6)."""
    nothing = dict.fromkeys(("length", "data", "subset", "version", "flags", "exact"))
    manifest = {**nothing, "xpath": "/uuid", "data": [{"offset": 8, "value": list(_C2PA_UUID)}]}
    others = [{**nothing, "xpath": path} for path in ("/ftyp", "/mfra")]
    data = {"exclusions": [manifest, *others], "alg": "sha256", "hash": list(digest), "name": "fastswap"}
    return {"label": "c2pa.hash.bmff.v3", "data": data}


def _checked(file: BinaryIO) -> list[Box]:
    boxes = top_level(file)
    kinds = [box.kind for box in boxes]
    if (
        kinds[:1] != [b"ftyp"]
        or kinds.count(b"moov") != 1
        or set(kinds) & {b"moof", b"meta", b"mfra", b"sidx"}
    ):
        raise Unsuited("not a plain movie file")
    for box in boxes:
        if box.kind == b"moov" and box.size > _LARGEST_MOOV:
            raise Unsuited("the index is too large")
        if box.kind == b"uuid":
            file.seek(box.start + box.header)
            if file.read(16) == _C2PA_UUID:
                raise Unsuited("carries a manifest already")
    return boxes


def _box(head: bytes, start: int, end: int) -> Box:
    if len(head) < 8:
        raise Unsuited("a box is cut off")
    size, kind = struct.unpack_from(">I4s", head)
    header = 8
    if size == 1 and len(head) == 16:
        (size,), header = struct.unpack_from(">Q", head, 8), 16
    elif size == 0:
        size = end - start
    if size < header or start + size > end:
        raise Unsuited("a box reaches beyond the end")
    return Box(kind, start, header, size)


def _blocks(file: BinaryIO, box: Box) -> Iterator[bytes]:
    file.seek(box.start)
    left = box.size
    while left:
        block = file.read(min(left, BLOCK))
        if not block:
            raise OSError(f"the file became shorter while it was read, {left} bytes are missing")
        left -= len(block)
        yield block


def _moved_moov(file: BinaryIO, box: Box, shift: int) -> bytes:
    file.seek(box.start)
    data = bytearray(file.read(box.size))
    _move(data, box.header, len(data), shift)
    return bytes(data)


def _move(data: bytearray, start: int, end: int, shift: int) -> None:
    """Adds `shift` to all chunk offsets in the boxes of data[start:end]."""
    while start + 8 <= end:  # a QuickTime atom list may end with four zero bytes
        box = _box(bytes(data[start : min(start + 16, end)]), start, end)
        if box.kind in _PARENTS:
            _move(data, start + box.header, start + box.size, shift)
        elif box.kind in (b"stco", b"co64"):
            _move_offsets(data, box, shift)
        elif box.kind in (b"cmov", b"saio"):
            raise Unsuited("the index is compressed or has positions of its own")
        start += box.size


def _move_offsets(data: bytearray, box: Box, shift: int) -> None:
    number = ">u4" if box.kind == b"stco" else ">u8"
    begin = box.start + box.header + 4
    (count,) = struct.unpack_from(">I", data, begin)
    if begin + 4 + count * int(number[-1]) > box.start + box.size:
        raise Unsuited("a chunk table is cut off")
    offsets = np.frombuffer(data, number, count, begin + 4)
    if count and int(offsets.max()) + shift >= 1 << (8 * offsets.itemsize):
        raise Unsuited("a chunk would lie beyond 4 GiB")
    offsets += shift


def _manifest_box(manifest: bytes, room: int) -> bytes:
    """The `uuid` box with a manifest padded to `room` bytes; no Merkle boxes follow it (offset 0)."""
    if len(manifest) > room:
        raise OSError(f"the manifest has {len(manifest)} bytes, {room} were kept free for it")
    body = _C2PA_UUID + bytes(4) + b"manifest\0" + bytes(8) + manifest.ljust(room, b"\0")
    return struct.pack(">I4s", 8 + len(body), b"uuid") + body
