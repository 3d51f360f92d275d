"""How far the face of a render does what the target's does, on any footage: the mesh measures both."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from fastswap import align, analysis, video
from fastswap.errors import InputError
from fastswap.faces import Face, FrameFaces
from fastswap.frame import Frame
from fastswap.training import expression, gaze

NAMES = expression.NAMES[expression.MOUTH_OPEN :]
"""What is compared: not the pose, which the mesh gives by itself and a swap hardly changes."""
FIGURES = ("correlation", "range", "error", "jitter")
LEAST = 30
"""Frames with a face in both videos that a comparison needs: one second."""
STILL = 0.05
"""A number that deviates less than this in the target is not compared: the target does not use it."""


def run(target: Path, swap: Path) -> dict[str, Any]:
    """Compares a render with the video that it was made of, frame by frame, in the numbers `NAMES`.

    "correlation": Pearson's, of each number; "mean" is over those that the target uses. "range": deviation over the
    target's, below 1 where the face does less. "error": root mean square of the difference over the target's deviation,
    which sees a mouth that is always open and a squint too. "jitter": mean size of second differences over the
    target's, over frames that follow each other; above 1 the new face is less steady. None where the target keeps
    still. The target's largest face counts, and the face in its place in the render. Raises InputError for fewer than
    `LEAST` such frames.
    """
    frames: list[int] = []
    shown: tuple[list[_Shown], list[_Shown]] = [], []
    for number, *pair in _pairs(target, swap):
        frames.append(number)
        for kept, each in zip(shown, pair, strict=True):
            kept.append(each)
    if len(frames) < LEAST:
        raise InputError(
            f"{swap}: only {len(frames)} frames have a face both there and in {target}; {LEAST} are needed"
        )
    return {"frames": len(frames)} | compare(np.array(frames), *(_measured(each) for each in shown))


def compare(
    frames: NDArray[np.int64], target: NDArray[np.float32], swap: NDArray[np.float32]
) -> dict[str, Any]:
    """The figures of `run`. frames: numbers [N], rising. target, swap: [N, 10], `NAMES`; NaN where not known."""
    follows = (frames[2:] - frames[:-2]) == 2
    numbers: dict[str, dict[str, float | None]] = {}
    for column, name in enumerate(NAMES):
        both = np.stack([target[:, column], swap[:, column]]).astype(np.float64)
        bent = np.abs(np.diff(both, 2))[:, follows]
        bends = bent[:, ~np.isnan(bent).any(axis=0)].sum(axis=1)
        one, other = both[:, ~np.isnan(both).any(axis=0)]
        used = len(one) >= LEAST and one.std() >= STILL
        numbers[name] = {
            "correlation": _rounded(_correlation(one, other)) if used else None,
            "range": _rounded(other.std() / one.std()) if used else None,
            "error": _rounded(np.sqrt(((other - one) ** 2).mean()) / one.std()) if used else None,
            "jitter": _rounded(bends[1] / bends[0]) if used and bends[0] else None,
        }
    return {
        "mean": {figure: _mean([each[figure] for each in numbers.values()]) for figure in FIGURES},
        "numbers": numbers,
    }


def print_table(result: dict[str, Any], console: Console) -> None:
    """Prints `run`'s result."""
    table = Table(title=f"expression of {result['frames']} frames against the target's", title_justify="left")
    table.add_column("")
    for column in FIGURES:
        table.add_column(column, justify="right")
    for name, figures in (result["numbers"] | {"mean": result["mean"]}).items():
        table.add_row(name, *("-" if value is None else f"{value:.3f}" for value in figures.values()))
    console.print(table)


_Shown = tuple[NDArray[np.float32], tuple[float, float]]
"""A face's landmarks and gaze."""


def _pairs(target: Path, swap: Path) -> Iterator[tuple[int, _Shown, _Shown]]:
    with video.Reader(target) as one, video.Reader(swap) as other:
        analysed = zip_longest(analysis.analyse(one), analysis.analyse(other))
        for number, (left, right) in enumerate(analysed):
            if left is None or right is None:
                shorter, longer = (target, swap) if left is None else (swap, target)
                raise InputError(
                    f"{shorter}: ends after {number} frames, before {longer}; it is not its render"
                )
            pair = _faces(left[1], right[1])
            if pair is not None:
                yield number, _shown(left[0], pair[0]), _shown(right[0], pair[1])


def _shown(frame: Frame, face: Face) -> _Shown:
    on_luma = align.apply(frame.to_coded, face.landmarks[:, :2].astype(np.float64))
    return face.landmarks, gaze.measure(frame.planes[0], on_luma)


def _faces(target: FrameFaces, swap: FrameFaces) -> tuple[Face, Face] | None:
    """The target's largest face and the one in its place; None if either is missing."""
    if not target.faces or not swap.faces:
        return None
    largest = max(target.faces, key=lambda face: face.area)
    left, top, right, bottom = largest.box

    def away(face: Face) -> float:
        x0, y0, x1, y1 = face.box
        return math.hypot(x0 + x1 - left - right, y0 + y1 - top - bottom) / 2

    nearest = min(swap.faces, key=away)
    return (largest, nearest) if away(nearest) < (right - left + bottom - top) / 4 else None


def _measured(shown: list[_Shown]) -> NDArray[np.float32]:
    """The numbers `NAMES` of one person's faces, [N, 10]."""
    points = np.stack([landmarks for landmarks, _ in shown]).astype(np.float64)
    looks = np.array([look for _, look in shown], np.float32)
    numbers = expression.measure(points, np.zeros((len(points), 2), np.float32), looks)
    return numbers[:, expression.MOUTH_OPEN :]


def _correlation(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    one, other = one - one.mean(), other - other.mean()
    size = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float(one @ other) / size if size > 0.0 else 0.0


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return _rounded(sum(known) / len(known)) if known else None


def _rounded(value: float) -> float:
    return round(float(value), 4)
