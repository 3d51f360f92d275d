"""Colour statistics moved to another mean, so that frames may be averaged without their brightness.

What flickers is the spread: a blink or an open mouth changes a face's contrast for some frames. The mean must not be
averaged: matched frame by frame it follows the target's light and takes out the generator's own changes. On the
demo's talking actor, steps of the colour error from frame to frame measured 0.80 code values with all statistics
averaged, 0.48 with none, and 0.46 with the spread alone.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from fastswap.look import ColorMode

Doubles = NDArray[np.float64]

_FIRST: Final = [0, 0, 0, 1, 1, 2]
_SECOND: Final = [0, 1, 2, 1, 2, 2]
"""Order of the second moments: products of these colours."""
_NUMBERS: Final = 4
"""Numbers of a cloud's cell: weight, and its colours' sums."""


def mean_of(statistics: Doubles, mode: ColorMode) -> Doubles:
    """The mean colours [..., 3] of statistics [..., K], in the space they are taken in, less its pivot."""
    weight = np.maximum(statistics[..., :1], 1e-12)
    if mode == "histogram":
        bins = _histograms(statistics)
        return np.asarray(bins @ np.linspace(0.0, 1.0, bins.shape[-1]) / weight)
    if mode == "sliced":
        return np.asarray(_cloud(statistics)[..., 1:].sum(axis=-2) / weight)
    return np.asarray(statistics[..., 1:4] / weight)


def moved(statistics: Doubles, way: Doubles, mode: ColorMode) -> Doubles:
    """Statistics [..., K] of the same pixels with `way` [..., 3] added to their colours.

    Histograms lose what would leave them: it stays in the last bin.
    """
    out = statistics.copy()
    weight = statistics[..., :1]
    if mode == "none":
        return out
    if mode == "histogram":
        bins = _histograms(statistics)
        out[..., 1:] = _shifted(bins, way * (bins.shape[-1] - 1)).reshape(*weight.shape[:-1], -1)
    elif mode == "sliced":
        cells = _cloud(out)
        cells[..., 1:] += cells[..., :1] * way[..., None, :]
    else:
        first = statistics[..., 1:4]
        out[..., 1:4] = first + weight * way
        way_1, way_2 = way[..., _FIRST], way[..., _SECOND]
        out[..., 4:10] += way_1 * first[..., _SECOND] + way_2 * first[..., _FIRST] + weight * way_1 * way_2
    return out


def recentred(statistics: Doubles, like: Doubles, mode: ColorMode) -> Doubles:
    """Statistics [..., K] moved to the mean of others, whose shape broadcasts to theirs."""
    if mode == "none":
        return statistics
    return moved(statistics, mean_of(like, mode) - mean_of(statistics, mode), mode)


def _histograms(statistics: Doubles) -> Doubles:
    return np.asarray(statistics[..., 1:].reshape(*statistics.shape[:-1], 3, -1))


def _cloud(statistics: Doubles) -> Doubles:
    """A view of the cells [..., cells, 4]."""
    return statistics[..., 1:].reshape(*statistics.shape[:-1], -1, _NUMBERS)


def _shifted(bins: Doubles, way: Doubles) -> Doubles:
    """Each row of bins [..., 3, B] moved up by a number of bins, [..., 3]; a part of a bin is shared by two."""
    count = bins.shape[-1]
    out = np.zeros_like(bins)
    for place in np.ndindex(way.shape):
        at = np.clip(np.arange(count) + way[place], 0.0, count - 1.0)
        below = np.minimum(at.astype(int), count - 2)
        np.add.at(out[place], below, bins[place] * (1.0 - (at - below)))
        np.add.at(out[place], below + 1, bins[place] * (at - below))
    return out
