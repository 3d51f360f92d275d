"""`fastswap conform`: an edit's clips, rendered and relinked."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fastswap.cli import log, options, show
from fastswap.cli.batch import fail_for
from fastswap.cli.look import with_look

if TYPE_CHECKING:
    from fastswap.look import Look


@with_look
def conform(
    edit: Annotated[Path, typer.Argument(help="The edit: .otio, .otioz or .edl (CMX 3600).")],
    model: options.Model,
    out: Annotated[
        Path, typer.Option("--out", help="Folder for the renders and the new edit; made if need be.")
    ],
    media: Annotated[Path | None, typer.Option(help="Folder with the edit's media; default its own.")] = None,
    handles: Annotated[int, typer.Option(help="Frames to keep before and after what each clip shows.")] = 0,
    only: Annotated[
        list[str] | None, typer.Option(help="Name of a clip; may be repeated. Default all.")
    ] = None,
    suffix: Annotated[str, typer.Option(help="Container of the renders.")] = ".mov",
    rate: Annotated[float, typer.Option(help="Frames per second by which an EDL counts.")] = 25.0,
    select: options.Select = "all",
    encoder: Annotated[str | None, typer.Option(help="As for render; see `fastswap encoders`.")] = None,
    option: Annotated[
        list[str] | None, typer.Option("--option", "-o", help="Encoder option NAME=VALUE; may be repeated.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would be rendered.")] = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
    log_format: options.Log = None,
    *,
    look: Look,
) -> None:
    """Renders what an edit shows of each clip, and writes the edit anew with the renders in their place."""
    from dataclasses import asdict

    from fastswap.hosts.timeline import conform as run

    settings: dict[str, Any] = {"select": select, "look": asdict(look)}
    if encoder:
        settings["encoder"] = encoder
    if option:
        settings["options"] = options.key_values(option, "--option")
    with show.progress(quiet or json) as callback:
        report = run(
            edit,
            out,
            model=model,
            media=media,
            handles=handles,
            only=only or (),
            suffix=suffix,
            rate=rate,
            settings=settings,
            dry_run=dry_run,
            progress=callback,
        )
    log.done("conform", report.as_dict())
    if json:
        show.as_json(report.as_dict())
    else:
        rows = [(line.outcome, line.output, line.error) for line in report.batch.lines]
        show.table(
            ("outcome", "output", "error"), [*rows, *(("skipped", text, "") for text in report.skipped)]
        )
        if report.edit:
            show.out.print(f"{report.edit}")
    fail_for(report.batch)


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(conform)
