"""Encoder presets by name, and the time code and data tracks that go with a master."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from commands import Run
from fastswap import video
from fastswap.errors import OutputError
from fastswap.video import timecode
from fastswap.video.presets import PRESETS, expand
from footage import HD_TAGS, clip, facts

SIZE = (256, 144)  # DNxHR's smallest


def _copy(source: Path, output: Path, **settings: object) -> list[str]:
    with video.Reader(source) as reader, video.Writer(output, reader, **settings) as writer:  # type: ignore[arg-type]
        for frame in reader:
            writer.write(frame)
    return [*reader.notices, *writer.notices]


def _stream(path: Path) -> tuple[str, str, str | None]:
    with av.open(str(path)) as container:
        codec = container.streams.video[0].codec_context
        return codec.codec.canonical_name, codec.format.name, codec.profile


@pytest.mark.parametrize(
    ("name", "codec", "pixels", "profile"),
    [
        ("prores-proxy", "prores", "yuv422p10le", "Proxy"),
        ("prores-lt", "prores", "yuv422p10le", "LT"),
        ("prores", "prores", "yuv422p10le", "Standard"),
        ("prores-hq", "prores", "yuv422p10le", "HQ"),
        ("prores-4444", "prores", "yuv444p12le", "4444"),
        ("dnxhr-lb", "dnxhd", "yuv422p", "DNXHR LB"),
        ("dnxhr-sq", "dnxhd", "yuv422p", "DNXHR SQ"),
        ("dnxhr-hq", "dnxhd", "yuv422p", "DNXHR HQ"),
        ("dnxhr-hqx", "dnxhd", "yuv422p10le", "DNXHR HQX"),
        ("dnxhr-444", "dnxhd", "yuv444p10le", "DNXHR 444"),
        ("ffv1", "ffv1", "yuv420p", None),
        ("x264", "h264", "yuv420p", "High"),
        ("x265-10bit", "hevc", "yuv420p10le", "Main 10"),
        ("av1", "av1", "yuv420p", "Main"),
        ("av1-10bit", "av1", "yuv420p10le", "Main"),
    ],
)
def test_each_preset_makes_what_its_name_says(
    tmp_path: Path, name: str, codec: str, pixels: str, profile: str | None
) -> None:
    source = clip(tmp_path / "in.mp4", size=SIZE, times=range(6), tags=HD_TAGS, options={"crf": "4"})
    for suffix in PRESETS[name].containers:
        out = tmp_path / f"out{suffix}"
        _copy(source, out, encoder=name)
        assert _stream(out)[:2] == (codec, pixels)
        if profile is not None:
            assert profile in (_stream(out)[2] or "")
        before, after = facts(source), facts(out)
        assert len(after.times) == len(before.times)
        assert after.tags[1:] == before.tags[1:]
        assert after.tags[0] in (0, before.tags[0]), (
            "DNxHR 4:4:4 has no place for the range; unspecified is limited"
        )
        error = np.abs(
            before.last.to_ndarray(format="gray").astype(int) - after.last.to_ndarray(format="gray")
        )
        assert error.mean() < 3.0


def test_every_preset_is_tested_here() -> None:
    (mark,) = (m for m in test_each_preset_makes_what_its_name_says.pytestmark if m.name == "parametrize")
    assert {case[0] for case in mark.args[1]} == set(PRESETS)


def test_ffv1_keeps_every_sample(tmp_path: Path) -> None:
    source = clip(tmp_path / "in.mp4", times=range(6))
    _copy(source, tmp_path / "out.mkv", encoder="ffv1")
    assert facts(tmp_path / "out.mkv").lumas == facts(source).lumas


def test_options_of_the_user_go_before_those_of_the_preset() -> None:
    name, options = expand("x265-10bit", {"preset": "ultrafast", "qp": "20"})
    assert (name, options["preset"], options["qp"], options["pix_fmt"]) == (
        "libx265",
        "ultrafast",
        "20",
        "yuv420p10le",
    )
    assert "crf" not in options, "two rate controls would contradict each other"
    assert expand("libx264", {"crf": "3"}) == ("libx264", {"crf": "3"})


def test_a_preset_in_a_container_that_does_not_hold_it_is_one_clear_line(tmp_path: Path) -> None:
    source = clip(tmp_path / "in.mp4")
    with pytest.raises(OutputError, match=r"out\.webm"):
        _copy(source, tmp_path / "out.webm", encoder="prores-hq")
    assert [path.name for path in tmp_path.iterdir()] == ["in.mp4"]


def test_the_command_lists_them(run: Run) -> None:
    code, stdout, _ = run("encoders", "--json")
    assert code == 0
    assert json.loads(stdout)["prores-hq"]["options"]["profile"] == "hq"
    code, stdout, _ = run("encoders")
    assert code == 0
    assert all(name in stdout for name in PRESETS)


def test_time_code_goes_along_into_every_container_that_has_a_place_for_it(tmp_path: Path) -> None:
    source = tmp_path / "in.mov"
    plain = clip(tmp_path / "plain.mp4", times=range(10))
    with av.open(str(plain)) as given, av.open(str(source), "w") as container:
        stream = container.add_stream_from_template(given.streams.video[0], opaque=True)
        stream.metadata["timecode"] = "10:11:12:13"
        for packet in given.demux(video=0):
            if packet.size:
                packet.stream = stream
                container.mux(packet)
    for name in ("out.mov", "out.mp4", "out.mkv", "out.mxf"):
        settings = {"encoder": "mpeg2video", "options": {"g": "1"}} if name.endswith("mxf") else {}
        _copy(source, tmp_path / name, **settings)
        assert timecode.stated(tmp_path / name) == "10:11:12:13", name


@pytest.mark.parametrize("name", ["ts", "mov", "mp4"])
def test_data_tracks_go_along_packet_by_packet(tmp_path: Path, name: str) -> None:
    source, out = tmp_path / f"in.{name}", tmp_path / f"out.{name}"
    plain = clip(tmp_path / "plain.mp4", times=range(25))
    codec = "klv" if name == "ts" else "bin_data"
    blocks = [bytes([7, index]) * (20 + index) for index in range(5)]
    kind = None if name == "ts" else "mp4"  # PyAV makes no data stream for a file called .mov
    with av.open(str(plain)) as given, av.open(str(source), "w", format=kind) as container:
        stream = container.add_stream_from_template(given.streams.video[0], opaque=True)
        data = container.add_data_stream(codec)
        for index, block in enumerate(blocks):
            packet = av.Packet(block)
            packet.stream, packet.pts, packet.dts, packet.duration = data, index * 18000, index * 18000, 18000
            packet.time_base = Fraction(1, 90000)
            container.mux(packet)
        for packet in given.demux(video=0):
            if packet.size:
                packet.stream = stream
                container.mux(packet)
    notices = _copy(source, out)
    assert not notices
    assert facts(out).others == facts(source).others
    assert len(facts(out).others) == 1
