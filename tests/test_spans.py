"""The cut of an input: it follows from the input alone, and every span decodes as in a pass over the whole."""

from __future__ import annotations

import random
import zlib
from collections.abc import Sequence
from pathlib import Path

import av
import pytest

from fastswap import video
from fastswap.video import spans
from fastswap.video.access import begins_anew
from footage import clip, picture

Shown = list[tuple[int | None, int, int]]
FRAMES = 150
JITTER = [round(i * 3.7) + (i * i) % 3 for i in range(FRAMES)]


@pytest.fixture(autouse=True)
def _short_spans(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spans of a length that short clips have several of."""
    for name, value in (("SHORTEST", 24), ("_LAST", 12), ("_LONGEST", 48), ("_REACH", 90)):
        monkeypatch.setattr(spans, name, value)


def shown(frames: object) -> Shown:
    """PTS, index and a checksum of all samples of each frame."""
    found = []
    for frame in frames:  # type: ignore[attr-defined]
        checksum = 0
        for plane in frame.planes:
            checksum = zlib.crc32(plane.tobytes(), checksum)
        found.append((frame.pts, frame.index, checksum))
    return found


def check(path: Path, least: int) -> tuple[video.Span, ...]:
    """Every span alone, in any order, and all in a row are what a pass over the whole gives."""
    with video.Reader(path) as reader:
        whole, cut = shown(reader), video.cut(reader.info)
    assert video.cut(video.probe(path)) == cut
    assert len(cut) >= least, cut
    parts: list[Shown] = []
    with video.Reader(path) as reader:
        for span in cut:
            parts.append(shown(reader.frames_of(span, sum(map(len, parts)))))
    assert [frame for part in parts for frame in part] == whole
    order = list(cut)
    random.Random(7).shuffle(order)
    with video.Reader(path, threads=1) as reader:
        for span in order:
            first = sum(map(len, parts[: span.number]))
            assert shown(reader.frames_of(span, first)) == parts[span.number], span
    return cut


def write(path: Path, codec: str, options: dict[str, str], *, times: Sequence[int] = range(FRAMES)) -> Path:
    return clip(path, codec=codec, times=tuple(times), options=options)


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".ts", ".nut", ".flv"])
def test_closed_gops_with_b_frames(suffix: str, tmp_path: Path) -> None:
    path = write(tmp_path / f"in{suffix}", "libx264", {"g": "12", "bf": "3", "sc_threshold": "0"})
    cut = check(path, 5)
    assert all(span.key == span.start for span in cut)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts"])
def test_open_gops(suffix: str, tmp_path: Path) -> None:
    path = write(
        tmp_path / f"in{suffix}",
        "libx264",
        {"g": "12", "bf": "3", "flags": "-cgop", "x264-params": "open-gop=1:scenecut=0"},
    )
    check(path, 5)


@pytest.mark.parametrize("open_gop", ["0", "1"])
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_hevc(suffix: str, open_gop: str, tmp_path: Path) -> None:
    options = {
        "x265-params": f"keyint=12:min-keyint=12:bframes=3:open-gop={open_gop}:scenecut=0:log-level=none"
    }
    check(write(tmp_path / f"in{suffix}", "libx265", options), 5)


def test_a_gradual_refresh_is_no_place_to_begin(tmp_path: Path) -> None:
    """x264 flags the pictures of an intra refresh as key frames, in which only a column is new."""
    options = {"x264-params": "intra-refresh=1:keyint=24:bframes=0:scenecut=0"}
    cut = check(write(tmp_path / "in.mkv", "libx264", options), 2)
    assert {span.key for span in cut} == {0}


def test_variable_rate(tmp_path: Path) -> None:
    check(write(tmp_path / "in.mp4", "libx264", {"g": "12", "bf": "3"}, times=JITTER), 4)
    check(write(tmp_path / "in.mkv", "libx264", {"g": "12", "bf": "3"}, times=JITTER), 4)


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("in.webm", "libvpx-vp9", {"g": "12", "deadline": "realtime", "cpu-used": "8", "b": "200k"}),
        ("in.mkv", "libsvtav1", {"g": "12", "preset": "12", "svtav1-params": "keyint=12"}),
        ("in.mpg", "mpeg2video", {"g": "12", "bf": "2"}),
        ("in.ts", "mpeg2video", {"g": "12", "bf": "2"}),
        ("in.mp4", "mpeg4", {"g": "12", "bf": "2"}),
        ("in.mov", "prores_ks", {}),
        ("in.mkv", "ffv1", {"g": "12"}),
        ("in.avi", "mjpeg", {}),
        ("in.avi", "mpeg4", {"g": "12"}),
        ("in.avi", "mpeg4", {"g": "12", "bf": "2"}),
        ("in.h264", "libx264", {"g": "12", "bf": "3"}),
        ("in.mjpeg", "mjpeg", {}),
    ],
)
def test_other_codecs_and_containers(name: str, codec: str, options: dict[str, str], tmp_path: Path) -> None:
    form = {"prores_ks": "yuv422p10le", "mjpeg": "yuvj420p"}.get(codec, "yuv420p")
    path = clip(tmp_path / name, codec=codec, times=tuple(range(FRAMES)), options=options, pixel_format=form)
    check(path, 4)


def test_a_single_long_gop_is_cut_within(tmp_path: Path) -> None:
    cut = check(write(tmp_path / "in.mp4", "libx264", {"g": "1000", "bf": "3", "sc_threshold": "0"}), 2)
    assert {span.key for span in cut} == {0}
    assert cut[1].first == 48


def test_damage_costs_the_same_frames(tmp_path: Path) -> None:
    path = write(tmp_path / "in.ts", "libx264", {"g": "12", "bf": "3"})
    data = bytearray(path.read_bytes())
    for at in range(len(data) // 3, len(data), len(data) // 5):
        data[at : at + 400] = bytes(400)
    path.write_bytes(data)
    check(path, 3)


def test_a_folder_of_pictures(tmp_path: Path) -> None:
    for index in range(60):
        video.save_picture(tmp_path / f"p{index}.png", picture((32, 24), index))
    check(tmp_path, 2)


def test_what_is_short_or_contradicts_itself_is_one_span(tmp_path: Path) -> None:
    short = write(tmp_path / "short.mp4", "libx264", {"g": "12"}, times=range(35))
    assert video.cut(video.probe(short)) == video.WHOLE
    path = tmp_path / "twice.ts"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg2video", rate=25, options={"bf": "0"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for index in range(FRAMES):
            frame = av.VideoFrame.from_ndarray(picture((64, 48), index), format="rgb24")
            for packet in stream.encode(frame.reformat(format="yuv420p")):
                packet.dts, packet.pts = index, index // 2 * 2 + 2
                container.mux(packet)
    assert video.cut(video.probe(path)) == video.WHOLE


def test_recovery_points_are_read() -> None:
    slice_ = b"\0\0\1\x41" + bytes(20)
    at_once, later = (
        b"\0\0\1\x06\x06\x01" + bytes([count]) + b"\x80" for count in (0b1_0000000, 0b00100_000)
    )
    assert begins_anew("h264", at_once + slice_, b"")
    assert not begins_anew("h264", later + slice_, b"")
    assert not begins_anew("h264", slice_, b"")
    assert begins_anew("h264", b"\0\0\1\x65" + bytes(20), b"")
    avcc = bytes([1, 0, 0, 0, 0xFF])
    assert begins_anew("h264", b"\0\0\0\x05\x65" + bytes(4), avcc)
    assert not begins_anew("h264", b"\0\0\0\x05\x41" + bytes(4), avcc)
