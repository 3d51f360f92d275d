"""Reads a file of jobs: TOML, CSV or JSON lines.

    # jobs.toml                                        jobs.csv
    [defaults]                                         input,output,model,look.color
    model = "anna.onnx"                                a.mp4,out/a.mp4,anna.onnx,mkl
    look = { color = "mkl" }
    [[job]]                                            jobs.jsonl
    input = "shots/*.mp4"                              {"input": "a.mp4", "output": "out/a.mp4", "model": "anna.onnx"}
    output = "out/{stem}.mp4"
    [[job]]
    input = "two.mp4"
    output = "out/two.mp4"
    faces = { "track:0" = "anna.onnx", "at:1.5,640,300" = "bo.onnx" }

Paths are relative to the job file. In an output `{stem}`, `{name}`, `{suffix}`, `{parent}` (of the input), `{model}`
(its stem) and `{number}` (of the file among those that the pattern matches, from 1) are filled in.
"""

from __future__ import annotations

import csv
import glob
import io
import json
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fastswap.errors import InputError

PATHS = ("input", "model", "analysis", "matte", "layer", "certificate", "private_key", "recogniser")
RENDER = {
    "select": str, "device": str, "encoder": str, "start": (str, int, float), "end": (str, int, float),
    "deinterlace": bool, "analysis": str, "matte": str, "layer": str, "batch": int, "threads": int, "parallel": int,
    "certificate": str, "private_key": str, "recogniser": str, "engine": str, "cluster": str,
}  # fmt: skip
"""Keys that go to `fastswap.render` as they are, and their types."""
KEYS: dict[str, Any] = {
    "input": (str, list), "output": str, "model": str, "faces": dict, "options": dict, "look": (str, dict),
    "priority": int, "retries": int, **RENDER,
}  # fmt: skip
"""All keys of a job and their types."""


@dataclass(slots=True)
class Job:
    """One render. place: where it stands in the file. number: counts all jobs, from 1.

    models: a path, or paths by selection. look: settings, or the path of a file with them.
    """

    place: str
    number: int
    input: Path
    output: Path
    models: Path | dict[str, Path]
    look: Path | dict[str, Any]
    options: dict[str, str] = field(default_factory=dict)
    render: dict[str, Any] = field(default_factory=dict)
    priority: int = 0
    retries: int | None = None

    @property
    def model_files(self) -> list[Path]:
        """The models that it needs."""
        return list(self.models.values()) if isinstance(self.models, dict) else [self.models]


@dataclass(slots=True)
class Entry:
    """One entry of a job file as it stands there. lines: the line of each key, as far as it is known."""

    file: str
    line: int
    values: dict[str, Any]
    lines: dict[str, int] = field(default_factory=dict)

    def place(self, key: str = "") -> str:
        """Where a key stands."""
        return f"{self.file}:{self.lines.get(key, self.line)}"


def read_jobs(source: str | Path | Sequence[Mapping[str, Any]]) -> tuple[list[Job], list[str]]:
    """The jobs of a file, or of plain mappings with the same keys, and all that is wrong with them, one line each.

    Raises InputError when the file cannot be read at all.
    """
    if isinstance(source, (str, Path)):
        path = Path(source)
        entries, problems = _entries(path), list[str]()
        folder = path.parent
    else:
        entries, problems = [Entry("job", n, dict(job)) for n, job in enumerate(source, 1)], []
        folder = Path()
    jobs: list[Job] = []
    for entry in entries:
        found = list(_check_keys(entry))
        problems += found
        if not found:
            jobs += _expand(entry, folder, len(jobs), problems)
    if not entries:
        problems.append(f"{source}: there is no job in it")
    return jobs, problems


def _entries(path: Path) -> list[Entry]:
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
        merged = _merge(defaults, values) if isinstance(values, dict) else {"job": values}
        yield Entry(name, begin + 1, merged, places)


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
            raise InputError(f"{name}:{number}: not JSON: {error}") from error
        yield Entry(name, number, values if isinstance(values, dict) else {"job": values})


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


