"""An output is complete or absent: it is made in a hidden folder beside its place and moved there at the end.

A folder that stands in an output's place is never deleted, with one exception: a process that was killed after it had
moved a folder to its place left a journal of it, and whoever makes the same output again replaces that folder.
"""

from __future__ import annotations

import fcntl
import glob
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Final

from fastswap.errors import OutputError

_SUFFIX: Final = ".partial"
_JOURNAL: Final = ".journal"
"""Says, in the hidden folder, which folder has been moved to its place."""
_BEFORE: Final = ".before"
NO_TEXT: Final = "its name is not UTF-8, and records and reports could not hold it; rename it"


class NoLocks(OSError):
    """The file system has no locks."""


def is_text(path: Path) -> bool:
    """False for a name in another encoding than UTF-8."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True


class Staging:
    """A hidden folder beside `output` in which the output is made under its own name.

    `path` is where to write. `publish()` moves all that lies in the folder to its place, the output last; leaving the
    `with` block without it, or by an exception, leaves nothing behind, and what a process that was killed left of the
    same output is deleted. of: the output of the render that this one belongs to, if it is not that itself. Raises
    OutputError when the output is the input, its folder is missing or not writable, or a folder with files stands in
    its place.
    """

    def __init__(self, source: Path | None, output: Path, of: Path | None = None) -> None:
        self.output = output
        self._of = str((of or output).absolute())
        self._published = False
        parent = output.parent
        if not output.name:
            raise OutputError(f"{output}: not a name for an output")
        if not is_text(output):
            raise OutputError(f"{output}: {NO_TEXT}")
        if source is not None and output.exists() and source.exists() and output.samefile(source):
            raise OutputError(f"{output}: the output is the input; choose another name")
        if source is not None and source.is_dir() and source.resolve() in output.resolve().parents:
            raise OutputError(f"{output}: the output lies inside the input folder; choose another place")
        if not parent.is_dir():
            raise OutputError(f"{output}: the folder {parent} does not exist")
        taken = self._take_up()
        if taken is None and output.is_dir() and any(output.iterdir()):
            raise OutputError(f"{output}: this folder exists and is not empty")
        self._folder, self._lock = taken or _locked_folder(output)
        self.path = self._folder / output.name

    def __enter__(self) -> Staging:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if value is not None and self._published and self.output.is_dir():
            with suppress(OSError):  # else the same command would find it in its way
                self.output.replace(self.path)
        if not self._published and self._owner(self._folder) == self._of:
            _clear(self._folder)  # the next one takes it up
        else:
            shutil.rmtree(self._folder, ignore_errors=True)
        unlock(self._lock)
        self._lock = None

    def publish(self) -> None:
        """Moves the finished files to their places: what lies beside the output first, the output last."""
        made = sorted(self._folder.iterdir(), key=lambda path: (path == self.path, path.name))
        try:
            if self.path.is_dir():
                self._make_way()
            for path in made:
                if path.name != _JOURNAL:
                    path.replace(self.output.with_name(path.name))
            self._published = True
            sync(self.output.parent)
        except OSError as error:
            raise OutputError(f"{self.output}: cannot be written: {error.strerror}") from error

    def _make_way(self) -> None:
        """Takes an unfinished folder out of the way, and writes the journal of the one that comes."""
        if self._owner(self._folder) == self._of:
            self.output.replace(self._folder / _BEFORE)
        journal = {"of": self._of, "made": _listing(self.path)}
        write_durably(self._folder / _JOURNAL, json.dumps(journal).encode())
        sync(self.output.parent)

    def _take_up(self) -> tuple[Path, int] | None:
        """Deletes what killed processes left, but for the journal of what they moved to the output's place.

        The hidden folder with it, locked, when that was of the same render.
        """
        taken = None
        for folder, lock in _left(self.output):
            owner = self._owner(folder)
            if owner is None:
                shutil.rmtree(folder, ignore_errors=True)
            if owner == self._of:
                taken = folder, lock
                _clear(folder)
            else:
                os.close(lock)
        return taken

    def _owner(self, hidden: Path) -> str | None:
        """The output of the killed render that moved a folder to the output's place, if it is still as it was then."""
        with suppress(OSError, ValueError, KeyError, TypeError):
            journal = json.loads((hidden / _JOURNAL).read_bytes())
            if journal["made"] == _listing(self.output):
                return str(journal["of"])
        return None


