"""Reading: exact times, the decoder's own planes, colour, geometry, and damaged files."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from compare import PASS_THROUGH_8BIT
from fastswap import video
from fastswap.errors import FastswapError
from fastswap.video.clock import Clock
from footage import HD_TAGS, QUARTER_TURN, SMALL, clip, picture

VFR = (0, 3003, 4000, 9009, 9010, 20000, 21001, 40000, 90000, 90001, 180000, 200003)


def test_frames_are_the_decoders_planes_at_their_exact_times(tmp_path: Path) -> None:
    path = clip(
        tmp_path / "a.mp4", times=VFR, time_base=Fraction(1, 90000), muxer={"video_track_timescale": "90000"}
    )
    with av.open(str(path)) as container:
        truth = [(f.pts, f.to_ndarray()) for f in container.decode(video=0)]
    with video.Reader(path) as reader:
        frames = list(reader)
        assert reader.info.time_base == Fraction(1, 90000)
    assert [f.pts for f in frames] == [pts for pts, _ in truth] == list(VFR)
    assert [f.index for f in frames] == list(range(len(VFR)))
    assert frames[-1].time == pytest.approx(200003 / 90000)
    for frame, (_, yuv) in zip(frames, truth, strict=True):
        planes = np.concatenate([plane.reshape(-1) for plane in frame.planes])
        assert np.array_equal(planes, yuv.reshape(-1))
        assert not any(plane.flags.writeable or plane.flags.owndata for plane in frame.planes)


def test_writable_planes_are_new_and_the_old_ones_stay(tmp_path: Path) -> None:
    with video.Reader(clip(tmp_path / "a.mp4")) as reader:
        frame = next(iter(reader))
    before = frame.planes[0].copy()
    copy = video.writable(frame)
    assert np.array_equal(copy.planes[0], before)
    copy.planes[0][:] = 0
    assert np.array_equal(frame.planes[0], before)
    assert video.writable(copy) is copy
    assert video.to_av(copy) is copy.owner
    assert np.array_equal(video.to_av(frame).to_ndarray()[: SMALL[1]], before)


def test_a_second_iteration_and_a_seek_give_the_same_frames(tmp_path: Path) -> None:
    path = clip(tmp_path / "a.mp4", times=range(40), options={"g": "10"})
    with video.Reader(path) as reader:
        lumas = {f.pts: f.planes[0].copy() for f in reader}
        again = {f.pts: f.planes[0].copy() for f in reader}
        assert lumas.keys() == again.keys()
        shown = reader.frame_at(1.0 + 0.01)
        assert (shown.pts, shown.index, shown.time) == (1.0 / reader.info.time_base, 25, 1.0)
        assert np.array_equal(shown.planes[0], lumas[shown.pts])
        assert reader.frame_at(99.0).index == 39
        reader.seek(1.3)
        late = [f.time for f in reader]
        assert late[0] <= 1.3 < late[0] + 0.4 + 1e-9
        assert len(list(reader)) == 40


@pytest.mark.parametrize("name", ["a.ts", "a.h264", "a.mkv", "a.nut"])
def test_seeking_without_an_index(tmp_path: Path, name: str) -> None:
    path = clip(tmp_path / name, times=range(40), options={"g": "100"})
    with video.Reader(path) as reader:
        lumas = [f.planes[0].copy() for f in reader]
        shown, last = reader.frame_at(1.0), reader.frame_at(99.0)
        reader.seek(1.0)
        later = list(reader)
    assert (shown.index, last.index) == (25, 39)
    assert np.array_equal(shown.planes[0], lumas[25])
    assert np.array_equal(last.planes[0], lumas[39])
    assert later[0].time <= 1.0
    assert later[-1].index == 39
    assert np.array_equal(later[0].planes[0], lumas[later[0].index])


def test_a_first_time_other_than_zero_is_kept(tmp_path: Path) -> None:
    path = clip(tmp_path / "a.mp4", times=range(50, 60))
    info = video.probe(path)
    with video.Reader(path) as reader:
        frames = list(reader)
    assert info.start * info.time_base == 2
    assert frames[0].pts == info.start
    assert frames[0].time == 0.0


@pytest.mark.parametrize(
    ("size", "tags", "matrix", "full"),
    [
        ((64, 48), {}, "bt601", False),
        ((1280, 720), {}, "bt709", False),
        ((64, 48), HD_TAGS, "bt709", False),
        ((64, 48), {"color_primaries": 9, "colorspace": 9}, "bt2020", False),
        ((64, 48), {"color_range": 2, "colorspace": 6}, "bt601", True),
    ],
)
def test_color(tmp_path: Path, size, tags, matrix, full) -> None:
    path = clip(tmp_path / "a.mp4", size=size, times=(0, 1), tags=tags)
    with video.Reader(path) as reader:
        color = next(iter(reader)).color
        stated = reader.info.tags
    assert (color.matrix, color.full_range, color.siting) == (matrix, full, "left")
    assert stated.matrix == tags.get("colorspace", 2), "what the file leaves open stays open"


def test_chroma_siting_is_read(tmp_path: Path) -> None:
    path = clip(tmp_path / "a.mp4", options={"chroma_sample_location": "topleft"})
    assert video.probe(path).color.siting == "topleft"
    assert (
        video.probe(clip(tmp_path / "b.avi", codec="mjpeg", pixel_format="yuvj420p")).color.siting == "center"
    )


@pytest.mark.parametrize(
    ("pixel_format", "wanted", "full"),
    [
        ("rgb565le", "gbrp", True),
        ("rgb8", "gbrp", True),
        ("gbrpf32le", "gbrp16le", True),
    ],
)
def test_other_formats_are_converted_once_with_a_notice(tmp_path: Path, pixel_format, wanted, full) -> None:
    path = clip(tmp_path / "a.nut", codec="rawvideo", pixel_format=pixel_format, times=(0, 1, 2))
    with video.Reader(path) as reader:
        frames = list(reader)
        assert len([n for n in reader.notices if f"converted to {wanted}" in n]) == 1
        assert reader.info.frame_format == wanted
    assert {f.format for f in frames} == {wanted}
    assert frames[0].color.full_range is full
    if pixel_format != "rgb8":  # 256 colours are no measure
        shown = video.rgb_from_frame(frames[1]).astype(float)
        assert np.abs(shown - picture(SMALL, 1)).mean() < PASS_THROUGH_8BIT


@pytest.mark.parametrize(("pixel_format", "wanted"), [("rgb48be", "rgb48le"), ("yuv422p10be", "yuv422p10le")])
def test_the_order_of_bytes_costs_nothing(tmp_path: Path, pixel_format: str, wanted: str) -> None:
    path = clip(tmp_path / "a.nut", codec="rawvideo", pixel_format=pixel_format, times=(0,))
    with av.open(str(path)) as container:
        plane = next(container.decode(video=0)).planes[0]
    words = np.frombuffer(bytes(plane), ">u2").reshape(plane.height, -1)
    with video.Reader(path) as reader:
        frame = next(iter(reader))
        assert not reader.notices
    assert frame.format == wanted
    step = 3 if wanted == "rgb48le" else 1
    offset = 1 if wanted == "rgb48le" else 0  # the first plane is G
    assert np.array_equal(frame.planes[0], words[:, offset::step][:, : SMALL[0]])


def test_nv12_is_read_as_it_is(tmp_path: Path) -> None:
    path = clip(tmp_path / "a.nut", codec="rawvideo", pixel_format="nv12", times=(0, 1))
    with video.Reader(path) as reader:
        frame = next(iter(reader))
        assert not reader.notices
    assert frame.format == "nv12"
    assert frame.planes[1].strides[1] == 2
    assert frame.planes[1].shape == (24, 32)


@pytest.mark.parametrize("size", [(35, 27), (1, 1), (16, 17), (33, 16)])
def test_odd_sizes(tmp_path: Path, size: tuple[int, int]) -> None:
    with video.Reader(clip(tmp_path / "a.mkv", codec="ffv1", size=size, times=(0, 1))) as reader:
        frames = list(reader)
    width, height = size
    assert frames[1].planes[0].shape == (height, width)
    assert frames[1].planes[1].shape == ((height + 1) // 2, (width + 1) // 2)


def test_rotation_and_aspect_lie_in_to_coded(tmp_path: Path) -> None:
    path = clip(tmp_path / "a.mp4", matrix=QUARTER_TURN, sar=Fraction(3, 2))
    with video.Reader(path) as reader:
        info, frame = reader.info, next(iter(reader))
    assert (info.rotation, info.sar, info.display_size) == (90, Fraction(3, 2), (48, 96))
    assert frame.display_size == (48, 96)
    corners = np.array([[0, 0, 1], [48, 0, 1], [48, 96, 1], [0, 96, 1]], dtype=float).T
    coded = (frame.to_coded @ corners).T
    assert np.allclose(coded, [[0, 48], [0, 0], [64, 0], [64, 48]])


@pytest.mark.parametrize(
    "signs", [(1, 0, 0, 1), (-1, 0, 0, 1), (1, 0, 0, -1), (0, 1, 1, 0), (0, -1, 1, 0), (-1, 0, 0, -1)]
)
def test_previews_are_upright_for_every_turn(tmp_path: Path, signs: tuple[int, ...]) -> None:
    a, b, c, d = (65536 * s for s in signs)
    path = clip(tmp_path / "a.mp4", matrix=(a, b, 0, c, d, 0, 0, 0, 1 << 30), times=(0, 1))
    with video.Reader(path) as reader:
        frame = next(iter(reader))
    shown, coded = video.rgb_from_frame(frame), frame.planes[0]
    # A bright spot's place on the display, sent through to_coded, must find the same brightness in the coded luma.
    luma = shown.astype(float) @ [0.299, 0.587, 0.114]
    for x, y in ((3.5, 5.5), (40.5, 10.5), (20.5, 40.5)):
        u, v = frame.to_coded @ [x, y, 1.0]
        expected = (float(coded[int(v), int(u)]) - 16) * 255 / 219
        assert luma[int(y), int(x)] == pytest.approx(expected, abs=2.0)


def test_avi_has_decoding_times_alone(tmp_path: Path) -> None:
    path = clip(tmp_path / "a.avi", codec="mpeg4", options={"bf": "2"}, times=range(20))
    with video.Reader(path) as reader:
        assert [f.pts for f in reader] == list(range(20))


def test_a_bare_stream_has_no_times(tmp_path: Path) -> None:
    with video.Reader(clip(tmp_path / "a.h264", times=range(20))) as reader:
        frames = list(reader)
    assert [f.pts for f in frames] == [None] * 20
    assert frames[-1].time == pytest.approx(19 / 25)


def test_clock_leaves_times_that_keep_running_backwards() -> None:
    clock = Clock(keeps_pts=True)
    for dts in range(0, 400, 10):
        clock.packet(dts)
    good = [clock.frame(pts) for pts in (0, 20, 10, 30)]
    assert good == [0, 20, 10, 30], "one slip is the file's business"
    broken = [clock.frame(pts) for pts in (20, 10, 0, 50, 40, 30, 20)]
    assert broken[-2:] == [90, 100], "then the decoding times tell"


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts"])
def test_damage_in_the_middle_costs_some_frames_only(tmp_path: Path, name: str) -> None:
    path = clip(tmp_path / name, times=range(120), options={"g": "12", "crf": "10"})
    data = bytearray(path.read_bytes())
    middle = len(data) * 2 // 5
    data[middle : middle + len(data) // 20] = bytes(len(data) // 20)
    path.write_bytes(data)
    with video.Reader(path) as reader:
        frames = list(reader)
        lost = 120 - len(frames)
        assert lost < 40
        assert frames[-1].time == pytest.approx(119 / 25, abs=1e-3)
        if reader.skipped:
            assert any("damaged" in notice for notice in reader.notices)
        else:
            assert name != "a.mp4", "in MP4 every lost packet is known"


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts"])
def test_a_cut_file_gives_what_is_there(tmp_path: Path, name: str) -> None:
    path = clip(tmp_path / name, times=range(120), options={"crf": "10"}, muxer={"movflags": "faststart"})
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with video.Reader(path) as reader:
        count = len(list(reader))
        assert 20 < count < 100
        # MPEG-TS states no length; it has no end that could be missing.
        assert any("cut off" in notice for notice in reader.notices) == (name != "a.ts")


def test_frames_of_another_size_are_scaled_with_a_notice(tmp_path: Path) -> None:
    one = clip(tmp_path / "1.ts", size=(64, 48), times=range(10))
    two = clip(tmp_path / "2.ts", size=(96, 80), times=range(10, 20))
    both = tmp_path / "both.ts"
    both.write_bytes(one.read_bytes() + two.read_bytes())
    with video.Reader(both) as reader:
        assert {(f.width, f.height) for f in reader} == {(64, 48)}
        assert any("96x80 are scaled to 64x48" in notice for notice in reader.notices)


def test_close_ends_an_iteration_in_another_place(tmp_path: Path) -> None:
    reader = video.Reader(clip(tmp_path / "a.mp4"))
    frames = iter(reader)
    kept = next(frames)
    reader.close()
    assert list(frames) == []
    assert kept.planes[0].sum() > 0


def _make(path: Path, kind: str) -> Path:
    if kind == "empty":
        path.write_bytes(b"")
    elif kind == "noise":
        path.write_bytes(bytes(np.random.default_rng(0).integers(0, 255, 50_000, dtype=np.uint8)))
    elif kind == "text":
        path.with_suffix(".txt").write_text("a line of text\n" * 500)
        return path.with_suffix(".txt")
    elif kind == "no index":
        data = clip(path).read_bytes()
        path.write_bytes(data[: data.rindex(b"moov") - 4])
    elif kind == "only sound":
        _sound_alone(path)
    elif kind == "no frames":
        _no_frames(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "too large":
        return clip(path.with_suffix(".nut"), codec="rawvideo", size=(16400, 2), times=(0,))
    return path


def _sound_alone(path: Path) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=48000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.int16), format="s16", layout="mono")
        frame.sample_rate = 48000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _no_frames(path: Path) -> None:
    """The head of a video and its end, with nothing between."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        container.start_encoding()


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("missing", "no such file"),
        ("empty", "is empty"),
        ("noise", "not a video"),
        ("text", "text"),
        ("no index", "cut off"),
        ("only sound", "only audio"),
        ("no frames", "no video"),
        ("folder", "no pictures"),
        ("too large", "too large"),
    ],
)
def test_bad_input_is_one_line_that_names_the_file(tmp_path: Path, kind: str, words: str) -> None:
    path = _make(tmp_path / "bad.mp4", kind)
    with pytest.raises(FastswapError) as caught:
        video.probe(path)
    line = str(caught.value)
    assert line.startswith(str(path)), line
    assert words in line
    assert "\n" not in line
    assert caught.value.exit_code == 3
