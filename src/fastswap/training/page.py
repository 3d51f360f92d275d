"""The page about a training: what was asked for, how the losses fell, what it looked like on the way."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import fastswap
from fastswap.errors import OutputError
from fastswap.training import coverage, curves, histograms, repertoire
from fastswap.training.seeing import PREVIEWS, read_history

if TYPE_CHECKING:
    from fastswap.training.trainer import Training

PAGE = "report.html"
NOT_LOSSES = {"step", "seconds", "rate", "faces_per_second", "place"}
_SCRIPT = """
const shown = JSON.parse(document.getElementById("previews").textContent);
const image = document.getElementById("preview"), slider = document.getElementById("when");
function show() {
  const [name, words] = shown[+slider.value];
  image.src = name;
  document.getElementById("words").textContent = words;
}
slider.addEventListener("input", show);
document.body.dataset.ready = "true";
"""


def write_page(training: Training) -> None:
    """Writes `report.html` into the training's folder; pictures stay files of their own, each signed."""
    folder = training.folder
    title = f"{training.settings.subject}: {training.settings.size.name}, {training.report.steps} steps"
    styles = (files(f"fastswap.{package}") / "page.css" for package in ("page", "training"))
    css = "".join(style.read_text("utf-8") for style in styles)
    parts = [
        '<!doctype html><html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="color-scheme" content="light dark">',
        f"<title>{escape(title)}</title><style>{css}</style></head><body>",
        *_head(training, title),
        *_previews(folder),
        *_losses(training),
        *_poses(training),
        *_expressions(training),
        *_settings(training),
        f'<footer class="muted">fastswap {escape(fastswap.__version__)}. The drawn faces above are synthetic.</footer>',
        "</body></html>",
    ]
    path = folder / PAGE
    partial = path.with_name(PAGE + ".partial")
    try:
        partial.write_text("\n".join(parts), encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise OutputError(f"{path}: cannot be written ({error.strerror})") from None
    training.report.page = str(path)


def _head(training: Training, title: str) -> list[str]:
    report, settings = training.report, training.settings
    shape = settings.size.shape
    export = report.export
    loss = report.losses.get("total")
    facts = [
        ("Steps", f"{report.steps:,}", f"{report.stage} stage" + (", stopped" if report.interrupted else "")),
        ("Time", _duration(report.seconds), f"{report.precision} on {report.device}"),
        ("Speed", f"{report.faces_per_second:,.0f}", "faces a second"),
        ("Loss", f"{loss:.4f}" if loss else "", "mean of the last steps"),
        ("Faces", f"{report.faces[0]:,} + {report.faces[1]:,}", "source + target"),
        (
            "Model",
            f"{export.bytes / 1e6:.1f} MB" if export else "",
            f"{export.gmac:.3g} GMAC a face" if export else "",
        ),
    ]
    cells = (
        f"<div><dt>{name}</dt><dd>{escape(value)}</dd><small>{escape(words)}</small></div>"
        for name, value, words in facts
        if value not in ("", "0")
    )
    notices = "".join(f"<li>{escape(text)}</li>" for text in report.notices)
    return [
        f"<header><h1>{escape(title)}</h1>",
        f"<p>{escape(training.out.name)}: {shape.family}, {shape.resolution} px</p>",
        f"<p>Consent: {escape(settings.consent)}</p>",
        f'<dl class="facts">{"".join(cells)}</dl>',
        f'<ul class="notices">{notices}</ul>' if notices else "",
        "</header>",
    ]


def _duration(seconds: float) -> str:
    minutes = seconds / 60.0
    if minutes < 2.0:
        return f"{seconds:.0f} s"
    return f"{minutes:.0f} min" if minutes < 120.0 else f"{minutes / 60.0:.1f} h"


def _previews(folder: Path) -> list[str]:
    """The newest preview, and a slider through the earlier ones."""
    found = [
        (f"{PREVIEWS}/{path.name}", f"step {int(path.stem):,}")
        for path in sorted((folder / PREVIEWS).glob("*.jpg"))
        if path.stem.isdigit()
    ]
    if not found:
        return []
    words = f"{found[-1][1]}; {len(found)} previews from {found[0][1]} on: drag to go back"
    plain = json.dumps(found).replace("<", "\\u003c")
    links = ", ".join(f'<a href="{escape(name)}">{escape(step)}</a>' for name, step in found)
    return [
        "<section><h2>What it draws</h2><figure class='seen'>",
        f'<img id="preview" src="{escape(found[-1][0])}" alt="Faces as they are, as drawn, and swapped">',
        f'<input id="when" type="range" min="0" max="{len(found) - 1}" value="{len(found) - 1}" step="1" '
        'aria-label="Which preview is shown">',
        f'<figcaption id="words" class="muted">{escape(words)}</figcaption></figure>',
        f"<noscript><p>{links}</p></noscript>",
        f'<script type="application/json" id="previews">{plain}</script><script>{_SCRIPT}</script></section>',
    ]


def _losses(training: Training) -> list[str]:
    history = read_history(training.folder)
    names = [
        name for name in dict.fromkeys(key for line in history for key in line) if name not in NOT_LOSSES
    ]

    def series(name: str) -> list[tuple[float, float]]:
        return [(line["step"], line[name]) for line in history if name in line and "step" in line]

    bands = _bands(training, history)
    small = 540, 150
    parts = {name: series(name) for name in names if name != "total"}
    drawn = [
        ("Total, with the stages", curves.chart({"total": series("total")}, bands)),
        ("Its parts, before they are weighted", curves.chart(parts, bands)),
        ("Learning rate", curves.chart({"rate": series("rate")}, size=small, smooth=False)),
        ("Faces a second", curves.chart({"faces a second": series("faces_per_second")}, size=small)),
    ]
    boxes = [f'<div class="chart"><h3>{name}</h3>{svg}</div>' for name, svg in drawn if svg]
    if not boxes:
        return ["<section><h2>Losses</h2><p>Too short for a curve.</p></section>"]
    return [
        "<section><h2>Losses</h2>",
        *boxes[:2],
        f'<div class="columns">{"".join(boxes[2:])}</div></section>',
    ]


def _bands(training: Training, history: Sequence[Mapping[str, float]]) -> list[tuple[float, float, str]]:
    """First and last step of each stage, by what the history tells of them."""
    found: list[tuple[float, float, str]] = []
    for line in history:
        if "place" not in line or "step" not in line:
            continue
        name = training.course.stage(min(line["place"], 1.0))
        if found and found[-1][2] == name:
            found[-1] = (found[-1][0], line["step"], name)
        else:
            found.append((found[-1][1] if found else 0.0, line["step"], name))
    return found


def _poses(training: Training) -> list[str]:
    own, other = training.source.poses, training.target.poses
    if own is None or other is None or training.settings.pretrain:
        return []
    compared = coverage.compare(own, other)
    svg = coverage.plot([("source", compared.source), ("target", compared.target)], compared.lacking)
    return [
        "<section><h2>Poses</h2>",
        f"<p>The source lacks poses of {compared.share:.1%} of the target's faces.</p>",
        f'<div class="poses">{svg}</div></section>',
    ]


def _expressions(training: Training) -> list[str]:
    own, other = training.source.repertoire, training.target.repertoire
    if own is None or other is None or training.settings.pretrain:
        return []
    compared = repertoire.compare(own, other)
    which = "".join(f"<li>{escape(each.words)}</li>" for each in compared.lacking)
    return [
        "<section><h2>Expressions</h2>",
        f"<p>The source lacks expressions of {compared.share:.1%} of the target's faces.</p>",
        f"<ul>{which}</ul>" if which else "",
        f'<div class="poses">{histograms.panel(compared)}</div></section>',
    ]


def _settings(training: Training) -> list[str]:
    report, asked = training.report, training.settings.shown()
    groups = {name: asked.pop(name) for name in ("network", "stages", "loss", "augment")}
    result = {
        "final losses": report.losses,
        "started from": report.started_from,
        "resumed at": report.resumed_at,
    }
    if report.export:
        result |= {
            "differs from torch by (worst, mean)": report.export.difference,
            "faces a second": report.export.speed,
        }
    tables = "".join(
        f"<details open><summary>{name}</summary>{_table(values)}</details>"
        for name, values in groups.items()
    )
    return [
        "<section class='columns'>",
        f"<div><h2>Settings</h2>{_table(asked)}</div>",
        f"<div><h2>Result</h2>{_table(_flat(result))}</div></section>",
        f"<section><h2>The preset</h2><div class='columns'>{tables}</div></section>",
    ]


def _table(rows: Mapping[str, Any]) -> str:
    cells = (
        f"<tr><th>{escape(name.replace('_', ' '))}</th><td class='n'>{escape(_words(value))}</td></tr>"
        for name, value in rows.items()
        if value not in ("", [], None)
    )
    return f"<table>{''.join(cells)}</table>"


def _words(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(_words(item) for item in value)
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _flat(values: Mapping[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            flat |= {f"{name}: {key}": item for key, item in value.items()}
        else:
            flat[name] = value
    return flat
