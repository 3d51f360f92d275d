"""The certificate that signs: made once and kept private, or the user's own."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509

from fastswap.errors import ProvenanceError
from fastswap.provenance import check_credential, load_credential, local, sign, verify
from signing import MODEL, STUDIO, each, write_pair

pytestmark = pytest.mark.usefixtures("no_own_certificate")


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A config folder that does not exist yet."""
    folder = tmp_path / "new" / "config"
    monkeypatch.setenv("FASTSWAP_CONFIG", str(folder))
    return folder


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_local_certificate_is_made_once_and_private(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    monkeypatch.setattr(local.os, "fsync", lambda handle: seen.append(stat.S_IMODE(os.fstat(handle).st_mode)))
    before = os.umask(0)  # the strictest test: nothing but our own mode protects the key
    try:
        first = load_credential()
    finally:
        os.umask(before)
    assert seen == [0o600]
    assert [path.name for path in config.iterdir()] == ["signing.pem"]
    assert (mode(config), mode(config / "signing.pem")) == (0o700, 0o600)
    assert load_credential() == first
    assert first.self_made
    assert first.algorithm == "es256"


def test_the_authority_cannot_issue_again(config: Path) -> None:
    credential = load_credential()
    stored = (config / "signing.pem").read_bytes()
    assert stored.count(b"PRIVATE KEY-----") == 2  # begin and end of one key
    leaf, authority = x509.load_pem_x509_certificates(credential.chain)
    leaf.verify_directly_issued_by(authority)
    assert not leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    usage = leaf.extensions.get_extension_for_class(x509.KeyUsage).value
    assert usage.digital_signature
    assert not usage.key_cert_sign
    extended = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert x509.oid.ExtendedKeyUsageOID.EMAIL_PROTECTION in extended
    for name in (os.uname().nodename, os.environ.get("USER", "root")):
        assert f"={name}" not in leaf.subject.rfc4514_string()


def test_processes_at_once_share_one_certificate(config: Path, tmp_path: Path) -> None:
    go = tmp_path / "go"
    code = (
        "import sys, time; from pathlib import Path; from fastswap.provenance import load_credential\n"
        "print('ready', flush=True)\n"
        "while not Path(sys.argv[1]).exists(): time.sleep(0.0005)\n"
        "print(load_credential().chain.hex())"
    )
    workers = [
        subprocess.Popen([sys.executable, "-c", code, go], stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    for worker in workers:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"
    go.touch()
    chains = {worker.communicate()[0] for worker in workers}
    assert [worker.returncode for worker in workers] == [0] * 4
    assert chains == {load_credential().chain.hex() + "\n"}
    assert [path.name for path in config.iterdir()] == ["signing.pem"]


@each("png")
def test_renewal_keeps_old_signatures_good(
    output: Path, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(local, "LIFETIME", timedelta(days=100))
        old = load_credential()
        sign(output, source=None, model=MODEL)
    new = load_credential()
    assert new.chain != old.chain
    assert new == load_credential()
    assert mode(config / "signing.pem") == 0o600
    found = verify(output)
    assert found.ok, found
    assert found.signed_by is not None
    assert found.signed_by.trust == "this machine"


def test_an_opened_key_is_closed_again(config: Path) -> None:
    first = load_credential()
    (config / "signing.pem").chmod(0o644)
    assert load_credential() == first
    assert mode(config / "signing.pem") == 0o600


@pytest.mark.parametrize("damage", [b"", b"hello", None])
def test_a_damaged_certificate_is_reported_and_kept(config: Path, damage: bytes | None) -> None:
    load_credential()
    path = config / "signing.pem"
    content = path.read_bytes()[:-200] if damage is None else damage
    path.write_bytes(content)
    with pytest.raises(ProvenanceError, match=rf"{re.escape(str(path))}: damaged"):
        load_credential()
    assert path.read_bytes() == content


def test_a_folder_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("FASTSWAP_CONFIG", str(tmp_path / "file" / "config"))
    with pytest.raises(ProvenanceError, match=r"cannot keep a signing certificate there.*FASTSWAP_SIGN_CERT"):
        load_credential()


@each("mp4")
def test_another_machine_does_not_know_the_certificate(
    output: Path, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign(output, source=None, model=MODEL)
    monkeypatch.setenv("FASTSWAP_CONFIG", str(config.parent / "elsewhere"))
    found = verify(output)
    assert found.ok
    assert found.signed_by is not None
    assert found.signed_by.trust == "none"
    assert "on no trust list" in str(found)
    assert not (config.parent / "elsewhere").exists()  # looking makes nothing


@pytest.mark.parametrize(("kind", "algorithm"), [
    ("p256", "ES256"), ("p384", "ES384"), ("rsa", "PS256"), ("ed25519", "ED25519"),
])  # fmt: skip
@each("mp4", "mkv")
def test_the_users_own_certificate(
    output: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, algorithm: str
) -> None:
    certificate, key = write_pair(tmp_path, kind)
    if output.suffix == ".mp4":
        signed = sign(output, source=None, model=MODEL, certificate=certificate, private_key=key)
    else:
        monkeypatch.setenv("FASTSWAP_SIGN_CERT", str(certificate))
        monkeypatch.setenv("FASTSWAP_SIGN_KEY", str(key))
        signed = sign(output, source=None, model=MODEL)
    assert (signed.signed_by, signed.self_made) == (STUDIO, False)
    found = verify(output)
    assert found.ok, found
    assert found.signed_by is not None
    assert (found.signed_by.name, found.signed_by.algorithm, found.signed_by.trust) == (
        STUDIO,
        algorithm,
        "none",
    )
    listed = verify(output, trust=certificate)
    assert listed.signed_by is not None
    assert listed.signed_by.trust == "list"
    assert "on your trust list" in str(listed)
    monkeypatch.setenv("FASTSWAP_TRUST", str(certificate))
    assert verify(output).signed_by == listed.signed_by


def test_a_bad_trust_list(tmp_path: Path) -> None:
    (tmp_path / "list.pem").write_text("nothing")
    (tmp_path / "x.txt").touch()
    for name in ("list.pem", "none.pem"):
        with pytest.raises(ProvenanceError, match=rf"{name}.*trust list"):
            verify(tmp_path / "x.txt", trust=tmp_path / name)


def bad_pair(folder: Path, case: str) -> tuple[Path | None, Path | None]:
    """A pair that cannot sign, for the reason that `case` names."""
    days = timedelta(days=1)
    options = {
        "expired": {"begin": -9 * days, "end": -3 * days}, "early": {"begin": 3 * days}, "usage": {"email": False},
        "authority": {"authority": True}, "encrypted": {"password": b"secret"},
    }.get(case, {})  # fmt: skip
    certificate, key = write_pair(folder, **options)  # type: ignore[arg-type]
    if case == "other key":
        other = folder / "other"
        other.mkdir()
        key = write_pair(other)[1]
    if case in ("no certificate", "no key"):
        (certificate if case == "no certificate" else key).unlink()
    if case in ("text certificate", "text key"):
        (certificate if case == "text certificate" else key).write_text("hello")
    return None if case == "only key" else certificate, None if case == "only certificate" else key


@pytest.mark.parametrize(("case", "words"), [
    ("no certificate", r"chain\.pem: cannot read the certificate \(No such file"),
    ("no key", r"key\.pem: cannot read the private key \(No such file"),
    ("text certificate", r"chain\.pem: holds no certificate"),
    ("text key", r"key\.pem: holds no private key"),
    ("only certificate", r"chain\.pem: a certificate needs its private key"),
    ("only key", r"key\.pem: a private key needs its certificate"),
    ("other key", r"other/key\.pem: this private key does not belong to .*chain\.pem"),
    ("encrypted", r"key\.pem: the private key is encrypted"),
    ("expired", r"chain\.pem: the certificate expired on \d{4}-\d\d-\d\d"),
    ("early", r"chain\.pem: the certificate is valid only from"),
    ("usage", r"chain\.pem: not a certificate that may sign"),
    ("authority", r"chain\.pem: not a certificate that may sign"),
])  # fmt: skip
@each("png")
def test_a_bad_certificate_is_one_clear_line(output: Path, tmp_path: Path, case: str, words: str) -> None:
    before = output.read_bytes()
    certificate, key = bad_pair(tmp_path, case)
    with pytest.raises(ProvenanceError, match=words) as caught:
        check_credential(certificate, key)
    assert "\n" not in str(caught.value)
    with pytest.raises(ProvenanceError, match=words):
        sign(output, source=None, model=MODEL, certificate=certificate, private_key=key)
    assert output.read_bytes() == before


@each("png")
def test_an_expired_signature_is_not_called_tampered(output: Path, tmp_path: Path) -> None:
    certificate, key = write_pair(tmp_path, end=timedelta(seconds=2))
    sign(output, source=None, model=MODEL, certificate=certificate, private_key=key)
    time.sleep(3.1)  # certificates count whole seconds
    found = verify(output)
    assert found.status == "invalid"
    assert [failure.code for failure in found.failures] == ["signingCredential.expired"]
    assert found.consent["statement"] == MODEL.consent
    damaged = shutil.copy(output, tmp_path / "damaged.png")
    with Path(damaged).open("ab") as file:
        file.write(b"x")
    assert verify(Path(damaged)).status == "tampered"
