"""Formats every C++ and CUDA file with clang-format, or with --check says which ones are not formatted."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def main() -> int:
    """clang-format's exit code."""
    folders = ("csrc", "cuda", "raster", "tests")
    suffixes = {".h", ".cpp", ".cu", ".cuh"}
    files = sorted(str(f) for d in folders for f in (ROOT / d).rglob("*") if f.suffix in suffixes)
    mode = ["--dry-run", "--Werror"] if "--check" in sys.argv[1:] else ["-i"]
    return subprocess.run(
        [Path(sys.executable).with_name("clang-format"), *mode, *files], check=False
    ).returncode


if __name__ == "__main__":
    sys.exit(main())
