"""An output is complete or absent: it is made in a hidden folder beside its place and moved there at the end."""

from __future__ import annotations

import fcntl
import glob
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType

from fastswap.errors import OutputError

_SUFFIX = ".partial"


class Staging:
    """A hidden folder beside `output` in which the output is made under its own name.

    `path` is where to write. `publish()` moves all that lies in the folder to its place, the output last; leaving the
    `with` block without it leaves nothing behind, and what a process that was killed left of the same output is
    deleted. Raises OutputError when the output is the input, its folder is missing or not writable, or a folder with
    files stands in its place.
    """

    def __init__(self, source: Path | None, output: Path) -> None:
        self.output = output
        self._lock: int | None = None
        parent = output.parent
        if not output.name:
            raise OutputError(f"{output}: not a name for an output")
        if source is not None and output.exists() and source.exists() and output.samefile(source):
            raise OutputError(f"{output}: the output is the input; choose another name")
        if source is not None and source.is_dir() and source.resolve() in output.resolve().parents:
            raise OutputError(f"{output}: the output lies inside the input folder; choose another place")
        if not parent.is_dir():
            raise OutputError(f"{output}: the folder {parent} does not exist")
        if output.is_dir() and any(output.iterdir()):
            raise OutputError(f"{output}: this folder exists and is not empty")
        self._folder, self._lock = _hidden_folder(output)
        self.path = self._folder / output.name

    def __enter__(self) -> Staging:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        _remove(self._folder, self._lock)
        self._lock = None

    def publish(self) -> None:
        """Moves the finished files to their places: what lies beside the output first, the output last."""
        made = sorted(self._folder.iterdir(), key=lambda path: (path == self.path, path.name))
        try:
            for path in made:
                path.replace(self.output.with_name(path.name))
        except OSError as error:
            raise OutputError(f"{self.output}: cannot be written: {error.strerror}") from error


@contextmanager
def hidden_folder(output: Path) -> Iterator[Path]:
    """A hidden folder beside `output` for as long as the block lasts; what a process that was killed left there is
    deleted. Raises OutputError."""
    folder, lock = _hidden_folder(output)
    try:
        yield folder
    finally:
        _remove(folder, lock)


def _hidden_folder(output: Path) -> tuple[Path, int | None]:
    prefix = f".{output.name[:80]}."
    try:
        for left in output.parent.glob(glob.escape(prefix) + 8 * "?" + _SUFFIX):  # as mkdtemp names them
            _remove_if_left(left)
        return _locked_folder(prefix, output.parent)
    except OSError as error:
        raise OutputError(f"{output}: cannot write in {output.parent}: {error.strerror}") from error


def _remove(folder: Path, lock: int | None) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    if lock is not None:
        os.close(lock)


def _locked_folder(prefix: str, parent: Path) -> tuple[Path, int | None]:
    """A new folder that nobody takes for one that was left. Raises OSError."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=prefix, suffix=_SUFFIX, dir=parent))
        try:
            lock = _lock(folder)
        except BlockingIOError:
            continue  # somebody was faster to tidy up
        except OSError:
            if folder.exists():
                return folder, None  # no locks in this file system: nobody tidies up in it
            continue
        if folder.exists():
            return folder, lock
        os.close(lock)


def _remove_if_left(folder: Path) -> None:
    """Deletes a folder whose process is gone."""
    with suppress(OSError):
        lock = _lock(folder)
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _lock(folder: Path) -> int:
    """A handle that holds the folder until it is closed or its process ends. Raises OSError where another has it."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        raise
    return handle
