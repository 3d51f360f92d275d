"""How many persons tracks seem to show, without a recogniser: by the proportions of their faces.

Enough to tell that something is wrong, not to sort faces by: two people may be built alike. Compared are the logs of
the lengths between points that expressions hardly move, each the median over a track. Their deviation was 0.007 to
0.015 between parts of one person's clip, and 0.04 to 0.06 between the clips of four real persons.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fastswap.training.faceset import Entry, Faceset

APART = 0.03
"""Deviation from which two tracks count as two persons."""
LEAST, MOST_FACES, MOST_TRACKS = 8, 200, 40
"""Faces that a track must have, those of it that are measured, and tracks that are compared, the longest."""
_TURNED = 20.0
"""Degrees of yaw either way up to which the mesh's depth does not matter much."""
_POINTS = (
    33,
    133,
    362,
    263,
    168,
    6,
    4,
    2,
    94,
    129,
    358,
    10,
    152,
    234,
    454,
    127,
    356,
    172,
    397,
    70,
    300,
    98,
    327,
)
"""Corners of the eyes, nose, forehead, chin, sides of the face and jaw, outer brows."""


def several(facesets: Sequence[Faceset]) -> str | None:
    """A notice when tracks of facesets that should show one person seem to show several, by frame or by face."""
    names = ", ".join(str(each.folder) for each in facesets)
    advice = "fastswap faceset split separates them"
    for each in facesets:
        doubles = _frames_with_two(each)
        if doubles:
            return f"{each.folder}: {doubles} frames gave more than one face, so several persons are mixed; {advice}"
    groups = _groups([_proportions(faces) for faces in _tracks(facesets)])
    if groups > 1:
        return (
            f"{names}: the tracks seem to show {groups} persons, by the proportions of their faces; look at them "
            f"(fastswap faceset sheet --by track); {advice}"
        )
    return None


def _frames_with_two(faceset: Faceset) -> int:
    frames: dict[tuple[str, int], int] = defaultdict(int)
    for entry in faceset.entries:
        frames[entry.source, entry.index] += 1
    return sum(count > 1 for count in frames.values())


def _tracks(facesets: Sequence[Faceset]) -> list[list[Entry]]:
    found: dict[tuple[int, int], list[Entry]] = defaultdict(list)
    for number, faceset in enumerate(facesets):
        for entry in faceset.entries:
            if abs(entry.yaw) <= _TURNED:
                found[number, entry.track].append(entry)
    long = sorted((faces for faces in found.values() if len(faces) >= LEAST), key=len, reverse=True)
    return [faces[:: -(-len(faces) // MOST_FACES)] for faces in long[:MOST_TRACKS]]


def _proportions(faces: Sequence[Entry]) -> NDArray[np.float64]:
    """Logs of the median lengths between the points, of faces of one size."""
    one, two = np.triu_indices(len(_POINTS), 1)
    points = np.stack([entry.points()[list(_POINTS)] for entry in faces])
    lengths = np.linalg.norm(points[:, one] - points[:, two], axis=2)
    lengths /= np.sqrt((lengths**2).mean(axis=1, keepdims=True))
    return np.asarray(np.log(np.maximum(np.median(lengths, axis=0), 1e-6)))


def _groups(tracks: Sequence[NDArray[np.float64]]) -> int:
    """How many sets of tracks lie apart; two tracks belong together when any chain of near ones joins them."""
    left = list(tracks)
    count = 0
    while left:
        count += 1
        reached = [left.pop()]
        while reached:
            here = reached.pop()
            near = [np.sqrt(((other - here) ** 2).mean()) < APART for other in left]
            reached += [other for other, joins in zip(left, near, strict=True) if joins]
            left = [other for other, joins in zip(left, near, strict=True) if not joins]
    return count
