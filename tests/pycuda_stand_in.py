"""The real PyCUDA on a machine without a driver: a driver library over host memory, see emulation/driver.cpp.

PyCUDA asks the linker for about 140 functions; the driver has those that fastswap uses, all others are made here and
fail with "not supported".
"""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from emulated import EMULATION, compiler


def require() -> Path:
    """PyCUDA's extension module; skips where PyCUDA or what the stand-in is built from is missing."""
    spec = importlib.util.find_spec("pycuda")
    folder = Path(next(iter(spec.submodule_search_locations or []))) if spec else None
    found = next(folder.glob("_driver*.so"), None) if folder else None
    if found is None:
        pytest.skip("PyCUDA is not installed (it is built from source, with the CUDA toolkit)")
    if cuda_include() is None:
        pytest.skip("the CUDA toolkit's headers are not there")
    return found


def cuda_include() -> Path | None:
    """The folder of cuda.h."""
    places = (os.environ.get("CUDA_HOME", ""), os.environ.get("CUDA_PATH", ""), "/usr/local/cuda")
    return next(
        (Path(p) / "include" for p in places if p and (Path(p) / "include" / "cuda.h").exists()), None
    )


def build(folder: Path, extension: Path) -> dict[str, str]:
    """Compiles the driver; the environment of a process in which PyCUDA runs on it."""
    asked = subprocess.run(
        ["nm", "-D", "--undefined-only", str(extension)], capture_output=True, text=True, check=True
    ).stdout
    source = EMULATION / "driver.cpp"
    made = set(re.findall(r"^CUresult (cu\w+)\(", source.read_text(), re.MULTILINE))
    needed = set(re.findall(r" U (cu[A-Z]\w*)", asked)) - made
    rest = folder / "rest.c"
    rest.write_text("".join(f"int {name}(void) {{ return 801; }}\n" for name in sorted(needed)))
    random = sorted(set(re.findall(r" U (curand\w+)", asked)))
    (folder / "random.c").write_text("".join(f"int {name}(void) {{ return 1; }}\n" for name in random))
    shared = ["-shared", "-fPIC", "-O1"]
    _run([compiler(), "-x", "c", "-c", "-fPIC", str(rest), "-o", str(folder / "rest.o")])
    _run(
        [compiler(), *shared, f"-isystem{cuda_include()}", str(source), str(folder / "rest.o"),
         "-Wl,-soname,libcuda.so.1", "-o", str(folder / "libcuda.so.1")]
    )  # fmt: skip
    name = re.search(r"libcurand\.so\.\d+", _needed(extension))
    soname = name[0] if name else "libcurand.so.10"
    script = folder / "random.map"  # PyCUDA asks for versioned symbols
    script.write_text(f"{soname} {{ global: *; }};\n")
    _run(
        [compiler(), "-x", "c", *shared, str(folder / "random.c"), f"-Wl,-soname,{soname}",
         f"-Wl,--version-script={script}", "-o", str(folder / soname)]
    )  # fmt: skip
    tests = str(Path(__file__).parent)
    path = os.pathsep.join([tests, *(p for p in sys.path if p)])
    # Preloaded: a PyCUDA that was linked where there was no driver does not ask for the library by itself.
    preload = str(folder / "libcuda.so.1")
    return {**os.environ, "LD_LIBRARY_PATH": str(folder), "LD_PRELOAD": preload, "PYTHONPATH": path}


def _needed(extension: Path) -> str:
    return subprocess.run(
        ["readelf", "-d", str(extension)], capture_output=True, text=True, check=True
    ).stdout


def run(program: str, environment: dict[str, str], **more: str) -> str:
    """What a program prints; its words as an AssertionError when it fails or PyCUDA complains."""
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**environment, **more},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode or "PyCUDA" in done.stderr:
        raise AssertionError(f"exit {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done.stdout


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr)
