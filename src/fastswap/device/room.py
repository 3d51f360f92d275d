"""What a swap does when the GPU's memory has no room for a batch: it frees what lies about, then goes on in halves."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final, TypeVar

from fastswap.engines.network import smaller, too_small

if TYPE_CHECKING:
    from fastswap.device.runtime import Runtime
    from fastswap.engines.network import GeneratorEngine

T = TypeVar("T")

PATIENCE_S: Final = (0.1, 0.5, 2.0)
"""How long to wait before each further try with a single one: later stages may still give memory back."""


def once_more(runtime: Runtime, name: str, work: Callable[[], T]) -> T:
    """What small work gives; where there is no room, after idle memory was freed. Raises DeviceError when that is too
    little."""
    try:
        return work()
    except MemoryError:
        runtime.trim()
    try:
        return work()
    except MemoryError as error:
        raise too_small(name, error) from error


class Room:
    """What the batches of one swap have room for. engine: its `batch` is how many faces the next ones will have.

    name: of the model. asked: the batch that was asked for. notices: told there, once, in the latest words.
    """

    def __init__(
        self, runtime: Runtime, engine: GeneratorEngine, name: str, asked: int, notices: list[str]
    ) -> None:
        self._runtime, self._engine, self._name, self._asked = runtime, engine, name, asked
        self._notices, self._lock = notices, threading.Lock()

    def in_parts(
        self, count: int, step: Callable[[int, int], T], *, most: int = 0, batch: int = 0
    ) -> Iterator[T]:
        """What `step(first, many)` makes of `count` rows of a batch: of all at once, or part by part in order.

        A step that raises MemoryError is tried again, with half as many where freeing idle memory does not help; it
        must not have done anything by then that a second try would spoil. most: rows in one step, 0 for all. batch: how
        many faces make `count` rows, 0 where rows are faces. Raises DeviceError when there is no room for a single row.
        """
        first, most = 0, most or count
        trimmed, waits = False, list(PATIENCE_S)
        while first < count:
            many = min(most, count - first)
            try:
                made = step(first, many)
            except MemoryError as error:
                if trimmed and many > 1:
                    most = (many + 1) // 2
                    self.limit(max(1, batch * most // count) if batch else most)
                elif trimmed and not waits:
                    raise too_small(self._name, error) from error
                elif trimmed:
                    time.sleep(waits.pop(0))
                self._runtime.trim()
                trimmed = True
                continue
            yield made
            first += many

    def halve(self) -> None:
        """Makes the batches to come half as large: others want the memory."""
        self.limit(max(1, self._engine.batch // 2))

    def limit(self, batch: int) -> None:
        """Makes the batches to come no larger than this, and says so."""
        with self._lock:
            before = self._engine.batch
            if batch >= before:
                return
            self._engine.batch = batch
            told = smaller(self._name, before, self._asked)
            if told in self._notices:
                self._notices.remove(told)
            self._notices.append(smaller(self._name, batch, self._asked))
