"""Pose coverage of facesets on disk, told and drawn."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastswap.errors import OutputError, SettingsError
from fastswap.training import coverage
from fastswap.training.faceset import open_faceset


def poses_of(folders: Sequence[Path]) -> NDArray[np.float32]:
    """Yaw and pitch of all pictures, float32 [N, 2], degrees. Raises InputError."""
    entries = [entry for folder in folders for entry in open_faceset(folder).entries]
    return np.array([(entry.yaw, entry.pitch) for entry in entries], np.float32)


def coverage_report(source: Sequence[Path], target: Sequence[Path], out: Path | None) -> dict[str, Any]:
    """What the source shows and what it lacks of the target, as plain values; drawn to `out` (.svg) when given.

    Raises InputError, OutputError and SettingsError.
    """
    if out is not None and out.suffix.lower() != ".svg":
        raise SettingsError(f"faceset coverage: --out is {out}; the plot is an .svg")
    own = poses_of(source)
    result: dict[str, Any] = {
        "source faces": len(own),
        "source yaw": _range(own[:, 0]),
        "source pitch": _range(own[:, 1]),
        "one-sided": coverage.one_sided(own),
    }
    grids, lacking = [("source", coverage.count_poses(own))], None
    if target:
        other = poses_of(target)
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
    if out is not None:
        try:
            out.write_text(coverage.plot(grids, lacking), encoding="utf-8")
        except OSError as error:
            raise OutputError(f"{out}: cannot be written ({error.strerror})") from None
        result["plot"] = str(out)
    return result


def _range(values: NDArray[np.float32]) -> str:
    return f"{values.min():.0f}..{values.max():.0f}"
