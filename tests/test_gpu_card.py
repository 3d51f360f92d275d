"""The GPU path on a card: skipped without one, unless FASTSWAP_REQUIRE_CUDA=1 makes that a failure."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import compare
import fastswap
import people
from fastswap import video
from fastswap.actors import BO
from fastswap.device import Device, open_device
from fastswap.device.gpu import GpuDevice
from fastswap.errors import DeviceError
from fastswap.look import Look
from fastswap.track import Tracker
from gpu_swaps import LOOKS, both, check_alike, swapped_on_cpu, swapped_on_gpu

LEFT, GRAIN = 4 << 20, 2 << 20
"""Bytes of the card's memory that are left to a test of a full one, and those of a page, less than which cannot be
taken."""


@pytest.fixture(scope="module", autouse=True)
def card() -> None:
    """Skips, or fails, where there is no GPU to run on."""
    try:
        open_device("cuda").close()
    except DeviceError as error:
        if os.environ.get("FASTSWAP_REQUIRE_CUDA") == "1":
            pytest.fail(f"FASTSWAP_REQUIRE_CUDA=1, but {error}")
        pytest.skip(str(error))


def engines() -> list[str]:
    """Those that are installed."""
    from importlib.util import find_spec

    return [name for name in ("tensorrt", "torch") if find_spec(name)]


@pytest.mark.parametrize("engine", engines())
@pytest.mark.parametrize("look", ["plain", "texture", "scale"])
def test_a_whole_render(engine: str, look: str, face_clip: Path, generator: Path, tmp_path: Path) -> None:
    settings = {"model": generator, "encoder": "ffv1", "look": LOOKS[look]}
    there = fastswap.render(face_clip, tmp_path / "gpu.mkv", device="cuda", engine=engine, **settings)
    here = fastswap.render(
        face_clip, tmp_path / "cpu.mkv", device="cpu", analysis=tmp_path / "cpu.faces", **settings
    )
    assert there.device.startswith("cuda:0 (")
    assert engine in there.engine.lower()
    assert (there.frames, there.faces) == (here.frames, here.faces)
    with video.Reader(tmp_path / "gpu.mkv") as a, video.Reader(tmp_path / "cpu.mkv") as b:
        for one, other in zip(a, b, strict=True):
            gaps = [np.abs(p.astype(int) - q) for p, q in zip(one.planes, other.planes, strict=True)]
            assert max(gap.mean() for gap in gaps) < compare.GPU_RENDER_MEAN


def test_the_gpu_decodes_what_the_cpu_does(face_clip: Path) -> None:
    """NVDEC, H.264: bit for bit the CPU's samples, without a copy to the host before the comparison."""
    device: Device = open_device("cuda")
    try:
        with video.Reader(face_clip, landing=device.landing) as there, video.Reader(face_clip) as here:
            assert not [notice for notice in there.notices if "decoded on the CPU" in notice]
            count = 0
            for frame, want in zip(device.leave(there), here, strict=True):
                count += 1
                assert (frame.pts, frame.index) == (want.pts, want.index)
                for plane, other in zip(frame.planes, want.planes, strict=True):
                    assert (plane == other).all()
            assert count == 20
    finally:
        device.close()


def test_faces_are_tracked(face_clip: Path) -> None:
    device = open_device("cuda")
    try:
        frames = people.frames([shown.rgb for shown in people.clip(BO, "talk", 24)][:6])
        here, there = Tracker(), Tracker(models=device.models())
        want = [here.update(frame) for frame in frames]
        for frame, found in zip(device.arrive(frames), want, strict=True):
            (face,) = there.update(frame).faces
            assert np.abs(face.landmarks - found.faces[0].landmarks).max() < compare.GPU_TRACKED
    finally:
        device.close()


def test_a_card_that_is_full(generator: Path) -> None:
    """Hardly any memory is left once the network is open: the swap goes on with what there is."""
    device = open_device("cuda", "torch")
    assert isinstance(device, GpuDevice)
    held: list[Any] = []
    try:
        with both(device, generator, look=Look(steady=0, blend="poisson"), batch=8) as (cpu, gpu):
            runtime = device.runtime
            with runtime.current():
                while (more := runtime.memory()[0] - LEFT) > GRAIN:
                    held.append(runtime.native.Array.empty([min(more, 1 << 30)], "|u1", runtime.index))
            check_alike(swapped_on_gpu(device, gpu), swapped_on_cpu(cpu))
    finally:
        held.clear()
        device.close()
