"""A process that renders segments for another one: `python -m fastswap.segments.worker SOCKET`.

Not `multiprocessing`: that would run the caller's own script again in each worker.
"""

from __future__ import annotations

import os
import queue
import signal
import sys
import threading
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from fastswap.errors import FastswapError
from fastswap.segments.faces import Unsuited
from fastswap.segments.task import Recipe, SegmentRenderer, Task


def main() -> None:
    """Takes a recipe, then tasks, until the other side goes away."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that reads the terminal decides
    connection = Connection(int(sys.argv[1]))
    tasks: queue.Queue[Any] = queue.Queue()
    threading.Thread(target=_receive, args=(connection, tasks), daemon=True).start()
    try:
        recipe: Recipe = tasks.get()
        with SegmentRenderer(recipe) as renderer:
            connection.send(("ready", None, []))
            while True:
                task, made = tasks.get()
                connection.send(_answer(renderer, task, made))
    except FastswapError as error:
        connection.send(("error", error, []))


def _answer(renderer: SegmentRenderer, task: Task, made: Path) -> tuple[str, Any, list[str]]:
    try:
        return "done", renderer.render(task, made), renderer.notices
    except (FastswapError, Unsuited) as error:
        return "error", error, []


def _receive(connection: Connection[Any, Any], tasks: queue.Queue[Any]) -> None:
    """Moves what arrives into the queue; ends the process, in the middle of a segment too, when the other side dies."""
    try:
        while True:
            tasks.put(connection.recv())
    except (EOFError, OSError):
        os._exit(1)


if __name__ == "__main__":
    main()
