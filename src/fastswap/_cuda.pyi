"""The native operations on NVIDIA GPUs; this module is built only where nvcc was found.

Functions are `_cpu`'s, with the same arguments, but pixels lie in device memory and the work is only queued on a
stream: nothing waits for it, and what it reads and writes must stay alive until it is done. Pixels are objects with
`__cuda_array_interface__` (torch, CuPy, PyCUDA, `Array`; its `stream` is ignored); float arrays are float32 and
C-contiguous. Maps and outlines are small and lie in host memory; they are read before a function returns. All faces
of a call share one launch per step; faces of one picture that overlap are drawn in order.

Importing needs no driver. Functions raise ValueError for arguments that do not fit together, RuntimeError with the CUDA
call that failed ("no usable NVIDIA GPU or driver: ..." where there is none), and MemoryError when the GPU's memory
does not suffice, after which a smaller batch may work. The GIL is released while a function works.
"""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

class DeviceArray(Protocol):
    """An array in device memory: |u1 or <u2 for planes, <f8 for statistics, <f4 for all others."""

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]: ...

Picture = tuple[DeviceArray, DeviceArray, DeviceArray, str, bool, str, int, tuple[int, int]]
"""As `_cpu.Picture`; any strides. U and V of a semi-planar picture are two views of one plane."""

class Stream:
    """A CUDA stream of the caller's, with the scratch memory of what runs on it.

    handle: a cudaStream_t or CUstream as a number, 0 for the default stream; it must outlive this object. Keep one
    for as long as its stream is used: calls allocate only when they need more than any before them. Any thread may use
    it; calls are queued one after the other. Freeing it waits for the stream.
    """

    def __init__(self, handle: int = 0, device: int = 0) -> None: ...
    @staticmethod
    def create(device: int = 0) -> Stream:
        """Over a stream of its own, which the default stream does not wait for."""
    def synchronize(self) -> None: ...
    @property
    def handle(self) -> int: ...
    @property
    def device(self) -> int: ...
    @property
    def reserved(self) -> int:
        """Bytes of device and page-locked memory that are held."""

class Timer:
    """The device's own time between two points of a stream."""

    def __init__(self, device: int = 0) -> None: ...
    def start(self, stream: Stream) -> None: ...
    def stop(self, stream: Stream) -> None: ...
    def milliseconds(self) -> float:
        """Waits for the second point."""

class Array:
    """An array in device memory: a view of the owner's, or memory of its own (`empty`)."""

    def __init__(
        self,
        pointer: int,
        shape: Sequence[int],
        strides: Sequence[int] | None,  # bytes; None: C-contiguous
        typestr: str,  # |u1, <u2, <f4 or <f8
        owner: object = None,  # kept alive
    ) -> None: ...
    @staticmethod
    def empty(shape: Sequence[int], typestr: str, device: int = 0) -> Array: ...
    @staticmethod
    def from_dlpack(source: Any) -> Array:
        """Of an object with `__dlpack__` whose memory is a CUDA device's. Nothing is synchronised."""
    @property
    def pointer(self) -> int: ...
    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def strides(self) -> tuple[int, ...]: ...
    @property
    def typestr(self) -> str: ...
    @property
    def device(self) -> int: ...
    @property
    def __cuda_array_interface__(self) -> dict[str, Any]: ...
    def __dlpack__(self, **kwargs: Any) -> Any:
        """An unversioned capsule; the stream argument is ignored, nothing is synchronised."""
    def __dlpack_device__(self) -> tuple[int, int]: ...
    def upload(self, source: NDArray[Any], stream: Stream) -> None:
        """Queues a copy of a host array of the same shape and type; both are C-contiguous."""
    def download(self, stream: Stream) -> NDArray[Any]:
        """Waits for the stream and returns a copy in host memory."""

class Graph:
    """Work recorded once from a stream and launched as one. Used by one thread at a time."""

    def __init__(self) -> None: ...
    def begin(self, stream: int) -> None:
        """Everything that this thread queues in the stream until `end` is recorded and not run."""
    def end(self, stream: int) -> None:
        """Makes the recording ready; also to be called when queueing failed."""
    def launch(self, stream: int) -> None: ...

def order(first: int, then: int) -> None:
    """What is queued in stream `then` from now on waits for what is queued in stream `first`; the host does not."""

def crop(
    pictures: Sequence[Picture],
    to_coded: NDArray[np.float64],
    out: DeviceArray,
    border: str,
    stream: Stream,
) -> None: ...
def mask(
    outlines: NDArray[np.float32] | None,
    generated: DeviceArray | None,
    mattes: DeviceArray | None,
    join: str,
    erode: float,
    feather: float,
    out: DeviceArray,
    stream: Stream,
) -> None:
    """A crop's side is 1920 pixels at most."""

def color_statistics(
    faces: DeviceArray,
    targets: DeviceArray,
    masks: DeviceArray,
    mode: str,
    out: DeviceArray,  # <f8
    stream: Stream,
) -> None: ...
def match_color(
    faces: DeviceArray,
    statistics: NDArray[np.float64] | DeviceArray,  # in host memory for the modes histogram and sliced
    mode: str,
    strength: float,
    out: DeviceArray,
    stream: Stream,
) -> None: ...
def blend(
    pictures: Sequence[Picture],
    to_coded: NDArray[np.float64],
    faces: DeviceArray,
    masks: DeviceArray,
    opacity: float,
    enlarge: str,
    grain: NDArray[np.float32] | None,
    seeds: Sequence[int],
    stream: Stream,
) -> None: ...
def match_seam(
    faces: DeviceArray,
    targets: DeviceArray,
    masks: DeviceArray,
    to_coded: NDArray[np.float64],
    frames: NDArray[np.int32],
    mode: str,
    out: DeviceArray,
    stream: Stream,
) -> None: ...
def composite(
    pictures: Sequence[Picture],
    to_coded: NDArray[np.float64],
    targets: DeviceArray,
    faces: DeviceArray,
    generated: DeviceArray | None,
    outlines: NDArray[np.float32] | None,
    mattes: DeviceArray | None,
    masks: DeviceArray | None,
    statistics: NDArray[np.float64] | DeviceArray | None,  # as in match_color
    join: str,
    erode: float,
    feather: float,
    mode: str,
    strength: float,
    blend: str,
    opacity: float,
    enlarge: str,
    grain: NDArray[np.float32] | None,
    seeds: Sequence[int],
    stream: Stream,
) -> None: ...
def detail_statistics(
    pictures: DeviceArray,
    masks: DeviceArray,
    out: DeviceArray,  # <f8
    stream: Stream,
) -> None: ...
def sharpen(pictures: DeviceArray, gains: NDArray[np.float32], out: DeviceArray, stream: Stream) -> None: ...
def motion_blur(
    faces: DeviceArray,
    masks: DeviceArray,
    motions: NDArray[np.float64],
    out: DeviceArray,
    stream: Stream,
) -> None: ...
def noise_statistics(
    pictures: Sequence[Picture],
    to_coded: NDArray[np.float64],
    masks: DeviceArray,
    out: DeviceArray,  # <f8
    stream: Stream,
) -> None: ...
def device_count() -> int: ...
def device_name(index: int) -> str: ...
