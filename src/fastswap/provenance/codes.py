"""C2PA's validation codes (Technical Specification 2.x, 15.2) in words."""

from __future__ import annotations

ALWAYS_REPORTED = frozenset({"signingCredential.untrusted"})
"""Not being on a trust list is a fact about the signer, not a failure: `SignedBy.trust` tells it."""

_MEANINGS = {
    "assertion.bmffHash.mismatch": "the content of the file was changed",
    "assertion.dataHash.mismatch": "the content of the file was changed, or the manifest is another file's",
    "assertion.boxesHash.mismatch": "the content of the file was changed",
    "assertion.hashedURI.mismatch": "a statement in the manifest was changed",
    "assertion.missing": "a statement was taken out of the manifest",
    "assertion.undeclared": "a statement was added to the manifest",
    "assertion.inaccessible": "a statement of the manifest cannot be read",
    "assertion.action.malformed": "the list of actions is malformed",
    "claim.missing": "the claim was taken out of the manifest",
    "claim.malformed": "the claim is malformed",
    "claim.multiple": "the manifest holds more than one claim",
    "claim.hardBindings.missing": "nothing binds the manifest to the file",
    "claimSignature.missing": "the signature was taken out of the manifest",
    "claimSignature.mismatch": "the signature does not fit the manifest: one of them was changed",
    "claimSignature.outsideValidity": "it was signed outside the time in which the certificate is valid",
    "hashedURI.mismatch": "a part of the manifest was changed",
    "ingredient.hashedURI.mismatch": "what the manifest says of the input was changed",
    "ingredient.manifest.missing": "the input's own manifest was taken out",
    "ingredient.manifest.mismatch": "the input's own manifest was changed",
    "manifest.inaccessible": "the manifest cannot be read",
    "signingCredential.expired": "the certificate has expired",
    "signingCredential.invalid": "the certificate is not one that may sign",
    "signingCredential.ocsp.revoked": "the certificate was revoked",
    "signingCredential.revoked": "the certificate was revoked",
    "algorithm.unsupported": "it is signed with an algorithm that is not known here",
    "general.error": "the manifest cannot be checked",
}

_CERTIFICATE = ("signingCredential.", "timeStamp.", "algorithm.", "claimSignature.outsideValidity")


def meaning(code: str, explanation: str) -> str:
    """A code in words; for one that is not known here, the library's own."""
    return _MEANINGS.get(code) or explanation or code


def about_certificate(code: str) -> bool:
    """Whether a failure is about who signed, and says nothing about a change of the file."""
    return code.startswith(_CERTIFICATE)
