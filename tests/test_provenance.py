"""Every output says what it is: what was done to what, with which model and whose consent."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import av
import c2pa
import numpy as np
import pytest

from fastswap import video
from fastswap.errors import ProvenanceError
from fastswap.provenance import VerifyReport, sign, verify
from fastswap.provenance.bmff import top_level
from offline import WITHOUT_SOCKETS
from signing import BESIDE, EMBEDDED, MODEL, MOVIES, each, sign_from

pytestmark = pytest.mark.usefixtures("no_own_certificate")


def packets(path: Path) -> list[tuple[int | None, int | None, bytes]]:
    with av.open(str(path)) as container:
        return [(packet.pts, packet.dts, bytes(packet)) for packet in container.demux() if packet.size]


@each(*EMBEDDED, *BESIDE)
def test_round_trip(output: Path, unsigned: Path) -> None:
    beside = output.suffix[1:] in BESIDE
    media = output.read_bytes()
    signed = sign_from(output, unsigned)
    assert signed.self_made
    assert signed.files == 1
    assert signed.sidecars == ((output.with_name(output.name + ".c2pa"),) if beside else ())
    assert (output.read_bytes() == media) is beside
    assert sorted(output.parent.iterdir()) == sorted([output, *signed.sidecars])
    json.dumps(signed.as_dict())

    found = verify(output)
    assert found.ok, found
    assert found.carrier == ("sidecar" if beside else "embedded")
    assert found.consent == {"subject": MODEL.subject, "statement": MODEL.consent}
    assert found.model == {"name": MODEL.name, "sha256": MODEL.sha256, "subject": MODEL.subject}
    source = unsigned / "in.mp4"
    assert found.input == {"name": "in.mp4", "sha256": hashlib.sha256(source.read_bytes()).hexdigest()}
    assert found.settings == {"look": {"opacity": 0.5}}
    assert found.synthetic
    assert len(found.actions) == 2
    assert found.signed_by is not None
    assert found.signed_by.trust == "this machine"
    assert json.loads(json.dumps(found.as_dict()))["status"] == "valid"
    words = str(found)
    for text in ("valid", "not on a trust list", MODEL.consent, MODEL.sha256, "in.mp4"):
        assert text in words


@each(*MOVIES)
def test_signing_keeps_every_packet(output: Path, unsigned: Path) -> None:
    sign_from(output, unsigned)
    assert packets(output) == packets(unsigned / f"in{output.suffix}")


@each("png", "jpg", "webp", "tif")
def test_signing_keeps_every_pixel(output: Path, unsigned: Path) -> None:
    sign_from(output, unsigned)
    np.testing.assert_array_equal(
        video.load_picture(output), video.load_picture(unsigned / f"in{output.suffix}")
    )


def test_the_manifest_is_the_one_that_other_programs_expect(unsigned: Path, tmp_path: Path) -> None:
    output = Path(shutil.copy(unsigned / "in.mov", tmp_path / "out.mov"))
    sign_from(output, unsigned)
    with c2pa.Reader(str(output)) as reader:
        manifest = reader.get_active_manifest()
        claim = next(iter(json.loads(reader.detailed_json())["manifests"].values()))["claim"]
    opened, edited = next(a for a in manifest["assertions"] if a["label"] == "c2pa.actions.v2")["data"][
        "actions"
    ]
    assert (opened["action"], edited["action"]) == ("c2pa.opened", "c2pa.edited")
    assert edited["digitalSourceType"].endswith("/compositeWithTrainedAlgorithmicMedia")
    assert [i["relationship"] for i in manifest["ingredients"]] == ["inputTo", "parentOf"]
    assert manifest["claim_generator_info"][0]["name"] == "fastswap"
    created = [each["url"].rsplit("/", 1)[-1] for each in claim["created_assertions"]]
    assert {"c2pa.actions.v2", "org.fastswap.render"} <= set(created)
    with output.open("rb") as file:  # C2PA A.5.3: after ftyp, before moov and mdat
        assert [box.kind for box in top_level(file)][:2] == [b"ftyp", b"uuid"]


@pytest.mark.parametrize(("given", "damaged"), [("mov", False), ("mov", True), ("mkv", False), ("mkv", True)])
def test_the_manifest_of_the_input_is_kept(unsigned: Path, tmp_path: Path, given: str, damaged: bool) -> None:
    source = Path(shutil.copy(unsigned / f"in.{given}", tmp_path / f"first.{given}"))
    sign_from(source, unsigned)
    if damaged:
        data = bytearray(source.read_bytes())
        data[-1000] ^= 1
        source.write_bytes(data)
    for suffix in ("mp4", "png", "webm"):
        output = Path(shutil.copy(unsigned / f"in.{suffix}", tmp_path / f"second.{suffix}"))
        sign(output, source=source, model=MODEL)
        found = verify(output)
        assert found.ok, found
        assert found.input_manifest == ("not valid" if damaged else "valid")
        assert found.input["name"] == source.name
        beside = output.with_name(output.name + ".c2pa")
        manifest = beside.read_bytes() if beside.exists() else None
        with output.open("rb") as file, c2pa.Reader("application/octet-stream", file, manifest) as reader:
            assert len(json.loads(reader.json())["manifests"]) == 2


def test_without_input_or_model(unsigned: Path, tmp_path: Path) -> None:
    made, plain, changed = (Path(shutil.copy(unsigned / "in.png", tmp_path / f"{n}.png")) for n in range(3))
    sign(made, source=None, model=MODEL)
    sign(plain, source=None, model=None)
    sign(changed, source=unsigned / "in.mp4", model=None)
    reports = [verify(path) for path in (made, plain, changed)]
    assert [found.status for found in reports] == ["valid"] * 3
    assert [found.synthetic for found in reports] == [True, False, False]
    assert [bool(found.input) for found in reports] == [False, False, True]
    assert reports[0].actions == ("created",)


def test_settings_become_plain_values(unsigned: Path, tmp_path: Path) -> None:
    output = Path(shutil.copy(unsigned / "in.png", tmp_path / "out.png"))
    settings = {
        "path": tmp_path / "secret" / "a.onnx", "number": np.float32(0.5), "list": (1, None, True), "nan": float("nan"),
    }  # fmt: skip
    sign(output, source=None, model=MODEL, settings=settings)
    assert verify(output).settings == {"path": "a.onnx", "number": 0.5, "list": [1, None, True], "nan": "nan"}
    assert str(tmp_path).encode() not in output.read_bytes()


@each("mp4", "png", "mkv")
def test_a_signed_file_is_not_signed_again(output: Path, unsigned: Path) -> None:
    sign_from(output, unsigned)
    files = {path: path.read_bytes() for path in output.parent.iterdir()}
    with pytest.raises(ProvenanceError, match=r"signed already"):
        sign(output, source=None, model=None)
    assert {path: path.read_bytes() for path in output.parent.iterdir()} == files


@each("mkv")
def test_a_stale_sidecar_is_replaced(output: Path, unsigned: Path) -> None:
    sign_from(output, unsigned)
    shutil.copy(unsigned / "in.ts", output)  # a new render under the old name
    assert verify(output).status == "tampered"
    sign_from(output, unsigned)
    assert verify(output).ok


@each("mp4", "png", "mkv")
def test_a_full_disk_leaves_the_output_as_it_was(output: Path, unsigned: Path) -> None:
    before = output.read_bytes()
    limit = 1000 if output.suffix == ".mkv" else len(before) // 2
    code = (
        "import resource, sys; from pathlib import Path; from fastswap.provenance import sign, check_credential\n"
        f"check_credential(); resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))\n"
        "try: sign(Path(sys.argv[1]), source=None, model=None)\n"
        "except Exception as error: print(type(error).__name__, error)"
    )
    done = subprocess.run([sys.executable, "-c", code, output], capture_output=True, text=True, check=True)
    assert done.stdout == f"ProvenanceError {output}: cannot be signed (File too large)\n"
    assert output.read_bytes() == before
    assert list(output.parent.iterdir()) == [output]


@each("mp4", "png", "mkv")
def test_what_is_signed_is_on_the_disk(output: Path, unsigned: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Under its name, in the end: the segments that it was made of are deleted next."""
    synced, fsync = set[int](), os.fsync

    def remember(handle: int) -> None:
        fsync(handle)
        synced.add(os.fstat(handle).st_ino)

    monkeypatch.setattr(os, "fsync", remember)
    made = sign_from(output, unsigned)
    written = made.sidecars or (output,)
    assert {path.stat().st_ino for path in written} <= synced


