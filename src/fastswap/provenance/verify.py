"""Reads a manifest back and tells an untouched file from a changed one."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from fastswap.errors import InputError, ProvenanceError
from fastswap.provenance import bmff
from fastswap.provenance.codes import ALWAYS_REPORTED, about_certificate, meaning
from fastswap.provenance.container import CARRIERS, pictures_in, sidecar_of, sniff
from fastswap.provenance.library import LibraryError, Reading, read
from fastswap.provenance.local import stored_credential
from fastswap.provenance.manifest import ACTIONS_LABEL, RECORD_LABEL
from fastswap.provenance.report import Failure, SignedBy, Status, Trust, VerifyReport, folder_report

TRUST_ENV = "FASTSWAP_TRUST"

_STORE_UUID = bytes.fromhex("6332706100110010800000aa00389b71")
"""Type of the JUMBF box that holds every C2PA manifest store."""
_HEAD = 1 << 20


def verify(path: Path, *, trust: Path | None = None) -> VerifyReport:
    """What a file, or each picture of a folder, says about itself, and whether that holds.

    trust: PEM file with the authorities that you trust, default the one that `FASTSWAP_TRUST` names. Works offline.
    Reads the file once; the C2PA library takes up to half a gigabyte of memory for a large one.
    Raises InputError when there is nothing at `path`, ProvenanceError when the trust list cannot be read.
    """
    path = Path(path)
    if path.suffix == ".c2pa":
        path = path.with_suffix("")
        if not path.exists():
            raise InputError(f"{path}.c2pa: the file that it belongs to, {path.name}, is not beside it")
    if not path.exists():
        raise InputError(f"{path}: no such file")
    anchors = _anchors(trust)
    try:
        return _verify_folder(path, anchors) if path.is_dir() else _verify_file(path, anchors)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from None


def _anchors(trust: Path | None) -> dict[str, bytes]:
    """PEM of the user's trust list and of this machine's own authorities."""
    named = os.environ.get(TRUST_ENV)
    trust = trust or (Path(named).expanduser() if named else None)
    local = stored_credential()
    try:
        listed = trust.read_bytes() if trust else b""
    except OSError as error:
        raise ProvenanceError(f"{trust}: cannot read the trust list ({error.strerror or error})") from None
    if trust and b"-----BEGIN CERTIFICATE-----" not in listed:
        raise ProvenanceError(f"{trust}: the trust list holds no certificate in PEM form")
    return {"trusted": listed, "local": local.anchors if local else b""}


def _verify_folder(path: Path, anchors: Mapping[str, bytes]) -> VerifyReport:
    pictures = pictures_in(path)
    if not pictures:
        raise InputError(f"{path}: no pictures in this folder")
    files = [_verify_file(picture, anchors) for picture in pictures]
    count = max((int(each.picture.get("of", 0)) for each in files), default=0)
    missing = count - len({each.picture["number"] for each in files if each.picture})
    failures = []
    if missing > 0:
        failures.append(
            Failure("fastswap.picture.missing", f"{missing} of the {count} pictures signed are missing")
        )
    return folder_report(path, files, failures)


def _verify_file(path: Path, anchors: Mapping[str, bytes]) -> VerifyReport:
    if not path.stat().st_size:
        return VerifyReport(path, "damaged", failures=(Failure("fastswap.file.empty", "the file is empty"),))
    problem = ""
    if sniff(path) is None:
        problem = f"not a {path.suffix} file" if path.suffix.lower() in CARRIERS else ""
    else:
        try:
            reading = read(path, **anchors)
        except LibraryError as error:
            problem = str(error)
        else:
            if reading is not None:
                return _report(path, reading)
    return _beside(path, anchors) or _without_manifest(path, problem)


def _beside(path: Path, anchors: Mapping[str, bytes]) -> VerifyReport | None:
    sidecar = sidecar_of(path)
    if not sidecar.is_file():
        return None
    try:
        reading = read(path, sidecar.read_bytes(), **anchors)
    except LibraryError as error:
        failure = Failure("fastswap.sidecar.unreadable", f"the manifest beside it is damaged ({error})")
        return VerifyReport(path, "tampered", "sidecar", failures=(failure,))
    return None if reading is None else _report(path, reading)


def _without_manifest(path: Path, problem: str) -> VerifyReport:
    with path.open("rb") as file:
        held = _STORE_UUID in file.read(_HEAD)
    if held:
        words = (
            f"it holds a manifest, but its container is damaged or cut off ({problem or 'not a media file'})"
        )
        return VerifyReport(path, "tampered", failures=(Failure("fastswap.container.unreadable", words),))
    if problem:
        failure = Failure("fastswap.container.unreadable", f"damaged or cut off ({problem})")
        return VerifyReport(path, "damaged", failures=(failure,))
    return VerifyReport(path, "unsigned")


def _report(path: Path, reading: Reading) -> VerifyReport:
    manifest = reading.manifest
    record = _assertion(manifest, RECORD_LABEL)
    actions = _assertion(manifest, ACTIONS_LABEL).get("actions", [])
    failures = (*_failures(reading), *_brand_failure(path, record))
    parent: Mapping[str, Any] = next(
        (i for i in manifest.get("ingredients", []) if i.get("relationship") == "parentOf"), {}
    )
    software: Mapping[str, Any] = record.get("software") or next(
        iter(manifest.get("claim_generator_info", [])), {}
    )
    times = (
        record.get("made"),
        manifest.get("signature_info", {}).get("time"),
        *(a.get("when") for a in actions),
    )
    return VerifyReport(
        path=path,
        status=_status(reading, failures),
        carrier="embedded" if reading.embedded else "sidecar",
        signed_by=_signer(reading),
        software=f"{software.get('name', '')} {software.get('version', '')}".strip(),
        made=next((str(time) for time in times if time), ""),
        actions=tuple(_action(action) for action in actions),
        synthetic=any(
            a.get("digitalSourceType", "").lower().endswith("trainedalgorithmicmedia") for a in actions
        ),
        input=record.get("input") or ({"name": parent.get("title")} if parent else {}),
        input_manifest=_state_of(parent),
        model=record.get("model", {}),
        consent=record.get("consent", {}),
        more_models=tuple(record.get("more_models", ())),
        settings=record.get("settings", {}),
        failures=failures,
        picture=record.get("picture", {}),
    )


def _assertion(manifest: Mapping[str, Any], label: str) -> Mapping[str, Any]:
    """The data of an assertion; also of an older version of it, written by another program."""
    family = label.rsplit(".v", 1)[0]
    for assertion in manifest.get("assertions", []):
        if assertion.get("label", "").startswith(family) and isinstance(assertion.get("data"), dict):
            data: Mapping[str, Any] = assertion["data"]
            return data
    return {}


def _failures(reading: Reading) -> Iterator[Failure]:
    found = list(reading.results.get("activeManifest", {}).get("failure", []))
    for delta in reading.results.get("ingredientDeltas", []) or []:
        found += delta.get("validationDeltas", {}).get("failure", [])
    for each in found:
        if each.get("code") not in ALWAYS_REPORTED:
            yield Failure(each.get("code", ""), meaning(each.get("code", ""), each.get("explanation", "")))


def _brand_failure(path: Path, record: Mapping[str, Any]) -> Iterator[Failure]:
    expected = record.get("ftyp_sha256")
    if expected is not None:
        with path.open("rb") as file:
            if bmff.brand_hash(file) != expected:
                yield Failure("fastswap.ftyp.mismatch", "the container's type (its ftyp box) was changed")


def _status(reading: Reading, failures: tuple[Failure, ...]) -> Status:
    if not failures and reading.state in ("Valid", "Trusted"):
        return "valid"
    if failures and all(about_certificate(failure.code) for failure in failures):
        return "invalid"
    return "tampered"


def _signer(reading: Reading) -> SignedBy:
    signature = reading.manifest.get("signature_info", {})
    validity = reading.certificate.get("validity", {})
    lists: dict[str, Trust] = {"system_anchors": "list", "user_anchors": "this machine"}
    passed = {each.get("code") for each in reading.results.get("activeManifest", {}).get("success", [])}
    known = {"signingCredential.trusted", "claimSignature.validated"} <= passed
    trusted_by = reading.results.get("trustListUri", "") if known else ""
    return SignedBy(
        name=signature.get("common_name") or signature.get("issuer") or "unknown",
        organisation=signature.get("issuer", ""),
        algorithm=signature.get("alg", "").upper(),
        serial=reading.certificate.get("serialNumber", ""),
        valid_from=validity.get("notBefore", ""),
        valid_to=validity.get("notAfter", ""),
        trust=lists.get(trusted_by, "none"),
    )


def _action(action: Mapping[str, Any]) -> str:
    words = {"c2pa.opened": "opened the input", "c2pa.created": "created"}
    name = str(action.get("action", ""))
    return str(action.get("description") or words.get(name) or name.removeprefix("c2pa.").replace("_", " "))


def _state_of(ingredient: Mapping[str, Any]) -> str:
    """What the input's own manifest was worth when the input was opened; empty when it had none."""
    if not ingredient.get("active_manifest"):
        return ""
    failed = ingredient.get("validation_results", {}).get("activeManifest", {}).get("failure", [])
    return "not valid" if any(each.get("code") not in ALWAYS_REPORTED for each in failed) else "valid"
