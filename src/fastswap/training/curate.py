"""Tending a faceset: what it holds, what is set aside, in which order, and several made one.

Nothing here deletes a picture. What a filter rejects goes to the folder `left_out` in the faceset and can be moved back
by hand; the index still knows it.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from fastswap.errors import InputError, OutputError, SettingsError
from fastswap.training import likeness
from fastswap.training.faceset import INDEX, Entry, Faceset, append_index, open_faceset, write_index
from fastswap.training.persons import several

LEFT_OUT = "left_out"

MEASURES: dict[str, Callable[[Entry], float]] = {
    "sharpness": lambda entry: entry.sharpness,
    "yaw": lambda entry: entry.yaw,
    "pitch": lambda entry: entry.pitch,
    "roll": lambda entry: entry.roll,
    "brightness": lambda entry: entry.brightness,
    "size": lambda entry: entry.side,
    "score": lambda entry: entry.score,
    "track": lambda entry: entry.track,
}
_FALLING = ("sharpness", "size", "score")
"""The sharpest, largest and surest come first. "similarity" and "time" come beside the measures."""
SORTS = (*MEASURES, "similarity", "time")


@dataclass(frozen=True, slots=True)
class Criteria:
    """What a picture must have to stay; None asks for nothing. Angles in degrees, sizes in display pixels, brightness
    and score in 0..1. duplicates: bits in which it must differ from every picture that stays."""

    min_sharpness: float | None = None
    min_size: float | None = None
    min_score: float | None = None
    min_brightness: float | None = None
    max_brightness: float | None = None
    min_yaw: float | None = None
    max_yaw: float | None = None
    min_pitch: float | None = None
    max_pitch: float | None = None
    tracks: tuple[int, ...] = ()
    sources: tuple[str, ...] = ()
    duplicates: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.duplicates <= likeness.BITS:
            raise SettingsError(f"faceset filter: --duplicates is {self.duplicates}; it must lie in 0..256")
        if all(getattr(self, field.name) in (None, (), 0) for field in fields(self)):
            raise SettingsError(
                "faceset filter: name at least one thing that a picture must have, see --help"
            )

    def reason(self, entry: Entry) -> str | None:
        """Why a picture does not stay, judged by itself; None when it does."""
        for name, value in (
            ("sharpness", entry.sharpness),
            ("size", entry.side),
            ("score", entry.score),
            ("brightness", entry.brightness),
            ("yaw", entry.yaw),
            ("pitch", entry.pitch),
        ):
            low, high = getattr(self, f"min_{name}"), getattr(self, f"max_{name}", None)
            if low is not None and value < low:
                return f"{name} below {low:g}"
            if high is not None and value > high:
                return f"{name} above {high:g}"
        if self.tracks and entry.track not in self.tracks:
            return "another track"
        if self.sources and entry.source not in self.sources:
            return "another source"
        return None


def summary(faceset: Faceset) -> dict[str, Any]:
    """What a faceset holds, as plain values."""
    entries, mixed = faceset.entries, several([faceset])

    def spread(pick: Callable[[Entry], float]) -> list[float]:
        low, middle, high = np.percentile([pick(entry) for entry in entries], [5, 50, 95])
        return [round(float(value), 2) for value in (low, middle, high)]

    return {
        "folder": str(faceset.folder),
        "pictures": len(entries),
        "side": faceset.header.size,
        "template": faceset.header.template,
        "coverage": faceset.header.coverage,
        "sources": dict(Counter(entry.source for entry in entries).most_common()),
        "tracks": dict(Counter(entry.track for entry in entries).most_common()),
        "percentiles": "5, 50, 95",
        "size": spread(lambda entry: entry.side),
        "sharpness": spread(lambda entry: entry.sharpness),
        "brightness": spread(lambda entry: entry.brightness),
        "yaw": spread(lambda entry: entry.yaw),
        "pitch": spread(lambda entry: entry.pitch),
        "notices": [*faceset.notices, *([mixed] if mixed else [])],
    }


def apart(faceset: Faceset, criteria: Criteria) -> tuple[list[Entry], list[tuple[Entry, str]]]:
    """The entries that stay, and those that do not with the reason."""
    stay: list[Entry] = []
    go: list[tuple[Entry, str]] = []
    kept = likeness.words([])
    for entry in (
        sorted(faceset.entries, key=lambda entry: -entry.sharpness)
        if criteria.duplicates
        else faceset.entries
    ):
        reason = criteria.reason(entry)
        if reason is None and criteria.duplicates and entry.hash:
            if len(kept) and int(likeness.distances(entry.hash, kept).min()) < criteria.duplicates:
                reason = "nearly the same as another"
            else:
                kept = np.concatenate((kept, likeness.words([entry.hash])))
        if reason is None:
            stay.append(entry)
        else:
            go.append((entry, reason))
    return stay, go


def filter_faceset(faceset: Faceset, criteria: Criteria, *, dry_run: bool = False) -> dict[str, Any]:
    """Sets the pictures aside that do not meet the criteria. dry_run: only tells. Returns counts, by reason too.

    Raises InputError when nothing would stay: then nothing is moved. Raises OutputError.
    """
    stay, go = apart(faceset, criteria)
    if not stay:
        raise InputError(f"{faceset.folder}: no picture meets this; nothing was set aside")
    if go and not dry_run:
        aside = faceset.folder / LEFT_OUT
        try:
            aside.mkdir(exist_ok=True)
            for entry, _ in go:
                faceset.path(entry).replace(aside / entry.file)
        except OSError as error:
            raise OutputError(f"{aside}: cannot be written ({error.strerror})") from None
    reasons = Counter(reason for _, reason in go)
    return {
        "stay": len(stay),
        "left_out": len(go),
        "reasons": dict(reasons.most_common()),
        "dry_run": dry_run,
    }


def ordered(faceset: Faceset, by: str) -> list[Entry]:
    """The entries in an order of `SORTS`. Raises SettingsError for another."""
    if by == "time":
        return sorted(faceset.entries, key=lambda entry: (entry.source, entry.index, entry.track))
    if by == "similarity":
        return _by_similarity(faceset)
    if by not in MEASURES:
        raise SettingsError(f"faceset sort: --by is {by!r}; choose one of {', '.join(SORTS)}")
    measure, sign = MEASURES[by], -1.0 if by in _FALLING else 1.0
    return sorted(faceset.entries, key=lambda entry: (sign * measure(entry), entry.source, entry.index))


def caption(entry: Entry, by: str) -> str:
    """What a contact sheet says below a picture: the value that it is ordered by, as the options of filter take it."""
    return f"{by} {MEASURES[by](entry):.3g}" if by in MEASURES else f"frame {entry.index}"


def _by_similarity(faceset: Faceset) -> list[Entry]:
    """Each picture followed by the one most like it that is left: odd ones gather at the end."""
    left = [entry for entry in faceset.entries if entry.hash]
    plain = [entry for entry in faceset.entries if not entry.hash]
    if not left:
        return plain
    hashes = likeness.words([entry.hash for entry in left])
    free = np.ones(len(left), bool)
    order, at = [], 0
    for _ in left:
        free[at] = False
        order.append(left[at])
        away = likeness.distances(left[at].hash, hashes)
        at = int(np.argmin(np.where(free, away, likeness.BITS + 1)))
    return order + plain


def rename_in_order(faceset: Faceset, by: str) -> int:
    """Renames the pictures `00000_...` so that a file manager shows them in this order; how many there were.

    The index learns the new names first: stopped at any time, it knows every picture. Raises OutputError.
    """
    bases = Counter(_base(entry.file) for entry in faceset.entries)
    pairs = []
    for number, entry in enumerate(ordered(faceset, by)):
        # A base that only one picture has cannot make a name that another one bears now.
        base = _base(entry.file) if bases[_base(entry.file)] == 1 else entry.file
        pairs.append((entry, replace(entry, file=f"{number:05d}_{base}")))
    append_index(faceset.folder / INDEX, [new for _, new in pairs])
    try:
        for old, new in pairs:
            faceset.path(old).replace(faceset.folder / new.file)
    except OSError as error:
        raise OutputError(f"{faceset.folder}: cannot rename ({error.strerror})") from None
    rewrite_index(faceset, [new for _, new in pairs])
    return len(pairs)


def rewrite_index(faceset: Faceset, entries: Sequence[Entry]) -> None:
    """Replaces the index by one of these entries and of those that are set aside, whole or not at all."""
    present = {entry.file for entry in entries}
    aside = [entry for entry in faceset.absent if (faceset.folder / LEFT_OUT / entry.file).exists()]
    partial = faceset.folder / (INDEX + ".partial")
    write_index(partial, faceset.header, [*entries, *(e for e in aside if e.file not in present)])
    partial.replace(faceset.folder / INDEX)


def merge(folders: Sequence[Path], out: Path) -> Faceset:
    """Copies several facesets into a new one; tracks stay apart. The others are left as they are.

    Raises SettingsError when they are cut in different ways, InputError, and OutputError when `out` is there already.
    """
    sets = [open_faceset(folder) for folder in folders]
    if len(sets) < 2:
        raise SettingsError("faceset merge: name two facesets or more")
    for each in sets[1:]:
        if each.header != sets[0].header:
            raise SettingsError(
                f"{each.folder}: cut in another size, template or coverage than {sets[0].folder}"
            )
    return copy_entries([(each, each.entries) for each in sets], out)


def copy_entries(parts: Sequence[tuple[Faceset, Sequence[Entry]]], out: Path) -> Faceset:
    """A new faceset of copies of these pictures, complete or not at all. Raises OutputError."""
    if out.exists():
        raise OutputError(f"{out}: exists already; name a new folder")
    if not out.parent.is_dir():
        raise OutputError(f"{out}: the folder {out.parent} does not exist")
    partial = out.with_name(f".{out.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    entries: list[Entry] = []
    first_track, names = 0, set[str]()
    try:
        partial.mkdir()
        for faceset, chosen in parts:
            for entry in chosen:
                name, number = entry.file, 1
                while name in names:
                    number += 1
                    name = f"{number}-{entry.file}"
                names.add(name)
                shutil.copyfile(faceset.path(entry), partial / name)
                entries.append(replace(entry, file=name, track=entry.track + first_track))
            first_track = max((entry.track for entry in entries), default=-1) + 1
        write_index(partial / INDEX, parts[0][0].header, entries)
        partial.replace(out)
    except OSError as error:
        raise OutputError(f"{out}: cannot be written ({error.strerror or error})") from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return open_faceset(out)


def _base(name: str) -> str:
    """A picture's name without the number that an earlier sort gave it."""
    return name[6:] if len(name) > 6 and name[:5].isdigit() and name[5] == "_" else name
