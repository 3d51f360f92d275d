"""Faces for the frames of one input: from a stored analysis where it fits, by detection and tracking where not."""

from __future__ import annotations

import io
import pickle
import time
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastswap import sidecar, video
from fastswap.detect import Detector, Mesh
from fastswap.faces import FrameFaces
from fastswap.frame import Frame
from fastswap.progress import Progress, ProgressCallback
from fastswap.select import Selection
from fastswap.smooth import Smoother
from fastswap.track import Tracker

if TYPE_CHECKING:
    from fastswap.device import Device

Analysed = tuple[Frame, FrameFaces]
Models = tuple[Detector, Mesh]
_REPORT_S = 0.1


class Analyser:
    """Finds, follows and smooths the faces of a video's frames, from the first one or from where another stopped."""

    def __init__(self, models: Models | None = None) -> None:
        self._tracker, self._smoother = Tracker(models=models), Smoother()
        self._waiting: deque[Frame] = deque()
        self._seen = 0  # frames still to come that the smoother knows already
        self._between = True

    def __call__(self, frames: Iterable[Frame]) -> Iterator[Analysed]:
        """Each frame with its faces, a few frames after it went in."""
        for frame in frames:
            self._waiting.append(frame)
            if self._seen:
                self._seen -= 1
                continue
            yield from self._out(self._smoother.push(self._tracker.update(frame)))
        yield from self._out(self._smoother.flush())

    def _out(self, ready: list[FrameFaces]) -> Iterator[Analysed]:
        for number, faces in enumerate(ready, 1):
            self._between = number == len(ready)
            yield self._waiting.popleft(), faces

    @property
    def next(self) -> Frame | None:
        """The frame that comes out next, if it is known."""
        return self._waiting[0] if self._waiting else None

    def state(self) -> bytes | None:
        """What to go on from with the frame that comes out next; None where that cannot be had."""
        if not self._between:
            return None
        return pickle.dumps((self._tracker.without_models(), self._smoother, len(self._waiting)), protocol=5)

    @classmethod
    def from_state(cls, state: bytes, models: Models | None = None) -> Analyser:
        """An analyser that goes on from `state`; its first frame is the one that came out next there."""
        made = cls()
        made._tracker, made._smoother, made._seen = unpickled(state)
        if models:
            made._tracker.use_models(models)
        return made


_OWN = tuple(f"fastswap.{name}" for name in ("track", "followed", "smooth", "faces", "cuts"))


