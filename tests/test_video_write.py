"""Writing: exact times, tags and samples, any container, the same bytes each time."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from compare import PASS_THROUGH_8BIT
from fastswap import video
from fastswap.errors import OutputError, SettingsError
from footage import HD_TAGS, QUARTER_TURN, SMALL, clip, facts, picture

VFR = (0, 3003, 4000, 9009, 9010, 20000, 21001, 40000, 90000, 90001, 180000, 200003)
VFR_MS = (0, 33, 40, 100, 101, 250, 400, 900, 901, 1300, 2000, 2500)
LOSSLESS = {"crf": "0"}


def copy(source: Path, output: Path, **settings: Any) -> list[str]:
    """Passes every frame through; gives the notices."""
    with video.Reader(source) as reader, video.Writer(output, reader, **settings) as writer:
        for frame in reader:
            writer.write(frame)
    return reader.notices + writer.notices


@pytest.mark.parametrize(
    ("times", "time_base"),
    [
        (VFR, Fraction(1, 90000)),
        (tuple(range(0, 12012, 1001)), Fraction(1, 30000)),
        (tuple(range(12)), Fraction(1001, 30000)),
        (tuple(500 + t for t in VFR), Fraction(1, 90000)),
        (VFR_MS, Fraction(1, 1000)),
    ],
    ids=["variable", "ntsc", "ntsc base", "late start", "milliseconds"],
)
def test_mp4_keeps_every_time_exactly(tmp_path: Path, times, time_base) -> None:
    scale = {"video_track_timescale": str(time_base.denominator), "movie_timescale": "90000"}
    source = clip(tmp_path / "in.mp4", times=times, time_base=time_base, muxer=scale)
    copy(source, tmp_path / "out.mp4")
    before, after = facts(source), facts(tmp_path / "out.mp4")
    assert after.times == before.times == [t * time_base for t in times]
    assert after.end == before.end, "the last frame lasts as long"
    assert after.time_base == before.time_base


@pytest.mark.parametrize("name", ["mkv", "webm"])
def test_matroska_keeps_every_millisecond(tmp_path: Path, name: str) -> None:
    source = clip(tmp_path / "in.mkv", times=VFR_MS, time_base=Fraction(1, 1000))
    copy(source, tmp_path / f"out.{name}")
    before, after = facts(source), facts(tmp_path / f"out.{name}")
    assert after.times == before.times == [Fraction(t, 1000) for t in VFR_MS]
    assert after.durations == before.durations


def test_mp4_to_matroska_rounds_to_the_nearest_millisecond(tmp_path: Path) -> None:
    source = clip(
        tmp_path / "in.mp4", times=VFR, time_base=Fraction(1, 90000), muxer={"video_track_timescale": "90000"}
    )
    copy(source, tmp_path / "out.mkv")
    times = facts(tmp_path / "out.mkv").times
    assert all(abs(a - Fraction(b, 90000)) <= Fraction(1, 2000) for a, b in zip(times, VFR, strict=True))


def test_transport_stream_keeps_its_clock(tmp_path: Path) -> None:
    source = clip(tmp_path / "in.ts", times=range(20), sound=True, sound_codec="mp2")
    copy(source, tmp_path / "out.ts")
    before, after = facts(source), facts(tmp_path / "out.ts")
    assert after.times == before.times
    assert after.others == before.others


@pytest.mark.parametrize(
    "name", ["out.avi", "out.mxf", "out.mpg", "out.mov", "out.m4v", "out.nut", "out.flv"]
)
def test_other_containers_keep_count_and_rhythm(tmp_path: Path, name: str) -> None:
    source = clip(tmp_path / "in.mp4", times=range(20))
    copy(source, tmp_path / name)
    with video.Reader(tmp_path / name) as reader:
        times = [f.time for f in reader]
    assert times == pytest.approx([i / 25 for i in range(20)], abs=1e-3)


@pytest.mark.parametrize(
    "tags",
    [
        {},
        HD_TAGS,
        {"color_range": 1, "colorspace": 9, "color_primaries": 9, "color_trc": 16},
        {"color_range": 2, "colorspace": 6, "color_primaries": 6, "color_trc": 6},
    ],
    ids=["untagged", "hd", "hdr", "full"],
)
@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.mov"])
def test_color_tags_and_siting_survive(tmp_path: Path, name: str, tags: dict[str, int]) -> None:
    source = clip(tmp_path / name, tags=tags, options={"chroma_sample_location": "topleft"})
    copy(source, tmp_path / f"out_{name}")
    assert facts(tmp_path / f"out_{name}").tags == facts(source).tags
    assert video.probe(tmp_path / f"out_{name}").tags == video.probe(source).tags


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_rotation_and_aspect_survive(tmp_path: Path, name: str) -> None:
    mirrored = (0, 65536, 0, 65536, 0, 0, 0, 0, 1 << 30)
    for matrix in (QUARTER_TURN, mirrored):
        source = clip(tmp_path / name, matrix=matrix, sar=Fraction(4, 3))
        copy(source, tmp_path / f"out_{name}")
        after = facts(tmp_path / f"out_{name}")
        assert after.turn == matrix
        assert after.sar == Fraction(4, 3)


def test_containers_without_rotation_get_turned_frames(tmp_path: Path) -> None:
    source = clip(tmp_path / "in.mp4", matrix=QUARTER_TURN, sar=Fraction(4, 3))
    notices = copy(source, tmp_path / "out.ts", options=LOSSLESS)
    before, after = video.probe(source), video.probe(tmp_path / "out.ts")
    assert after.rotation == 0
    assert (after.width, after.height) == (48, 64)
    assert after.sar == Fraction(3, 4)
    assert before.display_size[0] / before.display_size[1] == pytest.approx(48 / 85)
    with video.Reader(source) as a, video.Reader(tmp_path / "out.ts") as b:
        upright = np.rot90(next(iter(a)).planes[0], -1)
        assert np.array_equal(next(iter(b)).planes[0], upright)
    assert any("turned" in notice for notice in notices)


@pytest.mark.parametrize(
    ("pixel_format", "encoder", "options", "name"),
    [
        ("yuv420p", "libx264", LOSSLESS, "out.mp4"),
        ("yuvj420p", "libx264", {"qp": "0"}, "out.mp4"),
        ("yuv420p", "ffv1", None, "out.mkv"),
        ("nv12", "libx264", LOSSLESS, "out.mkv"),
        ("nv12", "ffv1", None, "out.mkv"),
        ("yuvj420p", "ffv1", None, "out.nut"),
    ],
)
def test_lossless_output_has_the_decoded_input_in_it(
    tmp_path: Path, pixel_format, encoder, options, name
) -> None:
    source = clip(tmp_path / "in.nut", codec="rawvideo", pixel_format=pixel_format)
    copy(source, tmp_path / name, encoder=encoder, options=options)
    with video.Reader(source) as a, video.Reader(tmp_path / name) as b:
        for ours, theirs in zip(a, b, strict=True):
            assert ours.color.full_range == theirs.color.full_range
            for p, q in zip(ours.planes, theirs.planes, strict=True):
                assert np.array_equal(p, q)


def test_changed_samples_are_written_and_no_others(tmp_path: Path) -> None:
    source = clip(tmp_path / "in.mp4")
    with (
        video.Reader(source) as reader,
        video.Writer(tmp_path / "out.mp4", reader, options=LOSSLESS) as writer,
    ):
        for frame in reader:
            changed = video.writable(frame)
            changed.planes[0][10:20, 8:24] = 200
            writer.write(changed)
    with video.Reader(source) as a, video.Reader(tmp_path / "out.mp4") as b:
        for before, after in zip(a, b, strict=True):
            assert (after.planes[0][10:20, 8:24] == 200).all()
            same = before.planes[0] == after.planes[0]
            same[10:20, 8:24] = True
            assert same.all()
            assert np.array_equal(before.planes[1], after.planes[1])


def test_frames_of_plain_arrays_are_written_too(tmp_path: Path) -> None:
    source = clip(tmp_path / "in.mp4")
    with (
        video.Reader(source) as reader,
        video.Writer(tmp_path / "out.mp4", reader, options=LOSSLESS) as writer,
    ):
        for frame in reader:
            planes = tuple(np.full_like(p, 90) for p in frame.planes)
            writer.write(replace(frame, planes=planes, owner=None))
    after = facts(tmp_path / "out.mp4")
    assert after.times == facts(source).times
    assert (after.last.to_ndarray() == 90).all()


@pytest.mark.parametrize(
    ("encoder", "name"),
    [
        ("libx264", "out.mp4"),
        ("libx265", "out.mp4"),
        ("libvpx-vp9", "out.webm"),
        ("mpeg4", "out.avi"),
        ("mpeg2video", "out.ts"),
        ("prores_ks", "out.mov"),
        ("mjpeg", "out.avi"),
    ],
)
def test_every_common_encoder_shows_the_same_picture(tmp_path: Path, encoder: str, name: str) -> None:
    source = clip(tmp_path / "in.mp4")
    copy(source, tmp_path / name, encoder=encoder)
    with video.Reader(tmp_path / name) as reader:
        assert reader.info.frames in (None, 12)
        frames = list(reader)
    assert len(frames) == 12
    shown = video.rgb_from_frame(frames[5]).astype(float)
    with video.Reader(source) as reader:
        truth = video.rgb_from_frame(list(reader)[5]).astype(float)
    assert np.abs(shown - truth).mean() < PASS_THROUGH_8BIT


@pytest.mark.parametrize("size", [(35, 27), (1, 1), (16, 17), (33, 16)])
@pytest.mark.parametrize(
    ("encoder", "name"), [("libx264", "out.mp4"), ("libvpx-vp9", "out.webm"), ("ffv1", "out.mkv")]
)
def test_odd_sizes_keep_their_size(tmp_path: Path, size: tuple[int, int], encoder: str, name: str) -> None:
    source = clip(tmp_path / "in.mkv", codec="ffv1", size=size, times=(0, 1, 2))
    notices = copy(source, tmp_path / name, encoder=encoder)
    info = video.probe(tmp_path / name)
    assert (info.width, info.height) == size
    x264 = "yuv444p" if size[0] % 2 else "yuv422p"
    assert info.pixel_format == (x264 if encoder == "libx264" else "yuv420p")
    assert any("odd" in notice for notice in notices) == (encoder == "libx264")


@pytest.mark.parametrize("name", ["12:30 %03d.mp4", "-i.mkv", "späß 🎬.mp4", "a'b\"c.mov"])
def test_strange_names(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    clip(tmp_path / "in.mp4").rename(name)
    copy(Path(name), Path("2" + name))
    assert len(facts(tmp_path / ("2" + name)).times) == 12


def test_the_encoder_chooses_its_own_frame_types(tmp_path: Path) -> None:
    source = clip(tmp_path / "in.mp4", options={"g": "1"})
    copy(source, tmp_path / "out.mp4")
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert [p.is_keyframe for p in container.demux(video=0) if p.size].count(True) == 1


def test_the_default_is_x264_where_it_fits(tmp_path: Path) -> None:
    source = clip(tmp_path / "in.mp4", times=range(40))  # FFmpeg cannot read a much shorter transport stream
    defaults = {"mp4": "h264", "ts": "h264", "webm": "vp9", "gif": "gif", "avi": "h264", "mpg": "mpeg2video"}
    for suffix, codec in defaults.items():
        copy(source, tmp_path / f"a.{suffix}")
        assert video.probe(tmp_path / f"a.{suffix}").codec == codec


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    source = clip(tmp_path / "in.mkv", sound=True)
    for name in ("1.mp4", "2.mp4", "1.mkv", "2.mkv", "1.webm", "2.webm"):
        if name.endswith("webm"):
            copy(source, tmp_path / name, copy=False)
        else:
            copy(source, tmp_path / name)
    for kind in ("mp4", "mkv", "webm"):
        assert (tmp_path / f"1.{kind}").read_bytes() == (tmp_path / f"2.{kind}").read_bytes()


def test_times_that_do_not_increase_are_moved_and_counted(tmp_path: Path) -> None:
    source = clip(tmp_path / "in.mp4", times=range(6))
    with video.Reader(source) as reader, video.Writer(tmp_path / "out.mp4", reader) as writer:
        for frame in reader:
            writer.write(replace(frame, pts=512))
    assert any("5 time stamps" in notice for notice in writer.notices)
    assert len(facts(tmp_path / "out.mp4").times) == 6


def test_a_bare_stream_gets_times_from_its_rate(tmp_path: Path) -> None:
    copy(clip(tmp_path / "in.h264", times=range(10)), tmp_path / "out.mp4")
    assert facts(tmp_path / "out.mp4").times == [Fraction(i, 25) for i in range(10)]


def test_write_video_makes_tagged_footage(tmp_path: Path) -> None:
    pictures = [picture(SMALL, i) for i in range(8)]
    video.write_video(tmp_path / "a.mp4", iter(pictures), fps=Fraction(30000, 1001))
    with video.Reader(tmp_path / "a.mp4") as reader:
        info, frames = reader.info, list(reader)
    assert info.fps == Fraction(30000, 1001)
    assert (info.color.matrix, info.color.siting, info.tags.primaries) == ("bt709", "center", 1)
    for frame, truth in zip(frames, pictures, strict=True):
        assert np.abs(video.rgb_from_frame(frame).astype(float) - truth).mean() < PASS_THROUGH_8BIT
    with pytest.raises(SettingsError, match="at least one"):
        video.write_video(tmp_path / "b.mp4", [])
    with pytest.raises(OutputError, match="32x20"):
        video.write_video(tmp_path / "c.mp4", [pictures[0], picture((32, 20))])
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.mp4"]
