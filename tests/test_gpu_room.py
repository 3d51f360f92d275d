"""GPU memory that is too small for a batch: the work goes on in halves, with the same pictures, and is told once."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import fastswap
import host_runtime
from fastswap.device import room as rooms
from fastswap.device.gpu import SPILLED, GpuDevice
from fastswap.device.room import Room
from fastswap.device.runtime import device_errors
from fastswap.engines.exhausted import is_exhausted, says_exhausted
from fastswap.engines.network import run_with_room
from fastswap.errors import DeviceError
from fastswap.look import Look
from gpu_swaps import actor, both, check_alike, swapped_on_cpu, swapped_on_gpu
from host_runtime import HostRuntime

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(autouse=True)
def _no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rooms, "PATIENCE_S", (0.0,))


@pytest.fixture
def runtime() -> HostRuntime:
    return HostRuntime(host_runtime.module())


@pytest.fixture
def device(runtime: HostRuntime) -> GpuDevice:
    return GpuDevice(runtime, "torch")


def full(call: Callable[..., Any], most: int, place: int) -> Callable[..., Any]:
    """A native operation with room for `most` faces only, by the length of one of its arguments."""

    def limited(*arguments: Any) -> Any:
        given = arguments[place]
        count = given if isinstance(given, int) else given.shape[0] if hasattr(given, "shape") else len(given)
        if count > most:
            raise MemoryError("GPU memory is exhausted: cudaMalloc(&memory, bytes) failed: out of memory")
        return call(*arguments)

    return limited


def fill(runtime: HostRuntime, lacks: Callable[[tuple[int, ...], str], bool]) -> None:
    """Leaves no room for arrays of which `lacks`, told their shape and kind, says so."""
    whole = runtime.empty

    def empty(shape: tuple[int, ...], typestr: str, stream: Any, *, kind: str = "own") -> Any:
        if lacks(shape, kind):
            raise MemoryError("GPU memory is exhausted")
        return whole(shape, typestr, stream, kind=kind)

    runtime.empty = empty  # type: ignore[method-assign]


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("crop", 0), ("mask", 1), ("color_statistics", 0), ("detail_statistics", 0), ("noise_statistics", 0),
        ("sharpen", 0), ("motion_blur", 0), ("composite", 0),
    ],
)  # fmt: skip
def test_no_room_for_an_operation_in_mid_render(
    runtime: HostRuntime, device: GpuDevice, generator: Path, name: str, place: int
) -> None:
    look = Look(steady=1, sharpness=0.5, grain=0.5, motion_blur=0.5)
    with both(device, generator, look=look) as (cpu, gpu):
        setattr(runtime.native, name, full(getattr(runtime.native, name), 1, place))
        check_alike(swapped_on_gpu(device, gpu), swapped_on_cpu(cpu))
    words = "the GPU's memory has no room for more"
    told = [notice for notice in device.notices if words in notice]
    assert told == [f"{generator.name}: batches of 1 instead of 4: {words}"]
    assert gpu.engine.batch == 1
    assert runtime.trimmed


def test_no_room_for_a_single_face(runtime: HostRuntime, device: GpuDevice, generator: Path) -> None:
    runtime.native.composite = full(runtime.native.composite, 0, 0)
    with (
        both(device, generator) as (_, gpu),
        pytest.raises(DeviceError, match="too small even for one face"),
    ):
        swapped_on_gpu(device, gpu)


def test_crops_for_which_there_is_no_room(runtime: HostRuntime, device: GpuDevice, generator: Path) -> None:
    """The pool itself is empty: a batch's arrays fit for two faces at a time."""
    with both(device, generator) as (cpu, gpu):
        fill(runtime, lambda shape, kind: shape[-1] == gpu.contract.resolution and shape[0] > 2)
        check_alike(swapped_on_gpu(device, gpu), swapped_on_cpu(cpu))
    assert gpu.engine.batch == 2


def test_frames_for_which_there_is_no_room(runtime: HostRuntime, device: GpuDevice, generator: Path) -> None:
    """They stay where kernels reach them across the bus, later batches are smaller, and the pictures are the same."""
    number = itertools.count(1)
    with both(device, generator) as (cpu, gpu):
        fill(runtime, lambda shape, kind: kind == "frame" and next(number) > 4)
        check_alike(swapped_on_gpu(device, gpu), swapped_on_cpu(cpu))
    assert len(runtime.spilled) > 4
    assert device.notices.count(SPILLED) == 1
    assert gpu.engine.batch == 2  # halved once for all frames that were on their way


def test_frames_leave_room_for_what_cannot_be_spilled(
    runtime: HostRuntime, device: GpuDevice, generator: Path
) -> None:
    """All of a long run of frames wait, and batches still find room."""
    with both(device, generator, look=Look(steady=0, blend="poisson")) as (cpu, gpu):
        runtime.left, runtime.reserve = 1_300_000, 700_000  # five frames are 900 000
        check_alike(swapped_on_gpu(device, gpu), swapped_on_cpu(cpu))
    assert runtime.spilled
    assert SPILLED in device.notices


