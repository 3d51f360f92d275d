"""Reads the frames of a video file, in presentation order, at their exact times."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import av

from fastswap.errors import InputError
from fastswap.frame import Frame
from fastswap.video import nvidia
from fastswap.video.convert import Normaliser
from fastswap.video.decoder import Decoder
from fastswap.video.decoding import MARGINS_S, Decoding
from fastswap.video.describe import assumptions, describe
from fastswap.video.info import VideoInfo
from fastswap.video.planes import shared_planes
from fastswap.video.spans import Span

_NOWHERE = 1 << 62


class StreamSource:
    """The frames of one video stream. Frames may be taken in one thread and `close` called in another."""

    def __init__(
        self,
        path: Path,
        threads: int,
        notices: list[str],
        deinterlace: bool | None,
        landing: nvidia.Landing | None = None,
    ) -> None:
        self.path, self.notices = path, notices
        self._threads, self._deinterlace, self._landing = threads, deinterlace, landing
        self._lock = threading.Lock()
        self._decoding = Decoding(path, self._open, notices, deinterlace)
        self._pending: deque[av.VideoFrame] = deque()
        self._at_start, self._sought, self._closed = True, False, False
        self._end = 0.0
        self._skipped_frames = 0  # by a seek in a stream without times
        self._here, self._unbroken = 0, True  # index of the next frame; whether there was no seek so far
        self._read: Span | None = None  # the one that was read to its end last
        try:
            first = self._decoding.next()
            if first is None:
                raise InputError(f"{path}: not one frame of its video can be decoded")
            opened = self._decoding
            self.info: VideoInfo = describe(path, opened.container, opened.stream, first, bool(deinterlace))
        except BaseException:
            self.close()
            raise
        self._first_pts = first.pts
        self._pending.append(first)
        size = self.info.width, self.info.height
        self._normalise = Normaliser(path.name, size, self.info.frame_format, self.info.tags, notices)
        self._to_coded = self.info.geometry.to_coded()
        notices += assumptions(self.info)
        filtered = self.info.interlaced and deinterlace
        if landing is not None and not filtered and self._decoding.land(self.info, landing):
            self._pending.clear()

    def _open(self, landing: nvidia.Landing | None) -> Decoder:
        return Decoder(self.path, self._threads, landing)

    @property
    def skipped(self) -> int:
        """Packets that could not be decoded, so far."""
        return self._decoding.damaged

    def __iter__(self) -> Iterator[Frame]:
        """All frames from the first, or from the place last sought."""
        if not self._at_start and not self._sought:
            self._reopen()
        whole = not self._sought
        self._at_start, self._sought, self._here = False, False, _NOWHERE
        index, count = self._index_here(), 0
        while (decoded := self._next()) is not None:
            yield self._frame(decoded, index + count)
            count += 1
        self._report(count, whole)

    def frames_of(self, span: Span, first: int) -> Iterator[Frame]:
        """The frames of a span, exactly as in a pass over the whole; spans in a row are read on without a seek.

        first: the index that its first frame has.
        """
        self._go_to(span, first)
        self._at_start, self._here = False, _NOWHERE  # until the span has been read to its end
        index, held = first, self._next()
        while held is not None and not span.is_behind(held.pts, index):
            yield self._frame(held, index)
            index, held = index + 1, self._next()
        self._here, self._read = index, span
        if held is not None:
            self._pending.appendleft(held)
        elif self._unbroken:
            self._report(index, True)

    def lead_in(self, span: Span, first: int, count: int) -> list[Frame]:
        """The last `count` frames before a span, fewer at the input's start; the span itself can be read on."""
        part = Span(span.number - 1, max(span.first - count, 0), span.first)
        if span.timed:
            part = replace(part, start=span.lead, stop=span.start, key=span.lead)
        frames = deque(self.frames_of(part, part.first), maxlen=count)
        return [replace(frame, index=first - len(frames) + i) for i, frame in enumerate(frames)]

    def _go_to(self, span: Span, first: int) -> None:
        """Makes the span's first frame the next one."""
        before, self._read = self._read, None
        if before is not None and (before.stop, before.end) == (span.start, span.first):
            return
        if not span.timed:
            if self._here > first:
                self._reopen()
            while self._here < first and self._next() is not None:
                self._here += 1
            return
        assert span.start is not None
        if span.first == 0:  # frames that no packet announced may come before its start
            if self._here or not self._unbroken:
                self._reopen()
            return
        if self._is_before(span) or (self._decoding.seeks and self._sought_to(span)):
            return
        self._reopen()
        self._skip_to(span.start)

    def _is_before(self, span: Span) -> bool:
        """True when the span's first frame can be reached by reading on, and has been."""
        following = self._pending[0].pts if self._pending else None
        if following is None or span.start is None or following > span.start:
            return False
        near = span.key is not None and following >= span.key
        return (near or (self._unbroken and not self._decoding.seeks)) and self._skip_to(span.start)

    def _sought_to(self, span: Span) -> bool:
        """True when a seek led to exactly the span's first frame; its time stamps are then right."""
        self._unbroken = False
        assert span.start is not None
        key = span.start if span.key is None else span.key
        if self._deinterlace and span.lead is not None:  # the filter looks at the frame before
            key = span.lead
        return any(self._seek(key, margin) for margin in MARGINS_S) and self._skip_to(span.start)

    def _skip_to(self, pts: int) -> bool:
        """Leaves out the frames before `pts`; true when the next one has that very time."""
        while (held := self._next()) is not None:
            if held.pts is not None and held.pts >= pts:
                self._pending.appendleft(held)
                return held.pts == pts
        return False

    def frame_at(self, seconds: float) -> Frame:
        """The frame that is shown `seconds` after the first frame; the last one when the video is shorter."""
        self.seek(seconds)
        self._sought = False
        shown, index = self._next(), self._skipped_frames
        while shown is not None and (following := self._next()) is not None:
            if self._seconds(following, index + 1) > seconds:
                break
            shown, index = following, index + 1
        if shown is None:
            raise InputError(f"{self.path}: no frame can be decoded at {seconds:g} s")
        return self._frame(shown, round(self._seconds(shown, index) * self.info.fps))

    def seek(self, seconds: float) -> None:
        """Goes to a key frame at or before `seconds` after the first frame."""
        self._unbroken, self._read = False, None
        pts = self.info.start + int(seconds / self.info.time_base)
        if self._first_pts is None or not any(self._seek(pts, margin) for margin in MARGINS_S):
            self._reopen()  # no times or no usable index: from the start
        self._at_start, self._sought = False, True
        if self._first_pts is None:
            self._skip(int(seconds * self.info.fps))

    def _index_here(self) -> int:
        """Index of the next frame; an estimate after a seek in a video of variable rate."""
        if not self._pending or self._first_pts is None:
            return self._skipped_frames
        return max(0, round(self._seconds(self._pending[0], 0) * self.info.fps))

    def _skip(self, count: int) -> None:
        """Leaves out frames by counting, the last one never."""
        self._skipped_frames, held = 0, self._next()
        while held is not None and self._skipped_frames < count and (following := self._next()) is not None:
            self._skipped_frames, held = self._skipped_frames + 1, following
        if held is not None:
            self._pending.appendleft(held)

    def _seek(self, pts: int, margin: float) -> bool:
        """True when frames come from a place at or before `pts`; looks for it `margin` seconds earlier."""
        place = pts - int(margin / self.info.time_base)
        if place <= self.info.start:
            return False
        if not self._decoding.seek(place):
            return False
        self._pending.clear()
        first = self._decoding.next()
        if first is None or first.pts is None or first.pts > pts:
            return False
        self._pending.append(first)
        return True

    def close(self) -> None:
        """Releases the file; an iteration that still goes on ends."""
        with self._lock:
            self._closed = True
            self._pending.clear()
            self._decoding.close()

    def _reopen(self) -> None:
        self._skipped_frames = 0
        self._pending.clear()
        self._decoding.restart()
        self._here, self._unbroken, self._read = 0, True, None

    def _next(self) -> av.VideoFrame | None:
        with self._lock:
            if self._closed:
                return None
            return self._pending.popleft() if self._pending else self._decoding.next()

    def _frame(self, decoded: av.VideoFrame, index: int) -> Frame:
        time = self._seconds(decoded, index)
        self._end = time + float(1 / self.info.fps)
        planes: tuple[Any, ...]
        owner: Any
        same_size = (decoded.width, decoded.height) == (self.info.width, self.info.height)
        if self._landing and nvidia.is_on_gpu(decoded) and same_size:
            (planes, owner), name = self._landing.land(decoded), nvidia.layout(decoded)
        else:
            owner = self._normalise(nvidia.on_host(decoded))
            planes, name = shared_planes(owner), self.info.frame_format
        return Frame(
            planes=planes,
            format=name,
            color=self.info.color,
            index=index,
            pts=decoded.pts,
            time=time,
            to_coded=self._to_coded,
            display_size=self.info.display_size,
            owner=owner,
        )

    def _ends_early(self) -> bool:
        """True when a file that does not count its frames lasts longer than its video by far."""
        return self.info.duration is not None and self._end < self.info.duration - max(
            1.0, 0.05 * self.info.duration
        )

    def _seconds(self, decoded: av.VideoFrame, index: int) -> float:
        if decoded.pts is None:
            return float(index / self.info.fps)
        return float((decoded.pts - self.info.start) * self.info.time_base)

    def _report(self, count: int, whole: bool) -> None:
        stated, name = self.info.frames, self.path.name
        if whole and (self._decoding.cut_off or (stated and self._decoding.packets < stated)):
            of = f" of {stated}" if stated else ""
            self.notices.append(f"{name}: the file is cut off; {count}{of} frames could be read")
        elif whole and not stated and self._ends_early():
            self.notices.append(
                f"{name}: the video ends at {self._end:.1f} s of {self.info.duration:.1f} s; the file may be cut off"
            )
        if self.skipped:
            self.notices.append(f"{name}: {self.skipped} damaged frames were left out")
