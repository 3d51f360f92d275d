"""`fastswap train`: one person's face from two facesets."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fastswap.cli import log, options, show

if TYPE_CHECKING:
    from fastswap.training.report import TrainReport


def train(
    source: Annotated[
        list[Path], typer.Option("--source", help="Faceset of the face to learn; may be repeated.")
    ],
    out: Annotated[Path, typer.Option("--out", help="The model to write (.onnx).")],
    target: Annotated[
        list[Path] | None, typer.Option("--target", help="Faceset of the performer; may be repeated.")
    ] = None,
    consent: Annotated[
        str, typer.Option(help="The statement under which the source's face may be used; kept in the model.")
    ] = "",
    subject: Annotated[str, typer.Option(help="Who the model shows; default the source folder's name.")] = "",
    preset: Annotated[
        str,
        typer.Option(
            help="tiny (64 px), small (96), medium (128), large (224), huge (320), max (512), or a .toml file."
        ),
    ] = "tiny",
    steps: Annotated[int | None, typer.Option(help="Steps in all, resumed ones included.")] = None,
    minutes: Annotated[float | None, typer.Option(help="Minutes in all, resumed ones included.")] = None,
    batch: Annotated[int | None, typer.Option(help="Faces of each person in one step.")] = None,
    accumulate: Annotated[int, typer.Option(help="Parts that a step is worked on in, to fit memory.")] = 1,
    fit: Annotated[bool, typer.Option("--fit", help="Find the parts that fit memory.")] = False,
    device: options.Device = "auto",
    processes: Annotated[int, typer.Option(help="Processes that train together, one for each GPU.")] = 1,
    precision: Annotated[str, typer.Option(help="auto, f32 or bf16.")] = "auto",
    compiled: Annotated[
        bool | None, typer.Option("--compile/--no-compile", help="torch.compile; default on CUDA only.")
    ] = None,
    threads: options.Threads = 0,
    seed: Annotated[int, typer.Option(help="The same seed and steps give the same model.")] = 0,
    flip: Annotated[bool, typer.Option("--flip", help="Also train on mirrored faces.")] = False,
    by_pose: Annotated[
        bool, typer.Option("--by-pose/--as-is", help="Show all poses about equally often, or as they come.")
    ] = True,
    fresh: Annotated[bool, typer.Option("--fresh", help="Start anew instead of resuming.")] = False,
    start: Annotated[
        Path | None,
        typer.Option(help="Start from the weights of another training (.training folder or .pt)."),
    ] = None,
    pretrain: Annotated[
        bool,
        typer.Option(
            "--pretrain", help="Learn from mixed faces in --source; --out is a .pt to --start from."
        ),
    ] = False,
    preview_every: Annotated[float, typer.Option(help="Seconds between preview pictures.")] = 60.0,
    save_every: Annotated[float, typer.Option(help="Seconds between checkpoints.")] = 300.0,
    backup_every: Annotated[
        float, typer.Option(help="Seconds between checkpoints that are kept, the last five; 0 for none.")
    ] = 3600.0,
    board: Annotated[bool, typer.Option("--board", help="Also write TensorBoard files.")] = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
    log_format: options.Log = None,
) -> None:
    """Learns the source's face on the target's performance; resumes by itself; Ctrl-C saves and exports."""
    from fastswap.errors import SettingsError
    from fastswap.training import train as run

    if not target and not pretrain:
        raise SettingsError("train: name the performer's faceset with --target")
    with show.progress(quiet or json) as callback:
        report = run(
            source,
            target or [],
            out,
            subject=subject or source[0].name,
            consent=consent,
            preset=preset,
            steps=steps,
            minutes=minutes,
            batch=batch,
            accumulate=accumulate,
            fit=fit,
            device=device,
            processes=processes,
            precision=precision,
            compiled=compiled,
            threads=threads,
            seed=seed,
            flip=flip,
            by_pose=by_pose,
            resume=not fresh,
            start=start,
            pretrain=pretrain,
            preview_every=preview_every,
            save_every=save_every,
            backup_every=backup_every,
            board=board,
            progress=callback,
        )
    log.done("train", report.as_dict())
    if json:
        show.as_json(report.as_dict())
    else:
        show.pairs(f"{out}", _rows(report))


def _rows(report: TrainReport) -> dict[str, Any]:
    """The report in words."""
    rows: dict[str, Any] = {"trained": f"{report.steps} steps in {report.seconds:.0f} s, {report.preset}"}
    if report.faces_per_second:
        rows["trained"] += f", {report.faces_per_second:.0f} faces/s ({report.precision} on {report.device})"
    rows["faces"] = "{} of the source, {} of the target".format(*report.faces)
    rows |= {"stage": report.stage, "losses": report.losses, "started_from": report.started_from}
    made = report.export
    if made is not None:
        gaps = ", ".join(f"{worst:.2g} in {name}" for name, (worst, _) in made.difference.items())
        speeds = ", ".join(f"{faces:.0f} faces/s in {name}" for name, faces in made.speed.items())
        rows["model"] = f"{made.bytes / 1e6:.1f} MB, {made.gmac:.3g} GMAC a face"
        rows["speed"] = f"{speeds}; the network alone on this CPU"
        rows["checked"] = f"pixels differ from torch's by at most {gaps} (of 0 to 1)"
    rows |= {"preview": report.preview, "page": report.page, "checkpoint": report.checkpoint}
    return rows | {"notices": report.notices}


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(train)
