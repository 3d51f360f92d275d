"""Side outputs of a render: the matte, and the new faces alone with alpha, so that the last blend can be done
elsewhere."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

import numpy as np

from fastswap import video
from fastswap.atomic import Staging
from fastswap.errors import OutputError
from fastswap.frame import Frame
from fastswap.layers import Layer, layers_of, over
from fastswap.swap import Batch, FaceSwap
from fastswap.video.muxing import Target
from fastswap.video.side import FORMS, Cell, Kind, SideSeries, SideVideo, place_of

_WAITING = 4
"""Frames of one side output that may wait for its encoder."""


class _Side:
    """One side output: encodes in a thread of its own, so that the composite does not wait for it."""

    def __init__(self, path: Path, kind: Kind, info: video.VideoInfo, window: video.Window | None) -> None:
        self.kind, self.place = kind, place_of(path, kind)
        self.form = FORMS[kind, self.place.suffix]
        self.notices: list[str] = []
        self._stack = ExitStack()
        try:
            self.staging = self._stack.enter_context(Staging(info.path, self.place.path))
            target = Target(self.staging.path, self.place.path, None, None, self.notices, window)
            self._sink = self._open(target, info)
            self._stack.callback(self._sink.abort)
        except BaseException:
            self._stack.close()
            raise
        self._worker = self._stack.enter_context(ThreadPoolExecutor(1, f"fastswap-{kind}"))
        self._waiting: deque[Future[None]] = deque()

    def _open(self, target: Target, info: video.VideoInfo) -> SideVideo | SideSeries:
        if self.place.names is not None:
            return SideSeries(target, self.form, self.place.names)
        return SideVideo(target, info, self.form, self.kind)

    def put(self, frame: Frame, layer: Layer | None) -> None:
        """Takes the next frame; raises what went wrong with an earlier one."""
        while len(self._waiting) >= _WAITING:
            self._waiting.popleft().result()
        self._waiting.append(self._worker.submit(self._write, frame, layer))

    def _write(self, frame: Frame, layer: Layer | None) -> None:
        if layer is None:
            none = np.zeros((0, 0), np.float32)
            self._sink.put(Cell(frame, (0, 0, 0, 0), none, np.stack([none] * 3)))
            return
        planes = layer.planes if self.form.premultiplied or self.kind == "matte" else layer.straight()
        self._sink.put(Cell(frame, layer.rect, layer.alpha, planes))

    def finish(self) -> None:
        """Writes what is left and completes the file."""
        while self._waiting:
            self._waiting.popleft().result()
        self._sink.close()

    def close(self) -> None:
        """Releases everything; what was not published is gone."""
        while self._waiting:
            self._waiting.pop().cancel()
        self._stack.close()


def _check_free(path: Path, kind: Kind, taken: Sequence[Path]) -> None:
    """Two outputs in one place: the one that is finished last would win."""
    if any(path.absolute() == other.absolute() for other in taken):
        raise OutputError(f"{path}: the {kind} would take the place of another output; choose another name")


class Sides:
    """The side outputs of one render; watches it, see `swap.Watcher`.

    output: the render's own, which they must not be. matte, layer: where to, None for none; see
    `video.side.place_of`. window: the part of the input that is rendered. Raises OutputError for paths that cannot be.
    """

    def __init__(
        self,
        swaps: Sequence[FaceSwap],
        info: video.VideoInfo,
        output: Path,
        *,
        matte: Path | None,
        layer: Path | None,
        window: video.Window | None = None,
    ) -> None:
        self._swaps = swaps
        self._held: dict[int, Layer | None] = {}  # of frames that later models will still draw in
        self._lock = threading.Lock()
        self._sides: list[_Side] = []
        wanted: list[tuple[Kind, Path | None]] = [("matte", matte), ("layer", layer)]
        try:
            for kind, path in wanted:
                if path is not None:
                    _check_free(
                        place_of(path, kind).path, kind, [output, *(s.place.path for s in self._sides)]
                    )
                    self._sides.append(_Side(path, kind, info, window))
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Sides:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def paths(self) -> list[Path]:
        """Where they go: files and folders."""
        return [side.place.path for side in self._sides]

    def __bool__(self) -> bool:
        return bool(self._sides)

    def see(self, batch: Batch, _made: Sequence[Frame], number: int) -> None:
        """Draws and takes the layers of a batch; those of several models lie one over the other."""
        for work, drawn in zip(batch.works, layers_of(self._swaps[number], batch), strict=True):
            if work.warm:
                continue
            with self._lock:
                layer = over(drawn, self._held.pop(work.frame.index, None))
                if number + 1 < len(self._swaps):
                    self._held[work.frame.index] = layer
                    continue
            for side in self._sides:
                side.put(work.frame, layer)

    def finish(self, sign: Callable[[Path], object]) -> list[str]:
        """Completes and signs them all and moves them to their places; the notices that they have."""
        for side in self._sides:
            side.finish()
            sign(side.staging.path)
        for side in self._sides:
            side.staging.publish()
        return [notice for side in self._sides for notice in side.notices]

    def close(self) -> None:
        """Releases everything; what was not finished is gone."""
        for side in self._sides:
            side.close()
