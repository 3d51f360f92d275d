"""Builds the native modules with AddressSanitizer and UndefinedBehaviorSanitizer and runs their tests on them.

The same tests as in `make test`; the sanitized package lies in a folder of its own, before the installed one. A
compiler without the sanitizers' libraries is reported and left alone, unless FASTSWAP_REQUIRE_SANITIZERS=1.
Arguments are handed to pytest in place of the usual files.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
BUILD = ROOT / "build" / "sanitize"
FLAGS = ("-fsanitize=address,undefined",)
TESTS = ("crop", "blend", "seam", "color", "mask", "native", "properties", "raster", "formats")
"""The test files that call the native modules directly; those of `formats` that do not are left out below."""
LEFT_OUT = "lossless_file or nearest or alpha or named or pixel_format or pictures_keep or swapper or stub"

START = (
    "import sys; sys.meta_path[:] = [f for f in sys.meta_path if 'ScikitBuild' not in type(f).__name__];"
    "import pytest; sys.exit(pytest.main(sys.argv[1:]))"
)
"""Runs pytest; a linked installation's finder would go before PYTHONPATH and hand out the modules of its own."""


def compiler() -> str:
    """The C++ compiler that CMake takes too."""
    return os.environ.get("CXX") or shutil.which("c++") or "g++"


def library(name: str) -> str | None:
    """The path of one of the compiler's shared libraries, None when it has none."""
    found = subprocess.run(
        [compiler(), f"-print-file-name={name}"], capture_output=True, text=True, check=False
    ).stdout.strip()
    return found if os.path.isabs(found) else None  # noqa: PTH117 (a name without a folder is no path)


def can_sanitize() -> bool:
    """True when a program with the sanitizers links and runs."""
    with tempfile.TemporaryDirectory() as folder:
        source, program = Path(folder) / "a.cpp", Path(folder) / "a"
        source.write_text("int main() { return 0; }\n")
        build = subprocess.run(
            [compiler(), *FLAGS, str(source), "-o", str(program)], capture_output=True, check=False
        )
        return build.returncode == 0 and subprocess.run([str(program)], check=False).returncode == 0


def build(site: Path) -> None:
    """Installs the package with sanitized modules into `site`."""
    settings = {"cmake.define.FASTSWAP_SANITIZE": "ON", "cmake.define.FASTSWAP_CUDA": "OFF"}
    settings["build-dir"] = str(BUILD / "cmake")
    options = [f"--config-settings={key}={value}" for key, value in settings.items()]
    isolated = [] if os.environ.get("FASTSWAP_BUILD_ISOLATION", "1") == "1" else ["--no-build-isolation"]
    command = [
        "install",
        "--quiet",
        "--no-deps",
        "--upgrade",
        "--target",
        str(site),
        *isolated,
        *options,
        str(ROOT),
    ]
    subprocess.run([sys.executable, "-m", "pip", *command], check=True, stderr=subprocess.DEVNULL)


def main() -> int:
    """Builds, then runs the tests; gives pytest's exit code."""
    libraries = [found for name in ("libasan.so", "libstdc++.so.6") if (found := library(name))]
    if len(libraries) < 2 or not can_sanitize():
        print(f"sanitize: {compiler()} has no AddressSanitizer; nothing was checked")
        return int(os.environ.get("FASTSWAP_REQUIRE_SANITIZERS") == "1")
    site = BUILD / "site"
    build(site)
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(site), *filter(None, [os.environ.get("PYTHONPATH")])]),
        # Python itself is not built for it: the libraries must be there before everything else.
        "LD_PRELOAD": " ".join(libraries),
        "ASAN_OPTIONS": "detect_leaks=0:allocator_may_return_null=1",
        "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
        "FASTSWAP_SANITIZED": "1",
    }
    tests = sys.argv[1:] or [
        *(str(ROOT / "tests" / f"test_{name}.py") for name in TESTS),
        "-k",
        f"not ({LEFT_OUT})",
    ]
    command = [sys.executable, "-c", START, "-q", "-p", "no:cacheprovider", *tests]
    return subprocess.run(command, env=environment, cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
