"""Renders segments in several processes of this machine. A process that dies costs the segment that it had."""

from __future__ import annotations

import os
import queue
import socket
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from pathlib import Path
from types import TracebackType
from typing import Any

from fastswap.device.choice import worker_device
from fastswap.errors import DeviceError
from fastswap.segments.task import Recipe, Task

TRIES = 3
"""How often a segment is begun before its worker's death is taken for its fault."""

Finished = tuple[Task, Path, dict[str, Any], list[str]]
"""A task, the file that was made, its record, and what the user should know."""


@dataclass(slots=True)
class _Worker:
    process: subprocess.Popen[bytes]
    connection: Connection[Any, Any]
    task: Task | None = None
    made: Path | None = None


class Pool:
    """Worker processes for the segments of one output.

    recipe: as for each of them. count: how many. partial: where a worker makes a segment, by its number.
    """

    def __init__(self, recipe: Recipe, count: int, partial: Callable[[int], Path]) -> None:
        self._recipe, self._partial = recipe, partial
        self._workers = [self._start(number) for number in range(count)]
        self._again: deque[Task] = deque()
        self._begun: dict[int, int] = {}
        self.lost = 0

    def __enter__(self) -> Pool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in self._workers:
            worker.process.kill()
        for worker in self._workers:
            worker.process.wait()
            worker.connection.close()

    def run(self, tasks: Iterable[Task]) -> Iterator[Finished]:
        """Renders all tasks; gives them back in the order in which they are finished.

        Raises what a worker raises, and DeviceError when the workers die over a segment again and again.
        """
        with Feed(tasks, len(self._workers)) as feed:
            while True:
                for worker in self._workers:
                    if worker.task is None and (task := self._next(feed)) is not None:
                        self._give(worker, task)
                busy = [worker for worker in self._workers if worker.task is not None]
                if not busy and not self._again and feed.is_over():
                    return
                ready = wait([feed.wake, *(worker.connection for worker in busy)])
                if feed.wake in ready:
                    feed.awake()
                for worker in busy:
                    if worker.connection in ready:
                        yield from self._hear(worker)

    def _next(self, feed: Feed) -> Task | None:
        return self._again.popleft() if self._again else feed.take()

    def _give(self, worker: _Worker, task: Task) -> None:
        number = task.span.number
        self._begun[number] = self._begun.get(number, 0) + 1
        worker.task, worker.made = task, self._partial(number)
        with suppress(OSError):  # a worker that is dead: its connection says so next
            worker.connection.send((task, worker.made))

    def _hear(self, worker: _Worker) -> Iterator[Finished]:
        try:
            kind, value, notices = worker.connection.recv()
        except (EOFError, OSError):
            self._replace(worker)
            return
        if kind == "error":
            raise value
        if kind == "done":
            task, made = worker.task, worker.made
            worker.task = worker.made = None
            assert task is not None
            assert made is not None
            yield task, made, value, notices

    def _replace(self, dead: _Worker) -> None:
        """A new process in place of one that died; its segment goes to whoever is free."""
        code = dead.process.wait()
        dead.connection.close()
        task, self.lost = dead.task, self.lost + 1
        assert task is not None
        if self._begun[task.span.number] >= TRIES:
            raise DeviceError(
                f"{self._recipe.source}: {TRIES} worker processes died over segment {task.span.number} "
                f"(the last with exit code {code})"
            )
        self._again.append(task)
        number = self._workers.index(dead)
        self._workers[number] = self._start(number)

    def _start(self, number: int) -> _Worker:
        device, more = worker_device(self._recipe.device, number)
        ours, theirs = socket.socketpair()
        command = [sys.executable, "-m", "fastswap.segments.worker", str(theirs.fileno())]
        # A session of its own: Ctrl-C in a terminal reaches this process alone.
        process = subprocess.Popen(
            command,
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            env={**os.environ, **more},
        )
        theirs.close()
        connection: Connection[Any, Any] = Connection(ours.detach())
        connection.send(replace(self._recipe, device=device))
        return _Worker(process, connection)


class Feed:
    """Takes tasks from an iterator in a thread of its own, so that waiting for one does not delay hearing workers."""

    def __init__(self, tasks: Iterable[Task], room: int) -> None:
        self.wake, self._signal = socket.socketpair()
        self._line: queue.Queue[Task | BaseException | None] = queue.Queue(maxsize=room)
        self._over, self._stop = False, threading.Event()
        self._thread = threading.Thread(target=self._run, args=(tasks,), name="fastswap-feed", daemon=True)
        self._thread.start()

    def __enter__(self) -> Feed:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        while not self._over and self._thread.is_alive():
            with suppress(queue.Empty):
                self._line.get(timeout=0.05)
        self._thread.join()
        self.wake.close()
        self._signal.close()

    def take(self) -> Task | None:
        """The next task if there is one now."""
        if self._over:
            return None
        try:
            item = self._line.get_nowait()
        except queue.Empty:
            return None
        if isinstance(item, BaseException):
            self._over = True
            raise item
        self._over = item is None
        return item

    def is_over(self) -> bool:
        """Whether the last task has been taken."""
        return self._over

    def wait(self, seconds: float) -> None:
        """Until something is in the line, or this long."""
        if wait([self.wake], seconds):
            self.awake()

    def awake(self) -> None:
        """Takes note of the signal that something is in the line."""
        self.wake.recv(4096)

    def _run(self, tasks: Iterable[Task]) -> None:
        end: BaseException | None = None
        try:
            for task in tasks:
                if self._stop.is_set():
                    return
                self._put(task)
        except BaseException as error:  # handed to the consumer, which raises it
            end = error
        self._put(end)

    def _put(self, item: Task | BaseException | None) -> None:
        while not self._stop.is_set():
            with suppress(queue.Full):
                self._line.put(item, timeout=0.05)
                self._signal.send(b"t")
                return
