"""Interlaced video: recognised by stream and by frame, refused in one line, or made progressive at the same times."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.filter import Graph
from numpy.typing import NDArray

import fastswap
from fastswap import video
from fastswap.errors import InputError, SettingsError
from footage import clip, facts

SIZE = (160, 96)
COUNT = 10
NAMES = {"mpeg2video": "in.mkv", "libx264": "in.mp4"}


def moment(half: int) -> NDArray[np.uint8]:
    """The luma of a disc that moves right, at half a frame's steps."""
    y, x = np.mgrid[: SIZE[1], : SIZE[0]]
    soft = np.clip((24.0 - np.hypot(x - 30 - 4 * half, y - 48)) / 3.0, 0, 1)
    return np.asarray(40 + 160 * soft, np.uint8)


def woven(
    path: Path,
    codec: str,
    order: str,
    pixel_format: str = "yuv420p",
    flags: str = "+ildct+ilme",
    count: int = COUNT,
    group: int = 12,
) -> Path:
    """Each frame holds two moments in its alternate lines; the first shown are the top or the bottom ones. group: from
    one key frame to the next."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(
            codec, rate=25, options={"flags": flags, "field_order": order, "b": "4M", "g": str(group)}
        )
        (stream.width, stream.height), stream.pix_fmt = SIZE, pixel_format
        if codec == "mpeg2video":
            stream.codec_context.max_b_frames = 0
        flagged = flags_of(order, pixel_format)
        for index in range(count):
            frame = av.VideoFrame(*SIZE, pixel_format)
            frame.pts, frame.time_base = index, Fraction(1, 25)
            luma, *chroma = video.planes.own_planes(frame)
            shift = frame.format.components[0].bits - 8
            first = 0 if order == "tt" else 1
            luma[first::2] = moment(2 * index)[first::2].astype(luma.dtype) << shift
            luma[1 - first :: 2] = moment(2 * index + 1)[1 - first :: 2].astype(luma.dtype) << shift
            for plane in chroma:
                plane[...] = 128 << shift
            flagged.vpush(frame)
            container.mux(stream.encode(flagged.vpull()))
        container.mux(stream.encode(None))
    return path


def flags_of(order: str, pixel_format: str, size: tuple[int, int] = SIZE) -> Graph:
    """A graph that marks frames as interlaced, which PyAV cannot do itself."""
    graph = Graph()
    kind = av.VideoFormat(pixel_format, *size)
    source = graph.add_buffer(width=size[0], height=size[1], format=kind, time_base=Fraction(1, 25))
    graph.link_nodes(
        source, graph.add("setfield", {"tt": "tff", "bb": "bff"}[order]), graph.add("buffersink")
    )
    graph.configure()
    return graph


@pytest.mark.parametrize("order", ["tt", "bb"])
@pytest.mark.parametrize("codec", ["mpeg2video", "libx264"])
def test_interlaced_video_is_refused_in_one_line(tmp_path: Path, codec: str, order: str) -> None:
    source = woven(tmp_path / NAMES[codec], codec, order)
    stated = video.probe(source).interlaced
    assert stated == {"tt": "top", "bb": "bottom"}[order] or (stated and codec == "libx264")
    with pytest.raises(InputError, match=rf"{source.name}: interlaced video; add --deinterlace") as raised:
        video.Reader(source)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("order", ["tt", "bb"])
@pytest.mark.parametrize(
    ("codec", "pixel_format"), [("mpeg2video", "yuv420p"), ("libx264", "yuv420p"), ("libx264", "yuv422p10le")]
)
def test_deinterlaced_frames_show_the_first_moment(tmp_path: Path, codec, pixel_format, order) -> None:
    source = woven(tmp_path / NAMES[codec], codec, order, pixel_format)
    with video.Reader(source, deinterlace=True) as reader:
        assert reader.info.interlaced == ""
        frames = list(reader)
    with video.Reader(source, deinterlace=False) as reader:
        raw = list(reader)
    assert [f.pts for f in frames] == [f.pts for f in raw]
    assert [f.owner.duration for f in frames] == [f.owner.duration for f in raw]
    assert frames[0].format == pixel_format
    shift = frames[0].pixels.bits - 8
    for index in range(2, COUNT - 2):
        truth = moment(2 * index).astype(float)
        made = np.abs((frames[index].planes[0] >> shift) - truth).mean()
        kept = np.abs((raw[index].planes[0] >> shift) - truth).mean()
        assert made < 0.35 * kept


def test_seeking_in_interlaced_video(tmp_path: Path) -> None:
    source = woven(tmp_path / "in.mp4", "libx264", "tt")
    with video.Reader(source, deinterlace=True) as reader:
        frames = list(reader)
        again = reader.frame_at(0.2)
    assert np.array_equal(again.planes[0], frames[5].planes[0])


def test_frames_as_they_are_stay_interlaced(tmp_path: Path) -> None:
    source = woven(tmp_path / "in.mkv", "mpeg2video", "tt")
    with (
        video.Reader(source, deinterlace=False) as reader,
        video.Writer(tmp_path / "out.mp4", reader) as writer,
    ):
        for frame in reader:
            writer.write(frame)
    assert facts(tmp_path / "out.mp4").last.interlaced_frame
    assert video.probe(tmp_path / "out.mp4").interlaced == "top"


def test_interlaced_frames_in_the_middle_are_found(tmp_path: Path) -> None:
    """The stream begins progressive and says nothing; its frames do."""
    plain = clip(tmp_path / "plain.ts", codec="mpeg2video", size=SIZE, times=range(12))
    woven(tmp_path / "woven.ts", "mpeg2video", "tt")
    both = tmp_path / "both.ts"
    both.write_bytes(plain.read_bytes() + (tmp_path / "woven.ts").read_bytes())
    with video.Reader(both) as reader, pytest.raises(InputError, match="interlaced"):
        list(reader)
    with video.Reader(both, deinterlace=True) as reader:
        assert len(list(reader)) == 12 + COUNT


def test_render_and_swapper_refuse_and_obey(tmp_path: Path, generator: Path) -> None:
    source = woven(tmp_path / "in.mp4", "libx264", "tt")
    output = tmp_path / "out.mp4"
    with pytest.raises(InputError, match="--no-deinterlace"):
        fastswap.render(source, output, model=generator)
    assert not output.exists()
    report = fastswap.render(source, output, model=generator, deinterlace=True)
    assert report.frames == COUNT
    assert video.probe(output).interlaced == ""
    fastswap.render(source, tmp_path / "kept.mp4", model=generator, deinterlace=False)
    assert video.probe(tmp_path / "kept.mp4").interlaced == "top"
    with av.open(str(source)) as container, fastswap.Swapper(generator) as swap:
        frame = next(container.decode(video=0))
        with pytest.raises(SettingsError, match="interlaced"):
            swap(frame)
