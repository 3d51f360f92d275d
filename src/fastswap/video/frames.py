"""Memory for frames, used again: the system clears every page of a new block, which at 4K costs more than the copy."""

from __future__ import annotations

import sys
import threading

import av

_MOST = 12
"""Frames that are kept, about as many as are on their way through a render."""
_KINDS = 3
"""Sizes and formats at a time: of the video and of its side outputs."""
_UNSTATED = 2
_ONLY_HERE = 3
"""References to a frame that nobody else has: the list's, the loop's and the argument's."""


class FramePool:
    """Gives frames by size and format; those that nobody holds any more are given again."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kinds: dict[tuple[int, int, str], list[av.VideoFrame]] = {}

    def take(self, width: int, height: int, name: str) -> av.VideoFrame:
        """A frame that only the caller may see; its samples are not initialised."""
        with self._lock:
            kept = self._kinds.setdefault((width, height, name), [])
            if len(self._kinds) > _KINDS:
                del self._kinds[next(iter(self._kinds))]
            for frame in kept:
                if sys.getrefcount(frame) == _ONLY_HERE:
                    # Python has let go of it. An encoder may still read it: then this gives it other memory.
                    frame.make_writable()
                    return _blank(frame)
            made = av.VideoFrame(width, height, name)
            if len(kept) < _MOST:
                kept.append(made)
            return made


def _blank(frame: av.VideoFrame) -> av.VideoFrame:
    frame.pts, frame.duration, frame.opaque = None, 0, None
    frame.color_range, frame.colorspace, frame.color_primaries, frame.color_trc = (
        0,
        _UNSTATED,
        _UNSTATED,
        _UNSTATED,
    )
    return frame


_pool = FramePool()
take = _pool.take
