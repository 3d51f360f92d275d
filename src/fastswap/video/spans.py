"""The cut of an input into spans: runs of whole GOPs, each of which can be decoded without the others.

The cut follows from the input alone, so a render in one pass, one that was resumed and one in several processes agree.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import av

from fastswap.video.access import begins_anew
from fastswap.video.info import VideoInfo
from fastswap.video.opening import open_container
from fastswap.video.window import Window

SHORTEST = 240
"""Frames. The next key frame from here on ends a span: encoders set a key frame every 250 frames by themselves, so
that spans of about this length cost next to nothing."""
_LAST = 120  # frames: a shorter rest goes to the span before
_LONGEST = 480  # frames: without a key frame up to here, a span ends within a GOP
_REACH = 2400  # frames: how far behind its key frame a span may begin; the frames between are decoded in vain


LEAD = 96
"""Frames before a span that can be had without decoding all of the span before."""


@dataclass(frozen=True, slots=True)
class Span:
    """A run of frames in order of presentation.

    number: from 0. first, end: indices of its first frame and of the frame after its last one, as the packets count
    them. start, stop: their PTS; None where the file has none (or at the input's end). key: PTS of the frame from which
    `start` can be decoded exactly; lead: the same for the `LEAD` frames before it. wanted: false for the frames around
    a window, which are only looked at.
    """

    number: int
    first: int
    end: int
    start: int | None = None
    stop: int | None = None
    key: int | None = None
    lead: int | None = None
    wanted: bool = True

    @property
    def timed(self) -> bool:
        """Whether its frames are told by their PTS; else by counting from the first."""
        return self.start is not None

    def is_before(self, pts: int | None, index: int) -> bool:
        """Whether a frame comes before this span."""
        return index < self.first if self.start is None or pts is None else pts < self.start

    def is_behind(self, pts: int | None, index: int) -> bool:
        """Whether a frame comes after this span."""
        if self.timed:
            return self.stop is not None and pts is not None and pts >= self.stop
        return index >= self.end


_NOWHERE = 1 << 62
WHOLE = (Span(0, 0, _NOWHERE),)
"""The cut of an input that is not cut."""


def cut(info: VideoInfo, window: Window | None = None) -> tuple[Span, ...]:
    """The spans of an input, or of a window of it, in order; one span for what is short or cannot be cut.

    Reads the whole file once without decoding. A picture folder is cut by counting; so is a video without time
    stamps, and a video whose time stamps contradict themselves is not cut. The frames around a window are spans of
    their own that are not wanted.
    """
    if info.kind == "folder":
        return _counted(info.frames or 0, window)
    if info.kind == "image":
        return WHOLE
    packets = _scan(info.path, info.stream)
    if window is None and len(packets.decoded) < SHORTEST + _LAST:
        return WHOLE
    if all(pts is None for pts in packets.decoded):
        return _counted(len(packets.decoded), window)
    times = [pts for pts in packets.decoded if pts is not None]
    if len(set(times)) != len(packets.decoded) or (window is not None and window.begin_pts is None):
        return WHOLE
    return _timed(times, packets.keys, window)


@dataclass(slots=True)
class _Packets:
    """PTS in order of decoding, and the positions of the packets at which decoding can begin."""

    decoded: list[int | None]
    keys: list[int]


def _scan(path: Path, stream_index: int) -> _Packets:
    found = _Packets([], [])
    with open_container(path) as container:
        stream = container.streams[stream_index]
        in_order = container.format.name == "avi"  # it has decoding times alone, see `Clock`
        codec, extradata = stream.codec_context.name, bytes(stream.codec_context.extradata or b"")
        codec = stream.codec_context.codec.canonical_name
        try:
            for packet in container.demux(stream):
                if not packet.size:
                    continue
                key = packet.is_keyframe and not (packet.is_discard or packet.is_corrupt)
                if key and begins_anew(codec, bytes(packet)[: 1 << 16], extradata):
                    found.keys.append(len(found.decoded))
                found.decoded.append(packet.dts if in_order else packet.pts)
        except av.FFmpegError:
            pass  # a file that is cut off; the reader says so
    if in_order and len(found.keys) < len(found.decoded):
        return _Packets([None] * len(found.decoded), [])
    return found


def _counted(frames: int, window: Window | None) -> tuple[Span, ...]:
    """Spans by number, all of one length but the last."""
    first, end = (window.first, window.end) if window else (0, frames)
    bounds = _with_context(list(range(first, max(end - _LAST, first + 1), SHORTEST)), window)
    if len(bounds) < 2:
        return WHOLE
    around = window.around if window else None
    ends = [*bounds[1:], around.end if around and around.end < frames else _NOWHERE]
    return tuple(
        Span(number, place, stop, wanted=first <= place < end)
        for number, (place, stop) in enumerate(zip(bounds, ends, strict=True))
    )


def _timed(decoded: Sequence[int], keys: Sequence[int], window: Window | None) -> tuple[Span, ...]:
    """Spans by PTS. decoded: all PTS in order of decoding. keys: positions in it where decoding can begin."""
    shown = sorted(decoded)
    clean = _clean_keys(decoded, keys)
    places = [bisect_left(shown, pts) for pts in clean]
    # Packets that show nothing are counted here and not in the window.
    skipped = bisect_left(shown, window.begin_pts or 0) - window.first if window else 0
    first, end = (window.first + skipped, window.end + skipped) if window else (0, len(shown))
    begins = [first]
    while (place := _next_cut(begins[-1], places, end)) is not None:
        begins.append(place)
    bounds = _with_context(begins, window, skipped)
    if len(bounds) < 2:
        return WHOLE
    around = window.around if window else None
    bounds.append(around.end + skipped if around else len(shown))
    spans = []
    for number, (begin, stop) in enumerate(pairwise(bounds)):
        until = shown[stop] if stop < len(shown) else None
        key, lead = (_key_before(place, places, shown) for place in (begin, max(begin - LEAD, 0)))
        wanted = first <= begin < end
        spans.append(Span(number, begin - skipped, stop - skipped, shown[begin], until, key, lead, wanted))
    return tuple(spans)


def _with_context(begins: Sequence[int], window: Window | None, skipped: int = 0) -> list[int]:
    """Where spans begin, with those of the frames around a window."""
    if window is None or window.around is None:
        return list(begins)
    before = [window.around.first + skipped] if window.around.first < window.first else []
    after = [window.end + skipped] if window.end < window.around.end else []
    return [*before, *begins, *after]


def _key_before(place: int, places: Sequence[int], shown: Sequence[int]) -> int:
    """PTS of the last key at or before the frame at `place`."""
    before = bisect_right(places, place) - 1
    return shown[places[before]] if before >= 0 else shown[0]


def _clean_keys(decoded: Sequence[int], keys: Sequence[int]) -> list[int]:
    """PTS of the keys before which nothing is decoded that is shown after them, in order."""
    clean, latest, at = [], None, 0
    for position, pts in enumerate(decoded):
        if at < len(keys) and keys[at] == position:
            at += 1
            if latest is None or pts > latest:
                clean.append(pts)
        latest = pts if latest is None else max(latest, pts)
    return clean


def _next_cut(begin: int, places: Sequence[int], total: int) -> int | None:
    """Index of the frame at which the span that starts at `begin` ends; None when it reaches to the end."""
    latest = total - _LAST
    at = bisect_left(places, begin + SHORTEST)
    if at < len(places) and places[at] <= min(begin + _LONGEST, latest):
        return places[at]
    key = places[at - 1] if at else 0
    inside = begin + _LONGEST
    if inside <= latest and inside - key <= _REACH:
        return inside
    return places[at] if at < len(places) and places[at] <= latest else None
