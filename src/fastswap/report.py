"""What a render did: counted, timed, and fit for JSON."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field, replace
from typing import Any


@dataclass(slots=True)
class Report:
    """The result of `fastswap.render()`.

    frames: frames written. faces: faces replaced. swapped: frames with at least one. skipped: frames passed through
    unchanged, counted by reason. seconds: wall seconds that each stage worked (stages overlap, so they do not add up
    to `wall`). limits: the stage that worked longest. analysis: the sidecar file, if one was kept, and
    whether it was reused. segments, resumed: parts of the output, and how many of them an earlier run had
    finished. provenance: what was signed, and where. notices: one line each for what a user should know.
    """

    input: str = ""
    output: str = ""
    model: str = ""
    device: str = ""
    engine: str = ""
    frames: int = 0
    swapped: int = 0
    faces: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    seconds: dict[str, float] = field(default_factory=dict)
    wall: float = 0.0
    fps: float = 0.0
    limits: str = ""
    analysis: str | None = None
    analysis_reused: bool = False
    segments: int = 1
    resumed: int = 0
    provenance: dict[str, Any] = field(default_factory=dict)
    notices: list[str] = field(default_factory=list)

    def finish(self, wall: float, seconds: dict[str, float]) -> None:
        """Fills in the times once the last frame is written."""
        self.wall = wall
        self.seconds = {name: round(value, 4) for name, value in seconds.items()}
        self.fps = self.frames / wall if wall > 0 else 0.0
        self.limits = max(seconds, key=lambda name: seconds[name]) if seconds else ""

    def as_dict(self) -> dict[str, Any]:
        """The report as plain JSON values."""
        plain = asdict(replace(self, skipped=Counter()))
        return plain | {"skipped": dict(self.skipped)}
