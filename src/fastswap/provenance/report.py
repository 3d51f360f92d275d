"""What `verify` found, as words and as plain values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

Status = Literal["valid", "tampered", "invalid", "damaged", "unsigned"]
Trust = Literal["list", "this machine", "none"]

_ORDER: tuple[Status, ...] = ("tampered", "damaged", "invalid", "unsigned", "valid")

_VERDICTS: Mapping[Status, str] = {
    "valid": "valid: unchanged since it was signed",
    "tampered": "TAMPERED: changed since it was signed",
    "invalid": "invalid: the signature cannot be relied on",
    "damaged": "damaged: the file cannot be read, and no manifest was found in it",
    "unsigned": "unsigned: it carries no manifest and none lies beside it",
}
_TRUST: Mapping[Trust, str] = {
    "list": "on your trust list",
    "this machine": "a certificate made on this machine (not on a trust list)",
    "none": "a certificate that is on no trust list: anyone can make one of that name",
}


@dataclass(frozen=True, slots=True)
class Failure:
    """One check that failed. code: C2PA's, or `fastswap.*`. meaning: what it says, in words."""

    code: str
    meaning: str


@dataclass(frozen=True, slots=True)
class SignedBy:
    """The signer. valid_from, valid_to: ISO 8601. trust: whose list the certificate is on."""

    name: str
    organisation: str
    algorithm: str
    serial: str
    valid_from: str
    valid_to: str
    trust: Trust


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What a file says about itself, and whether that holds.

    status: "valid", "tampered", "invalid" (certificate expired, revoked or malformed), "damaged" or "unsigned".
    carrier: "embedded", "sidecar" or None. actions: what was done, in words. made: time by the signer's own clock.
    input, model, consent, more_models, settings: fastswap's record; empty in files of other programs.
    input_manifest: state of the manifest that the input carried when it was opened. files: the reports of a
    folder's pictures.
    """

    path: Path
    status: Status
    carrier: Literal["embedded", "sidecar"] | None = None
    signed_by: SignedBy | None = None
    software: str = ""
    made: str = ""
    actions: tuple[str, ...] = ()
    synthetic: bool = False
    input: Mapping[str, Any] = field(default_factory=dict)
    input_manifest: str = ""
    model: Mapping[str, Any] = field(default_factory=dict)
    consent: Mapping[str, Any] = field(default_factory=dict)
    more_models: Sequence[Mapping[str, Any]] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    failures: tuple[Failure, ...] = ()
    picture: Mapping[str, Any] = field(default_factory=dict)
    files: tuple[VerifyReport, ...] = ()

    @property
    def ok(self) -> bool:
        """True only for a file that is signed and untouched."""
        return self.status == "valid"

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            **asdict(self),
            "path": str(self.path),
            "ok": self.ok,
            "files": [each.as_dict() for each in self.files],
        }

    def lines(self) -> list[str]:
        """The report in words, one line each, the verdict first."""
        return [f"{self.path}: {_VERDICTS[self.status]}", *(f"  {line}" for line in self._details())]

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def _details(self) -> Iterator[str]:
        for failure in self.failures:
            yield f"failed: {failure.meaning} [{failure.code}]"
        if self.files:
            yield from _counts(self.files)
        if self.signed_by and not self.ok:
            yield "it says the following, which need not hold any more:"
        if self.signed_by:
            yield f"signed by: {self.signed_by.name}, {_TRUST[self.signed_by.trust]}"
            yield f"certificate: {self.signed_by.algorithm}, valid to {self.signed_by.valid_to[:10]}"
        if self.made:
            yield f"made: {self.made} by the signer's clock, with {self.software or 'an unknown program'}"
        elif self.software:
            yield f"made with: {self.software}"
        yield from (f"done: {action}" for action in self.actions)
        if self.synthetic:
            yield "synthetic: contains media made with a trained model"
        if self.input:
            kept = f", its own manifest was {self.input_manifest}" if self.input_manifest else ""
            yield f"input: {self.input.get('name')} (SHA-256 {self.input.get('sha256')}){kept}"
        if self.model:
            yield f"model: {self.model.get('name')} (SHA-256 {self.model.get('sha256')})"
        if self.consent:
            yield f"face of: {self.consent.get('subject')}"
            yield f"consent: {self.consent.get('statement')}"
        for more in self.more_models:
            yield f"model: {more.get('name')} (SHA-256 {more.get('sha256')})"
            yield f"face of: {more.get('subject')}"
            yield f"consent: {more.get('consent')}"
        if self.carrier == "sidecar":
            yield "manifest: in the .c2pa file beside it"


def folder_report(path: Path, files: Sequence[VerifyReport], failures: Sequence[Failure]) -> VerifyReport:
    """The report of a folder: its worst picture decides."""
    found: list[Status] = [each.status for each in files]
    if failures:
        found.append("tampered")
    worst = min(found, key=_ORDER.index)
    return VerifyReport(path, worst, failures=tuple(failures), files=tuple(files))


def _counts(files: Sequence[VerifyReport]) -> Iterator[str]:
    for status in _ORDER:
        found = [each for each in files if each.status == status]
        if found:
            yield f"{len(found)} of {len(files)} pictures {status}"
        if status != "valid":
            for each in found:
                yield from (f"  {line}" for line in each.lines())
    first = next((each for each in files if each.ok), None)
    if first is not None:
        yield "the first valid one says:"
        yield from (f"  {line}" for line in first.lines())
