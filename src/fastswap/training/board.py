"""TensorBoard's files, for those who watch many trainings. They are extra: where they fail, the training goes on."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastswap.errors import OutputError, TrainingError

MISSING = "TensorBoard is not installed: pip install 'fastswap[board]', or leave --board out"


class Board:
    """The files of one run. Each method raises OutputError where they cannot be written; then they are given up.

    Raises TrainingError where TensorBoard is not installed.
    """

    def __init__(self, folder: Path) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            raise TrainingError(MISSING) from None
        self._folder = folder
        try:
            self._writer: Any = SummaryWriter(str(folder))
        except OSError as error:
            raise OutputError(f"{folder}: cannot be written ({error.strerror})") from None
        self._hook = threading.excepthook
        threading.excepthook = self._in_a_thread

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Takes down figures by their names."""
        for name, value in values.items():
            self._call("add_scalar", f"train/{name}", value, step)

    def picture(self, step: int, picture: NDArray[np.uint8]) -> None:
        """Takes down a picture [H, W, 3]."""
        self._call("add_image", "preview", picture, step, dataformats="HWC")

    def close(self) -> None:
        """Writes out what is still held."""
        try:
            self._call("close")
        finally:
            threading.excepthook = self._hook

    def _call(self, name: str, *values: Any, **options: Any) -> None:
        if self._writer is None:
            return
        try:
            getattr(self._writer, name)(*values, **options)
        except OSError as error:
            self._writer = None
            why = f"({error.strerror}); the rest of this run is not in them"
            raise OutputError(f"{self._folder}: TensorBoard's files cannot be written {why}") from None

    def _in_a_thread(self, told: threading.ExceptHookArgs) -> None:
        """TensorBoard writes in a thread of its own and hands its error on at the next call: it need not be printed."""
        if not isinstance(told.exc_value, OSError):
            self._hook(told)
