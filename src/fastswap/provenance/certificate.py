"""The certificate that signs: the user's own, or else the local one."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import platformdirs
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.x509.oid import NameOID

from fastswap.errors import ProvenanceError

CERTIFICATE_ENV = "FASTSWAP_SIGN_CERT"
KEY_ENV = "FASTSWAP_SIGN_KEY"
CONFIG_ENV = "FASTSWAP_CONFIG"

_CURVES = {"secp256r1": "es256", "secp384r1": "es384", "secp521r1": "es512"}


@dataclass(frozen=True, slots=True)
class Credential:
    """What signs: a certificate chain, its key, and where they came from.

    chain, key: PEM. algorithm: C2PA's name of it. subject: the leaf's name. anchors: PEM of the local authorities,
    those of renewed certificates too; empty for the user's own certificate. self_made: made on this machine.
    """

    chain: bytes
    key: bytes = field(repr=False)
    algorithm: str
    subject: str
    not_after: datetime
    path: Path
    self_made: bool = False
    anchors: bytes = b""


def config_dir() -> Path:
    """fastswap's folder for settings (may not exist yet): `FASTSWAP_CONFIG`, or the platform's place for them."""
    named = os.environ.get(CONFIG_ENV)
    return Path(named).expanduser() if named else Path(platformdirs.user_config_dir("fastswap"))


def named_files(certificate: Path | None, private_key: Path | None) -> tuple[Path, Path] | None:
    """The files given, else those that the environment names; None when neither says anything.

    Raises ProvenanceError when one is named without the other.
    """
    if certificate is None and private_key is None:
        certificate, private_key = _from_environment(CERTIFICATE_ENV), _from_environment(KEY_ENV)
    if certificate is None and private_key is None:
        return None
    if certificate is None:
        raise ProvenanceError(f"{private_key}: a private key needs its certificate too ({CERTIFICATE_ENV})")
    if private_key is None:
        raise ProvenanceError(f"{certificate}: a certificate needs its private key too ({KEY_ENV})")
    return certificate, private_key


def own_credential(certificate: Path, private_key: Path) -> Credential:
    """The user's own pair. Raises ProvenanceError naming the file at fault."""
    chain = parse_certificates(_read(certificate, "certificate"), certificate)
    key = parse_key(_read(private_key, "private key"), private_key)
    if not belongs(key, chain[0]):
        raise ProvenanceError(
            f"{private_key}: this private key does not belong to the certificate {certificate}"
        )
    _check_dates(chain[0], certificate)
    return credential(chain, key, certificate, key_path=private_key)


def credential(
    chain: Sequence[x509.Certificate],
    key: PrivateKeyTypes,
    path: Path,
    *,
    key_path: Path,
    anchors: bytes | None = None,
) -> Credential:
    """Puts the parts together; `anchors` marks a self-made certificate."""
    return Credential(
        chain=b"".join(pem(certificate) for certificate in chain),
        key=key_pem(key),
        algorithm=_algorithm(key, key_path),
        subject=_subject(chain[0]),
        not_after=chain[0].not_valid_after_utc,
        path=path,
        self_made=anchors is not None,
        anchors=anchors or b"",
    )


def parse_certificates(data: bytes, path: Path) -> list[x509.Certificate]:
    """The certificates of a PEM file in their order, the leaf first."""
    try:
        return x509.load_pem_x509_certificates(data)
    except ValueError:
        raise ProvenanceError(f"{path}: holds no certificate in PEM form") from None


def parse_key(data: bytes, path: Path) -> PrivateKeyTypes:
    """The private key of a PEM file."""
    try:
        return serialization.load_pem_private_key(data, password=None)
    except TypeError:
        raise ProvenanceError(f"{path}: the private key is encrypted; give one without a password") from None
    except (ValueError, UnsupportedAlgorithm):
        raise ProvenanceError(f"{path}: holds no private key in PEM form") from None


def belongs(key: PrivateKeyTypes, leaf: x509.Certificate) -> bool:
    """Whether the key is the certificate's."""
    form = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return key.public_key().public_bytes(*form) == leaf.public_key().public_bytes(*form)


def pem(certificate: x509.Certificate) -> bytes:
    """A certificate as PEM."""
    return certificate.public_bytes(serialization.Encoding.PEM)


def key_pem(key: PrivateKeyTypes) -> bytes:
    """A key as PKCS #8 PEM, the one form that the C2PA library takes for every algorithm."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _from_environment(variable: str) -> Path | None:
    value = os.environ.get(variable)
    return Path(value).expanduser() if value else None


def _read(path: Path, what: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ProvenanceError(f"{path}: cannot read the {what} ({error.strerror or error})") from None


def _check_dates(leaf: x509.Certificate, path: Path) -> None:
    now = datetime.now(UTC)
    if now > leaf.not_valid_after_utc:
        raise ProvenanceError(f"{path}: the certificate expired on {leaf.not_valid_after_utc:%Y-%m-%d}")
    if now < leaf.not_valid_before_utc:
        raise ProvenanceError(
            f"{path}: the certificate is valid only from {leaf.not_valid_before_utc:%Y-%m-%d}"
        )


def _algorithm(key: PrivateKeyTypes, path: Path) -> str:
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name in _CURVES:
        return _CURVES[key.curve.name]
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size >= 2048:
        return "ps256"
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return "ed25519"
    raise ProvenanceError(
        f"{path}: C2PA signs with P-256, P-384, P-521, Ed25519 or RSA keys (2048 bits or more)"
    )


def _subject(certificate: x509.Certificate) -> str:
    for oid in (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME):
        for attribute in certificate.subject.get_attributes_for_oid(oid):
            return str(attribute.value)
    return certificate.subject.rfc4514_string()