@contextmanager
def hidden_folder(output: Path) -> Iterator[Path]:
    """A hidden folder beside `output` for as long as the block lasts; what a process that was killed left there is
    deleted. Raises OutputError."""
    for folder, lock in _left(output):
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)
    made, held = _locked_folder(output)
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)
        unlock(held)


def write_durably(path: Path, data: bytes) -> None:
    """Writes a file that is complete and on the disk before it has its name. Raises OSError."""
    partial = path.with_name(f".{path.name}.{os.getpid()}{_SUFFIX}")
    try:
        with partial.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except BaseException:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        raise
    sync(path.parent)


def append_durably(path: Path, text: str) -> None:
    """Adds to a file, which is made where there is none, and waits until that is on the disk. Raises OSError."""
    with path.open("a", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def sync(path: Path) -> None:
    """Waits until the content of a file, or the names in a folder, are on the disk. Raises OSError."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def delete(path: Path) -> None:
    """Deletes a file or a folder. Raises OSError for a file."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


@contextmanager
def held(folder: Path) -> Iterator[bool]:
    """Keeps a folder for this process while the block lasts; false where another process has it."""
    lock = None
    try:
        lock = _lock(folder)
    except BlockingIOError:
        yield False
        return
    except OSError:
        pass  # no locks in this file system
    try:
        yield True
    finally:
        unlock(lock)


def lock_file(path: Path) -> int:
    """A handle that holds a file, which is made where there is none, until `unlock` or the end of its process.

    Raises BlockingIOError where another has it, NoLocks, and any other OSError when it cannot be opened.
    """
    return _hold(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644))


def unlock(lock: int | None) -> None:
    """Gives back what `lock_file` holds; None holds nothing."""
    if lock is not None:
        os.close(lock)


def _listing(folder: Path) -> dict[str, list[int]]:
    """Size and time of each entry of a folder. Raises OSError."""
    about = {entry.name: entry.stat(follow_symlinks=False) for entry in os.scandir(folder)}
    return {name: [each.st_size, each.st_mtime_ns] for name, each in about.items()}


def _left(output: Path) -> Iterator[tuple[Path, int]]:
    """The hidden folders of processes that are gone, each locked."""
    pattern = glob.escape(_prefix(output)) + 8 * "?" + _SUFFIX  # as mkdtemp names them
    for folder in output.parent.glob(pattern):
        with suppress(OSError):  # its process lives
            yield folder, _lock(folder)


def _prefix(output: Path) -> str:
    return f".{output.name[:80]}."


def _clear(hidden: Path) -> None:
    """Leaves nothing but the journal."""
    for path in hidden.iterdir():
        if path.name != _JOURNAL:
            delete(path)


def _locked_folder(output: Path) -> tuple[Path, int | None]:
    """A new hidden folder that nobody takes for one that was left. Raises OutputError."""
    while True:
        try:
            made = tempfile.mkdtemp(prefix=_prefix(output), suffix=_SUFFIX, dir=output.parent)
        except OSError as error:
            raise OutputError(f"{output}: cannot write in {output.parent}: {error.strerror}") from error
        folder = Path(made)
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


def _lock(folder: Path) -> int:
    """A handle that holds a folder; as `lock_file`."""
    return _hold(os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))


def _hold(handle: int) -> int:
    """The handle, locked; closed where that fails."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise
    except OSError as error:
        os.close(handle)
        raise NoLocks(error.errno, error.strerror) from None
    return handle
