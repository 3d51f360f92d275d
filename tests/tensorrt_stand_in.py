"""NVIDIA's own TensorRT bindings on a machine without TensorRT: their Python module over libraries that only link.

The bindings' wheel is small and on the package index; what it wraps is not. Nine functions of three libraries are all
that it asks the linker for, so stand-ins that return nothing let it load: all classes, methods and enums are then
NVIDIA's, and none can be used.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from emulated import compiler

LIBRARIES = ("libnvonnxparser.so.{major}", "libnvinfer_plugin.so.{major}", "libnvinfer.so.{major}")
FUNCTIONS = (
    "createInferBuilder_INTERNAL", "createInferRefitter_INTERNAL", "createInferRuntime_INTERNAL",
    "createNvOnnxParserRefitter_INTERNAL", "createNvOnnxParser_INTERNAL", "getBuilderPluginRegistry",
    "getNvOnnxParserVersion", "getPluginRegistry", "initLibNvInferPlugins",
)  # fmt: skip


def build(folder: Path, major: int) -> dict[str, str]:
    """Compiles the stand-ins; the environment of a process that is to import `tensorrt_bindings`."""
    source = folder / "stand_in.c"
    source.write_text("".join(f"void *{name}(void) {{ return 0; }}\n" for name in FUNCTIONS))
    for library in LIBRARIES:
        name = library.format(major=major)
        subprocess.run(
            [
                compiler(),
                "-x",
                "c",
                "-shared",
                "-fPIC",
                f"-Wl,-soname,{name}",
                "-o",
                str(folder / name),
                str(source),
            ],
            check=True,
        )
    return {**os.environ, "LD_LIBRARY_PATH": str(folder)}


def run(program: str, environment: dict[str, str]) -> str:
    """What a Python program prints; raises CalledProcessError with its words when it fails."""
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise AssertionError(done.stderr)
    return done.stdout
