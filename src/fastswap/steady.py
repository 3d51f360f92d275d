"""Steadies what is measured of faces: averages over a few frames of the same track, so that nothing flickers.

What a frame gets depends on `reach` frames before it and `reach` after it and on nothing else, so a part of a video
that is rendered alone needs just so many frames more on either side to give the same bytes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from fastswap import align
from fastswap.frame import Affine

Doubles = NDArray[np.float64]
Item = TypeVar("Item")
Result = TypeVar("Result")
Mean = Callable[[Sequence[Doubles], int, Doubles], Doubles]
"""Takes one kind of numbers of several frames, which of them is averaged for, and the frames' shares [N]."""


@dataclass(frozen=True, slots=True)
class SeenFace:
    """What was measured of a face, one array for each kind, and its map from crop to display pixels."""

    measured: tuple[Doubles, ...]
    place: Affine


@dataclass(frozen=True, slots=True)
class Seen:
    """One frame: whether it begins a shot, and its faces by track."""

    cut: bool
    faces: dict[int, SeenFace] = field(default_factory=dict)


def follows(frames: Sequence[Seen], index: int, track: int) -> bool:
    """Whether the track goes on from the frame before `index` to it: neither a cut nor a gap lies between them."""
    if not 0 < index < len(frames):
        return False
    return not frames[index].cut and all(track in frames[i].faces for i in (index - 1, index))


@cache
def weights(reach: int) -> Doubles:
    """Weight of a frame by its distance, float64 [reach + 1]: Epanechnikov's parabola, which falls to 0 beyond."""
    return np.asarray(1.0 - (np.arange(reach + 1) / (reach + 1)) ** 2)


def average(
    frames: Sequence[Seen], now: int, track: int, reach: int, first_mean: Mean | None = None
) -> tuple[Doubles, ...]:
    """The weighted mean over the unbroken run of `track` around frame `now`, at most `reach` frames to either side.

    A run ends at a cut and where the track is missing. The sum goes from the first frame to the last. first_mean: how
    the first kind is averaged, if not as it is.
    """
    first = last = now
    while first > now - reach and follows(frames, first, track):
        first -= 1
    while last < now + reach and follows(frames, last + 1, track):
        last += 1
    run = range(first, last + 1)
    kinds = list(zip(*(frames[i].faces[track].measured for i in run), strict=True))
    shares = weights(reach)[[abs(i - now) for i in run]]
    means = [first_mean or _mean] + [_mean] * (len(kinds) - 1)
    return tuple(mean(kind, now - first, shares) for mean, kind in zip(means, kinds, strict=True))


def _mean(values: Sequence[Doubles], _: int, shares: Doubles) -> Doubles:
    """The mean of values [N, ...] by their shares [N]."""
    stacked = np.stack(values)
    weighted = stacked * shares.reshape(-1, *[1] * (stacked.ndim - 1))
    return np.asarray(weighted.sum(axis=0) / shares.sum())


def motion(frames: Sequence[Seen], now: int, track: int) -> Affine:
    """From a crop pixel's position to the way it takes in one frame, in crop pixels: float64 [2, 3].

    The mean of the steps from the frame before and to the frame after, one of them alone at an end of the track's run,
    and zero where there is neither.
    """
    here = frames[now].faces[track].place
    steps = []
    if follows(frames, now, track):
        steps.append(here - frames[now - 1].faces[track].place)
    if follows(frames, now + 1, track):
        steps.append(frames[now + 1].faces[track].place - here)
    if not steps:
        return np.zeros((2, 3))
    return np.asarray(align.invert(here)[:, :2] @ np.mean(steps, axis=0))


def with_neighbours(
    items: Iterable[Item],
    see: Callable[[Item], Sequence[Seen]],
    reach: int,
    result: Callable[[Sequence[Seen], int, int], Result],
) -> Iterator[tuple[Item, list[dict[int, Result]]]]:
    """Each item with the results of its frames' faces, by frame and track; it waits for `reach` frames after its own.

    see: the frames of an item, in order. result: is given frames, the index of one of them and a track, and may look at
    `reach` frames to either side. Memory is bounded: `reach` frames before, and items until they are ready.
    """
    frames: list[Seen] = []
    waiting: deque[tuple[Item, int]] = deque()  # and how many frames it has
    done = 0  # frames of `frames` that were given out

    def ready(after: int) -> Iterator[tuple[Item, list[dict[int, Result]]]]:
        nonlocal done
        while waiting and done + waiting[0][1] + after <= len(frames):
            item, count = waiting.popleft()
            own = range(done, done + count)
            yield item, [{track: result(frames, i, track) for track in frames[i].faces} for i in own]
            done += count
            forgotten = max(0, done - max(reach, 1))
            del frames[:forgotten]
            done -= forgotten

    for item in items:
        seen = see(item)
        frames.extend(seen)
        waiting.append((item, len(seen)))
        yield from ready(reach)
    yield from ready(0)
