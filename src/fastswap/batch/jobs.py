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

Paths are relative to the job file. In an output, and in analysis, mask_file, matte, layer and report, `{stem}`,
`{name}`, `{suffix}`, `{parent}` (of the input), `{model}` (its stem) and `{number}` (of the file among those that the
pattern matches, from 1) are filled in. The other keys are the options of `fastswap render`, with `options` for its
`--option`, and `priority` and `retries`.
"""

from __future__ import annotations

import glob
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fastswap.batch.entries import KEYS, NAMED, PATHS, RENDER, Entry, entries_of
from fastswap.video.side_output import Kind, place_of


@dataclass(slots=True)
class Job:
    """One render. place: where it stands in the file. number: counts all jobs, from 1.

    models: a path, or paths by selection. look: settings, or the path of a file with them. places: where its keys
    stand, as far as that is known.
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
    places: dict[str, str] = field(default_factory=dict)

    def place_of(self, *keys: str) -> str:
        """Where the first of these keys that it has stands."""
        return next((self.places[key] for key in keys if key in self.places), self.place)

    @property
    def model_files(self) -> list[Path]:
        """The models that it needs."""
        return list(self.models.values()) if isinstance(self.models, dict) else [self.models]

    @property
    def references(self) -> dict[str, Path]:
        """The pictures of people that its selections name."""
        texts = [*(self.models if isinstance(self.models, dict) else ()), self.render.get("select", "")]
        found = [Path(text.removeprefix("ref:")) for text in texts if text.startswith("ref:")]
        return {f"reference {number}": path for number, path in enumerate(found, 1)}

    @property
    def made(self) -> dict[str, Path]:
        """All that it makes, by key: files and folders. Raises OutputError for a place that cannot be."""
        kinds: tuple[Kind, ...] = ("matte", "layer")
        made = {"output": self.output}
        made |= {str(kind): place_of(self.render[kind], kind).path for kind in kinds if kind in self.render}
        return made | ({"report": self.render["report"]} if "report" in self.render else {})


def read_jobs(source: str | Path | Sequence[Mapping[str, Any]]) -> tuple[list[Job], list[str]]:
    """The jobs of a file, or of plain mappings with the same keys, and all that is wrong with them, one line each.

    Raises InputError when the file cannot be read at all.
    """
    if isinstance(source, (str, Path)):
        path = Path(source)
        entries, problems = entries_of(path), list[str]()
        folder = path.parent
    else:
        entries, problems = [Entry("job", n, dict(job)) for n, job in enumerate(source, 1)], []
        folder = Path()
    jobs: list[Job] = []
    for entry in entries:
        for key, fault in [("", entry.fault)] if entry.fault else list(_key_faults(entry)):
            problems.append(f"{entry.place(key)}: {fault}")
            entry.values.pop(key, None)  # what is sound is looked at all the same
        if {"input", "output"} <= entry.values.keys():
            jobs += _expand(entry, folder, len(jobs), problems)
    if not entries:
        problems.append(f"{source}: there is no job in it")
    return jobs, problems


def _key_faults(entry: Entry) -> Iterator[tuple[str, str]]:
    """What is wrong with the keys of an entry and the types of their values: the key, and a line about it."""
    values = entry.values
    for key, value in values.items():
        if key not in KEYS:
            yield key, f"unknown key {key!r}; there are {', '.join(sorted(KEYS))}"
        elif not isinstance(value, KEYS[key]) or (isinstance(value, bool) and KEYS[key] is not bool):
            yield key, f"{key} is {value!r}, which is not {_kind_of(KEYS[key])}"
        elif key in ("input", "output", "model", "faces") and not value:
            yield key, f"{key} is empty"
        else:
            yield from ((key, fault) for fault in _faults_within(key, value))
    for key in ("input", "output"):
        if key not in values:
            yield "", f"the job has no {key}"
    if not values.keys() & {"model", "faces"}:
        yield "", "the job has neither model nor faces"
    if values.keys() >= {"model", "faces"}:
        yield "faces", "the job has both model and faces"


def _faults_within(key: str, value: Any) -> Iterator[str]:
    """What is wrong with the parts of a list or a table."""
    if key in ("options", "faces"):
        for name, each in value.items():
            if isinstance(each, (dict, list)) or (key == "faces" and not isinstance(each, str)):
                yield f"{key}.{name} is {each!r}, which is not a text"
    elif key == "input" and isinstance(value, list):
        yield from (
            f"input holds {each!r}, which is not a text" for each in value if not isinstance(each, str)
        )


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
        models = {_selection(text, folder): folder / path for text, path in values.get("faces", {}).items()}
    stem = models.stem if isinstance(models, Path) else "+".join(path.stem for path in models.values())
    look = values.get("look", {})
    render = {key: values[key] for key in RENDER if key in values and key not in NAMED}
    render |= {key: folder / render[key] for key in PATHS if key in render}
    render |= {"select": _selection(render["select"], folder)} if "select" in render else {}
    for number, file in enumerate(files, 1):
        names = {
            "stem": file.stem, "name": file.name, "suffix": file.suffix, "parent": file.parent.name,
            "model": stem, "number": number,
        }  # fmt: skip
        paths: dict[str, Path] = {}
        for key in ("output", *NAMED):
            try:
                paths |= {key: folder / values[key].format(**names)} if key in values else {}
            except (KeyError, IndexError, ValueError) as error:
                known = ", ".join(f"{{{name}}}" for name in names)
                problems.append(f"{entry.place(key)}: {key} {values[key]!r}: {error}; there are {known}")
        if "output" not in paths:
            return
        yield Job(
            place=entry.place(),
            number=before + number,
            input=file,
            output=paths.pop("output"),
            models=models,
            look=folder / look if isinstance(look, str) else dict(look),
            options={str(k): str(v) for k, v in values.get("options", {}).items()},
            render=render | paths,
            priority=values.get("priority", 0),
            retries=values.get("retries"),
            places={key: entry.place(key) for key in values},
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
