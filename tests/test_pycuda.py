"""The run time of the GPU path on the real PyCUDA, over a driver library whose device memory is the host's.

Each test is a program of its own, since the driver has to be there when the process starts.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import pycuda_stand_in

Say = Callable[..., list[str]]
HEAD = """
import ctypes, gc, sys, threading
import numpy as np
import host_runtime
from fastswap.device.cuda import CudaRuntime
runtime = CudaRuntime(0, host_runtime.module())
def left():
    counts = (ctypes.c_int * 5)()
    ctypes.CDLL("libcuda.so.1").emulated_driver_report(counts)
    return list(counts)
"""


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a process with the stand-in driver."""
    return pycuda_stand_in.build(tmp_path_factory.mktemp("driver"), pycuda_stand_in.require())


@pytest.fixture
def say(driver: dict[str, str]) -> Say:
    """Runs a program that goes on after `HEAD`, the driver set up by environment variables; the lines it prints."""
    return lambda program, **settings: pycuda_stand_in.run(HEAD + program, driver, **settings).splitlines()


def test_what_the_device_is(say: Say) -> None:
    assert say("print(runtime.name, runtime.capability, runtime.driver)") == ["Emulated GPU 9.0 13.0"]


def test_copies_there_and_back(say: Say) -> None:
    """Contiguous and pitched memory, both ways, on different streams with an event between them."""
    said = say(
        """
first, second = runtime.stream(), runtime.stream()
data = runtime.pinned((37, 50), np.uint16)
data[...] = np.arange(37 * 50).reshape(37, 50)
with runtime.current():
    array = runtime.empty((37, 50), "<u2", first)
    runtime.upload(array, data, first)
    event = first.record()
    second.wait(event)
    other = runtime.empty((37, 50), "<u2", second)
    runtime.copy(other, array, 37 * 100, second)
    back = runtime.pinned((37, 50), np.uint16)
    runtime.download(back, other, second)
    second.synchronize()
    assert (back == data).all()
    view = runtime.native.Array(other.pointer + 100 * 3 + 8, [10, 20], [200, 2], "<u2", other)
    part = runtime.pinned((10, 20), np.uint16)
    runtime.download(part, view, second)
    runtime.default_event().synchronize()
    second.synchronize()
    assert (part == data[3:23:2, 4:24]).all()
free, total = runtime.memory()
assert free < total
print("ok")
"""
    )
    assert said == ["ok"]


def test_the_pool_gives_memory_out_again(say: Say) -> None:
    said = say(
        """
stream = runtime.stream()
places = set()
for _ in range(50):
    with runtime.current():
        array = runtime.empty((1080, 1920), "|u1", stream)
        places.add(array.pointer)
        runtime.release(array, stream.record())
    del array
print(len(places), left()[2], left()[1] <= 3)
with runtime.current():
    kept = runtime.empty((1080, 1920), "|u1", stream)
    other = runtime.empty((1080, 1920), "|u1", stream)
assert kept.pointer != other.pointer
del kept, other  # without a word of when: the next to take one waits for everything
with runtime.current():
    runtime.empty((1080, 1920), "|u1", stream)
print(left()[2])
"""
    )
    assert said == ["1 1 True", "2"]


def test_full_memory_is_told_after_what_lies_about_was_freed(say: Say) -> None:
    said = say(
        """
stream = runtime.stream()
with runtime.current():
    small = [runtime.empty((1 << 20,), "|u1", stream) for _ in range(6)]
    for array in small:
        runtime.release(array, stream.record())
    del small, array
    big = runtime.empty((7 << 20,), "|u1", stream)  # fits only when the small ones are gone
    try:
        runtime.empty((7 << 20,), "|u1", stream)
    except MemoryError as error:
        print(error)
""",
        EMULATED_GPU_BYTES=str(8 << 20),
    )
    assert said == ["cuda:0: GPU memory is exhausted, 7 MiB more asked"]


def test_memory_of_the_host_takes_over(say: Say) -> None:
    """Spilled blocks are page-locked, come from a pool of their own, and outlast a trim."""
    said = say(
        """
stream = runtime.stream()
with runtime.current():
    device = runtime.empty((1 << 20,), "|u1", stream)
    host = runtime.empty((1 << 20,), "|u1", stream, kind='spilled')
    data = runtime.pinned((1 << 20,), np.uint8)
    data[...] = 7
    runtime.upload(host, data, stream)
    back = runtime.pinned((1 << 20,), np.uint8)
    runtime.download(back, host, stream)
    print(left()[2:4], back.min(), back.max())
    for array in (device, host):
        runtime.release(array, stream.record())
    place = host.pointer
    del device, host, array
    print(runtime.trim(), runtime.trim(), left()[2:4])
    again = runtime.empty((1 << 20,), "|u1", stream, kind='spilled')
    print(again.pointer == place, left()[2:4])
"""
    )
    assert said == ["[1, 3] 7 7", "True False [0, 3]", "True [0, 3]"]


