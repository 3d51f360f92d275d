"""How the command shows things: progress on stderr, results on stdout as a table or as JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table

from fastswap.cli import log
from fastswap.progress import Progress as Report
from fastswap.progress import ProgressCallback

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False)


class _Bars:
    """One Rich bar per stage, made when the stage first reports."""

    def __init__(self, bars: Progress) -> None:
        self.bars = bars
        self.tasks: dict[str, TaskID] = {}

    def __call__(self, report: Report) -> None:
        if report.stage not in self.tasks:
            self.tasks[report.stage] = self.bars.add_task(report.stage, total=report.total, text="")
        values = "  ".join(f"{name} {value:.4g}" for name, value in report.values.items())
        rate = f"{report.rate:.1f} {report.unit}/s" if report.rate else ""
        limits = f"limited by {report.limits}" if report.limits else ""
        text = "  ".join(part for part in (rate, values, limits, report.note) if part)
        self.bars.update(self.tasks[report.stage], completed=report.done, total=report.total, text=text)


@contextmanager
def progress(quiet: bool = False) -> Iterator[ProgressCallback | None]:
    """A callback that draws bars on stderr while the block runs, or writes lines as --log says; None when `quiet`."""
    form = log.chosen()
    if quiet or form:
        yield None if form is None else log.Lines(form)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TextColumn("{task.completed:.0f}" + "/{task.total}"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[text]}"),
    )
    with Progress(*columns, console=err, transient=False) as bars:
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
    """Prints names and values as a two-column table; nested mappings become one line each."""
    table = Table(title=title, title_justify="left", show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in rows.items():
        if value in (None, "", [], {}):
            continue
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
        return ", ".join(_text(item) for item in value)
    if isinstance(value, float):
        return f"{value:.4g}"
    return str(value)
