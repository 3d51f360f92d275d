"""The swap on a GPU: crops, generator and composite of different batches at once, each on a stream of its own.

Frames, crops and results stay in the GPU's memory. What one stream makes for another carries an event, so the host
queues work ahead and waits for nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from fastswap import _cpu, ops
from fastswap.device import ops as device_ops
from fastswap.device.plane import OnDevice, wait_for
from fastswap.engines.network import GeneratorEngine
from fastswap.engines.opening import Job, digest, open_network
from fastswap.finish import finished, within_frames, without_nearer
from fastswap.frame import Frame
from fastswap.look import Look
from fastswap.model import MASK, SWAP, load_contract
from fastswap.swap import Batch, FaceSwap, Work

if TYPE_CHECKING:
    from fastswap.device.runtime import Runtime, Stream
    from fastswap.engines.network import DeviceNetwork
    from fastswap.engines.opening import EngineName


class DeviceSwap(FaceSwap):
    """See `swap.FaceSwap`; frames lie on the runtime's GPU. `notices`: what a user should know of the engine."""

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
    ) -> None:
        device_ops.check_look(look)
        self._lock = threading.Lock()
        self.contract, self.look, self._runtime = load_contract(model), look, runtime
        ops.set_threads(threads or 1)
        network = open_network(job_of(model, batch), runtime, engine=engine)
        self.engine = GeneratorEngine(network, runtime)
        self.notices = list(network.notices)
        self._cropping, self._generating, self._measuring, self._drawing = (
            runtime.stream() for _ in range(4)
        )

    @property
    def _network(self) -> DeviceNetwork:
        return self.engine.network

    def _sample(self, frames: Sequence[Frame], to_coded: NDArray[np.float64], size: int) -> Any:
        """Crops of frames on the GPU; a device array [N, 3, size, size]."""
        stream = self._cropping
        for frame in {id(frame): frame for frame in frames}.values():
            wait_for(frame, stream)
        targets = self._array((len(frames), 3, size, size), stream)
        device_ops.crop(self._runtime, stream, frames, to_coded, targets)
        return targets

    def _array(self, shape: tuple[int, ...], stream: Stream) -> Any:
        return self._runtime.empty(shape, "<f4", stream)

    def _cut(self, works: list[Work]) -> Batch:
        batch = super()._cut(works)
        batch.ready = self._cropping.record()
        return batch

    def cut(self, works: Iterable[Work]) -> Iterator[Batch]:
        """See `swap.FaceSwap`. Each step runs in the GPU's context, which is not held across a `yield`."""
        source = super().cut(works)
        while True:
            with self._runtime.current():
                batch = next(source, None)
            if batch is None:
                return
            yield batch

    def generate(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        """Queues the generator over each batch."""
        for batch in batches:
            if batch.owner:
                with self._lock, self._runtime.current():  # a batch's three steps, one after the other
                    self._generate(batch)
            yield batch

    def _generate(self, batch: Any) -> None:
        stream, size = self._generating, self.contract.resolution
        count, most = len(batch.owner), self._network.sizes[-1]
        stream.wait(batch.ready)
        batch.swaps = self._array((count, 3, size, size), stream)
        batch.masks = self._array((count, size, size), stream)
        for start in range(0, count, most):
            part = min(most, count - start)
            self._copy(self._network.taken(0, part), self._part(batch.targets, start, part), stream)
            self._network.run(0, part, stream)
            self._copy(self._part(batch.swaps, start, part), self._network.given(0, SWAP, part), stream)
            self._copy(self._part(batch.masks, start, part), self._network.given(0, MASK, part), stream)
        batch.ready = stream.record()

    def _part(self, array: Any, start: int, count: int) -> Any:
        """Some faces of a device array of them."""
        shape = tuple(array.shape)[1:]
        pointer = array.__cuda_array_interface__["data"][0] + start * int(np.prod(shape)) * 4
        return self._runtime.native.Array(pointer, [count, *shape], None, "<f4", array)

    def _copy(self, to: Any, of: Any, stream: Stream) -> None:
        self._runtime.copy(to, of, int(np.prod(of.shape)) * 4, stream)

    def _finish(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        """See `swap.FaceSwap`. Masks and statistics are made on the GPU. The statistics, some numbers a face, cross the
        bus, since what steadies them over frames runs on the host."""
        return finished(batches, self.look, self.face_width, self._measure)

    def _measure(self, batch: Any, look: Look, face_width: float) -> NDArray[np.float64]:
        runtime, stream, count, size = (
            self._runtime,
            self._measuring,
            len(batch.owner),
            self.contract.resolution,
        )
        with runtime.current():
            stream.wait(batch.ready)
            nearer = without_nearer(batch, ops.mask_lengths(look, face_width)[1])
            mattes = None if nearer is None else self._uploaded(nearer, stream)
            batch.shown = self._array((count, size, size), stream)
            device_ops.mask(
                runtime, stream, batch.outlines, batch.masks, mattes, look, face_width, batch.shown
            )
            frames = [batch.works[i].frame for i in batch.owner]
            inside = within_frames(frames, batch.to_coded, np.ones((count, size, size), np.float32))
            counted = batch.shown
            if not inside.all():
                counted = self._array((count, size, size), stream)
                runtime.native.mask(
                    None,
                    batch.shown,
                    self._uploaded(inside, stream),
                    "product",
                    0.0,
                    0.0,
                    counted,
                    stream.native,
                )
            found = runtime.empty((count, 2, _cpu.statistics_size(look.color)), "<f8", stream)
            device_ops.color_statistics(
                runtime, stream, batch.swaps, batch.targets, counted, look.color, found
            )
            batch.ready = stream.record()
            color: NDArray[np.float64] = found.download(stream.native)
        return color

    def _uploaded(self, data: NDArray[np.float32], stream: Stream) -> Any:
        array = self._array(data.shape, stream)
        array.upload(np.ascontiguousarray(data), stream.native)
        return array

    def _composite(self, batch: Batch) -> Sequence[Frame]:
        with self._runtime.current():
            batch = self._without_warm(batch)
            frames = [work.frame for work in batch.works]
            if batch.owner:
                self.draw(batch, [frames[i] for i in batch.owner])
        return frames

    def _without_warm(self, batch: Any) -> Batch:
        """See `Batch.without_warm`; the rows that stay are copied."""
        kept = [n for n, index in enumerate(batch.owner) if not batch.works[index].warm]
        if len(kept) == len(batch.owner):
            return cast("Batch", batch)
        stream = self._drawing
        stream.wait(batch.ready)
        rows: dict[str, Any] = {}
        for name in ("targets", "swaps", "masks", "shown"):
            old = getattr(batch, name)
            rows[name] = self._array((len(kept), *tuple(old.shape)[1:]), stream)
            for place, n in enumerate(kept):
                self._copy(self._part(rows[name], place, 1), self._part(old, n, 1), stream)
        done = stream.record()
        for name in rows:
            self._runtime.release(getattr(batch, name), done)
        made: Batch = replace(
            batch,
            owner=[batch.owner[n] for n in kept],
            to_coded=batch.to_coded[kept],
            outlines=batch.outlines[kept],
            measured=batch.measured and batch.measured.rows(kept),
            ready=done,
            **rows,
        )
        return made

    def draw(self, batch: Any, frames: Sequence[Frame]) -> None:
        """See `swap.FaceSwap`."""
        stream = self._drawing
        with self._runtime.current():
            stream.wait(batch.ready)
            for frame in {id(frame): frame for frame in frames}.values():
                wait_for(frame, stream)
            device_ops.composite(
                self._runtime,
                stream,
                frames,
                batch.to_coded,
                batch.targets,
                batch.swaps,
                batch.shown,
                batch.measured.color if batch.measured else None,
                self.look,
            )
            done = stream.record()
        for frame in frames:
            owner: OnDevice = frame.owner
            owner.ready, owner.changed = done, True
            for array in owner.arrays:
                self._runtime.release(array, done)
        for array in (batch.targets, batch.swaps, batch.masks, batch.shown):
            self._runtime.release(array, done)

    def close(self) -> None:
        """Waits for what is under way, then frees the engine."""
        for stream in (self._cropping, self._generating, self._measuring, self._drawing):
            stream.synchronize()
        self.engine.close()


def job_of(model: Path, batch: int, precision: Any = "f16") -> Job:
    """The generator of a model file as a network to open."""
    import onnx

    data = model.read_bytes()
    return Job(onnx.load_model_from_string(data), digest(data), model.name, batch, precision)
