"""Small video files made by PyAV alone, as users bring them, and what an independent reader finds in a file."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.uint8]
QUARTER_TURN = (0, 65536, 0, -65536, 0, 0, 0, 0, 1 << 30)
"""FFmpeg's display matrix of a picture to be turned 90 degrees clockwise."""

SMALL = (64, 48)
HD_TAGS = {"color_range": 1, "colorspace": 1, "color_primaries": 1, "color_trc": 1}


def picture(size: tuple[int, int], index: int = 0) -> Array:
    """A smooth coloured picture that moves with `index`, uint8 [H, W, 3]."""
    y, x = np.mgrid[: size[1], : size[0]].astype(np.float64)
    waves = [np.sin((x * a + y * b + index * 3) / 9.0) for a, b in ((1.0, 0.3), (0.2, 1.0), (0.7, -0.6))]
    return np.stack([127 + 100 * w for w in waves], axis=-1).astype(np.uint8)


def clip(
    path: Path,
    *,
    codec: str = "libx264",
    size: tuple[int, int] = SMALL,
    times: Sequence[int] = tuple(range(12)),
    time_base: Fraction = Fraction(1, 25),
    pixel_format: str = "yuv420p",
    tags: Mapping[str, int] | None = None,
    sar: Fraction | None = None,
    matrix: Sequence[int] | None = None,
    options: Mapping[str, str] | None = None,
    muxer: Mapping[str, str] | None = None,
    sound: bool = False,
    sound_codec: str = "aac",
) -> Path:
    """Writes a clip whose frames have exactly these times, with B-frames where the codec has them."""
    with av.open(str(path), "w", container_options=dict(muxer or {})) as container:
        video = container.add_stream(codec, rate=Fraction(25), options=dict(options or {}))
        video.width, video.height = size
        video.pix_fmt = pixel_format
        video.codec_context.time_base = time_base
        video.codec_context.sample_aspect_ratio = sar or Fraction(0)
        for name, value in (tags or {}).items():
            setattr(video.codec_context, name, value)
        if matrix:
            video.set_display_matrix(matrix)
        audio = container.add_stream(sound_codec, rate=48000, layout="mono") if sound else None
        full = (tags or {}).get("color_range") == 2 or pixel_format.startswith("yuvj")
        for index, time in enumerate(times):
            frame = av.VideoFrame.from_ndarray(picture(size, index), format="rgb24")
            frame = frame.reformat(format=pixel_format, dst_color_range=2 if full else 1)
            frame.pts, frame.time_base = time, time_base
            container.mux(video.encode(frame))
        if audio:
            seconds = float((times[-1] - times[0]) * time_base) + 0.04
            _add_tone(container, audio, seconds)
        container.mux(video.encode(None))
    return path


def _add_tone(container: Any, stream: Any, seconds: float) -> None:
    tone = np.sin(np.arange(int(seconds * 48000)) / 20.0)
    for start in range(0, len(tone), 1024):
        chunk = (tone[None, start : start + 1024] * 8000).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(chunk, format="s16", layout="mono")
        frame.sample_rate, frame.pts = 48000, start
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


@dataclass
class Facts:
    """times, durations: of the frames in order, seconds. end: length of the video stream as stated.
    last: the last decoded frame. others: of each stream but the video, its kind, a hash of all packets, their times.
    """

    times: list[Fraction | None]
    durations: list[Fraction]
    last: av.VideoFrame
    lumas: list[bytes]
    time_base: Fraction
    end: Fraction | None
    sar: Fraction | None
    others: list[tuple[str, str, list[Fraction | None]]]
    chapters: list[tuple[Fraction, Fraction, dict[str, str]]]
    metadata: dict[str, str]
    languages: list[str | None]

    @property
    def tags(self) -> tuple[int, int, int, int]:
        """The last frame's colour tags."""
        return (self.last.color_range, self.last.colorspace, self.last.color_primaries, self.last.color_trc)

    @property
    def turn(self) -> tuple[int, ...] | None:
        """The display matrix."""
        found = self.last.side_data.get("DISPLAYMATRIX")
        return None if found is None else tuple(int(v) for v in np.frombuffer(found, np.int32))


def facts(path: Path) -> Facts:
    """What PyAV finds in a file, read in a way that shares nothing with the package."""
    with av.open(str(path)) as container:
        video = next(s for s in container.streams.video if not int(s.disposition) & 0x400)
        frames: list[av.VideoFrame] = []
        packets: dict[int, list[av.Packet]] = {s.index: [] for s in container.streams if s is not video}
        for packet in container.demux():
            if packet.stream is video:
                frames += packet.decode()
            elif packet.size:
                packets[packet.stream.index].append(packet)
        others = []
        for index, found in packets.items():
            stream, digest = container.streams[index], hashlib.sha256()
            for packet in found:
                digest.update(bytes(packet))
            times = [None if p.pts is None else p.pts * p.time_base for p in found]
            others.append((f"{stream.type} {getattr(stream, 'name', None)}", digest.hexdigest(), times))
        assert video.time_base is not None
        return Facts(
            times=[None if f.pts is None else f.pts * video.time_base for f in frames],
            durations=[f.duration * video.time_base for f in frames],
            last=frames[-1],
            lumas=[f.to_ndarray(format="gray").tobytes() for f in frames],
            time_base=video.time_base,
            end=video.duration and video.duration * video.time_base,
            sar=video.sample_aspect_ratio,
            others=others,
            chapters=[
                (c["start"] * c["time_base"], c["end"] * c["time_base"], c["metadata"])
                for c in container.chapters()
            ],
            metadata=dict(container.metadata),
            languages=[s.language for s in container.streams],
        )
