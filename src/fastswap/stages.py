"""Stages of a pipeline: generators, each run in a thread of its own and joined by bounded queues.

A stage takes an iterator and is an iterator, so a pipeline reads as nested generators do. `Stages.thread` moves one
into a thread. An exception in any stage is raised where the results are consumed; leaving the `with` block stops
every thread, whatever it waits for.
"""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any, TypeVar

T = TypeVar("T")
R = TypeVar("R")

_END = object()
_POLL_S = 0.05
_BEGIN_S = 1.0
"""How long a thread that was started may take to begin, at the most."""


class _Stopped(Exception):
    """Raised inside a stage whose consumer has gone."""


class _Failure:
    def __init__(self, error: BaseException) -> None:
        self.error = error


_waited = threading.local()
"""`seconds` of the stage in this thread that do not count as its work."""


def side_by_side(work: Callable[[T], R], items: Iterable[T], workers: int) -> Iterator[R]:
    """`work` of each item, in order; as many items at once as there are workers, each in a thread of its own.

    To the stage that it is in the work counts as if it were shared out evenly, and waiting for it does not.
    """
    if workers == 1:
        yield from map(work, items)
        return
    begun: deque[Future[tuple[R, float]]] = deque()

    def clocked(item: T) -> tuple[R, float]:
        begin = time.perf_counter()
        return work(item), time.perf_counter() - begin

    def result() -> R:
        begin = time.perf_counter()
        made, seconds = begun.popleft().result()
        _wait(time.perf_counter() - begin - seconds / workers)
        return made

    with ThreadPoolExecutor(workers) as pool:
        for item in items:
            begun.append(pool.submit(clocked, item))
            if len(begun) == workers:
                yield result()
        while begun:
            yield result()


def _wait(seconds: float) -> None:
    _waited.seconds = getattr(_waited, "seconds", 0.0) + seconds


def _join(thread: threading.Thread) -> None:
    """Waits for its end. A signal in the middle of `Thread.start` leaves one that is about to begin, or never will."""
    end = time.monotonic() + _BEGIN_S
    while True:
        try:
            thread.join()
            return
        except RuntimeError:  # it has not begun
            if time.monotonic() > end:
                return
            time.sleep(0.01)


class Stages:
    """Runs generators in threads; knows for how long each one worked.

    `busy` maps a stage's name to the seconds that it worked: the wall time of its generator without the time that it
    waited for its input or for room at its output.
    """

    def __init__(self, depth: int = 4) -> None:
        self.depth = depth
        self.busy: dict[str, float] = {}
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Stages:
        self._stop.clear()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        for thread in self._threads:
            _join(thread)

    def thread(self, name: str, items: Iterable[T], depth: int | None = None) -> Iterator[T]:
        """Runs `items` in a thread named `name`; at most `depth` results wait for the consumer."""
        line: queue.Queue[Any] = queue.Queue(maxsize=depth or self.depth)
        worker = threading.Thread(
            target=self._work, args=(name, items, line), name=f"fastswap-{name}", daemon=True
        )
        self._threads.append(worker)
        self.busy[name] = 0.0
        worker.start()
        return self._drain(line)

    def timed(self, name: str, items: Iterable[T]) -> Iterator[T]:
        """Runs `items` in the calling thread and counts its work under `name`."""
        self.busy[name] = 0.0
        return self._clocked(name, items)

    def _clocked(self, name: str, items: Iterable[T]) -> Iterator[T]:
        source = iter(items)
        try:
            while True:
                begin, _waited.seconds = time.perf_counter(), 0.0
                try:
                    item = next(source)
                except StopIteration:
                    return
                finally:
                    self.busy[name] += time.perf_counter() - begin - _waited.seconds
                yield item
        finally:
            close = getattr(source, "close", None)
            if close is not None:
                close()

    def _work(self, name: str, items: Iterable[T], line: queue.Queue[Any]) -> None:
        end: object = _END
        try:
            for item in self._clocked(name, items):
                self._put(line, item)
        except _Stopped:
            return
        except BaseException as error:  # handed to the consumer, which raises it
            end = _Failure(error)
        try:
            self._put(line, end)
        except _Stopped:
            return

    def _put(self, line: queue.Queue[Any], item: object) -> None:
        while not self._stop.is_set():
            try:
                line.put(item, timeout=_POLL_S)
            except queue.Full:
                continue
            return
        raise _Stopped

    def _get(self, line: queue.Queue[Any]) -> Any:
        begin = time.perf_counter()
        try:
            while not self._stop.is_set():
                try:
                    return line.get(timeout=_POLL_S)
                except queue.Empty:
                    continue
            raise _Stopped
        finally:
            _wait(time.perf_counter() - begin)

    def _drain(self, line: queue.Queue[Any]) -> Iterator[Any]:
        while True:
            item = self._get(line)
            if item is _END:
                return
            if isinstance(item, _Failure):
                raise item.error
            yield item
