"""When each decoded frame is to be shown, where the file leaves that open."""

from __future__ import annotations

import heapq

_BEFORE_ALL = -(1 << 63)
_MOST_WAITING = 256  # more than any decoder holds back
_FEWEST_FAULTS = 4  # damage alone makes some


class Clock:
    """Gives each frame its presentation time, or the earliest decoding time that no frame has had yet.

    AVI keeps decoding times alone (FFmpeg's guesses at the rest are wrong for B-frames), and in broken files the
    presentation times keep running backwards. A decoder puts out one frame for each packet, in order of presentation,
    so the decoding times in rising order are then the frames' times.

    keeps_pts: false for a container that has no presentation times.
    """

    def __init__(self, *, keeps_pts: bool) -> None:
        self._keeps_pts = keeps_pts
        self.restart()

    def restart(self) -> None:
        """Forgets all times; call it after a seek."""
        self._waiting: list[int] = []
        self._frames = self._faults = 0
        self._last_pts = _BEFORE_ALL

    def packet(self, dts: int | None) -> None:
        """Takes note of a packet that goes into the decoder."""
        if dts is not None:
            heapq.heappush(self._waiting, dts)
            if len(self._waiting) > _MOST_WAITING:
                heapq.heappop(self._waiting)

    def lost(self) -> None:
        """Takes note of a packet from which no frame will come."""
        if self._waiting:
            heapq.heappop(self._waiting)

    def frame(self, pts: int | None) -> int | None:
        """The presentation time of the next frame; None when nothing tells it."""
        earliest = heapq.heappop(self._waiting) if self._waiting else None
        self._frames += 1
        if pts is not None:
            self._faults += pts <= self._last_pts
            self._last_pts = pts
        broken = self._faults >= _FEWEST_FAULTS and 4 * self._faults > self._frames
        trusted = pts is not None and self._keeps_pts and not broken
        return pts if trusted or earliest is None else earliest
