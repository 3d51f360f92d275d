"""A batch driven by an edit: OpenTimelineIO and CMX 3600 files, frame by frame, and the edit relinked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import av
import pytest

from commands import Run, one_line
from fastswap import provenance, video
from fastswap.errors import InputError, OutputError, SettingsError
from fastswap.hosts.timeline import conform
from fastswap.look import Look
from fastswap.video import timecode

otio = pytest.importorskip("opentimelineio")
LOSSLESS = {"encoder": "ffv1", "look": {"steady": 0}}


@pytest.fixture(scope="module")
def media(face_clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two files: reel.mov whose time code begins at 01:00:00:00, and plain.mp4 without one."""
    folder = tmp_path_factory.mktemp("media")
    (folder / "plain.mp4").write_bytes(face_clip.read_bytes())
    with av.open(str(face_clip)) as given, av.open(str(folder / "reel.mov"), "w") as container:
        stream = container.add_stream_from_template(given.streams.video[0], opaque=True)
        stream.metadata["timecode"] = "01:00:00:00"
        for packet in given.demux(video=0):
            if packet.size:
                packet.stream = stream
                container.mux(packet)
    return folder


def _range(start: float, count: float, rate: float = 25) -> Any:
    return otio.opentime.TimeRange(
        otio.opentime.RationalTime(start, rate), otio.opentime.RationalTime(count, rate)
    )


def _clip(name: str, url: str, shown: Any, available: Any = None) -> Any:
    reference = otio.schema.ExternalReference(target_url=url, available_range=available)
    return otio.schema.Clip(name, reference, shown)


def _edit(path: Path, *clips: Any) -> Path:
    timeline = otio.schema.Timeline("cut")
    track = otio.schema.Track("V1", kind=otio.schema.TrackKind.Video)
    timeline.tracks.append(track)
    for clip in clips:
        track.append(clip)
    otio.adapters.write_to_file(timeline, str(path))
    return path


def _lumas(path: Path, **window: Any) -> list[bytes]:
    with video.Reader(path) as reader:
        return [frame.planes[0].tobytes() for frame in reader]


