"""Everything beside the video goes from input to output untouched."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest

from fastswap import video
from fastswap.errors import OutputError
from footage import SMALL, clip, facts, picture

CHAPTERS = [
    {"id": 0, "start": 0, "end": 400, "time_base": Fraction(1, 1000), "metadata": {"title": "One"}},
    {"id": 1, "start": 400, "end": 1000, "time_base": Fraction(1, 1000), "metadata": {"title": "Two"}},
]
FONT = bytes(range(256)) * 9


def film(
    path: Path, *, subtitles: str | None = "subrip", attachment: bool = False, cover: bool = False
) -> Path:
    """25 frames with two audio streams in other places than usual, subtitles, chapters and tags."""
    sound = clip(path.with_name("sound.mkv"), times=range(25), sound=True)
    with av.open(str(sound)) as source, av.open(str(path), "w") as container:
        first = container.add_stream_from_template(source.streams.audio[0])
        picture_stream = container.add_stream_from_template(source.streams.video[0], opaque=True)
        second = container.add_stream_from_template(source.streams.audio[0])
        text = container.add_stream_from_template(_text(path, subtitles)) if subtitles else None
        first.metadata.update({"language": "eng", "title": "Spoken"})
        second.metadata["language"] = "deu"
        second.disposition = av.stream.Disposition.comment
        if attachment:
            container.add_attachment("font.ttf", "application/x-truetype-font", FONT)
        if cover:
            _add_cover(container)
        container.metadata.update({"title": "A film", "artist": "Somebody"})
        container.set_chapters(CHAPTERS)
        targets = {"video": [picture_stream], "audio": [first, second]}
        for packet in source.demux():
            if packet.size:
                for target in targets[packet.stream.type]:
                    container.mux(_copy(packet, target))
        if text is not None:
            with av.open(str(_text_file(path, subtitles))) as lines:
                for packet in lines.demux():
                    if packet.size:
                        packet.stream = text
                        container.mux(packet)
    sound.unlink()
    return path


def _copy(packet: av.Packet, target: Any) -> av.Packet:
    made = av.Packet(bytes(packet))
    made.pts, made.dts, made.duration, made.time_base = (
        packet.pts,
        packet.dts,
        packet.duration,
        packet.time_base,
    )
    made.is_keyframe, made.stream = packet.is_keyframe, target
    return made


_kept: list[Any] = []


def _text_file(path: Path, codec: str | None) -> Path:
    """A subtitle file in the wanted codec."""
    plain = path.with_name("lines.srt")
    plain.write_text(
        "1\n00:00:00,100 --> 00:00:00,500\nHello\n\n2\n00:00:00,600 --> 00:00:00,900\nGood bye\n"
    )
    return plain


def _text(path: Path, codec: str | None) -> Any:
    container = av.open(str(_text_file(path, codec)))
    _kept.append(container)
    return container.streams.subtitles[0]


def _add_cover(container: Any) -> None:
    stream = container.add_stream("mjpeg", rate=1)
    stream.width, stream.height, stream.pix_fmt = *SMALL, "yuvj420p"
    stream.disposition = av.stream.Disposition.attached_pic
    frame = av.VideoFrame.from_ndarray(picture(SMALL), format="rgb24").reformat(format="yuvj420p")
    container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def copy(source: Path, output: Path, **settings: Any) -> list[str]:
    with video.Reader(source) as reader, video.Writer(output, reader, **settings) as writer:
        for frame in reader:
            writer.write(frame)
    return reader.notices + writer.notices


def test_matroska_keeps_all_streams_in_their_order(tmp_path: Path) -> None:
    source = film(tmp_path / "in.mkv", attachment=True)
    notices = copy(source, tmp_path / "out.mkv")
    before, after = facts(source), facts(tmp_path / "out.mkv")
    assert [kind.split()[0] for kind, _, _ in after.others] == ["audio", "audio", "subtitle", "attachment"]
    assert after.others == before.others
    assert after.chapters == before.chapters != []
    assert after.languages == before.languages
    assert (after.metadata["title"], after.metadata["ARTIST"]) == ("A film", "Somebody")
    assert after.times == before.times
    assert not notices
    with av.open(str(tmp_path / "out.mkv")) as container:
        assert [s.type for s in container.streams] == ["audio", "video", "audio", "subtitle", "attachment"]
        assert container.streams[4].data == FONT
        assert container.streams[2].disposition == av.stream.Disposition.comment
    info = video.probe(source)
    assert (info.audio_streams, info.subtitle_streams, info.other_streams, info.chapters) == (2, 1, 1, 2)


def test_mp4_keeps_sound_subtitles_and_chapters(tmp_path: Path) -> None:
    made = film(tmp_path / "in.mkv", subtitles=None)
    source = tmp_path / "in.mp4"
    copy(made, source)
    copy(source, tmp_path / "out.mp4")
    before, after = facts(source), facts(tmp_path / "out.mp4")
    assert after.others == before.others
    assert after.chapters == before.chapters
    assert [c[2]["title"] for c in after.chapters] == ["One", "Two"]
    assert after.metadata["title"] == "A film"
    assert after.languages == before.languages


@pytest.mark.parametrize(("name", "tags"), [("out.mkv", 2), ("out.mp4", 1)])
def test_tags_in_another_encoding_pass_byte_for_byte(tmp_path: Path, name: str, tags: int) -> None:
    source = film(tmp_path / "in.mkv", subtitles=None)
    data = source.read_bytes()
    latin = {b"A film": b"A f\xeelm", b"Spoken": b"Sp\xf6ken"}  # of the file, and of the first sound
    for plain, other in latin.items():
        assert data.count(plain) == 1
        data = data.replace(plain, other)
    source.write_bytes(data)
    assert not copy(source, tmp_path / name)
    made = (tmp_path / name).read_bytes()
    assert [made.count(other) for other in latin.values()][:tags] == [1] * tags
    assert video.probe(tmp_path / name).audio_streams == 2


def test_sound_and_picture_stay_together_across_containers(tmp_path: Path) -> None:
    source = clip(tmp_path / "in.mp4", times=range(25), sound=True)
    truth = facts(source)
    for name in ("out.mkv", "out.mov", "out.ts"):
        copy(source, tmp_path / name)
        after = facts(tmp_path / name)
        assert len(after.others[0][2]) == len(truth.others[0][2])
        if name != "out.ts":  # there AAC gets ADTS headers
            assert after.others[0][1] == truth.others[0][1]
        gaps = [f.times[0] - f.others[0][2][0] for f in (truth, after)]
        assert abs(gaps[0] - gaps[1]) <= Fraction(1, 1000)


def test_a_cover_picture_is_no_video_and_is_kept(tmp_path: Path) -> None:
    source = film(tmp_path / "in.mp4", subtitles=None, cover=True)
    info = video.probe(source)
    assert (info.frames, info.codec, info.other_streams) == (
        25,
        "h264",
        1 + 1,
    )  # the chapters have a track too
    copy(source, tmp_path / "out.mp4")
    before, after = facts(source), facts(tmp_path / "out.mp4")
    covers = [[o for o in f.others if o[0] == "video mjpeg"] for f in (before, after)]
    assert covers[0] == covers[1]
    assert len(covers[0]) == 1


def test_a_second_video_is_copied(tmp_path: Path) -> None:
    sources = [clip(tmp_path / f"{i}.mp4", size=size) for i, size in enumerate([(96, 80), (32, 32)])]
    both = tmp_path / "both.mkv"
    with av.open(str(both), "w") as container:
        inputs = [av.open(str(path)) for path in sources]
        targets = [container.add_stream_from_template(i.streams.video[0], opaque=True) for i in inputs]
        for source, target in zip(inputs, targets, strict=True):
            for packet in source.demux():
                if packet.size:
                    container.mux(_copy(packet, target))
    copy(both, tmp_path / "out.mkv")
    before, after = facts(both), facts(tmp_path / "out.mkv")
    assert (before.last.width, after.last.width) == (96, 96)
    assert after.others == before.others
    assert len(after.others) == 1


def test_subtitles_that_do_not_fit_are_left_out_with_a_notice(tmp_path: Path) -> None:
    source = film(tmp_path / "in.mkv")
    notices = copy(source, tmp_path / "out.mp4")
    assert [n for n in notices if "subtitle" in n and "left out" in n]
    assert [kind for kind, _, _ in facts(tmp_path / "out.mp4").others if "subtitle" in kind] == []


def test_sound_that_does_not_fit_is_an_error_and_nothing_is_left(tmp_path: Path) -> None:
    source = clip(tmp_path / "in.mp4", sound=True)
    with pytest.raises(OutputError, match=r"out\.webm.*webm.*audio stream 1 \(aac\)"):
        copy(source, tmp_path / "out.webm")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.mp4"]
    copy(source, tmp_path / "out.gif")  # it holds no sound at all, and who asks for it knows
    copy(source, tmp_path / "silent.webm", copy=False)
    assert video.probe(tmp_path / "silent.webm").audio_streams == 0


def test_sound_longer_than_the_video_is_kept_whole(tmp_path: Path) -> None:
    whole = clip(tmp_path / "in.mkv", times=range(50), sound=True)
    with video.Reader(whole) as reader, video.Writer(tmp_path / "out.mkv", reader) as writer:
        for frame in reader:
            if frame.index < 10:
                writer.write(frame)
    assert facts(tmp_path / "out.mkv").others == facts(whole).others


def test_packets_are_interleaved_as_the_video_advances(tmp_path: Path) -> None:
    """Over 16 seconds: FFmpeg's own queue would hide a fault for 10."""
    source = clip(tmp_path / "in.mkv", times=range(0, 400, 2), sound=True, options={"preset": "ultrafast"})
    copy(source, tmp_path / "out.mkv")
    with av.open(str(tmp_path / "out.mkv")) as container:
        last = {"video": 0.0, "audio": 0.0}
        for packet in container.demux():
            if packet.size:
                last[packet.stream.type] = float(packet.pts * packet.time_base)
                assert abs(last["video"] - last["audio"]) < 1.0


def test_a_cut_input_gives_its_sound_as_far_as_it_goes(tmp_path: Path) -> None:
    source = clip(tmp_path / "in.mkv", times=range(100), sound=True)
    source.write_bytes(source.read_bytes()[: source.stat().st_size * 2 // 3])
    copy(source, tmp_path / "out.mkv")
    after = facts(tmp_path / "out.mkv")
    assert 20 < len(after.times) < 100
    assert len(after.others[0][2]) > 40
