"""Which part of an input is rendered: from one moment up to another, by time, frame or time code."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from fractions import Fraction

from fastswap.errors import SettingsError

_CLOCK = re.compile(r"(?:(\d+):)?(\d{1,2}):(\d{1,2}(?:\.\d+)?)")
_FORMS = "seconds (12.5), a clock time (00:01:02.5), a frame (250f) or a time code (01:00:10:12)"


@dataclass(frozen=True, slots=True)
class Moment:
    """A place in a video; one of the three is set.

    seconds: after the first frame. frame: number of the frame, from 0. timecode: as the input counts, SMPTE ST 12-1.
    """

    seconds: Fraction | None = None
    frame: int | None = None
    timecode: str | None = None


@dataclass(frozen=True, slots=True)
class Trim:
    """From `start`, included, up to `end`, left out; None is the input's own start or end."""

    start: Moment | None = None
    end: Moment | None = None


def parse_trim(start: str | float | None, end: str | float | None) -> Trim | None:
    """The part that two texts (or seconds) mean; None for all of the input. Raises SettingsError."""
    if start is None and end is None:
        return None
    trim = Trim(parse_moment(start, "start"), parse_moment(end, "end"))
    if trim.start and trim.end and _is_empty(trim.start, trim.end):
        raise SettingsError(f"end {end} lies at or before start {start}: no frame is left")
    return trim


def _is_empty(start: Moment, end: Moment) -> bool:
    """Whether two moments that are written alike leave nothing between them."""
    if start.seconds is not None and end.seconds is not None:
        return end.seconds <= start.seconds
    return start.frame is not None and end.frame is not None and end.frame <= start.frame


def parse_moment(value: str | float | None, option: str) -> Moment | None:
    """The moment that a text, or a number of seconds, means. Raises SettingsError naming the option."""
    if value is None:
        return None
    text = str(value).strip()
    if re.fullmatch(r"\d{1,2}:\d{2}:\d{2}[:;]\d{2,3}", text):
        return Moment(timecode=text)
    if re.fullmatch(r"\d+f", text):
        return Moment(frame=int(text[:-1]))
    if clock := _CLOCK.fullmatch(text):
        hours, minutes, seconds = clock.groups()
        return Moment(seconds=int(hours or 0) * 3600 + int(minutes) * 60 + Fraction(seconds))
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not (math.isfinite(number) and number >= 0.0):
        raise SettingsError(f"{option} is {value!r}; write {_FORMS}")
    return Moment(
        seconds=Fraction(text) if isinstance(value, str) else Fraction(number).limit_denominator(10**6)
    )
