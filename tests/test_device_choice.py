"""Which device renders, and what is said where it cannot: names, drivers, fallbacks, the command's words."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import fastswap
from fastswap import device as devices
from fastswap.device import choice
from fastswap.device.choice import Wish, names_of, parse, worker_device
from fastswap.errors import DeviceError, SettingsError


def test_names() -> None:
    assert parse("auto") == Wish("auto")
    assert parse("cuda") == Wish("cuda")
    assert parse("cuda:11") == Wish("cuda", 11)
    for wrong in ("gpu", "cuda:", "cuda:-1", "cuda:a", "", "CPU"):
        with pytest.raises(SettingsError, match="choose auto, cpu, cuda or cuda:N"):
            parse(wrong)
    assert names_of("cuda:0, cuda:2") == ("cuda:0", "cuda:2")
    with pytest.raises(SettingsError, match="GPUs alone"):
        names_of("cpu,cuda:0")
    with pytest.raises(SettingsError, match="twice"):
        names_of("cuda:0,cuda:0")


def test_each_process_sees_its_own_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert worker_device("cuda:0,cuda:3", 1) == ("cuda:0", {"CUDA_VISIBLE_DEVICES": "3"})
    assert worker_device("cuda:0,cuda:3", 2) == ("cuda:0", {"CUDA_VISIBLE_DEVICES": "0"})
    assert worker_device("cpu", 5) == ("cpu", {})
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-a,GPU-b")
    assert worker_device("cuda:1", 0) == ("cuda:0", {"CUDA_VISIBLE_DEVICES": "GPU-b"})
    with pytest.raises(DeviceError, match="cuda:2: CUDA_VISIBLE_DEVICES shows 2 GPUs"):
        worker_device("cuda:2", 0)


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("NVRM version: NVIDIA UNIX x86_64 Kernel Module  470.82.01  Wed Oct 27 2021", (470, 82, 1)),
        ("NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.159.04  Release Build", (580, 159, 4)),
        ("something else", ()),
    ],
)
def test_the_drivers_version(tmp_path: Path, text: str, version: tuple[int, ...]) -> None:
    file = tmp_path / "version"
    assert choice.driver_version(file) is None
    file.write_text(text)
    assert choice.driver_version(file) == version


@pytest.mark.parametrize(
    ("version", "visible", "words"),
    [
        (None, None, "no NVIDIA driver was found"),
        ((470, 82, 1), None, "the NVIDIA driver 470.82.1 is too old for CUDA 13; it needs 580 or newer"),
        ((580, 1), "", "the NVIDIA driver shows no GPU (CUDA_VISIBLE_DEVICES is '')"),
        ((), None, "the NVIDIA driver shows no GPU"),
    ],
)
def test_why_there_is_no_gpu(
    monkeypatch: pytest.MonkeyPatch, version: tuple[int, ...] | None, visible: str | None, words: str
) -> None:
    monkeypatch.setattr(choice, "driver_version", lambda: version)
    if visible is None:
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    else:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    monkeypatch.setattr(choice, "native_module", lambda: SimpleNamespace(device_count=lambda: 0))
    for name in ("cuda", "cuda:0"):
        with pytest.raises(DeviceError) as error:
            devices.open_device(name)
        assert str(error.value) == words
    place = devices.open_device("auto")
    assert place.name == "cpu"
    assert place.notices == ([] if version is None else [f"rendered on the CPU: {words}"])


def test_a_number_that_is_too_high(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "native_module", lambda: SimpleNamespace(device_count=lambda: 2))
    with pytest.raises(DeviceError, match=r"^cuda:7: there are 2 GPUs, cuda:0 to cuda:1$"):
        devices.open_device("cuda:7")
    monkeypatch.setattr(choice, "native_module", lambda: SimpleNamespace(device_count=lambda: 1))
    with pytest.raises(DeviceError, match=r"^cuda:1: there is one GPU, cuda:0$"):
        devices.open_device("cuda:1")


def test_a_gpu_that_is_too_old() -> None:
    choice.check_capability("8.0", "cuda:0")
    choice.check_capability("12.0", "cuda:0")
    with pytest.raises(
        DeviceError, match=r"cuda:0 \(Old\): compute capability 7.5 is too old; 8.0 \(Ampere\)"
    ):
        choice.check_capability("7.5", "cuda:0 (Old)")


def test_a_build_without_the_cuda_module(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fastswap._cuda", None)
    with pytest.raises(DeviceError, match="no CUDA module: install the CUDA toolkit"):
        devices.open_device("cuda")
    assert devices.open_device("auto").name == "cpu"


@pytest.mark.parametrize(
    ("device", "engine", "words"),
    [
        ("cpu", "tensorrt", "engine tensorrt runs on an NVIDIA GPU; use --device cuda"),
        ("cuda", "openvino", "engine openvino runs on the CPU; use --device cpu"),
        ("cpu", "caffe", "engine is 'caffe'; choose one of auto, openvino, tensorrt, torch"),
    ],
)
def test_pairs_that_do_not_go_together(device: str, engine: str, words: str) -> None:
    with pytest.raises(SettingsError) as error:
        devices.open_device(device, engine)
    assert str(error.value) == words


def test_the_torch_engine_on_the_cpu(face_clip: Path, generator: Path, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    report = fastswap.render(
        face_clip, tmp_path / "a.mkv", model=generator, engine="torch", device="cpu", end="3f"
    )
    assert report.device == "cpu"
    assert report.engine.startswith("torch ")
    assert report.faces == 3


def test_a_render_on_the_cpu_imports_neither_torch_nor_pycuda(
    face_clip: Path, generator: Path, tmp_path: Path
) -> None:
    program = f"""
import sys, fastswap
fastswap.render({str(face_clip)!r}, {str(tmp_path / "a.mkv")!r}, model={str(generator)!r}, device="cpu", end="2f")
print(sorted({{"torch", "pycuda", "tensorrt", "onnxruntime"}} & sys.modules.keys()))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_command_says_it_in_one_line(generator: Path, tmp_path: Path) -> None:
    import os

    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}  # none, even where there is one
    for arguments in (
        ("compile", str(generator)),
        ("render", "in.mp4", "out.mp4", "-m", str(generator), "--device", "cuda"),
    ):
        if arguments[0] == "render":
            (tmp_path / "in.mp4").write_bytes(b"")
        done = subprocess.run(
            [sys.executable, "-m", "fastswap", *arguments],
            capture_output=True, text=True, check=False, env=environment, cwd=tmp_path,
        )  # fmt: skip
        assert done.returncode in (3, 7)
        assert len(done.stderr.strip().splitlines()) == 1, done.stderr
        assert "Traceback" not in done.stderr
