"""Builds the `_cuda` module for the host: the same `.cu` files and bindings over tests/emulation/cuda_runtime.h.

Kernels then run on the CPU, thread by thread, and "device" memory is the heap's, so that the code around the shared
per-pixel bodies is tested without a card, under AddressSanitizer where that is asked for.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sysconfig
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType

import pybind11

ROOT = Path(__file__).parents[1]
EMULATION = ROOT / "tests" / "emulation"
BUILD = ROOT / "build" / "emulated"
CORE = (
    "color.cpp",
    "mask_plan.cpp",
    "motion_plan.cpp",
    "tables.cpp",
    "tone.cpp",
    "transfer_map.cpp",
    "window.cpp",
)
"""Files of csrc/ that `_cuda` is linked with, as in cuda/CMakeLists.txt."""
SANITIZE = ("-fsanitize=address,undefined", "-fno-sanitize-recover=undefined", "-fno-omit-frame-pointer")


def compiler() -> str:
    """The C++ compiler that setuptools would take."""
    return os.environ.get("CXX") or shutil.which("c++") or "g++"


def sources() -> list[Path]:
    """What the module is made of."""
    return [
        *sorted((ROOT / "cuda").glob("*.cu")),
        *sorted((ROOT / "cuda").glob("*.cpp")),
        *(ROOT / "csrc" / name for name in CORE),
        EMULATION / "emulation.cpp",
    ]


def build(*, sanitize: bool) -> Path:
    """The module's file, built when a source has changed. Raises RuntimeError with the compiler's words."""
    flags = ["-std=c++20", "-O1", "-g1", "-fPIC", "-fvisibility=hidden", "-ffp-contract=off"]
    flags += ["-Wall", "-Wextra", "-Werror", "-Wno-unknown-pragmas"]
    for folder in (EMULATION, Path(pybind11.get_include()), Path(sysconfig.get_path("include"))):
        flags += ["-isystem" if folder != EMULATION else "-I", str(folder)]
    headers = [h for d in ("csrc", "cuda", "tests/emulation") for h in (ROOT / d).glob("*.*h")]
    digest = hashlib.sha256(f"{compiler()} {flags}".encode())
    for path in sorted([*headers, *sources()]):
        digest.update(path.read_bytes())
    folder = BUILD / digest.hexdigest()[:16]
    module = folder / ("checked" if sanitize else "plain") / f"_cuda{sysconfig.get_config_var('EXT_SUFFIX')}"
    module.parent.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:  # tests in other processes want it too
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not module.exists():
            _make(module, folder, flags, sanitize)
    return module


def _binds(source: Path) -> bool:
    """Whether a file is of the bindings."""
    return source.name.startswith(("bind", "array"))


def _make(module: Path, folder: Path, flags: list[str], sanitize: bool) -> None:
    cache = [tool] if (tool := shutil.which("ccache")) else []

    def compile_one(path: Path) -> Path:
        # The bindings take longest to compile and touch no pixels: both modules have the same.
        common = _binds(path)
        checks = SANITIZE if sanitize and not common else ()
        built = (folder if common else module.parent) / f"{path.name}.o"
        if not built.exists():
            partial = built.with_suffix(".partial")
            _run([*cache, compiler(), *flags, *checks, "-x", "c++", "-c", str(path), "-o", str(partial)])
            partial.replace(built)
        return built

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        objects = list(pool.map(compile_one, sorted(sources(), key=_binds, reverse=True)))
    partial = module.with_suffix(".partial")
    _run([compiler(), *(SANITIZE if sanitize else ()), "-shared", *map(str, objects), "-o", str(partial)])
    partial.replace(module)


def load(path: Path) -> ModuleType:
    """Imports a module that `build` made."""
    spec = importlib.util.spec_from_file_location("_cuda", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def sanitizer_environment() -> dict[str, str]:
    """What a process needs to load a module that was built with `sanitize`."""
    libraries = []
    for name in ("libasan.so", "libubsan.so"):
        found = subprocess.run(
            [compiler(), f"-print-file-name={name}"], capture_output=True, text=True, check=True
        ).stdout.strip()
        libraries.append(found)
    return {
        **os.environ,
        "LD_PRELOAD": " ".join(libraries),
        "ASAN_OPTIONS": "detect_leaks=0:detect_stack_use_after_return=0",
        "UBSAN_OPTIONS": "print_stacktrace=1",
    }


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
