"""The GPU path without a GPU: emulated kernels, torch on the CPU, and a run time that checks the order of the work."""

from __future__ import annotations

import gc
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import compare
import fastswap
import host_runtime
import people
from fastswap import detect, video
from fastswap.actors import BO
from fastswap.cuts import ShotCuts
from fastswap.device import plane as planes
from fastswap.device.gpu import GpuDevice
from fastswap.device.layout import blocks_of, host_planes, on_host
from fastswap.device.pictures import NO_STREAM
from fastswap.device.plane import OnDevice, is_on_device
from fastswap.device.transfer import DEPTH, Downloader, Uploader
from fastswap.errors import DeviceError, SettingsError
from fastswap.look import Look
from fastswap.provenance import verify
from fastswap.track import Tracker
from gpu_swaps import LOOKS, actor, both, check_alike, swapped_on_cpu, swapped_on_gpu
from host_runtime import HostRuntime, Unordered

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def runtime() -> HostRuntime:
    return HostRuntime(host_runtime.module())


@pytest.fixture(scope="module")
def device(runtime: HostRuntime) -> GpuDevice:
    return GpuDevice(runtime, "torch")


@pytest.mark.parametrize("layout", ["planar", "nv12", "rgb24", "upwards", "gray"])
def test_blocks_hold_planes_whatever_their_layout(layout: str) -> None:
    rng = np.random.default_rng(1)
    y = rng.integers(0, 255, (31, 64), np.uint8)[:, :45]
    chroma = rng.integers(0, 255, (16, 60), np.uint8)
    rgb = rng.integers(0, 255, (31, 160), np.uint8)[:, :135].reshape(31, 45, 3)
    planes = {
        "planar": (y, chroma[:, :23], chroma[:, 30:53].copy()),
        "nv12": (y, chroma[:, 0:46:2], chroma[:, 1:46:2]),
        "rgb24": (rgb[..., 1], rgb[..., 2], rgb[..., 0]),
        "upwards": (y[::-1], chroma[::-1, 0:46:2], chroma[::-1, 1:46:2]),
        "gray": (y,),
    }[layout]
    blocks = blocks_of(planes)
    assert len(blocks) == {"planar": 3, "nv12": 2, "rgb24": 1, "upwards": 2, "gray": 1}[layout]
    back = host_planes([(block, on_host(block).copy()) for block in blocks])
    assert all((a == b).all() for a, b in zip(planes, back, strict=True))


def test_frames_go_there_and_back(runtime: HostRuntime, device: GpuDevice) -> None:
    frames = actor(3)
    for number, frame in enumerate(device.arrive(frames)):
        assert is_on_device(frame)
        assert (frame.width, frame.height) == (frames[number].width, frames[number].height)
        frame.owner.changed = True  # so that it is really brought back
        (back,) = Downloader(runtime)([frame])
        for got, want in zip(back.planes, frames[number].planes, strict=True):
            assert (got == want).all()


