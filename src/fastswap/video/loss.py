"""What a change of pixel format costs: finds the format that loses least."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

import av

_HALVED = 6  # bits of one component that halving the chroma along one side counts as
_GRAY_SUB = (0, 0)
_NO_COLOR = 100


@cache
def _traits(name: str) -> tuple[int, tuple[int, int], bool, bool, bool]:
    """(bits, log2 of the chroma's subsampling, has colour, is RGB, has alpha)."""
    kind = av.VideoFormat(name, 64, 64)
    parts = [c for c in kind.components if not c.is_alpha]
    alpha = any(c.is_alpha for c in kind.components) or kind.has_palette
    if kind.has_palette:
        return 8, _GRAY_SUB, True, True, alpha
    bits = min(c.bits for c in parts)
    if len(parts) < 3 or kind.is_rgb:
        return bits, _GRAY_SUB, len(parts) >= 3, kind.is_rgb, alpha
    sub = (64 // kind.chroma_width(64)).bit_length() - 1, (64 // kind.chroma_height(64)).bit_length() - 1
    return bits, sub, True, False, alpha


def loss(source: str, target: str) -> tuple[int, int, int, int]:
    """How much `target` loses of `source`, all four 0 when it holds every sample; smaller is better.

    In this order: bits and chroma samples, alpha, the way between YUV and RGB, and what it takes up for nothing.
    """
    (bits, sub, color, rgb, alpha), (bits2, sub2, color2, rgb2, alpha2) = _traits(source), _traits(target)
    lost = max(0, bits - bits2)
    if color and not color2:
        lost += _NO_COLOR
    elif color:
        lost += _HALVED * sum(max(0, b - a) for a, b in zip(sub, sub2, strict=True))
    waste = max(0, bits2 - bits) + (alpha2 and not alpha)
    if color2:
        waste += 2 * sum(max(0, a - b) for a, b in zip(sub if color else (1, 1), sub2, strict=True))
        waste += 0 if color else 1
    return lost, int(alpha and not alpha2), int(color and color2 and rgb != rgb2), waste


def ranked(source: str, known: Iterable[str]) -> list[str]:
    """The formats that one can convert to, the best for `source` first; where two are as good, in the given order."""
    usable = [name for name in known if _is_writable(name)]
    return sorted(usable, key=lambda name: loss(source, name))


def nearest(source: str, known: Iterable[str]) -> str:
    """The best of `known`, which must hold one that can be converted to."""
    return ranked(source, known)[0]


@cache
def _is_writable(name: str) -> bool:
    """False for formats that FFmpeg's scaler does not write: palettes, Bayer patterns, a GPU's own."""
    kind = av.VideoFormat(name)
    return not (kind.has_palette or kind.is_bayer or not kind.components)
