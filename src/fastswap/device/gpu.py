"""One GPU as a device: frames in its memory from decoder to encoder, every stage on a stream of its own."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from fastswap.device import GPU_BATCH
from fastswap.device.faces import DeviceDetector, DeviceMesh, FaceNetwork, face_jobs
from fastswap.device.pictures import Pictures
from fastswap.device.plane import Look as Reader
from fastswap.device.plane import OnDevice, is_on_device, split
from fastswap.device.swap import DeviceSwap
from fastswap.device.transfer import Downloader, Uploader
from fastswap.errors import DeviceError
from fastswap.frame import Frame
from fastswap.look import Look

if TYPE_CHECKING:
    from fastswap.detect import Detector, Mesh
    from fastswap.device.runtime import Runtime
    from fastswap.engines.opening import EngineName
    from fastswap.video.nvidia import Landing


SPILLED: Final = (
    "frames for which the GPU's memory has no room stay in host memory, where the GPU reaches them slowly"
)
_CALM: Final = 128
"""Frames after which those have left that were on their way when batches were halved."""


class GpuDevice:
    """See `device.Device`."""

    def __init__(self, runtime: Runtime, engine: EngineName = "auto") -> None:
        self.runtime, self._engine = runtime, engine
        self.name, self.batch, self.notices = f"cuda:{runtime.index} ({runtime.name})", GPU_BATCH, list[str]()
        self._faces: tuple[FaceNetwork, FaceNetwork] | None = None
        self.reader = Reader(runtime)
        self._upload = Uploader(runtime, self.reader, self._spilled)
        self._download = Downloader(runtime)
        self._swaps: weakref.WeakSet[DeviceSwap] = weakref.WeakSet()
        self._since = _CALM  # frames since batches were last halved for the sake of frames
        self.gpu: int | None = runtime.index
        self.landing: Landing | None = self
        self.pictures: Pictures | None = Pictures(runtime, self.reader)

    def models(self) -> tuple[Detector, Mesh]:
        """See `device.Device`."""
        if self._faces is None:
            detector, mesh = (FaceNetwork(job, self.runtime, self._engine) for job in face_jobs())
            self._faces = detector, mesh
            self.notices += [*detector.network.notices, *mesh.network.notices]
        return DeviceDetector(self._faces[0]), DeviceMesh(self._faces[1])

    def arrive(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        """Uploads the frames that were decoded on the CPU; while one is copied the next is decoded."""
        for frame in frames:
            if frame.pixels.gray:
                raise DeviceError(
                    f"{self.name}: frame {frame.index} is gray, which the GPU path does not take"
                )
            self._since += 1
            yield frame if is_on_device(frame) else self._upload(frame)

    def _spilled(self) -> None:
        """The GPU has no room for a frame: fewer of them will wait where batches are smaller."""
        if SPILLED not in self.notices:
            self.notices.append(SPILLED)
        if self._since >= _CALM:
            self._since = 0
            for swap in list(self._swaps):
                swap.room.halve()

    def leave(self, frames: Iterable[Frame], *, direct: bool = False) -> Iterator[Frame]:
        """Downloads what the encoder cannot take; while one is copied the next is drawn."""
        return self._download(frames, direct=direct)

    @property
    def index(self) -> int:
        """Of the GPU, for FFmpeg."""
        return self.runtime.index

    def land(self, decoded: Any) -> tuple[tuple[Any, ...], OnDevice]:
        """Planes of a frame that FFmpeg decoded into the GPU's memory, without a copy; see `video.nvidia.Landing`."""
        with self.runtime.current():
            owner = OnDevice(ready=self.runtime.default_event(), picture=decoded)
            blocks = [self.runtime.native.Array.from_dlpack(plane) for plane in decoded.planes]
            return split(blocks, self.runtime, self.reader, owner), owner

    def lost(self, error: Exception) -> None:
        """See `video.nvidia.Landing`: raises DeviceError when the GPU does not answer, GaveUp when it is full or its
        decoder fails; what FFmpeg says of a damaged packet is another error."""
        import av

        from fastswap.video.nvidia import GaveUp

        self.runtime.memory()  # raises when the GPU does not answer
        if isinstance(error, MemoryError):
            raise GaveUp(f"{self.name} has no memory left for decoded frames") from error
        if isinstance(error, av.ExternalError):
            raise GaveUp(f"the decoder of {self.name} failed") from error

    def swap(self, model: Path, *, look: Look, batch: int, threads: int, flowing: bool = True) -> DeviceSwap:
        """See `device.Device`."""
        made = DeviceSwap(
            model,
            runtime=self.runtime,
            engine=self._engine,
            look=look,
            batch=batch,
            threads=threads,
            notices=self.notices,
        )
        self._swaps.add(made)
        return made

    def close(self) -> None:
        """Frees the face models and the run time."""
        for network in self._faces or ():
            network.close()
        self._faces = None
        self.runtime.close()
