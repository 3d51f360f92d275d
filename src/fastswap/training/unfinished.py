"""What an extraction that was stopped has done of the files that it had not finished.

    OUT.unfinished/
      plan.json         the command that it belongs to, and what that began with
      tracks            a line for each finished file: its place among the sources, and how many tracks it has
      00003/            pictures of the fourth file
      00003.jsonl       their entries; each line belongs to a picture that is there
      00003.state       how the work goes on after them: place in the file, tracks, counts

The same command goes on from there, and its faceset is byte for byte that of a run without a stop: a video is worked on
in the spans that renders use, which can be read on exactly, and what the tracker knows at the end of one is kept. The
folder is gone when the extraction is done. What does not fit or is damaged is done again.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import pickle
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import fastswap
from fastswap.analysis import unpickled
from fastswap.atomic import NoLocks, append_durably, delete, lock_file, sync, unlock, write_durably
from fastswap.errors import FastswapError, Interrupted, OutputError
from fastswap.track import Tracker
from fastswap.training.faceset import Entry, append_index, read_entries

SUFFIX = ".unfinished"
PLAN, TRACKS, _LOCK = "plan.json", "tracks", "lock"
_ENTRIES, _STATE = ".jsonl", ".state"


@dataclass(frozen=True, slots=True)
class Plan:
    """What the command began with.

    known: hashes that were in the faceset already. first: number of the first new track. prefixes: a start of names for
    the pictures of each source.
    """

    key: str
    known: tuple[str, ...]
    first: int
    prefixes: tuple[str, ...]


class Unfinished:
    """The folder of one extraction into `out`.

    sources: all files of the command in order, with what makes them and the options what they are (see `Ledger.key`).
    taken: names of the pictures in the faceset, known: their hashes, first: its next track; for a command that begins.
    Leaving the `with` block by an exception keeps the folder if there is something to go on from. Raises OutputError
    when the folder cannot be made, is not ours, or another extraction works in it.
    """

    def __init__(
        self, out: Path, sources: Mapping[Path, str], taken: Sequence[str], known: Sequence[str], first: int
    ) -> None:
        named = out if out.name not in ("", "..") else out.resolve()
        self.folder = named.with_name(named.name + SUFFIX)
        self._numbers = {source: number for number, source in enumerate(sources)}
        self._tracks: dict[int, int] = {}
        self._counted = 0
        self._lock: int | None = None
        whole = json.dumps([fastswap.__version__, *sources.values()])
        key = hashlib.blake2b(whole.encode(), digest_size=16).hexdigest()
        fresh = Plan(key, tuple(known), first, tuple(_prefixes(list(sources), taken)))
        try:
            self._claim(out)
            self.plan = self._adopt(fresh, begun=bool(taken))
        except OSError as error:
            unlock(self._lock)
            raise OutputError(f"{self.folder}: cannot be written ({error.strerror or error})") from None
        self._first = self.plan.first

    def __enter__(self) -> Unfinished:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        begun = self._tracks or any(self.folder.glob(f"*{_STATE}"))
        if value is None or not begun:
            shutil.rmtree(self.folder, ignore_errors=True)
        elif isinstance(value, FastswapError):
            kept = f"what is done is kept in {self.folder}, the same command goes on from there"
            value.args = (f"stopped; {kept}" if isinstance(value, Interrupted) else f"{value}; {kept}",)
        unlock(self._lock)

    def place(self, source: Path) -> Path:
        """The folder for the pictures of a file."""
        return self.folder / f"{self._numbers[source]:05d}"

    def prefix(self, source: Path) -> str:
        """The start of its pictures' names."""
        return self.plan.prefixes[self._numbers[source]]

    def first_track(self, source: Path) -> int:
        """Number of its first track: after those of all files before it, which are finished or cannot be read. To be
        asked in the order of the files."""
        for number in range(self._counted, self._numbers[source]):
            self._first += self._tracks.get(number, 0)
        self._counted = max(self._counted, self._numbers[source])
        return self._first

    def finished(self, source: Path, tracks: int) -> None:
        """Takes down how many tracks a file has; before the ledger does that it is finished. Raises OutputError."""
        number = self._numbers[source]
        self._tracks[number] = tracks
        try:
            append_durably(self.folder / TRACKS, f"{number} {tracks}\n")
        except OSError as error:
            raise OutputError(f"{self.folder}: cannot be written ({error.strerror or error})") from None

    def forget(self, source: Path) -> None:
        """Removes what is kept of a file that is finished or cannot be read."""
        place = self.place(source)
        for path in (place, place.with_suffix(_STATE), place.with_suffix(_ENTRIES)):
            with suppress(OSError):
                delete(path)

    def _claim(self, out: Path) -> None:
        if self.folder.is_dir() and any(self.folder.iterdir()) and not (self.folder / _LOCK).exists():
            raise OutputError(f"{self.folder}: this folder is in the way, and not one of fastswap's")
        self.folder.mkdir(exist_ok=True)
        try:
            self._lock = lock_file(self.folder / _LOCK)
        except BlockingIOError:
            raise OutputError(f"{out}: another extraction works on it (in {self.folder})") from None
        except NoLocks:
            pass

    def _adopt(self, fresh: Plan, *, begun: bool) -> Plan:
        """The plan of the same command that was stopped, else a fresh one in an empty folder. begun: the faceset has
        pictures; without them what a plan says about them is worth nothing."""
        with suppress(OSError, ValueError, KeyError, TypeError):
            old = json.loads((self.folder / PLAN).read_bytes())
            plan = Plan(old["key"], tuple(old["known"]), int(old["first"]), tuple(old["prefixes"]))
            tracks = _read_tracks(self.folder / TRACKS)
            if plan.key == fresh.key and (begun or not (plan.known or any(tracks.values()))):
                self._tracks = tracks
                return plan
        for path in self.folder.iterdir():
            if path.name != _LOCK:
                delete(path)
        (self.folder / TRACKS).touch()  # its name is on the disk with the plan's
        write_durably(self.folder / PLAN, json.dumps(asdict(fresh)).encode())
        return fresh


