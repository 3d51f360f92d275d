"""`fastswap train`: one person's face from two facesets."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fastswap.cli import options, show


def train(
    source: Annotated[
        list[Path], typer.Option("--source", help="Faceset of the face to learn; may be repeated.")
    ],
    target: Annotated[
        list[Path], typer.Option("--target", help="Faceset of the performer; may be repeated.")
    ],
    out: Annotated[Path, typer.Option("--out", help="The model to write (.onnx).")],
    consent: Annotated[
        str, typer.Option(help="The statement under which the source's face may be used; kept in the model.")
    ] = "",
    subject: Annotated[str, typer.Option(help="Who the model shows; default the source folder's name.")] = "",
    preset: Annotated[
        str, typer.Option(help="tiny (64 px), small (96), medium (128) or large (224).")
    ] = "tiny",
    steps: Annotated[int | None, typer.Option(help="Steps in all, resumed ones included.")] = None,
    minutes: Annotated[float | None, typer.Option(help="Minutes in all, resumed ones included.")] = None,
    batch: Annotated[int | None, typer.Option(help="Faces of each person in one step.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda:N.")] = "auto",
    precision: Annotated[str, typer.Option(help="auto, f32 or bf16.")] = "auto",
    threads: options.Threads = 0,
    seed: Annotated[int, typer.Option(help="The same seed and steps give the same model.")] = 0,
    flip: Annotated[bool, typer.Option("--flip", help="Also train on mirrored faces.")] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Start anew instead of resuming.")] = False,
    preview_every: Annotated[float, typer.Option(help="Seconds between preview pictures.")] = 60.0,
    save_every: Annotated[float, typer.Option(help="Seconds between checkpoints.")] = 300.0,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Learns the source's face on the target's performance; resumes by itself; Ctrl-C saves and exports."""
    from fastswap.training import train as run

    with show.progress(quiet or json) as callback:
        report = run(
            source,
            target,
            out,
            subject=subject or source[0].name,
            consent=consent,
            preset=preset,
            steps=steps,
            minutes=minutes,
            batch=batch,
            device=device,
            precision=precision,
            threads=threads,
            seed=seed,
            flip=flip,
            resume=not fresh,
            preview_every=preview_every,
            save_every=save_every,
            progress=callback,
        )
    if json:
        show.as_json(report.as_dict())
    else:
        show.pairs(f"{out}", report.as_dict())


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(train)
