"""What the output containers can and cannot do, as far as FFmpeg does not say."""

from __future__ import annotations

import math
from fractions import Fraction

from av.format import ContainerFormat

_MOV_FAMILY = frozenset({"mp4", "mov", "ipod", "3gp", "3g2", "psp", "ismv", "f4v"})
_KEEPS_MATRIX = _MOV_FAMILY | {"matroska", "webm"}
_COUNTING = frozenset({"avi", "mxf", "mxf_d10", "mxf_opatom", "gxf", "dv", "yuv4mpegpipe", "ogg", "ogv"})
_IN_ORDER = _COUNTING | {"asf", "asf_stream"}
_AVFMT_NOTIMESTAMPS = 0x0080
_INT32_MAX = 2**31 - 1


def counts_frames(container: ContainerFormat) -> bool:
    """True for containers that store frames at a constant rate instead of time stamps."""
    return container.name in _COUNTING or bool(container.flags & _AVFMT_NOTIMESTAMPS)


def keeps_order(container: ContainerFormat) -> bool:
    """True for containers whose readers cannot tell in which order frames are shown, so B-frames must not be used."""
    return container.name in _IN_ORDER


def keeps_turn(container: ContainerFormat) -> bool:
    """True for containers that can say how the picture is to be turned and mirrored."""
    return container.name in _KEEPS_MATRIX


def exact_times(container: ContainerFormat, time_base: Fraction) -> dict[str, str]:
    """Muxer options that keep the input's time stamps exactly, where the container can.

    Matroska and WebM count milliseconds and FLV too; there each time is rounded. MPEG-TS counts 1/90000 s.
    """
    if container.name == "mpegts":
        return {"mpegts_copyts": "1"}
    if container.name not in _MOV_FAMILY or time_base.denominator > _INT32_MAX:
        return {}
    # Edit lists, which hold the first PTS of each track, count in the movie's units.
    movie = math.lcm(time_base.denominator, 48000)
    return {
        "video_track_timescale": str(time_base.denominator),
        "movie_timescale": str(movie if movie <= _INT32_MAX else time_base.denominator),
    }
