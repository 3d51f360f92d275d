"""When each decoded frame is to be shown, where the file leaves that open."""

from __future__ import annotations

_BEFORE_ALL = -(1 << 63)


class Clock:
    """Chooses between presentation and decoding times as FFmpeg's "best effort" does.

    AVI keeps decoding times alone, and broken files give presentation times that run backwards. The decoding time of
    a decoded frame is that of the packet at which it came out, so it is late by the decoder's reordering; the first
    frame shows by how much.
    """

    def __init__(self) -> None:
        self._first_dts: int | None = None
        self._delay: int | None = None
        self.restart()

    def restart(self) -> None:
        """Forgets the times seen so far, but not the delay: call it after a seek."""
        self._faulty_pts = self._faulty_dts = 0
        self._last_pts = self._last_dts = _BEFORE_ALL
        self._last: int | None = None
        self._duration = 0

    def packet(self, dts: int | None) -> None:
        """Takes note of a packet that goes into the decoder."""
        if self._first_dts is None:
            self._first_dts = dts

    def __call__(self, pts: int | None, dts: int | None, duration: int) -> int | None:
        """The presentation time of the next frame; None when nothing tells it."""
        if dts is not None:
            self._faulty_dts += dts <= self._last_dts
            self._last_dts = dts
        if pts is not None:
            self._faulty_pts += pts <= self._last_pts
            self._last_pts = pts
        if pts is not None and (dts is None or self._faulty_pts <= self._faulty_dts):
            chosen: int | None = pts
        elif dts is not None:
            if self._delay is None:
                self._delay = dts - self._first_dts if self._first_dts is not None else 0
            chosen = dts - self._delay
        else:
            chosen = None if self._last is None else self._last + self._duration
        self._last, self._duration = chosen, duration
        return chosen
