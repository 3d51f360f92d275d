"""The page about a training: what was asked for, how the losses fell, what it looked like on the way."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastswap.errors import OutputError
from fastswap.training import coverage
from fastswap.training.seeing import PREVIEW, PREVIEWS, read_history

if TYPE_CHECKING:
    from fastswap.training.trainer import Training

PAGE = "report.html"
WIDTH, HEIGHT = 860, 240
COLORS = ("#1f5fa8", "#c4501b", "#2f8a3d", "#8a3f9e", "#8a6d1f", "#4a4a4a", "#c23b6a", "#2a8c8c")
NOT_LOSSES = {"step", "seconds", "rate", "faces_per_second", "place"}
_STYLE = (
    "body{font:15px/1.5 sans-serif;max-width:60em;margin:2em auto;padding:0 1em;color:#222}"
    "table{border-collapse:collapse}td,th{padding:.15em .8em .15em 0;text-align:left;vertical-align:top}"
    "img{max-width:100%}figure{margin:1em 0}figcaption{color:#666}"
)


def write_page(training: Training) -> None:
    """Writes `report.html` into the training's folder; pictures stay files of their own, each signed."""
    report, settings, folder = training.report, training.settings, training.folder
    history = read_history(folder)
    title = f"{settings.subject}: {report.preset}, {report.steps} steps"
    parts = [
        f"<!doctype html><meta charset=utf-8><title>{escape(title)}</title><style>{_STYLE}</style>",
        f"<h1>{escape(title)}</h1><p>Consent: {escape(settings.consent)}</p>",
        _figure(PREVIEW, "source, drawn; target, drawn; swap, swap in place, mask"),
        "<h2>Losses</h2>",
        _curves(history),
        "<h2>Learning rate</h2>",
        _curves(history, only=("rate",)),
        "<h2>Poses</h2>",
        _poses(training),
        "<h2>Settings</h2>",
        _table(_flat(settings.shown())),
        "<h2>Result</h2>",
        _table(_flat({**report.as_dict(), "losses": report.losses, "notices": "; ".join(report.notices)})),
        "<h2>On the way</h2>",
        *(_figure(f"{PREVIEWS}/{path.name}", f"step {int(path.stem)}") for path in _previews(folder)),
    ]
    path = folder / PAGE
    try:
        partial = path.with_name(PAGE + ".partial")
        partial.write_text("\n".join(parts), encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror})") from None
    report.page = str(path)


def _previews(folder: Path) -> list[Path]:
    return sorted((folder / PREVIEWS).glob("*.jpg"))


def _figure(name: str, caption: str) -> str:
    return f'<figure><img loading="lazy" src="{escape(name)}"><figcaption>{escape(caption)}</figcaption></figure>'


def _table(rows: dict[str, Any]) -> str:
    cells = (
        f"<tr><th>{escape(name)}<td>{escape(str(value))}"
        for name, value in rows.items()
        if value not in ("", [])
    )
    return f"<table>{''.join(cells)}</table>"


def _flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{name} ")
        else:
            flat[f"{prefix}{name}".replace("_", " ")] = value
    return flat


def _poses(training: Training) -> str:
    own, other = training.source.poses, training.target.poses
    if own is None or other is None:
        return "<p>not known</p>"
    compared = coverage.compare(own, other)
    said = f"<p>The source lacks poses of {compared.share:.1%} of the target's faces.</p>"
    return said + coverage.plot([("source", compared.source), ("target", compared.target)], compared.lacking)


def _curves(history: Sequence[dict[str, float]], only: Sequence[str] = ()) -> str:
    """An SVG of each loss over the steps, both axes logarithmic where that helps: losses fall by powers."""
    names = [
        name
        for name in dict.fromkeys(key for line in history for key in line)
        if (name in only if only else name not in NOT_LOSSES)
    ]
    series = {
        name: [(line["step"], line[name]) for line in history if name in line and line[name] > 0]
        for name in names
    }
    series = {name: points for name, points in series.items() if len(points) > 1}
    if not series:
        return "<p>too short for a curve</p>"
    steps = [step for points in series.values() for step, _ in points]
    levels = [math.log10(value) for points in series.values() for _, value in points]
    left, right, low, high = min(steps), max(steps), min(levels), max(levels)
    across, up = (WIDTH - 90) / max(right - left, 1e-9), (HEIGHT - 40) / max(high - low, 1e-9)
    parts = [
        f'<svg width="{WIDTH}" height="{HEIGHT + 20 * len(series)}" font-family="sans-serif" font-size="12">'
    ]
    for number, (name, points) in enumerate(series.items()):
        color = COLORS[number % len(COLORS)]
        line = " ".join(
            f"{60 + (step - left) * across:.1f},{HEIGHT - 20 - (math.log10(value) - low) * up:.1f}"
            for step, value in points
        )
        parts.append(f'<polyline fill="none" stroke="{color}" stroke-width="1.3" points="{line}"/>')
        parts.append(
            f'<text x="60" y="{HEIGHT + 14 + 18 * number}" fill="{color}">{escape(name)} {points[-1][1]:.4g}</text>'
        )
    parts += [
        f'<text x="2" y="14">{10**high:.3g}</text><text x="2" y="{HEIGHT - 20}">{10**low:.3g}</text>',
        f'<text x="60" y="{HEIGHT - 4}">{left:.0f}</text>',
        f'<text x="{WIDTH - 90}" y="{HEIGHT - 4}">{right:.0f} steps</text>',
    ]
    return "".join([*parts, "</svg>"])
