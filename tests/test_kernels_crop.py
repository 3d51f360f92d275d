"""The CUDA crop, and what all calls share: checks, memory, DLPack."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import compare
import pictures
import reference
from kernel_cases import FORMATS
from on_device import Device
from reference import Color

pytestmark = pytest.mark.usefixtures("scalar")


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