class _Unpickler(pickle.Unpickler):
    """Loads the analysis' own classes and NumPy's arrays, nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        own = module in _OWN
        arrays = module.split(".", maxsplit=1)[0] == "numpy" and name in (
            "ndarray",
            "dtype",
            "scalar",
            "_reconstruct",
            "_frombuffer",
        )
        if (
            own
            or arrays
            or (module, name)
            in (("collections", "deque"), ("copyreg", "_reconstructor"), ("builtins", "object"))
        ):
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"{module}.{name} has no place here")


def unpickled(state: bytes) -> Any:
    """What `pickle` made of trackers and what they hold. Raises pickle.UnpicklingError for anything else in it."""
    return _Unpickler(io.BytesIO(state)).load()


def analyse(frames: Iterable[Frame], models: Models | None = None) -> Iterator[Analysed]:
    """Finds, follows and smooths the faces of a video's frames; each frame comes out a few frames later.

    models: detector and mesh for these frames, None for the usual ones.
    """
    return Analyser(models)(frames)


class Analysis:
    """The analysis of one input and where it is kept.

    path: the sidecar to use; None takes the usual place, and none at all for a single picture. window: the frames
    that are wanted; where no analysis of the whole input is stored, only they and those around them are analysed, and
    kept in a sidecar of their own. `reused` tells whether a stored analysis fits the input and is used, `notice` why
    one that is there does not. Raises InputError for a named file that is not a sidecar: it is not overwritten.
    deinterlace: as for `video.Reader`. device: whose frames and face models are used, None for the CPU's.
    """

    def __init__(
        self,
        info: video.VideoInfo,
        path: Path | None = None,
        window: video.Window | None = None,
        deinterlace: bool | None = None,
        device: Device | None = None,
    ) -> None:
        self.deinterlace = deinterlace
        self._device = device
        self.source = info.path
        self.around = (window.around or window) if window else None
        self.total = self.around.count if self.around else info.frames
        self.notice: str | None = None
        self.reused = False
        self.header: sidecar.Header | None = None
        self.path = path or (None if info.kind == "image" else sidecar.default_path(info.path))
        if self.path is None:
            return
        self.header = sidecar.header_for(info.path)
        if path is not None and path.is_file():
            sidecar.read_header(path)
        self._look_for_stored()
        if window and self.around and not self.reused:
            self.path = path or sidecar.part_path(info.path, window.first, window.end)
            self.header = sidecar.header_of_part(self.header, self.around.first, self.around.end)
            self._look_for_stored()

    def _look_for_stored(self) -> None:
        if self.path is None or self.header is None or not self.path.is_file():
            return
        unfit = sidecar.misfit(self.path, self.header)
        self.reused = unfit is None
        self.notice = f"{self.path}: not used, {unfit}; analysed again" if unfit else None

    def models(self) -> Models | None:
        """Detector and mesh for the frames of the device, None for the usual ones."""
        return self._device.models() if self._device else None

    def reader(self, window: video.Window | None = None) -> video.Reader:
        """Reads the input as it is analysed; on the device where that can decode it."""
        landing = self._device.landing if self._device else None
        return video.Reader(self.source, window=window, deinterlace=self.deinterlace, landing=landing)

    def _arrive(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        return self._device.arrive(frames) if self._device else iter(frames)

    def of(self, frames: Iterable[Frame]) -> Iterator[Analysed]:
        """Each frame with its faces. A fresh analysis is stored once the last frame has gone through."""
        return self._stored(frames) if self.reused else self._fresh(frames)

    def _stored(self, frames: Iterable[Frame]) -> Iterator[Analysed]:
        assert self.path is not None
        known = islice(sidecar.read(self.path), self.around.first if self.around else 0, None)
        for frame in frames:
            yield frame, next(known, None) or FrameFaces(frame.index, frame.pts, frame.time)

    def _fresh(self, frames: Iterable[Frame]) -> Iterator[Analysed]:
        with ExitStack() as stack:
            kept = None
            if self.path and self.header:
                kept = stack.enter_context(sidecar.Writer(self.path, self.header))
            for frame, faces in analyse(frames, self.models()):
                if kept:
                    kept.write(faces)
                yield frame, faces

    def resolve(self, selection: Selection, progress: ProgressCallback | None) -> Selection:
        """The selection as one that can be applied frame by frame; runs the whole analysis first if it must."""
        if not selection.needs_full_analysis:
            return selection
        if self.path is None:
            with self.reader(window=self.around) as reader:
                return selection.resolve([faces for _, faces in analyse(self._arrive(reader), self.models())])
        if not self.reused:
            self._run_alone(progress)
        return selection.resolve(sidecar.read(self.path))

    def whole(self) -> Iterable[FrameFaces]:
        """All frames of the analysis, once it is complete; of a picture, made now."""
        if self.path is not None:
            return sidecar.read(self.path)
        with self.reader(window=self.around) as reader:
            return [faces for _, faces in analyse(self._arrive(reader), self.models())]

    def _run_alone(self, progress: ProgressCallback | None) -> None:
        begin = last = time.perf_counter()
        with self.reader(window=self.around) as reader:
            for done, _ in enumerate(self._fresh(self._arrive(reader)), 1):
                now = time.perf_counter()
                if progress and now - last >= _REPORT_S:
                    last = now
                    progress(Progress("analyse", done, self.total, rate=done / (now - begin)))
        self.reused = True