def test_frames_of_many_sizes_share_page_locked_memory(
    runtime: HostRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As canvases of side outputs have; page-locked memory is freed at the end only."""
    taken: list[int] = []
    pinned = runtime.pinned

    def counted(shape: tuple[int, ...], dtype: Any) -> Any:
        taken.append(int(np.prod(shape)))
        return pinned(shape, dtype)

    monkeypatch.setattr(runtime, "pinned", counted)
    look = planes.Look(runtime)
    upload = Uploader(runtime, look)
    (whole,) = actor(1)
    for rows in range(20, 200, 2):
        part = replace(whole, planes=(whole.planes[0][:rows], *(p[: rows // 2] for p in whole.planes[1:])))
        there = upload(part)
        for plane, want in zip(there.planes, part.planes, strict=True):
            assert (plane[:, :] == want).all()
    assert len(taken) < 30
    assert sum(taken) < 16 * max(part.planes[0].nbytes, 1)


def test_a_frame_that_nobody_changed_is_not_brought_back(device: GpuDevice) -> None:
    frames = actor(2 * DEPTH)
    assert list(device.leave(device.arrive(frames))) == frames


def test_faces_are_found_where_the_cpu_finds_them(device: GpuDevice) -> None:
    frames = actor(3)
    detector, mesh = device.models()
    cpu_detector, cpu_mesh = detect.Detector(), detect.Mesh()
    for here, there in zip(frames, device.arrive(frames), strict=True):
        (want,), (got,) = cpu_detector(here), detector(there)
        assert abs(got.score - want.score) < compare.GPU_SCORE
        assert np.abs(got.points - want.points).max() < compare.GPU_DETECTION
        square = detect.square_of_detection(want)
        ((a, first),), ((b, second),) = cpu_mesh(here, [square]), mesh(there, [square])
        assert np.abs(a - b).max() < compare.GPU_LANDMARK
        assert abs(first - second) < compare.GPU_SCORE


def test_a_clip_is_tracked_as_on_the_cpu(device: GpuDevice) -> None:
    frames = actor(5)
    want = [Tracker.update(tracker, frame) for tracker in [Tracker()] for frame in frames]
    tracker = Tracker(models=device.models())
    got = [tracker.update(frame) for frame in device.arrive(frames)]
    assert [len(found.faces) for found in got] == [1] * 5
    for a, b in zip(got, want, strict=True):
        assert a.cut == b.cut
        assert np.abs(a.faces[0].landmarks - b.faces[0].landmarks).max() < compare.GPU_TRACKED


def test_cuts_are_seen_in_frames_on_the_device(device: GpuDevice) -> None:
    first, second = people.person(BO).rgb, np.ascontiguousarray(people.person(BO).rgb[::-1, :, ::-1])
    frames = people.frames([first, first, second, second])
    here, there = ShotCuts(), ShotCuts()
    assert [there.update(f) for f in device.arrive(frames)] == [here.update(f) for f in frames]


def test_work_that_is_not_ordered_is_noticed(runtime: HostRuntime, device: GpuDevice) -> None:
    """The check of this file's run time itself: a reader that forgets to wait is caught."""
    frame = Uploader(runtime, device.reader)(actor(1)[0])
    stream = runtime.stream()
    out = runtime.native.Array.empty([1, 3, 32, 32], "<f4", 0)
    maps = np.array([[[1.0, 0, 0], [0, 1.0, 0]]])
    from fastswap.device import ops

    with runtime.current():
        with pytest.raises(Unordered):
            ops.crop(runtime, stream, [frame], maps, out)
        stream.wait(frame.owner.ready)
        ops.crop(runtime, stream, [frame], maps, out)
    with pytest.raises(AssertionError, match="outside current"):
        ops.crop(runtime, stream, [frame], maps, out)
    assert isinstance(frame.owner, OnDevice)


@pytest.mark.parametrize(("batch", "look"), [(1, "plain"), *((3, name) for name in LOOKS)])
def test_a_swap_is_what_the_cpu_makes(
    runtime: HostRuntime, device: GpuDevice, generator: Path, batch: int, look: str
) -> None:
    """Crops, network and composite of the same faces on both, batches that do not divide the clip."""
    with both(device, generator, look=LOOKS[look], batch=batch) as (cpu, gpu):
        runtime.untold.clear()
        check_alike(swapped_on_gpu(device, gpu), swapped_on_cpu(cpu))
        gc.collect()
        assert not runtime.untold


def test_a_mask_file_is_what_it_is_on_the_cpu(device: GpuDevice, generator: Path, tmp_path: Path) -> None:
    rgb = people.person(BO).rgb
    half = np.zeros_like(rgb)
    half[:, : rgb.shape[1] // 2] = 255
    video.save_picture(tmp_path / "half.png", half)
    with both(device, generator) as (cpu, gpu):
        (whole,) = swapped_on_gpu(device, gpu, 1)
        (want,) = swapped_on_cpu(cpu.masked_with(tmp_path / "half.png"), 1)
        (got,) = swapped_on_gpu(device, gpu.masked_with(tmp_path / "half.png"), 1)
    assert np.abs(got.planes[0].astype(int) - want.planes[0]).max() <= compare.GPU_SWAP_CODE
    assert (got.planes[0] != whole.planes[0]).any()
    middle = rgb.shape[1] // 2 + 8  # crop pixels are wider than the frame's
    assert (got.planes[0][:, middle:] == actor(1)[0].planes[0][:, middle:]).all()


def test_a_whole_render_on_the_gpu(
    gpu: HostRuntime, face_clip: Path, generator: Path, tmp_path: Path
) -> None:
    """Read, upload, find, track, swap, download, encode, sign: the report says what ran where, the pictures agree."""
    options = {"model": generator, "end": "8f", "encoder": "ffv1", "batch": 3, "threads": 1}
    there = fastswap.render(face_clip, tmp_path / "gpu.mkv", device="cuda", engine="torch", **options)
    there_faces = tmp_path / "none.faces"
    here = fastswap.render(face_clip, tmp_path / "cpu.mkv", device="cpu", analysis=there_faces, **options)
    assert there.device == "cuda:0 (emulated)"
    assert there.engine.startswith("torch ")
    assert there.engine.endswith(", f16, batch 3")
    assert (there.frames, there.faces) == (here.frames, here.faces) == (8, 8)
    assert any("decoded on the CPU" in notice for notice in there.notices)
    assert verify(tmp_path / "gpu.mkv").status == "valid"
    with video.Reader(tmp_path / "gpu.mkv") as a, video.Reader(tmp_path / "cpu.mkv") as b:
        for one, other in zip(a, b, strict=True):
            gaps = [np.abs(p.astype(int) - q) for p, q in zip(one.planes, other.planes, strict=True)]
            assert max(gap.mean() for gap in gaps) < compare.GPU_RENDER_MEAN
            assert max(gap.max() for gap in gaps) < compare.GPU_RENDER_MOST
    assert not gpu.streams  # closed
    gc.collect()
    assert not gpu.untold


def test_a_gpu_that_goes_away_ends_the_render_in_one_line(
    gpu: HostRuntime, face_clip: Path, generator: Path, tmp_path: Path
) -> None:
    calls = []

    def fails(*arguments: object) -> None:
        calls.append(arguments)
        raise RuntimeError("cudaLaunchKernel(...) failed: device is not ready (CUDA error 46)")

    gpu.native.composite = fails
    settings = {"model": generator, "device": "cuda", "engine": "torch", "end": "4f", "batch": 2}
    with pytest.raises(DeviceError, match=r"^cuda:0 \(emulated\): the GPU failed: cudaLaunchKernel"):
        fastswap.render(face_clip, tmp_path / "gpu.mkv", **settings)
    assert calls
    assert not list(tmp_path.iterdir())


def test_side_outputs_are_what_the_cpu_writes(
    gpu: HostRuntime, face_clip: Path, generator: Path, tmp_path: Path
) -> None:
    for name, settings in (("gpu", {"device": "cuda", "engine": "torch"}), ("cpu", {"device": "cpu"})):
        sides = {"matte": tmp_path / f"{name}_matte.mkv", "layer": tmp_path / f"{name}_layer.mkv"}
        look = {"look": Look(grain=0.5), "batch": 3, "threads": 1, "encoder": "ffv1", "end": "4f"}
        known = {"analysis": tmp_path / f"{name}.faces"}
        report = fastswap.render(
            face_clip, tmp_path / f"{name}.mkv", model=generator, **settings, **sides, **look, **known
        )
        assert report.device.startswith("cuda" if name == "gpu" else "cpu")
    for kind in ("matte", "layer"):
        with (
            video.Reader(tmp_path / f"gpu_{kind}.mkv") as a,
            video.Reader(tmp_path / f"cpu_{kind}.mkv") as b,
        ):
            for one, other in zip(a, b, strict=True):
                scale = 1 << (one.pixels.bits - 8)
                assert other.planes[0].max() > 200 * scale
                for p, q in zip(one.planes, other.planes, strict=True):
                    assert np.abs(p.astype(int) - q).mean() < compare.GPU_RENDER_MEAN * scale


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"report_page": "page.html"}, "a report page shows frames as they were before"),
        ({"gray": True}, "the GPU takes no gray pictures"),
    ],
)
def test_what_the_gpu_lacks_is_rendered_on_the_cpu(
    gpu: HostRuntime, face_clip: Path, generator: Path, tmp_path: Path, settings: dict[str, str], words: str
) -> None:
    source, extra = face_clip, {}
    if "gray" in settings:
        source = tmp_path / "gray.png"
        cv2.imwrite(str(source), people.person(BO).rgb[..., 1])
    else:
        extra = {"report_page": tmp_path / settings["report_page"], "end": "2f"}
    made = tmp_path / f"made{'.png' if 'gray' in settings else '.mkv'}"
    report = fastswap.render(source, made, model=generator, device="cuda", engine="torch", **extra)
    assert report.device == "cpu"
    assert f"rendered on the CPU: {words}" in report.notices