def test_the_report_tells_of_it_once(
    gpu: HostRuntime, face_clip: Path, generator: Path, tmp_path: Path
) -> None:
    gpu.native.composite = full(gpu.native.composite, 2, 0)
    settings = {"model": generator, "device": "cuda", "engine": "torch", "batch": 8, "end": "12f"}
    report = fastswap.render(face_clip, tmp_path / "a.mkv", encoder="ffv1", threads=1, **settings)
    assert report.faces == 12
    told = [notice for notice in report.notices if "no room" in notice]
    assert told == [f"{generator.name}: batches of 2 instead of 8: the GPU's memory has no room for more"]
    assert report.engine.endswith("batch 2")


@pytest.mark.parametrize("fails", [1, 2])
def test_no_room_to_look_for_faces(runtime: HostRuntime, device: GpuDevice, fails: int) -> None:
    detector, _ = device.models()
    (frame,) = device.arrive(actor(1))
    crop, left = runtime.native.crop, [MemoryError("GPU memory is exhausted")] * fails

    def full_at_first(*arguments: Any) -> None:
        if left:
            raise left.pop()
        crop(*arguments)

    runtime.native.crop = full_at_first
    if fails > 1:
        with pytest.raises(DeviceError, match=r"^face detector: the GPU's memory is too small"):
            detector(frame)
    else:
        assert len(detector(frame)) == 1
        assert runtime.trimmed == 1


def test_a_step_is_tried_again_before_it_is_halved() -> None:
    notices: list[str] = []
    engine: Any = SimpleNamespace(batch=8)
    freed = []
    runtime: Any = SimpleNamespace(trim=lambda: freed.append(1) or True)
    room = Room(runtime, engine, "a.onnx", 8, notices)
    tries = []

    def step(first: int, count: int) -> tuple[int, int]:
        tries.append((first, count))
        if len(tries) == 1:
            raise MemoryError
        return first, count

    assert list(room.in_parts(8, step)) == [(0, 8)]
    assert (engine.batch, notices, len(freed)) == (8, [], 1)
    room.halve()
    room.limit(3)
    room.limit(4)  # is more
    assert engine.batch == 3
    assert notices == ["a.onnx: batches of 3 instead of 8: the GPU's memory has no room for more"]


@pytest.mark.parametrize("count", range(3, 17))
def test_halves_end_at_what_there_is_room_for(count: int) -> None:
    """However many faces had gathered when batches became smaller."""
    engine: Any = SimpleNamespace(batch=16)
    runtime: Any = SimpleNamespace(trim=lambda: False)
    room = Room(runtime, engine, "a.onnx", 16, [])

    def step(first: int, many: int) -> int:
        if many > 2:
            raise MemoryError
        return many

    assert sum(room.in_parts(count, step)) == count
    assert engine.batch == 2


def test_a_size_without_room_runs_as_the_largest() -> None:
    ran = []

    def run(slot: int, count: int, stream: Any) -> None:
        if count < 4:
            raise MemoryError
        ran.append(count)

    network: Any = SimpleNamespace(sizes=(1, 2, 4), run=run)
    run_with_room(network, 1, None)  # type: ignore[arg-type]
    assert ran == [4]


@pytest.mark.parametrize(
    ("words", "exhausted"),
    [
        ("CUDA out of memory. Tried to allocate 20.00 MiB. GPU 0 has a total capacity of ...", True),
        ("CUDA error: out of memory", True),
        ("cuDNN error: CUDNN_STATUS_ALLOC_FAILED", True),
        ("cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED", True),
        ("CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`", True),
        ("[resizingAllocator.cpp::allocate::74] Error Code 1: Cuda Runtime (out of memory)", True),
        ("Error Code 2: OutOfMemory (Requested size was 2147483648 bytes.)", True),
        ("Requested amount of GPU memory (99 bytes) could not be allocated. There may not be enough", True),
        ("Could not find any implementation for node conv due to insufficient workspace", True),
        ("GPU memory is exhausted: cudaMalloc(&memory, bytes) failed: out of memory (CUDA error 2)", True),
        ("CUDA error: an illegal memory access was encountered", False),
        ("Error Code 1: Cuda Runtime (an illegal memory access was encountered)", False),
        ("CUDA error: unspecified launch failure", False),
        ("cuMemcpyDtoHAsync failed: invalid argument", False),
        ("CUDA error: misaligned address", False),
    ],
)
def test_words_of_memory_that_is_not_there(words: str, exhausted: bool) -> None:
    assert says_exhausted(words) is exhausted
    kind, pattern = (MemoryError, "cuda:0: ") if exhausted else (DeviceError, "cuda:0: the GPU failed: ")
    native = words if "cuda" in words.lower() else f"CUDA: {words}"
    with pytest.raises(kind, match=pattern), device_errors("cuda:0"):
        raise RuntimeError(native)


