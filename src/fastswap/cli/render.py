"""`fastswap render`: a face into a video, a picture or a folder of pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fastswap.cli import log, options, show
from fastswap.cli.look import with_look
from fastswap.errors import SettingsError

if TYPE_CHECKING:
    from fastswap.look import Look


@with_look
def render(
    source: Annotated[
        Path, typer.Argument(metavar="IN", help="Video, picture or folder of pictures; - for a pipe.")
    ],
    output: Annotated[
        Path,
        typer.Argument(metavar="OUT", help="What to write; the suffix chooses the container; - for a pipe."),
    ],
    model: Annotated[
        Path | None, typer.Option("--model", "-m", help="The trained face, an ONNX file.")
    ] = None,
    device: options.Device = "auto",
    engine: options.Engine = "auto",
    select: options.Select = "all",
    mask_file: options.MaskFile = None,
    face: Annotated[
        list[str] | None,
        typer.Option(help="SELECT=MODEL in place of --model and --select; repeat it for several people."),
    ] = None,
    recogniser: Annotated[
        Path | None, typer.Option(help="A face recogniser (ONNX) of your own, for --select ref:PICTURE.")
    ] = None,
    encoder: Annotated[
        str | None,
        typer.Option(
            help="A preset (prores-hq, prores-4444, dnxhr-hqx, ffv1, x265-10bit, av1, ...; see `fastswap encoders`)"
            " or FFmpeg's name of an encoder; default libx264."
        ),
    ] = None,
    option: Annotated[
        list[str] | None, typer.Option("--option", "-o", help="Encoder option NAME=VALUE; may be repeated.")
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(help="First moment to render: seconds, 00:01:02.5, a frame as 250f, or a time code."),
    ] = None,
    end: Annotated[str | None, typer.Option(help="Moment to stop before, written like --start.")] = None,
    deinterlace: options.Deinterlace = None,
    matte: Annotated[
        Path | None,
        typer.Option(
            help="Also write the matte: .mkv (gray FFV1), a folder of PNG, or dir/name_%06d.png (.exr)."
        ),
    ] = None,
    layer: Annotated[
        Path | None,
        typer.Option(
            help="Also write the new faces alone with alpha: .mov (ProRes 4444), .mkv (FFV1), a folder of PNG, or"
            " dir/name_%06d.exr."
        ),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(
            help="Also write a page (.html) with frames before and after, tracks, measures and settings."
        ),
    ] = None,
    analysis: Annotated[
        Path | None, typer.Option(help="The sidecar with the faces; default IN.faces, reused when it fits.")
    ] = None,
    batch: Annotated[int, typer.Option(help="Faces in one run of the network; 0 chooses.")] = 0,
    threads: options.Threads = 0,
    parallel: Annotated[
        int, typer.Option(help="Processes that render segments at the same time; the bytes are the same.")
    ] = 0,
    cluster: Annotated[
        str | None,
        typer.Option(
            help="Render segments on a Ray cluster: auto or its address; --parallel limits the workers."
        ),
    ] = None,
    cluster_files: Annotated[
        str,
        typer.Option(
            help="How the input gets to the cluster: by a shared path, or Ray's store; auto, shared or store."
        ),
    ] = "auto",
    container: Annotated[
        str | None, typer.Option(help="What a pipe carries: y4m or nut; default that of the input.")
    ] = None,
    manifest: Annotated[
        Path | None,
        typer.Option(
            help="Where the manifest of what went through a pipe goes; default fastswap-HASH.c2pa here."
        ),
    ] = None,
    certificate: options.Certificate = None,
    private_key: options.PrivateKey = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
    log_format: options.Log = None,
    *,
    look: Look,
) -> None:
    """Puts the model's face on the faces of IN, writes OUT and signs it as synthetic."""
    from fastswap.pipeline import render as run

    models = _models(model, face or [])
    if "-" in (str(source), str(output)):
        fixed: dict[str, Any] = {"--start": start, "--end": end, "--matte": matte, "--layer": layer}
        fixed |= {
            "--report": report,
            "--analysis": analysis,
            "--parallel": parallel if parallel > 1 else None,
            "--cluster": cluster,
            "--recogniser": recogniser,
        }
        _check_pipes(source, output, fixed)
        common = {
            "model": models, "device": device, "engine": engine, "look": look, "mask_file": mask_file, "select": select,
            "encoder": encoder,
            "encoder_options": options.key_values(option or [], "--option"), "deinterlace": deinterlace,
            "batch": batch, "threads": threads, "certificate": certificate, "private_key": private_key,
        }  # fmt: skip
        _through_pipes(common, container, manifest, json, quiet)
        return
    if container or manifest:
        raise SettingsError("--container and --manifest are for pipes: fastswap render - -")
    with show.progress(quiet or json) as callback:
        result = run(
            source,
            output,
            model=models,
            device=device,
            engine=engine,
            look=look,
            mask_file=mask_file,
            select=select,
            recogniser=recogniser,
            encoder=encoder,
            encoder_options=options.key_values(option or [], "--option"),
            start=start,
            end=end,
            deinterlace=deinterlace,
            matte=matte,
            layer=layer,
            report_page=report,
            analysis=analysis,
            batch=batch,
            threads=threads,
            parallel=parallel,
            cluster=cluster,
            cluster_files=cluster_files,
            certificate=certificate,
            private_key=private_key,
            progress=callback,
        )
    log.done("render", result.as_dict())
    if json:
        show.as_json(result.as_dict())
    else:
        show.pairs(f"{output}", result.as_dict())


def _models(model: Path | None, faces: list[str]) -> Path | dict[str, str]:
    if model is not None and faces:
        raise SettingsError("--model and --face exclude each other: --face names a model for each selection")
    if model is not None:
        return model
    if not faces:
        raise SettingsError("name a model: --model FILE, or --face SELECT=FILE for several people")
    return options.key_values(faces, "--face")


def _check_pipes(source: Path, output: Path, fixed: dict[str, Any]) -> None:
    if (str(source), str(output)) != ("-", "-"):
        raise SettingsError(
            "a pipe on one side needs one on the other: ffmpeg -i IN -f nut - | fastswap render - - | ffmpeg -i - OUT"
        )
    for name, value in fixed.items():
        if value is not None:
            raise SettingsError(f"{name} needs a file; a pipe is seen once, from the first frame to the last")


def _through_pipes(
    common: dict[str, Any], container: str | None, manifest: Path | None, json: bool, quiet: bool
) -> None:
    """The report goes to standard error: standard output is the video's."""
    from fastswap.pipes import render_pipe, standard_output

    output = standard_output()
    with show.progress(quiet or json) as callback:
        result = render_pipe(0, output, container=container, manifest=manifest, progress=callback, **common)
    log.done("render", result.as_dict())
    if json:
        show.as_json(result.as_dict())
    elif not quiet and log.chosen() != "json":
        show.pairs("standard output", result.as_dict())


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(render)
