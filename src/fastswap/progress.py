"""The schema of progress reports: what a callback is told while frames, faces or steps go by."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Progress:
    """One report. It is made about ten times a second at most.

    stage: what is going on ("render", "extract", "train", "sign", "weights", ...). done and total: in `unit`s; total is
    None when it is not known. rate: units per second. limits: the stage of a pipeline that worked longest so far.
    values: further numbers by name (losses, faces, ...). note: a line for people.
    """

    stage: str
    done: float
    total: float | None = None
    unit: str = "frames"
    rate: float = 0.0
    limits: str = ""
    values: dict[str, float] = field(default_factory=dict)
    note: str = ""


ProgressCallback = Callable[[Progress], None]
