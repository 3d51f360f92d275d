"""The folder beside an output that keeps its finished segments until all are joined.

    OUT.fastswap/
      job.json          what the segments belong to: input, models, settings, cut
      00007.packets     a finished segment: packets, what was rendered, a digest over all
      00007.faces .state   the analysis of its frames, and how the analysis goes on after it

Nothing in it is trusted: each file is checked before it is used, and what does not fit or is damaged is made again. A
file gets its name only after its content is on the disk, so a power failure leaves it whole or absent.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from fastswap.atomic import delete, lock_file, sync, unlock, write_durably
from fastswap.errors import FastswapError, Interrupted, OutputError
from fastswap.video.packets import Damaged, PacketFile
from fastswap.video.target import writing

SUFFIX: Final = ".fastswap"
_JOB, _LOCK = "job.json", "lock"
_PACKETS = ".packets"


class Workspace:
    """Finished segments of one output.

    key: plain JSON values; segments of another key are of no use and are deleted. `notices` tells when that happened.
    Leaving the `with` block keeps the folder unless `remove` was called or nothing in it is finished.

    Raises OutputError when the folder cannot be made, is not ours, or another render works in it.
    """

    def __init__(self, output: Path, key: Mapping[str, Any]) -> None:
        self.output = output
        self.folder = folder_of(output)
        self.key = hashlib.blake2b(json.dumps(key, sort_keys=True).encode(), digest_size=16).hexdigest()
        self.notices: list[str] = []
        self.records: dict[int, dict[str, Any]] = {}
        self._job = {"fastswap_segments": 1, "key": self.key, "of": dict(key)}
        with self.writing():
            self._claim()
            self._adopt()

    def __enter__(self) -> Workspace:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.folder.is_dir() and not self.finished:
            self.remove()
        elif isinstance(value, FastswapError) and self.folder.is_dir():
            kept = f"{self.finished} finished segments are kept in {self.folder}, the same command goes on from there"
            value.args = (f"stopped; {kept}" if isinstance(value, Interrupted) else f"{value}; {kept}",)
        unlock(self._lock)

    @property
    def finished(self) -> int:
        """Segments whose files are complete."""
        return sum(1 for path in self.folder.glob(f"*{_PACKETS}") if path.name[0] != ".")

    def has(self, number: int, known: str, marks: Mapping[str, str]) -> bool:
        """Whether the segment is finished and has this one of the marks."""
        return self.records.get(number, {}).get(known) == marks[known]

    def path(self, number: int) -> Path:
        """Where a finished segment lies."""
        return self.folder / f"{number:05d}{_PACKETS}"

    def partial(self, number: int) -> Path:
        """Where this process makes a segment."""
        return self.folder / f".{number:05d}.{os.getpid()}.partial"

    def publish(self, made: Path, number: int, record: Mapping[str, Any]) -> None:
        """Gives a segment that is complete and on the disk its name."""
        with self.writing():
            made.replace(self.path(number))
            sync(self.folder)
        self.records[number] = dict(record)

    def writing(self) -> AbstractContextManager[None]:
        """Turns what goes wrong while the folder is written to into one line."""
        return writing(self.output)

    def remove(self) -> None:
        """Deletes the folder; its segments are joined into an output that is on the disk, or there are none."""
        if self.output.exists():
            sync(self.output)
        sync(self.output.parent)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _claim(self) -> None:
        self.folder.mkdir(exist_ok=True)
        sync(self.folder.parent)
        try:
            self._lock = lock_file(self.folder / _LOCK)
        except BlockingIOError:
            raise OutputError(f"{self.output}: another render works on it (in {self.folder})") from None

    def _adopt(self) -> None:
        """Takes over what fits, deletes the rest."""
        found = self._read_job()
        entries = [path for path in self.folder.iterdir() if path.name not in (_JOB, _LOCK)]
        if found is None and any(not _ours(path) for path in entries):
            unlock(self._lock)
            raise OutputError(f"{self.folder}: this folder is in the way, and not one of fastswap's")
        fits = found is not None and found.get("key") == self.key
        stale = sum(path.suffix == _PACKETS for path in entries)
        if not fits and stale:
            self.notices.append(
                f"{self.folder}: {stale} finished segments belong to other settings or another input; rendered again"
            )
        for path in entries:
            if not fits or path.name[0] == ".":
                delete(path)
        if fits:
            self.verify()
        else:
            write_durably(self.folder / _JOB, json.dumps(self._job, indent=1).encode())

    def verify(self) -> None:
        """Looks through the finished segments and deletes what is damaged; `records` then holds the sound ones."""
        self.records.clear()
        for path in sorted(self.folder.glob(f"*{_PACKETS}")):
            try:
                with PacketFile(path) as file:
                    record = file.trailer
            except (Damaged, OSError):
                record = {}
            if record.get("key") == self.key and path.stem.isdigit():
                self.records[int(path.stem)] = record
            else:
                self.notices.append(f"{path}: damaged; this segment is rendered again")
                delete(path)

    def _read_job(self) -> dict[str, Any] | None:
        with suppress(OSError, ValueError):
            job = json.loads((self.folder / _JOB).read_bytes())
            return job if isinstance(job, dict) and "fastswap_segments" in job else None
        return None


def folder_of(output: Path) -> Path:
    """The work folder of an output."""
    return output.with_name(output.name + SUFFIX)


def _ours(path: Path) -> bool:
    return path.suffix in (_PACKETS, ".faces", ".state", ".partial")
