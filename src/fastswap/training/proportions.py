"""How wide the source's face is made: alignment fits one size for all of a face, not its width and height each.

A narrow face on a wide one leaves the target's own eye corners and brows beside the new ones, within the mask's soft
edge. Small differences are what makes a person and do no harm.
"""

from __future__ import annotations

import math

from fastswap.training.store import FaceArrays

SPARED, MOST = 0.05, 0.2
"""Differences in width (natural logarithms): what belongs to the person and is left, all from twice that on is evened
out; and the most that is, as more would show as another person."""


def widening(source: FaceArrays, target: FaceArrays, share: float) -> float:
    """How much wider than they are the source's faces are shown. share: of what is evened out, 0..1."""
    if not source.width or not target.width:
        return 1.0
    differs = math.log(target.width / source.width)
    evened = min(abs(differs), 2.0 * max(0.0, abs(differs) - SPARED), MOST)
    return math.exp(share * math.copysign(evened, differs))


def width_notices(source: FaceArrays, target: FaceArrays, share: float) -> list[str]:
    """A line when the source's faces are made wider or narrower."""
    wider = widening(source, target, share)
    if wider == 1.0:
        return []
    return [
        f"source: its faces are made {wider:.2f} times as wide, as the target's are ([augment] proportions)"
    ]