def test_the_reason_may_lie_behind_another_error() -> None:
    """Torch ends a recording that ran out of memory with a complaint about the recording."""

    def recorded() -> None:
        try:
            raise RuntimeError("CUDA out of memory")
        finally:
            raise RuntimeError("operation failed due to a previous error during capture")

    with pytest.raises(RuntimeError, match="capture") as error:
        recorded()
    assert is_exhausted(error.value)
    assert not is_exhausted(RuntimeError("operation failed due to a previous error during capture"))


@pytest.mark.parametrize(
    ("words", "kind"), [("CUDNN_STATUS_ALLOC_FAILED", MemoryError), ("device lost", DeviceError)]
)
def test_torchs_libraries_run_out_of_memory_too(words: str, kind: type[Exception]) -> None:
    from fastswap.engines.torch import _errors

    with pytest.raises(kind), _errors(torch.device("cpu")):
        raise RuntimeError(words)


class Library:
    """As much of TensorRT as fails: an engine that a full GPU does not take, and what is said meanwhile."""

    __version__ = "11.4"

    class ILogger:
        class Severity:
            INTERNAL_ERROR, ERROR, WARNING = range(3)

    class TensorIOMode:
        INPUT, OUTPUT = range(2)

    def __init__(self, said: list[str], at: str) -> None:
        self.said, self.at = said, at

    def Runtime(self, log: Any) -> Any:
        self.log = log
        return SimpleNamespace(deserialize_cuda_engine=lambda data: self.give("engine", self))

    def give(self, step: str, made: Any) -> Any:
        if step != self.at:
            return made
        for words in self.said:
            self.log.log(self.ILogger.Severity.ERROR, words)
        return None

    num_io_tensors = 2

    def get_tensor_name(self, index: int) -> str:
        return ("face", "swap")[index]

    def get_tensor_mode(self, name: str) -> int:
        return 0 if name == "face" else 1

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        return (-1, 3, 8, 8)

    def create_execution_context(self) -> Any:
        done = lambda *arguments: True  # noqa: E731
        return self.give(
            "context",
            SimpleNamespace(
                set_optimization_profile_async=done,
                set_input_shape=done,
                set_tensor_address=done,
                execute_async_v3=lambda handle: self.give("run", True),
            ),
        )


@pytest.mark.parametrize("at", ["engine", "context", "run"])
@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (
            ["Error Code 2: OutOfMemory (Requested size was 9 bytes.)", "Error Code 4: Internal Error"],
            MemoryError,
        ),
        (["Error Code 1: Cuda Runtime (an illegal memory access was encountered)"], None),
        ([], None),
    ],
)
def test_what_tensorrt_says_of_a_failure(
    runtime: HostRuntime, at: str, said: list[str], kind: type[Exception] | None
) -> None:
    from fastswap.engines.tensorrt import TensorRtNetwork, UnusableEngine

    wanted = kind or (UnusableEngine if at == "engine" else DeviceError)
    library: Any = Library(said, at)

    def opened_and_run() -> None:
        network = TensorRtNetwork(b"engine", runtime, trt=library, sizes=(1, 2), precision="f16")
        with runtime.current():
            network.run(0, 2, runtime.stream())

    with pytest.raises(wanted) as error:
        opened_and_run()
    assert (said[0] if said else "no reason given") in str(error.value)


def test_an_engine_is_built_for_half_the_batch(
    runtime: HostRuntime, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The builder runs out of memory at 8 and at 4, and the first run of the engine for 2 fits."""
    from fastswap.engines import opening, tensorrt, tensorrt_build
    from fastswap.engines.cache import EngineCache
    from fastswap.engines.tensorrt_build import Built
    from test_gpu_engines import job, plain

    built, closed = [], []

    def build(model: object, *, batch: int, **settings: object) -> Built:
        built.append(batch)
        if batch > 4:
            raise MemoryError("TensorRT cannot build the engine (OutOfMemory)")
        return Built(str(batch).encode(), b"", 1.0)

    def network(engine: bytes, runtime: HostRuntime, **settings: object) -> Any:
        made: Any = opening.open_torch(job(plain(), int(engine)), runtime)
        close = made.close
        made.close = lambda: (closed.append(int(engine)), close())
        if int(engine) > 2:
            made.run = full(lambda *arguments: None, -1, 0)
        return made

    library = SimpleNamespace(__version__="11.4", __name__="trt")
    monkeypatch.setattr(tensorrt, "library", lambda lean=False: library)
    monkeypatch.setattr(tensorrt_build, "build", build)
    monkeypatch.setattr(tensorrt, "TensorRtNetwork", network)
    opened = opening.open_network(job(plain(), 8), runtime, engine="tensorrt", cache=EngineCache(tmp_path))
    assert built == [8, 4, 2]
    assert 4 in closed  # its memory is free for the next
    assert opened.sizes == (1, 2)
    again = opening.open_network(job(plain(), 8), runtime, engine="tensorrt", cache=EngineCache(tmp_path))
    assert built == [8, 4, 2]  # what failed is not tried again with no more memory than then
    assert again.sizes == (1, 2)
    assert [notice for notice in opened.notices if "no room" in notice] == [
        "demo.onnx: batches of 2 instead of 8: the GPU's memory has no room for more"
    ]
