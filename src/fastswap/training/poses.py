"""Coverage of facesets on disk, poses and expressions, told and drawn."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastswap.errors import OutputError, SettingsError
from fastswap.training import coverage, histograms, repertoire
from fastswap.training.faceset import open_faceset

_NOBODY = np.zeros((0, len(repertoire.NAMES)), np.float32)


def seen_in(folders: Sequence[Path]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Yaw and pitch of all pictures, float32 [N, 2], degrees, and expressions, float32 [N, 10], see `repertoire`.

    Raises InputError.
    """
    sets = [open_faceset(folder) for folder in folders]
    poses = np.array([(entry.yaw, entry.pitch) for each in sets for entry in each.entries], np.float32)
    points = np.stack([entry.points() / each.header.size for each in sets for entry in each.entries])
    looks = np.stack([entry.gazes() for each in sets for entry in each.entries])
    return poses, repertoire.measure(points, poses, looks)


def coverage_report(source: Sequence[Path], target: Sequence[Path], out: Path | None) -> dict[str, Any]:
    """What the source shows and what it lacks of the target, as plain values; drawn to `out` (.svg) when given.

    Raises InputError, OutputError and SettingsError.
    """
    if out is not None and out.suffix.lower() != ".svg":
        raise SettingsError(f"faceset coverage: --out is {out}; the plot is an .svg")
    own, does = seen_in(source)
    result: dict[str, Any] = {
        "source faces": len(own),
        "source yaw": _range(own[:, 0]),
        "source pitch": _range(own[:, 1]),
        "one-sided": coverage.one_sided(own),
    }
    grids, lacking = [("source", coverage.count_poses(own))], None
    if target:
        other, wanted = seen_in(target)
        compared = coverage.compare(own, other)
        grids, lacking = [("source", compared.source), ("target", compared.target)], compared.lacking
        result |= {
            "target faces": len(other),
            "target yaw": _range(other[:, 0]),
            "target pitch": _range(other[:, 1]),
            "lacking": f"{compared.share:.1%} of the target's faces",
            "share": round(compared.share, 4),
            "poses": compared.ranges(8),
        }
        acted = repertoire.compare(does, wanted)
        result |= {
            "lacking expressions": f"{acted.share:.1%} of the target's faces",
            "expression share": round(acted.share, 4),
            "expressions": [each.words for each in acted.lacking],
        }
    else:
        acted = repertoire.compare(does, _NOBODY)
    if out is not None:
        try:
            drawn = [coverage.plot(grids, lacking), histograms.panel(acted)]
            out.write_text(histograms.stacked(drawn), encoding="utf-8")
        except OSError as error:
            raise OutputError(f"{out}: cannot be written ({error.strerror})") from None
        result["plot"] = str(out)
    return result


def _range(values: NDArray[np.float32]) -> str:
    return f"{values.min():.0f}..{values.max():.0f}"
