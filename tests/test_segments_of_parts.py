"""Segments of what is more than a whole video: a part of it, with a mask file, interlaced, pictures, side outputs."""

from __future__ import annotations

import hashlib
import shutil
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

import fastswap
from fastswap import flow, sidecar, video
from fastswap.look import Look
from fastswap.page import output as page_output
from fastswap.page.collect import FrameFacts, Note, Sample
from fastswap.report import Report
from fastswap.segments.workspace import folder_of
from fastswap.video import spans
from footage import facts
from test_interlaced import flags_of, woven
from test_segments import FAST, Broken, digest, leave_all, run

LOSSLESS = {"encoder": "ffv1"}


def content(path: Path) -> str:
    """A digest of a file, or of the names and files of a folder."""
    if path.is_file():
        return digest(path)
    return str([(each.name, digest(each)) for each in sorted(path.iterdir())])


@pytest.fixture(autouse=True)
def _short(short_spans: None) -> None:
    """Every clip here has several segments."""


@pytest.fixture
def clip(long_clip: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(long_clip, tmp_path / "clip.mkv"))


def broken_off(
    clip: Path, name: str, model: Path, at: int, monkeypatch: pytest.MonkeyPatch, **options: Any
) -> int:
    """A render that ends after `at` frames; how many segments it had finished."""

    def stop(progress: Any) -> None:
        if progress.stage == "render" and progress.done >= at:
            raise Broken

    with monkeypatch.context() as patch:
        patch.setattr(flow, "_REPORT_S", 0.0)
        settings = {"encoder_options": FAST if name.endswith(".mp4") else None, **options}
        with pytest.raises(Broken):
            fastswap.render(clip, clip.with_name(name), model=model, progress=stop, **settings)
    return len(list(folder_of(clip.with_name(name)).glob("*.packets")))


def same_in_every_way(
    source: Path,
    model: Path,
    at: int,
    monkeypatch: pytest.MonkeyPatch,
    suffix: str = ".mp4",
    sides: dict[str, str] | None = None,
    **options: Any,
) -> Report:
    """In one go, in processes, and broken off and resumed, before and after the faces are known: the same bytes.

    sides: more outputs, by option; their names follow the output's.
    """

    def places(name: str) -> dict[str, Path]:
        return {option: source.parent / (name + each) for option, each in (sides or {}).items()}

    def made(name: str, **more: Any) -> tuple[Report, list[str]]:
        settings = {"encoder_options": FAST if suffix == ".mp4" else None, **places(name), **options, **more}
        out = source.with_name(name + suffix)
        report = fastswap.render(source, out, model=model, **settings)
        assert not folder_of(out).exists()
        folders = [path.parent if "%" in path.name else path for path in places(name).values()]
        return report, [content(path) for path in (out, *folders)]

    once, expected = made("a")
    stored = list(source.parent.glob("*.faces"))
    assert made("b", parallel=2)[1] == expected
    for faces in stored:
        faces.unlink()
    several, fresh = made("c", parallel=2)
    assert fresh == expected
    assert (several.frames, several.faces, several.skipped) == (once.frames, once.faces, once.skipped)
    for faces in stored:
        faces.unlink()
    finished = broken_off(source, f"d{suffix}", model, at, monkeypatch, **places("d"), **options)
    resumed, again = made("d")
    assert again == expected
    assert resumed.resumed == finished > 0
    return once