def test_nothing_asks_the_network(unsigned: Path, tmp_path: Path) -> None:
    """The process is killed by the kernel at the first socket it opens."""
    output = shutil.copy(unsigned / "in.mp4", tmp_path / "out.mp4")
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_SOCKETS + _SIGN_AND_VERIFY, output],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "valid\n"), done.stderr
    caught = subprocess.run(
        [sys.executable, "-c", WITHOUT_SOCKETS + "import socket; socket.socket()"], check=False
    )
    assert caught.returncode < 0


_SIGN_AND_VERIFY = """
import sys
from pathlib import Path
from fastswap.provenance import sign, verify
sign(Path(sys.argv[1]), source=None, model=None)
print(verify(Path(sys.argv[1])).status)
"""


def test_a_folder_of_pictures(unsigned: Path, tmp_path: Path) -> None:
    source, output = tmp_path / "in", tmp_path / "out"
    source.mkdir(), output.mkdir()
    for number in range(3):
        shutil.copy(unsigned / "in.png", source / f"{number}.png")
        with (source / f"{number}.png").open("ab") as file:
            file.write(bytes([number]))  # each picture has a hash of its own
        shutil.copy(
            unsigned / ("in.bmp" if number == 2 else "in.png"),
            output / f"{number}{'.bmp' if number == 2 else '.png'}",
        )
    signed = sign(output, source=source, model=MODEL)
    assert (signed.files, signed.sidecars) == (3, (output / "2.bmp.c2pa",))
    found = verify(output)
    assert found.ok, found
    hashes = [hashlib.sha256((source / f"{n}.png").read_bytes()).hexdigest() for n in range(3)]
    assert [file.input["sha256"] for file in found.files] == hashes
    json.dumps(found.as_dict())

    with (output / "1.png").open("ab") as file:
        file.write(b"x")
    assert verify(output).status == "tampered"
    assert "1.png" in str(verify(output))
    (output / "1.png").unlink()
    found = verify(output)
    assert found.status == "tampered"
    assert [failure.code for failure in found.failures] == ["fastswap.picture.missing"]