@pytest.fixture(scope="module")
def whole(media: Path, generator: Path, tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """The luma of every frame of the whole file, rendered in one go; its analysis is kept beside it for the rest."""
    import fastswap

    folder = tmp_path_factory.mktemp("whole")
    for name in ("plain.mp4", "reel.mov"):
        fastswap.render(
            media / name, folder / "out.mkv", model=generator, encoder="ffv1", look=Look(steady=0)
        )
    return _lumas(folder / "out.mkv")


def test_each_clip_is_rendered_as_the_edit_shows_it(
    media: Path, generator: Path, whole: list[bytes], tmp_path: Path
) -> None:
    hour = 25 * 3600
    edit = _edit(
        tmp_path / "edit.otio",
        _clip("by time code", "reel.mov", _range(hour + 4, 6)),
        otio.schema.Gap(source_range=_range(0, 10)),
        _clip("from 0", "plain.mp4", _range(10, 5), _range(0, 20)),
        _clip("the same again", "reel.mov", _range(hour + 4, 6)),
        _clip("counted from 100", str(media / "plain.mp4"), _range(103, 2), _range(100, 20)),
    )
    out = tmp_path / "renders"
    report = conform(edit, out, model=generator, media=media, suffix=".mkv", settings=LOSSLESS)
    assert report.batch.ok
    names = ["001_by_time_code.mkv", "002_from_0.mkv", "004_counted_from_100.mkv"]
    assert sorted(path.name for path in out.glob("*.mkv")) == names, "the same frames are rendered once"
    assert _lumas(out / names[0]) == whole[4:10]
    assert _lumas(out / names[1]) == whole[10:15]
    assert _lumas(out / names[2]) == whole[3:5]
    assert all(provenance.verify(out / name).ok for name in names)
    made = otio.adapters.read_from_file(str(report.edit))
    clips = list(made.find_clips())
    assert [clip.media_reference.target_url for clip in clips] == [names[0], names[1], names[0], names[2]]
    old = list(otio.adapters.read_from_file(str(edit)).find_clips())
    assert [clip.source_range for clip in clips] == [clip.source_range for clip in old]
    assert clips[0].media_reference.available_range == _range(hour + 4, 6)
    assert made.duration() == otio.adapters.read_from_file(str(edit)).duration()
    again = conform(edit, out, model=generator, media=media, suffix=".mkv", settings=LOSSLESS)
    assert again.batch.count("unchanged") == 3


def test_handles_are_kept_as_far_as_the_file_reaches(
    media: Path, generator: Path, whole: list[bytes], tmp_path: Path
) -> None:
    edit = _edit(tmp_path / "e.otio", _clip("c", "reel.mov", _range(25 * 3600 + 14, 4)))
    report = conform(
        edit, tmp_path / "r", model=generator, media=media, handles=3, suffix=".mkv", settings=LOSSLESS
    )
    assert _lumas(tmp_path / "r" / "001_c.mkv") == whole[11:20]
    (clip,) = otio.adapters.read_from_file(str(report.edit)).find_clips()
    assert clip.media_reference.available_range == _range(25 * 3600 + 11, 9)
    assert timecode.stated(tmp_path / "r" / "001_c.mkv") == "01:00:00:11", (
        "an edit system finds the frames by it"
    )


EDL = """TITLE: CUT
FCM: NON-DROP FRAME

001  REEL     V     C        01:00:00:02 01:00:00:07 00:00:00:00 00:00:00:05
* FROM CLIP NAME: reel.mov
002  PLAIN    V     C        00:00:00:10 00:00:00:14 00:00:00:05 00:00:00:09
* FROM CLIP NAME: plain.mp4
"""


def test_an_edl(media: Path, generator: Path, whole: list[bytes], tmp_path: Path, run: Run) -> None:
    edit, out = tmp_path / "cut.edl", tmp_path / "r"
    edit.write_text(EDL)
    lossless = ("--suffix", ".mkv", "--encoder", "ffv1", "--steady", 0)
    arguments = ("--media", media, "-m", generator, "--out", out, *lossless)
    code, stdout, err = run("conform", edit, *arguments, "--dry-run", "--json")
    assert code == 0, err
    assert [line["outcome"] for line in json.loads(stdout)["batch"]["lines"]] == ["planned", "planned"]
    assert not out.exists()
    code, stdout, err = run("conform", edit, *arguments, "--json")
    assert code == 0, err
    result = json.loads(stdout)
    assert result["batch"]["counts"]["done"] == 2
    assert _lumas(out / "001_reel.mkv") == whole[2:7]
    assert _lumas(out / "002_plain.mkv") == whole[10:14]
    assert Path(result["edit"]).is_file()


def test_clips_at_another_rate_than_their_file(media: Path, generator: Path, tmp_path: Path) -> None:
    """The edit counts 50 frames a second, the file has 25."""
    edit = _edit(tmp_path / "e.otio", _clip("c", "plain.mp4", _range(10, 8, 50), _range(0, 40, 50)))
    report = conform(
        edit, tmp_path / "r", model=generator, media=media, settings=LOSSLESS, suffix=".mkv", dry_run=True
    )
    assert report.batch.ok
    conform(edit, tmp_path / "r", model=generator, media=media, settings=LOSSLESS, suffix=".mkv")
    with video.Reader(tmp_path / "r" / "001_c.mkv") as reader:
        assert sum(1 for _ in reader) == 4


def test_what_cannot_be_rendered_is_said_and_left_as_it_is(
    media: Path, generator: Path, tmp_path: Path
) -> None:
    fast = _clip("fast", "plain.mp4", _range(0, 5), _range(0, 20))
    fast.effects.append(otio.schema.LinearTimeWarp(time_scalar=2.0))
    edit = _edit(tmp_path / "e.otio", fast, _clip("fine", "plain.mp4", _range(0, 5), _range(0, 20)))
    report = conform(edit, tmp_path / "r", model=generator, media=media, suffix=".mkv", settings=LOSSLESS)
    assert report.skipped == ["fast: its speed is changed"]
    urls = [c.media_reference.target_url for c in otio.adapters.read_from_file(str(report.edit)).find_clips()]
    assert urls == ["plain.mp4", "002_fine.mkv"]
    one = conform(edit, tmp_path / "o", model=generator, media=media, only=["fine"], dry_run=True)
    assert len(one.batch.lines) == 1


def test_mistakes_are_one_clear_line_and_leave_nothing(
    media: Path, generator: Path, tmp_path: Path, run: Run
) -> None:
    gone = _clip("gone", "nowhere.mov", _range(0, 5))
    lost = _clip("lost", "nothing.mov", _range(0, 5))
    late = _clip("late", "plain.mp4", _range(500, 5), _range(0, 600))
    cases: list[tuple[Path, dict[str, Any], type[Exception], str]] = [
        (tmp_path / "none.otio", {}, InputError, r"none\.otio: no such file"),
        (
            _edit(tmp_path / "gone.otio", gone, lost),
            {},
            InputError,
            r"gone.*nowhere\.mov.*; clip 'lost'.*nothing\.mov",
        ),
        (_edit(tmp_path / "late.otio", late), {}, InputError, "shows frame 500, the file has 20"),
        (_edit(tmp_path / "empty.otio"), {}, InputError, "shows no clip"),
        (_edit(tmp_path / "ok.otio", gone), {"handles": -1}, SettingsError, "handles is -1"),
        (
            _edit(tmp_path / "ok.otio", gone),
            {"out": tmp_path},
            OutputError,
            r"ok\.otio: the new edit would take the place of the old one",
        ),
        (_edit(tmp_path / "ok.otio", gone), {"only": ["x"]}, SettingsError, "no clip is called 'x'"),
    ]
    (tmp_path / "bad.otio").write_text("{]")
    cases.append((tmp_path / "bad.otio", {}, InputError, r"bad\.otio: not an edit"))
    for edit, settings, error, says in cases:
        with pytest.raises(error, match=says) as caught:
            conform(edit, **{"out": tmp_path / "r", "model": generator, "media": media, **settings})
        assert "\n" not in str(caught.value)
        assert not (tmp_path / "r").exists()
    code, _, err = run("conform", tmp_path / "none.otio", "-m", generator, "--out", tmp_path / "r", "-q")
    assert (code, "none.otio" in one_line(err)) == (3, True)


def test_a_clip_that_fails_is_told_in_one_line(
    media: Path, generator: Path, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    edit = _edit(tmp_path / "e.otio", _clip("c", "plain.mp4", _range(0, 5), _range(0, 20)))
    out = tmp_path / "r"
    arguments = ("-m", generator, "--media", media, "--out", out, "-o", "preset=none", "--suffix", ".mp4")
    code, _, err = run("conform", edit, *arguments, "-q")
    assert code == 10
    assert "no preset 'none'" in one_line(err), "the encoder is asked before anything is rendered"
    monkeypatch.setattr("fastswap.batch.check._Encodings.faults", lambda self, job: [])
    code, stdout, err = run("conform", edit, *arguments, "--json", "-q")
    assert code == 10
    assert "001_c.mp4: " in one_line(err)
    assert json.loads(stdout)["batch"]["counts"]["failed"] == 1
    assert [path.name for path in out.glob("*.mp4")] == []
    code, stdout, err = run("conform", edit, *arguments[:-4], "--suffix", "mkv", "-q")
    assert (code, err) == (0, "")
    assert "001_c.mkv" in "".join(stdout.split()), "as it is called, though the table is narrow"
