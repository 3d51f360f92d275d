"""Pictures and folders of pictures: inputs and outputs like videos."""

from __future__ import annotations

import struct
import zlib
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from compare import JPEG_TWICE, PASS_THROUGH_8BIT, RGB_FILTERS
from fastswap import video
from fastswap.errors import InputError, OutputError
from footage import SMALL, Array, clip, picture

PROFILE = bytes(range(256)) * 300  # longer than one JPEG segment


def draw(path: Path, rgb: Array, codec: str, pixel_format: str, **options: str) -> Path:
    """Writes a picture by PyAV alone."""
    context = av.CodecContext.create(codec, "w")
    context.width, context.height = rgb.shape[1], rgb.shape[0]
    context.pix_fmt, context.time_base, context.options = pixel_format, Fraction(1, 25), options
    kind = "rgba" if rgb.shape[2] == 4 else "rgb24"
    frame = av.VideoFrame.from_ndarray(rgb, format=kind)
    full = 2 if codec != "libwebp" else None
    frame = frame.reformat(format=pixel_format, dst_color_range=full, dst_colorspace=5)
    path.write_bytes(b"".join(bytes(p) for p in (*context.encode(frame), *context.encode(None))))
    return path


def jpeg(path: Path, rgb: Array, pixel_format: str = "yuvj420p") -> Path:
    return draw(path, rgb, "mjpeg", pixel_format, global_quality="118", flags="+qscale")


def decoded(path: Path) -> Array:
    """What PyAV alone shows."""
    with av.open(str(path), options={"pattern_type": "none"} if path.suffix == ".bmp" else {}) as container:
        return next(container.decode(video=0)).to_ndarray(format="rgb24")


def segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def tagged(path: Path, orientation: int = 1, profile: bytes = b"") -> Path:
    """The JPEG with Exif as cameras write it (little endian, orientation not first) and an ICC profile."""
    entries = [(0x010F, 2, 4, b"abc\0"), (0x0112, 3, 1, struct.pack("<HH", orientation, 0))]
    block = b"II*\0" + struct.pack("<IH", 8, len(entries))
    block += b"".join(struct.pack("<HHI", *entry[:3]) + entry[3] for entry in entries) + bytes(4)
    extra = segment(0xE1, b"Exif\0\0" + block)
    parts = [profile[i : i + 60000] for i in range(0, len(profile), 60000)]
    for number, part in enumerate(parts, 1):
        extra += segment(0xE2, b"ICC_PROFILE\0" + bytes((number, len(parts))) + part)
    data = path.read_bytes()
    path.write_bytes(data[:2] + extra + data[2:])
    return path


