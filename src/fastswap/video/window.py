"""The frames of an input that a trim leaves: found from the packets' times, without decoding."""

from __future__ import annotations

import bisect
import math
from dataclasses import dataclass, replace
from fractions import Fraction

import av

from fastswap.errors import SettingsError
from fastswap.trim import Moment, Trim
from fastswap.video import timecode
from fastswap.video.info import VideoInfo
from fastswap.video.opening import main_stream, open_container

_AVFMT_FLAG_GENPTS = 0x0001


@dataclass(frozen=True, slots=True)
class Window:
    """A run of frames. first, end: their numbers in the input, the end left out. begin, until: seconds after the
    input's first frame at which the first one begins and the end's begins; until is None at the input's own end.
    begin_pts, until_pts: the same in the stream's time base, None where the stream has no times. around: the window
    with the frames before and after it that its own look like themselves with, see `window_of`.
    """

    first: int
    end: int
    begin: Fraction
    until: Fraction | None
    begin_pts: int | None = None
    until_pts: int | None = None
    around: Window | None = None

    @property
    def count(self) -> int:
        """How many frames there are."""
        return self.end - self.first

    def holds(self, pts: int | None, index: int) -> bool:
        """Whether a frame is one of these."""
        return not (self.is_before(pts, index) or self.is_behind(pts, index))

    def is_before(self, pts: int | None, index: int) -> bool:
        """Whether a frame comes before these."""
        if self.begin_pts is None or pts is None:
            return index < self.first
        return pts < self.begin_pts

    def is_behind(self, pts: int | None, index: int) -> bool:
        """Whether a frame comes after these."""
        if self.begin_pts is None or pts is None:
            return index >= self.end
        return self.until_pts is not None and pts >= self.until_pts


def window_of(trim: Trim, info: VideoInfo, context: int = 0) -> Window:
    """The frames of `trim`, `around` it those of `context` frames on either side. Raises SettingsError when there are
    none.

    A moment in seconds takes the first frame that begins at or after it, as FFmpeg does. Frames are counted exactly,
    at any rate: the times of all packets are read, which costs a pass over the file but no decoding.
    """
    times, total = _times(info)
    coded = [m for m in (trim.start, trim.end) if m is not None and m.timecode]
    start_timecode = timecode.stated(info.path) if coded else None
    first = _number(trim.start, "start", times, info, start_timecode) if trim.start else 0
    end = min(_number(trim.end, "end", times, info, start_timecode) if trim.end else total, total)
    if first >= total:
        raise SettingsError(f"start lies beyond the end of {info.path}, which has {total} frames")
    if end <= first:
        raise SettingsError(f"end lies at or before start: no frame of {info.path} is left")
    outer = _window(max(first - context, 0), min(end + context, total), times, total, info)
    return replace(_window(first, end, times, total, info), around=outer)


def _window(first: int, end: int, times: list[int] | None, total: int, info: VideoInfo) -> Window:
    if times is None:
        period = 1 / info.fps
        return Window(first, end, first * period, end * period if end < total else None)
    until = times[end] if end < total else None
    return Window(
        first,
        end,
        (times[first] - times[0]) * info.time_base,
        None if until is None else (until - times[0]) * info.time_base,
        times[first],
        until,
    )


def _number(
    moment: Moment, name: str, times: list[int] | None, info: VideoInfo, start_timecode: str | None
) -> int:
    if moment.frame is not None:
        return moment.frame
    if moment.timecode is not None:
        number = timecode.frames_of(moment.timecode, info.fps)
        number -= timecode.frames_of(start_timecode, info.fps) if start_timecode else 0
        if number < 0:
            raise SettingsError(
                f"{name} {moment.timecode} lies before {info.path}, which starts at {start_timecode}"
            )
        return number
    seconds = moment.seconds or Fraction(0)
    if times is None:
        return math.ceil(seconds * info.fps)
    return bisect.bisect_left(times, times[0] + seconds / info.time_base)


def _times(info: VideoInfo) -> tuple[list[int] | None, int]:
    """The PTS of all frames in order, None where the stream has none; and how many frames there are.

    AVI has decoding times alone, see `Clock`.
    """
    if info.kind != "video":
        return None, info.frames or 0
    with open_container(info.path) as container:
        has_pts = container.format.name != "avi"
        if not has_pts:
            container.flags &= ~_AVFMT_FLAG_GENPTS
        stream = main_stream(container, info.path)
        found: list[int | None] = []
        try:
            for packet in container.demux(stream):
                if packet.size and not packet.is_discard:
                    found.append(packet.pts if has_pts else packet.dts)
        except av.FFmpegError:
            pass  # the file is cut off: what comes after is not decoded either
    known = sorted(time for time in found if time is not None)
    return known if known and len(known) == len(found) else None, len(found)
