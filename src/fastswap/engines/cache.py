"""Built engines on disk: found by all that they depend on, complete or absent, built once however many ask.

An engine belongs to one network, precision, range of batches, TensorRT version, GPU and driver; all of that is its key.
A file carries a hash of its contents, so a damaged one is noticed, told and built again.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from fastswap.errors import OutputError
from fastswap.weights import CACHE_ENV, cache_dir

_MAGIC: Final = b"fastswap engine 1\n"
SUFFIX: Final = ".engine"


@dataclass(frozen=True, slots=True)
class EngineKey:
    """What a built engine depends on.

    model: SHA-256 of the ONNX file. precision: "f16", "bf16" or "f32". batches: smallest, usual and largest batch.
    tensorrt: its version; the major number alone for an engine of the lean run time. gpu, capability ("9.0"), driver:
    where it was built. lean: made for the lean run time. recipe: version of the way from the file to the network.
    """

    model: str
    precision: str
    batches: tuple[int, int, int]
    tensorrt: str
    gpu: str
    capability: str
    driver: str
    lean: bool = False
    recipe: int = 1

    @property
    def name(self) -> str:
        """The file's name without suffix: a hash of all fields."""
        text = json.dumps(asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:40]


@dataclass(frozen=True, slots=True)
class Stored:
    """An engine from the cache. details: what was noted when it was built (times, differences, layers kept)."""

    engine: bytes
    details: dict[str, Any]
    built: bool = False


class EngineCache:
    """Engines in one folder. `notices` grows by a line for each damaged file.

    folder: default `engines` in fastswap's cache folder. `last`: the file that was asked for last; `built`: whether any
    had to be built.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or cache_dir() / "engines"
        self.notices: list[str] = []
        self.last: Path | None = None
        self.built = False

    def path(self, key: EngineKey) -> Path:
        """Where the engine of a key lies."""
        return self.folder / (key.name + SUFFIX)

    def find(self, key: EngineKey) -> Stored | None:
        """The engine if it is there and undamaged."""
        path = self.path(key)
        try:
            data = path.read_bytes()
        except OSError:
            return None
        found = _unpacked(data)
        if found is None:
            self.notices.append(f"{path}: the stored engine is damaged; it is built again")
        return found

    def get(self, key: EngineKey, build: Callable[[], tuple[bytes, dict[str, Any]]]) -> Stored:
        """The engine of a key, built by `build` (its bytes and details) when it is not there.

        Processes that want the same engine at once build it once: the others wait for the first. What `build` raises
        passes through and leaves nothing behind. Raises OutputError when the folder cannot be written.
        """
        self.last = self.path(key)
        found = self.find(key)
        if found:
            return found
        with self._locked(key):
            found = self.find(key)
            if found:  # another process was faster
                return found
            self.notices = list(dict.fromkeys(self.notices))
            engine, details = build()
            self.built = True
            with _writing(self.folder):
                self._store(self.path(key), _packed(engine, {**details, "key": asdict(key)}))
        return Stored(engine, details, built=True)

    def discard(self, key: EngineKey, why: str) -> None:
        """Removes an engine that is whole but of no use, and says so."""
        self.notices.append(f"{self.path(key)}: the stored engine is of no use ({why}); it is built again")
        self.path(key).unlink(missing_ok=True)

    def refuse(self, key: EngineKey, free: int) -> None:
        """Notes that an engine cannot be built with so many bytes of device memory; it is no matter if that fails."""
        with suppress(OSError):
            self._store(self._refused_path(key), str(free).encode())

    def refused(self, key: EngineKey) -> int:
        """Bytes of device memory with which an engine could not be built, so that it is not tried again; 0 for none."""
        try:
            return int(self._refused_path(key).read_bytes())
        except (OSError, ValueError):
            return 0

    def _refused_path(self, key: EngineKey) -> Path:
        return self.folder / f"{key.name}.refused"

    def timing(self, key: EngineKey) -> bytes:
        """What earlier builds on the same GPU measured; empty when there were none."""
        try:
            return self._timing_path(key).read_bytes()
        except OSError:
            return b""

    def keep_timing(self, key: EngineKey, data: bytes) -> None:
        """Keeps measurements for later builds; it is no matter if that fails."""
        with suppress(OSError):
            self._store(self._timing_path(key), data)

    def _timing_path(self, key: EngineKey) -> Path:
        text = "\n".join((key.tensorrt, key.gpu, key.capability, key.driver))
        return self.folder / f"timing-{hashlib.sha256(text.encode()).hexdigest()[:16]}.cache"

    def _store(self, path: Path, data: bytes) -> None:
        handle, name = tempfile.mkstemp(prefix=".partial-", dir=self.folder)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise

    @contextmanager
    def _locked(self, key: EngineKey) -> Iterator[None]:
        """Holds the key's lock, where the file system has locks; without one the work is only done twice."""
        with _writing(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = (self.folder / f".{key.name}.lock").open("wb")
        with lock:
            with suppress(OSError):
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"{folder}: engines cannot be stored there ({error.strerror or error}); set {CACHE_ENV} to another folder"
        ) from error


def _packed(engine: bytes, details: dict[str, Any]) -> bytes:
    head = json.dumps(
        {**details, "sha256": hashlib.sha256(engine).hexdigest(), "bytes": len(engine)}
    ).encode()
    return b"".join((_MAGIC, len(head).to_bytes(4, "little"), head, engine))


def _unpacked(data: bytes) -> Stored | None:
    """None for anything but a whole file of ours."""
    start = len(_MAGIC) + 4
    if not data.startswith(_MAGIC) or len(data) < start:
        return None
    end = start + int.from_bytes(data[len(_MAGIC) : start], "little")
    try:
        details = json.loads(data[start:end])
        engine = data[end:]
        whole = len(engine) == details["bytes"] and hashlib.sha256(engine).hexdigest() == details["sha256"]
    except (ValueError, KeyError, TypeError):
        return None
    return Stored(engine, details) if whole else None
