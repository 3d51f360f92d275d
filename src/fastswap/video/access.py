"""Where decoding can begin so that every later frame comes out exact.

A container's key flag promises less: files exist whose "key frames" are H.264 pictures inside a gradual refresh. So
the two codecs that allow this are asked themselves (ITU-T H.264 7.4.1.2.4 and D.2.8, ITU-T H.265 7.4.2.2).
"""

from __future__ import annotations

from collections.abc import Iterator

_H264_IDR, _H264_SLICE, _H264_SEI = 5, 1, 6
_HEVC_IRAP = range(16, 24)
_RECOVERY_POINT = 6
_LOOK_AT = 1 << 16  # bytes: parameter sets and SEI messages stand before the first slice


def begins_anew(codec: str, data: bytes, extradata: bytes) -> bool:
    """True when all frames shown from this key packet on can be decoded without anything before it.

    codec: FFmpeg's name of the codec. data: the packet. extradata: of the stream. Of other codecs than H.264 and HEVC
    the container's word is taken.
    """
    if codec == "h264":
        return _h264(data[:_LOOK_AT], _length_size(extradata, 4))
    if codec == "hevc":
        units = _units(data[:_LOOK_AT], _length_size(extradata, 21))
        kinds = (unit[0] >> 1 & 0x3F for unit in units if unit)
        return next((kind for kind in kinds if kind < 32), -1) in _HEVC_IRAP
    return True


def _h264(data: bytes, length_size: int) -> bool:
    """An IDR picture, or a picture whose recovery point says that nothing has to be waited for."""
    recovers = False
    for unit in _units(data, length_size):
        kind = unit[0] & 0x1F if unit else 0
        if kind == _H264_SEI:
            recovers = recovers or _recovers_at_once(unit[1:])
        elif kind in (_H264_IDR, _H264_SLICE):
            return kind == _H264_IDR or recovers
    return False


def _length_size(extradata: bytes, at: int) -> int:
    """Bytes of each unit's length, 0 where units are parted by start codes (ISO/IEC 14496-15)."""
    return (extradata[at] & 3) + 1 if len(extradata) > at and extradata[0] == 1 else 0


def _units(data: bytes, length_size: int) -> Iterator[bytes]:
    """The NAL units of a packet; the last one may be cut short."""
    if not length_size:
        yield from data.split(b"\0\0\1")[1:]
        return
    at = 0
    while at + length_size < len(data):
        size = int.from_bytes(data[at : at + length_size], "big")
        at += length_size
        yield data[at : at + size]
        at += size


def _recovers_at_once(sei: bytes) -> bool:
    """Whether an SEI unit holds a recovery point with recovery_frame_cnt 0: ue(v), so its first bit is 1."""
    at = 0
    while at + 2 <= len(sei):
        kind, at = _ff_coded(sei, at)
        size, at = _ff_coded(sei, at)
        if kind == _RECOVERY_POINT and at < len(sei):
            return bool(sei[at] & 0x80)
        at += size
    return False


def _ff_coded(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    while at < len(data):
        byte, at = data[at], at + 1
        value += byte
        if byte != 0xFF:
            break
    return value, at
