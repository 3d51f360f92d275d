"""Side outputs of a render: the matte, and the new faces alone with alpha, so that the last blend can be done
elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from fastswap import video
from fastswap.atomic import Staging, sync
from fastswap.errors import OutputError
from fastswap.frame import Frame
from fastswap.layers import Layers
from fastswap.swap import FaceSwap, Watcher
from fastswap.video.side import SideSeries, SideVideo
from fastswap.video.side_output import Kind, SideOutput, place_of
from fastswap.video.target import Target, writing
from fastswap.video.tracks import Behind


class Sides:
    """The side outputs of one render; False when it has none.

    output: the render's own, which they must not be. matte, layer: where to, None for none; see
    `video.side_output.place_of`. window: the part of the input that is rendered. Raises OutputError for paths that
    cannot be.

    outputs: what there is. targets: where each is made. layers: draws them, None when there is nothing to draw.
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
        self.notices: list[str] = []
        self.targets: list[tuple[Target, SideOutput]] = []
        self._info, self._stack = info, ExitStack()
        self._staged: list[Staging] = []
        self._open: list[tuple[SideVideo | SideSeries, Behind]] = []
        wanted: list[tuple[Kind, Path | None]] = [("matte", matte), ("layer", layer)]
        try:
            for kind, path in wanted:
                if path is not None:
                    place = place_of(path, kind)
                    _check_free(place.path, kind, [output, *self.paths])
                    staging = self._stack.enter_context(Staging(info.path, place.path, of=output))
                    self._staged.append(staging)
                    target = Target(staging.path, place.path, None, None, self.notices, window)
                    self.targets.append((target, SideOutput(kind, place)))
        except BaseException:
            self._stack.close()
            raise
        self.layers = Layers(swaps) if self.targets else None

    def __enter__(self) -> Sides:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def __bool__(self) -> bool:
        return bool(self.targets)

    @property
    def outputs(self) -> tuple[SideOutput, ...]:
        """What there is."""
        return tuple(output for _, output in self.targets)

    @property
    def paths(self) -> list[Path]:
        """Where they go: files and folders."""
        return [output.place.path for output in self.outputs]

    @property
    def watchers(self) -> list[Watcher]:
        """What sees the frames while they are made."""
        return [self.layers] if self.layers else []

    def open(self) -> None:
        """Opens their encoders, for a render in one pass; `put` then takes its frames."""
        for target, output in self.targets:
            sink: SideVideo | SideSeries
            sink = (
                SideVideo(target, self._info, output)
                if output.place.names is None
                else SideSeries(target, output)
            )
            self._stack.callback(sink.abort)
            behind = Behind(sink.put, output)
            self._stack.callback(behind.close)
            self._open.append((sink, behind))

    def put(self, frame: Frame) -> None:
        """Takes the next frame of the output; raises what went wrong with an earlier one."""
        layer = self.layers.take(frame) if self.layers else None
        for _, behind in self._open:
            behind.put(frame, layer)

    def finish(self, sign: Callable[[Path], object]) -> list[str]:
        """Completes and signs them all; the notices that they have."""
        for sink, behind in self._open:
            behind.wait()
            sink.close()
        for staging in self._staged:
            sign(staging.path)
            with writing(staging.output):
                sync(staging.path)
        return self.notices

    def publish(self) -> None:
        """Moves them to their places."""
        for staging in self._staged:
            staging.publish()


def _check_free(path: Path, kind: Kind, taken: Sequence[Path]) -> None:
    """Two outputs in one place: the one that is finished last would win."""
    if any(path.absolute() == other.absolute() for other in taken):
        raise OutputError(f"{path}: the {kind} would take the place of another output; choose another name")
