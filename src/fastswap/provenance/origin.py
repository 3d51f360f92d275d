"""Where an output comes from: the input, or for each picture of a folder the picture that it was made of."""

from __future__ import annotations

import hashlib
from functools import cache, cached_property
from pathlib import Path

from fastswap.errors import ProvenanceError
from fastswap.provenance.container import pictures_in, sidecar_of
from fastswap.provenance.library import Parent, Signer
from fastswap.provenance.manifest import Origin


class Origins:
    """Finds and hashes the inputs; each is read once, however many outputs it has."""

    def __init__(self, source: Path | None, signer: Signer) -> None:
        if source is not None and not source.exists():
            raise ProvenanceError(f"{source}: the input is gone; its hash belongs into the manifest")
        self._source, self._signer = source, signer
        self._cached = cache(self._read)

    def of(self, output: Path, *, in_folder: bool) -> tuple[Origin | None, Parent | None]:
        """The origin of an output and its ingredient; both None when there is no input."""
        if self._source is None:
            return None, None
        if self._source.is_dir() and in_folder:
            return self._cached(self._partner(output) or self._source)
        return self._cached(self._source)

    def _partner(self, output: Path) -> Path | None:
        """The picture that the video package named this output after."""
        by_name, by_stem = self._pictures
        return by_name.get(output.name) or by_name.get(output.stem) or by_stem.get(output.stem)

    @cached_property
    def _pictures(self) -> tuple[dict[str, Path], dict[str, Path]]:
        assert self._source is not None
        found = pictures_in(self._source)
        return {path.name: path for path in found}, {path.stem: path for path in reversed(found)}

    def _read(self, path: Path) -> tuple[Origin, Parent]:
        try:
            origin = Origin(path.resolve().name, folder_hash(path) if path.is_dir() else file_hash(path))
            return origin, self._signer.parent(origin.ingredient(), path, sidecar_of(path))
        except OSError as error:
            raise ProvenanceError(f"{path}: cannot read the input ({error.strerror or error})") from None


def file_hash(path: Path) -> str:
    """SHA-256 in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def folder_hash(folder: Path) -> str:
    """SHA-256 over a line `<sha256>  <name>` for each picture, by name: what `sha256sum *` prints."""
    lines = (f"{file_hash(path)}  {path.name}\n" for path in pictures_in(folder))
    return hashlib.sha256("".join(lines).encode()).hexdigest()
