"""A faceset: a folder of aligned face pictures and an index of where they come from.

The pictures are there to be looked through. Deleting one is always safe: the index entry is then ignored. A
picture that the index does not know is ignored too, with a notice, because its landmarks are unknown.

The index is JSON lines. The first line is the header, each other line one `Entry`; of two entries for the
same picture the later one holds.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastswap import video
from fastswap.align import TEMPLATES
from fastswap.atomic import append_durably
from fastswap.errors import FastswapError, InputError, OutputError
from fastswap.faces import MESH_POINTS
from fastswap.frame import Frame

INDEX = "faceset.jsonl"
SHEET = "sheet.png"
SUFFIX = ".jpg"
FORMAT = 1


@dataclass(frozen=True, slots=True)
class Header:
    """How the pictures were cut. size: side in pixels. coverage: side as a multiple of the template's."""

    size: int
    template: str = "dfl_whole_face"
    coverage: float = 1.3


@dataclass(frozen=True, slots=True)
class Entry:
    """One picture.

    file: name in the folder. source: the file that it was cut from. index, time, pts: frame number, seconds
    and presentation time there (pts is None for pictures). track: number of the person's track. score: mesh
    presence, 0..1. sharpness: see `quality.sharpness`. yaw, pitch, roll: degrees, see `align.pose`. box:
    left, top, right, bottom of the face in display pixels. transform: 2x3, picture pixels to display pixels.
    landmarks: [468][3] in picture pixels. brightness: mean luma, 0..1. hash: see `likeness.face_hash`. gaze: see
    `gaze.measure`, None for a closed eye. These three are missing in facesets of earlier versions.
    """

    file: str
    source: str
    index: int
    time: float
    pts: int | None
    track: int
    score: float
    sharpness: float
    yaw: float
    pitch: float
    roll: float
    box: tuple[float, float, float, float]
    transform: list[list[float]]
    landmarks: list[list[float]]
    brightness: float = 0.0
    hash: str = ""
    gaze: tuple[float | None, float | None] = (None, None)

    @property
    def side(self) -> float:
        """Shorter side of the face in display pixels."""
        left, top, right, bottom = self.box
        return min(right - left, bottom - top)

    @property
    def mark(self) -> str:
        """Where the face was found, as 12 hexadecimal digits: the same whatever its picture is called or cut like."""
        place = f"{self.source} {self.index} {[round(side, 2) for side in self.box]}"
        return hashlib.blake2b(place.encode(), digest_size=6).hexdigest()

    def points(self) -> NDArray[np.float64]:
        """The landmarks, float64 [468, 3], in picture pixels."""
        return np.array(self.landmarks, np.float64)

    def gazes(self) -> NDArray[np.float32]:
        """The gaze of both eyes, float32 [2], NaN where it is not known."""
        return np.array(self.gaze, np.float32)


@dataclass(frozen=True, slots=True)
class Faceset:
    """A folder whose index was read. entries: those whose pictures exist, in the index's order. absent: the others."""

    folder: Path
    header: Header
    entries: tuple[Entry, ...]
    notices: tuple[str, ...] = ()
    absent: tuple[Entry, ...] = ()

    def path(self, entry: Entry) -> Path:
        """Where the entry's picture lies."""
        return self.folder / entry.file


def open_faceset(folder: str | Path, *, may_be_empty: bool = False) -> Faceset:
    """Reads the index of a faceset.

    Raises InputError, one line that names the folder, when it is missing, has no index, has one that is
    damaged or of a newer version, or when no picture is left and it may not be empty.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"{folder}: no such faceset folder")
    if not (folder / INDEX).is_file():
        raise InputError(f"{folder}: not a faceset, it has no {INDEX}; make one with fastswap extract")
    header, indexed, notices = _read_index(folder / INDEX)
    present = {path.name for path in folder.iterdir() if path.suffix.lower() == SUFFIX}
    entries = tuple(entry for name, entry in indexed.items() if name in present)
    unknown = present - indexed.keys()
    if unknown:
        notices.append(f"{folder}: {len(unknown)} pictures are not in {INDEX} and are ignored")
    if not entries and not may_be_empty:
        raise InputError(f"{folder}: the faceset has no pictures")
    absent = tuple(entry for name, entry in indexed.items() if name not in present)
    return Faceset(folder, header, entries, tuple(notices), absent)


def read_picture(path: Path) -> Frame | None:
    """A picture of a faceset; None when it is damaged, no square, or was deleted this moment."""
    try:
        with video.Reader(path, threads=1, strict=True) as reader:
            frame = next(iter(reader), None)
    except (FastswapError, OSError):
        return None
    return frame if frame is not None and frame.width == frame.height else None


def write_index(path: Path, header: Header, entries: Iterable[Entry]) -> None:
    """Writes an index. Raises OutputError when that fails."""
    try:
        with path.open("w", encoding="utf-8") as file:
            file.write(_line({"fastswap_faceset": FORMAT} | asdict(header)))
            for entry in entries:
                file.write(_line(asdict(entry)))
    except OSError as error:
        raise OutputError(f"{path}: cannot write the index ({error.strerror or error})") from None


def append_index(path: Path, entries: Iterable[Entry]) -> None:
    """Adds entries to an index, durably; a line that a crash cuts short is ignored when it is read."""
    try:
        append_durably(path, "".join(_line(asdict(entry)) for entry in entries))
    except OSError as error:
        raise OutputError(f"{path}: cannot write the index ({error.strerror or error})") from None


def same_entry(one: Entry, other: Entry | None) -> bool:
    """Whether two entries are the same line of an index."""
    return other is not None and _line(asdict(one)) == _line(asdict(other))


def read_entries(path: Path) -> list[Entry]:
    """The entries of a file that `append_index` alone has written; damaged lines are left out. Raises OSError."""
    entries = (_read_entry(line) for line in path.read_text(encoding="utf-8").splitlines())
    return [entry for entry in entries if entry is not None]


def _line(values: dict[str, Any]) -> str:
    return json.dumps(values, ensure_ascii=False, separators=(",", ":")) + "\n"


def _read_index(path: Path) -> tuple[Header, dict[str, Entry], list[str]]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        raise InputError(f"{path}: cannot read the index") from None
    header = _read_header(path, lines[0] if lines else "")
    entries: dict[str, Entry] = {}
    damaged = 0
    for line in lines[1:]:
        entry = _read_entry(line)
        if entry is None:
            damaged += 1
        else:
            entries[entry.file] = entry
    return header, entries, [f"{path}: {damaged} damaged lines are ignored"] if damaged else []


def _read_header(path: Path, line: str) -> Header:
    try:
        values = json.loads(line)
        version = int(values["fastswap_faceset"])
        header = Header(int(values["size"]), str(values["template"]), float(values["coverage"]))
    except (ValueError, KeyError, TypeError):
        raise InputError(f"{path}: not the index of a faceset, or damaged") from None
    if version > FORMAT:
        raise InputError(f"{path}: made by a newer fastswap (format {version}, known is {FORMAT})")
    if header.size < 1 or header.coverage <= 0 or header.template not in TEMPLATES:
        raise InputError(f"{path}: its header makes no sense")
    return header


def _read_entry(line: str) -> Entry | None:
    try:
        values = json.loads(line)
        known = {field.name for field in fields(Entry)}
        entry = Entry(**{name: value for name, value in values.items() if name in known})
        usable = (
            entry.points().shape == (MESH_POINTS, 3)
            and entry.gazes().shape == (2,)
            and Path(entry.file).name == entry.file
        )
    except (ValueError, KeyError, TypeError):
        return None
    return entry if usable else None
