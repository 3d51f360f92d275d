"""A part of an input: exactly those frames, at times that begin at 0, with the sound, subtitles and time code of the
part."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

import fastswap
from commands import Run
from fastswap import sidecar, video
from fastswap.errors import SettingsError
from fastswap.look import Look
from fastswap.trim import Moment, parse_moment, parse_trim
from fastswap.video import timecode
from footage import clip, facts
from test_video_copy import film

NTSC = Fraction(30000, 1001)
VFR = (0, 33, 40, 100, 101, 250, 400, 900, 901, 1300, 2000, 2500)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("12.5", Moment(seconds=Fraction(25, 2))),
        (3, Moment(seconds=Fraction(3))),
        ("01:02.5", Moment(seconds=Fraction(125, 2))),
        ("1:00:00", Moment(seconds=Fraction(3600))),
        ("250f", Moment(frame=250)),
        ("01:00:10:12", Moment(timecode="01:00:10:12")),
        ("01:00:10;12", Moment(timecode="01:00:10;12")),
        (None, None),
    ],
)
def test_moments_in_every_form(text: str | float | None, moment: Moment | None) -> None:
    assert parse_moment(text, "start") == moment


@pytest.mark.parametrize("text", ["", "soon", "-1", "nan", "1:2:3:4:5", "12.5f", "inf"])
def test_moments_that_are_none_name_the_option_and_the_value(text: str) -> None:
    with pytest.raises(SettingsError, match="start is "):
        parse_moment(text, "start")


def _count_by_hand(rate: int, dropped: int, minutes: int) -> list[str]:
    """Every time code of the first minutes, by the rule itself: the first numbers of a minute are left out, but of
    each tenth."""
    names = []
    for minute in range(minutes):
        for second in range(60):
            for frame in range(rate):
                if second == 0 and frame < dropped and minute % 10:
                    continue
                names.append(f"00:{minute:02}:{second:02};{frame:02}")
    return names


@pytest.mark.parametrize(("rate", "base", "dropped"), [(NTSC, 30, 2), (2 * NTSC, 60, 4)])
def test_drop_frame_time_codes_count_as_the_standard_says(rate: Fraction, base: int, dropped: int) -> None:
    names = _count_by_hand(base, dropped, 22)
    for count in range(0, len(names), 7):
        assert timecode.text_of(count, rate, drop=True) == names[count]
        assert timecode.frames_of(names[count], rate) == count
    assert timecode.frames_of("01:00:00;00", NTSC) == 107892
    with pytest.raises(SettingsError, match="leaves this number out"):
        timecode.frames_of("00:01:00;00", NTSC)


def test_time_codes_without_dropping_and_round_the_clock() -> None:
    assert timecode.frames_of("01:00:00:00", Fraction(24000, 1001)) == 86400
    assert timecode.text_of(86400 + 25, Fraction(24)) == "01:00:01:01"
    assert timecode.shifted("23:59:59:24", 1, Fraction(25)) == "00:00:00:00"
    assert timecode.shifted("a reel", 5, Fraction(25)) == "a reel"
    with pytest.raises(SettingsError, match="no such time"):
        timecode.frames_of("00:00:00:25", Fraction(25))


def _lumas(path: Path, window: video.Window | None = None) -> list[tuple[int, int | None, bytes]]:
    with video.Reader(path, window=window) as reader:
        return [(f.index, f.pts, f.planes[0].tobytes()) for f in reader]


def _window(path: Path, start: str | float | None, end: str | float | None) -> video.Window:
    trim = parse_trim(start, end)
    assert trim is not None
    return video.window_of(trim, video.probe(path))


@pytest.mark.parametrize("name", ["in.mp4", "in.mkv", "in.ts", "in.avi", "in.h264", "in.nut"])
def test_exactly_the_frames_between_two_numbers(tmp_path: Path, name: str) -> None:
    codec = "mpeg4" if name.endswith("avi") else "libx264"
    options = {} if codec == "mpeg4" else {"g": "12", "bf": "3", "x264-params": "scenecut=0"}
    path = clip(tmp_path / name, times=range(60), codec=codec, options=options)
    whole = _lumas(path)
    for first, end in ((0, 60), (1, 2), (13, 31), (24, 25), (37, 60), (59, 60)):
        assert _lumas(path, _window(path, f"{first}f", f"{end}f")) == whole[first:end]


def test_times_take_the_first_frame_at_or_after_them_at_a_variable_rate(tmp_path: Path) -> None:
    path = clip(tmp_path / "in.mkv", times=VFR, time_base=Fraction(1, 1000), options={"g": "4"})
    for start, end in ((0.0, 0.1), (0.1, 0.9), (0.0401, 1.3), (0.902, None), (2.5, 9.0)):
        window = _window(path, start, end)
        wanted = [t for t in VFR if t >= 1000 * start and (end is None or t < 1000 * end)]
        assert [pts for _, pts, _ in _lumas(path, window)] == wanted
        assert window.count == len(wanted)


def test_time_codes_count_from_the_one_that_the_file_has(tmp_path: Path) -> None:
    path = _coded(tmp_path / "in.mov", "01:00:00:00")
    assert _window(path, "01:00:00:10", "01:00:00:20") == _window(path, "10f", "20f")
    with pytest.raises(SettingsError, match="lies before"):
        _window(path, "00:59:59:00", None)


@pytest.mark.parametrize(
    ("start", "end", "says"), [("60f", None, "beyond the end"), ("5f", "5f", "no frame"), (9, 3, "end")]
)
def test_a_part_without_frames_is_refused(
    tmp_path: Path, start: str | float, end: str | float | None, says: str
) -> None:
    path = clip(tmp_path / "in.mp4", times=range(60))
    with pytest.raises(SettingsError, match=says):
        _window(path, start, end)


def test_folders_are_cut_by_number_and_pictures_not_at_all(tmp_path: Path) -> None:
    (tmp_path / "shots").mkdir()
    for index in range(5):
        video.save_picture(tmp_path / "shots" / f"{index}.png", np.full((8, 8, 3), 40 * index, np.uint8))
    assert [index for index, _, _ in _lumas(tmp_path / "shots", _window(tmp_path / "shots", "1f", "3f"))] == [
        1,
        2,
    ]
    with pytest.raises(SettingsError, match="beyond"):
        _window(tmp_path / "shots" / "0.png", "1f", None)


def _coded(path: Path, code: str) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.metadata["timecode"] = code
        for index in range(50):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 4 * index, np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def _cut(source: Path, output: Path, start: str | float, end: str | float | None) -> None:
    with (
        video.Reader(source, window=_window(source, start, end)) as reader,
        video.Writer(output, reader) as writer,
    ):
        for frame in reader:
            writer.write(frame)


@pytest.mark.parametrize("suffix", ["mkv", "mp4", "mov"])
def test_the_part_begins_at_zero_with_its_own_sound(tmp_path: Path, suffix: str) -> None:
    source = clip(tmp_path / "in.mkv", times=range(100), sound=True)
    _cut(source, tmp_path / f"out.{suffix}", 1.0, 3.0)
    before, after = facts(source), facts(tmp_path / f"out.{suffix}")
    tick = Fraction(1, 1000)
    assert len(after.times) == 50
    assert after.times[0] == 0
    assert max(abs(a - Fraction(i, 25)) for i, a in enumerate(after.times) if a is not None) <= tick
    sound = [t for t in before.others[0][2] if t is not None and 1 <= t < 3]
    moved = [t for t in after.others[0][2] if t is not None]
    assert len(moved) == len(sound)
    assert max(abs(m - (s - 1)) for m, s in zip(moved, sound, strict=True)) <= tick


def test_chapters_and_subtitles_are_cut_to_the_part(tmp_path: Path) -> None:
    source = film(tmp_path / "in.mkv")
    _cut(source, tmp_path / "out.mkv", 0.3, 0.7)
    after = facts(tmp_path / "out.mkv")
    chapters = [(start, end, data["title"]) for start, end, data in after.chapters]
    origin, end = Fraction(32, 100), Fraction(72, 100)  # of the first frames at or after 0.3 and 0.7 s
    turn = Fraction(4, 10) - origin
    assert chapters == [(0, turn, "One"), (turn, end - origin, "Two")]
    lines = next(times for kind, _, times in after.others if "subtitle" in kind)
    assert lines == [0, Fraction(6, 10) - origin], "the first line began before the part and is still shown"


@pytest.mark.parametrize(
    ("code", "shifted"), [("01:00:00:00", "01:00:00:10"), ("10:59:59:20", "11:00:00:05")]
)
def test_the_time_code_is_that_of_the_first_frame(tmp_path: Path, code: str, shifted: str) -> None:
    source = _coded(tmp_path / "in.mov", code)
    _cut(source, tmp_path / "out.mov", "10f", None)
    assert timecode.stated(source) == code
    assert timecode.stated(tmp_path / "out.mov") == shifted


def test_render_of_a_part(face_clip: Path, generator: Path, tmp_path: Path) -> None:
    clip_path, lossless = tmp_path / "clip.mp4", {"encoder": "ffv1"}
    clip_path.write_bytes(face_clip.read_bytes())
    report = fastswap.render(
        clip_path, tmp_path / "part.mkv", model=generator, start="5f", end=0.6, **lossless
    )
    assert (report.frames, report.faces) == (10, 10)
    kept = sidecar.part_path(clip_path, 5, 15)
    assert report.analysis == str(kept)
    assert not sidecar.default_path(clip_path).exists()
    again = fastswap.render(
        clip_path, tmp_path / "again.mkv", model=generator, start="5f", end="15f", **lossless
    )
    assert again.analysis_reused
    assert _samples(tmp_path / "again.mkv") == _samples(tmp_path / "part.mkv")


def test_a_part_uses_the_stored_analysis_of_the_whole(
    face_clip: Path, generator: Path, tmp_path: Path
) -> None:
    """Steadied colours look at the frames around each; the part is the same as in the whole."""
    clip_path = tmp_path / "clip.mp4"
    clip_path.write_bytes(face_clip.read_bytes())
    settings = {"model": generator, "encoder": "ffv1", "look": Look(steady=3)}
    fastswap.render(clip_path, tmp_path / "whole.mkv", **settings)
    report = fastswap.render(clip_path, tmp_path / "part.mkv", start="4f", end="9f", batch=1, **settings)
    assert report.analysis_reused
    assert _samples(tmp_path / "part.mkv") == _samples(tmp_path / "whole.mkv")[4:9]


def _samples(path: Path) -> list[bytes]:
    with video.Reader(path) as reader:
        return [b"".join(np.ascontiguousarray(plane).tobytes() for plane in frame.planes) for frame in reader]


def test_the_command_cuts_and_says_what_is_wrong(
    face_clip: Path, generator: Path, tmp_path: Path, run: Run
) -> None:
    out = tmp_path / "out.mp4"
    code, stdout, err = run(
        "render", face_clip, out, "-m", generator, "--start", "0.2", "--end", "10f", "--json"
    )
    assert code == 0, err
    assert json.loads(stdout)["frames"] == 5
    for start, says in (("tomorrow", "start is 'tomorrow'"), ("20f", "beyond the end")):
        code, _, err = run("render", face_clip, tmp_path / "no.mp4", "-m", generator, "--start", start)
        assert code == 2
        assert says in err
    assert not (tmp_path / "no.mp4").exists()
