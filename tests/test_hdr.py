"""HDR goes through: depth, transfer, primaries, mastering display and light level, as another reader sees them."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from fastswap import video
from fastswap.video.hdr import HdrMetadata, hdr_of
from footage import clip

MASTER = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50)"
PQ = {"color_range": 1, "colorspace": 9, "color_primaries": 9, "color_trc": 16}
HLG = {**PQ, "color_trc": 18}


def hdr_clip(path: Path, tags: dict[str, int], **settings: object) -> Path:
    """What a camera or a studio hands out: HEVC Main 10 with static metadata."""
    parameters = f"log-level=error:master-display={MASTER}:max-cll=1000,400"
    options = {"x265-params": parameters}
    return clip(path, codec="libx265", pixel_format="yuv420p10le", tags=tags, options=options, **settings)  # type: ignore[arg-type]


def first(path: Path) -> av.VideoFrame:
    with av.open(str(path)) as container:
        return next(container.decode(video=0))


def copy(source: Path, output: Path, **settings: object) -> list[str]:
    with video.Reader(source) as reader, video.Writer(output, reader, **settings) as writer:  # type: ignore[arg-type]
        for frame in reader:
            writer.write(video.writable(frame))
    return reader.notices + writer.notices


@pytest.mark.parametrize("tags", [PQ, HLG], ids=["pq", "hlg"])
@pytest.mark.parametrize(
    ("encoder", "name", "options"),
    [
        (None, "out.mp4", None),
        (None, "out.mov", None),
        (None, "out.ts", None),
        ("libx265", "out.mkv", {"x265-params": "aq-mode=1"}),
        ("libx264", "out.mp4", {"x264-params": "aq-mode=1"}),
        ("libsvtav1", "out.mkv", {"preset": "12"}),
    ],
)
def test_static_metadata_survives(tmp_path: Path, tags, encoder, name, options) -> None:
    source = hdr_clip(tmp_path / "in.mp4", tags, times=range(40) if name.endswith("ts") else range(6))
    notices = copy(source, tmp_path / name, encoder=encoder, options=options)
    assert not [n for n in notices if "light" in n or "nearest" in n]
    before, after = first(source), first(tmp_path / name)
    assert after.format.name == "yuv420p10le"
    for tag in ("color_range", "colorspace", "color_primaries", "color_trc"):
        assert getattr(after, tag) == getattr(before, tag), tag
    a, b = hdr_of(before), hdr_of(after)
    assert a is not None
    assert b is not None
    assert a.light == b.light == (1000, 400)
    assert a.mastering is not None
    assert b.mastering is not None
    flat = [[*sum(m.primaries, ()), *m.white, *m.luminance] for m in (a.mastering, b.mastering)]
    assert np.allclose(np.array(flat[0], float), np.array(flat[1], float), rtol=1e-4, atol=1e-4)


def test_the_default_encoder_for_hdr_is_hevc(tmp_path: Path) -> None:
    source = hdr_clip(tmp_path / "in.mp4", PQ)
    copy(source, tmp_path / "out.mp4")
    info = video.probe(tmp_path / "out.mp4")
    assert (info.codec, info.pixel_format) == ("hevc", "yuv420p10le")
    sdr = clip(tmp_path / "sdr.mp4", pixel_format="yuv420p10le")
    copy(sdr, tmp_path / "sdr_out.mp4")
    assert video.probe(tmp_path / "sdr_out.mp4").codec == "h264"


def test_what_cannot_carry_it_says_so(tmp_path: Path) -> None:
    source = hdr_clip(tmp_path / "in.mp4", PQ)
    notices = copy(source, tmp_path / "out.mov", encoder="prores_ks")
    assert any("no place for the mastering display" in n for n in notices)
    assert first(tmp_path / "out.mov").color_trc == 16
    copy(source, tmp_path / "own.mp4", encoder="libx265", options={"x265-params": "max-cll=7,3"})
    found = hdr_of(first(tmp_path / "own.mp4"))
    assert found is not None
    assert found.light == (7, 3), "the user's own parameters count"


def test_info_tells_it(tmp_path: Path) -> None:
    facts = video.probe(hdr_clip(tmp_path / "in.mp4", PQ)).as_dict()
    assert facts["hdr"] == {
        "mastering_display": MASTER,
        "max_content_light": 1000,
        "max_average_light": 400,
        "dynamic": [],
    }
    assert facts["color"]["transfer"] == "smpte2084"
    assert video.probe(clip(tmp_path / "sdr.mp4")).as_dict()["hdr"] is None
    assert HdrMetadata().as_dict()["mastering_display"] is None