def copy(source: Path, output: Path, **settings: Any) -> list[str]:
    with video.Reader(source) as reader, video.Writer(output, reader, **settings) as writer:
        for frame in reader:
            writer.write(frame)
    return reader.notices + writer.notices


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tiff"])
def test_a_picture_saved_is_the_picture_loaded(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"100%d a{suffix}"  # a name that FFmpeg would take for a pattern
    rgb = picture((66, 50))
    video.save_picture(path, rgb)
    assert np.abs(video.load_picture(path).astype(float) - rgb).mean() < JPEG_TWICE
    assert np.abs(decoded(path).astype(float) - rgb).mean() < JPEG_TWICE
    info = video.probe(path)
    assert (info.kind, info.frames, info.width, info.height) == ("image", 1, 66, 50)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_jpeg_planes_are_the_decoders_and_go_back_as_they_are(tmp_path: Path) -> None:
    source = jpeg(tmp_path / "in.jpg", picture(SMALL))
    with video.Reader(source) as reader:
        frame = next(iter(reader))
        assert not reader.notices
    assert (frame.format, frame.color.matrix, frame.color.full_range, frame.color.siting) == (
        "yuv420p",
        "bt601",
        True,
        "center",
    )
    with av.open(str(source)) as container:
        truth = next(container.decode(video=0)).to_ndarray()
    assert np.array_equal(np.concatenate([p.reshape(-1) for p in frame.planes]), truth.reshape(-1))
    copy(source, tmp_path / "out.jpg", options={"q": "1", "qmin": "1"})
    with video.Reader(tmp_path / "out.jpg") as reader:
        again = next(iter(reader))
    assert np.abs(again.planes[0].astype(int) - frame.planes[0]).mean() < 1.0


@pytest.mark.parametrize("pixel_format", ["yuvj444p", "yuvj422p", "gray"])
def test_other_jpegs(tmp_path: Path, pixel_format: str) -> None:
    if pixel_format == "gray":
        rgb = np.repeat(picture(SMALL)[..., :1], 3, axis=2)
        source = jpeg(tmp_path / "in.jpg", rgb, "yuvj420p")
    else:
        rgb = picture(SMALL)
        source = jpeg(tmp_path / "in.jpg", rgb, pixel_format)
    assert np.abs(video.load_picture(source).astype(float) - rgb).mean() < PASS_THROUGH_8BIT


@pytest.mark.parametrize("orientation", range(1, 9))
def test_jpeg_orientation_is_obeyed_and_kept(tmp_path: Path, orientation: int) -> None:
    source = tagged(jpeg(tmp_path / "in.jpg", picture((64, 48))), orientation)
    coded = decoded(source)
    turns = {
        1: coded,
        2: coded[:, ::-1],
        3: coded[::-1, ::-1],
        4: coded[::-1],
        5: coded.transpose(1, 0, 2),
        6: np.rot90(coded, -1),
        7: coded[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(coded, 1),
    }
    upright = turns[orientation].astype(float)
    assert np.abs(video.load_picture(source) - upright).mean() < RGB_FILTERS
    assert video.probe(source).display_size == (upright.shape[1], upright.shape[0])
    for name in ("out.jpg", "out.png", "out.webp"):
        copy(source, tmp_path / name)
        assert np.abs(video.load_picture(tmp_path / name) - upright).mean() < JPEG_TWICE, name
    # In JPEG the samples stay where they are and the tag goes along; PNG gets upright pixels for every viewer.
    assert video.probe(tmp_path / "out.jpg").width == 64
    assert video.probe(tmp_path / "out.png").display_size == video.probe(source).display_size
    assert decoded(tmp_path / "out.png").shape == upright.shape


def test_color_profiles_go_along(tmp_path: Path) -> None:
    source = tagged(jpeg(tmp_path / "in.jpg", picture(SMALL)), 6, PROFILE)
    assert not copy(source, tmp_path / "out.jpg")
    assert not copy(source, tmp_path / "out.png")
    assert any("profile" in n for n in copy(source, tmp_path / "out.webp"))
    copy(tmp_path / "out.png", tmp_path / "again.jpg")
    for name in ("out.jpg", "again.jpg"):
        data = (tmp_path / name).read_bytes()
        parts = [p[2:] for p in data.split(b"ICC_PROFILE\0")[1:]]
        joined = b"".join(parts)
        assert PROFILE[:1000] in joined
        with av.open(str(tmp_path / name)) as container:
            assert next(container.decode(video=0)).width == (64 if name == "out.jpg" else 48)
    png = (tmp_path / "out.png").read_bytes()
    at = png.index(b"iCCP")
    size = struct.unpack(">I", png[at - 4 : at])[0]
    assert zlib.decompress(png[at + 4 + 13 : at + 4 + size]) == PROFILE
    assert struct.unpack(">I", png[at + 4 + size : at + 8 + size])[0] == zlib.crc32(png[at : at + 4 + size])


@pytest.mark.parametrize("name", ["in.png", "in.webp"])
def test_transparency_is_kept_where_it_can_be(tmp_path: Path, name: str) -> None:
    rgba = np.dstack([picture(SMALL), np.linspace(0, 255, 48 * 64).reshape(48, 64).astype(np.uint8)])
    codec = ("png", "rgba") if name == "in.png" else ("libwebp", "bgra")
    source = draw(tmp_path / name, rgba, *codec, **({"lossless": "1"} if name == "in.webp" else {}))
    for target in ("out.png", "out.webp"):
        copy(source, tmp_path / target, options={"lossless": "1"} if target == "out.webp" else None)
        with av.open(str(tmp_path / target)) as container:
            alpha = next(container.decode(video=0)).to_ndarray(format="rgba")[..., 3]
        assert np.array_equal(alpha, rgba[..., 3])
    assert any("transparency" in n for n in copy(source, tmp_path / "out.jpg"))


@pytest.mark.parametrize("size", [(1, 1), (3, 2), (35, 27)])
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp"])
def test_odd_pictures_keep_their_size(tmp_path: Path, size: tuple[int, int], suffix: str) -> None:
    source = draw(tmp_path / "in.png", picture(size), "png", "rgb24")
    copy(source, tmp_path / f"out{suffix}")
    assert video.load_picture(tmp_path / f"out{suffix}").shape == (size[1], size[0], 3)


def test_a_folder_goes_to_a_folder_with_the_same_names(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    sizes = {"a10.jpg": (64, 48), "a2.png": (35, 27), "A1.jpg": (20, 30), "b.webp": (16, 16), "c.bmp": (8, 6)}
    for index, (name, size) in enumerate(sizes.items()):
        video.save_picture(folder / name, picture(size, index))
    (folder / "notes.txt").write_text("no picture")
    (folder / ".hidden.png").write_bytes(b"x")
    with video.Reader(folder) as reader, video.Writer(tmp_path / "out", reader) as writer:
        assert (reader.info.kind, reader.info.frames) == ("folder", 5)
        frames = list(reader)
        assert [(f.index, f.pts, f.display_size) for f in frames] == [
            (i, i, sizes[n]) for i, n in enumerate(["A1.jpg", "a2.png", "a10.jpg", "b.webp", "c.bmp"])
        ]
        for frame in frames:
            writer.write(video.writable(frame))
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == sorted(sizes)
    for name in sizes:
        before, after = video.load_picture(folder / name), video.load_picture(tmp_path / "out" / name)
        assert np.abs(before.astype(float) - after).mean() < JPEG_TWICE
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in", "out"]


def test_a_damaged_picture_in_a_folder_is_left_out(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for index in range(3):
        video.save_picture(folder / f"{index}.png", picture(SMALL, index))
    (folder / "1.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"nothing")
    with video.Reader(folder) as reader:
        assert [f.index for f in reader] == [0, 2]
        assert reader.skipped == 1
        assert any("1.png" in notice for notice in reader.notices)


def test_a_video_goes_to_a_folder_and_back(tmp_path: Path) -> None:
    source = clip(tmp_path / "in.mp4", times=range(6))
    copy(source, tmp_path / "frames")
    names = [f"{i:06d}.png" for i in range(6)]
    assert sorted(p.name for p in (tmp_path / "frames").iterdir()) == names
    copy(tmp_path / "frames", tmp_path / "back.mp4")
    assert video.probe(tmp_path / "back.mp4").frames == 6
    copy(source, tmp_path / "jpegs", encoder="mjpeg")
    assert (tmp_path / "jpegs" / "000000.jpg").exists()
    with video.Reader(source) as reader:
        truth = video.rgb_from_frame(next(iter(reader))).astype(float)
    assert np.abs(video.load_picture(tmp_path / "frames" / "000000.png") - truth).mean() < 1.0
    assert np.abs(video.load_picture(tmp_path / "jpegs" / "000000.jpg") - truth).mean() < JPEG_TWICE


def test_what_cannot_be_is_one_line(tmp_path: Path) -> None:
    source = clip(tmp_path / "in.mp4")
    still = tmp_path / "in.png"
    video.save_picture(still, picture(SMALL))
    full = tmp_path / "full"
    full.mkdir()
    (full / "kept.txt").write_text("kept")
    wrong = [
        (source, tmp_path / "o.png", {}, "name a folder or a video file"),
        (still, tmp_path / "o.jpg", {"encoder": "libx264"}, "does not write .jpg"),
        (still, tmp_path / "o.jpg", {"options": {"nonsense": "1"}}, "nonsense"),
        (source, full, {}, "not empty"),
        (source, tmp_path / "o", {"encoder": "libx264"}, "does not write pictures"),
        (still, still, {}, "is the input"),
    ]
    for before, after, settings, words in wrong:
        with pytest.raises(OutputError, match=words):
            copy(before, after, **settings)
    with pytest.raises(OutputError, match=r"\.xyz"):
        video.save_picture(tmp_path / "o.xyz", picture(SMALL))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["full", "in.mp4", "in.png"]
    assert [p.name for p in full.iterdir()] == ["kept.txt"]


@pytest.mark.parametrize("head", [b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"RIFF\x20\0\0\0WEBPVP8 "])
def test_a_damaged_picture_is_one_line(tmp_path: Path, head: bytes) -> None:
    path = tmp_path / "bad.jpg"
    path.write_bytes(head + bytes(200))
    with pytest.raises(InputError, match=r"bad\.jpg: (the picture is damaged|not a video or a picture)"):
        video.probe(path)


def test_pictures_of_different_sizes_are_no_video(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    video.save_picture(folder / "1.png", picture(SMALL))
    video.save_picture(folder / "2.png", picture((32, 32)))
    with pytest.raises(OutputError, match="32x32"):
        copy(folder, tmp_path / "o.mp4")
    assert [p.name for p in tmp_path.iterdir()] == ["in"]
