"""Installs the torch that the `train` extra pins, but never gigabytes of CUDA packages that nobody asked for.

pip is asked first what it would install. If that includes CUDA packages, nothing is installed unless
FASTSWAP_TORCH_CUDA=1 says so; the training tests are then skipped. To choose an index with CPU builds, use pip's own
settings (PIP_EXTRA_INDEX_URL, PIP_FIND_LINKS).
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path


def pinned() -> str:
    """The requirement for torch in pyproject.toml."""
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
    return next(r for r in project["optional-dependencies"]["train"] if r.startswith("torch"))


def cuda_packages(requirement: str) -> list[str]:
    """Names of the CUDA packages that an installation of `requirement` would bring."""
    pip = [sys.executable, "-m", "pip", "install", "--dry-run", "--quiet", "--report", "-", requirement]
    answer = subprocess.run(pip, check=True, stdout=subprocess.PIPE, text=True).stdout
    names = [item["metadata"]["name"].lower() for item in json.loads(answer)["install"]]
    return [name for name in names if name.startswith(("nvidia-", "cuda-", "triton"))]


def main() -> int:
    """Installs torch, or says why not. Fails only when pip does."""
    if importlib.util.find_spec("torch"):
        return 0
    requirement = pinned()
    cuda = cuda_packages(requirement)
    if cuda and os.environ.get("FASTSWAP_TORCH_CUDA") != "1":
        print(
            f"{requirement}: this index has only the CUDA build ({len(cuda)} CUDA packages); not installed, and the"
        )
        print(
            "training tests will be skipped. Point pip at an index with CPU builds, or set FASTSWAP_TORCH_CUDA=1."
        )
        return 0
    return subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", requirement], check=False
    ).returncode


if __name__ == "__main__":
    sys.exit(main())
