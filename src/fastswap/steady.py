"""Steadies what is measured of faces: averages over a few frames of the same track, so that nothing flickers.

What a frame gets depends on `reach` frames before it and `reach` after it and on nothing else, so a part of a video
that is rendered alone needs just so many frames more on either side to give the same bytes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]
Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Seen:
    """One frame: whether it begins a shot, and by track what was measured of each face, one array for each kind."""

    cut: bool
    faces: dict[int, tuple[Doubles, ...]] = field(default_factory=dict)


def weights(reach: int) -> Doubles:
    """Weight of a frame by its distance, float64 [reach + 1]: Epanechnikov's parabola, which falls to 0 beyond."""
    return np.asarray(1.0 - (np.arange(reach + 1) / (reach + 1)) ** 2)


def average(frames: Sequence[Seen], now: int, track: int, reach: int) -> tuple[Doubles, ...]:
    """The weighted mean over the unbroken run of `track` around frame `now`, at most `reach` frames to either side.

    A run ends at a cut and where the track is missing. The sum goes from the first frame to the last.
    """
    first = last = now
    while first > max(0, now - reach) and not frames[first].cut and track in frames[first - 1].faces:
        first -= 1
    most = min(len(frames) - 1, now + reach)
    while last < most and not frames[last + 1].cut and track in frames[last + 1].faces:
        last += 1
    by_distance = weights(reach)
    total: list[Doubles] = []
    whole = 0.0
    for i in range(first, last + 1):
        weight = float(by_distance[abs(i - now)])
        parts = [weight * values for values in frames[i].faces[track]]
        total = [a + b for a, b in zip(total, parts, strict=True)] if total else parts
        whole += weight
    return tuple(values / whole for values in total)


def steadied(
    items: Iterable[Item], see: Callable[[Item], Sequence[Seen]], reach: int
) -> Iterator[tuple[Item, list[dict[int, tuple[Doubles, ...]]]]]:
    """Each item with what its frames' faces get, by frame and track; an item waits for `reach` frames after its own.

    see: the frames of an item, in order. Memory is bounded: `reach` frames before, and items until they are ready.
    """
    frames: list[Seen] = []
    waiting: deque[tuple[Item, int]] = deque()  # and how many frames it has
    done = 0  # frames of `frames` that were given out

    def ready(after: int) -> Iterator[tuple[Item, list[dict[int, tuple[Doubles, ...]]]]]:
        nonlocal done
        while waiting and done + waiting[0][1] + after <= len(frames):
            item, count = waiting.popleft()
            yield (
                item,
                [
                    {track: average(frames, i, track, reach) for track in frames[i].faces}
                    for i in range(done, done + count)
                ],
            )
            done += count
            forgotten = max(0, done - reach)
            del frames[:forgotten]
            done -= forgotten

    for item in items:
        seen = see(item)
        frames.extend(seen)
        waiting.append((item, len(seen)))
        yield from ready(reach)
    yield from ready(0)
