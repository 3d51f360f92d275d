"""The only importer of c2pa: its settings, its signer and its reader.

Nothing here asks the network: no time stamps, no revocation lists, no remote manifests.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import c2pa

from fastswap.errors import ProvenanceError
from fastswap.provenance.certificate import Credential
from fastswap.provenance.container import sniff

LibraryError: type[Exception] = c2pa.C2paError
"""What the library raises."""

SIDECAR_TYPE = "application/c2pa"
_ANY = "application/octet-stream"
_HELD = "input.c2pa"
_PROBE = b"fastswap"
_SELF = {"name": "fastswap"}
_USAGES = (  # of a signing certificate, as C2PA's own trust lists state them
    "1.3.6.1.5.5.7.3.4",  # email protection
    "1.3.6.1.5.5.7.3.36",  # document signing
    "1.3.6.1.5.5.7.3.8",  # time stamping
    "1.3.6.1.5.5.7.3.9",  # OCSP signing
    "1.3.6.1.4.1.311.76.59.1.9",  # Microsoft's C2PA signing
    "1.3.6.1.4.1.62558.2.1",  # C2PA claim signing
)
_SETTINGS: dict[str, Any] = {
    # The library signs on copies of the media: small ones in memory, larger ones in the system's temporary folder.
    "core": {"backing_store_memory_threshold_in_mb": 32},
    "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False, "verify_after_sign": False},
    # `free` boxes are part of what is signed: they may hold data.
    "builder": {"thumbnail": {"enabled": False}, "bmff_hash_exclude_free_and_skip_boxes": False},
    "trust": {"trust_config": "\n".join(_USAGES)},
}


@dataclass(frozen=True, slots=True)
class Parent:
    """The input as an ingredient, prepared once for any number of manifests.

    definition: what the manifest says of it. archive: definition and embedded manifest of the input, as one. sidecar:
    the manifest that lies beside the input. A parent without a manifest has neither.
    """

    definition: Mapping[str, Any]
    archive: bytes | None = None
    sidecar: bytes | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """A manifest store as it was read and checked against its file.

    state: "Trusted", "Valid" or "Invalid". store: the library's own JSON. certificate: the signer's certificate.
    """

    state: str
    store: Mapping[str, Any]
    embedded: bool
    certificate: Mapping[str, Any] = field(default_factory=dict)

    @property
    def manifest(self) -> Mapping[str, Any]:
        """The active manifest."""
        label = self.store.get("active_manifest", "")
        found: Mapping[str, Any] = self.store.get("manifests", {}).get(label, {})
        return found

    @property
    def results(self) -> Mapping[str, Any]:
        """What the checks found."""
        found: Mapping[str, Any] = self.store.get("validation_results", {})
        return found


class Signer:
    """Signs any number of files with one credential."""

    def __init__(self, credential: Credential) -> None:
        self.credential = credential
        self._context = c2pa.Context.from_dict(_SETTINGS)
        info = c2pa.C2paSignerInfo(credential.algorithm, credential.chain, credential.key, None)
        try:
            self._signer = c2pa.Signer.from_info(info)
            problem = self._probe()
        except c2pa.C2paError as error:
            problem = str(error)
        if problem:
            raise ProvenanceError(
                f"{credential.path}: not a certificate that may sign C2PA manifests ({problem}); it needs digital "
                "signature and email protection, and must not be an authority"
            )

    def _probe(self) -> str:
        """Signs something and reads it back, so that a bad certificate shows before any work; "" when it holds."""
        action = {"action": "c2pa.created", "digitalSourceType": "http://c2pa.org/digitalsourcetype/empty"}
        actions = {"label": "c2pa.actions.v2", "data": {"actions": [action]}, "created": True}
        assertions = [actions, data_binding(hashlib.sha256(_PROBE).digest())]
        probe = {"claim_generator_info": [_SELF], "ingredients": [], "assertions": assertions}
        reading = _read_stream(io.BytesIO(_PROBE), self.sign_binding(probe, None), {})
        failed = reading.results.get("activeManifest", {}).get("failure", []) if reading else []
        return ", ".join(each["code"] for each in failed if each["code"] != "signingCredential.untrusted")

    def sign_stream(
        self,
        definition: Mapping[str, Any],
        parent: Parent | None,
        kind: str,
        source: BinaryIO,
        target: BinaryIO,
    ) -> None:
        """Writes a copy of `source` that carries the manifest. kind: MIME type. Raises c2pa's error."""
        with ExitStack() as stack:
            self._builder(definition, parent, stack).sign(self._signer, kind, source, target)

    def sign_binding(self, definition: Mapping[str, Any], parent: Parent | None) -> bytes:
        """The manifest alone; what binds it to its file is an assertion of the definition."""
        with ExitStack() as stack:
            builder = self._builder(definition, parent, stack)
            builder.set_no_embed()
            manifest: bytes = builder.sign(self._signer, _ANY, io.BytesIO(b"\0"), io.BytesIO())
            return manifest

    def parent(self, definition: Mapping[str, Any], path: Path, sidecar: Path) -> Parent:
        """The input as an ingredient; a manifest that it carries, or that lies beside it, is kept."""
        if path.is_file() and (kind := sniff(path)) is not None:
            with suppress(c2pa.C2paError), path.open("rb") as file:  # a damaged input is still the input
                if c2pa.Reader.try_create(kind, file, None, self._context) is not None:
                    return Parent(definition, archive=self._archive(definition, path, kind))
        if path.is_file() and sidecar.is_file():
            manifest = sidecar.read_bytes()
            with suppress(c2pa.C2paError):
                reading = read(path, manifest)
                if reading is None:
                    return Parent(definition)
                kept = {
                    "active_manifest": reading.store["active_manifest"],
                    "validation_results": reading.results,
                    "manifest_data": {"format": SIDECAR_TYPE, "identifier": _HELD},
                }
                return Parent({**definition, **kept}, sidecar=manifest)
        return Parent(definition)

    def _archive(self, definition: Mapping[str, Any], path: Path, kind: str) -> bytes:
        """The input as an ingredient with its own manifest, checked once; this reads the whole input."""
        held = io.BytesIO()
        with c2pa.Builder({"claim_generator_info": [_SELF]}, self._context) as builder:
            with path.open("rb") as file:
                builder.add_ingredient(dict(definition), kind, file)
            builder.write_ingredient_archive(definition["label"], held)
        return held.getvalue()

    def _builder(self, definition: Mapping[str, Any], parent: Parent | None, stack: ExitStack) -> Any:
        definition = dict(definition)
        if parent is not None and parent.archive is None:
            definition["ingredients"] = [*definition["ingredients"], dict(parent.definition)]
        builder = stack.enter_context(c2pa.Builder(definition, self._context))
        if parent is not None and parent.archive is not None:
            builder.add_ingredient_from_archive(io.BytesIO(parent.archive))
        if parent is not None and parent.sidecar is not None:
            builder.add_resource(_HELD, io.BytesIO(parent.sidecar))
        return builder