def _check_keys(entry: Entry) -> Iterator[str]:
    for key, value in entry.values.items():
        if key not in KEYS:
            yield f"{entry.place(key)}: unknown key {key!r}; there are {', '.join(sorted(KEYS))}"
        elif not isinstance(value, KEYS[key]) or (isinstance(value, bool) and KEYS[key] is not bool):
            yield f"{entry.place(key)}: {key} is {value!r}, which is not {_kind_of(KEYS[key])}"
    for key in ("input", "output"):
        if not entry.values.get(key):
            yield f"{entry.place()}: the job has no {key}"
    if ("model" in entry.values) == ("faces" in entry.values):
        both = "model" in entry.values
        yield f"{entry.place()}: the job has {'both model and faces' if both else 'neither model nor faces'}"
    for key in ("options", "faces"):
        table = entry.values.get(key)
        for name, value in table.items() if isinstance(table, dict) else ():
            if isinstance(value, (dict, list)) or (key == "faces" and not isinstance(value, str)):
                yield f"{entry.place(key)}: {key}.{name} is {value!r}, which is not a text"
    for name in entry.values["input"] if isinstance(entry.values.get("input"), list) else ():
        if not isinstance(name, str):
            yield f"{entry.place('input')}: input holds {name!r}, which is not a text"


def _kind_of(kind: Any) -> str:
    names = {
        str: "a text",
        int: "a whole number",
        float: "a number",
        bool: "true or false",
        dict: "a table",
        list: "a list",
    }
    return " or ".join(names[each] for each in (kind if isinstance(kind, tuple) else (kind,)))


def _expand(entry: Entry, folder: Path, before: int, problems: list[str]) -> Iterator[Job]:
    """A job for each file that the input's patterns match."""
    values = entry.values
    files = list(_inputs(entry, folder, problems))
    models: Path | dict[str, Path]
    if "model" in values:
        models = folder / values["model"]
    else:
        models = {_selection(text, folder): folder / path for text, path in values["faces"].items()}
    stem = models.stem if isinstance(models, Path) else "+".join(path.stem for path in models.values())
    look = values.get("look", {})
    render = {key: values[key] for key in RENDER if key in values}
    render |= {key: folder / render[key] for key in PATHS if key in render}
    for number, file in enumerate(files, 1):
        names = {
            "stem": file.stem, "name": file.name, "suffix": file.suffix, "parent": file.parent.name,
            "model": stem, "number": number,
        }  # fmt: skip
        try:
            output = folder / values["output"].format(**names)
        except (KeyError, IndexError, ValueError) as error:
            known = ", ".join(f"{{{name}}}" for name in names)
            problems.append(
                f"{entry.place('output')}: output {values['output']!r}: {error}; there are {known}"
            )
            return
        yield Job(
            place=entry.place(),
            number=before + number,
            input=file,
            output=output,
            models=models,
            look=folder / look if isinstance(look, str) else dict(look),
            options={str(k): str(v) for k, v in values.get("options", {}).items()},
            render=dict(render),
            priority=values.get("priority", 0),
            retries=values.get("retries"),
        )


def _selection(text: str, folder: Path) -> str:
    """A selection whose reference picture, if it names one, is relative to the job file."""
    kind, colon, path = text.partition(":")
    return f"ref:{folder / path}" if kind == "ref" and colon else text


def _inputs(entry: Entry, folder: Path, problems: list[str]) -> Iterator[Path]:
    wanted = entry.values["input"]
    for text in wanted if isinstance(wanted, list) else [wanted]:
        path = folder / text
        if path.exists() or not glob.has_magic(text):
            yield path
            continue
        found = sorted(glob.glob(str(path), recursive=True))  # noqa: PTH207  (folder and pattern are one)
        if not found:
            problems.append(f"{entry.place('input')}: input {text!r} matches no file")
        yield from map(Path, found)
