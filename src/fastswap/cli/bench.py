"""`fastswap bench`: the benchmarks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from fastswap.cli import options, show

bench_app = typer.Typer(
    help="Measures this machine; compare the figures by ratio, in one run.", no_args_is_help=True
)
Clip = Annotated[Path | None, typer.Option(help="A clip; default a 1080p one that is made for it.")]
Model = Annotated[Path | None, typer.Option("--model", "-m", help="A model; default the demo's.")]
Repeat = Annotated[int, typer.Option(help="Runs of each case; the median counts.")]
Table = Callable[[dict[str, Any], Console], None]


def _told(result: dict[str, Any], json: bool, table: Table) -> None:
    """The result as JSON or as a table."""
    if json:
        show.as_json(result)
    else:
        table(result, show.out)


def _pairs(title: str) -> Table:
    """A table of names and values."""
    return lambda result, _: show.pairs(title, result)


@bench_app.command()
def ops(
    json: options.Json = False,
    repeat: Repeat = 15,
) -> None:
    """The native operations against the same work in OpenCV, on the same pixels."""
    from fastswap.bench import ops as cases

    result = cases.run(repeat=repeat)
    _told(result, json, cases.print_table)


@bench_app.command()
def scaling(
    json: options.Json = False,
    repeat: Repeat = 15,
) -> None:
    """What 10 bits, a second thread and 4K cost, and each operation's GB/s beside a plain copy's."""
    from fastswap.bench import scaling as cases

    result = cases.run(repeat=repeat)
    _told(result, json, cases.print_table)


@bench_app.command()
def render(
    model: Model = None,
    preset: Annotated[
        str | None, typer.Option(help="An untrained generator of this training preset instead (needs torch).")
    ] = None,
    clip: Clip = None,
    frames: Annotated[int, typer.Option(help="Length of the clip that is made.")] = 300,
    memory: Annotated[bool, typer.Option(help="Also compare peak memory at 300 and 3,000 frames.")] = False,
    threads: options.Threads = 0,
    batch: Annotated[int, typer.Option(help="Faces in one run of the network.")] = 4,
    json: options.Json = False,
) -> None:
    """CPU time of each part of a render alone, of the whole, and what is left over."""
    from fastswap.bench import render as cases

    result = cases.run(
        model=model, preset=preset, clip=clip, frames=frames, memory=memory, threads=threads, batch=batch
    )
    _told(result, json, cases.print_table)


@bench_app.command()
def soak(
    minutes: Annotated[float, typer.Option(help="Minutes of video.")] = 30.0,
    way: Annotated[str, typer.Option(help="pipe, or file (rendered in segments).")] = "pipe",
    model: Model = None,
    json: options.Json = False,
) -> None:
    """Resident memory of a long render, through a pipe or of a file in segments."""
    from fastswap.bench import soak as cases

    result = cases.run(minutes=minutes, way=way, model=model)  # type: ignore[arg-type]
    _told(result, json, _pairs("soak"))


@bench_app.command()
def segments(
    seconds: Annotated[float, typer.Option(help="Length of the clip that is made.")] = 60.0,
    size: Annotated[str, typer.Option(help="Its size, WIDTHxHEIGHT.")] = "1280x720",
    parallel: Annotated[int, typer.Option(help="Also in this many processes.")] = 2,
    model: Model = None,
    json: options.Json = False,
) -> None:
    """What segments cost in time and size against one pass, and what processes gain."""
    from fastswap.bench import segments as cases

    result = cases.run(seconds=seconds, size=size, parallel=parallel, model=model)
    _told(result, json, _pairs("segments"))


@bench_app.command()
def cluster(
    seconds: Annotated[float, typer.Option(help="Length of the clip that is made.")] = 60.0,
    size: Annotated[str, typer.Option(help="Its size, WIDTHxHEIGHT.")] = "640x360",
    workers: Annotated[
        int, typer.Option(min=1, help="Workers, each a node with one core of this machine.")
    ] = 2,
    model: Model = None,
    json: options.Json = False,
) -> None:
    """What workers of a Ray cluster gain and what a segment costs on one, and simulated for more of them."""
    from fastswap.bench import cluster as cases

    result = cases.run(seconds=seconds, size=size, workers=workers, model=model)
    _told(result, json, cases.print_table)


@bench_app.command()
def embed(
    json: options.Json = False,
    frames: Annotated[int, typer.Option(help="Frames of each kind of picture.")] = 10_000,
) -> None:
    """Memory and CPU time of a Swapper over many frames."""
    from fastswap.bench import embed as cases

    result = cases.run(frames=frames)
    _told(result, json, cases.print_table)


@bench_app.command()
def gpu(
    json: options.Json = False,
    device: Annotated[int, typer.Option(help="Number of the GPU.")] = 0,
    batch: Annotated[int, typer.Option(help="Faces in one launch and in one run of the network.")] = 32,
    repeat: Repeat = 30,
    model: Model = None,
    clip: Clip = None,
    part: Annotated[
        list[str] | None,
        typer.Option(help="kernels, network or render; may come several times. Default all."),
    ] = None,
) -> None:
    """Kernels, generator and render on an NVIDIA GPU, each beside what the device can do at most."""
    from fastswap.bench import gpu as cases

    parts = tuple(part or ("kernels", "network", "render"))
    for name in parts:
        if name not in ("kernels", "network", "render"):
            raise typer.BadParameter(
                f"{name!r} is no part; choose kernels, network or render", param_hint="--part"
            )
    result = cases.run(device=device, batch=batch, repeat=repeat, model=model, clip=clip, parts=parts)
    _told(result, json, cases.print_table)


@bench_app.command()
def train(
    preset: Annotated[
        list[str] | None, typer.Option(help="A preset; may be repeated. Default tiny, small.")
    ] = None,
    batch: Annotated[
        int | None, typer.Option(help="Faces of each person in a step; default the preset's.")
    ] = None,
    device: options.Device = "auto",
    threads: options.Threads = 0,
    repeat: Annotated[int, typer.Option(help="Steps of each; the best counts.")] = 5,
    memory: Annotated[bool, typer.Option("--memory", help="Measure peak memory instead of speed.")] = False,
    compiled: Annotated[bool, typer.Option("--compile", help="Also measure torch.compile.")] = False,
    json: options.Json = False,
) -> None:
    """Training speed of presets against the same network in a plain eager float32 loop, or their peak memory."""
    from fastswap.training import require_torch

    require_torch()
    if memory:
        from fastswap.bench import train_memory

        peaks = train_memory.run(preset or ("tiny", "small"), batch=batch, device=device, threads=threads)
        _told(peaks, json, train_memory.print_table)
        return
    from fastswap.bench import train as cases

    result = cases.run(
        preset or ("tiny", "small"),
        batch=batch,
        device=device,
        threads=threads,
        repeat=repeat,
        compiled=compiled,
    )
    _told(result, json, cases.print_table)


@bench_app.command()
def ablation(
    work: Annotated[
        Path, typer.Argument(help="Folder for footage, models and the table; a second run goes on.")
    ],
    steps: Annotated[int, typer.Option(help="Steps of each run.")] = 3000,
    frames: Annotated[int, typer.Option(help="Practice frames of each person.")] = 400,
    group: Annotated[
        list[str] | None,
        typer.Option(help="families, loss, augmentation, stages or 'uneven footage'; default all."),
    ] = None,
    threads: Annotated[int, typer.Option(help="CPU threads.")] = 1,
) -> None:
    """Trains network families, loss terms and augmentations on synthetic actors and compares them with the truth."""
    from fastswap.bench import ablation as cases
    from fastswap.training import require_torch

    require_torch()
    path = cases.run(
        work, steps=steps, frames=frames, threads=threads, groups=tuple(group or ()), told=show.out.print
    )
    show.out.print(f"{path}", markup=False)


@bench_app.command()
def quality(
    work: Annotated[
        Path, typer.Argument(help="Folder for footage, models and pictures; a second run goes on.")
    ],
    preset: Annotated[list[str] | None, typer.Option(help="A preset; may be repeated. Default tiny.")] = None,
    minutes: Annotated[
        float | None, typer.Option(help="Training time of each; default the preset's.")
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(help="Training steps of each in place of a time: comparable between machines."),
    ] = None,
    frames: Annotated[int, typer.Option(help="Practice frames of each person.")] = 600,
    other: Annotated[list[Path] | None, typer.Option(help="Also mark this model; may be repeated.")] = None,
    threads: options.Threads = 0,
    json: options.Json = False,
) -> None:
    """Swap quality of presets on performances of synthetic actors that were not trained on."""
    from fastswap.bench import quality as cases
    from fastswap.training import require_torch

    require_torch()
    with show.progress(json) as callback:
        result = cases.run(
            work,
            preset or ("tiny",),
            minutes=minutes,
            steps=steps,
            frames=frames,
            others=other or (),
            threads=threads,
            progress=callback,
        )
    _told(result, json, cases.print_table)


@bench_app.command("expression")
def expression_(
    target: Annotated[Path, typer.Argument(help="The video that was rendered.")],
    swap: Annotated[Path, typer.Argument(help="The render of it.")],
    json: options.Json = False,
) -> None:
    """How far the face of a render does what the target's does, and how steady it is; of any footage."""
    from fastswap.bench import expression as cases

    result = cases.run(target, swap)
    _told(result, json, cases.print_table)


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    app.add_typer(bench_app, name="bench")
