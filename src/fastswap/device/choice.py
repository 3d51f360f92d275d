"""Which device renders: what the user asked for, what there is, and why not, in one line each."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Final

from fastswap.errors import DeviceError, SettingsError

if TYPE_CHECKING:
    from fastswap.device.cuda import CudaRuntime

OLDEST: Final = (8, 0)
"""Compute capability that the kernels are built for at least: Ampere."""
_DRIVER: Final = 580
"""First driver branch that runs CUDA 13."""
_VERSION_FILE: Final = Path("/proc/driver/nvidia/version")


@dataclass(frozen=True, slots=True)
class Wish:
    """A device by name. kind: "auto", "cpu" or "cuda". index: of the GPU, None for the first that there is."""

    kind: str
    index: int | None = None


def parse(name: str) -> Wish:
    """Understands "auto", "cpu", "cuda" and "cuda:N". Raises SettingsError for other names."""
    if name in ("auto", "cpu", "cuda"):
        return Wish(name)
    found = re.fullmatch(r"cuda:(\d+)", name)
    if not found:
        raise SettingsError(f"device is {name!r}; choose auto, cpu, cuda or cuda:N")
    return Wish("cuda", int(found[1]))


def names_of(device: str) -> tuple[str, ...]:
    """The devices of a list such as "cuda:0,cuda:1"; one for a single name. Raises SettingsError for unknown names."""
    names = tuple(name.strip() for name in device.split(","))
    for name in names:
        if parse(name).kind != "cuda" and len(names) > 1:
            raise SettingsError(f"device is {device!r}; a list may hold GPUs alone, as cuda:0,cuda:1")
    if len(set(names)) < len(names):
        raise SettingsError(f"device is {device!r}; it names a GPU twice")
    return names


def worker_device(device: str, number: int) -> tuple[str, dict[str, str]]:
    """The device of one of several processes, and what to add to its environment: each sees its own GPU alone.

    FFmpeg takes a stream of ours only for the first GPU that a process sees. number: of the process, from 0.
    """
    names = names_of(device)
    wish = parse(names[number % len(names)])
    if wish.index is None:
        return names[number % len(names)], {}
    seen = [part for part in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if part.strip()]
    if seen and wish.index >= len(seen):
        raise DeviceError(f"cuda:{wish.index}: CUDA_VISIBLE_DEVICES shows {len(seen)} GPUs")
    return "cuda:0", {"CUDA_VISIBLE_DEVICES": seen[wish.index] if seen else str(wish.index)}


def open_gpu(wish: Wish, notices: list[str]) -> CudaRuntime | None:
    """The run time of the GPU to render on, None for the CPU.

    A GPU that was asked for by name and cannot be used raises DeviceError. For "auto" the CPU takes over, and where an
    NVIDIA driver is installed a notice says why: somebody expected that GPU to be used.
    """
    if wish.kind == "cpu":
        return None
    try:
        return _open(wish.index or 0)
    except DeviceError as error:
        if wish.kind == "cuda":
            raise
        if driver_version() is not None:
            notices.append(f"rendered on the CPU: {error}")
        return None


def _open(index: int) -> CudaRuntime:
    native = native_module()
    count = gpu_count(native)
    if index >= count:
        there = (
            "there is one GPU, cuda:0"
            if count == 1
            else f"there are {count} GPUs, cuda:0 to cuda:{count - 1}"
        )
        raise DeviceError(f"cuda:{index}: {there}")
    from fastswap.device.cuda import CudaRuntime

    runtime = CudaRuntime(index, native)
    check_capability(runtime.capability, f"cuda:{index} ({runtime.name})")
    return runtime


def native_module() -> ModuleType:
    """The `_cuda` module. Raises DeviceError when it was not built or does not load."""
    try:
        return import_module("fastswap._cuda")
    except ModuleNotFoundError as error:
        raise DeviceError(
            "this build of fastswap has no CUDA module: install the CUDA toolkit (nvcc) and fastswap again"
        ) from error
    except ImportError as error:
        raise DeviceError(f"fastswap's CUDA module does not load: {str(error).splitlines()[0]}") from error


def gpu_count(native: ModuleType) -> int:
    """How many GPUs there are. Raises DeviceError saying why when there is none."""
    try:
        count = int(native.device_count())
    except RuntimeError as error:
        raise DeviceError(f"the GPUs cannot be counted: {str(error).splitlines()[0]}") from error
    if count:
        return count
    version = driver_version()
    if version is None:
        raise DeviceError("no NVIDIA driver was found")
    if version and version[0] < _DRIVER:
        shown = ".".join(str(part) for part in version)
        raise DeviceError(f"the NVIDIA driver {shown} is too old for CUDA 13; it needs {_DRIVER} or newer")
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    hint = "" if visible is None else f" (CUDA_VISIBLE_DEVICES is {visible!r})"
    raise DeviceError(f"the NVIDIA driver shows no GPU{hint}")


def describe(index: int) -> tuple[str, str]:
    """A GPU in words, and what keeps it from being used, empty for nothing."""
    try:
        runtime = _open(index)
    except DeviceError as error:
        return f"cuda:{index}", str(error)
    free, total = runtime.memory()
    words = f"{runtime.name}, compute capability {runtime.capability}, CUDA {runtime.driver}"
    return f"cuda:{index} {words}, {free / 2**30:.1f} of {total / 2**30:.1f} GiB free", ""


def check_capability(capability: str, name: str) -> None:
    """Raises DeviceError for a GPU that the kernels are not built for."""
    if tuple(int(part) for part in capability.split(".")) < OLDEST:
        needed = ".".join(str(part) for part in OLDEST)
        raise DeviceError(
            f"{name}: compute capability {capability} is too old; {needed} (Ampere) or newer is needed"
        )


def driver_version(file: Path = _VERSION_FILE) -> tuple[int, ...] | None:
    """The NVIDIA kernel driver's version, () when it cannot be read, None when there is no driver."""
    try:
        text = file.read_text()
    except FileNotFoundError:
        return None
    except OSError:
        return ()
    found = re.search(r"\b(\d{3,}(?:\.\d+)+)\b", text)
    return tuple(int(part) for part in found[1].split(".")) if found else ()
