"""NVIDIA's decoders and encoders through the real PyAV, on a machine without a driver.

What is asked of PyAV exists, and what cannot be had falls back and says so.
"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import numpy as np
import pytest
from av.codec.hwaccel import HWAccel, HWDeviceType

from fastswap import video
from fastswap.errors import DeviceError, OutputError
from fastswap.video import nvidia
from fastswap.video.decoder import Decoder


class NoGpu:
    """A GPU that is asked for and not there; the machine of a GPU test has one, so its number is too high."""

    index = 99

    def land(self, decoded: Any) -> Any:
        raise AssertionError("nothing can land here")


def test_hardware_settings_are_pyavs() -> None:
    settings = nvidia.hwaccel(1)
    assert isinstance(settings, HWAccel)
    assert settings.is_hw_owned
    assert settings.device_id == 1
    assert settings.options == {"primary_ctx": "1"}  # the context that PyCUDA and torch use
    assert HWDeviceType.cuda.name in av.codec.hwaccel.hwdevices_available()


def test_pyav_has_what_the_path_uses() -> None:
    frame = av.VideoFrame(64, 48, "nv12")
    assert frame.sw_format is None
    assert nvidia.layout(frame) == "nv12"
    assert not nvidia.is_on_gpu(frame)
    assert nvidia.on_host(frame) is frame
    assert frame.planes[0].__dlpack_device__() == (1, 0)
    shared = np.from_dlpack(frame.planes[1])
    assert shared.shape == (24, 32, 2)  # what `device.plane.split` takes apart
    for name in nvidia.ENCODERS.values():
        formats = [f.name for f in av.Codec(name, "w").video_formats or []]
        assert nvidia.HARDWARE in formats
        assert "nv12" in formats or "yuv420p" in formats
    context = av.CodecContext.create("h264_nvenc", "w")
    context.sw_format = "nv12"  # type: ignore[attr-defined]
    assert not context.is_hwaccel


def test_a_decoder_that_is_not_there_falls_back(face_clip: Path) -> None:
    with video.Reader(face_clip) as plain, video.Reader(face_clip, landing=NoGpu()) as reader:
        frames = list(reader)
        assert len(frames) == 20
        for frame, want in zip(frames, plain, strict=True):
            assert all((a == b).all() for a, b in zip(frame.planes, want.planes, strict=True))
        (notice,) = reader.notices
    assert notice.startswith("face.mp4: decoded on the CPU: the GPU's decoder cannot be opened (")
    assert "not a video" not in notice  # that is not what is wrong


class Fails(NoGpu):
    """A GPU whose decoder is FFmpeg's own, so that packets are read, and which is gone when one of them is lost."""

    def __init__(self, words: str) -> None:
        self.words, self.told = words, list[av.FFmpegError]()

    def lost(self, error: av.FFmpegError) -> None:
        self.told.append(error)
        if self.words:
            raise DeviceError(self.words)


@pytest.mark.parametrize("words", ["", "cuda:0: the GPU failed: device lost"])
def test_a_packet_is_lost_by_itself_and_by_a_gpu_that_is_gone(
    face_clip: Path, monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    """The first is counted and decoding goes on, the second must not cost frame after frame."""
    gpu = Fails(words)
    decoder = Decoder(face_clip, 1)
    decoder._landing = gpu
    real, count = decoder._context, iter(range(100))

    def decode(packet: Any) -> Any:
        if next(count) == 5:
            raise av.ExternalError(1, "a decoder's own error")
        return real.decode(packet)

    decoder._context = SimpleNamespace(decode=decode)
    if words:
        with pytest.raises(DeviceError, match="device lost"):
            list(decoder.frames())
    else:
        assert len(list(decoder.frames())) < 20
        assert decoder.damaged == 1
    assert len(gpu.told) == 1
    decoder.container.close()


def test_an_encoder_that_is_not_there_falls_back(face_clip: Path, tmp_path: Path) -> None:
    with video.Reader(face_clip) as reader:
        with video.Writer(tmp_path / "out.mp4", reader, gpu=99) as writer:
            assert not writer.takes_gpu_frames
            for frame in reader:
                writer.write(frame)
        notice = next(line for line in writer.notices if "encoded on the CPU" in line)
    assert notice.startswith("out.mp4: encoded on the CPU (libx264): h264_nvenc: ")
    assert video.probe(tmp_path / "out.mp4").codec == "h264"


def test_an_encoder_that_the_user_names_is_not_replaced(face_clip: Path, tmp_path: Path) -> None:
    with (
        video.Reader(face_clip) as reader,
        pytest.raises(OutputError, match="h264_nvenc"),
        video.Writer(tmp_path / "out.mp4", reader, encoder="h264_nvenc", gpu=99),
    ):
        pass
    with (
        video.Reader(face_clip) as reader,
        video.Writer(tmp_path / "own.mkv", reader, encoder="ffv1", gpu=99) as writer,
    ):
        assert not writer.notices
        writer.write(next(iter(reader)))
