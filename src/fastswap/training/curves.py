"""Curves as SVG: how a training's figures went, over its steps. Drawn in the colours of the style sheet of pages."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray

Points = Sequence[tuple[float, float]]
Bands = Sequence[tuple[float, float, str]]

COLORS = 8
"""Series that have a colour of their own: the style sheet's --t0, --t1, ..."""
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 12, 20, 26
_POINTS = 400
"""Points of a curve; of a longer history as many means are drawn."""
_SMOOTH = 25
"""Points over which the heavy line is averaged; the thin one below it is not."""


def chart(
    series: Mapping[str, Points],
    bands: Bands = (),
    *,
    size: tuple[int, int] = (1100, 300),
    smooth: bool = True,
) -> str:
    """A chart of several curves with one logarithmic axis for all, as losses fall by powers, and the steps below.

    size: width and height in pixels. bands: named parts of the course, by their first and last step. Values that are
    not positive are left out. Empty where there is nothing to draw.
    """
    drawn = {name: _thinned([(x, y) for x, y in points if y > 0.0]) for name, points in series.items()}
    drawn = {name: points for name, points in drawn.items() if len(points) > 1}
    if not drawn:
        return ""
    every = np.concatenate(list(drawn.values()))
    width, height = size
    first = min([float(every[:, 0].min()), *(band[0] for band in bands)])
    across = _Axis(first, every[:, 0].max(), _LEFT, width - _RIGHT)
    logs = np.log10(every[:, 1])
    pad = max(0.04 * (logs.max() - logs.min()), 0.02)
    up = _Axis(logs.min() - pad, logs.max() + pad, height - _BOTTOM, _TOP)
    parts = [f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(", ".join(drawn))}">']
    parts += _bands(bands, across, height)
    parts += _grid(across, up, height)
    for number, points in enumerate(drawn.values()):
        color = f"stroke:var(--t{number % COLORS})"
        places = np.column_stack((across.at(points[:, 0]), up.at(np.log10(points[:, 1]))))
        if smooth and len(points) > 2 * _SMOOTH:
            parts.append(f'<path class="raw" style="{color}" d="{_path(places)}"/>')
            places[:, 1] = _smoothed(places[:, 1])
        parts.append(f'<path style="{color}" d="{_path(places)}"/>')
    return "".join([*parts, "</svg>", _legend(drawn)])


class _Axis:
    """From values to pixels."""

    def __init__(self, low: float, high: float, start: float, end: float) -> None:
        self.low, self.high = float(low), float(high)
        self._scale = (end - start) / max(self.high - self.low, 1e-12)
        self._start, self.end = start, end

    def at(self, value: NDArray[np.float64] | float) -> NDArray[np.float64]:
        """The places of values, pixels."""
        return np.asarray(self._start + (np.asarray(value) - self.low) * self._scale)


def _thinned(points: Points) -> NDArray[np.float64]:
    values = np.array(points, np.float64).reshape(-1, 2)
    if len(values) <= _POINTS:
        return values
    return np.array([part.mean(axis=0) for part in np.array_split(values, _POINTS)])


def _smoothed(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Means over windows around each point, narrower towards the ends."""
    sums = np.concatenate(([0.0], np.cumsum(values)))
    here = np.arange(len(values))
    reach = np.minimum(_SMOOTH // 2, np.minimum(here, here[::-1]))
    return np.asarray((sums[here + reach + 1] - sums[here - reach]) / (2 * reach + 1))


def _path(places: NDArray[np.float64]) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in places)


def _grid(across: _Axis, up: _Axis, height: int) -> list[str]:
    parts = []
    for value in _decades(up.low, up.high):
        y = float(up.at(math.log10(value)))
        parts.append(
            f'<line class="grid" x1="{_LEFT}" x2="{across.end}" y1="{y:.1f}" y2="{y:.1f}"/>'
            f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value:.12g}</text>'
        )
    for step in _round_steps(across.low, across.high, round(across.end / 130)):
        parts.append(
            f'<text x="{float(across.at(step)):.1f}" y="{height - 8}" text-anchor="middle">{step:,.0f}</text>'
        )
    return parts


def _bands(bands: Bands, across: _Axis, height: int) -> list[str]:
    parts = []
    for number, (first, last, name) in enumerate(bands):
        x0, x1 = (float(across.at(min(max(step, across.low), across.high))) for step in (first, last))
        parts.append(
            f'<rect class="band b{number % 2}" x="{x0:.1f}" y="{_TOP}" width="{max(x1 - x0, 0.0):.1f}" '
            f'height="{height - _TOP - _BOTTOM}"/><text x="{x0 + 4:.1f}" y="{_TOP - 6}">{escape(name)}</text>'
        )
    return parts


def _legend(drawn: Mapping[str, NDArray[np.float64]]) -> str:
    entries = (
        f'<span><i style="background:var(--t{number % COLORS})"></i>{escape(name)} {points[-1, 1]:.3g}</span>'
        for number, (name, points) in enumerate(drawn.items())
    )
    return f'<div class="legend">{"".join(entries)}</div>'


def _decades(low: float, high: float) -> list[float]:
    """1, 2 and 5 times powers of ten between two logarithms, as many as fit; where there are none, values between."""
    for steps in ((1.0, 2.0, 5.0), (1.0,)):
        found = [
            step * 10.0**power
            for power in range(math.floor(low), math.ceil(high) + 1)
            for step in steps
            if low <= math.log10(step * 10.0**power) <= high
        ]
        if len(found) <= 12:
            break
    return found if len(found) > 1 else [float(f"{10.0**at:.3g}") for at in np.linspace(low, high, 5)[1:-1]]


def _round_steps(low: float, high: float, count: int) -> list[float]:
    """About so many round numbers from low to high."""
    rough = max(high - low, 1.0) / count
    power = 10.0 ** math.floor(math.log10(rough))
    each = next(step * power for step in (1.0, 2.0, 5.0, 10.0) if rough <= step * power * (1 + 1e-9))
    each = max(each, 1.0)
    return [number * each for number in range(math.ceil(low / each), math.floor(high / each) + 1)]
