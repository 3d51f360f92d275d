"""SMPTE time codes (ST 12-1): counting frames in hours, minutes, seconds and frames, with drop-frame where asked."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path

from fastswap.errors import SettingsError
from fastswap.video.opening import open_container

_FORM = re.compile(r"(\d{1,2}):(\d{2}):(\d{2})([:;.,])(\d{2,3})")


def is_timecode(text: str) -> bool:
    """True for HH:MM:SS:FF, with a semicolon before the frames for drop-frame."""
    found = _FORM.fullmatch(text.strip())
    return found is not None and found[4] in ":;"


def frames_of(text: str, rate: Fraction) -> int:
    """The number of the frame that a time code names, from 0. Raises SettingsError when it names none."""
    found = _FORM.fullmatch(text.strip())
    if not found or found[4] not in ":;":
        raise SettingsError(f"time code {text!r}: write it as HH:MM:SS:FF")
    hours, minutes, seconds, frame = (int(found[i]) for i in (1, 2, 3, 5))
    base = _base(rate)
    if minutes > 59 or seconds > 59 or frame >= base:
        raise SettingsError(f"time code {text!r}: there is no such time at {float(rate):g} frames per second")
    count = ((hours * 60 + minutes) * 60 + seconds) * base + frame
    if found[4] == ";":
        dropped, total = _dropped(rate), hours * 60 + minutes
        if seconds == 0 and frame < dropped and minutes % 10:
            raise SettingsError(f"time code {text!r}: drop-frame leaves this number out")
        count -= dropped * (total - total // 10)
    return count


def text_of(count: int, rate: Fraction, *, drop: bool = False) -> str:
    """The time code of frame `count`, which wraps after 24 hours."""
    base, dropped = _base(rate), _dropped(rate) if drop else 0
    ten_minutes = base * 600 - 9 * dropped
    count %= ten_minutes * 144
    if dropped:
        tens, rest = divmod(count, ten_minutes)
        minute = base * 60 - dropped
        count += 9 * dropped * tens + (dropped * ((rest - dropped) // minute) if rest >= dropped else 0)
    seconds, frame = divmod(count, base)
    sign = ";" if drop else ":"
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{sign}{frame:02}"


def stated(path: Path) -> str | None:
    """The time code of a file's first frame, None when it has none. Raises InputError."""
    if not path.is_file():
        return None
    with open_container(path) as container:
        places = [container.metadata, *(stream.metadata for stream in container.streams)]
    found = (value for place in places for key, value in place.items() if key.lower() == "timecode")
    return next((value for value in found if is_timecode(value)), None)


def shifted(text: str, frames: int, rate: Fraction) -> str:
    """The time code that many frames later; a text that is no time code stays as it is."""
    if not is_timecode(text):
        return text
    return text_of(frames_of(text, rate) + frames, rate, drop=";" in text)


def _base(rate: Fraction) -> int:
    return max(1, round(rate))


def _dropped(rate: Fraction) -> int:
    """Frame numbers left out each minute but every tenth: 2 at 29.97, 4 at 59.94 (about a fifteenth of a second)."""
    base = _base(rate)
    if rate == base or base % 30:
        raise SettingsError(f"drop-frame time code has no meaning at {float(rate):g} frames per second")
    return base // 15
