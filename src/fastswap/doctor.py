"""Checks an installation, one item at a time; downloads nothing, changes nothing and never fails itself."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from ctypes.util import find_library
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import gettempdir
from typing import Any, Final, Literal

from rich.markup import escape

Status = Literal["ok", "warn", "fail"]

SUPPORTED_PYTHON: Final = ((3, 11), (3, 14))
ENCODERS: Final = (
    "libx264", "libx265", "libsvtav1", "prores_ks", "ffv1", "h264_nvenc", "hevc_nvenc", "av1_nvenc",
)  # fmt: skip
PACKAGES: Final = ("numpy", "av", "openvino", "onnx", "c2pa-python", "cryptography", "platformdirs", "pip")
LOW_DISK: Final = 2 << 30
"""Bytes; a few minutes of 1080p at high quality, written once for the encoder and once for the signature."""

_COLOURS: Final[Mapping[Status, str]] = {"ok": "green", "warn": "yellow", "fail": "red"}


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that was checked. value: what is there. advice: what to do about it, empty when all is well."""

    name: str
    status: Status
    value: str
    advice: str = ""


def report() -> dict[str, Any]:
    """All items as plain values: {"ok": no item failed, "items": [{name, status, value, advice}, ...]}."""
    items = [item for name, check in CHECKS.items() for item in _guarded(name, check)]
    return {"ok": all(item.status != "fail" for item in items), "items": [asdict(item) for item in items]}


def lines(found: Mapping[str, Any]) -> list[str]:
    """A report as lines of Rich markup: the items, their advice below them, and the sum."""
    shown = []
    for item in found["items"]:
        colour = _COLOURS[item["status"]]
        shown.append(f"[{colour}]{item['status']:<4}[/{colour}] {item['name']:<16} {escape(item['value'])}")
        if item["advice"]:
            shown.append(f"{'':22}{escape(item['advice'])}")
    counts = {status: sum(item["status"] == status for item in found["items"]) for status in _COLOURS}
    ready = "ready to render" if found["ok"] else "not ready"
    return [*shown, f"{ready}: {counts['ok']} ok, {counts['warn']} to look at, {counts['fail']} failed"]


def _guarded(name: str, check: Callable[[], Iterator[Item]]) -> Iterator[Item]:
    """A check that breaks is itself a finding."""
    try:
        yield from check()
    except Exception as error:
        words = (str(error).strip() or type(error).__name__).splitlines()[0]
        yield Item(name, "fail", words, "this part of the installation does not work; install fastswap again")


def _system() -> Iterator[Item]:
    low, high = SUPPORTED_PYTHON
    right = low <= sys.version_info[:2] < high
    advice = "" if right else f"fastswap is tested with Python {low[0]}.{low[1]} to {high[0]}.{high[1] - 1}"
    yield Item(
        "python", "ok" if right else "warn", f"{platform.python_version()} at {sys.executable}", advice
    )
    linux = sys.platform == "linux"
    yield Item(
        "system",
        "ok" if linux else "warn",
        platform.platform(),
        "" if linux else "fastswap is tested on Linux",
    )


def _packages() -> Iterator[Item]:
    from fastswap import __version__

    yield Item("fastswap", "ok", __version__)
    missing = [name for name in PACKAGES if _version(name) is None]
    held = ", ".join(f"{name} {_version(name)}" for name in PACKAGES if name not in missing)
    advice = f"missing: {', '.join(missing)}; run `pip install {' '.join(missing)}`" if missing else ""
    yield Item("packages", "fail" if missing else "ok", held, advice)


def _processor() -> Iterator[Item]:
    try:
        native = import_module("fastswap._cpu")
    except ImportError as error:
        advice = "it needs a C++20 compiler: run `pip install .` in fastswap's folder and read what it says"
        yield Item("native _cpu", "fail", f"cannot be imported ({error})", advice)
        return
    used, known = native.get_simd(), ", ".join(native.simd_levels())
    yield Item("native _cpu", "ok", f"{used} (this processor runs {known}), {native.get_threads()} threads")


def _graphics() -> Iterator[Item]:
    driver = Path("/proc/driver/nvidia/version").exists() or find_library("cuda") is not None
    try:
        native = import_module("fastswap._cuda")
    except ImportError:
        advice = "to use the GPU install the CUDA toolkit (nvcc) and fastswap again" if driver else ""
        seen = "an NVIDIA driver is installed" if driver else "no NVIDIA driver; rendering runs on the CPU"
        yield Item("native _cuda", "warn" if driver else "ok", f"not built; {seen}", advice)
        return
    try:
        count = int(native.device_count())
    except (RuntimeError, AttributeError) as error:
        yield Item("native _cuda", "ok", f"built; no GPU can be used ({str(error).splitlines()[0]})")
        return
    yield Item("native _cuda", "ok", f"built; {count} GPU{'' if count == 1 else 's'}")


