"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fastswap.cli import log
from fastswap.errors import SettingsError

Model = Annotated[Path, typer.Option("--model", "-m", help="The trained face, an ONNX file.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:N, or several GPUs as cuda:0,cuda:1.")]
Engine = Annotated[
    str, typer.Option(help="What runs the networks: auto, openvino (CPU), tensorrt (NVIDIA GPU) or torch.")
]
Select = Annotated[
    str, typer.Option(help="Which faces: all, largest, track:N, or at:SECONDS,X,Y (display pixels).")
]
MaskFile = Annotated[
    Path | None,
    typer.Option(
        help="Picture, video or folder of pictures: white where new faces may show, black where not."
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Log = Annotated[
    str | None,
    typer.Option(
        "--log", callback=log.choose, is_eager=True, help="Lines on stderr in place of bars: text or json."
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar.")]
Deinterlace = Annotated[
    bool | None,
    typer.Option(
        "--deinterlace/--no-deinterlace",
        help="Make interlaced video progressive, or take its frames as they are; without either it is refused.",
    ),
]
Threads = Annotated[
    int, typer.Option(help="CPU threads of the network and the native operations; 0 takes all.")
]
Certificate = Annotated[
    Path | None, typer.Option("--certificate", help="Your own signing certificate chain (PEM).")
]
PrivateKey = Annotated[
    Path | None, typer.Option("--private-key", help="The private key of --certificate (PEM).")
]


def key_values(pairs: list[str], option: str) -> dict[str, str]:
    """Turns ["crf=20", "preset=slow"] into a mapping. Raises SettingsError for an entry without '='."""
    result = {}
    for pair in pairs:
        key, found, value = pair.partition("=")
        if not (found and key):
            raise SettingsError(f"{option} {pair!r}: write it as NAME=VALUE")
        result[key] = value
    return result
