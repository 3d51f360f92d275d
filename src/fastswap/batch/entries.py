"""The entries of a job file, in TOML, CSV or JSON lines, with the line of each key."""

from __future__ import annotations

import csv
import io
import json
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fastswap.errors import InputError

NAMED = ("analysis", "mask_file", "matte", "layer", "report")
"""Keys, beside the output, whose paths are filled in for each input."""
PATHS = ("certificate", "private_key", "recogniser")
RENDER = {
    "select": str, "device": str, "encoder": str, "start": (str, int, float), "end": (str, int, float),
    "deinterlace": bool, "batch": int, "threads": int, "parallel": int, "engine": str, "cluster": str,
    "cluster_files": str, **dict.fromkeys((*NAMED, *PATHS), str),
}  # fmt: skip
"""Keys that are settings of `fastswap.render`, and their types; `report` is its `report_page`."""
KEYS: dict[str, Any] = {
    "input": (str, list), "output": str, "model": str, "faces": dict, "options": dict, "look": (str, dict),
    "priority": int, "retries": int, **RENDER,
}  # fmt: skip
"""All keys of a job and their types."""


@dataclass(slots=True)
class Entry:
    """One entry of a job file as it stands there. lines: the line of each key, as far as it is known. fault: why it
    is no job at all."""

    file: str
    line: int
    values: dict[str, Any]
    lines: dict[str, int] = field(default_factory=dict)
    fault: str = ""

    def place(self, key: str = "") -> str:
        """Where a key stands."""
        return f"{self.file}:{self.lines.get(key, self.line)}"


def entries_of(path: Path) -> list[Entry]:
    """The entries of a job file, by its suffix. Raises InputError when it cannot be read."""
    try:
        text = path.read_text("utf-8-sig")
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not a text file") from error
    readers = {".toml": _from_toml, ".csv": _from_csv, ".jsonl": _from_lines, ".ndjson": _from_lines}
    if path.suffix.lower() not in readers:
        raise InputError(f"{path}: jobs come as {', '.join(readers)}")
    return list(readers[path.suffix.lower()](path.name, text))


def _from_toml(name: str, text: str) -> Iterator[Entry]:
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{name}: {error}") from error
    unknown = data.keys() - {"defaults", "job"}
    defaults, jobs = data.get("defaults", {}), data.get("job", [])
    if unknown or not isinstance(defaults, dict) or not isinstance(jobs, list):
        what = sorted(unknown)[0] if unknown else "defaults" if not isinstance(defaults, dict) else "job"
        line = _line_of(text.splitlines(), what, 0)
        raise InputError(f"{name}:{line}: {what!r} has no place here; there are [defaults] and [[job]]")
    lines = text.splitlines()
    heads = [n for n, line in enumerate(lines) if re.match(r"\s*\[\[\s*job\s*\]\]", line)]
    tops = [n for n, line in enumerate(lines) if re.match(r"\s*\[\s*defaults\s*\]", line)]
    for number, values in enumerate(jobs):
        begin = heads[number] if number < len(heads) else 0
        end = heads[number + 1] if number + 1 < len(heads) else len(lines)
        places = _key_lines(lines, tops[0], heads[0] if heads else len(lines)) if tops else {}
        places |= _key_lines(lines, begin, end)
        if isinstance(values, dict):
            yield Entry(name, begin + 1, _merge(defaults, values), places)
        else:
            yield Entry(name, begin + 1, {}, fault=f"the job is {values!r}, which is not a table")


def _key_lines(lines: Sequence[str], begin: int, end: int) -> dict[str, int]:
    found: dict[str, int] = {}
    for number in range(begin, end):
        match = re.match(
            r"""\s*(?:\[+\s*(?:job|defaults)\.)?["']?([\w-]+)["']?\s*(?:[=.\]])""", lines[number]
        )
        if match and not (number == begin and lines[number].lstrip().startswith("[")):
            found.setdefault(match[1], number + 1)
    return found


def _line_of(lines: Sequence[str], key: str, begin: int) -> int:
    return next((n + 1 for n, line in enumerate(lines[begin:], begin) if key in line), begin + 1)


def _from_csv(name: str, text: str) -> Iterator[Entry]:
    rows = csv.DictReader(io.StringIO(text), restkey="")
    for row in rows:
        values: dict[str, Any] = {}
        for key, value in row.items():
            if value in (None, ""):
                continue
            head, dot, rest = str(key).strip().partition(".")
            if dot and head in ("options", "look", "faces"):
                values.setdefault(head, {})[rest] = _plain(value) if head == "look" else value
            else:
                values[head + dot + rest] = _plain(value) if KEYS.get(head) in (int, bool) else value
        yield Entry(name, rows.line_num, values)


def _plain(text: Any) -> Any:
    """A number or a truth value where a cell holds one."""
    try:
        value = json.loads(text)
    except (ValueError, TypeError):
        return text
    return value if isinstance(value, (bool, int, float)) else text


def _from_lines(name: str, text: str) -> Iterator[Entry]:
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            values = json.loads(line)
        except ValueError as error:
            yield Entry(name, number, {}, fault=f"not JSON: {error}")
            continue
        if isinstance(values, dict):
            yield Entry(name, number, values)
        else:
            yield Entry(name, number, {}, fault=f"the job is {values!r}, which is not an object")


def _merge(defaults: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """A job with its defaults; tables are merged, and a job's own model or faces replace both defaults."""
    kept = {
        k: v
        for k, v in defaults.items()
        if not (k in ("model", "faces") and {"model", "faces"} & values.keys())
    }
    merged = kept | dict(values)
    for key in ("options", "look"):
        if isinstance(kept.get(key), dict) and isinstance(values.get(key), dict):
            merged[key] = kept[key] | values[key]
    return merged
