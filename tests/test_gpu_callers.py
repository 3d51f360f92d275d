"""Frames of others on several streams in turn: nothing that one caller may still read or write is touched for another.

A caller's own work is what the tests note on his stream; `host_runtime` raises where a GPU could run two at once.
"""

from __future__ import annotations

import gc
import sys
import threading
import time
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from fastswap.device.pictures import NO_STREAM, Pictures
from fastswap.device.plane import DevicePlane, OnDevice
from fastswap.device.plane import Look as Reader
from fastswap.frame import ColorSpec
from host_runtime import HostRuntime, Unordered

FIRST, SECOND = 70, 90


class Given:
    """A caller's picture on a stream, which he has just written."""

    def __init__(self, gpu: HostRuntime, data: np.ndarray, stream: int) -> None:
        self.data, self.shape = data, data.shape
        gpu.kept.append(data)  # so that no other picture gets its address
        self.__cuda_array_interface__ = {**data.__array_interface__, "version": 3, "stream": stream}
        gpu.touch(gpu.other(stream), written=[self])


def read(gpu: HostRuntime, array: Any, stream: int) -> None:
    """The caller's work on a result."""
    gpu.touch(gpu.other(stream), read=[array])


Swap = Callable[..., Any]


@pytest.fixture
def swap(gpu: HostRuntime) -> Swap:
    """What becomes of a picture in a `Swapper` but for the drawing: in as a frame, and back to its caller."""
    pictures = Pictures(gpu, Reader(gpu))

    def through(given: Given, stream: int | None = None) -> Any:
        taken = pictures.take(given, 0, "rgb24", ColorSpec(), stream)
        return taken.back(taken.frame)

    return through


@pytest.fixture
def rgb() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 255, (48, 64, 3), np.uint8)


def test_a_result_that_is_still_read_is_not_drawn_over_for_another_stream(
    gpu: HostRuntime, swap: Swap, rgb: np.ndarray
) -> None:
    made = swap(Given(gpu, rgb.copy(), FIRST))
    place = made.pointer
    read(gpu, made, FIRST)
    del made
    gc.collect()
    other = swap(Given(gpu, rgb.copy(), SECOND))
    assert other.pointer != place
    read(gpu, other, SECOND)
    again = swap(Given(gpu, rgb.copy(), FIRST))  # its stream was waited for
    assert again.pointer == place
    with pytest.raises(Unordered):
        read(gpu, again, SECOND)  # the test would notice


def test_a_stream_may_write_to_what_it_gave(gpu: HostRuntime, rgb: np.ndarray) -> None:
    """At once, though the picture comes back later: one buffer serves a whole stream of pictures."""
    pictures, given = Pictures(gpu, Reader(gpu)), Given(gpu, rgb.copy(), FIRST)
    for _ in range(3):
        pictures.take(given, 0, "rgb24", ColorSpec())
        gpu.touch(gpu.other(FIRST), written=[given])
    with pytest.raises(Unordered):
        gpu.touch(gpu.other(SECOND), written=[given])  # the test would notice


@pytest.mark.parametrize("consumer", [SECOND, NO_STREAM])
def test_who_takes_a_result_over_is_waited_for(
    gpu: HostRuntime, swap: Swap, rgb: np.ndarray, monkeypatch: pytest.MonkeyPatch, consumer: int
) -> None:
    """By DLPack, on another stream than the caller's; then its memory is that stream's."""
    library = ModuleType("cudalibrary")
    taken: list[Any] = []

    def from_dlpack(handed: Any) -> Any:
        handed.__dlpack__(stream=consumer)
        taken.append(handed._array)
        return None

    library.from_dlpack = from_dlpack  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "cudalibrary", library)
    monkeypatch.setattr(Given, "__module__", "cudalibrary")
    for _ in range(3):
        swap(Given(gpu, rgb.copy(), FIRST))
        if consumer != NO_STREAM:
            read(gpu, taken[0], consumer)
        else:
            gpu.host_knows(dict(gpu.other(FIRST).clock))  # what -1 asks for: somebody else has seen to it
            read(gpu, taken[0], SECOND)
        taken.clear()
        gc.collect()


def test_without_a_stream_all_work_is_waited_for(gpu: HostRuntime, swap: Swap, rgb: np.ndarray) -> None:
    """Nobody knows where such a result is read."""
    places = set()
    for stream in (FIRST, SECOND, FIRST):
        made = swap(Given(gpu, rgb.copy(), 0), stream=NO_STREAM)
        places.add(made.pointer)
        read(gpu, made, stream)
        del made
        gc.collect()
    assert len(places) == 1


def test_planes_are_looked_at_by_one_thread_at_a_time(
    gpu: HostRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each stream of a Swapper looks for shot cuts in a thread of its own, through the same memory."""
    look, found = Reader(gpu), {}
    wait = look._stream.synchronize

    def slow() -> None:
        wait()
        time.sleep(0.02)

    look._stream.synchronize = slow  # type: ignore[method-assign]

    def work(value: int) -> None:
        data = np.full((16, 16), value, np.uint8)
        array = gpu.native.Array(data.ctypes.data, [16, 16], None, "|u1", data)
        plane = DevicePlane(array, look, OnDevice())
        found[value] = all((plane[0:16:4, 0:16:4] == value).all() for _ in range(5))

    threads = [threading.Thread(target=work, args=(value,)) for value in (1, 2, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {1: True, 2: True, 3: True}