def data_binding(digest: bytes) -> dict[str, Any]:
    """The assertion that binds a manifest to a whole file by its SHA-256 (C2PA 2.x, 18.5)."""
    data = {"alg": "sha256", "hash": list(digest), "name": "fastswap", "pad": []}
    return {"label": "c2pa.hash.data", "data": data}


def read(
    path: Path, manifest: bytes | None = None, *, trusted: bytes = b"", local: bytes = b""
) -> Reading | None:
    """Reads and checks the manifest in a file, or the one given for it; None when the file carries none.

    trusted, local: PEM of the authorities on the user's trust list and of this machine. Raises LibraryError.
    """
    lists = {"trust_anchors": trusted.decode(), "user_anchors": local.decode()}
    with path.open("rb") as file:
        return _read_stream(file, manifest, {name: pem for name, pem in lists.items() if pem})


def _read_stream(file: BinaryIO, manifest: bytes | None, lists: Mapping[str, str]) -> Reading | None:
    context = c2pa.Context.from_dict({**_SETTINGS, "trust": {**_SETTINGS["trust"], **lists}})
    reader = c2pa.Reader.try_create(_ANY if manifest else None, file, manifest, context)
    if reader is None:
        return None
    with reader:
        store = json.loads(reader.json())
        details = json.loads(reader.crjson()).get("manifests", [])
    label = store.get("active_manifest")
    active: dict[str, Any] = next((each for each in details if each.get("label") == label), {})
    certificate = active.get("signature", {}).get("certificateInfo", {})
    return Reading(store.get("validation_state", "Invalid"), store, manifest is None, certificate)