def _read_tracks(path: Path) -> dict[int, int]:
    """Tracks of the finished files by their places. A last line that a kill has cut short is cut off: what is added
    later begins a line of its own. Raises OSError, and ValueError for a line that makes no sense."""
    found = path.read_bytes()
    whole = found[: found.rfind(b"\n") + 1]
    if len(whole) < len(found):
        os.truncate(path, len(whole))
    tracks = {}
    for line in whole.splitlines():
        number, count = line.split()
        tracks[int(number)] = int(count)
    return tracks


def _prefixes(sources: Sequence[Path], taken: Sequence[str]) -> list[str]:
    """For each file a start of file names that no picture has yet."""
    used = {name.rsplit("_", 2)[0] for name in taken}
    found = []
    for source in sources:
        stem = "".join(c if c.isalnum() or c in "-_" else "_" for c in source.stem)[:60]
        prefix, number = stem, 1
        while prefix in used:
            number += 1
            prefix = f"{stem}-{number}"
        used.add(prefix)
        found.append(prefix)
    return found


@dataclass(slots=True)
class Reached:
    """How far the work on a file has come. span, index: what comes next. frames, tracks, skipped: see `Cut`."""

    span: int
    index: int
    frames: int
    tracks: int
    skipped: Counter[str]
    tracker: Tracker
    entries: list[Entry]


class Steps:
    """Keeps how far the work on one file has come. folder: of its pictures, which is made; `Unfinished.place`.

    While the `with` block lasts no other process works in the folder; one that outlived its command is waited for.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._entries, self._state = folder.with_suffix(_ENTRIES), folder.with_suffix(_STATE)

    def __enter__(self) -> Steps:
        self.folder.mkdir(exist_ok=True)
        self._lock = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        with suppress(OSError):  # no locks in this file system
            fcntl.flock(self._lock, fcntl.LOCK_EX)
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._lock)

    def keep(self, reached: Reached, before: int) -> None:
        """Takes down where the work stands. before: entries that were kept already. Raises OutputError."""
        append_index(self._entries, reached.entries[before:])
        about = {
            "span": reached.span,
            "index": reached.index,
            "frames": reached.frames,
            "tracks": reached.tracks,
            "skipped": dict(reached.skipped),
            "entries": len(reached.entries),
            "bytes": self._entries.stat().st_size,
        }
        tracker = pickle.dumps(reached.tracker.without_models(), protocol=5)
        try:
            sync(self.folder)
            write_durably(self._state, json.dumps(about).encode() + b"\n" + tracker)
        except OSError as error:
            raise OutputError(f"{self._state}: cannot be written ({error.strerror or error})") from None

    def reached(self) -> Reached | None:
        """Where the work stands; None where it begins. Leaves nothing behind that belongs to later work."""
        found = self._read()
        kept = {entry.file for entry in found.entries} if found else set()
        for path in self.folder.iterdir():
            if path.name not in kept:
                delete(path)
        if found is None:
            for path in (self._entries, self._state):
                path.unlink(missing_ok=True)
        return found

    def _read(self) -> Reached | None:
        # Whatever is wrong with a file, the work begins anew.
        with suppress(Exception):
            head, _, tracker = self._state.read_bytes().partition(b"\n")
            about: dict[str, Any] = json.loads(head)
            os.truncate(self._entries, about["bytes"])
            entries = read_entries(self._entries)
            here = {each.name for each in os.scandir(self.folder) if each.stat().st_size}
            if len(entries) == about["entries"] and here.issuperset(entry.file for entry in entries):
                counts = Counter(about["skipped"])
                return Reached(
                    about["span"],
                    about["index"],
                    about["frames"],
                    about["tracks"],
                    counts,
                    unpickled(tracker),
                    entries,
                )
        return None
