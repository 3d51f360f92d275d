"""How a worker on another machine gets at the input and the models: by the same path, or through Ray's object store."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, Literal

from fastswap.errors import InputError, SettingsError
from fastswap.segments.task import Recipe

Way = Literal["auto", "shared", "store"]
WAYS: Final = ("auto", "shared", "store")
_PART = 64 << 20  # bytes of a file in one object
_TOKEN = ".cluster-token"


class Token:
    """A file with a secret in the work folder: a worker that can read it shares the file system with the head."""

    def __init__(self, folder: Path) -> None:
        self.path, self.secret = folder / _TOKEN, secrets.token_hex(16)
        self.path.write_text(self.secret)

    def is_seen(self) -> bool:
        """Whether this machine sees it, with this very content."""
        with suppress(OSError):
            return self.path.read_text() == self.secret
        return False

    def remove(self) -> None:
        """Deletes it."""
        self.path.unlink(missing_ok=True)


def check_way(way: str) -> None:
    """Raises SettingsError for a way that is none."""
    if way not in WAYS:
        raise SettingsError(f"cluster files go {way!r}; choose {', '.join(WAYS)}")


def pack(path: Path, put: Any) -> list[Any]:
    """References to the parts of a file in the object store."""
    if path.is_dir():
        raise InputError(
            f"{path}: a folder of pictures goes to a cluster only by a path that all machines share"
        )
    return [put(part) for part in _parts(path)]


def _parts(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while part := file.read(_PART):
            yield part


def unpack(parts: list[Any], get: Any, target: Path) -> None:
    """Writes a file from its parts."""
    with target.open("wb") as file:
        for part in parts:
            file.write(get(part))


def files_of(recipe: Recipe) -> list[Path]:
    """All files and folders that a worker reads."""
    return [recipe.source, *recipe.models, *([recipe.mask_file] if recipe.mask_file else [])]


def absolute(recipe: Recipe) -> Recipe:
    """The recipe with paths that do not depend on where a process runs."""
    models = tuple(path.absolute() for path in recipe.models)
    mask = recipe.mask_file and recipe.mask_file.absolute()
    return replace(recipe, source=recipe.source.absolute(), models=models, mask_file=mask)


def moved(recipe: Recipe, folder: Path) -> Recipe:
    """The recipe with the files under `folder`, each under a name of its own but with its suffix."""
    models = tuple(folder / f"model{n}{os.path.splitext(path)[1]}" for n, path in enumerate(recipe.models))  # noqa: PTH122
    mask = recipe.mask_file and folder / f"mask{os.path.splitext(recipe.mask_file)[1]}"  # noqa: PTH122
    return replace(recipe, source=folder / recipe.source.name, models=models, mask_file=mask)
