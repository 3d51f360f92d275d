"""`fastswap compile`: TensorRT engines ahead of the first render."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fastswap.cli import options, show


def compile_models(
    models: Annotated[list[Path], typer.Argument(metavar="MODEL...", help="Trained faces, ONNX files.")],
    device: Annotated[str, typer.Option(help="cuda or cuda:N.")] = "cuda",
    batch: Annotated[int, typer.Option(help="Faces in one run, as the renders have it; 0 for theirs.")] = 0,
    precision: Annotated[str, typer.Option(help="f16, bf16 or f32.")] = "f16",
    lean: Annotated[
        bool, typer.Option("--lean", help="For any TensorRT of this major version and its lean run time.")
    ] = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Builds the TensorRT engines of models for this GPU and keeps them, so that renders start at once."""
    from fastswap.compiling import compile_engines

    with show.progress(quiet or json) as callback:
        report = compile_engines(
            models, device=device, batch=batch, precision=precision, lean=lean, progress=callback
        )
    if json:
        show.as_json(report)
        return
    for engine in report["engines"]:
        how = f"built in {engine['seconds']} s" if engine["built"] else "was there"
        show.out.print(
            f"{engine['name']}: {how}, {engine['precision']}, batch {engine['batch']}", markup=False
        )
        for notice in engine["notices"]:
            show.out.print(f"  {notice}", markup=False)


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("compile")(compile_models)
