"""The CUDA kernels: the device's own time for each operation on a batch, its bytes, and how far the results are from
the CPU's. Pixels lie in device memory already.

The case is that of bench/ops.py: 1920x1080, 8-bit 4:2:0 (here semi-planar), faces of 320x370 px, a crop of 256 px.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastswap import _cpu, ops
from fastswap.bench.ops import SIZE, make_case
from fastswap.look import Look

COPY_BYTES = 1 << 30
ROTATED = 3
"""So many sets of inputs are used in turns: together they are larger than the device's cache."""


@dataclass
class Arrays:
    """A batch of faces, each in a frame of its own, in host and in device memory."""

    planes: list[NDArray[Any]]  # Y [H, W] and UV [H/2, W/2, 2]
    maps: NDArray[np.float64]
    host: dict[str, NDArray[np.float32]]
    outlines: NDArray[np.float32]
    device: dict[str, Any]
    frames: list[list[Any]]

    @property
    def count(self) -> int:
        """Faces."""
        return len(self.maps)


class Kernels:
    """A `_cuda` module, a stream of its own and batches to work on."""

    def __init__(self, cuda: ModuleType, batch: int, sets: int = ROTATED) -> None:
        self.cuda, self.stream, self.timer = cuda, cuda.Stream.create(), cuda.Timer()
        self.look = Look()
        self.sets = [self._arrays(batch, seed) for seed in range(sets)]

    def put(self, array: NDArray[Any]) -> Any:
        """A copy in device memory."""
        out = self.cuda.Array.empty(array.shape, array.dtype.str)
        out.upload(np.ascontiguousarray(array), self.stream)
        return out

    def _arrays(self, batch: int, seed: int) -> Arrays:
        case, rng = make_case(), np.random.default_rng(seed)
        y, u, v = case.frame.planes
        planes = [np.ascontiguousarray(y), np.stack([u, v], axis=-1)]
        maps = np.repeat(case.to_coded[None], batch, axis=0)
        maps[:, :, 2] += rng.uniform(-80, 80, (batch, 2))
        face = case.face + rng.normal(0, 0.02, (batch, *case.face.shape))
        host = {
            "faces": np.clip(face, 0, 1).astype(np.float32),
            "generated": np.repeat(case.generated[None], batch, axis=0),
            "targets": np.empty((batch, 3, SIZE, SIZE), np.float32),
            "masks": np.empty((batch, SIZE, SIZE), np.float32),
            "out": np.empty((batch, 3, SIZE, SIZE), np.float32),
        }
        outlines = np.repeat(case.outline[None, None], batch, axis=0)
        device = {name: self.put(array) for name, array in host.items()}
        frames = [[self.put(plane) for plane in planes] for _ in range(batch)]
        return Arrays(planes, maps, host, outlines, device, frames)

    def picture(self, blocks: list[Any]) -> Any:
        """NV12 in device memory."""
        luma, chroma = blocks
        height, width, _ = chroma.shape
        views = [
            self.cuda.Array(chroma.pointer + i, (height, width), (2 * width, 2), "|u1", chroma)
            for i in range(2)
        ]
        return (luma, *views, "bt601", False, "center", 8, (1, 1))

    def operations(self, a: Arrays) -> dict[str, Callable[[], None]]:
        """By name: what queues the operation on the whole batch."""
        cuda, stream, d, look = self.cuda, self.stream, a.device, self.look
        pictures = [self.picture(blocks) for blocks in a.frames]
        numbers = self.put(np.empty((a.count, 2, _cpu.statistics_size("reinhard"))))
        shape = (look.mask_join, *ops.mask_lengths(look, 0.6))
        sizes = np.repeat(np.array([[1920, 1080]], np.int32), a.count, axis=0)
        clouds = self.put(np.empty((a.count, 2, _cpu.statistics_size("sliced"))))
        whole = np.ones_like(a.host["masks"])
        listed = ops.color_statistics(a.host["faces"], a.host["faces"][:, ::-1] * 0.9, whole, "sliced")
        matched, mask = d["out"], d["masks"]
        finish: tuple[Any, ...] = (1.0, "bilinear", None, [])

        def composite(blend: str) -> None:
            cuda.composite(
                pictures, a.maps, d["targets"], d["faces"], d["generated"], a.outlines, None, None, None,
                *shape, "reinhard", 1.0, blend, *finish, stream,
            )  # fmt: skip

        def seam(mode: str) -> None:
            cuda.match_seam(d["faces"], d["targets"], mask, a.maps, sizes, mode, matched, stream)

        def crop() -> None:
            cuda.crop(pictures, a.maps, d["targets"], "replicate", stream)

        def both() -> None:
            crop()
            composite("feather")

        return {
            "crop": crop,
            "mask": lambda: cuda.mask(a.outlines, d["generated"], None, *shape, mask, stream),
            "color_statistics": lambda: cuda.color_statistics(
                d["faces"], d["targets"], mask, "reinhard", numbers, stream
            ),
            "match_color": lambda: cuda.match_color(d["faces"], numbers, "reinhard", 1.0, matched, stream),
            "color_statistics_sliced": lambda: cuda.color_statistics(
                d["faces"], d["targets"], mask, "sliced", clouds, stream
            ),
            "match_color_sliced": lambda: cuda.match_color(
                d["faces"], listed, "sliced", 1.0, matched, stream
            ),
            "blend": lambda: cuda.blend(pictures, a.maps, d["faces"], mask, *finish, stream),
            "poisson": lambda: seam("poisson"),
            "multiband": lambda: seam("multiband"),
            "crop_composite": both,
            "composite_poisson": lambda: composite("poisson"),
        }

    def microseconds(self, works: list[Callable[[], None]], repeat: int) -> float:
        """Of one call, the device's own time: the median over `repeat` rounds, each over all of `works`."""
        for work in works * 2:  # memory grows to its size
            work()
        times = []
        for _ in range(repeat):
            self.timer.start(self.stream)
            for work in works:
                work()
            self.timer.stop(self.stream)
            times.append(self.timer.milliseconds() * 1e3 / len(works))
        return float(statistics.median(times))

    def copy_rate(self, repeat: int) -> float:
        """GB/s of a copy within device memory, bytes read and written."""
        side = 1024
        count = COPY_BYTES // (3 * 4 * side * side)
        a, b = (self.cuda.Array.empty((count, 3, side, side), "<f4") for _ in range(2))
        none = np.empty((count, 2, 0))
        time = self.microseconds(
            [lambda: self.cuda.match_color(a, none, "none", 1.0, b, self.stream)], max(3, repeat // 3)
        )
        return float(2 * count * 3 * 4 * side * side / time / 1e3)


def least_bytes() -> dict[str, float]:
    """For each operation and one face: every input read once and every output written once, what is kept between its
    launches not counted. The frame's part is that of the crop or of the face."""
    case = make_case()
    pixel = SIZE * SIZE
    shrink = abs(np.linalg.det(case.to_coded[:, :2]))  # luma samples for each pixel of the crop
    region = pixel * shrink * 1.5  # bytes: luma and half as much chroma
    drawn = 0.5 * region
    crops, mask = 12.0 * pixel, 4.0 * pixel
    return {
        "crop": region + crops,
        "mask": 2 * mask,
        "color_statistics": 2 * crops + mask,
        "match_color": 2 * crops,
        "color_statistics_sliced": 2 * crops + mask,
        "match_color_sliced": 2 * crops,
        "blend": crops + mask + 2 * drawn,
        "poisson": 3 * crops + mask,
        "multiband": 3 * crops + mask,
        "crop_composite": region + 3 * crops + mask + 2 * drawn,
        "composite_poisson": 2 * crops + mask + 2 * drawn,
    }


def run(cuda: ModuleType, *, batch: int = 32, repeat: int = 30) -> dict[str, Any]:
    """Every operation on a batch. "kernels": by name, microseconds a face, GB/s of its least bytes and that as a part
    of "copy_gb_s"; "difference": the largest, between the GPU and the CPU."""
    kernels = Kernels(cuda, batch)
    copy = kernels.copy_rate(repeat)
    every = [kernels.operations(arrays) for arrays in kernels.sets]
    needed, table = least_bytes(), {}
    for name in every[0]:
        time = kernels.microseconds([works[name] for works in every], repeat) / batch
        rate = needed[name] / time / 1e3
        table[name] = {"us_per_face": time, "gb_s": rate, "of_copy": rate / copy}
    return {"batch": batch, "copy_gb_s": copy, "kernels": table, "difference": differences(cuda)}


def differences(cuda: ModuleType) -> dict[str, float]:
    """The largest differences between GPU and CPU for two faces: crops in R'G'B', composites in code values."""
    kernels = Kernels(cuda, 2, sets=1)
    a = kernels.sets[0]
    works = kernels.operations(a)
    works["crop"]()
    luma, chroma = a.planes
    shown = [(luma.copy(), chroma.copy()) for _ in range(a.count)]
    pictures: list[_cpu.Picture] = [
        (y, c[:, :, 0], c[:, :, 1], "bt601", False, "center", 8, (1, 1), 0, "sdr") for y, c in shown
    ]
    targets = a.host["targets"]
    _cpu.crop(pictures, a.maps, targets, "replicate")
    out = {"crop": float(np.abs(a.device["targets"].download(kernels.stream) - targets).max())}
    look = kernels.look
    for blend in ("feather", "poisson", "multiband"):
        settings: tuple[Any, ...] = (
            look.mask_join,
            *ops.mask_lengths(look, 0.6),
            "reinhard",
            1.0,
            blend,
            1.0,
            "bilinear",
            None,
            [],
        )
        for (y, c), blocks in zip(shown, a.frames, strict=True):
            for host, there, clean in zip((y, c), blocks, a.planes, strict=True):
                host[...] = clean
                there.upload(clean, kernels.stream)
        faces, generated = a.host["faces"], a.host["generated"]
        _cpu.composite(pictures, a.maps, targets, faces, generated, a.outlines, None, None, None, *settings)
        d = a.device
        cuda.composite(
            [kernels.picture(blocks) for blocks in a.frames], a.maps, d["targets"], d["faces"], d["generated"],
            a.outlines, None, None, None, *settings, kernels.stream,
        )  # fmt: skip
        out[blend] = max(
            float(np.abs(there.download(kernels.stream).astype(int) - host.astype(int)).max())
            for hosts, blocks in zip(shown, a.frames, strict=True)
            for host, there in zip(hosts, blocks, strict=True)
        )
    return out
