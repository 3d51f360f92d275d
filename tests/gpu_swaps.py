"""A clip's faces swapped on the GPU path and on the CPU, and how alike the two have to be."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import compare
import people
from fastswap.actors import BO
from fastswap.device.gpu import GpuDevice
from fastswap.faces import FrameFaces
from fastswap.frame import Frame
from fastswap.look import Look
from fastswap.swap import FaceSwap, Work, drawing_order
from fastswap.track import Tracker


def actor(count: int = 4) -> list[Frame]:
    """The first frames of an actor's talk."""
    return people.frames([shown.rgb for shown in people.clip(BO, "talk", 24)][:count])


def works(frames: list[Frame], found: list[FrameFaces]) -> list[Work]:
    return [
        Work(frame, drawing_order(faces.faces), faces) for frame, faces in zip(frames, found, strict=True)
    ]


@cache
def found(count: int = 5) -> list[FrameFaces]:
    """The actor's faces, found on the CPU."""
    tracker = Tracker()
    return [tracker.update(frame) for frame in actor(count)]


def swapped_on_gpu(device: GpuDevice, swap: FaceSwap, count: int = 5) -> list[Frame]:
    """The actor's frames through crop, network and composite on the device, back in host memory."""
    cut = swap.cut(works(list(device.arrive(actor(count))), found(count)))
    return list(device.leave(swap.composite(swap.generate(cut))))


def swapped_on_cpu(swap: FaceSwap, count: int = 5) -> list[Frame]:
    return list(swap.composite(swap.generate(swap.cut(works(actor(count), found(count))))))


@contextmanager
def both(device: GpuDevice, generator: Path, **settings: Any) -> Iterator[tuple[FaceSwap, FaceSwap]]:
    """The same swap on the CPU and on the device."""
    settings = {"look": Look(steady=0), "batch": 4, "threads": 1} | settings
    with (
        closing(FaceSwap(generator, **settings)) as cpu,
        closing(device.swap(generator, **settings)) as gpu,
    ):
        yield cpu, gpu


def check_alike(got: list[Frame], want: list[Frame], most: int = compare.GPU_SWAP_CODE) -> None:
    assert len(got) == len(want)
    for a, b, before in zip(got, want, actor(len(want)), strict=True):
        assert (a.index, a.pts, a.format) == (b.index, b.pts, b.format)
        for plane, other, old in zip(a.planes, b.planes, before.planes, strict=True):
            assert (other != old).any()
            assert np.abs(plane.astype(int) - other).max() <= most


LOOKS = {
    "plain": Look(steady=0),
    "texture": Look(steady=1, sharpness=1.0, grain=0.7, motion_blur=0.6),
    "scale": Look(steady=0, scale=1.15, color="histogram", blend="poisson"),
    "small": Look(steady=2, scale=0.8, grain=1.0, mask="mesh+generator", enlarge="lanczos"),
}