class CudaArray:
    """What another program has in a GPU's memory: nothing but the protocol."""

    def __init__(self, data: np.ndarray, stream: int | None = None) -> None:
        self.data = data
        self.__cuda_array_interface__ = {**data.__array_interface__, "version": 3, "stream": stream}


def test_frames_of_others_on_their_stream(
    gpu: HostRuntime, generator: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A picture in GPU memory goes in and comes out, host pictures too, all as the CPU's Swapper makes them."""
    rgb = people.person(BO).rgb
    with fastswap.Swapper(generator, device="cpu", look=Look(steady=0)) as cpu:
        want = cpu(rgb)
    with fastswap.Swapper(generator, device="cuda", engine="torch", look=Look(steady=0)) as swap:
        given = CudaArray(rgb.copy(), stream=7)
        made = swap(given)
        assert gpu.native.ordered[0][0] == 7  # ours waits for the caller's
        assert gpu.native.ordered[-1][1] == 7  # and the caller's for ours
        assert (given.data == rgb).all()
        shown = np.asarray(host_runtime._host(made))
        assert shown.shape == rgb.shape
        assert (shown != rgb).any()
        assert np.abs(shown.astype(int) - want).mean() < compare.GPU_RENDER_MEAN
        swap.reset()
        assert np.abs(swap(rgb).astype(int) - want).mean() < compare.GPU_RENDER_MEAN
        swap.reset()
        swap(CudaArray(rgb.copy()), stream=9)
        assert gpu.native.ordered[-1][1] == 9
        with pytest.raises(SettingsError, match="contiguous"):
            swap(CudaArray(np.ascontiguousarray(rgb.transpose(1, 0, 2)).transpose(1, 0, 2)))
        with pytest.raises(SettingsError, match="uint8 or uint16"):
            swap(CudaArray(rgb.astype(np.float32)))
        count = len(gpu.native.ordered)
        made = swap(CudaArray(rgb.copy()), stream=NO_STREAM)
        assert len(gpu.native.ordered) == count  # the host waited instead
        assert (
            np.abs(np.asarray(host_runtime._host(made)).astype(int) - want).mean() < compare.GPU_RENDER_MEAN
        )
        streamed = list(swap.stream([CudaArray(rgb.copy()) for _ in range(3)]))
        assert len(streamed) == 3


@pytest.mark.parametrize(
    ("caller", "consumer", "ordered"),
    [(7, 9, (7, 9)), (7, 7, None), (0, 1, None), (0, None, None), (7, None, (7, 0)), (7, -1, None)],
)
def test_a_library_that_takes_the_result_on_another_stream(
    gpu: HostRuntime,
    generator: Path,
    monkeypatch: pytest.MonkeyPatch,
    caller: int,
    consumer: int | None,
    ordered: tuple[int, int] | None,
) -> None:
    """DLPack's consumer names its stream, on which the memory has to be ready: 1 is the default one, -1 none."""

    def from_dlpack(array: Any) -> Any:
        assert array.__dlpack_device__()[0] == 2
        return array.__dlpack__(stream=consumer, max_version=(1, 0))

    library = type(sys)("cudalibrary")
    library.from_dlpack = from_dlpack  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "cudalibrary", library)
    monkeypatch.setattr(CudaArray, "__module__", "cudalibrary.core")
    with fastswap.Swapper(generator, device="cuda", engine="torch", look=Look(steady=0)) as swap:
        capsule = swap(CudaArray(people.person(BO).rgb.copy()), stream=caller)
        assert type(capsule).__name__ == "PyCapsule"
        last = gpu.native.ordered[-1]
        assert last == ordered if ordered else last[1] == caller
