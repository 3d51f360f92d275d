"""The texture of a face at crop size and in the frame: sharpness and grain, measured and matched, and motion blur.

Arrays as in `fastswap.ops`. What is measured are sums over pixels, so that the numbers of several frames may be
averaged.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastswap import _cpu
from fastswap.frame import Frame
from fastswap.ops import Doubles, Floats, picture_of

DETAIL_NUMBERS: Final = 5
NOISE_NUMBERS: Final = 4
LEAST_GAIN: Final = 0.6
MOST_GAIN: Final = 1.8
"""Limits of the sharpness match: further off, the faces differ in more than focus."""
_DETAIL_FLOOR: Final = (0.3 / 255) ** 2
"""Added to the energy of both faces' detail, so that two flat faces are alike."""


def detail_statistics(pictures: ArrayLike, masks: ArrayLike) -> Doubles:
    """How much fine detail pictures [N, 3, S, S] have under their masks: float64 [N, 5].

    The weight in pixels; then for each of two bands of luma (a-trous wavelets) the sum of squares and the weight times
    the variance of its noise, which is told by the median of its magnitude.
    """
    new = _floats(pictures)
    out = np.empty((len(new), DETAIL_NUMBERS))
    _cpu.detail_statistics(new, _floats(masks), out)
    return out


def sharpness_gains(statistics: Doubles, strength: float) -> Floats:
    """What the face's bands are to be multiplied by to match the target's, float32 [N, 2].

    statistics: [N, 2, 5], the face's and the target's `detail_statistics`. Of each band counts the energy that is no
    noise. strength: 0 gives 1, 1 the full gain; gains are limited to `LEAST_GAIN`..`MOST_GAIN`.
    """
    weight = np.maximum(statistics[..., :1], 1e-9)
    energy = statistics[..., 1::2] / weight - statistics[..., 2::2] / weight
    detail = np.maximum(energy, 0.0) + _DETAIL_FLOOR
    gains = np.clip(np.sqrt(detail[:, 1] / detail[:, 0]), LEAST_GAIN, MOST_GAIN)
    return np.asarray(1.0 + strength * (gains - 1.0), np.float32)


def sharpen(pictures: ArrayLike, gains: ArrayLike) -> Floats:
    """Pictures with the two finest bands of luma multiplied by gains [N, 2], cut to 0..1."""
    new = _floats(pictures)
    out = np.empty_like(new)
    _cpu.sharpen(new, _floats(gains), out)
    return out


def motion_blur(faces: ArrayLike, masks: ArrayLike, motions: ArrayLike) -> Floats:
    """Faces smeared along the way they take while the shutter is open; where the mask is 0 they stay as they are.

    motions: [N, 2, 3], from a pixel's position in the crop to the way it takes, in crop pixels. Its middle is where the
    face is drawn. Raises ValueError for motions that are not finite.
    """
    new = _floats(faces)
    out = np.empty_like(new)
    _cpu.motion_blur(new, _floats(masks), np.ascontiguousarray(motions, np.float64), out)
    return out


def noise_statistics(frames: Sequence[Frame], to_coded: ArrayLike, masks: ArrayLike) -> Doubles:
    """How noisy frames are where faces are: float64 [N, 4], on the frame's own samples under the masks [N, S, S].

    The number of luma samples, and that times the variance of Y, U and V as fractions of their whole range squared
    (Immerkaer 1996, by the median in place of the mean, which edges would raise).
    """
    new = _floats(masks)
    out = np.empty((len(new), NOISE_NUMBERS))
    maps = np.ascontiguousarray(to_coded, np.float64)
    _cpu.noise_statistics([picture_of(frame) for frame in frames], maps, new, out)
    return out


def grain(statistics: Doubles, strength: float) -> Floats:
    """Deviations of the grain for `ops.blend`, float32 [N, 3], from `noise_statistics`; strength 1 is as much noise."""
    weight = np.maximum(statistics[:, :1], 1e-9)
    return np.asarray(strength * np.sqrt(statistics[:, 1:] / weight), np.float32)


def _floats(array: ArrayLike) -> NDArray[np.float32]:
    return np.ascontiguousarray(array, np.float32)
