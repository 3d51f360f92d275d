"""`fastswap extract`: footage into a faceset."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fastswap.cli import log, options, show


def extract(
    footage: Annotated[list[Path], typer.Argument(help="Videos, pictures or folders of them.")],
    out: Annotated[Path, typer.Option("--out", help="The faceset: a folder that is made, or added to.")],
    size: Annotated[int, typer.Option(help="Side of the pictures in pixels.")] = 320,
    every: Annotated[int, typer.Option(help="Keep faces of every n-th frame.")] = 1,
    faces: Annotated[str, typer.Option(help="largest (one per frame), all, or track:N.")] = "largest",
    json: options.Json = False,
    quiet: options.Quiet = False,
    log_format: options.Log = None,
) -> None:
    """Cuts aligned faces out of footage, into a folder that you can look through and delete from."""
    from fastswap.training.extract import extract as run

    with show.progress(quiet or json) as callback:
        report = run(footage, out, size=size, every=every, faces=faces, progress=callback)
    log.done("extract", report.as_dict())
    if json:
        show.as_json(report.as_dict())
    else:
        show.pairs(f"{out}", report.as_dict())


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(extract)
