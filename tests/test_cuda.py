"""The CUDA module as such: without a GPU it must load and fail in words. And its kernels, compiled for the host.

Tests that need the module are skipped without it, unless FASTSWAP_REQUIRE_CUDA=1, which makes that a failure.
"""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from types import ModuleType

import pytest

import emulated
import signatures

REQUIRED = os.environ.get("FASTSWAP_REQUIRE_CUDA") == "1"


def missing(why: str) -> None:
    """Skips, or fails where CUDA is required."""
    if REQUIRED:
        pytest.fail(f"FASTSWAP_REQUIRE_CUDA=1, but {why}")
    pytest.skip(why)


@pytest.fixture(scope="module")
def cuda() -> ModuleType:
    """The module, GPU or not."""
    try:
        return importlib.import_module("fastswap._cuda")
    except ModuleNotFoundError:
        missing("_cuda was not built: there was no working nvcc")
        raise


def test_the_stub_and_the_module_agree(cuda: ModuleType) -> None:
    stub = signatures.of_stub("_cuda")
    assert stub == signatures.of_module(cuda)
    assert signatures.classes_of_stub("_cuda") == signatures.classes_of_module(cuda)
    cpu = signatures.of_stub("_cpu")
    for name in set(stub) & set(cpu):
        assert stub[name] == [*cpu[name], "stream"]


def test_without_a_gpu_the_first_call_says_so(cuda: ModuleType) -> None:
    """In a process that sees no GPU even where there is one."""
    program = """
import numpy as np
from fastswap import _cuda
assert _cuda.device_count() == 0
y, c = np.zeros((8, 8), np.uint8), np.zeros((4, 4), np.uint8)
def at(array):
    return _cuda.Array(array.ctypes.data, array.shape, array.strides, array.dtype.str, array)
picture = (at(y), at(c), at(c), "bt709", False, "left", 8, (1, 1))
out = at(np.zeros((1, 3, 8, 8), np.float32))
stream = _cuda.Stream()
for call in (
    lambda: _cuda.device_name(0),
    lambda: _cuda.crop([picture], np.zeros((1, 2, 3)), out, "black", stream),
    lambda: _cuda.Array.empty((3,), "<f4"),
    stream.synchronize,
):
    try:
        call()
    except RuntimeError as error:
        print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    lines = done.stdout.splitlines()
    assert len(lines) == 4
    assert all(line.startswith("no usable NVIDIA GPU") and "cuda" in line for line in lines)


@pytest.mark.timeout(1500)
def test_kernels_on_the_host() -> None:
    """test_kernels_*.py over the same `.cu` files, compiled for the host with AddressSanitizer.

    A block's threads start in order in one run, and backwards in another of the kernels that have barriers: where one
    is missing, results differ.
    """
    module = emulated.build(sanitize=True)
    for order, chosen in (("forwards", "*"), ("backwards", "[cmls]*")):
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "pytest",
                "-q",
                "-x",
                "-p",
                "no:cacheprovider",
                *map(str, sorted((emulated.ROOT / "tests").glob(f"test_kernels_{chosen}.py"))),
            ],
            cwd=emulated.ROOT,
            env={
                **emulated.sanitizer_environment(),
                "FASTSWAP_CUDA_EMULATED": str(module),
                "FASTSWAP_EMULATION": order,
            },
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-6000:]
        assert " skipped" not in done.stdout
