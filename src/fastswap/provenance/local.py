"""The certificate that is made on this machine the first time one is needed.

C2PA allows no self-signed leaf, so it is a leaf below an authority of its own. The authority's private key is thrown
away as soon as the leaf is signed: nothing else can ever be issued under it, so whoever trusts it trusts exactly one
leaf. Key and certificates lie in one file and can never belong to different pairs, whatever crashes or races.
"""

from __future__ import annotations

import os
import secrets
import stat
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from fastswap.errors import ProvenanceError
from fastswap.provenance.certificate import (
    CERTIFICATE_ENV,
    CONFIG_ENV,
    KEY_ENV,
    Credential,
    belongs,
    config_dir,
    credential,
    key_pem,
    named_files,
    own_credential,
    parse_certificates,
    parse_key,
    pem,
)

FILE = "signing.pem"
NAME = "fastswap local certificate"
ORGANISATION = "fastswap (self-made, on no trust list)"
LIFETIME = timedelta(days=3653)
RENEW_BEFORE = timedelta(days=1826)
"""Without a time stamp a signature holds only as long as its certificate, so a new one is made at half its life: what
is signed today can be checked for five years at least."""


def load_credential(certificate: Path | None = None, private_key: Path | None = None) -> Credential:
    """The pair named here, else by `FASTSWAP_SIGN_CERT` and `FASTSWAP_SIGN_KEY`, else the local one.

    The local pair is made when it is missing. Raises ProvenanceError, one line that names the file that is missing,
    unreadable, of the wrong kind, expired, or does not belong to the other.
    """
    files = named_files(certificate, private_key)
    return own_credential(*files) if files else local_credential()


def local_credential() -> Credential:
    """The pair of this machine; made, or renewed, when that is due."""
    path = config_dir() / FILE
    try:
        known = _open(path)
        if known is None:
            _write_private(path, _make(), replace=False)
        elif known.not_after - datetime.now(UTC) < RENEW_BEFORE:
            _write_private(path, _make() + known.anchors, replace=True)
        else:
            return known
        made = _open(path)
    except OSError as error:
        raise ProvenanceError(
            f"{path}: cannot keep a signing certificate there ({error.strerror or error}); set {CONFIG_ENV} to a "
            f"folder that can be written, or name your own with {CERTIFICATE_ENV} and {KEY_ENV}"
        ) from None
    if made is None:
        raise ProvenanceError(f"{path}: the signing certificate vanished while it was made")
    return made


def stored_credential() -> Credential | None:
    """The local pair if there is one that can be read; makes nothing and raises nothing."""
    with suppress(ProvenanceError, OSError):
        return _open(config_dir() / FILE)
    return None


def _open(path: Path) -> Credential | None:
    """The pair, an expired one too; None when there is none. Raises ProvenanceError for a damaged file."""
    try:
        data = path.read_bytes()
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            path.chmod(0o600)  # a copy or a restored backup may have opened it to others
    except FileNotFoundError:
        return None
    try:
        key = parse_key(data, path)
        leaf, authority, *older = parse_certificates(data, path)
        if not belongs(key, leaf):
            raise ValueError("another key")
    except (ProvenanceError, ValueError):
        raise ProvenanceError(f"{path}: damaged; delete it and a new certificate is made") from None
    anchors = b"".join(pem(each) for each in (authority, *older))
    return credential([leaf, authority], key, path, key_path=path, anchors=anchors)


def _make() -> bytes:
    """A new key, leaf and authority as PEM. The names say nothing about the person or the machine."""
    begin = datetime.now(UTC) - timedelta(days=1)  # clocks of two machines differ
    authority_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    issuer = _name(f"{NAME} authority")
    authority = (
        _builder(issuer, issuer, authority_key.public_key(), begin)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(key_cert_sign=True, crl_sign=True), critical=True)
        .sign(authority_key, hashes.SHA256())
    )
    above = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key())
    leaf = (
        _builder(_name(NAME), issuer, key.public_key(), begin)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
        .add_extension(above, critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    return key_pem(key) + pem(leaf) + pem(authority)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, begin: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + LIFETIME)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _name(common: str) -> x509.Name:
    parts = ((NameOID.ORGANIZATION_NAME, ORGANISATION), (NameOID.COMMON_NAME, common))
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in parts])


def _key_usage(**allowed: bool) -> x509.KeyUsage:
    names = (
        "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
        "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
    )  # fmt: skip
    return x509.KeyUsage(**{name: allowed.get(name, False) for name in names})


def _write_private(path: Path, data: bytes, *, replace: bool) -> None:
    """Writes a file that is complete or absent, and readable by its owner alone from its first byte on.

    Without `replace` the first of several processes wins and the others leave its file alone.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if replace:
            temporary.replace(path)
        else:
            _publish_once(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _publish_once(temporary: Path, path: Path) -> None:
    try:
        os.link(temporary, path)
    except FileExistsError:
        return
    except OSError:  # a file system without hard links: the last process wins, its file is complete too
        temporary.replace(path)
