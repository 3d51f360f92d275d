"""Detector and mesh on a GPU: the default face models, converted to ONNX once, over crops that never leave it."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from fastswap import weights
from fastswap.align import compose
from fastswap.detect import Detector, Mesh, _anchors
from fastswap.device.ops import crop
from fastswap.device.plane import wait_for
from fastswap.device.room import once_more
from fastswap.engines.network import run_with_room
from fastswap.engines.opening import Job, digest, open_network
from fastswap.errors import ModelError, OutputError
from fastswap.frame import Affine, Frame
from fastswap.tflite import to_onnx

if TYPE_CHECKING:
    from onnx import ModelProto

    from fastswap.device.runtime import Runtime
    from fastswap.engines.network import DeviceNetwork
    from fastswap.engines.opening import EngineName

_DIGEST: Final = 64
CONVERSION: Final = 1
"""Version of the conversion; a change makes converted files of before unused."""
_BATCH: Final = {"detector": 8, "mesh": 4}
"""Pictures in one run: the detector's tiles of a frame, the mesh's faces."""


def converted(name: weights.ModelName) -> bytes:
    """A default face model as ONNX, converted when it is first needed and kept in the cache folder.

    A kept file that is damaged is made again. Raises WeightsError, ModelError when the file cannot be converted,
    OutputError when the cache cannot be written.
    """
    path = weights.model_path(name)
    data = path.read_bytes()
    folder = weights.cache_dir() / "onnx"
    made = folder / f"{name}-{digest(data)[:16]}-{CONVERSION}.network"
    if made.exists() and (kept := _sound(made.read_bytes())):
        return kept
    try:
        model = to_onnx(data, center=name == "detector")
    except ValueError as error:
        raise ModelError(f"{path}: cannot be converted to ONNX ({error})") from error
    network: bytes = model.SerializeToString()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        partial = made.with_suffix(f".partial-{os.getpid()}")
        partial.write_bytes(digest(network).encode() + network)
        partial.replace(made)
    except OSError as error:
        raise OutputError(f"{made}: cannot be written ({error.strerror or error})") from error
    return network


def _sound(data: bytes) -> bytes:
    """The network in a kept file, which begins with its digest; empty when the file is damaged."""
    stated, network = data[:_DIGEST], data[_DIGEST:]
    return network if stated == digest(network).encode() else b""


def face_jobs() -> list[Job]:
    """Detector and mesh as networks to open. float32: half precision moves the landmarks in steps."""
    jobs = []
    for name in weights.WEIGHTS:
        data = converted(name)
        jobs.append(Job(_loaded(data), digest(data), f"face {name}", _BATCH[name], "f32"))
    return jobs


class FaceNetwork:
    """A face model on a GPU, with a stream of its own."""

    def __init__(self, job: Job, runtime: Runtime, engine: EngineName) -> None:
        self.network: DeviceNetwork = open_network(job, runtime, engine=engine)
        self._runtime, self._stream, self._lock = runtime, runtime.stream(), threading.Lock()
        self._name = job.name

    def __call__(
        self, frame: Frame, regions: Sequence[Affine], border: str
    ) -> list[tuple[NDArray[np.float32], ...]]:
        """Outputs, in the file's order, for each region: a map from crop pixels to display pixels."""
        found: list[tuple[NDArray[np.float32], ...]] = []
        most = self.network.sizes[-1]
        with self._lock, self._runtime.current():
            wait_for(frame, self._stream)
            for start in range(0, len(regions), most):
                part = regions[start : start + most]
                found += once_more(self._runtime, self._name, partial(self._look, frame, part, border))
        return found

    def _look(
        self, frame: Frame, regions: Sequence[Affine], border: str
    ) -> list[tuple[NDArray[np.float32], ...]]:
        count = len(regions)
        maps = np.stack([compose(frame.to_coded, region) for region in regions])
        taken = self.network.taken(0, count)
        crop(self._runtime, self._stream, [frame] * count, maps, taken, border=border)
        run_with_room(self.network, count, self._stream)
        results = [
            self.network.given(0, name, count).download(self._stream.native)
            for name in sorted(self.network.outputs)
        ]
        return list(zip(*results, strict=True))

    def close(self) -> None:
        """Frees the network."""
        self._stream.synchronize()
        self.network.close()


def _loaded(data: bytes) -> ModelProto:
    import onnx

    return onnx.load_model_from_string(data)


class DeviceDetector(Detector):
    """The detector over frames on a GPU; see `detect.Detector`."""

    def __init__(self, network: FaceNetwork) -> None:
        self._anchors, self._gpu = _anchors(), network

    def _look(self, frame: Frame, region: Affine) -> Sequence[Any]:
        (outputs,) = self._gpu(frame, [region], "black")
        return outputs


class DeviceMesh(Mesh):
    """The mesh over frames on a GPU; see `detect.Mesh`."""

    def __init__(self, network: FaceNetwork) -> None:
        self._gpu = network

    def _look(self, frame: Frame, squares: Sequence[Affine]) -> Sequence[Sequence[Any]]:
        return self._gpu(frame, squares, "replicate")
