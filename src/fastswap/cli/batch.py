"""`fastswap batch`: many renders from one file of jobs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fastswap.cli import log, options, show
from fastswap.errors import JobsError

if TYPE_CHECKING:
    from fastswap.batch import BatchReport


def batch(
    jobs: Annotated[Path, typer.Argument(help="The jobs: .toml, .csv or .jsonl.")],
    ledger: Annotated[
        Path | None, typer.Option(help="Where it is remembered what was done; default JOBS.ledger.")
    ] = None,
    retries: Annotated[int, typer.Option(min=0, help="How often a job that failed is tried again.")] = 1,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check the jobs, tell what would be done, render nothing.")
    ] = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
    log_format: options.Log = None,
) -> None:
    """Renders what is missing or changed of a list of jobs; goes on after errors; remembers what was done.

    Exits with 0 when every output is there, with 10 when jobs failed or the file of jobs is wrong.
    """
    from fastswap.batch import run

    with show.progress(quiet or json) as callback:
        report = run(jobs, ledger=ledger, retries=retries, dry_run=dry_run, progress=callback)
    log.done("batch", report.as_dict())
    if json:
        show.as_json(report.as_dict())
    else:
        _table(report)
    fail_for(report)


def fail_for(report: BatchReport) -> None:
    """Raises JobsError with a line for each job whose output is not there."""
    bad = [line for line in report.lines if line.outcome in ("failed", "blocked")]
    if bad:
        raise JobsError([f"{line.place}: {line.output}: {line.error}" for line in bad])


def _table(report: BatchReport) -> None:
    rows = [
        (
            line.outcome,
            line.output,
            f"{line.frames or ''}",
            f"{line.seconds:.1f}" if line.seconds else "",
            line.error,
        )
        for line in report.lines
    ]
    show.table(("outcome", "output", "frames", "seconds", "error"), rows)
    counts = report.as_dict()["counts"]
    show.out.print("  ".join(f"{kind} {count}" for kind, count in counts.items() if count))


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(batch)
