"""Takes the jitter out of landmarks without lag: zero-phase smoothing over a few frames of look-ahead.

A causal filter (One Euro: Casiez et al., CHI 2012) must choose between jitter and lag. An offline renderer
can look a few frames ahead, so here every value is estimated from frames on both sides of it. Landmarks are
split in a similarity (where the head is) and a residual shape (what the face does). Each is fitted by lines
and parabolas over windows of growing length; a longer window counts as far as the frames in it agree with
its fit to within the mesh's noise (local polynomial regression with the bandwidth chosen by consistency, as
in Lepski 1990 and Katkovnik 1999). A still or steadily moving head is averaged over the whole window, a jerk
or a blink is left as it is. Nothing is averaged across a cut or a gap in a track.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fastswap import _cpu
from fastswap.align import apply, fit_similarity, invert
from fastswap.errors import SettingsError
from fastswap.faces import LANDMARK_STEP, Face, FrameFaces

Floats = NDArray[np.float64]
_Fit = tuple[int, NDArray[np.float32], NDArray[np.float32]]
"""First frame of a window of n, then basis [n, d] and solve [d, n]: the polynomial is basis @ solve @ values there."""

# Points that move with the skull.
_FOREHEAD: Final = (10, 338, 297, 332, 284, 251, 389, 356, 454, 127, 162, 21, 54, 103, 67, 109, 234)
_NOSE_BRIDGE: Final = (168, 6, 197, 195, 5, 4)
_EYE_CORNERS: Final = (33, 133, 362, 263)
_CHEEKBONES: Final = (50, 280, 116, 345, 117, 346)
_RIGID: Final = np.array([*_FOREHEAD, *_NOSE_BRIDGE, *_EYE_CORNERS, *_CHEEKBONES])
_LEVER: Final = 0.33
"""How far a turn or a growth of the whole face's size moves the rigid points, on average, as a part of
that."""
_WINDOWS: Final = ((2, 2), (4, 2), (4, 1), (6, 1))
"""Reach in frames to either side and degree of the polynomial, each smoother than the one before."""
_SIGMAS: Final = 3.5
"""Standard deviations of the mesh's noise that a point may lie off a fit. Fewer keep jitter, more bend quick
speech."""
_LEAST_NOISE: Final = 0.0005
"""Of the face's size: about what rounding to `LANDMARK_STEP` does to a face of 100 pixels."""
_FALLBACK_RATE: Final = 30.0
"""Frames per second assumed where the times do not grow, as in a folder of pictures."""


@dataclass(frozen=True, slots=True)
class SmootherSettings:
    """How much is smoothed.

    lookahead: frames on either side, 0 (no smoothing) to 6. motion, shape: the most that the head may be off
    a smooth motion, and a point off a smooth motion on the face, to count as noise, as fractions of the
    face's size. How much really counts follows from the noise itself, which measured 0.0003 to 0.001
    (standard deviation) on real clips.
    """

    lookahead: int = 6
    motion: float = 0.008
    shape: float = 0.006

    def __post_init__(self) -> None:
        longest = _WINDOWS[-1][0]
        if not 0 <= self.lookahead <= longest:
            raise SettingsError(f"smoothing: lookahead is {self.lookahead}; it must lie in 0..{longest}")
        for name, value in (("motion", self.motion), ("shape", self.shape)):
            if not value > 0.0:
                raise SettingsError(f"smoothing: {name} is {value}; it must be positive")


@dataclass(frozen=True, slots=True)
class _Sample:
    """One face as similarity and shape, relative to the first frame of its run.

    place: float64 [2, 2], rows x and y: position of the rigid points' mean in pixels, then the size in
    pixels times the cosine and the sine of the turn. shape: float32 [3, 468] in units of the face's size.
    reference: rigid points of the run's first frame, float64 [K, 2].
    """

    place: Floats
    shape: NDArray[np.float32]
    reference: Floats


