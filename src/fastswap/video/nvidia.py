"""NVIDIA's decoders and encoders, through FFmpeg: frames that are decoded on a GPU stay there.

FFmpeg's decoder hands out copies that it does not predict from, so they may be written to, and works on the legacy
default stream; its encoder reads a frame when it is given one, so the frame has to be finished by then.
"""

from __future__ import annotations

from typing import Any, Final, Protocol

import av
from av.codec.hwaccel import HWAccel

HARDWARE: Final = "cuda"
"""FFmpeg's format of frames in a GPU's memory."""

LANDED: Final = ("nv12", "p010le")
"""Formats that frames in a GPU's memory may have and still be used there; PyAV exports no others by DLPack."""

ENCODERS: Final = {"libx264": "h264_nvenc", "libx265": "hevc_nvenc", "libsvtav1": "av1_nvenc"}
"""For each default encoder the one on the GPU that takes its place."""


class Landing(Protocol):
    """Takes frames that FFmpeg decoded into a GPU's memory. index: of the GPU."""

    @property
    def index(self) -> int: ...
    def land(self, decoded: av.VideoFrame) -> tuple[tuple[Any, ...], Any]:
        """Planes in the GPU's memory and what owns them, for a frame in one of the `LANDED` formats."""
        ...

    def lost(self, error: av.FFmpegError) -> None:
        """Told that a packet could not be decoded. Raises DeviceError when the GPU is gone, and GaveUp when its decoder
        is to blame and not the packet."""
        ...


class GaveUp(Exception):
    """The GPU's decoder cannot go on with a video, and says why; the GPU itself is there."""


def hwaccel(index: int) -> HWAccel:
    """Settings that keep frames in the memory of a GPU, in its primary context."""
    return HWAccel(HARDWARE, device=str(index), allow_software_fallback=True, is_hw_owned=True)


def is_on_gpu(frame: av.VideoFrame) -> bool:
    """True for frames in a GPU's memory."""
    return bool(frame.format.name == HARDWARE)


def layout(frame: av.VideoFrame) -> str:
    """The pixel format of a frame, of one in a GPU's memory that of its samples."""
    return str(frame.sw_format.name) if is_on_gpu(frame) and frame.sw_format else str(frame.format.name)


def on_host(frame: av.VideoFrame) -> av.VideoFrame:
    """The frame in host memory."""
    return frame.reformat(format=layout(frame)) if is_on_gpu(frame) else frame
