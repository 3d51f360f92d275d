"""The `fastswap` command. Each module adds its commands to `app`; heavy imports wait until a command runs."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(
    name="fastswap",
    help="Learns one person's face and puts it on another in a video or a picture, fast, and signs what it made.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=True,
    rich_markup_mode="rich",
)


def _version(asked: bool) -> None:
    if asked:
        from fastswap import __version__

        typer.echo(f"fastswap {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """What comes before a command."""


def build() -> typer.Typer:
    """The whole command."""
    from fastswap.cli import analyse, batch, bench, compiling, conform, demo, faceset, inspect, render, train

    for module in (render, batch, conform, analyse, faceset, train, inspect, demo, bench, compiling):
        module.register(app)
    return app
