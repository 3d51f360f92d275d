"""Frames in, frames out: the swap for programs that do their own reading and writing."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from fastswap import layouts
from fastswap.analysis import Analyser
from fastswap.detect import Detector, Mesh
from fastswap.device import open_device
from fastswap.device.pictures import DeviceTaken, is_cuda
from fastswap.errors import SettingsError
from fastswap.frame import ColorSpec, Frame
from fastswap.layouts import Taken
from fastswap.look import Look
from fastswap.model import model_hash
from fastswap.select import parse_selection
from fastswap.swap import Work, drawing_order
from fastswap.track import Tracker

if TYPE_CHECKING:
    from fastswap.provenance import SignReport

Picture = TypeVar("Picture", bound=Any)
"""An `av.VideoFrame`, a NumPy array, a DLPack tensor, or a tuple of planes; the same kind comes out. See `layouts`."""


class Swapper:
    """Swaps the face in single frames or in a stream of them.

    model: the trained face. device, look, select, threads: as for `fastswap.render()`; a selection that needs the
    whole video ("at:...") is refused. batch: faces in one run of the network, of use to `stream`. layout: how arrays
    hold their pixels, see `layouts`. color: what the numbers of Y'CbCr arrays mean.

    Calls take their frames as one video: faces are tracked from call to call; each `stream` is a video of its own.
    One `Swapper` may be used from several threads, several may live in one process. `close` frees the networks; later
    calls raise SettingsError.

    What leaves a `Swapper` is not signed, since it is no file yet: `sign` what you write.
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
        layout: str = "rgb24",
        color: ColorSpec | None = None,
        engine: str = "auto",
    ) -> None:
        self._select, self._selection = select, parse_selection(select)
        if self._selection.needs_full_analysis:
            raise SettingsError(
                f"select {select!r} needs the whole video; a Swapper sees one frame at a time"
            )
        if batch < 1:
            raise SettingsError(f"batch is {batch}; it must be at least 1")
        layouts.check_layout(layout)
        self._layout, self._color = layout, color or ColorSpec()
        self._model = Path(model)
        self._place = open_device(device, engine)
        self._swap = self._place.swap(
            self._model, look=look or Look(), batch=batch, threads=threads, flowing=False
        )
        self._lock = threading.Lock()  # of single calls
        self._pool_lock = threading.Lock()
        self._pool: list[tuple[Detector, Mesh]] = []
        self._closed = False
        self._models: tuple[Detector, Mesh] | None = None  # of single calls
        self._tracker: Tracker | None = None
        self._count = 0

    def __enter__(self) -> Swapper:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Frees the networks and the tracker. A stream that still runs fails. Calling it twice is harmless."""
        with self._lock, self._pool_lock:
            self._closed = True
            self._tracker = self._models = None
            self._pool.clear()
            self._swap.close()
            self._place.close()

    def reset(self) -> None:
        """Forgets the tracks: the next frame starts a new video."""
        with self._lock:
            self._tracker, self._count = None, 0

    def __call__(self, picture: Picture, *, stream: int | None = None) -> Picture:
        """Swaps one frame at once. Landmarks are not smoothed, since that looks a few frames ahead: see `stream`.

        stream: of a picture in a GPU's memory, the CUDA stream that it was made on and that the result is ready on; 0
        is the default one, and -1 stands for none: what goes in and what comes out is finished.
        """
        with self._lock:
            self._check_open()
            taken = self._take(picture, self._count, stream)
            self._models = self._models or self._place.models() or (Detector(), Mesh())
            self._tracker = self._tracker or Tracker(models=self._models)
            self._count += 1
            (frame,) = self._place.arrive([taken.frame])
            faces = self._tracker.update(frame)
            work = Work(frame, drawing_order(self._selection(faces)), faces)
            (made,) = self._swap.composite(self._swap.generate(self._swap.cut([work])))
            made_like: Picture = self._back(taken, made)
        return made_like

    def _take(self, picture: Any, index: int, stream: int | None = None) -> Taken | DeviceTaken:
        """A picture as a frame, where it lies."""
        if self._place.pictures is None or not is_cuda(picture):
            return layouts.take(picture, index, self._layout, self._color)
        return self._place.pictures.take(picture, index, self._layout, self._color, stream)

    def _back(self, taken: Taken | DeviceTaken, made: Frame) -> Any:
        """The swapped frame as the kind of picture that was taken in."""
        if isinstance(taken, Taken):
            (made,) = self._place.leave([made])
            if taken.made is not None and made is not taken.frame:
                for plane, drawn in zip(taken.frame.planes, made.planes, strict=True):
                    if plane is not drawn:
                        np.copyto(plane, drawn)
        return taken.back(made)

    def stream(self, pictures: Iterable[Picture]) -> Iterator[Picture]:
        """Swaps a stream of frames, in order, batched and smoothed; each comes out some frames after it went in.

        Streams in several threads run at the same time. A tensor [N, ...] is a stream of N pictures.
        """
        inputs: deque[Taken | DeviceTaken] = deque()
        with self._face_models() as models:
            works = self._works(pictures, inputs, models)
            for made in self._swap.composite(self._swap.generate(self._swap.cut(works))):
                self._check_open()
                yield self._back(inputs.popleft(), made)

    def sign(
        self, path: str | Path, *, source: str | Path | None = None, settings: Mapping[str, Any] | None = None
    ) -> SignReport:
        """Signs a file or a folder of pictures that you wrote with swapped frames: see `fastswap.provenance.sign`.

        source: the file that the frames came from. Raises ProvenanceError.
        """
        from fastswap import provenance

        contract = self._swap.contract
        record = provenance.ModelRecord(
            self._model.name, model_hash(self._model), contract.subject, contract.consent
        )
        told = {"look": asdict(self._swap.look), **(settings or {})}
        return provenance.sign(
            Path(path), source=None if source is None else Path(source), model=record, settings=told
        )

    def _works(
        self, pictures: Iterable[Picture], inputs: deque[Taken | DeviceTaken], models: tuple[Detector, Mesh]
    ) -> Iterator[Work]:
        def frames() -> Iterator[Frame]:
            for index, picture in enumerate(pictures):
                taken = self._take(picture, index)
                inputs.append(taken)
                yield from self._place.arrive([taken.frame])

        selection = parse_selection(self._select)
        for frame, faces in Analyser(models)(frames()):
            yield Work(frame, drawing_order(selection(faces)), faces)

    @contextmanager
    def _face_models(self) -> Iterator[tuple[Detector, Mesh]]:
        """Detector and mesh for one stream; they are loaded once for all streams that follow each other."""
        with self._pool_lock:
            self._check_open()
            models = self._pool.pop() if self._pool else None
        models = models or self._place.models() or (Detector(), Mesh())
        try:
            yield models
        finally:
            with self._pool_lock:
                if not self._closed:
                    self._pool.append(models)

    def _check_open(self) -> None:
        if self._closed:
            raise SettingsError("this Swapper is closed")
