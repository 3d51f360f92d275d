"""Footage and models that many tests share. Everything is made here: synthetic actors, small networks."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest

from commands import run  # noqa: F401  (a fixture)
from generators import write_generator
from kernel_cases import cuda, device, scalar  # noqa: F401  (fixtures of the tests of CUDA kernels)
from learning import go  # noqa: F401  (a fixture)
from signing import no_own_certificate, output, unsigned  # noqa: F401  (fixtures of the provenance tests)
from spread import (  # noqa: F401  (hooks)
    pytest_collection_modifyitems,
    pytest_terminal_summary,
    pytest_xdist_make_scheduler,
)

if TYPE_CHECKING:
    from host_runtime import HostRuntime


@pytest.fixture(scope="session", autouse=True)
def _own_config(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Tests sign with a certificate of their own and leave the user's alone."""
    before = os.environ.get("FASTSWAP_CONFIG")
    os.environ["FASTSWAP_CONFIG"] = str(tmp_path_factory.mktemp("config"))
    yield
    if before is None:
        del os.environ["FASTSWAP_CONFIG"]
    else:
        os.environ["FASTSWAP_CONFIG"] = before


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """For torch: small networks gain nothing by more threads, and lose much on a machine that is busy."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> HostRuntime:
    """What is found when a GPU is asked for."""
    import host_runtime
    from fastswap import device as devices

    made = host_runtime.HostRuntime(host_runtime.module())
    monkeypatch.setattr(devices, "open_gpu", lambda wish, notices: made if wish.kind == "cuda" else None)
    return made


@pytest.fixture(scope="session")
def generator(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A 64 px model that recolours the face it is given."""
    return write_generator(tmp_path_factory.mktemp("models") / "generator.onnx")


@pytest.fixture(scope="session")
def face_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A talking actor, 320x240, 20 frames, with sound."""
    from fastswap import actors

    path = tmp_path_factory.mktemp("clips") / "face.mp4"
    scene = actors.Scene(size=(320, 240), face_px=110)
    play = actors.performance("talk", frames=20, seed=5)
    _write_with_sound(path, actors.render_clip(actors.BO, play, scene))
    return path


def _write_with_sound(path: Path, pictures: Iterator[np.ndarray], fps: int = 25, rate: int = 16000) -> None:
    """H.264 and AAC in one file, by PyAV alone: what users bring was not made by fastswap."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=fps, options={"crf": "14", "preset": "veryfast"})
        video.width, video.height, video.pix_fmt = 320, 240, "yuv420p"
        audio = container.add_stream("aac", rate=rate, layout="mono")
        count = 0
        for picture in pictures:
            container.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            count += 1
        tone = np.sin(2 * np.pi * 330 * np.arange(count * rate // fps) / rate)
        for start in range(0, len(tone), 1024):
            chunk = av.AudioFrame.from_ndarray(
                (tone[start : start + 1024] * 8000).astype(np.int16)[None], format="s16", layout="mono"
            )
            chunk.sample_rate, chunk.pts = rate, start
            container.mux(audio.encode(chunk))
        container.mux(audio.encode(None))
        container.mux(video.encode(None))


@pytest.fixture(scope="session")
def facesets(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two small facesets, 12 pictures each: Anna's face and Bo's."""
    from fastswap import actors, video
    from fastswap.training.extract import extract

    folder = tmp_path_factory.mktemp("facesets")
    scene = actors.Scene(size=(240, 200), face_px=90)
    found = []
    for name, who, seed in (("anna", actors.ANNA, 1), ("bo", actors.BO, 2)):
        play = actors.performance("range", frames=12, fps=6.0, seed=seed)
        video.write_video(folder / f"{name}.mp4", actors.render_clip(who, play, scene), fps=25)
        extract([folder / f"{name}.mp4"], folder / name, size=128)
        found.append(folder / name)
    return found[0], found[1]


@pytest.fixture
def short_spans(monkeypatch: pytest.MonkeyPatch) -> None:
    """Segments so short that the clips of the tests have several."""
    from fastswap.video import spans

    for name, value in {"SHORTEST": 16, "_LAST": 8, "_LONGEST": 32}.items():
        monkeypatch.setattr(spans, name, value)


@pytest.fixture(scope="session")
def long_clip(tmp_path_factory: pytest.TempPathFactory, face_clip: Path) -> Path:
    """72 frames in key-frame groups of eight, with B-frames."""
    from fastswap import video

    path = tmp_path_factory.mktemp("long") / "long.mkv"
    with video.Reader(face_clip) as reader:
        pictures = [video.rgb_from_frame(frame) for frame in reader]
    pictures = [np.roll(p, 6 * (i % 3), axis=1) for i, p in enumerate((pictures + pictures[::-1]) * 2)][:72]
    video.write_video(path, pictures, fps=25, options={"g": "8", "preset": "veryfast"})
    return path


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bytes before signing: a signature has a time and a nonce."""
    from fastswap import pipeline

    monkeypatch.setattr(pipeline, "_sign", lambda *_: {})
