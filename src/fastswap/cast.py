"""Which model plays whose part: one for all selected faces, or several by selection."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fastswap.errors import SettingsError
from fastswap.select import Selection, parse_selection

Models = str | Path | Mapping[str, str | Path]


@dataclass(frozen=True, slots=True)
class Role:
    """A model and the faces that it replaces."""

    selection: Selection
    model: Path


def parse_cast(model: Models, select: str) -> list[Role]:
    """The roles that `render`'s arguments mean. Raises SettingsError when they mean none."""
    if not isinstance(model, Mapping):
        return [Role(parse_selection(select), Path(model))]
    if select != "all":
        raise SettingsError(f"select is {select!r}, but each model has a selection of its own already")
    if not model:
        raise SettingsError("no model is named")
    return [Role(parse_selection(text), Path(path)) for text, path in model.items()]
