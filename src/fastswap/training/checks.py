"""What can be told about facesets before they are trained on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fastswap.errors import TrainingError
from fastswap.training import coverage, repertoire

if TYPE_CHECKING:
    from fastswap.training.store import FaceArrays

WORTH_TELLING = 0.03
"""Share of the target's faces in poses or with expressions that the source lacks from which it is told."""


def changed_faces(folder: Path, was: Mapping[str, Sequence[str]], now: Mapping[str, FaceArrays]) -> list[str]:
    """Notices about faces that are not those of the checkpoint in `folder`, by the marks of source and target.

    Another target is learned as well as the first; raises TrainingError for another source, which would be a mixture
    of two people.
    """
    found = []
    for name, faces in now.items():
        old, new = set(was.get(name, ())), set(faces.marks)
        if not old or not new or old == new:
            continue
        if old & new:
            found.append(
                f"{name}: since the checkpoint {len(new - old)} faces are new, {len(old - new)} are gone"
            )
        elif name == "source":
            raise TrainingError(
                f"{folder}: its checkpoint was trained on another source, none of these faces was there; name that "
                "one, or choose another output (--start takes its weights along) or --fresh"
            )
        else:
            found.append(
                f"{name}: none of these faces was there at the checkpoint; another target is learned now"
            )
    return found


def coverage_notices(source: FaceArrays, target: FaceArrays) -> list[str]:
    """Notices about poses and expressions that the target has and the source lacks, and about one-sided footage."""
    return [*_pose_notices(source, target), *_expression_notices(source, target)]


def _pose_notices(source: FaceArrays, target: FaceArrays) -> list[str]:
    if source.poses is None or target.poses is None:
        return []
    found = []
    for name, faces in (("source", source), ("target", target)):
        assert faces.poses is not None
        sided = coverage.one_sided(faces.poses)
        if sided:
            found.append(f"{name}: {sided}; the other side of the face cannot be learned")
    compared = coverage.compare(source.poses, target.poses)
    if compared.share >= WORTH_TELLING:
        found.append(
            f"source: it lacks poses of {compared.share:.0%} of the target's faces ({'; '.join(compared.ranges())}); "
            "fastswap faceset coverage shows them"
        )
    return found


def _expression_notices(source: FaceArrays, target: FaceArrays) -> list[str]:
    if source.repertoire is None or target.repertoire is None:
        return []
    compared = repertoire.compare(source.repertoire, target.repertoire)
    if compared.share < WORTH_TELLING:
        return []
    return [
        f"source: it lacks expressions of {compared.share:.0%} of the target's faces "
        f"({'; '.join(each.words for each in compared.lacking[:3])}); fastswap faceset coverage shows them"
    ]
