"""One render, whichever way it goes: what is read, what is done with it, and who is told. And the way in one pass."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from fastswap import video
from fastswap.analysis import Analysed, Analysis
from fastswap.choice import Choice
from fastswap.device import Device
from fastswap.frame import Frame
from fastswap.page import Page
from fastswap.progress import Progress, ProgressCallback
from fastswap.report import Report
from fastswap.select import Selection
from fastswap.sides import Sides
from fastswap.stages import Stages
from fastswap.swap import FaceSwap, Watcher, Work, chain_swaps

_REPORT_S = 0.1


@dataclass(frozen=True, slots=True)
class Flow:
    """What all ways to an output share.

    margin: how many frames before a frame, and after it, its own depend on. tick: told after each frame.
    """

    target: video.Target
    device: Device
    swaps: Sequence[FaceSwap]
    known: Analysis
    selections: Sequence[Selection]
    report: Report
    stages: Stages
    margin: int
    tick: Callable[[Report], None]
    sides: Sides
    page: Page

    @property
    def watchers(self) -> list[Watcher]:
        """What sees the frames while they are made."""
        return [*self.sides.watchers, *self.page.watchers]

    def in_one_pass(self) -> None:
        """For what is too short to be cut, or cannot be: one encoder from the first frame to the last."""
        self.sides.open()
        known, target, stages, device = self.known, self.target, self.stages, self.device
        window = target.window
        with (
            known.reader(window=window and window.around) as reader,
            stages,
            video.Writer(
                target.made,
                reader,
                encoder=target.encoder,
                options=target.options,
                gpu=target.gpu,
                window=window,
            ) as writer,
        ):
            analysed = stages.thread("analyse", known.of(stages.thread("decode", device.arrive(reader))))
            made = chain_swaps(stages, self.swaps, self._works(analysed), self.watchers)
            swapped = device.leave(made, direct=writer.takes_gpu_frames)
            for _ in stages.timed("encode", self._written(writer, swapped)):
                self.report.frames += 1
                self.tick(self.report)
        self.report.notices += [*reader.notices, *writer.notices]

    def _works(self, analysed: Iterable[Analysed]) -> Iterator[Work]:
        """What is to be done in each frame; those around the window are in spans of their own."""
        choice, window = Choice(self.selections, self.report), self.target.window

        def works() -> Iterator[Work]:
            for frame, found in analysed:
                part = _part(frame, window)
                yield choice(found, counted=part == _INSIDE).work(frame, part)

        return needed(works(), lambda part: part == _INSIDE, self.margin)

    def _written(self, writer: video.Writer, frames: Iterable[Frame]) -> Iterator[None]:
        for frame in frames:
            if _part(frame, self.target.window) == _INSIDE:
                self.sides.put(frame)
                self.page.put(frame)
                writer.write(frame)
                yield


_BEFORE, _INSIDE, _BEHIND = 0, 1, 2


def _part(frame: Frame, window: video.Window | None) -> int:
    if window is None:
        return _INSIDE
    if window.is_before(frame.pts, frame.index):
        return _BEFORE
    return _BEHIND if window.is_behind(frame.pts, frame.index) else _INSIDE


def needed(
    works: Iterable[Work], wanted: Callable[[int], bool], margin: int, left: int = 0
) -> Iterator[Work]:
    """The works of the spans that are wanted, and `margin` ones before and after each run of them.

    left: how many of the first ones are still needed by what came before.
    """
    before: deque[Work] = deque(maxlen=margin)
    for work in works:
        if wanted(work.span):
            yield from before
            before.clear()
            left = margin
            yield work
        elif left:
            left -= 1
            yield work
        else:
            before.append(work)


class Clock:
    """Turns a count of frames into progress reports, ten a second at most."""

    def __init__(self, total: int | None, stages: Stages, callback: ProgressCallback | None) -> None:
        self.total, self.stages, self.callback = total, stages, callback
        self.begin = self.last = time.perf_counter()

    def tick(self, report: Report) -> None:
        now = time.perf_counter()
        if self.callback is None or (now - self.last < _REPORT_S and report.frames != self.total):
            return
        self.last = now
        busy = self.stages.busy
        limits = max(busy, key=lambda name: busy[name])
        rate = report.frames / (now - self.begin)
        values = {"faces": float(report.faces)}
        self.callback(Progress("render", report.frames, self.total, "frames", rate, limits, values))

    def signed(self, name: str, done: int, total: int) -> None:
        """Tells how far the signing of a folder is; a single file is done at once."""
        now = time.perf_counter()
        if self.callback is None or total == 1 or (now - self.last < _REPORT_S and done != total):
            return
        self.last = now
        self.callback(Progress("sign", done, total, "files", note=name))
