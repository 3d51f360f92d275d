"""What a command says while it works, as lines on stderr in place of bars: text for people, JSON for programs.

A JSON line is one object with `schema` (1), `time` (UTC, ISO 8601) and `event`; the rest follows from `event`:

    progress  stage, done, total, unit, rate, limits, values, note, notice: see `fastswap.progress.Progress`; the notice
              is empty, as reports with one are notice events
    notice    text: what a user should know
    done      command, result: the same object that --json prints
    error     error (the exception's name), message, exit_code

Fields are only ever added within a schema.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import typer

from fastswap.errors import FastswapError, JobsError
from fastswap.progress import SCHEMA, Progress

FORMATS: Final = ("text", "json")
_EVERY_S: Final = {"text": 5.0, "json": 1.0}
_chosen: list[str] = []
_told: set[str] = set()
"""Notices that were written while the work went on: the end does not repeat them."""


def choose(value: str | None) -> str | None:
    """Typer's callback of --log: remembers the format for all that follows, errors too."""
    _chosen[:] = [value] if value in FORMATS and value else []
    _told.clear()
    if value is not None and value not in FORMATS:
        raise typer.BadParameter(f"{value!r} is not one of {', '.join(FORMATS)}")
    return value


def chosen() -> str | None:
    """The format of this run, None for bars."""
    return _chosen[0] if _chosen else None


def event(kind: str, **values: Any) -> None:
    """Writes one JSON line."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    line = {"schema": SCHEMA, "time": now, "event": kind, **values}
    print(json.dumps(line, ensure_ascii=False, default=str), file=sys.stderr, flush=True)


class Lines:
    """A progress callback that writes a line now and then: the first and the last of each stage, and one every few
    seconds between."""

    def __init__(self, form: str) -> None:
        self.form = form
        self._last: dict[str, float] = {}

    def __call__(self, report: Progress) -> None:
        if report.notice:
            notice(report.notice)
            return
        now = time.monotonic()
        due = now - self._last.get(report.stage, float("-inf")) >= _EVERY_S[self.form]
        if not due and report.done != report.total:
            return
        self._last[report.stage] = now
        if self.form == "json":
            event("progress", **{k: v for k, v in report.as_dict().items() if k not in ("schema", "event")})
        else:
            print(f"{datetime.now():%H:%M:%S} {report}", file=sys.stderr, flush=True)


def notice(text: str) -> None:
    """Writes a notice as a line of its own."""
    _told.add(text)
    if chosen() == "json":
        event("notice", text=text)
    elif chosen() == "text":
        print(f"{datetime.now():%H:%M:%S} notice: {text}", file=sys.stderr, flush=True)


def done(command: str, result: Mapping[str, Any]) -> None:
    """The end of a command that went well; `notices` of the result become lines of their own."""
    for text in result.get("notices", ()):
        if text not in _told:
            notice(text)
    if chosen() == "json":
        event("done", command=command, result=result)


def failed(error: FastswapError) -> None:
    """The one line of an error; a batch has one for each problem."""
    for problem in error.problems if isinstance(error, JobsError) else [str(error)]:
        message = " ".join(problem.split())
        if chosen() == "json":
            event("error", error=type(error).__name__, message=message, exit_code=error.exit_code)
        else:
            print(f"fastswap: error: {message}", file=sys.stderr)
