"""A batch driven by an edit: renders what an OpenTimelineIO or EDL file uses of each clip, and relinks the edit to it.

    fastswap conform edit.otio --model anna.onnx --out renders --handles 12

Each clip becomes one job of `fastswap.batch`, trimmed to the frames that the edit shows plus handles; several events
that show the same frames share one. The new edit beside them points to the renders and is otherwise the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final
from urllib.parse import unquote, urlparse

from fastswap import batch, video
from fastswap.atomic import Staging
from fastswap.batch.run import BatchReport
from fastswap.errors import InputError, OutputError, SettingsError
from fastswap.progress import ProgressCallback
from fastswap.trim import Trim
from fastswap.video import timecode

_MEDIA: Final = (".mov", ".mp4", ".mxf", ".mkv", ".avi", ".m4v", ".webm", ".ts", ".mts")


@dataclass(frozen=True, slots=True)
class Use:
    """What one clip of the edit shows. clip: of the edit. media: its file. first, end: frames of the file, handles
    included; begin: the number by which the edit counts the file's first frame. output: the render."""

    clip: Any
    media: Path
    first: int
    end: int
    begin: int
    rate: float
    output: Path


@dataclass(frozen=True, slots=True)
class ConformReport:
    """edit: the new edit, None when nothing was written. jobs: as the batch reports them. skipped: clips that were left
    as they are, and why."""

    edit: Path | None
    batch: BatchReport
    skipped: list[str]

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "edit": str(self.edit) if self.edit else None,
            "skipped": self.skipped,
            "batch": self.batch.as_dict(),
        }


def conform(
    edit: str | Path,
    out: str | Path,
    *,
    model: str | Path,
    media: str | Path | None = None,
    handles: int = 0,
    only: Sequence[str] = (),
    suffix: str = ".mov",
    rate: float = 25.0,
    settings: Mapping[str, Any] | None = None,
    dry_run: bool = False,
    progress: ProgressCallback | None = None,
) -> ConformReport:
    """Renders the clips of an edit into the folder `out` and writes the edit anew, relinked to them.

    edit: .otio, .otioz or .edl (CMX 3600). media: the folder in which files are looked for, by their path in the edit
    or by clip or reel name; default the edit's own. handles: frames kept before and after what is shown. only: names
    of clips; default all. suffix: container of the renders. rate: frames per second by which an EDL counts. settings:
    more keys of `fastswap.batch` for every job (encoder, options, look, select, ...).

    Raises InputError for an edit that cannot be read or whose media are missing, all of them in one line each;
    SettingsError without OpenTimelineIO; and what `fastswap.batch.run` raises.
    """
    edit, out = Path(edit), Path(out)
    made = out / f"{edit.stem}.otio"
    if made.exists() and edit.exists() and made.samefile(edit):
        raise OutputError(f"{made}: the new edit would take the place of the old one; choose another folder")
    if handles < 0:
        raise SettingsError(f"handles is {handles}; it must not be negative")
    suffix = suffix if suffix.startswith(".") else f".{suffix}"
    otio = _otio()
    timeline = _read(otio, edit, rate)
    skipped: list[str] = []
    uses = list(
        _uses(timeline, edit, out, Path(media) if media else edit.parent, handles, only, suffix, skipped)
    )
    if not uses:
        raise InputError("; ".join([f"{edit}: it shows no clip that could be rendered", *skipped]))
    if not out.parent.is_dir():
        raise OutputError(f"{out}: the folder {out.parent} does not exist")
    if not dry_run:
        out.mkdir(exist_ok=True)
    jobs = [
        {"input": str(use.media), "output": str(use.output), "model": str(model), "start": f"{use.first}f",
         "end": f"{use.end}f", **(settings or {})}
        for use in _distinct(uses)
    ]  # fmt: skip
    with TemporaryDirectory() as nowhere:  # for the ledger of a dry run, which makes no folder
        place = out if out.is_dir() else Path(nowhere)
        report = batch.run(jobs, ledger=place / "fastswap.ledger", dry_run=dry_run, progress=progress)
    if dry_run or not report.ok:
        return ConformReport(None, report, skipped)
    return ConformReport(_relink(otio, timeline, uses, made), report, skipped)


def _otio() -> Any:
    try:
        import opentimelineio
    except ImportError as error:
        raise SettingsError("edits need OpenTimelineIO: pip install 'fastswap[timeline]'") from error
    return opentimelineio


def _read(otio: Any, edit: Path, rate: float) -> Any:
    if not edit.is_file():
        raise InputError(f"{edit}: no such file")
    options = {"rate": rate} if edit.suffix.lower() == ".edl" else {}
    try:
        found = otio.adapters.read_from_file(str(edit), **options)
    except Exception as error:  # adapters raise what they like
        raise InputError(
            f"{edit}: not an edit that OpenTimelineIO reads ({' '.join(str(error).split())})"
        ) from error
    if not isinstance(found, otio.schema.Timeline):
        raise InputError(f"{edit}: it holds a {type(found).__name__}, not a timeline")
    return found


