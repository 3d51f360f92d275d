"""fastswap learns one person's face from footage and puts it on another person in a video or a picture, fast."""

from __future__ import annotations

import sys
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fastswap.errors import FastswapError
    from fastswap.look import Look
    from fastswap.model import Contract, load_contract
    from fastswap.pipeline import render
    from fastswap.provenance.verify import verify
    from fastswap.report import Report
    from fastswap.swapper import Swapper

# Left alone, OpenVINO reports to Google Analytics that it was imported, from a fork of this process. It does without
# where the package that does so cannot be imported.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]

try:
    __version__ = version("fastswap")
except PackageNotFoundError:  # run from a source tree that is not installed
    __version__ = "0+unknown"

_HOME = {
    "Contract": "fastswap.model",
    "FastswapError": "fastswap.errors",
    "Look": "fastswap.look",
    "Report": "fastswap.report",
    "Swapper": "fastswap.swapper",
    "load_contract": "fastswap.model",
    "render": "fastswap.pipeline",
    "verify": "fastswap.provenance.verify",
}

__all__ = [
    "Contract",
    "FastswapError",
    "Look",
    "Report",
    "Swapper",
    "__version__",
    "load_contract",
    "render",
    "verify",
]


def __getattr__(name: str) -> Any:
    """Public names are imported when first used: `import fastswap` alone costs nothing."""
    if name not in _HOME:
        raise AttributeError(f"module 'fastswap' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOME[name]), name)