class Smoother:
    """Smooths a stream of `FrameFaces` in order; memory is bounded by the look-ahead.

    `push` returns the frames that are ready, each `lookahead` frames late, `flush` the rest. What comes out
    is what went in, with smoothed landmarks (again multiples of `LANDMARK_STEP`).
    """

    def __init__(self, settings: SmootherSettings | None = None) -> None:
        self.settings = settings or SmootherSettings()
        self._frames: deque[tuple[FrameFaces, dict[int, _Sample]]] = deque()
        self._next = 0  # position of the next frame to return within the deque

    def push(self, frame: FrameFaces) -> list[FrameFaces]:
        """Takes the next frame; the frames that are now ready."""
        last = self._frames[-1][1] if self._frames and not frame.cut else {}
        self._frames.append((frame, {face.track: _split(face, last.get(face.track)) for face in frame.faces}))
        if len(self._frames) - self._next <= self.settings.lookahead:
            return []
        return [self._pop()]

    def flush(self) -> list[FrameFaces]:
        """The frames that still waited; the smoother is then as new."""
        rest = []
        while self._next < len(self._frames):
            rest.append(self._pop())
        self._frames.clear()
        self._next = 0
        return rest

    def _pop(self) -> FrameFaces:
        frame = self._frames[self._next][0]
        faces = tuple(self._smooth(face) for face in frame.faces)
        if self._next == self.settings.lookahead:
            self._frames.popleft()
        else:
            self._next += 1
        return replace(frame, faces=faces)

    def _smooth(self, face: Face) -> Face:
        samples, times, now = self._run(face.track)
        if len(samples) == 1:
            return face
        fits = _fits(tuple(np.rint(times * 1e4).astype(int).tolist()), now)
        if not fits:
            return face
        origin = samples[now].place
        # Scaled so that both columns tell how far the rigid points moved.
        moves = [((sample.place - origin) * (1.0, _LEVER)).astype(np.float32) for sample in samples]
        shapes = [sample.shape for sample in samples]
        noise = _noise(shapes, fits[0])
        size = math.hypot(*origin[:, 1])
        moved = _cpu.steady(moves, fits, now, min(noise, self.settings.motion) * size)
        place = origin + moved / (1.0, _LEVER)
        shape = _cpu.steady(shapes, fits, now, min(noise, self.settings.shape))
        return replace(face, landmarks=_join(place, shape))

    def _run(self, track: int) -> tuple[list[_Sample], Floats, int]:
        """Unbroken samples of a track around the current frame, their times from it, and its position in them."""
        first = last = self._next
        while first > 0 and not self._frames[first][0].cut and track in self._frames[first - 1][1]:
            first -= 1
        end = min(len(self._frames), self._next + self.settings.lookahead + 1)
        while last + 1 < end and not self._frames[last + 1][0].cut and track in self._frames[last + 1][1]:
            last += 1
        run = [self._frames[i] for i in range(first, last + 1)]
        now = self._next - first
        times = np.array([frame.time for frame, _ in run])
        if len(run) > 1 and not (np.diff(times) > 0.0).all():
            times = np.arange(len(run)) / _FALLBACK_RATE
        return [samples[track] for _, samples in run], times - times[now], now


def _split(face: Face, last: _Sample | None) -> _Sample:
    landmarks = face.landmarks.astype(np.float64)
    rigid = landmarks[_RIGID, :2]
    if last is None:
        centered = rigid - rigid.mean(axis=0)
        # Unit size is the size of the whole face, so that the settings mean fractions of it.
        reference = centered / max(float(np.ptp(landmarks[:, :2], axis=0).max()), 1e-6)
    else:
        reference = last.reference
    fit = fit_similarity(reference, rigid)
    shape = np.empty((3, len(landmarks)), np.float32)
    shape[:2] = apply(invert(fit), landmarks[:, :2]).T
    shape[2] = landmarks[:, 2] / math.hypot(fit[0, 0], fit[1, 0])
    return _Sample(fit[:, [2, 0]], shape, reference)


def _join(place: Floats, shape: NDArray[np.float32]) -> NDArray[np.float32]:
    cos, sin = place[:, 1]
    landmarks = np.empty((shape.shape[1], 3))
    landmarks[:, :2] = shape[:2].T @ np.array([[cos, sin], [-sin, cos]]) + place[:, 0]
    landmarks[:, 2] = shape[2] * math.hypot(cos, sin)
    return (np.rint(landmarks / LANDMARK_STEP) * LANDMARK_STEP).astype(np.float32)


def _noise(shapes: Sequence[NDArray[np.float32]], fit: _Fit) -> float:
    """How far off a fit a point may lie by noise alone, in face sizes, from what the shortest fit leaves
    over.

    Most points of a face move smoothly or not at all, so the middle one of the 468 tells the mesh's noise,
    which depends on light, focus and compression.
    """
    frames, terms = fit[1].shape
    variance = _cpu.median_residual(shapes, fit) / (2.0 * (frames - terms))
    return max(_SIGMAS * math.sqrt(variance), _LEAST_NOISE)


@lru_cache(maxsize=64)
def _fits(ticks: tuple[int, ...], now: int) -> list[_Fit]:
    """Polynomials over windows around `now`, from short to long.

    Times come in tenths of milliseconds, so a constant frame rate needs few entries.
    """
    times = np.array(ticks) * 1e-4
    fits = []
    for reach, wanted in _WINDOWS:
        first, end = max(0, now - reach), min(len(times), now + reach + 1)
        degree = wanted if first < now < end - 1 else 1  # a parabola at the end of its data swings wildly
        if end - first < degree + 2:
            continue
        t = (times[first:end] - times[now]) / max(float(np.ptp(times[first:end])), 1e-9)
        basis = np.vander(t, degree + 1, increasing=True)
        weights = 1.0 - (np.arange(first - now, end - now) / (reach + 1)) ** 2
        root = np.sqrt(weights)[:, None]
        solve = np.linalg.pinv(basis * root) * root.T
        fits.append((first, basis.astype(np.float32), np.ascontiguousarray(solve, np.float32)))
    return fits
