"""The schema of progress reports: what a callback is told while frames, faces or steps go by."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, Final

SCHEMA: Final = 1
"""Of progress reports as plain values. Within a number fields are only added, and none changes its meaning."""


@dataclass(frozen=True, slots=True)
class Progress:
    """One report. It is made about ten times a second at most.

    stage: what is going on ("analyse", "render", "sign", "batch", "extract", "train", ...). done and total: in
    `unit`s; total is None when it is not known. rate: units per second. limits: the stage of a pipeline that worked
    longest so far. values: further numbers by name (losses, faces, ...). note: a line for people. notice: what a user
    should know and no later report repeats; such a report may come at any time.
    """

    stage: str
    done: float
    total: float | None = None
    unit: str = "frames"
    rate: float = 0.0
    limits: str = ""
    values: dict[str, float] = field(default_factory=dict)
    note: str = ""
    notice: str = ""

    def as_dict(self) -> dict[str, Any]:
        """The report as plain JSON values, with `schema` and `event`: "progress"."""
        return {"schema": SCHEMA, "event": "progress", **asdict(self)}

    def __str__(self) -> str:
        """One line: "render 250/1000 frames, 31.2 frames/s, faces 250, limited by encode"."""
        total = "" if self.total is None else f"/{self.total:g}"
        rate = f"{self.rate:.1f} {self.unit}/s" if self.rate else ""
        values = ", ".join(f"{name} {value:.4g}" for name, value in self.values.items())
        limits = f"limited by {self.limits}" if self.limits else ""
        parts = (f"{self.stage} {self.done:g}{total} {self.unit}", rate, values, limits, self.note)
        return ", ".join(part for part in parts if part)


ProgressCallback = Callable[[Progress], None]
