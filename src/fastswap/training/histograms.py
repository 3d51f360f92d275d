"""Expressions of a source and a target as one picture: how often each occurs, and how their numbers are spread."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray

from fastswap.training.coverage import opened
from fastswap.training.repertoire import NAMES, Compared, Expression

_SEEN = 0.01
"""Share of either's faces from which an expression is drawn."""
_BINS = 24
_ROW, _BAR, _WORDS, _EDGE = 20, 130, 190, 10
"""Pixels of a line, of a bar of 100 %, left of the bars for the words, and of the margin."""
_WIDE, _HIGH, _COLUMNS = 150, 92, 2
"""Pixels of a histogram with its name and ends, and histograms side by side."""
_SOURCE, _TARGET, _LACKS = "#3773c3", "#9aa3b0", "#d22"
_INK, _PALE = "#111", "#555"


def panel(compared: Compared) -> str:
    """An SVG picture: a bar for each expression, and a histogram for each number; red is what the source lacks.

    Without faces of a target the source alone is drawn.
    """
    both = len(compared.target) > 0
    shown = [each for each in compared.expressions if max(each.source, each.target) >= _SEEN or each.lacking]
    left = _WORDS + _BAR + 70
    wide = left + _COLUMNS * _WIDE
    high = max(len(shown) * _ROW + 60, -(-len(NAMES) // _COLUMNS) * (_HIGH + 14) + 60)
    parts = [opened(wide, high)]
    parts.append(_text(_EDGE, 16, "Expressions", fill=_INK, size=13))
    for number, each in enumerate(shown):
        parts += _line(each, 28 + number * _ROW, both)
    for number, name in enumerate(NAMES):
        at = left + number % _COLUMNS * _WIDE, 28 + number // _COLUMNS * (_HIGH + 14)
        parts += _histogram(name, compared, number, at)
    says = f"blue: source, {len(compared.source)} faces"
    if both:
        says += f"; gray: target, {len(compared.target)} faces"
    if compared.lacking:
        says += "; red: faces of the target that the source has nothing near"
    parts.append(_text(_EDGE, high - 8, says, fill=_PALE))
    return "".join([*parts, "</svg>"])


def stacked(pictures: Sequence[str]) -> str:
    """SVG pictures one below the other as one."""
    sizes = [re.search(r'width="(\d+)" height="(\d+)"', picture) for picture in pictures]
    known = [(int(size[1]), int(size[2])) for size in sizes if size]
    wide, high = max(width for width, _ in known), sum(height for _, height in known)
    parts, top = [opened(wide, high)], 0
    for picture, (_, height) in zip(pictures, known, strict=True):
        within = picture[picture.index(">") + 1 : picture.rindex("</svg>")]
        parts.append(f'<g transform="translate(0,{top})">{within}</g>')
        top += height
    return "".join([*parts, "</svg>"])


def _line(each: Expression, y: int, both: bool) -> list[str]:
    """An expression's name and bars."""
    out = [_text(_WORDS - 8, y + 12, each.name, fill=_LACKS if each.lacking else _INK, anchor="end")]
    bars = [(each.source, _SOURCE)]
    if both:
        bars.append((each.target, _TARGET))
    for place, (share, color) in enumerate(bars):
        out.append(_box(_WORDS, y + 2 + 8 * place, share * _BAR, 7, color))
    if each.lacking:
        out.append(_box(_WORDS, y + 10, each.lacking * _BAR, 7, _LACKS))
    says = f"{each.source:.1%}" + (f", {each.target:.1%}" if both else "")
    out.append(_text(_WORDS + max(each.source, each.target) * _BAR + 5, y + 13, says, fill=_PALE, size=9))
    return out


def _histogram(name: str, compared: Compared, number: int, at: tuple[float, float]) -> list[str]:
    own, other = compared.source[:, number], compared.target[:, number]
    alone = compared.alone[:, number]
    every = np.concatenate((own, other))
    if not len(every):
        return []
    low, high = (float(end) for end in np.percentile(every, [0.3, 99.7]))
    edges = np.linspace(low, max(high, low + 1e-6), _BINS + 1)
    shares = [_shares(values, edges) for values in (own, other)]
    lone = _shares(other[alone], edges) * (alone.mean() if len(alone) else 0.0)
    tallest = max(float(np.concatenate(shares).max()), 1e-9)
    x0, y0 = at
    wide, base, full = (_WIDE - 20) / _BINS, y0 + _HIGH - 14, _HIGH - 32
    out = [_text(x0, y0 + 10, name, fill=_LACKS if lone.any() else _INK)]
    for place in range(_BINS):
        x = x0 + place * wide
        for height, color, part in (
            (shares[1][place], _TARGET, 1.0),
            (lone[place], _LACKS, 1.0),
            (shares[0][place], _SOURCE, 0.5),
        ):
            tall = full * float(height) / tallest
            out.append(_box(x, base - tall, wide * part, tall, color) if tall >= 0.05 else "")
    out.append(f'<line x1="{x0}" x2="{x0 + _WIDE - 20}" y1="{base}" y2="{base}" stroke="#ccc"/>')
    out.append(_text(x0, base + 11, f"{low:.2f}", fill=_PALE, size=9))
    out.append(_text(x0 + _WIDE - 20, base + 11, f"{high:.2f}", fill=_PALE, size=9, anchor="end"))
    return out


def _shares(values: NDArray[np.float32], edges: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share of the values in each bin; what lies beyond the ends counts for the outer ones."""
    counts = np.histogram(np.clip(values, edges[0], edges[-1]), edges)[0]
    return np.asarray(counts / max(len(values), 1))


def _box(x: float, y: float, wide: float, high: float, color: str) -> str:
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{wide:.1f}" height="{high:.1f}" fill="{color}"/>'


def _text(x: float, y: float, words: str, *, fill: str, size: int = 11, anchor: str = "start") -> str:
    # A style and not an attribute: the page's own style sheet colours all text of pictures.
    return (
        f'<text x="{x:.0f}" y="{y:.0f}" font-size="{size}" text-anchor="{anchor}" style="fill:{fill}">'
        f"{escape(words)}</text>"
    )
