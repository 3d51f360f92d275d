"""What a training run was asked to do."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fastswap.errors import SettingsError
from fastswap.training.presets import Preset, find_preset
from fastswap.training.recipe import as_json

MAX_BATCH = 4096
MAX_PROCESSES = 64


@dataclass(frozen=True, slots=True)
class TrainSettings:
    """See `training.train` for the meaning of each. Raises SettingsError or TrainingError for bad values."""

    subject: str
    consent: str
    preset: str = "tiny"
    steps: int | None = None
    minutes: float | None = None
    batch: int | None = None
    accumulate: int = 1
    fit: bool = False
    device: str = "auto"
    processes: int = 1
    precision: str = "auto"
    compiled: bool | None = None
    threads: int = 0
    seed: int = 0
    flip: bool = False
    by_pose: bool = True
    resume: bool = True
    start: Path | None = None
    pretrain: bool = False
    preview_every: float = 60.0
    save_every: float = 300.0
    backup_every: float = 3600.0
    board: bool = False
    size: Preset = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", find_preset(self.preset))
        if self.steps is not None and self.minutes is not None:
            raise SettingsError("train: give --steps or --minutes, not both")
        if self.steps is not None and self.steps < 1:
            raise SettingsError(f"train: --steps is {self.steps}; it must be at least 1")
        if self.minutes is not None and not (math.isfinite(self.minutes) and self.minutes > 0):
            raise SettingsError(f"train: --minutes is {self.minutes}; it must be positive")
        if self.batch is not None and not 1 <= self.batch <= MAX_BATCH:
            raise SettingsError(f"train: --batch is {self.batch}; it must lie in 1..{MAX_BATCH}")
        if not 1 <= self.accumulate <= self.faces:
            raise SettingsError(
                f"train: --accumulate is {self.accumulate}; it must lie in 1..{self.faces}, the batch"
            )
        if not 1 <= self.processes <= MAX_PROCESSES:
            raise SettingsError(f"train: --processes is {self.processes}; it must lie in 1..{MAX_PROCESSES}")
        if self.precision not in ("auto", "f32", "bf16"):
            raise SettingsError(f"train: --precision is {self.precision!r}; choose auto, f32 or bf16")
        if self.threads < 0:
            raise SettingsError(f"train: --threads is {self.threads}; it must be 0 or more")
        if self.preview_every <= 0 or self.save_every <= 0:
            raise SettingsError("train: --preview-every and --save-every must be positive")
        if self.backup_every < 0:
            raise SettingsError(f"train: --backup-every is {self.backup_every}; it must be 0 or more")

    @property
    def faces(self) -> int:
        """Faces of each person in one step of one process."""
        return self.batch or self.size.batch

    @property
    def seconds(self) -> float | None:
        """The time budget, None when the budget is in steps."""
        if self.steps is not None:
            return None
        return 60.0 * (self.minutes or self.size.minutes)

    def fixed(self) -> dict[str, Any]:
        """What may not change when a checkpoint is resumed, as plain JSON values."""
        return {
            "preset": self.preset,
            **{f"network {key}": value for key, value in self.size.shape.to_json().items()},
            "batch": self.faces,
            "processes": self.processes,
            "seed": self.seed,
            "flip": self.flip,
            "by_pose": self.by_pose,
            "pretrain": self.pretrain,
            "GAN stage": self.size.stages.gan > 0,
        }

    def shown(self) -> dict[str, Any]:
        """Everything that shaped the training, for reports."""
        return {
            "preset": self.preset,
            "network": self.size.shape.to_json(),
            "stages": as_json(self.size.stages),
            "loss": as_json(self.size.weights),
            "augment": as_json(self.size.changes),
            "rate": self.size.rate,
            "batch": self.faces,
            "accumulate": self.accumulate,
            "processes": self.processes,
            "seed": self.seed,
            "flip": self.flip,
            "by_pose": self.by_pose,
            "start": str(self.start) if self.start else "",
        }
