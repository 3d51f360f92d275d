"""`verify` tells an untouched file from a changed, cut, relabelled or stripped one."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from fastswap.errors import InputError, ProvenanceError
from fastswap.provenance import sign, verify
from signing import BESIDE, EMBEDDED, MODEL, each, sign_from

pytestmark = pytest.mark.usefixtures("no_own_certificate")


def media_ranges(before: bytes, after: bytes) -> Iterator[range]:
    """The parts of a signed file that it had before: the common beginning and the common end."""
    if before == after:
        yield range(len(after))
        return
    first, last = np.frombuffer(before, np.uint8), np.frombuffer(after, np.uint8)
    count = min(len(first), len(last))
    yield range(int(np.argmax(first[:count] != last[:count])))
    yield range(len(after) - int(np.argmax(first[::-1][:count] != last[::-1][:count])), len(after))


@each(*EMBEDDED, *BESIDE)
def test_a_flipped_byte_is_noticed(output: Path, unsigned: Path) -> None:
    before = output.read_bytes()
    sign_from(output, unsigned)
    after = output.read_bytes()
    rng = np.random.default_rng(1)
    for part in media_ranges(before, after):
        count = min(len(part), 12)
        for place in rng.choice(part, count, replace=False).tolist() if count else []:
            changed = bytearray(after)
            changed[place] ^= 1 << int(rng.integers(8))
            output.write_bytes(changed)
            found = verify(output)
            assert not found.ok, f"byte {place} of {len(after)}"
            assert found.status in ("tampered", "damaged")
            assert found.failures


@each(*EMBEDDED, *BESIDE)
def test_a_cut_or_longer_file_is_noticed(output: Path, unsigned: Path) -> None:
    sign_from(output, unsigned)
    after = output.read_bytes()
    cuts = (
        after[:-1],
        after[: len(after) // 2],
        after[:100],
        after[:4],
        b"",
        after + b"\0",
        after + b"free text",
    )
    for changed in cuts:
        output.write_bytes(changed)
        found = verify(output)
        assert found.status in ("tampered", "damaged"), len(changed)
        assert found.failures


def test_added_metadata_is_noticed(unsigned: Path, tmp_path: Path) -> None:
    comment = b"\xff\xfe\x00\x07hello"
    text = bytes.fromhex("0000000d74455874") + b"Title\0A title" + bytes.fromhex("2f4ad9d2")
    box = b"\0\0\0\x10freehello..."
    for suffix, place, extra in (("jpg", 2, comment), ("png", 33, text), ("mp4", 1 << 30, box)):
        output = Path(shutil.copy(unsigned / f"in.{suffix}", tmp_path / f"out.{suffix}"))
        sign_from(output, unsigned)
        data = output.read_bytes()
        output.write_bytes(data[:place] + extra + data[place:])
        assert verify(output).status == "tampered", suffix


@each("mp4", "png", "mkv")
def test_a_removed_manifest_is_noticed(output: Path, unsigned: Path) -> None:
    before = output.read_bytes()
    for sidecar in sign_from(output, unsigned).sidecars:
        sidecar.unlink()
    output.write_bytes(before)
    found = verify(output)
    assert found.status == "unsigned"
    assert not found.ok
    assert "unsigned" in found.lines()[0]


@each("mkv")
def test_a_sidecar_of_another_file_is_noticed(output: Path, unsigned: Path, tmp_path: Path) -> None:
    other = Path(shutil.copy(unsigned / "in.webm", tmp_path / "other.webm"))
    (theirs,), (ours,) = sign_from(other, unsigned).sidecars, sign_from(output, unsigned).sidecars
    good = ours.read_bytes()
    assert verify(ours).ok  # naming the sidecar means its file
    ours.write_bytes(theirs.read_bytes())
    assert verify(output).status == "tampered"
    ours.write_bytes(b"no manifest at all")
    assert verify(output).status == "tampered"
    changed = bytearray(good)
    changed[good.index(MODEL.consent.encode()[-8:])] ^= 1
    ours.write_bytes(changed)
    assert verify(output).status == "tampered"


@each("mp4", "jpg")
def test_a_changed_consent_is_noticed(output: Path, unsigned: Path) -> None:
    sign_from(output, unsigned)
    data = output.read_bytes()
    assert data.count(b"I, Anna") >= 1
    output.write_bytes(data.replace(b"I, Anna", b"I, Olga"))
    found = verify(output)
    assert found.status == "tampered"
    assert "need not hold" in str(found)


def test_files_that_nobody_signed(unsigned: Path, tmp_path: Path) -> None:
    text, empty = tmp_path / "note.txt", tmp_path / "empty.mp4"
    text.write_text("hello")
    empty.touch()
    assert verify(text).status == "unsigned"
    assert verify(unsigned / "in.mp4").status == "unsigned"
    assert verify(empty).status == "damaged"
    for missing in ("none.mp4", "none.mkv.c2pa"):
        with pytest.raises(InputError, match=r"none\.mk?[pv]"):
            verify(tmp_path / missing)
    with pytest.raises(ProvenanceError, match=r"none\.mp4"):
        sign(tmp_path / "none.mp4", source=None, model=None)
    with pytest.raises(ProvenanceError, match=r"gone\.mp4"):
        sign(text, source=tmp_path / "gone.mp4", model=None)


@each("mp4")
def test_the_signer_of_changed_media_is_still_known(output: Path, unsigned: Path) -> None:
    sign_from(output, unsigned)
    data = bytearray(output.read_bytes())
    data[-1000] ^= 1
    output.write_bytes(data)
    found = verify(output)
    assert found.status == "tampered"
    assert found.signed_by is not None
    assert found.signed_by.trust == "this machine"
    at = data.index(b"compositeWithTrained")  # a change of the manifest: nobody's signature holds
    data[at] ^= 1
    output.write_bytes(data)
    assert verify(output).status == "tampered"
