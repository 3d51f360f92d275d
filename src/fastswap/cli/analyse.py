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
    min_size: Annotated[float, typer.Option(help="Shorter side of a face in the footage, pixels.")] = 48.0,
    min_sharpness: Annotated[
        float, typer.Option(help="0 keeps all; real faces in focus have 0.5 to 1.")
    ] = 0.15,
    min_score: Annotated[float, typer.Option(help="How sure the finder must be, 0..1.")] = 0.8,
    max_yaw: Annotated[float | None, typer.Option(help="Largest turn to either side, degrees.")] = None,
    max_pitch: Annotated[float | None, typer.Option(help="Largest turn up or down, degrees.")] = None,
    duplicates: Annotated[
        int,
        typer.Option(help="Leave out what differs from an earlier face in fewer bits of 256; 0 keeps all."),
    ] = 6,
    jobs: Annotated[int, typer.Option("--jobs", "-j", help="Files worked on at the same time.")] = 1,
    json: options.Json = False,
    quiet: options.Quiet = False,
    log_format: options.Log = None,
) -> None:
    """Cuts aligned faces out of footage, into a folder that you can look through and delete from; goes on if
    stopped."""
    from fastswap.training.extract import extract as run
    from fastswap.training.quality import Limits

    limits = Limits(min_size, min_score, min_sharpness, max_yaw, max_pitch)
    with show.progress(quiet or json) as callback:
        report = run(
            footage,
            out,
            size=size,
            every=every,
            faces=faces,
            limits=limits,
            duplicates=duplicates,
            jobs=jobs,
            progress=callback,
        )
    log.done("extract", report.as_dict())
    if json:
        show.as_json(report.as_dict())
    else:
        show.pairs(f"{out}", report.as_dict())


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(extract)
