"""Fetches, verifies and caches the default face models; nothing happens at import.

The two models are files inside a wheel on the package index (MediaPipe 0.10.21, Apache-2.0). The wheel is
downloaded with the installed pip, so the user's own index and proxy settings apply, and unzipped; it is never
installed or imported. `FASTSWAP_WEIGHTS` names a folder that already holds the files (closed networks:
nothing is ever downloaded then); `FASTSWAP_CACHE` moves the cache folder.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final, Literal

import platformdirs
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from fastswap.errors import WeightsError

WEIGHTS_ENV: Final = "FASTSWAP_WEIGHTS"
CACHE_ENV: Final = "FASTSWAP_CACHE"
PACKAGE: Final = "mediapipe==0.10.21"
# The files are the same in every platform's wheel, so every host asks for this one.
_TARGET: Final = (
    "--no-deps", "--only-binary=:all:", "--implementation=cp", "--python-version=3.11", "--abi=cp311",
    "--platform=manylinux_2_28_x86_64",
)  # fmt: skip

ModelName = Literal["detector", "mesh"]
State = Literal["ready", "missing", "corrupt"]


@dataclass(frozen=True, slots=True)
class Weight:
    """One model file: its name in the cache, its place in the wheel and its SHA-256."""

    file: str
    member: str
    sha256: str


WEIGHTS: Final[Mapping[ModelName, Weight]] = {
    "detector": Weight(
        "face_detection_full_range_sparse.tflite",
        "mediapipe/modules/face_detection/face_detection_full_range_sparse.tflite",
        "2c3728e6da56f21e21a320433396fb06d40d9088f2247c05e5635a688d45dfe1",
    ),
    "mesh": Weight(
        "face_landmark.tflite",
        "mediapipe/modules/face_landmark/face_landmark.tflite",
        "1055cb9d4a9ca8b8c688902a3a5194311138ba256bcc94e336d8373a5f30c814",
    ),
}


@dataclass(frozen=True, slots=True)
class WeightStatus:
    """Where a model file is looked for and what is there."""

    name: ModelName
    path: Path
    state: State


def cache_dir() -> Path:
    """fastswap's cache folder (may not exist yet): `FASTSWAP_CACHE`, or the platform's place for caches."""
    named = os.environ.get(CACHE_ENV)
    return Path(named).expanduser() if named else Path(platformdirs.user_cache_dir("fastswap"))


def weights_dir() -> Path:
    """The folder that the model files are used from: `FASTSWAP_WEIGHTS`, or `weights` in the cache folder."""
    named = os.environ.get(WEIGHTS_ENV)
    return Path(named).expanduser() if named else cache_dir() / "weights"


def status() -> list[WeightStatus]:
    """What is there of each model file. Downloads nothing, writes nothing."""
    folder = weights_dir()
    return [WeightStatus(name, folder / w.file, _state(folder / w.file, w)) for name, w in WEIGHTS.items()]


def model_path(name: ModelName) -> Path:
    """Path of one model file, its SHA-256 checked; downloaded when it is missing or damaged in the cache.

    Shows a progress bar on stderr during a download. Processes that need it at the same time download it
    once. Raises WeightsError when the file cannot be had.
    """
    weight = WEIGHTS[name]
    path = weights_dir() / weight.file
    state = _state(path, weight)
    if state == "ready":
        return path
    if os.environ.get(WEIGHTS_ENV):
        what = "is missing" if state == "missing" else "has the wrong SHA-256"
        raise WeightsError(f"{path} {what}; {WEIGHTS_ENV} must name a folder with {_file_names()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _locked(path.parent):
            if _state(path, weight) != "ready":  # another process may have been faster
                _download(path.parent)
    except OSError as error:
        raise WeightsError(
            f"cannot store the face models in {path.parent}: {error.strerror or error}; "
            f"set {CACHE_ENV} to a folder that can be written"
        ) from error
    return path


def _state(path: Path, weight: Weight) -> State:
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return "missing"
    return "ready" if digest == weight.sha256 else "corrupt"


def _file_names() -> str:
    return " and ".join(weight.file for weight in WEIGHTS.values())


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Holds the folder's lock, where the file system has locks; without one the work is only done twice."""
    with (folder / ".lock").open("wb") as lock:
        with suppress(OSError):
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _download(folder: Path) -> None:
    """Downloads the wheel and puts its verified model files into `folder`, each by an atomic rename."""
    with tempfile.TemporaryDirectory(prefix=".download-", dir=folder) as name:
        scratch = Path(name)
        _pip_download(scratch, folder)
        wheels = sorted(scratch.glob("*.whl"))
        if not wheels:
            raise WeightsError(f"pip downloaded no wheel of {PACKAGE}; {_advice()}")
        try:
            with zipfile.ZipFile(wheels[0]) as wheel:
                members = {weight.file: wheel.read(weight.member) for weight in WEIGHTS.values()}
        except (zipfile.BadZipFile, KeyError) as error:
            message = f"{wheels[0].name} does not hold the face models ({error}); {_advice()}"
            raise WeightsError(message) from error
        for weight in WEIGHTS.values():
            part = scratch / weight.file
            part.write_bytes(members[weight.file])
            if _state(part, weight) != "ready":
                raise WeightsError(f"{weight.file} in {wheels[0].name} has the wrong SHA-256; {_advice()}")
            part.replace(folder / weight.file)


def _pip_download(target: Path, folder: Path) -> None:
    if find_spec("pip") is None:
        raise WeightsError(
            f"the face models are not in {folder} and pip, which downloads them, is missing: "
            f"run `{sys.executable} -m ensurepip`, or set {WEIGHTS_ENV} to a folder with {_file_names()}"
        )
    lines = _run_pip(target, "raw")
    if lines and any("--progress-bar" in line and "invalid choice" in line for line in lines):
        lines = _run_pip(target, "off")  # pip older than 24.1 has no machine-readable progress
    if lines is not None:
        raise WeightsError(
            f"the face models are not in {folder} and pip could not download {PACKAGE} ({_reason(lines)}); "
            f"{_advice()}"
        )


def _advice() -> str:
    return f"connect to a package index, or set {WEIGHTS_ENV} to a folder with {_file_names()}"


def _run_pip(target: Path, bar: str) -> list[str] | None:
    """Runs pip with a progress bar of ours; None when it succeeded, what it said when it did not."""
    command = [sys.executable, "-m", "pip", "download", *_TARGET, f"--dest={target}", f"--progress-bar={bar}"]
    command += ["--disable-pip-version-check", "--no-input", "--no-color", "--retries=2", PACKAGE]
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    said: list[str] = []
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        errors="replace",
    )  # fmt: skip
    try:
        console = Console(stderr=True)
        with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
            task = progress.add_task("Downloading the face models", total=None)
            assert process.stdout is not None
            for line in process.stdout:
                step = re.fullmatch(r"Progress (\d+) of (\d+)\s*", line)
                if step:
                    progress.update(task, completed=int(step[1]), total=int(step[2]) or None)
                else:
                    said.append(line.strip())
            code = process.wait()
    finally:
        if process.poll() is None:  # the user stopped us
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()
    return None if code == 0 else said


def _reason(lines: list[str]) -> str:
    """The one line of pip's output that says most about why it failed."""
    network = r"(?i).*?((?:failed to (?:establish|resolve)|timed out|proxy|certificate)[^\"]*)"
    for pattern in (network, r"ERROR: (.*)"):
        for line in lines:
            found = re.match(pattern, line)
            if found:
                return found[1].strip(" .'\"")[:200]
    return lines[-1][:200] if lines else "it said nothing"