@pytest.mark.parametrize("part", [(10, 60), (0, 50), (21, 72), (3, 70)])
def test_a_part(
    part: tuple[int, int], clip: Path, generator: Path, bare: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, end = part
    report = same_in_every_way(clip, generator, 36, monkeypatch, start=f"{first}f", end=f"{end}f")
    assert report.segments >= 3
    assert report.frames == end - first == report.faces


@pytest.mark.parametrize("lost", [(3,), (2,), (2, 3), (0,)])
def test_a_part_goes_on_wherever_its_analysis_ended(
    lost: tuple[int, ...], clip: Path, generator: Path, bare: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The spans are those before the part, its two, and the one after it; a segment whose faces are not known is made
    again."""
    part = {"start": "20f", "end": "50f"}
    expected = run(clip, "whole.mp4", generator, **part)[1]
    faces = sidecar.part_path(clip, 20, 50)
    faces.unlink()
    folder = leave_all(clip, generator, monkeypatch, **part)
    assert sorted(path.name for path in folder.glob("*.packets")) == ["00001.packets", "00002.packets"]
    faces.unlink()
    for number in lost:
        (folder / f"{number:05}.faces").unlink(missing_ok=True)
    (folder / "00002.packets").unlink()
    report, made = run(clip, "out.mp4", generator, **part)
    assert made == expected
    assert report.resumed == (1 if min(lost) > 1 else 0)


def test_a_part_is_that_of_the_whole(clip: Path, generator: Path) -> None:
    """Colours are averaged over frames before and after each one, those outside the part too."""
    settings: dict[str, Any] = {"model": generator, "look": Look(steady=4), **LOSSLESS}
    whole, part = clip.with_name("whole.mkv"), clip.with_name("part.mkv")
    fastswap.render(clip, whole, **settings)
    for first, end in ((10, 60), (29, 33), (0, 5), (64, 72)):
        report = fastswap.render(clip, part, start=f"{first}f", end=f"{end}f", **settings)
        assert report.analysis_reused
        assert report.frames == report.faces == end - first
        assert samples(part) == samples(whole)[first:end]


def samples(path: Path) -> list[bytes]:
    with video.Reader(path) as reader:
        return [b"".join(np.ascontiguousarray(p).tobytes() for p in frame.planes) for frame in reader]


def test_a_part_of_its_own_knows_what_lies_around_it(clip: Path, generator: Path) -> None:
    """Without an analysis of the whole, the frames around the part are analysed with it; none of them is written."""
    report = fastswap.render(clip, clip.with_name("part.mkv"), model=generator, start="40f", end="44f")
    assert report.frames == report.swapped == 4
    assert sum(report.skipped.values()) == 0
    found = list(sidecar.read(sidecar.part_path(clip, 40, 44)))
    assert [frame.index for frame in found if frame.faces] == list(range(16, 68))


@pytest.mark.parametrize("kind", ["video", "folder"])
def test_a_mask_file(
    kind: str, clip: Path, generator: Path, bare: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures = [np.full((240, 320, 3), 255 * (index % 3 > 0), np.uint8) for index in range(72)]
    mask = clip.with_name("mask.mkv" if kind == "video" else "mask")
    if kind == "video":
        video.write_video(mask, pictures, fps=25)
    else:
        mask.mkdir()
        for index, picture in enumerate(pictures):
            video.save_picture(mask / f"{index:02}.png", picture)
    same_in_every_way(clip, generator, 36, monkeypatch, mask_file=mask)
    _, with_mask = run(clip, "with.mp4", generator, mask_file=mask)
    assert with_mask != run(clip, "without.mp4", generator)[1]


def test_another_mask_file_starts_anew(
    clip: Path, generator: Path, bare: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    mask = clip.with_name("mask.png")
    video.save_picture(mask, np.full((24, 32, 3), 255, np.uint8))
    assert broken_off(clip, "a.mp4", generator, 40, monkeypatch, mask_file=mask)
    video.save_picture(mask, np.zeros((24, 32, 3), np.uint8))
    assert run(clip, "a.mp4", generator, mask_file=mask)[0].resumed == 0


def test_spans_of_interlaced_video_are_those_of_one_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The filter looks at the frame before; a span that is sought to has it too."""
    path = woven(tmp_path / "in.mp4", "libx264", "tt", count=80, group=8)
    spans = video.cut(video.probe(path))
    assert len(spans) >= 4
    with video.Reader(path, deinterlace=True) as reader:
        whole = [(frame.pts, frame.planes[0].tobytes()) for frame in reader]
    for span in reversed(spans):
        with video.Reader(path, deinterlace=True) as reader:
            found = [(f.pts, f.planes[0].tobytes()) for f in reader.frames_of(span, span.first)]
        assert found == whole[span.first : min(span.end, 80)]


def test_interlaced_video(clip: Path, generator: Path, bare: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The clip's frames, each with the lines of the one before between its own."""
    source = clip.with_name("woven.mkv")
    with av.open(str(source), "w") as container:
        options = {"flags": "+ildct+ilme", "field_order": "tt", "g": "8", "preset": "veryfast"}
        stream = container.add_stream("libx264", rate=25, options=options)
        (stream.width, stream.height), stream.pix_fmt = (320, 240), "yuv420p"
        flagged, last = flags_of("tt", "yuv420p", (320, 240)), None
        with video.Reader(clip) as reader:
            for frame in reader:
                picture = video.to_av(frame, "yuv420p")
                picture.pts, picture.time_base = frame.index, Fraction(1, 25)
                own = video.planes.own_planes(picture)
                kept = own[0].copy()
                own[0][1::2] = kept[1::2] if last is None else last[1::2]
                last = kept
                flagged.vpush(picture)
                container.mux(stream.encode(flagged.vpull()))
        container.mux(stream.encode(None))
    assert video.probe(source).interlaced
    report = same_in_every_way(source, generator, 40, monkeypatch, deinterlace=True)
    assert report.segments >= 3
    assert report.faces == 72


@pytest.fixture
def pictures(clip: Path) -> Path:
    """The clip as a folder of pictures; two of them become one name where the suffix changes."""
    folder = clip.with_name("pictures")
    folder.mkdir()
    with video.Reader(clip) as reader:
        for frame in reader:
            name = "039.bmp" if frame.index == 40 else f"{frame.index:03}.png"
            video.save_picture(folder / name, video.rgb_from_frame(frame))
    return folder


def test_a_folder_of_pictures_becomes_one(
    clip: Path, generator: Path, bare: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A video to pictures; each segment keeps its pictures until all are there."""
    report = same_in_every_way(clip, generator, 40, monkeypatch, suffix="")
    assert report.segments == 5
    made = sorted(path.name for path in clip.with_name("a").iterdir())
    assert made == [f"{index:06d}.png" for index in range(72)]


@pytest.mark.parametrize("suffix", ["", ".mp4"])
def test_pictures_in(
    suffix: str, pictures: Path, generator: Path, bare: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {} if suffix else {"encoder": "png"}
    report = same_in_every_way(pictures, generator, 40, monkeypatch, suffix=suffix, **options)
    assert report.segments >= 3
    assert report.frames == 72
    names = [] if suffix else [path.name for path in pictures.with_name("a").iterdir()]
    assert suffix or {"039.png", "039.png.png"} <= set(names)


@pytest.mark.parametrize(
    "sides",
    [
        {"matte": "_matte.mkv", "layer": "_layer.mov"},
        {"matte": "_matte", "layer": "_exr/l_%03d.exr"},
        {"layer": "_layer.mkv"},
    ],
    ids=["films", "series", "one"],
)
def test_side_outputs(
    sides: dict[str, str], clip: Path, generator: Path, bare: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = same_in_every_way(clip, generator, 40, monkeypatch, sides=sides, start="8f")
    assert report.segments >= 3
    assert report.frames == 64


def test_side_outputs_are_those_of_one_pass(
    clip: Path, generator: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not the same bytes, as encoders begin anew at each segment, but the same samples at the same times."""
    found = []
    for name, shortest, segments in (("cut", 16, 5), ("whole", 1 << 20, 1)):
        monkeypatch.setattr(spans, "SHORTEST", shortest)
        sides = {kind: clip.with_name(f"{name}_{kind}.mkv") for kind in ("matte", "layer")}
        out = clip.with_name(f"{name}.mkv")
        report = fastswap.render(clip, out, model=generator, encoder="ffv1", **sides)
        assert report.segments == segments
        found.append(
            [(facts(path).times, facts(path).durations, samples_of(path)) for path in (out, *sides.values())]
        )
    assert found[0] == found[1]
    assert all(len(times) == len(set(shown)) == 72 for times, _, shown in found[0])


def samples_of(path: Path) -> list[str]:
    """A digest of the planes of each frame, as PyAV alone decodes them."""
    with av.open(str(path)) as container:
        return [
            hashlib.sha256(b"".join(bytes(plane) for plane in frame.planes)).hexdigest()
            for frame in container.decode(video=0)
        ]


@pytest.mark.parametrize("part", [{}, {"start": "10f", "end": "64f"}], ids=["whole", "part"])
def test_a_page(
    part: dict[str, str], clip: Path, generator: Path, bare: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it shows of each frame, and of which frames there are pictures; times of stages differ, of course."""

    def written(path: Path, frames: list[FrameFacts], samples: list[Sample], *_: Any) -> None:
        shown = [(each.index, each.before.mean(), each.after.mean(), each.faces) for each in samples]
        told = [Note(frame).packed().decode() for frame in frames]
        first = int(part.get("start", "0f")[:-1])
        assert [frame.index for frame in frames] == list(range(first, first + len(frames)))
        assert 10 <= len(samples) <= 15
        assert sum(bool(frame.faces) for frame in frames) == len(frames)
        path.write_text(f"{shown}\n" + "".join(told))

    monkeypatch.setattr(page_output, "write_page", written)
    report = same_in_every_way(clip, generator, 40, monkeypatch, sides={"report_page": ".html"}, **part)
    assert report.segments >= 3


def test_the_user_hears_when_several_processes_have_nothing_to_share(clip: Path, generator: Path) -> None:
    picture = clip.with_name("a.png")
    with video.Reader(clip) as reader:
        video.save_picture(picture, video.rgb_from_frame(next(iter(reader))))
    report = fastswap.render(picture, clip.with_name("b.png"), model=generator, parallel=2)
    part = fastswap.render(clip, clip.with_name("c.mp4"), model=generator, parallel=2, start="3f", end="9f")
    for notices in (report.notices, part.notices):
        assert any("rendered by one process: it is too short" in notice for notice in notices)