def _uses(
    timeline: Any,
    edit: Path,
    out: Path,
    folder: Path,
    handles: int,
    only: Sequence[str],
    suffix: str,
    skipped: list[str],
) -> Iterator[Use]:
    missing: list[str] = []
    names: dict[tuple[Path, int, int], Path] = {}
    clips = [clip for track in timeline.video_tracks() for clip in track.find_clips()]
    unknown = set(only) - {clip.name for clip in clips}
    if unknown:
        raise SettingsError(f"{edit}: no clip is called {sorted(unknown)[0]!r}")
    for number, clip in enumerate(clips, 1):
        if only and clip.name not in only:
            continue
        if clip.media_reference is None or _has_speed(clip):
            skipped.append(
                f"{clip.name}: {'its speed is changed' if clip.media_reference else 'it has no media'}"
            )
            continue
        media = _media(clip, folder)
        if media is None:
            missing.append(f"clip {clip.name!r}: {_wanted(clip)} is not in {folder}")
            continue
        first, end, begin = _frames(clip, media, handles)
        name = out / f"{number:03}_{_safe(clip.name or media.stem)}{suffix}"
        output = names.setdefault((media, first, end), name)
        yield Use(clip, media, first, end, begin, clip.trimmed_range().duration.rate, output)
    if missing:
        raise InputError(f"{edit}: " + "; ".join(missing))


def _has_speed(clip: Any) -> bool:
    return any(
        type(effect).__name__ in ("LinearTimeWarp", "FreezeFrame", "TimeEffect") for effect in clip.effects
    )


def _wanted(clip: Any) -> str:
    return getattr(clip.media_reference, "target_url", "") or _reel(clip) or clip.name


def _reel(clip: Any) -> str:
    """The reel or source file of an EDL's event."""
    told = clip.metadata.get("cmx_3600", {})
    return str(told.get("reel", "") or "")


def _media(clip: Any, folder: Path) -> Path | None:
    """The clip's file: as the edit says, or found by its name in the folder."""
    url = getattr(clip.media_reference, "target_url", "")
    if url:
        parsed = urlparse(url)
        path = Path(unquote(parsed.path) if parsed.scheme == "file" else url)
        places = (path, folder / path, folder / path.name)
        found = next((place for place in places if place.is_file()), None)
        if found is not None:
            return found
    for name in (clip.name, getattr(clip.media_reference, "name", ""), _reel(clip)):
        for candidate in (name, *(f"{name}{suffix}" for suffix in _MEDIA)) if name else ():
            if (folder / candidate).is_file():
                return folder / candidate
    return None


def _frames(clip: Any, media: Path, handles: int) -> tuple[int, int, int]:
    """(first, end, number by which the edit counts the file's first frame); frames at the file's own rate.

    An edit counts by the time code of the media. Where the edit does not say at which it begins, the file does; and a
    clip that lies before that counts from 0.
    """
    info = video.probe(media)
    shown = clip.trimmed_range()
    rate = Fraction(shown.start_time.rate).limit_denominator(1001)
    start = round(shown.start_time.value)
    available = clip.media_reference.available_range
    if available is not None:
        begin = round(available.start_time.rescaled_to(shown.start_time.rate).value)
    else:
        code = timecode.stated(media)
        begin = timecode.frames_of(code, rate) if code else 0
        begin = begin if begin <= start else 0
    scale = info.fps / rate if abs(float(info.fps / rate) - 1.0) > 0.002 else Fraction(1)
    first = round((start - begin) * scale)
    end = round((start - begin + round(shown.duration.value)) * scale)
    whole = video.window_of(Trim(), info).end
    if first < 0 or first >= whole:
        raise InputError(f"{media}: clip {clip.name!r} shows frame {first}, the file has {whole}")
    return max(0, first - handles), min(whole, end + handles), begin


def _safe(name: str) -> str:
    return re.sub(r"[^\w.-]+", "_", Path(name).stem).strip("._") or "clip"


def _distinct(uses: Sequence[Use]) -> list[Use]:
    return list({use.output: use for use in uses}.values())


def _relink(otio: Any, timeline: Any, uses: Sequence[Use], path: Path) -> Path:
    """Writes the edit with its clips pointing to the renders, which count as the media did."""
    for use in uses:
        time = otio.opentime.RationalTime
        available = otio.opentime.TimeRange(
            time(use.begin + use.first, use.rate), time(use.end - use.first, use.rate)
        )
        source = use.clip.trimmed_range()
        use.clip.media_reference = otio.schema.ExternalReference(
            target_url=use.output.name, available_range=available
        )
        use.clip.source_range = source
    with Staging(None, path) as staging:
        otio.adapters.write_to_file(timeline, str(staging.path))
        staging.publish()
    return path
