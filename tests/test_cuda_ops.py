"""The CUDA kernels against the float64 reference and the scalar CPU code.

They run on a card where there is one. Without one this file is skipped, and test_cuda.py runs it over kernels that are
compiled for the host: FASTSWAP_CUDA_EMULATED names that module.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import compare
import emulated
import pictures
import reference
from fastswap import _cpu
from on_device import Device
from reference import Color

EMULATED = os.environ.get("FASTSWAP_CUDA_EMULATED")


@pytest.fixture(scope="module")
def cuda() -> ModuleType:
    """The module, with something to run on."""
    if EMULATED:
        return emulated.load(Path(EMULATED))
    required = os.environ.get("FASTSWAP_REQUIRE_CUDA") == "1"
    try:
        module = importlib.import_module("fastswap._cuda")
    except ModuleNotFoundError:
        module = None
    if module is None or module.device_count() == 0:
        if required:
            pytest.fail("FASTSWAP_REQUIRE_CUDA=1, but there is no _cuda or no usable NVIDIA GPU")
        pytest.skip("there is no usable NVIDIA GPU")
    return module


@pytest.fixture
def device(cuda: ModuleType) -> Device:
    """The module and a stream."""
    return Device(cuda, cuda.Stream())


@pytest.fixture(autouse=True)
def _scalar() -> Iterator[None]:
    """The CPU's results to compare with come from its plain loops."""
    before = _cpu.get_simd()
    _cpu.set_simd("scalar")
    yield
    _cpu.set_simd(before)


FORMATS = [
    Color(),
    Color(bits=10),
    Color("bt2020", True, "topleft", 16, (1, 0)),
    Color("bt601", False, "center", 12, (0, 0)),
]


@pytest.mark.parametrize("border", ["replicate", "black"])
@pytest.mark.parametrize("color", FORMATS, ids=str)
@pytest.mark.parametrize("layout", pictures.LAYOUTS)
def test_crop(device: Device, layout: str, color: Color, border: str) -> None:
    shown = [pictures.noise(67, 93, color, layout=layout, seed=n) for n in range(2)]
    there = [device.picture(p) for p in shown]
    order = (0, 1, 0, 1)
    size = 45
    settings = ((0.3, 0.0), (0.9, 33.0), (1.7, -120.0), (6.0, 10.0))
    maps = np.array([pictures.similarity(scale, angle, (40.0, 30.0), size) for scale, angle in settings])
    out = device.floats(4, 3, size, size)
    device.cuda.crop([there[n].native for n in order], maps, out, border, device.stream)
    got = device.get(out)
    for n in range(2):
        want = reference.crop(shown[n].planes, color, maps[n], size, black=border == "black")
        assert np.abs(got[n] - want).max() < compare.CROP_POINT
    cpu = pictures.run_crop([shown[n] for n in order], list(maps), size, border)
    assert np.abs(got - cpu).max() < compare.CUDA_RGB


def test_steady_calls_allocate_nothing(device: Device) -> None:
    picture = device.picture(pictures.noise(67, 93))
    maps = np.array([pictures.similarity(0.9, 33.0, (40.0, 30.0), 45)] * 3)
    out = device.floats(3, 3, 45, 45)
    held = []
    for _ in range(12):
        device.cuda.crop([picture.native] * 3, maps, out, "black", device.stream)
        held.append(device.stream.reserved)
    device.stream.synchronize()
    assert held[6] == held[-1] > 0


def test_arguments_are_checked(device: Device) -> None:
    host = pictures.noise(16, 16)
    picture = device.picture(host).native
    out = device.floats(1, 3, 8, 8)
    call: Any = device.cuda.crop
    maps = np.zeros((1, 2, 3))
    with pytest.raises(ValueError, match="border is 'grey'"):
        call([picture], maps, out, "grey", device.stream)
    with pytest.raises(ValueError, match="not finite"):
        call([picture], np.full((1, 2, 3), np.nan), out, "black", device.stream)
    with pytest.raises(ValueError, match="Y plane: it is no array on a CUDA device"):
        call([host.native], maps, out, "black", device.stream)
    with pytest.raises(ValueError, match="out: its elements are not float32"):
        call([picture], maps, device.put(np.zeros((1, 3, 8, 8), np.uint8)), "black", device.stream)
    with pytest.raises(ValueError, match="out: its shape"):
        call([picture], maps, device.floats(1, 3, 8, 9), "black", device.stream)
    with pytest.raises(ValueError, match="to_coded"):
        call([picture] * 2, maps, out, "black", device.stream)


def test_arrays_go_through_dlpack_and_back(device: Device) -> None:
    values = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    first = device.put(values)
    view = device.cuda.Array(first.pointer + 4, (2, 3), (48, 16), "<f4", first)
    second = device.cuda.Array.from_dlpack(view)
    assert (second.pointer, second.shape, second.strides) == (view.pointer, view.shape, view.strides)
    assert second.typestr == "<f4"
    del first, view
    assert np.array_equal(device.get(device.cuda.Array.from_dlpack(device.put(values))), values)
    assert second.__cuda_array_interface__["strides"] == (48, 16)
    with pytest.raises(ValueError, match="no __dlpack__"):
        device.cuda.Array.from_dlpack(3)
    with pytest.raises(ValueError, match="not lie on a CUDA device"):
        device.cuda.Array.from_dlpack(values)
