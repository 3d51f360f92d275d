"""Turns what was collected into the page's data and writes the page."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable, Mapping, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

import fastswap
from fastswap import video
from fastswap.page.collect import FaceFacts, FrameFacts, Sample
from fastswap.page.measures import flicker, jitter
from fastswap.report import Report

BINS: Final = 4000
"""Points in time that the page holds; of a longer video several frames share one, and the worst value of each
counts."""
_JPEG: Final = {"global_quality": str(4 * 118), "flags": "+qscale"}
_WORDS: Final = {
    "confidence": "How sure the face mesh is of the face, 0 to 1.",
    "jitter": "How far the face lies from the middle between the frames before and after, in % of the eyes' distance.",
    "seam": "Step in brightness (of 255) between new face and frame that the soft edge hides: all round, worst side.",
    "flicker": "How far the change of brightness in the face jumps from frame to frame, of 255.",
}

Values = NDArray[np.float64]


def write_page(
    path: Path,
    frames: Sequence[FrameFacts],
    samples: Sequence[Sample],
    report: Report,
    settings: Mapping[str, Any],
    provenance: Mapping[str, Any],
    sign: Callable[[Path], object],
) -> None:
    """Writes the page: one HTML file that needs nothing else. sign: gives the pictures in it their manifests."""
    data = page_data(frames, report, settings, provenance)
    data["samples"] = _pictures(samples, sign)
    data["first"] = len(samples) // 2
    place = files("fastswap.page")
    text = (place / "page.html").read_text("utf-8")
    # "<" as an escape: no text in the data can end the script element.
    plain = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":")).replace(
        "<", "\\u003c"
    )
    parts = {
        "{{TITLE}}": escape(data["title"]),
        "{{CSS}}": (place / "page.css").read_text("utf-8"),
        "{{JS}}": (place / "page.js").read_text("utf-8"),
        "{{DATA}}": plain,
    }
    for mark, part in parts.items():
        text = text.replace(mark, part, 1)
    path.write_text(text, "utf-8")


def page_data(
    frames: Sequence[FrameFacts], report: Report, settings: Mapping[str, Any], provenance: Mapping[str, Any]
) -> dict[str, Any]:
    """All that the page shows but the pictures, as plain JSON values."""
    count = max(1, math.ceil(len(frames) / BINS))
    starts = range(0, len(frames), count)
    series = {
        track: _measured(frames, track) for track in sorted({f.track for fr in frames for f in fr.faces})
    }
    end = frames[-1].time + _period(frames) if frames else 0.0
    return {
        "schema": 1,
        "title": Path(report.output).name,
        "subtitle": f"{Path(report.input).name} with the face of {Path(report.model).name}",
        "facts": _facts(report),
        "notices": report.notices,
        "footer": f"fastswap {fastswap.__version__}. The frames above are composites made with a trained model.",
        "times": [round(frames[i].time, 4) for i in starts],
        "numbers": [frames[i].index for i in starts],
        "end": round(end, 4),
        "states": [_state([f.state for f in frames[i : i + count]]) for i in starts],
        "cuts": [round(f.time, 4) for f in frames[1:] if f.cut],
        "tracks": [
            {"track": t, "score": _binned(s["confidence"], count, low=True)} for t, s in series.items()
        ],
        "charts": _charts(series, count),
        "stages": list(report.seconds.items()),
        "limits": report.limits,
        "measures": _table(series),
        "settings": list(settings.items()),
        "provenance": list(provenance.items()),
    }


def _facts(report: Report) -> list[list[str]]:
    share = f"{100 * report.swapped / report.frames:.0f} % of frames" if report.frames else ""
    skipped = ", ".join(f"{count} {reason}" for reason, count in report.skipped.items())
    return [
        ["Frames", str(report.frames), f"{report.fps:.1f} per second"],
        ["Swapped", str(report.swapped), share],
        ["Faces", str(report.faces), ""],
        ["Unchanged", str(sum(report.skipped.values())), skipped],
        ["Time", f"{report.wall:.1f} s", f"limited by {report.limits}" if report.limits else ""],
        ["Engine", report.engine.partition(",")[0], report.engine.partition(",")[2].strip()],
    ]


def _measured(frames: Sequence[FrameFacts], track: int) -> dict[str, Values]:
    """Each measure of a track, NaN where it has no value; measures over time end at gaps and cuts."""
    found = [next((face for face in frame.faces if face.track == track), None) for frame in frames]
    names = ("confidence", "jitter", "seam", "worst seam", "flicker")
    values = {name: np.full(len(frames), np.nan) for name in names}
    for i, face in enumerate(found):
        if face is not None:
            values["confidence"][i], values["seam"][i], values["worst seam"][i] = (
                face.score,
                face.seam,
                face.worst,
            )
    for begin, end in _runs(frames, found):
        run = [face for face in found[begin:end] if face is not None]
        values["jitter"][begin:end] = jitter(np.array([face.points for face in run], np.float64))
        values["flicker"][begin:end] = flicker(np.array([face.shift for face in run]))
    return values


def _runs(frames: Sequence[FrameFacts], found: Sequence[FaceFacts | None]) -> list[tuple[int, int]]:
    """Where the track is seen in frames that follow each other without a cut."""
    runs: list[tuple[int, int]] = []
    for i, face in enumerate(found):
        if face is None:
            continue
        if runs and runs[-1][1] == i and not frames[i].cut:
            runs[-1] = (runs[-1][0], i + 1)
        else:
            runs.append((i, i + 1))
    return runs


def _binned(values: Values, count: int, *, low: bool = False) -> list[float | None]:
    """The worst value of each bin: the lowest where `low`, else the highest."""
    bins = [values[i : i + count] for i in range(0, len(values), count)]
    worst = [np.nan if np.isnan(b).all() else (np.nanmin(b) if low else np.nanmax(b)) for b in bins]
    return [None if math.isnan(v) else float(f"{v:.4g}") for v in worst]


def _state(states: Sequence[str]) -> str:
    """What a bin of frames is shown as: the first reason for leaving one alone, if there is one."""
    return next((state for state in states if state != "swapped"), states[0])


def _charts(series: Mapping[int, Mapping[str, Values]], count: int) -> list[dict[str, Any]]:
    charts = []
    for name, unit, parts in (
        ("confidence", "0 to 1", (("confidence", ""),)),
        ("jitter", "% of the eyes", (("jitter", ""),)),
        ("seam", "of 255", (("seam", ""), ("worst seam", "worst"))),
        ("flicker", "of 255", (("flicker", ""),)),
    ):
        low = name == "confidence"
        lines: list[dict[str, Any]] = [
            {"track": track, "kind": kind, "values": _binned(values[part], count, low=low)}
            for track, values in series.items()
            for part, kind in parts
        ]
        seen = [v for line in lines for v in line["values"] if v is not None]
        if low:
            bottom, top = min(0.9, math.floor(10 * min(seen, default=0.9)) / 10), 1.0
        else:
            bottom, top = 0.0, _round_up(max(seen, default=1.0))
        charts.append({"name": name, "unit": unit, "low": bottom, "high": top, "series": lines})
    return charts


def _round_up(value: float) -> float:
    """The next of 1, 2, 5, 10, ... times a power of ten."""
    if value <= 0.0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1.0, 2.0, 5.0, 10.0) if value <= step * power * (1.0 + 1e-9))


def _table(series: Mapping[int, Mapping[str, Values]]) -> list[list[str]]:
    rows = []
    for track, values in series.items():
        for name, numbers in values.items():
            known = numbers[~np.isnan(numbers)]
            if len(known):
                worst = known.min() if name == "confidence" else known.max()
                rows.append([f"track {track}, {name}", f"median {np.median(known):.3g}, worst {worst:.3g}"])
    return rows + [[name, words] for name, words in _WORDS.items()] if rows else []


def _period(frames: Sequence[FrameFacts]) -> float:
    return frames[-1].time - frames[-2].time if len(frames) > 1 else 0.04


def _pictures(samples: Sequence[Sample], sign: Callable[[Path], object]) -> list[dict[str, Any]]:
    """The samples as data URLs. The frames that were made are signed one by one: they may be saved out of the page."""
    if not samples:
        return []
    with TemporaryDirectory(prefix="fastswap-page-") as folder:
        made = Path(folder) / "made"
        made.mkdir()
        for number, sample in enumerate(samples):
            video.save_picture(made / f"{number:02}.jpg", sample.after, options=_JPEG)
            video.save_picture(Path(folder) / f"{number:02}.jpg", sample.before, options=_JPEG)
        sign(made)
        return [
            {
                "frame": sample.index,
                "time": round(sample.time, 4),
                "words": f"{sample.faces} face{'s' if sample.faces > 1 else ''} swapped",
                "before": _data_url(Path(folder) / f"{number:02}.jpg"),
                "after": _data_url(made / f"{number:02}.jpg"),
            }
            for number, sample in enumerate(samples)
        ]


def _data_url(path: Path) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(path.read_bytes()).decode("ascii")
