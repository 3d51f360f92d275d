"""How the command shows things: progress on stderr, results on stdout as a table or as JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Column, Table
from rich.text import Text

from fastswap.cli import log
from fastswap.progress import Progress as Report
from fastswap.progress import ProgressCallback

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False)
_NOTHING: tuple[Any, ...] = (None, "", [], {})
_BLOCK = 200
"""Characters of a nested mapping from which it is shown as a block of lines."""
_LEFT_OF_TEXT = 7 + 16 + 11 + 8 + 4
"""Columns of the terminal that stand before a bar's text, which is cut where the terminal is narrow."""
_SPEED_S = 300.0
"""Seconds that the speed is taken from for the time that is left: a step of a large network takes long."""


class _Count(ProgressColumn):
    """What is done of how much."""

    def render(self, task: Task) -> Text:
        """ "120/4000", or "120" where the end is not known."""
        return Text(f"{task.completed:.0f}" + ("" if task.total is None else f"/{task.total:.0f}"))


class _Bars:
    """One Rich bar per stage, made when the stage first reports."""

    def __init__(self, bars: Progress) -> None:
        self.bars = bars
        self.tasks: dict[str, TaskID] = {}

    def __call__(self, report: Report) -> None:
        if report.notice:
            self.bars.console.print(report.notice, markup=False, soft_wrap=True)
            return
        if report.stage not in self.tasks:
            self.tasks[report.stage] = self.bars.add_task(report.stage, total=report.total, text="")
        values = "  ".join(
            f"{name.replace('_per_second', '/s').replace('_', ' ')} {value:.4g}"
            for name, value in report.values.items()
            if f"{name}s" != report.unit  # it stands beside the bar already
        )
        rate = f"{report.rate:.1f} {report.unit}/s" if report.rate else ""
        limits = f"limited by {report.limits}" if report.limits else ""
        text = "  ".join(part for part in (rate, report.note, values, limits) if part)
        room = max(self.bars.console.width - _LEFT_OF_TEXT - max(0, len(report.stage) - 7), 0)
        text = text if len(text) <= room else text[: max(room - 1, 0)] + "…"
        self.bars.update(self.tasks[report.stage], completed=report.done, total=report.total, text=text)


@contextmanager
def progress(quiet: bool = False) -> Iterator[ProgressCallback | None]:
    """A callback that draws bars on stderr while the block runs, or writes lines as --log says; None when `quiet`."""
    form = log.chosen()
    if quiet or form:
        yield None if form is None else log.Lines(form)
        return
    columns = (
        TextColumn("{task.description:7}"),
        BarColumn(bar_width=16),
        _Count(table_column=Column(no_wrap=True, min_width=11)),
        TimeRemainingColumn(elapsed_when_finished=True),
        TextColumn("{task.fields[text]}"),
    )
    with Progress(*columns, console=err, speed_estimate_period=_SPEED_S) as bars:
        yield _Bars(bars)


def as_json(data: Any) -> None:
    """Prints plain values as JSON on stdout."""
    json.dump(data, sys.stdout, indent=2, ensure_ascii=False, default=_plain)
    sys.stdout.write("\n")


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "item"):
        return value.item()
    return str(value)


def pairs(title: str, rows: Mapping[str, Any]) -> None:
    """Prints names and values as a two-column table; of nested mappings a short one becomes one line, a long one a
    block."""
    table = Table(title=title, title_justify="left", show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in rows.items():
        if value in _NOTHING:
            continue
        if isinstance(value, Mapping) and len(_text(value)) > _BLOCK:
            table.add_row(name.replace("_", " "), "")
            for key, item in value.items():
                if item not in _NOTHING:
                    table.add_row(f"  {key}".replace("_", " "), _text(item))
        else:
            table.add_row(name.replace("_", " "), _text(value))
    out.print(table)


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Prints rows of texts under their columns' names."""
    made = Table(box=None, pad_edge=False)
    for column in columns:
        made.add_column(column, overflow="fold")
    for row in rows:
        made.add_row(*row)
    out.print(made)


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return "  ".join(f"{key} {_text(item)}" for key, item in value.items())
    if isinstance(value, (list, tuple)):
        if any(isinstance(item, str) and " " in item for item in value):
            return "\n".join(str(item) for item in value)
        return ", ".join(_text(item) for item in value)
    if isinstance(value, float):
        return f"{value:.4g}"
    return str(value)
