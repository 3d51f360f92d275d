"""Signs a finished output: a video, a picture or a folder of pictures."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

from fastswap.errors import ProvenanceError
from fastswap.provenance import bmff
from fastswap.provenance.certificate import Credential
from fastswap.provenance.container import LIBRARY_LIMIT, pictures_in, sidecar_of, sniff
from fastswap.provenance.library import LibraryError, Parent, Signer, data_binding, read
from fastswap.provenance.local import load_credential
from fastswap.provenance.manifest import ModelRecord, Origin, Statement, now
from fastswap.provenance.origin import Origins, file_hash


@dataclass(frozen=True, slots=True)
class SignReport:
    """What was signed. files: how many. sidecars: the manifests that lie beside their files; the others are embedded.

    signed_by: name in the certificate. self_made: the certificate was made on this machine.
    """

    path: Path
    files: int
    sidecars: tuple[Path, ...]
    signed_by: str
    self_made: bool

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {**asdict(self), "path": str(self.path), "sidecars": [str(path) for path in self.sidecars]}


def sign(
    path: Path,
    *,
    source: Path | None,
    model: ModelRecord | None,
    others: Sequence[ModelRecord] = (),
    settings: Mapping[str, Any] | None = None,
    certificate: Path | None = None,
    private_key: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> SignReport:
    """Gives a finished file, or every picture of a folder, its manifest.

    path: is replaced by its signed self in one step, or stays as it was; where the container has no place for a
    manifest, `<name>.c2pa` beside it holds it. source: the input that was changed, None for a file made from nothing.
    model: the generator, None for footage that no model touched; others: of other faces. settings: whatever
    should be on record. certificate, private_key: see `load_credential`. progress: is told how many of how many files
    are signed.

    Raises ProvenanceError naming the file at fault; also for a file that is signed already.
    """
    path = Path(path)
    signer = Signer(load_credential(certificate, private_key))
    files = pictures_in(path) if path.is_dir() else [path]
    if not files or not files[0].is_file():
        raise ProvenanceError(f"{path}: there is nothing to sign")
    origins = Origins(Path(source) if source is not None else None, signer)
    when = now()
    sidecars = []
    for number, file in enumerate(files, 1):
        origin, parent = origins.of(file, in_folder=path.is_dir())
        place = {"picture": {"number": number, "of": len(files)}} if path.is_dir() else {}
        statement = Statement(file.name, when, origin, model, settings or {}, place, others)
        if not _sign_file(signer, file, statement, parent):
            sidecars.append(sidecar_of(file))
        if progress:
            progress(number, len(files))
    return SignReport(
        path, len(files), tuple(sidecars), signer.credential.subject, signer.credential.self_made
    )


def sign_stream(
    manifest: Path,
    digest: bytes,
    *,
    title: str,
    source: Origin,
    models: Sequence[ModelRecord],
    settings: Mapping[str, Any],
    extra: Mapping[str, Any],
    certificate: Path | None = None,
    private_key: Path | None = None,
) -> SignReport:
    """Writes the manifest of a file that is not here: what went through a pipe.

    manifest: where to. digest: SHA-256 of what was written. title: its name. Raises ProvenanceError.
    """
    signer = Signer(load_credential(certificate, private_key))
    first, *others = models
    statement = Statement(title, now(), source, first, settings, extra, others)
    try:
        signed = signer.sign_binding(statement.definition(data_binding(digest)), Parent(source.ingredient()))
        with _replacing(manifest) as file:
            file.write(signed)
    except OSError as error:
        raise ProvenanceError(f"{manifest}: cannot be written ({error.strerror or error})") from None
    except LibraryError as error:
        raise ProvenanceError(f"{manifest}: cannot be signed ({error})") from None
    return SignReport(manifest, 1, (manifest,), signer.credential.subject, signer.credential.self_made)


def check_credential(certificate: Path | None = None, private_key: Path | None = None) -> Credential:
    """Makes sure that what is to be made can be signed, before any work is done; see `load_credential`.

    Raises ProvenanceError for a certificate that is not fit for signing.
    """
    return Signer(load_credential(certificate, private_key)).credential


def _sign_file(signer: Signer, path: Path, statement: Statement, parent: Parent | None) -> bool:
    """True when the manifest is in the file, False when it is beside it."""
    try:
        kind = sniff(path)
        _refuse_signed(path, kind)
        if kind is not None and _embed(signer, path, kind, statement, parent):
            return True
        _write_sidecar(signer, path, statement, parent)
    except OSError as error:
        raise ProvenanceError(f"{path}: cannot be signed ({error.strerror or error})") from None
    except LibraryError as error:
        raise ProvenanceError(f"{path}: cannot be signed ({error})") from None
    return False


def _refuse_signed(path: Path, kind: str | None) -> None:
    """Signing again would replace what the first manifest says."""
    sidecar = sidecar_of(path)
    with suppress(LibraryError):
        if kind is not None and read(path) is not None:
            raise ProvenanceError(f"{path}: is signed already")
    with suppress(LibraryError):
        beside = read(path, sidecar.read_bytes()) if sidecar.is_file() else None
        if beside is not None and beside.state != "Invalid":  # else it belongs to an older file of this name
            raise ProvenanceError(f"{path}: is signed already, by {sidecar.name}")


def _embed(signer: Signer, path: Path, kind: str, statement: Statement, parent: Parent | None) -> bool:
    """Puts the manifest into the file; False when that cannot be done in bounded memory."""
    if kind in ("video/mp4", "video/quicktime"):
        with suppress(bmff.Unsuited), path.open("rb") as source, _replacing(path) as target:
            said = _with_brand(statement, source)
            bmff.embed(source, target, lambda bound: signer.sign_binding(said.definition(bound), parent))
            return True
    if path.stat().st_size > LIBRARY_LIMIT:
        return False
    with path.open("rb") as source, _replacing(path) as target:
        definition = _with_brand(statement, source).definition(None)
        with _system_errors(target) as watched:
            signer.sign_stream(definition, parent, kind, source, watched)
    return True


def _with_brand(statement: Statement, file: BinaryIO) -> Statement:
    """C2PA's hash leaves the `ftyp` box of an MP4 out; the record holds it, so `verify` notices a change there too."""
    brand = bmff.brand_hash(file)
    file.seek(0)
    return replace(statement, extra={**statement.extra, "ftyp_sha256": brand}) if brand else statement


def _write_sidecar(signer: Signer, path: Path, statement: Statement, parent: Parent | None) -> None:
    binding = data_binding(bytes.fromhex(file_hash(path)))
    manifest = signer.sign_binding(statement.definition(binding), parent)
    with _replacing(sidecar_of(path), like=path) as file:
        file.write(manifest)


@contextmanager
def _replacing(path: Path, like: Path | None = None) -> Iterator[BinaryIO]:
    """A file beside `path` that takes its place when the block ends, and vanishes when it fails."""
    path = path.resolve()
    handle, name = tempfile.mkstemp(prefix=".", suffix=".signing", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())  # the segments that it was made of are deleted next
        if (like or path).exists():
            shutil.copymode(like or path, temporary)
        else:
            temporary.chmod(0o644)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


class _Watched:
    """A file that remembers why the system refused a write: the library reports all failures alike."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.error: OSError | None = None

    def write(self, data: bytes) -> int:
        try:
            return self._file.write(data)
        except OSError as error:
            self.error = error
            raise

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


@contextmanager
def _system_errors(file: BinaryIO) -> Iterator[Any]:
    watched = _Watched(file)
    try:
        yield watched
    except LibraryError:
        if watched.error is not None:
            raise watched.error from None
        raise