def test_memory_that_was_lent_is_not_for_others(say: Say) -> None:
    """Another library may drop it while work of its own still reads it."""
    said = say(
        """
stream = runtime.stream()
with runtime.current():
    lent = runtime.empty((1 << 20,), "|u1", stream, kind="lent")
    place = lent.pointer
    runtime.release(lent, stream.record())
    del lent
    print(runtime.empty((1 << 20,), "|u1", stream).pointer == place)
    print(runtime.empty((1 << 20,), "|u1", stream, kind="lent").pointer == place)
"""
    )
    assert said == ["False", "True"]


def test_frames_leave_some_memory(say: Say) -> None:
    said = say(
        """
stream = runtime.stream()
with runtime.current():
    frames = []
    try:
        while True:
            frames.append(runtime.empty((1 << 20,), "|u1", stream, kind="frame"))
    except MemoryError as error:
        print(len(frames), error)
    other = runtime.empty((2 << 20,), "|u1", stream)
""",
        EMULATED_GPU_BYTES=str(32 << 20),
    )
    assert said == ["30 cuda:0: GPU memory is exhausted, 1 MiB more asked"]


def test_blocks_in_use_come_back_after_a_trim(say: Say) -> None:
    said = say(
        """
stream = runtime.stream()
with runtime.current():
    idle, kept = (runtime.empty((1 << 20,), "|u1", stream) for _ in range(2))
    place = kept.pointer
    runtime.release(idle, None)
    del idle
    print(runtime.trim(), left()[2])
    runtime.release(kept, stream.record())
    del kept
    print(runtime.empty((1 << 20,), "|u1", stream).pointer == place, left()[2])
"""
    )
    assert said == ["True 1", "True 1"]


def test_threads_come_and_go(say: Say) -> None:
    """PyCUDA ends the process when a thread dies with a context pushed; ours never does."""
    said = say(
        """
def work():
    stream = runtime.stream()
    for _ in range(20):
        with runtime.current(), runtime.current():
            array = runtime.empty((64, 64), "<f4", stream)
            runtime.release(array, stream.record())
        stream.synchronize()
threads = [threading.Thread(target=work) for _ in range(6)]
for t in threads: t.start()
for t in threads: t.join()
gc.collect()
print("alive", left()[0])
"""
    )
    assert said == ["alive 6"]


def test_closing_frees_all_but_the_context(say: Say) -> None:
    said = say(
        """
stream = runtime.stream()
data = runtime.pinned((16, 16), np.float32)
with runtime.current():
    array = runtime.empty((16, 16), "<f4", stream)
    event = stream.record()
    runtime.release(array, event)
del array, event, data, stream
gc.collect()
runtime.close()
runtime.close()
print(left())
from fastswap.device import cuda
cuda._release_contexts()
print(left())
"""
    )
    assert said == ["[0, 0, 0, 0, 1]", "[0, 0, 0, 0, 0]"]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"EMULATED_GPU_ERROR": "100"}, "cuda:0: cuInit failed: no device"),
        ({"EMULATED_GPU_ERROR": "803"}, "cuda:0: cuInit failed: "),
    ],
)
def test_a_driver_that_refuses_is_one_line(
    driver: dict[str, str], settings: dict[str, str], words: str
) -> None:
    program = """
import host_runtime
from fastswap.device.cuda import CudaRuntime
from fastswap.errors import DeviceError
try:
    CudaRuntime(0, host_runtime.module())
except DeviceError as error:
    print(error)
"""
    assert pycuda_stand_in.run(program, driver, **settings).startswith(words)


def test_without_pycuda_the_words_name_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from fastswap.device import cuda
    from fastswap.errors import DeviceError

    monkeypatch.setitem(__import__("sys").modules, "pycuda", None)
    monkeypatch.setitem(__import__("sys").modules, "pycuda.driver", None)
    with pytest.raises(DeviceError, match=r"PyCUDA is not installed: pip install 'fastswap\[cuda\]'"):
        cuda._driver()
