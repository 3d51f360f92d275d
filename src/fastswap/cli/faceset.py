"""`fastswap faceset`: look after the faces that a training learns from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fastswap.cli import options, show

faceset_app = typer.Typer(
    help="Lists, filters, sorts, splits and merges facesets; contact sheets and pose coverage.",
    no_args_is_help=True,
)
Folder = Annotated[Path, typer.Argument(help="A faceset.")]
Out = Annotated[Path, typer.Option("--out", help="Where to write.")]


@faceset_app.command("list")
def list_(
    folders: Annotated[list[Path], typer.Argument(help="Facesets.")], json: options.Json = False
) -> None:
    """Prints what facesets hold: pictures, sources, tracks, sizes, sharpness, poses."""
    from fastswap.training.curate import summary
    from fastswap.training.faceset import open_faceset

    found = [summary(open_faceset(folder)) for folder in folders]
    if json:
        show.as_json(found)
        return
    for each in found:
        show.pairs(each["folder"], each)


@faceset_app.command("filter")
def filter_(
    folder: Folder,
    min_sharpness: Annotated[float | None, typer.Option(help="Real faces in focus have 0.5 to 1.")] = None,
    min_size: Annotated[
        float | None, typer.Option(help="Shorter side of the face in the footage, pixels.")
    ] = None,
    min_score: Annotated[float | None, typer.Option(help="Presence, 0..1.")] = None,
    min_brightness: Annotated[float | None, typer.Option(help="Mean luma, 0..1.")] = None,
    max_brightness: Annotated[float | None, typer.Option(help="Mean luma, 0..1.")] = None,
    min_yaw: Annotated[float | None, typer.Option(help="Degrees, to the picture's right.")] = None,
    max_yaw: Annotated[float | None, typer.Option(help="Degrees, to the picture's right.")] = None,
    min_pitch: Annotated[float | None, typer.Option(help="Degrees, up.")] = None,
    max_pitch: Annotated[float | None, typer.Option(help="Degrees, up.")] = None,
    track: Annotated[list[int] | None, typer.Option(help="Keep this track; may be repeated.")] = None,
    source: Annotated[
        list[str] | None, typer.Option(help="Keep faces of this file; may be repeated.")
    ] = None,
    duplicates: Annotated[
        int, typer.Option(help="Leave out what differs from another in fewer bits of 256; 8 is strict.")
    ] = 0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would be left out.")] = False,
    json: options.Json = False,
) -> None:
    """Sets pictures aside, into FOLDER/left_out; move them back by hand to have them again."""
    from fastswap.training.curate import Criteria, filter_faceset
    from fastswap.training.faceset import open_faceset

    criteria = Criteria(
        min_sharpness=min_sharpness,
        min_size=min_size,
        min_score=min_score,
        min_brightness=min_brightness,
        max_brightness=max_brightness,
        min_yaw=min_yaw,
        max_yaw=max_yaw,
        min_pitch=min_pitch,
        max_pitch=max_pitch,
        tracks=tuple(track or ()),
        sources=tuple(source or ()),
        duplicates=duplicates,
    )
    result = filter_faceset(open_faceset(folder), criteria, dry_run=dry_run)
    if json:
        show.as_json(result)
    else:
        show.pairs(f"{folder}", result)


@faceset_app.command()
def sort(
    folder: Folder,
    by: Annotated[
        str,
        typer.Option(help="sharpness, yaw, pitch, roll, brightness, size, score, track, similarity or time."),
    ],
) -> None:
    """Renames the pictures so that they lie in this order."""
    from fastswap.training.curate import rename_in_order
    from fastswap.training.faceset import open_faceset

    count = rename_in_order(open_faceset(folder), by)
    show.out.print(f"{folder}: {count} pictures by {by}", markup=False)


@faceset_app.command()
def split(
    folder: Folder,
    out: Annotated[Path, typer.Option("--out", help="Folder for person-1, person-2, ...")],
    recogniser: Annotated[
        Path | None,
        typer.Option(help="A recogniser (ONNX, ArcFace's contract); without one each track is a person."),
    ] = None,
    same: Annotated[float, typer.Option(help="Cosine from which two tracks show one person.")] = 0.4,
    least: Annotated[int, typer.Option(help="Leave away persons with fewer pictures.")] = 1,
    json: options.Json = False,
) -> None:
    """Copies a faceset of several persons into one for each."""
    from fastswap.training.faceset import open_faceset
    from fastswap.training.split import split as run

    faceset = open_faceset(folder)
    made = run(faceset, out, recogniser=recogniser, same=same, least=least)
    counts = {str(each.folder): len(each.entries) for each in made}
    left = len(faceset.entries) - sum(counts.values())
    if left:
        counts["left out"] = left
    if json:
        show.as_json(counts)
    else:
        show.pairs(f"{out}", counts)


@faceset_app.command()
def merge(
    folders: Annotated[list[Path], typer.Argument(help="Facesets of one size and coverage.")], out: Out
) -> None:
    """Copies several facesets into a new one."""
    from fastswap.training.curate import merge as run

    done = run(folders, out)
    show.out.print(f"{out}: {len(done.entries)} pictures", markup=False)


@faceset_app.command()
def sheet(
    folder: Folder,
    out: Annotated[Path | None, typer.Option("--out", help="Default FOLDER/sheet.png.")] = None,
    by: Annotated[str, typer.Option(help="Order, as for sort.")] = "time",
    most: Annotated[int, typer.Option(help="Thumbnails at most.")] = 400,
) -> None:
    """Draws a contact sheet."""
    from fastswap.errors import SettingsError
    from fastswap.training.curate import caption, ordered
    from fastswap.training.faceset import open_faceset
    from fastswap.training.sheet import write_sheet

    if most < 1:
        raise SettingsError(f"faceset sheet: --most is {most}; it must be at least 1")
    faceset = open_faceset(folder)
    entries = ordered(faceset, by)
    path = write_sheet(faceset, entries, out, most, by=by, caption=lambda entry: caption(entry, by))
    show.out.print(f"{path}", markup=False)


@faceset_app.command()
def coverage(
    source: Annotated[list[Path], typer.Option("--source", help="The source's faceset; may be repeated.")],
    target: Annotated[
        list[Path] | None, typer.Option("--target", help="The target's faceset; may be repeated.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Draw them into this .svg.")] = None,
    json: options.Json = False,
) -> None:
    """Tells which poses a faceset shows, and which of the target's poses and expressions the source lacks."""
    from fastswap.training.poses import coverage_report

    result = coverage_report(source, target or [], out)
    if json:
        show.as_json(result)
    else:
        show.pairs("coverage", result)


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    app.add_typer(faceset_app, name="faceset")
