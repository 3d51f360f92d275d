"""A GPU's decoder that gives up: at the start, in the middle, after a seek. The CPU goes on with the very next frame.

The stand-in is FFmpeg's own decoder, which after some packets fails as one does for which memory runs out.
"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import pytest

from fastswap import video
from fastswap.device.gpu import GpuDevice
from fastswap.errors import DeviceError
from fastswap.frame import Frame
from fastswap.video import nvidia
from fastswap.video.decoder import Decoder
from fastswap.video.planes import shared_planes
from footage import clip

FULL = av.error.MemoryError(12, "Cannot allocate memory")


class Card:
    """A GPU that decodes `packets` packets of a file it has opened; `opens` says how often it can be opened."""

    index, name = 0, "cuda:0 (stand-in)"

    def __init__(self, packets: int, opens: int = 1 << 30, error: av.FFmpegError = FULL) -> None:
        self.packets, self.opens, self.error = packets, opens, error
        self.landed, self.mine = 0, list[av.VideoFrame]()
        self.runtime = SimpleNamespace(memory=lambda: (0, 1))

    def land(self, decoded: av.VideoFrame) -> tuple[tuple[Any, ...], Any]:
        self.landed += 1
        return shared_planes(decoded), decoded

    def lost(self, error: Exception) -> None:
        GpuDevice.lost(self, error)  # type: ignore[arg-type]


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes a `Card` the decoder of what is read with it."""
    made: list[Card] = []
    begin = Decoder._begin

    def start(*settings: Any, **more: Any) -> Card:
        made[:] = [Card(*settings, **more)]
        return made[0]

    def begun(self: Decoder, path: Path, threads: int) -> None:
        begin(self, path, threads)
        if self._landing is None:
            return
        card, real, left = made[0], self._context, iter(range(made[0].packets))
        card.opens -= 1
        if card.opens < 0:
            self.container.close()
            raise av.ExternalError(1, "no device")

        def decode(packet: Any) -> list[av.VideoFrame]:
            if next(left, None) is None:
                raise card.error
            frames = real.decode(packet)
            card.mine += frames
            return frames

        self._context = SimpleNamespace(decode=decode, flush_buffers=real.flush_buffers)  # type: ignore[assignment]

    monkeypatch.setattr(Decoder, "_begin", begun)
    monkeypatch.setattr(nvidia, "hwaccel", lambda index: None)
    monkeypatch.setattr(nvidia, "LANDED", ("yuv420p",))
    monkeypatch.setattr(
        nvidia, "is_on_gpu", lambda frame: any(frame is f for f in made[0].mine) if made else 0
    )
    return start


def shown(frames: Any) -> list[Any]:
    def one(frame: Frame) -> Any:
        return frame.index, frame.pts, frame.time, *(bytes(plane.tobytes()) for plane in frame.planes)

    return [one(frame) for frame in frames]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Containers with an index, without one, without presentation times, without times at all; a variable rate."""
    folder = tmp_path_factory.mktemp("falls")
    times = (*range(9), 12, 13, 20, *range(21, 49))
    for name in ("a.mp4", "a.mkv", "a.ts", "a.avi", "a.h264"):
        options = {"g": "8", "bf": "3", "preset": "veryfast"}
        clip(folder / name, times=times if name in ("a.mp4", "a.mkv") else range(40), options=options)
    return folder


@pytest.mark.parametrize("packets", [1, 6, 17, 30])
@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts", "a.avi", "a.h264"])
def test_no_frame_is_lost_or_doubled(files: Path, card: Any, name: str, packets: int) -> None:
    with video.Reader(files / name) as reader:
        want, plain = shown(reader), reader.notices
    gpu = card(packets + 4)  # the first frame, by which it is tried, takes some
    with video.Reader(files / name, landing=gpu) as reader:
        got = shown(reader)
        told = [notice for notice in reader.notices if notice not in plain]
        assert reader.skipped == 0
    assert got == want
    assert 0 < gpu.landed < 40
    assert len(told) == 1
    assert told[0].startswith(f"{name}: decoded on the CPU from frame ")
    assert told[0].endswith(": cuda:0 (stand-in) has no memory left for decoded frames")


@pytest.mark.parametrize(
    ("packets", "opens", "words"),
    [
        (99, 0, "the GPU's decoder cannot be opened (no device)"),
        (99, 1, "the GPU's decoder cannot be opened (no device)"),
        (0, 99, "cuda:0 (stand-in) has no memory left for decoded frames"),
    ],
)
def test_one_that_cannot_begin(files: Path, card: Any, packets: int, opens: int, words: str) -> None:
    """It is tried first; after that the card's memory may have gone to others."""
    with video.Reader(files / "a.mp4") as reader:
        want = shown(reader)
    with video.Reader(files / "a.mp4", landing=card(packets, opens)) as reader:
        assert shown(reader) == want
        (told,) = reader.notices
    assert told == f"a.mp4: decoded on the CPU: {words}"


def test_after_a_seek(files: Path, card: Any) -> None:
    """Not at once: some frames after it, at which the decoder stands in the middle of a group."""
    with video.Reader(files / "a.mkv") as reader:
        reader.seek(0.8)
        want = shown(reader)
    gpu = card(12)
    with video.Reader(files / "a.mkv", landing=gpu) as reader:
        reader.seek(0.8)
        got = shown(reader)
        assert got == want
        assert reader.notices[0].startswith("a.mkv: decoded on the CPU after a seek: ")
    assert 1 < gpu.landed < len(want)


def test_spans(files: Path, card: Any, short_spans: None) -> None:
    """Each is that of a pass over the whole, from before the decoder gave up, over it and after."""
    with video.Reader(files / "a.mkv") as reader:
        want, cut = shown(reader), video.cut(reader.info)
    assert len(cut) > 2
    for packets in (6, 14, 25):
        with video.Reader(files / "a.mkv", landing=card(packets)) as reader:
            got: list[Any] = []
            for span in cut:
                got += shown(reader.frames_of(span, len(got)))
            assert reader.notices
        assert got == want


def test_a_decoder_that_fails_is_left_and_a_damaged_packet_is_not(files: Path, card: Any) -> None:
    with video.Reader(files / "a.mp4") as reader:
        want = shown(reader)
    with video.Reader(files / "a.mp4", landing=card(20, error=av.ExternalError(1, "x"))) as reader:
        assert shown(reader) == want
        assert reader.notices[0].endswith(": the decoder of cuda:0 (stand-in) failed")
    gpu = Card(20)
    gpu.lost(av.InvalidDataError(1, "a damaged packet"))

    def gone() -> tuple[int, int]:
        raise DeviceError("cuda:0: the GPU failed")

    gpu.runtime = SimpleNamespace(memory=gone)
    with pytest.raises(DeviceError, match="the GPU failed"):
        gpu.lost(FULL)
