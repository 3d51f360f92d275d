"""Shot cuts, from a few thousand luma samples of each frame; no conversion, some tens of microseconds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from fastswap.frame import Frame

_CELL: Final = 4
"""Samples along a side of one cell of the thumbnail."""
_ROWS: Final = 18
"""Cells along the frame's shorter side."""
_BINS: Final = 32
_REACH: Final = 4
"""Camera motion that is searched for, in cells each way: about a fifth of the frame's shorter side per
frame."""

# Decorrelation (1 - correlation, after the best shift) and change of histogram (half the sum of absolute
# differences, 0..1) that make a cut. Unrelated pictures measured above 0.5 and above 0.25, punch-ins above
# 0.4 and 0.1; fast heads, zooms, pans of a tenth of the frame, flashes and fades stayed below 0.25 in the first.
_CERTAIN: Final = 0.5
_LIKELY: Final = 0.3
_HISTOGRAM: Final = 0.15
_STILL: Final = 0.08
"""Below this decorrelation without any shift, there is no cut and no need to search."""
_USABLE: Final = 0.1
"""Part of the cells that must be neither black nor white in both frames."""
_FLAT: Final = 3.0
"""Standard deviation of the cells, in code values, below which there is no pattern but noise."""

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class _Look:
    """A frame at a glance: cell means [rows, columns], which of them are not clipped, and the histogram."""

    cells: Floats
    clear: NDArray[np.bool_]
    histogram: Floats
    tells: bool
    """Whether there is a pattern: not all black, white or flat."""


class ShotCuts:
    """Tells, frame by frame, whether a new shot begins.

    Two things must change at once: the picture's pattern, after allowing for brightness, contrast and camera
    motion, and the spread of its brightness. So a flash, a fade, a pan or a moving head is no cut. A frame
    without a pattern (black, white or flat) says nothing; the next one that has one is compared with the
    last one that had.
    """

    def __init__(self) -> None:
        self._last: _Look | None = None

    def update(self, frame: Frame) -> bool:
        """True when `frame` is the first of a new shot, which the first frame of all is."""
        now = _glance(frame)
        last = self._last
        if last is not None and last.cells.shape == now.cells.shape and not now.tells:
            return False
        self._last = now
        if last is None or last.cells.shape != now.cells.shape or not last.tells:
            return True
        change = _decorrelation(last.cells, now.cells, last.clear & now.clear)
        if change < _STILL:
            return False
        change = min(change, _moved_decorrelation(last, now))
        spread = float(np.abs(last.histogram - now.histogram).sum()) / 2
        return change > _CERTAIN or (change > _LIKELY and spread > _HISTOGRAM)


def _glance(frame: Frame) -> _Look:
    luma, kind = frame.planes[0], frame.pixels  # of RGB its green, which is most of the luma
    step = max(1, min(luma.shape) // (_ROWS * _CELL))
    samples = luma[step // 2 :: step, step // 2 :: step]
    if kind.bits + kind.shift > 8:
        samples = samples >> np.uint16(kind.bits + kind.shift - 8)
    counts = np.bincount(samples.ravel() >> 3, minlength=_BINS)
    histogram = (counts / samples.size).astype(np.float32)
    cell = _CELL if min(samples.shape) >= 4 * _CELL else 1
    rows, columns = samples.shape[0] // cell, samples.shape[1] // cell
    # Rows first, then columns, in whole numbers: a reduction over two short axes at once is ten times slower.
    lines = samples[: rows * cell, : columns * cell].reshape(rows, cell, -1).sum(axis=1, dtype=np.uint32)
    sums = sum(lines[:, i::cell] for i in range(cell))
    cells = np.asarray(sums, np.float32) * np.float32(1.0 / cell**2)
    clear = (cells > 18.0) & (cells < 233.0)
    tells = bool(clear.mean() >= _USABLE and cells[clear].std() >= _FLAT)
    return _Look(cells, clear, histogram, tells)


def _decorrelation(a: Floats, b: Floats, valid: NDArray[np.bool_]) -> float:
    """1 - correlation of the cells that are valid; 0 where too few are, or where one picture is flat."""
    if valid.mean() < _USABLE:
        return 0.0
    a, b = a[valid], b[valid]
    a, b = a - a.mean(), b - b.mean()
    power = float(np.dot(a, a)) * float(np.dot(b, b))
    return 1.0 - float(np.dot(a, b)) / power**0.5 if power > (len(a) * _FLAT**2) ** 2 else 0.0


def _moved_decorrelation(last: _Look, now: _Look) -> float:
    """The smallest decorrelation over all shifts of the new picture's middle within the last picture."""
    rows, columns = now.cells.shape
    down, across = min(_REACH, rows // 4), min(_REACH, columns // 4)
    middle = np.s_[down : rows - down, across : columns - across]
    shape = (rows - 2 * down, columns - 2 * across)
    # Pearson correlation of every window from its moments, weighted by where both pictures are clear.
    b = now.cells[middle] - 128.0
    a = sliding_window_view(last.cells - 128.0, shape)
    w = (sliding_window_view(last.clear, shape) & now.clear[middle]).astype(np.float32)
    n = np.maximum(w.sum(axis=(2, 3)), 1.0)
    wa, wb = w * a, w * b
    sum_a, sum_b = wa.sum(axis=(2, 3)), wb.sum(axis=(2, 3))
    cross = np.einsum("ijkl,ijkl->ij", wa, np.broadcast_to(b, a.shape)) - sum_a * sum_b / n
    power_a = np.einsum("ijkl,ijkl->ij", wa, a) - sum_a * sum_a / n
    power_b = np.einsum("ijkl,kl->ij", wb, b) - sum_b * sum_b / n
    power = np.maximum(power_a, 0.0) * np.maximum(power_b, 0.0)
    usable = (n >= _USABLE * b.size) & (power > (n * _FLAT**2) ** 2)
    if not usable.any():
        return 0.0
    return float(1.0 - np.max(cross[usable] / np.sqrt(power[usable])))
