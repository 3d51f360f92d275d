"""The page as an output of a render: complete and signed, or absent."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

from fastswap import video
from fastswap.atomic import Staging
from fastswap.errors import OutputError
from fastswap.frame import Frame
from fastswap.page.build import write_page
from fastswap.page.collect import SAMPLES, Collector, FrameFacts, Note, Sample, Spread
from fastswap.report import Report
from fastswap.swap import FaceSwap, Watcher
from fastswap.video.packets import PacketFile
from fastswap.video.target import writing


def check_page(path: Path | None) -> None:
    """Raises OutputError for a place of a page that cannot be."""
    if path is not None and path.suffix.lower() not in (".html", ".htm"):
        raise OutputError(f"{path}: a report is an .html file")


class Page:
    """The page of one render. False when there is to be none.

    path: where to, None for no page. taken: the render's other outputs. first: number of the first frame. total: frames
    to come, None when not known. Raises OutputError for a place that cannot be.

    spread: which frames it shows. collector: what watches the render, None without a page.
    """

    def __init__(
        self,
        swaps: Sequence[FaceSwap],
        info: video.VideoInfo,
        path: Path | None,
        taken: Sequence[Path],
        first: int,
        total: int | None,
    ) -> None:
        self.path, self._swaps = path, swaps
        self.spread = None if path is None else Spread(first, max(1, (total or SAMPLES) // SAMPLES))
        self.collector = Collector(swaps, self.spread) if self.spread else None
        self._frames: list[FrameFacts] = []
        self._samples: list[Sample] = []
        self._stack = ExitStack()
        if path is None:
            return
        check_page(path)
        if any(path.absolute() == other.absolute() for other in taken):
            raise OutputError(
                f"{path}: the report would take the place of another output; choose another name"
            )
        self._staging = self._stack.enter_context(Staging(info.path, path))

    def __bool__(self) -> bool:
        return self.path is not None

    def __enter__(self) -> Page:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @property
    def watchers(self) -> list[Watcher]:
        """What sees the frames while they are made."""
        return [self.collector] if self.collector else []

    def put(self, frame: Frame) -> None:
        """Takes the next frame of the output."""
        if self.collector:
            self._add(self.collector.take(frame))

    def load(self, segments: Sequence[Path], track: int) -> None:
        """Takes the notes of all segments instead. Raises `packets.Damaged`."""
        self._frames.clear()
        self._samples.clear()
        for path in segments if self.path else ():
            with PacketFile(path) as file:
                for data in file.pictures(track):
                    self._add(Note.unpacked(data))

    def _add(self, note: Note) -> None:
        self._frames.append(note.facts)
        kept = self._samples
        if note.sample and self.spread:
            run, last = (
                self.spread.run(each.index) for each in (note.sample, kept[-1] if kept else note.sample)
            )
            if run != last or not kept:  # two segments may share a run
                kept.append(note.sample)
        if len(kept) >= 2 * SAMPLES:  # the video is longer than it said
            del kept[1::2]

    def finish(self, report: Report, settings: Mapping[str, Any], sign: Callable[[Path], object]) -> None:
        """Writes and signs the page. settings: what the render was asked for."""
        if self.path is None:
            return
        contracts = [swap.contract for swap in self._swaps]
        told = {
            "face of": "; ".join(contract.subject for contract in contracts),
            "consent": "; ".join(contract.consent for contract in contracts),
            **report.provenance,
        }
        with writing(self.path):
            write_page(self._staging.path, self._frames, self._samples, report, settings, told, sign)
        sign(self._staging.path)

    def publish(self) -> None:
        """Moves the page to its place."""
        if self.path is not None:
            self._staging.publish()
