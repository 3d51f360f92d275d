"""Between the generator and the drawing, on a GPU: see `fastswap.finish`. Pixels stay in the GPU's memory.

The numbers that are measured, 80 KB a face for the colour mode sliced and some hundred numbers for others, cross the
bus, since what steadies them over frames runs on the host.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fastswap import _cpu, ops, texture
from fastswap.device import ops as device_ops
from fastswap.device.plane import wait_for
from fastswap.finish import Measured, mattes_of, nothing, scaled, within_frames
from fastswap.look import Look

if TYPE_CHECKING:
    from fastswap.device.room import Room
    from fastswap.device.runtime import Runtime, Stream
    from fastswap.frame import Frame
    from fastswap.mask_file import MaskFile

Doubles = NDArray[np.float64]


def rows(runtime: Runtime, array: Any, first: int, count: int) -> Any:
    """Some rows of a float32 device array, as a view."""
    shape = tuple(array.shape)[1:]
    pointer = array.__cuda_array_interface__["data"][0] + first * int(np.prod(shape)) * 4
    return runtime.native.Array(pointer, [count, *shape], None, "<f4", array)


class Finish:
    """Measures and finishes the faces of batches, on a stream of its own."""

    def __init__(self, runtime: Runtime, room: Room) -> None:
        self._runtime, self._room = runtime, room
        self.stream: Stream = runtime.stream()

    def measure(
        self, batch: Any, look: Look, face_width: float, mask_file: MaskFile | None
    ) -> tuple[Doubles, Doubles, Doubles]:
        """See `finish.measure`: sets `shown`, and crops anew what is drawn in another size."""
        frames = [batch.works[i].frame for i in batch.owner]
        batch.to_coded = scaled(batch.to_coded, look.scale, batch.targets.shape[-1])
        mattes = mattes_of(batch, ops.mask_lengths(look, face_width)[1], mask_file)
        size = batch.targets.shape[-1]
        inside = within_frames(frames, batch.to_coded, np.ones((len(frames), size, size), np.float32))

        def step(first: int, count: int) -> tuple[Doubles, Doubles, Doubles]:
            part = slice(first, first + count)
            given = None if mattes is None else mattes[part]
            return self._part(batch, first, frames[part], given, inside[part], look, face_width)

        with self._runtime.current():
            self.stream.wait(batch.ready)
            if look.scale != 1.0 or look.grain > 0.0:
                for frame in {id(frame): frame for frame in frames}.values():
                    wait_for(frame, self.stream)
            parts = list(self._room.in_parts(len(frames), step))
            batch.ready = self.stream.record()
        color, detail, noise = (np.concatenate(kind) for kind in zip(*parts, strict=True))
        return color, detail, noise

    def _part(
        self,
        batch: Any,
        first: int,
        frames: list[Frame],
        mattes: NDArray[np.float32] | None,
        inside: NDArray[np.float32],
        look: Look,
        face_width: float,
    ) -> tuple[Doubles, Doubles, Doubles]:
        runtime, stream, count = self._runtime, self.stream, len(frames)
        swaps, targets, masks, shown = (
            rows(runtime, array, first, count)
            for array in (batch.swaps, batch.targets, batch.masks, batch.shown)
        )
        maps, outlines = batch.to_coded[first : first + count], batch.outlines[first : first + count]
        if look.scale != 1.0:
            device_ops.crop(runtime, stream, frames, maps, targets)
        made: list[Any] = []
        given = None if mattes is None else self._uploaded(mattes, made)
        device_ops.mask(runtime, stream, outlines, masks, given, look, face_width, shown)
        counted = shown
        if not inside.all():
            counted = self._empty(inside.shape, "<f4", made)
            runtime.native.mask(
                None, shown, self._uploaded(inside, made), "product", 0.0, 0.0, counted, stream.native
            )
        color = self._empty((count, 2, _cpu.statistics_size(look.color)), "<f8", made)
        device_ops.color_statistics(runtime, stream, swaps, targets, counted, look.color, color)
        detail, noise = [], None
        if look.sharpness > 0.0:
            for faces in (swaps, targets):
                detail.append(self._empty((count, texture.DETAIL_NUMBERS), "<f8", made))
                device_ops.detail_statistics(runtime, stream, faces, counted, detail[-1])
        if look.grain > 0.0:
            noise = self._empty((count, texture.NOISE_NUMBERS), "<f8", made)
            device_ops.noise_statistics(runtime, stream, frames, maps, shown, noise)
        none = nothing(count)
        found = (
            color.download(stream.native),  # waits for all of it
            np.stack([numbers.download(stream.native) for numbers in detail], axis=1) if detail else none[0],
            none[1] if noise is None else noise.download(stream.native),
        )
        for array in made:
            runtime.release(array, None)
        return found

    def finish(self, batch: Any, measured: Measured, look: Look) -> None:
        """See `finish.finish`: the faces as sharp and as smeared as the target."""
        if look.sharpness <= 0.0 and look.motion_blur <= 0.0:
            return
        count = len(batch.owner)
        gains = texture.sharpness_gains(measured.detail, look.sharpness)
        motions = np.ascontiguousarray(look.motion_blur * measured.motion)

        def sharpen(first: int, many: int) -> None:
            device_ops.sharpen(
                self._runtime,
                self.stream,
                rows(self._runtime, batch.swaps, first, many),
                gains[first : first + many],
            )

        def blur(first: int, many: int) -> None:
            swaps, shown = (rows(self._runtime, array, first, many) for array in (batch.swaps, batch.shown))
            out = self._runtime.empty(tuple(swaps.shape), "<f4", self.stream)
            device_ops.motion_blur(
                self._runtime, self.stream, swaps, shown, motions[first : first + many], out
            )
            self._runtime.copy(swaps, out, int(np.prod(swaps.shape)) * 4, self.stream)
            self._runtime.release(out, self.stream.record())

        with self._runtime.current():
            self.stream.wait(batch.ready)
            if look.sharpness > 0.0:
                list(self._room.in_parts(count, sharpen))
            if look.motion_blur > 0.0:
                list(self._room.in_parts(count, blur))
            batch.ready = self.stream.record()

    def _uploaded(self, data: NDArray[np.float32], made: list[Any]) -> Any:
        """A copy in the GPU's memory, entered in `made`."""
        array = self._empty(data.shape, "<f4", made)
        array.upload(np.ascontiguousarray(data), self.stream.native)
        return array

    def _empty(self, shape: tuple[int, ...], typestr: str, made: list[Any]) -> Any:
        made.append(self._runtime.empty(shape, typestr, self.stream))
        return made[-1]
