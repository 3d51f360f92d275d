"""`fastswap doctor` finds what is wrong, and itself never downloads, changes or breaks anything."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from fastswap import doctor
from fastswap.provenance import load_credential
from offline import WITHOUT_SOCKETS
from signing import STUDIO, write_pair

pytestmark = pytest.mark.usefixtures("no_own_certificate")


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home in which fastswap never ran."""
    monkeypatch.delenv("FASTSWAP_WEIGHTS", raising=False)
    monkeypatch.setenv("FASTSWAP_CACHE", str(tmp_path / "home" / "cache"))
    monkeypatch.setenv("FASTSWAP_CONFIG", str(tmp_path / "home" / "config"))
    return tmp_path / "home"


def item(name: str) -> dict[str, Any]:
    found = {each["name"]: each for each in doctor.report()["items"]}
    return found[name]


def printed(found: dict[str, Any]) -> str:
    out = io.StringIO()
    console = Console(file=out, width=400, highlight=False)
    for line in doctor.lines(found):
        console.print(line)
    return out.getvalue()


def test_this_installation_is_sound() -> None:
    found = doctor.report()
    assert json.loads(json.dumps(found)) == found
    assert found["ok"], printed(found)
    names = [each["name"] for each in found["items"]]
    assert len(names) == len(set(names))
    assert {"python", "packages", "native _cpu", "native _cuda", "openvino", "video", "torch"} <= set(names)
    assert "libx264" in item("video")["value"]
    for each in found["items"]:
        assert each["status"] in ("ok", "warn", "fail")
        assert each["value"]
        assert each["advice"] or each["status"] == "ok"
        assert "\n" not in each["value"] + each["advice"]
    assert printed(found).splitlines()[-1].startswith("ready to render: ")


def test_it_downloads_nothing_and_leaves_nothing(empty: Path) -> None:
    code = "import sys\nfrom fastswap.doctor import report\nprint(report()['ok'], 'torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_SOCKETS + code], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "True False\n"), done.stderr
    assert not empty.exists()


def test_missing_face_models(empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert item("face models")["status"] == "warn"
    monkeypatch.setenv("FASTSWAP_WEIGHTS", str(empty / "closed"))
    assert item("face models")["status"] == "fail"
    assert not doctor.report()["ok"]
    assert "FASTSWAP_WEIGHTS" in item("face models")["advice"]


def test_the_state_of_the_certificate(empty: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "none yet" in item("certificate")["value"]
    made = load_credential()
    assert str(made.path) in item("certificate")["value"]
    made.path.write_text("damaged")
    assert item("certificate")["status"] == "fail"
    for days, status in ((60, "ok"), (5, "warn"), (-5, "fail")):
        begin = timedelta(days=-90)
        certificate, key = write_pair(tmp_path, begin=begin, end=timedelta(days=days))
        monkeypatch.setenv("FASTSWAP_SIGN_CERT", str(certificate))
        monkeypatch.setenv("FASTSWAP_SIGN_KEY", str(key))
        assert item("certificate")["status"] == status
        assert (STUDIO if days > 0 else "chain.pem") in item("certificate")["value"]
    monkeypatch.delenv("FASTSWAP_SIGN_KEY")
    assert item("certificate")["status"] == "fail"


def test_a_folder_that_cannot_be_written(
    empty: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("FASTSWAP_CONFIG", str(tmp_path / "file"))
    assert item("config folder")["status"] == "warn"
    assert "FASTSWAP_CONFIG" in item("config folder")["advice"]


def test_little_room_on_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "LOW_DISK", shutil.disk_usage(Path.cwd()).total + 1)
    assert item("disk, here")["status"] == "warn"


def test_missing_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fastswap._cpu", None)
    monkeypatch.setitem(sys.modules, "fastswap._cuda", None)
    monkeypatch.setitem(sys.modules, "openvino", None)
    monkeypatch.setattr(doctor, "PACKAGES", (*doctor.PACKAGES, "no-such-package"))
    assert item("native _cpu")["status"] == "fail"
    assert "compiler" in item("native _cpu")["advice"]
    assert "not built" in item("native _cuda")["value"]
    assert item("openvino")["status"] == "fail"
    assert "pip install no-such-package" in item("packages")["advice"]
    assert printed(doctor.report()).splitlines()[-1].startswith("not ready: ")


def test_a_check_that_breaks_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> Iterator[doctor.Item]:
        yield doctor.Item("first half", "ok", "fine")
        raise OSError("the disk is [red]on fire[/red]\nsecond line")

    monkeypatch.setitem(doctor.CHECKS, "torch", broken)  # type: ignore[arg-type]
    found = doctor.report()
    assert [each["name"] for each in found["items"] if each["status"] == "fail"] == ["torch"]
    assert "first half" in printed(found)
    assert "the disk is [red]on fire[/red]" in printed(found)
    assert "second line" not in printed(found)
