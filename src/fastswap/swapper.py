"""Frames in, frames out: the swap for programs that do their own reading and writing."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import numpy as np

from fastswap import video
from fastswap.analysis import analyse
from fastswap.errors import SettingsError
from fastswap.frame import Frame
from fastswap.look import Look
from fastswap.select import parse_selection
from fastswap.swap import FaceSwap, Work, drawing_order
from fastswap.track import Tracker

Picture = TypeVar("Picture", bound=Any)
"""A NumPy array uint8 or uint16 [H, W, 3] R'G'B', or an `av.VideoFrame`; the same kind comes out."""


class Swapper:
    """Swaps the face in single frames or in a stream of them.

    model: the trained face. device, look, select, threads: as for `fastswap.render()`; a selection that needs the
    whole video ("at:...") is refused. Calls take their frames as one video: faces are tracked from call to call; each
    `stream` is a video of its own. One `Swapper` may be used from several threads, several may live in one process.

    What leaves a `Swapper` is not signed, since it is no file yet: sign what you write with `fastswap.provenance.sign`.
    """

    def __init__(
        self,
        model: str | Path,
        *,
        device: str = "auto",
        look: Look | None = None,
        select: str = "all",
        batch: int = 1,
        threads: int = 0,
    ) -> None:
        self._select, self._selection = select, parse_selection(select)
        if self._selection.needs_full_analysis:
            raise SettingsError(
                f"select {select!r} needs the whole video; a Swapper sees one frame at a time"
            )
        self._swap = FaceSwap(Path(model), device=device, look=look or Look(), batch=batch, threads=threads)
        self._lock = threading.Lock()
        self._tracker, self._count = Tracker(), 0

    def __enter__(self) -> Swapper:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Frees the engine and the tracker. Calling it twice is harmless."""
        with self._lock:
            self._swap.close()

    def reset(self) -> None:
        """Forgets the tracks: the next frame starts a new video."""
        with self._lock:
            self._tracker, self._count = Tracker(), 0

    def __call__(self, picture: Picture) -> Picture:
        """Swaps one frame at once. Landmarks are not smoothed, since that looks a few frames ahead: see `stream`."""
        with self._lock:
            frame = _frame(picture, self._count)
            self._count += 1
            faces = self._tracker.update(frame)
            work = Work(frame, drawing_order(self._selection(faces)))
            (made,) = self._swap.composite(self._swap.generate(self._swap.cut([work])))
        made_like: Picture = _back(picture, frame, made)
        return made_like

    def stream(self, pictures: Iterable[Picture]) -> Iterator[Picture]:
        """Swaps a stream of frames, in order, batched and smoothed; each comes out a few frames after it went in."""
        inputs: deque[tuple[Picture, Frame]] = deque()
        works = self._works(pictures, inputs)
        for made in self._swap.composite(self._swap.generate(self._swap.cut(works))):
            picture, frame = inputs.popleft()
            yield _back(picture, frame, made)

    def _works(self, pictures: Iterable[Picture], inputs: deque[tuple[Picture, Frame]]) -> Iterator[Work]:
        def frames() -> Iterator[Frame]:
            for index, picture in enumerate(pictures):
                frame = _frame(picture, index)
                inputs.append((picture, frame))
                yield frame

        selection = parse_selection(self._select)
        for frame, faces in analyse(frames()):
            yield Work(frame, drawing_order(selection(faces)))


def _frame(picture: Any, index: int) -> Frame:
    if isinstance(picture, np.ndarray):
        return video.frame_from_array(picture, index=index)
    return video.frame_from_av(picture, index=index)


def _back(picture: Any, before: Frame, after: Frame) -> Any:
    """The swapped frame as the kind of picture that came in."""
    if isinstance(picture, np.ndarray):
        return picture.copy() if after is before else after.owner
    return video.av_from_frame(after, before, picture)
