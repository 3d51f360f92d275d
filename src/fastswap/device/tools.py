"""What is installed that runs networks on a GPU; nothing heavy is imported."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

_TENSORRT = ("tensorrt", "tensorrt-cu13", "tensorrt-cu12")
_LEAN = ("tensorrt-lean", "tensorrt-lean-cu13", "tensorrt-lean-cu12")


def tensorrt_found() -> str:
    """TensorRT and its version, or its lean run time, in words; empty where there is neither."""
    full, lean = _first(_TENSORRT), _first(_LEAN)
    if full:
        return f"TensorRT {full}"
    return f"TensorRT's lean run time {lean}: it runs engines of `fastswap compile --lean`" if lean else ""


def torch_found() -> str:
    """torch and its version in words; empty where it is not installed."""
    found = _first(("torch",))
    return f"torch {found} takes over" if found else ""


def _first(names: tuple[str, ...]) -> str:
    for name in names:
        try:
            return version(name)
        except PackageNotFoundError:
            continue
    return ""
