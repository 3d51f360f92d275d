"""Says in every file that fastswap writes what it is, and reads that back.

`sign` puts a C2PA manifest into a finished file (or beside it, where the container has no place for one), `verify`
tells an untouched file from a changed one. There is no way to switch this off or to take a manifest away.
"""

from __future__ import annotations

from fastswap.provenance.certificate import Credential, config_dir
from fastswap.provenance.local import load_credential
from fastswap.provenance.manifest import ModelRecord
from fastswap.provenance.report import Failure, VerifyReport
from fastswap.provenance.sign import SignReport, check_credential, sign, sign_stream
from fastswap.provenance.verify import verify

__all__ = [
    "Credential",
    "Failure",
    "ModelRecord",
    "SignReport",
    "VerifyReport",
    "check_credential",
    "config_dir",
    "load_credential",
    "sign",
    "sign_stream",
    "verify",
]