def test_a_video_from_a_folder_names_the_folder(unsigned: Path, tmp_path: Path) -> None:
    source = tmp_path / "frames"
    source.mkdir()
    for suffix in ("png", "jpg"):
        shutil.copy(unsigned / f"in.{suffix}", source)
    output = Path(shutil.copy(unsigned / "in.mp4", tmp_path / "out.mp4"))
    sign(output, source=source, model=MODEL)
    lines = "".join(
        f"{hashlib.sha256(p.read_bytes()).hexdigest()}  {p.name}\n" for p in sorted(source.iterdir())
    )
    assert verify(output).input == {"name": "frames", "sha256": hashlib.sha256(lines.encode()).hexdigest()}


def test_a_symbolic_link_stays_one(unsigned: Path, tmp_path: Path) -> None:
    target = Path(shutil.copy(unsigned / "in.mp4", tmp_path / "real.mp4"))
    target.chmod(0o640)
    link = tmp_path / "link.mp4"
    link.symlink_to(target)
    sign_from(link, unsigned)
    assert link.is_symlink()
    assert target.stat().st_mode & 0o777 == 0o640
    assert verify(link).ok
    assert verify(target).ok


def test_a_report_of_another_program_is_readable(unsigned: Path, tmp_path: Path) -> None:
    """A manifest without fastswap's record: nothing is invented."""
    report = VerifyReport(tmp_path / "x.jpg", "valid", software="Another 1.0", actions=("created",))
    assert report.lines() == [f"{tmp_path / 'x.jpg'}: valid: unchanged since it was signed", "  made with: Another 1.0",
                              "  done: created"]  # fmt: skip
