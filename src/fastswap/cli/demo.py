"""`fastswap demo`: two synthetic people and a swap between them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fastswap.cli import options, show


def demo(
    out: Annotated[Path, typer.Option("--out", help="Folder for the results.")],
    seconds: Annotated[float, typer.Option(help="Length of the target video.")] = 6.0,
    train: Annotated[
        float | None,
        typer.Option("--train", help="Train a tiny model for so many minutes first (needs torch)."),
    ] = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Renders two people who do not exist, swaps their faces and measures the result against the truth."""
    from fastswap.demo import run

    with show.progress(quiet or json) as callback:
        report = run(out, seconds=seconds, train_minutes=train, progress=callback)
    if json:
        show.as_json(report.as_dict())
        return
    rows = {
        f"{name}: PSNR dB, SSIM, landmark error": f"{c.psnr:.2f}  {c.ssim:.4f}  {c.landmarks:.4f}"
        for name, c in (("target against truth", report.before), ("swap against truth", report.after))
    }
    show.pairs("face region", rows)
    show.out.print(f"before, after, truth: {report.files['before_after.png']}", markup=False)
    show.out.print(f"video:                {report.files['swapped.mp4']}", markup=False)


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(demo)
