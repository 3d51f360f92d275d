"""How a person ends a training early without losing it."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any

from fastswap.errors import Interrupted


class StopSignal:
    """Turns the first Ctrl-C (or SIGTERM) into a wish to stop after this step; the second one ends at once.

    Python's own KeyboardInterrupt could strike in the middle of an optimiser step and leave weights half
    updated.
    """

    def __init__(self) -> None:
        self.asked = False
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> StopSignal:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._previous[number] = signal.signal(number, self._ask)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        if self.asked:
            raise Interrupted("training stopped; the last checkpoint is kept")
        self.asked = True
