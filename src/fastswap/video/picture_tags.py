"""What a picture file says beside its pixels: which way is up, and its colour profile. Read and written as bytes.

PyAV cannot hand these from a decoder to an encoder, and both matter to a viewer. Formats: JPEG (ITU-T T.81, with Exif
2.3 and ICC.1 Annex B segments), PNG (W3C PNG 3, eXIf and iCCP chunks), WebP (RFC 9649, read only).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_JPEG, _PNG, _WEBP = b"\xff\xd8", b"\x89PNG\r\n\x1a\n", b"WEBP"
_EXIF, _ICC = b"Exif\0\0", b"ICC_PROFILE\0"
_ORIENTATION_TAG = 0x0112
_ICC_PART = 65535 - 2 - len(_ICC) - 2
_MAX_PROFILE = 16 << 20

Turn = tuple[tuple[int, int], tuple[int, int]]
"""See `Geometry.matrix`."""

# Exif's eight orientations; display x = a x + c y, display y = b x + d y.
_TURNS: dict[int, Turn] = {
    1: ((1, 0), (0, 1)),
    2: ((-1, 0), (0, 1)),
    3: ((-1, 0), (0, -1)),
    4: ((1, 0), (0, -1)),
    5: ((0, 1), (1, 0)),
    6: ((0, 1), (-1, 0)),
    7: ((0, -1), (-1, 0)),
    8: ((0, -1), (1, 0)),
}


@dataclass(frozen=True, slots=True)
class PictureTags:
    """orientation: Exif's number, 1 is upright. profile: the ICC profile, empty when there is none."""

    orientation: int = 1
    profile: bytes = b""

    @property
    def turn(self) -> Turn:
        """The orientation as `Geometry.matrix` wants it."""
        return _TURNS[self.orientation]


def read_tags(data: bytes) -> PictureTags:
    """The tags of a JPEG, PNG or WebP file; damaged or missing ones count as absent."""
    try:
        if data.startswith(_JPEG):
            return _read_jpeg(data)
        if data.startswith(_PNG):
            return _read_png(data)
        if data[8:12] == _WEBP:
            return _read_webp(data)
    except (struct.error, zlib.error, IndexError, ValueError):
        pass
    return PictureTags()


def orientation_number(to_coded: NDArray[np.float64]) -> int | None:
    """Exif's number for `Frame.to_coded`, None when the map is more than a quarter turn or a mirror."""
    (a, b, _), (c, d, _) = ((float(v) for v in row) for row in to_coded)
    return next((number for number, turn in _TURNS.items() if turn == ((a, b), (c, d))), None)


def _read_jpeg(data: bytes) -> PictureTags:
    orientation, parts = 1, {}
    for marker, body in _jpeg_segments(data):
        if marker == 0xE1 and body.startswith(_EXIF):
            orientation = _orientation(body[len(_EXIF) :])
        elif marker == 0xE2 and body.startswith(_ICC):
            parts[body[len(_ICC)]] = body[len(_ICC) + 2 :]
    return PictureTags(orientation, b"".join(parts[i] for i in sorted(parts)))


def _jpeg_segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """(marker, content) of the segments before the picture itself."""
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:  # fill byte
            at += 1
            continue
        if marker in (0xDA, 0xD9):
            return
        (size,) = struct.unpack_from(">H", data, at + 2)
        yield marker, data[at + 4 : at + 2 + size]
        at += 2 + size


def _read_png(data: bytes) -> PictureTags:
    orientation, profile, at = 1, b"", len(_PNG)
    while at + 8 <= len(data):
        size, name = struct.unpack_from(">I4s", data, at)
        body = data[at + 8 : at + 8 + size]
        if name == b"eXIf":
            orientation = _orientation(body)
        elif name == b"iCCP":
            packed = body[body.index(b"\0") + 2 :]
            profile = zlib.decompressobj().decompress(packed, _MAX_PROFILE)
        at += 12 + size
    return PictureTags(orientation, profile)


def _read_webp(data: bytes) -> PictureTags:
    orientation, profile, at = 1, b"", 12
    while at + 8 <= len(data):
        name, size = struct.unpack_from("<4sI", data, at)
        body = data[at + 8 : at + 8 + size]
        if name == b"EXIF":
            orientation = _orientation(body.removeprefix(_EXIF))
        elif name == b"ICCP":
            profile = body
        at += 8 + size + size % 2
    return PictureTags(orientation, profile)


def _orientation(tiff: bytes) -> int:
    """The orientation in a TIFF block's first directory, 1 when it is not there."""
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None:
        return 1
    (directory,) = struct.unpack_from(order + "I", tiff, 4)
    (count,) = struct.unpack_from(order + "H", tiff, directory)
    for entry in range(count):
        tag, kind, _, value = struct.unpack_from(order + "HHIH", tiff, directory + 2 + 12 * entry)
        if tag == _ORIENTATION_TAG and kind == 3 and value in _TURNS:
            return int(value)
    return 1


def tag_jpeg(data: bytes, tags: PictureTags) -> bytes:
    """The JPEG with the tags put behind its first marker."""
    extra = b""
    if tags.orientation != 1:
        entry = struct.pack(">HHHIHHI", 1, _ORIENTATION_TAG, 3, 1, tags.orientation, 0, 0)
        extra += _segment(0xE1, _EXIF + b"MM\0*" + struct.pack(">I", 8) + entry)
    parts = [tags.profile[i : i + _ICC_PART] for i in range(0, len(tags.profile), _ICC_PART)]
    for number, part in enumerate(parts[:255], 1):
        extra += _segment(0xE2, _ICC + bytes((number, len(parts))) + part)
    return data[:2] + extra + data[2:]


def _segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def tag_png(data: bytes, tags: PictureTags) -> bytes:
    """The PNG with the colour profile behind its header; the orientation is for the pixels to show."""
    if not tags.profile:
        return data
    body = b"iCCP" + b"ICC profile\0\0" + zlib.compress(tags.profile)
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    header = len(_PNG) + 12 + 13
    return data[:header] + chunk + data[header:]
