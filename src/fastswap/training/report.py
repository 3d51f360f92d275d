"""The result of a training, as values."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fastswap.training.export import ExportReport


@dataclass(slots=True)
class TrainReport:
    """The result of a training.

    model: the ONNX file, or the checkpoint that a pretraining made. steps, seconds: in all, earlier runs included.
    resumed_at: step of the checkpoint that this run went on from, 0 for a fresh start. faces: pictures of source and
    target. faces_per_second: of this run. losses: means over the last steps. interrupted: ended early by Ctrl-C. page:
    the HTML report. export: see `export.ExportReport`. started_from: the training whose weights this one began with:
    its path, subject and consent; empty where it began with none.
    """

    model: str
    preset: str
    device: str
    precision: str
    steps: int = 0
    seconds: float = 0.0
    stage: str = "warped"
    resumed_at: int = 0
    faces: tuple[int, int] = (0, 0)
    faces_per_second: float = 0.0
    losses: dict[str, float] = field(default_factory=dict)
    interrupted: bool = False
    preview: str = ""
    page: str = ""
    checkpoint: str = ""
    export: ExportReport | None = None
    started_from: dict[str, str] = field(default_factory=dict)
    notices: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """The report as plain JSON values."""
        return asdict(self)
