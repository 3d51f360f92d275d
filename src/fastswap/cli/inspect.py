"""`fastswap info`, `verify`, `preview` and `doctor`: look without changing anything."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fastswap.cli import options, show
from fastswap.cli.look import with_look

if TYPE_CHECKING:
    from fastswap.look import Look


def info(
    file: Annotated[
        Path, typer.Argument(help="A video, picture, folder of pictures, model or .faces sidecar.")
    ],
    json: options.Json = False,
) -> None:
    """Prints what a media file, a model or an analysis holds."""
    facts = _facts(file)
    if json:
        show.as_json(facts)
        return
    for title, rows in facts.items():
        show.pairs(title, rows)


def _facts(file: Path) -> dict[str, dict[str, Any]]:
    from fastswap import sidecar, video
    from fastswap.model import describe

    if file.suffix.lower() == ".onnx":
        return {"model": describe(file)}
    if file.suffix == sidecar.SUFFIX:
        return {"analysis": sidecar.summary(file)}
    facts: dict[str, dict[str, Any]] = {"media": video.probe(file).as_dict()}
    kept = sidecar.find(file)
    if kept is not None:
        facts["analysis"] = sidecar.summary(kept)
    return facts


def verify(
    file: Annotated[Path, typer.Argument(help="A file that fastswap or another C2PA program signed.")],
    json: options.Json = False,
) -> None:
    """Says what a file tells about its making and whether it was changed since; exit code 9 if it does not hold."""
    from fastswap import provenance
    from fastswap.errors import ProvenanceError

    report = provenance.verify(file)
    if json:
        show.as_json(report.as_dict())
    else:
        for line in report.lines():
            show.out.print(line, markup=False)
    if not report.ok:
        raise typer.Exit(ProvenanceError.exit_code)


@with_look
def preview(
    source: Annotated[Path, typer.Argument(metavar="IN", help="Video, picture or folder of pictures.")],
    model: options.Model,
    out: Annotated[
        Path, typer.Option("--out", help="The picture to write: before, after, crop, swap, mask.")
    ],
    at: Annotated[list[float] | None, typer.Option(help="Seconds into the video; may be repeated.")] = None,
    device: options.Device = "auto",
    select: options.Select = "all",
    mask_file: options.MaskFile = None,
    *,
    look: Look,
) -> None:
    """Draws before and after at chosen times into one signed picture."""
    from fastswap.preview import preview as run

    run(
        source, out, model=model, at=at or [0.0], device=device, look=look, mask_file=mask_file, select=select
    )
    show.out.print(f"{out}", markup=False)


def doctor(json: options.Json = False) -> None:
    """Checks the installation: native modules, engines, codecs, face models, certificate, folders."""
    from fastswap import doctor as checks

    report = checks.report()
    if json:
        show.as_json(report)
    else:
        for line in checks.lines(report):
            show.out.print(line)


def encoders(json: options.Json = False) -> None:
    """Lists the names that --encoder knows beside FFmpeg's own."""
    from fastswap.video.presets import PRESETS

    rows = {name: f"{p.words} ({', '.join(p.containers)})" for name, p in PRESETS.items()}
    if json:
        show.as_json(
            {
                name: {"encoder": p.encoder, "options": dict(p.options), "containers": list(p.containers)}
                for name, p in PRESETS.items()
            }
        )
    else:
        show.pairs("Encoder presets", rows)


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    for command in (info, verify, preview, encoders, doctor):
        app.command()(command)
