"""Weights: fetched once, verified always, and never behind the user's back."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from collections.abc import Iterable
from pathlib import Path

import pytest

from fastswap import weights
from fastswap.errors import WeightsError

WHEEL = "mediapipe-0.10.21-cp311-cp311-manylinux_2_28_x86_64.whl"
METADATA = "Metadata-Version: 2.1\nName: mediapipe\nVersion: 0.10.21\nRequires-Dist: no-such-package==1\n"


def wheel(folder: Path, models: Iterable[bytes]) -> None:
    """A wheel with these models, for an index that needs no network."""
    info = "mediapipe-0.10.21.dist-info"
    tags = "Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: cp311-cp311-manylinux_2_28_x86_64\n"
    with zipfile.ZipFile(folder / WHEEL, "w") as file:
        file.writestr(f"{info}/METADATA", METADATA)
        file.writestr(f"{info}/WHEEL", tags)
        file.writestr(f"{info}/RECORD", "")
        for weight, data in zip(weights.WEIGHTS.values(), models, strict=True):
            file.writestr(weight.member, data)


@pytest.fixture
def local_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Makes pip look in a folder alone, which holds the wheel, and the cache empty."""
    index = tmp_path / "index"
    index.mkdir()
    wheel(index, [weights.model_path(name).read_bytes() for name in ("detector", "mesh")])
    closed(monkeypatch, tmp_path / "cache")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    return index


def closed(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    """No index, no settings of the user's, an empty cache."""
    monkeypatch.delenv(weights.WEIGHTS_ENV, raising=False)
    monkeypatch.setenv(weights.CACHE_ENV, str(cache))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)


def one_line(caught: pytest.ExceptionInfo[WeightsError]) -> str:
    message = str(caught.value)
    assert "\n" not in message
    return message


def only_models(folder: Path) -> bool:
    """Whether the folder holds the two models and nothing of a download."""
    names = {path.name for path in folder.iterdir()} - {".lock"}
    return names == {weight.file for weight in weights.WEIGHTS.values()}


def test_the_default_models_are_what_they_should_be() -> None:
    detector, mesh = weights.model_path("detector"), weights.model_path("mesh")
    assert detector.name == "face_detection_full_range_sparse.tflite"
    assert mesh.name == "face_landmark.tflite"
    assert [s.state for s in weights.status()] == ["ready", "ready"]
    assert detector.stat().st_size == 676_746


def test_status_reports_without_downloading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(weights.WEIGHTS_ENV, raising=False)
    monkeypatch.setenv(weights.CACHE_ENV, str(tmp_path / "cache"))
    assert [s.state for s in weights.status()] == ["missing", "missing"]
    assert not (tmp_path / "cache").exists()


def test_import_touches_nothing(tmp_path: Path) -> None:
    code = "import fastswap.weights, fastswap.track, sys; sys.exit('openvino' in sys.modules)"
    environment = {**os.environ, weights.CACHE_ENV: str(tmp_path / "cache")}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
    assert not (tmp_path / "cache").exists()


def test_download_then_cache(local_index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = weights.model_path("mesh")
    assert path == tmp_path / "cache" / "weights" / "face_landmark.tflite"
    assert only_models(path.parent)
    monkeypatch.delenv("PIP_FIND_LINKS")  # from here on it could not be had again
    assert weights.model_path("mesh") == path


def test_a_damaged_cache_is_noticed_and_fetched_again(local_index: Path) -> None:
    path = weights.model_path("detector")
    good = path.read_bytes()
    path.write_bytes(good[:1000] + b"\0" + good[1001:])
    assert [s.state for s in weights.status()] == ["corrupt", "ready"]
    assert weights.model_path("detector").read_bytes() == good


def test_a_wheel_with_other_contents_is_refused(local_index: Path) -> None:
    wheel(local_index, [b"another detector", b"another mesh"])
    with pytest.raises(WeightsError, match="SHA-256") as caught:
        weights.model_path("detector")
    assert WHEEL in one_line(caught)
    assert [s.state for s in weights.status()] == ["missing", "missing"]


def test_two_processes_at_once(local_index: Path, tmp_path: Path) -> None:
    code = "from fastswap import weights; print(weights.model_path('mesh'))"
    running = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) for _ in range(2)]
    results = [(process.communicate()[0], process.returncode) for process in running]
    assert [code for _, code in results] == [0, 0]
    assert only_models(tmp_path / "cache" / "weights")
    assert [s.state for s in weights.status()] == ["ready", "ready"]


def test_no_network_and_no_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed(monkeypatch, tmp_path / "cache")
    with pytest.raises(WeightsError) as caught:
        weights.model_path("mesh")
    message = one_line(caught)
    assert "mediapipe==0.10.21" in message
    assert "FASTSWAP_WEIGHTS" in message
    assert "face_landmark.tflite" in message
    assert {path.name for path in (tmp_path / "cache" / "weights").iterdir()} <= {".lock"}


def test_unreachable_index_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed(monkeypatch, tmp_path / "cache")
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    with pytest.raises(WeightsError, match="refused"):
        weights.model_path("mesh")


def test_a_named_folder_is_used_and_nothing_is_downloaded(
    local_index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cached = weights.model_path("mesh")
    folder = tmp_path / "closed network"
    folder.mkdir()
    (folder / cached.name).write_bytes(cached.read_bytes())
    monkeypatch.setenv(weights.WEIGHTS_ENV, str(folder))
    assert weights.model_path("mesh") == folder / cached.name
    with pytest.raises(WeightsError, match="is missing") as missing:
        weights.model_path("detector")
    assert str(folder) in one_line(missing)
    (folder / cached.name).write_bytes(b"not a model")
    with pytest.raises(WeightsError, match="wrong SHA-256"):
        weights.model_path("mesh")


def test_a_cache_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    closed(monkeypatch, tmp_path / "cache")
    with pytest.raises(WeightsError, match="FASTSWAP_CACHE") as caught:
        weights.model_path("mesh")
    assert str(tmp_path / "cache") in one_line(caught)


def test_missing_pip_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed(monkeypatch, tmp_path / "cache")
    monkeypatch.setattr(weights, "find_spec", lambda name: None)
    with pytest.raises(WeightsError, match="ensurepip") as caught:
        weights.model_path("mesh")
    assert "FASTSWAP_WEIGHTS" in one_line(caught)
