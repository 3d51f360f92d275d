"""Remembers, in SQLite, what was done of a batch: an entry for each output.

An output is done while its settings, its input, its models and itself are what they were. Times of files only tell
whether a look at the content is needed, so a clock that was set back or forth costs reading, not rendering.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

from fastswap import provenance, sidecar
from fastswap.atomic import lock_file, unlock
from fastswap.errors import FastswapError, OutputError

State = Literal["running", "done", "failed", "blocked"]

_TABLE = """
create table if not exists jobs (
  output text primary key, settings text not null, state text not null, tries integer not null,
  files text not null default '{}', error text, report text)
"""


class Ledger:
    """The ledger of one job file. Every change is on the disk when the call returns.

    Raises OutputError when it cannot be opened, is no ledger, or another batch uses it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._lock = lock_file(path.with_name(path.name + ".lock"))
        except BlockingIOError:
            raise OutputError(f"{path}: another batch works with this ledger") from None
        except OSError as error:
            raise OutputError(f"{path}: the ledger cannot be kept there: {error.strerror}") from error
        try:
            self._base = sqlite3.connect(path, isolation_level=None)
            self._base.execute("pragma journal_mode = wal")
            self._base.execute("pragma synchronous = full")
            self._base.execute(_TABLE)
            self._base.execute(
                "select output, settings, state, tries, files, error, report from jobs limit 0"
            )
        except sqlite3.Error as error:
            unlock(self._lock)
            raise OutputError(f"{path}: not a ledger that can be used ({error})") from error

    def __enter__(self) -> Ledger:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._base.close()
        unlock(self._lock)

    def tries(self, output: Path, settings: str) -> int:
        """How often this was begun without being done or failing in the end: each time the process died over it."""
        row = self._row(output)
        return int(row["tries"]) if row and row["state"] == "running" and row["settings"] == settings else 0

    def is_done(self, output: Path, settings: str, files: Mapping[str, Path]) -> bool:
        """Whether the output is there and is what these settings make of these files, of which it is one itself."""
        row = self._row(output)
        if row is None or row["state"] != "done" or row["settings"] != settings:
            return False
        known = json.loads(row["files"])
        current = dict(files)
        analysis = json.loads(row["report"]).get("analysis")
        if (
            "analysis" in known and Path(analysis).exists()
        ):  # it may be edited, and made again when it is lost
            current["analysis"] = Path(analysis)
        else:
            known.pop("analysis", None)
        if known.keys() != current.keys():
            return False
        if any(not path.exists() or not _same(path, known[name]) for name, path in current.items()):
            return False
        self._set(output, files={name: seen(path, known[name]) for name, path in current.items()})
        return True

    def is_own(self, output: Path, name: str, path: Path) -> bool:
        """Whether a folder that the job made is still as it made it, though its process died over it."""
        row = self._row(output)
        if row is None:
            return False
        known = json.loads(row["files"])
        if name in known and _same(path, known[name]):
            return True
        begun = json.loads(row["report"] or "{}")
        return name in begun.get("free", ()) and _is_signed(path)

    def begin(self, output: Path, settings: str, tries: int, free: Sequence[str] = ()) -> None:
        """A job is begun for the n-th time. free: what of it stands in nobody's way, so that it is made anew."""
        with self._writing():
            self._base.execute(
                "insert into jobs (output, settings, state, tries, report) values (?, ?, 'running', ?, ?)"
                " on conflict (output) do update set settings = excluded.settings, state = 'running',"
                " tries = excluded.tries, error = null, report = excluded.report",
                (_key(output), settings, tries, json.dumps({"free": list(free)})),
            )

    def finish(self, output: Path, files: dict[str, Path], report: Mapping[str, Any]) -> None:
        """A job is done; files: all that it was made of, and all that it made."""
        analysis = report.get("analysis")
        kept = files | ({"analysis": Path(analysis)} if analysis and Path(analysis).exists() else {})
        held = {name: seen(path) for name, path in kept.items()}
        self._set(output, state="done", files=held, report=report)

    def fail(self, output: Path, error: str, state: State = "failed") -> None:
        """A job is given up."""
        self._set(output, state=state, error=error)

    def _row(self, output: Path) -> dict[str, Any] | None:
        cursor = self._base.execute("select * from jobs where output = ?", (_key(output),))
        row = cursor.fetchone()
        return row and dict(zip((column[0] for column in cursor.description), row, strict=True))

    def _set(self, output: Path, **values: Any) -> None:
        columns = ", ".join(f"{name} = ?" for name in values)
        plain = [
            value if isinstance(value, str) else json.dumps(value, default=str) for value in values.values()
        ]
        with self._writing():
            self._base.execute(f"update jobs set {columns} where output = ?", (*plain, _key(output)))

    def _writing(self) -> _Writing:
        return _Writing(self.path)


class _Writing:
    """Turns what goes wrong while the ledger is written into one line."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(value, sqlite3.Error):
            raise OutputError(f"{self._path}: the ledger cannot be written: {value}") from value


def _key(output: Path) -> str:
    return str(output.absolute())


def seen(path: Path, known: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """What is remembered of a file or folder: size, time and content."""
    if path.is_dir():
        return {"size": -1, "time": 0, "content": sidecar.content_hash(path)}
    stat = path.stat()
    content = known["content"] if known else sidecar.content_hash(path)
    return {"size": stat.st_size, "time": stat.st_mtime_ns, "content": content}


def _same(path: Path, known: Mapping[str, Any]) -> bool:
    try:
        if path.is_dir():
            return bool(known["content"] == sidecar.content_hash(path))
        stat = path.stat()
        if stat.st_size != known["size"]:
            return False
        return bool(stat.st_mtime_ns == known["time"] or sidecar.content_hash(path) == known["content"])
    except (OSError, FastswapError):
        return False


def _is_signed(folder: Path) -> bool:
    """Whether every picture of a folder is there and as it was signed."""
    try:
        return provenance.verify(folder).ok
    except FastswapError:
        return False


def settings_key(values: Mapping[str, Any]) -> str:
    """A digest of settings, plain JSON values."""
    text = json.dumps(values, sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
