"""Which model plays whose part: one for all selected faces, or several by selection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fastswap.analysis import Analysis
from fastswap.errors import SettingsError
from fastswap.match import Recogniser, tracks_like
from fastswap.progress import ProgressCallback
from fastswap.select import Selection, parse_selection

Models = str | Path | Mapping[str, str | Path]


@dataclass(frozen=True, slots=True)
class Role:
    """A model and the faces that it replaces."""

    selection: Selection
    model: Path


def parse_cast(model: Models, select: str, recogniser: str | Path | None = None) -> list[Role]:
    """The roles that `render`'s arguments mean. Raises SettingsError when they mean none."""
    roles = _roles(model, select)
    for role in roles:
        if role.selection.reference and recogniser is None:
            raise SettingsError(
                f"select {role.selection.text!r} needs a recogniser, an ONNX file of your own"
            )
    return roles


def resolve(
    cast: Sequence[Role], known: Analysis, recogniser: str | Path | None, progress: ProgressCallback | None
) -> list[Selection]:
    """The selections as ones that can be applied frame by frame; runs the whole analysis first if they need it."""
    selections = [known.resolve(role.selection, progress) for role in cast]
    references = [selection.reference for selection in selections if selection.reference]
    if not references or recogniser is None:
        return selections
    found = iter(tracks_like(known.source, known.whole(), references, Recogniser(Path(recogniser))))
    return [each.of_tracks(next(found)) if each.reference else each for each in selections]


def _roles(model: Models, select: str) -> list[Role]:
    if not isinstance(model, Mapping):
        return [Role(parse_selection(select), Path(model))]
    if select != "all":
        raise SettingsError(f"select is {select!r}, but each model has a selection of its own already")
    if not model:
        raise SettingsError("no model is named")
    return [Role(parse_selection(text), Path(path)) for text, path in model.items()]
