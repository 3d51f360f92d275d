"""The swap on a GPU: crops, generator and composite of different batches at once, each on a stream of its own.

Frames, crops and results stay in the GPU's memory. What one stream makes for another carries an event, so the host
queues work ahead and waits for nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from fastswap import ops, texture
from fastswap.device import ops as device_ops
from fastswap.device.finish import Finish, rows
from fastswap.device.plane import Look as Reader
from fastswap.device.plane import OnDevice, is_on_device, wait_for
from fastswap.device.room import Room
from fastswap.device.transfer import Uploader
from fastswap.engines.network import GeneratorEngine, run_with_room
from fastswap.engines.opening import Job, digest, open_network
from fastswap.finish import finished
from fastswap.frame import Frame
from fastswap.look import Look
from fastswap.model import MASK, SWAP, load_contract
from fastswap.swap import Batch, FaceSwap, Work

if TYPE_CHECKING:
    from fastswap.device.runtime import Runtime, Stream
    from fastswap.engines.network import DeviceNetwork
    from fastswap.engines.opening import EngineName


class DeviceSwap(FaceSwap):
    """See `swap.FaceSwap`; frames lie on the runtime's GPU.

    notices: grows by what a user should know of the engine, and of batches that the GPU's memory has no room for.
    """

    engine: GeneratorEngine

    def __init__(
        self,
        model: Path,
        *,
        runtime: Runtime,
        engine: EngineName,
        look: Look,
        batch: int,
        threads: int = 0,
        notices: list[str],
    ) -> None:
        self._lock = threading.Lock()
        self.contract, self.look, self._runtime = load_contract(model), look, runtime
        ops.set_threads(threads or 1)
        network = open_network(job_of(model, batch), runtime, engine=engine)
        self.engine = GeneratorEngine(network, runtime)
        notices += network.notices
        self.room = Room(runtime, self.engine, model.name, batch, notices)
        self._finishing = Finish(runtime, self.room)
        self._cropping, self._generating, self._drawing = (runtime.stream() for _ in range(3))
        self._canvases: Uploader | None = None

    @property
    def _network(self) -> DeviceNetwork:
        return self.engine.network

    def cut(self, works: Iterable[Work]) -> Iterator[Batch]:
        """See `swap.FaceSwap`. Each step runs in the GPU's context, which is not held across a `yield`."""
        for group in self._groups(works):
            yield from self.room.in_parts(len(group), partial(self._cut_part, group), batch=self.engine.batch)

    def _cut_part(self, group: list[Work], first: int, count: int) -> Batch:
        with self._runtime.current():
            return self._cut(group[first : first + count])

    def _cut(self, works: list[Work]) -> Batch:
        batch: Any = super()._cut(works)
        count, size = len(batch.owner), self.contract.resolution
        if count:  # all that the batch needs, so that the later stages find it there
            batch.swaps = self._array((count, 3, size, size))
            batch.masks, batch.shown = (self._array((count, size, size)) for _ in range(2))
        batch.ready = self._cropping.record()
        return cast("Batch", batch)

    def _sample(self, frames: Sequence[Frame], to_coded: NDArray[np.float64], size: int) -> Any:
        """Crops of frames on the GPU; a device array [N, 3, size, size]."""
        for frame in {id(frame): frame for frame in frames}.values():
            wait_for(frame, self._cropping)
        targets = self._array((len(frames), 3, size, size))
        device_ops.crop(self._runtime, self._cropping, frames, to_coded, targets)
        return targets

    def _array(self, shape: tuple[int, ...]) -> Any:
        return self._runtime.empty(shape, "<f4", self._cropping)

    def generate(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        """Queues the generator over each batch."""
        for batch in batches:
            if batch.owner:
                with self._lock, self._runtime.current():  # a batch's three steps, one after the other
                    self._generate(batch)
            yield batch

    def _generate(self, batch: Any) -> None:
        stream, network = self._generating, self._network

        def step(first: int, count: int) -> None:
            self._copy(network.taken(0, count), self._rows(batch.targets, first, count), stream)
            run_with_room(network, count, stream)
            self._copy(self._rows(batch.swaps, first, count), network.given(0, SWAP, count), stream)
            self._copy(self._rows(batch.masks, first, count), network.given(0, MASK, count), stream)

        stream.wait(batch.ready)
        list(self.room.in_parts(len(batch.owner), step, most=network.sizes[-1]))
        batch.ready = stream.record()

    def _rows(self, array: Any, first: int, count: int) -> Any:
        return rows(self._runtime, array, first, count)

    def _copy(self, to: Any, of: Any, stream: Stream) -> None:
        self._runtime.copy(to, of, int(np.prod(of.shape)) * 4, stream)

    def _finish(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        """See `swap.FaceSwap`."""
        how = self._finishing
        return finished(batches, self.look, self.face_width, self.mask_file, how.measure, how.finish)

    def _without_warm(self, batch: Any) -> Batch:
        """See `Batch.without_warm`; the rows that stay are copied. Frames that nobody draws are done with."""
        for work in batch.works:
            if work.warm:
                for array in work.frame.owner.arrays:
                    self._runtime.release(array, batch.ready)
        kept = [n for n, index in enumerate(batch.owner) if not batch.works[index].warm]
        if len(kept) == len(batch.owner):
            return cast("Batch", batch)
        with self._runtime.current():
            return self._only(batch, kept)

    def _only(self, batch: Any, kept: list[int]) -> Batch:
        stream = self._drawing
        stream.wait(batch.ready)
        copies: dict[str, Any] = {}
        for name in ("targets", "swaps", "masks", "shown"):
            old = getattr(batch, name)
            copies[name] = self._runtime.empty((len(kept), *tuple(old.shape)[1:]), "<f4", stream)
            for place, n in enumerate(kept):
                self._copy(self._rows(copies[name], place, 1), self._rows(old, n, 1), stream)
        done = stream.record()
        for name in copies:
            self._runtime.release(getattr(batch, name), done)
        made: Batch = replace(
            batch,
            owner=[batch.owner[n] for n in kept],
            to_coded=batch.to_coded[kept],
            outlines=batch.outlines[kept],
            measured=batch.measured and batch.measured.rows(kept),
            seeds=[batch.seeds[n] for n in kept],
            ready=done,
            **copies,
        )
        return made

    def _composite(self, batch: Batch) -> Sequence[Frame]:
        frames = [work.frame for work in batch.works]
        self.draw(batch, [frames[i] for i in batch.owner])
        return frames

    def draw(self, batch: Any, frames: Sequence[Frame]) -> None:
        """See `swap.FaceSwap`. Frames in host memory, canvases of side outputs, are drawn on in copies."""
        if not is_on_device(frames[0]):
            self._draw_on_host(batch, frames)
            return
        stream, look, measured = self._drawing, self.look, batch.measured
        grain = texture.grain(measured.noise, look.grain) if look.grain > 0.0 else None

        def step(first: int, count: int) -> None:
            part = slice(first, first + count)
            arrays = (batch.targets, batch.swaps, batch.shown)
            targets, swaps, shown = (self._rows(array, first, count) for array in arrays)
            device_ops.composite(
                self._runtime,
                stream,
                frames[part],
                batch.to_coded[part],
                targets,
                swaps,
                shown,
                measured.color[part],
                look,
                None if grain is None else grain[part],
                batch.seeds[part] if grain is not None else (),
            )

        with self._runtime.current():
            stream.wait(batch.ready)
            for frame in {id(frame): frame for frame in frames}.values():
                wait_for(frame, stream)
            list(self.room.in_parts(len(frames), step))
            done = stream.record()
        for frame in frames:
            owner: OnDevice = frame.owner
            owner.ready, owner.changed = done, True
            for array in owner.arrays:
                self._runtime.release(array, done)
        for array in (batch.targets, batch.swaps, batch.masks, batch.shown):
            self._runtime.release(array, done)

    def _draw_on_host(self, batch: Any, frames: Sequence[Frame]) -> None:
        if self._canvases is None:
            self._canvases = Uploader(self._runtime, Reader(self._runtime))
        there = {id(frame): self._canvases(frame) for frame in frames}
        self.draw(batch, [there[id(frame)] for frame in frames])
        for frame in {id(frame): frame for frame in frames}.values():
            for plane, drawn in zip(frame.planes, there[id(frame)].planes, strict=True):
                np.copyto(plane, drawn[:, :])

    def close(self) -> None:
        """Waits for what is under way, then frees the engine and the mask file."""
        for stream in (self._cropping, self._generating, self._finishing.stream, self._drawing):
            stream.synchronize()
        super().close()


def job_of(model: Path, batch: int, precision: Any = "f16") -> Job:
    """The generator of a model file as a network to open."""
    import onnx

    data = model.read_bytes()
    return Job(onnx.load_model_from_string(data), digest(data), model.name, batch, precision)