def _gpus() -> Iterator[Item]:
    """What a render with --device cuda would find, or why it would not start."""
    from fastswap.device import choice
    from fastswap.device.tools import tensorrt_found, torch_found
    from fastswap.errors import DeviceError

    expected = choice.driver_version() is not None
    try:
        count = choice.gpu_count(choice.native_module())
        found = [choice.describe(index) for index in range(count)]
    except DeviceError as error:
        advice = "rendering runs on the CPU" if expected else ""
        yield Item("gpu", "warn" if expected else "ok", str(error), advice)
        return
    for name, problem in found:
        yield Item("gpu", "warn" if problem else "ok", name, problem)
    engine, torch = tensorrt_found(), torch_found()
    advice = (
        "" if engine or torch else "neither TensorRT nor torch is installed: a GPU cannot run the networks"
    )
    runs = engine or f"TensorRT is not installed; {torch or 'torch neither'}"
    yield Item("gpu engine", "ok" if engine or torch else "warn", runs, advice)


def _engine() -> Iterator[Item]:
    core = import_module("openvino").Core()
    abilities = core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    name = str(core.get_property("CPU", "FULL_DEVICE_NAME")).strip()
    precision = "bf16" if "BF16" in abilities else "float32, this processor has no bf16: about half the speed"
    yield Item("openvino", "ok", f"{_version('openvino')} on {name} with {_cores()} cores, {precision}")


def _video() -> Iterator[Item]:
    from fastswap.video import about

    built_in = about.encoders(ENCODERS)
    missing = [name for name in ENCODERS if name not in built_in]
    found = f"PyAV {about.pyav_version}, FFmpeg {about.ffmpeg_version}, encoders {', '.join(built_in)}"
    if "libx264" in missing:
        yield Item(
            "video",
            "fail",
            found,
            "libx264, the default encoder, is missing; install PyAV's own wheel: pip install av",
        )
    else:
        yield Item(
            "video",
            "warn" if missing else "ok",
            found,
            f"not built in: {', '.join(missing)}" if missing else "",
        )


def _training() -> Iterator[Item]:
    torch = _version("torch")
    advice = "" if torch else "only training needs it: pip install 'fastswap[train]'"
    yield Item("torch", "ok", torch or "not installed", advice)


def _weights() -> Iterator[Item]:
    from fastswap import weights

    found = weights.status()
    states = {each.state for each in found}
    value = f"{', '.join(f'{each.name} {each.state}' for each in found)} in {weights.weights_dir()}"
    if states == {"ready"}:
        yield Item("face models", "ok", value)
    elif os.environ.get(weights.WEIGHTS_ENV):
        yield Item("face models", "fail", value, f"put the right files there, or unset {weights.WEIGHTS_ENV}")
    else:
        yield Item("face models", "warn", value, "they are downloaded when first needed (about 35 MB)")


def _certificate() -> Iterator[Item]:
    from fastswap.errors import ProvenanceError
    from fastswap.provenance import certificate, check_credential, local

    try:
        own = certificate.named_files(None, None) is not None
        credential = check_credential() if own else local.stored_credential()
        if credential is None and (config := certificate.config_dir() / local.FILE).exists():
            raise ProvenanceError(
                f"{config}: damaged or not readable; delete it and a new certificate is made"
            )
    except ProvenanceError as error:
        yield Item("certificate", "fail", str(error), "without one that works nothing can be written")
        return
    if credential is None:
        yield Item("certificate", "ok", "none yet; one is made on this machine when first needed")
        return
    days = (credential.not_after - datetime.now(UTC)).days
    value = f"{credential.subject}, valid to {credential.not_after:%Y-%m-%d} ({credential.path})"
    soon = own and days < 30
    yield Item("certificate", "warn" if soon else "ok", value, f"expires in {days} days" if soon else "")


def _folders() -> Iterator[Item]:
    from fastswap.provenance import config_dir
    from fastswap.weights import cache_dir

    for name, folder in (("config", config_dir()), ("cache", cache_dir()), ("temporary", Path(gettempdir()))):
        there = _existing(folder)
        writable = os.access(there, os.W_OK | os.X_OK) and there.is_dir()
        state = "" if folder.exists() else ", not made yet"
        advice = (
            "" if writable else f"{there} cannot be written; see FASTSWAP_CONFIG, FASTSWAP_CACHE and TMPDIR"
        )
        yield Item(f"{name} folder", "ok" if writable else "warn", f"{folder}{state}", advice)


def _disk() -> Iterator[Item]:
    from fastswap.weights import cache_dir

    for name, folder in (("here", Path.cwd()), ("cache", cache_dir()), ("temporary", Path(gettempdir()))):
        free = shutil.disk_usage(_existing(folder)).free
        low = free < LOW_DISK
        advice = "little room for a video and its signed copy" if low else ""
        yield Item(f"disk, {name}", "warn" if low else "ok", f"{free / 1e9:.1f} GB free", advice)


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that exists."""
    return next(path for path in (folder, *folder.absolute().parents) if path.exists())


CHECKS: Final[Mapping[str, Callable[[], Iterator[Item]]]] = {
    "python": _system,
    "packages": _packages,
    "native _cpu": _processor,
    "native _cuda": _graphics,
    "gpu": _gpus,
    "openvino": _engine,
    "video": _video,
    "torch": _training,
    "face models": _weights,
    "certificate": _certificate,
    "folders": _folders,
    "disk": _disk,
}
"""Every check by the name that its failure is reported under."""
