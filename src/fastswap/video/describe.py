"""Collects what a container, its video stream and its first frame say about themselves."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.video.stream import VideoStream

from fastswap.video.convert import native_twin, tags_after
from fastswap.video.deinterlace import field_order
from fastswap.video.hdr import hdr_of
from fastswap.video.info import UNTAGGED, ColorTags, Geometry, VideoInfo, snap_matrix
from fastswap.video.log import chroma_siting
from fastswap.video.versions import fraction, side_data

DEFAULT_RATE = Fraction(25)
"""Frames per second of what has no rate of its own, such as a folder of pictures (FFmpeg's default too)."""

_MAX_RATE = 1000  # above it the number is a time base in disguise
_FIXED = 65536  # 1.0 in a display matrix
_TURNS = {90: (0, -1, 1, 0), -90: (0, 1, -1, 0), 180: (-1, 0, 0, -1), -180: (-1, 0, 0, -1)}


def describe(
    path: Path, container: InputContainer, stream: VideoStream, first: av.VideoFrame, deinterlaced: bool
) -> VideoInfo:
    """The info of a video whose first frame has been decoded."""
    codec = stream.codec_context.codec.canonical_name
    name = first.format.name
    frame_format = native_twin(name)[0]
    tags = tags_after(first, _stated_tags(container, stream, first))
    matrix = display_matrix(first)
    turn = snap_matrix(matrix) if matrix else None
    sar = fraction(stream.sample_aspect_ratio)
    others = [s.type for s in container.streams if s is not stream]
    return VideoInfo(
        path=path,
        kind="video",
        container=container.format.name,
        codec=codec,
        pixel_format=name,
        frame_format=frame_format,
        geometry=Geometry(first.width, first.height, sar or Fraction(1), turn or ((1, 0), (0, 1))),
        fps=_rate(stream, first),
        time_base=fraction(stream.time_base) or Fraction(1, 90000),
        frames=stream.frames or None,
        duration=_duration(container, stream),
        color=tags.spec(first.width, first.height, codec, frame_format),
        tags=tags,
        start=first.pts or 0,
        stated_sar=sar,
        display_matrix=matrix,
        stream=stream.index,
        hdr=hdr_of(first),
        interlaced="" if deinterlaced else field_order(stream, first),
        audio_streams=others.count("audio"),
        subtitle_streams=others.count("subtitle"),
        other_streams=len(others) - others.count("audio") - others.count("subtitle"),
        chapters=len(container.chapters()),
    )


def _stated_tags(container: InputContainer, stream: VideoStream, first: av.VideoFrame) -> ColorTags:
    """The frame's tags, which come from the bitstream; where it has none, the container's."""
    codec = stream.codec_context
    matrix, primaries, transfer = (
        of_frame if of_frame != UNTAGGED else of_stream
        for of_frame, of_stream in (
            (first.colorspace, codec.colorspace),
            (first.color_primaries, codec.color_primaries),
            (first.color_trc, codec.color_trc),
        )
    )
    siting = chroma_siting(container, stream.index)
    return ColorTags(first.color_range or codec.color_range, matrix, primaries, transfer, siting)


def _rate(stream: VideoStream, first: av.VideoFrame) -> Fraction:
    rates = [stream.average_rate, stream.guessed_rate, stream.base_rate]
    if first.pts is None:  # a bare stream: FFmpeg averages over time stamps that it made up
        rates = rates[1:]
    known = (rate for rate in map(fraction, rates) if rate is not None and 0 < rate <= _MAX_RATE)
    return next(known, DEFAULT_RATE)


def _duration(container: InputContainer, stream: VideoStream) -> float | None:
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    if container.duration:
        return container.duration / 1e6
    return float(stream.frames / stream.average_rate) if stream.frames and stream.average_rate else None


def display_matrix(frame: av.VideoFrame) -> tuple[int, ...] | None:
    """The nine integers of the frame's display matrix, None when it has none."""
    try:
        for data in side_data(frame):
            if data.type.name == "DISPLAYMATRIX":
                return tuple(int(v) for v in np.frombuffer(bytes(data), np.int32))
    except ValueError:
        # PyAV 18 has no name for some newer kinds and then shows none at all; the angle it still gives.
        if frame.rotation in _TURNS:
            a, b, c, d = (_FIXED * v for v in _TURNS[frame.rotation])
            return a, b, 0, c, d, 0, 0, 0, 1 << 30
    return None


def assumptions(info: VideoInfo) -> list[str]:
    """What is taken for granted where the file says something that is not known; a line each."""
    name, found = info.path.name, []
    if info.tags.foreign_matrix:
        taken, stated = info.color.matrix, info.tags.foreign_matrix
        found.append(f"{name}: the matrix {stated} is not known; faces are drawn as if it were {taken}")
    if info.display_matrix and snap_matrix(info.display_matrix) is None:
        found.append(f"{name}: its display matrix is no quarter turn; faces are sought in the coded picture")
    return found
