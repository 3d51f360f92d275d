"""What the tests of provenance share: unsigned footage, certificates and a record."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from fastswap import video
from fastswap.provenance import ModelRecord, SignReport, sign

MODEL = ModelRecord(
    name="anna.onnx",
    sha256="5e" * 32,
    subject="Anna Ålund",
    consent="I, Anna Ålund, agree to the use of my face.",
)
STUDIO = "Studio of the tests"

EMBEDDED = ("mp4", "mov", "m4v", "avi", "png", "jpg", "webp", "tif")
BESIDE = ("mkv", "webm", "ts", "bmp")
MOVIES = ("mp4", "mov", "m4v", "avi", "mkv", "webm", "ts")
_ENCODERS = {"webm": ("libvpx", {"deadline": "realtime"}), "avi": ("mpeg4", {})}


@pytest.fixture
def no_own_certificate(monkeypatch: pytest.MonkeyPatch) -> None:
    """The developer's own signing settings do not reach the tests."""
    for name in ("FASTSWAP_SIGN_CERT", "FASTSWAP_SIGN_KEY", "FASTSWAP_TRUST"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def unsigned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small file of every kind: in.<suffix>."""
    folder = tmp_path_factory.mktemp("unsigned")
    pictures = np.random.default_rng(7).integers(0, 256, (5, 48, 64, 3), dtype=np.uint8)
    for suffix in (*EMBEDDED, *BESIDE):
        path = folder / f"in.{suffix}"
        if suffix in MOVIES:
            encoder, options = _ENCODERS.get(suffix, ("libx264", {"preset": "ultrafast"}))
            video.write_video(path, pictures, 25, encoder=encoder, options=options)
        else:
            video.save_picture(path, pictures[0])
    return folder


@pytest.fixture
def output(unsigned: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A copy of the file of the suffix that the test is parametrised with, see `each`."""
    return Path(shutil.copy(unsigned / f"in.{request.param}", tmp_path / f"out.{request.param}"))


def each(*suffixes: str) -> pytest.MarkDecorator:
    """Runs a test on an `output` of each suffix."""
    return pytest.mark.parametrize("output", suffixes, indirect=True)


def sign_from(output: Path, unsigned: Path) -> SignReport:
    """Signs as a render of in.mp4 would."""
    return sign(output, source=unsigned / "in.mp4", model=MODEL, settings={"look": {"opacity": 0.5}})


def make_key(kind: str) -> CertificateIssuerPrivateKeyTypes:
    """kind: p256, p384, rsa or ed25519."""
    if kind == "rsa":
        return rsa.generate_private_key(65537, 2048)
    if kind == "ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    return ec.generate_private_key(ec.SECP384R1() if kind == "p384" else ec.SECP256R1())


def write_pair(
    folder: Path,
    kind: str = "p256",
    *,
    begin: timedelta = timedelta(days=-1),
    end: timedelta = timedelta(days=30),
    email: bool = True,
    authority: bool = False,
    password: bytes | None = None,
) -> tuple[Path, Path]:
    """Writes chain.pem and key.pem: a leaf below an authority of its own, valid from now + begin to now + end."""
    key, above = make_key(kind), make_key("p256")
    now = datetime.now(UTC)
    usage = dict.fromkeys(
        (
            "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
            "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
        ),
        False,
    )  # fmt: skip
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(above.public_key())
    leaf = _builder(STUDIO, key, now + begin, now + end).add_extension(identifier, critical=False)
    leaf = leaf.add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    leaf = leaf.add_extension(x509.KeyUsage(**{**usage, "digital_signature": True}), critical=True)
    if email:
        leaf = leaf.add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False
        )
    top = _builder(f"{STUDIO} authority", above, now - timedelta(days=400), now + timedelta(days=400))
    top = top.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    top = top.add_extension(x509.KeyUsage(**{**usage, "key_cert_sign": True}), critical=True)
    chain = [
        each.sign(above, hashes.SHA256()).public_bytes(serialization.Encoding.PEM) for each in (leaf, top)
    ]
    locked = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    certificate_path, key_path = folder / "chain.pem", folder / "key.pem"
    certificate_path.write_bytes(b"".join(chain))
    key_path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, locked)
    )
    return certificate_path, key_path


def _builder(
    name: str, key: CertificateIssuerPrivateKeyTypes, begin: datetime, end: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .issuer_name(_name(f"{STUDIO} authority"))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _name(common: str) -> x509.Name:
    parts = ((NameOID.COMMON_NAME, common), (NameOID.ORGANIZATION_NAME, "fastswap tests"))
    return x509.Name([x509.NameAttribute(oid, text) for oid, text in parts])
