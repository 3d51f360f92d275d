"""The look's settings as options: `--look look.toml` and one option for each setting, which overrides the file."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

OPTIONS = {
    "color": (str, "Colour match: none, reinhard, linear, mkl, histogram or sliced."),
    "color_strength": (float, "0 keeps the new face's colours, 1 matches them fully."),
    "steady": (int, "Frames before and after each one that steady its colour, sharpness and grain."),
    "mask": (str, "Parts of mesh, generator, ellipse and box, joined by * (product) or + (union)."),
    "forehead": (float, "Raises the mesh outline's top, as a fraction of the length from chin to forehead."),
    "erode": (float, "Shrinks the mask, below 0 grows it; as a fraction of the face's width."),
    "feather": (float, "Width of the mask's soft edge, as a fraction of the face's width."),
    "blend": (
        str,
        "feather, poisson (takes over the target's light) or multiband (fades coarse colour widely).",
    ),
    "opacity": (float, "0 keeps the target, 1 shows the new face alone."),
    "scale": (float, "How much larger than the target's face the new one is drawn."),
    "sharpness": (float, "0 leaves the new face as it is, 1 matches the target's fine detail."),
    "grain": (float, "Noise added to the new face, as a part of the target's."),
    "motion_blur": (float, "Smears the new face along its track: the shutter's part of a frame's time."),
    "enlarge": (str, "Filter where the face is larger than the crop: bilinear, bicubic or lanczos."),
}
"""Type and help of each setting that has an option of its own."""

_FILE = Annotated[
    Path | None, typer.Option("--look", help="TOML file with the look; single options override it.")
]


def with_look(command: Callable[..., None]) -> Callable[..., None]:
    """Gives a command the options of the look; it takes the `Look` that they make as its argument `look`."""

    @functools.wraps(command)
    def wrapped(**values: Any) -> None:
        from fastswap.look import Look

        file = values.pop("look")
        chosen = {name: values.pop(name) for name in OPTIONS}
        look = Look.load(file) if file else Look()
        command(**values, look=look.changed(chosen))

    keyword = inspect.Parameter.KEYWORD_ONLY
    added = [inspect.Parameter("look", keyword, default=None, annotation=_FILE)]
    for name, (kind, text) in OPTIONS.items():
        option = Annotated[kind | None, typer.Option(help=text)]  # type: ignore[valid-type]
        added.append(inspect.Parameter(name, keyword, default=None, annotation=option))
    own = inspect.signature(command)
    hints = get_type_hints(command, localns={"Look": object}, include_extras=True)  # Look's module loads late
    kept = [
        p.replace(kind=keyword, annotation=hints[p.name]) for p in own.parameters.values() if p.name != "look"
    ]
    wrapped.__signature__ = own.replace(parameters=[*kept, *added])  # type: ignore[attr-defined]
    wrapped.__annotations__ = {p.name: p.annotation for p in [*kept, *added]}
    return wrapped
