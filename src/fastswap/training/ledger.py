"""Which files an extraction has finished, so that the same command goes on where it was stopped."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from fastswap.atomic import append_durably
from fastswap.errors import OutputError
from fastswap.training.cutting import Task

LEDGER = ".extracted.jsonl"


class Ledger:
    """The finished files of one faceset. A file that has changed, or is asked for with other limits, is not
    finished."""

    def __init__(self, folder: Path, task: Task) -> None:
        self._path = folder / LEDGER
        limits = {name: getattr(task.limits, name) for name in task.limits.__dataclass_fields__}
        self._options = [task.every, task.choice, task.duplicates, limits]
        self._done = _read(self._path)

    def __contains__(self, source: Path) -> bool:
        return self.key(source) in self._done

    def add(self, source: Path) -> None:
        """Takes down that a file is finished; its pictures are in place."""
        key = self.key(source)
        try:
            append_durably(self._path, key + "\n")
        except OSError as error:
            raise OutputError(f"{self._path}: cannot be written ({error.strerror or error})") from None
        self._done.add(key)

    def key(self, source: Path) -> str:
        """What tells this version of the file, extracted with these options, from all others."""
        facts = source.stat()
        key: list[Any] = [str(source.resolve()), facts.st_size, facts.st_mtime_ns, *self._options]
        return json.dumps(key, sort_keys=True, ensure_ascii=False)


def _read(path: Path) -> set[str]:
    try:
        return set(path.read_text(encoding="utf-8").splitlines())
    except (OSError, UnicodeDecodeError):
        return set()
