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
from fastswap.page.collect import Collector
from fastswap.report import Report
from fastswap.swap import Batch, FaceSwap
from fastswap.video.muxing import writing


def check_page(path: Path | None) -> None:
    """Raises OutputError for a place of a page that cannot be."""
    if path is not None and path.suffix.lower() not in (".html", ".htm"):
        raise OutputError(f"{path}: a report is an .html file")


class Page:
    """The page of one render; watches it, see `swap.Watcher`. False when there is to be none.

    path: where to, None for no page. taken: the render's other outputs. total: frames to come, None when not known.
    Raises OutputError for a place that cannot be.
    """

    def __init__(
        self,
        swaps: Sequence[FaceSwap],
        info: video.VideoInfo,
        path: Path | None,
        taken: Sequence[Path],
        total: int | None,
    ) -> None:
        self.path = path
        self._collector = Collector(swaps, total)
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

    def see(self, batch: Batch, made: Sequence[Frame], number: int) -> None:
        """Takes note of a batch."""
        self._collector.see(batch, made, number)

    def finish(self, report: Report, settings: Mapping[str, Any], sign: Callable[[Path], object]) -> None:
        """Writes and signs the page. settings: what the render was asked for."""
        if self.path is None:
            return
        known = self._collector
        told = {**known.swap_facts(), **report.provenance}
        with writing(self.path):
            write_page(self._staging.path, known.frames, known.samples, report, settings, told, sign)
        sign(self._staging.path)

    def publish(self) -> None:
        """Moves the page to its place."""
        if self.path is not None:
            self._staging.publish()
