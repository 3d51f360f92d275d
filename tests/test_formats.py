"""Every native pixel format: read as it is, worked on in its own planes, written back without a changed sample."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

import compare
import pictures
import reference
from fastswap import ops, video
from fastswap.errors import OutputError, SettingsError
from fastswap.frame import ColorSpec, Frame, identity_affine
from fastswap.pixels import FORMATS, PixelFormat
from footage import SMALL, clip, picture
from reference import Color

ALL = sorted(FORMATS)


def color_of(kind: PixelFormat, full_range: bool) -> Color:
    """The reference's colour of frames in this format."""
    return Color("gbr" if kind.rgb else "bt709", full_range, "left", kind.bits, kind.log2_sub)


def words(frame: av.VideoFrame, kind: PixelFormat) -> list[NDArray[Any]]:
    """Every component's code values, cut out of the planes' bytes by the table of `pixels`."""
    found = []
    for index, c in enumerate(kind.components):
        plane = frame.planes[c.plane]
        rows, columns = kind.shape(index, frame.width, frame.height)
        row_words = plane.line_size // kind.dtype.itemsize
        row = np.frombuffer(memoryview(plane), kind.dtype)[: row_words * rows].reshape(rows, row_words)
        found.append(row[:, c.offset :: c.step][:, :columns] >> kind.shift)
    return found


def example(name: str, size: tuple[int, int] = SMALL, index: int = 0) -> av.VideoFrame:
    """A coloured picture as FFmpeg's scaler writes it in this format."""
    kind = FORMATS[name]
    frame = av.VideoFrame.from_ndarray(picture(size, index), format="rgb24")
    full = 2 if kind.rgb or kind.gray else 1
    return frame.reformat(format=name, dst_colorspace=None if kind.rgb else 1, dst_color_range=full)


def noise_frame(name: str, height: int, width: int, seed: int = 0) -> tuple[Frame, list[NDArray[Any]]]:
    """A writable frame of noise in this format, and its code values."""
    kind, rng = FORMATS[name], np.random.default_rng(seed)
    owner = av.VideoFrame(width, height, name)
    for plane in owner.planes:
        raw = np.frombuffer(memoryview(plane), np.uint8)
        raw[:] = 0x5A
    planes = video.planes.own_planes(owner)
    codes = [rng.integers(0, 2**kind.bits, plane.shape).astype(kind.dtype) for plane in planes]
    for plane, code in zip(planes, codes, strict=True):
        plane[...] = code << kind.shift
    full = bool(seed % 2)
    spec = ColorSpec("gbr" if kind.rgb else "bt709", full)
    return Frame(planes, name, spec, 0, 0, 0.0, identity_affine(), (width, height), owner), codes


@pytest.mark.parametrize("name", ALL)
def test_components_lie_where_ffmpeg_puts_them(name: str) -> None:
    """The picture that FFmpeg's scaler wrote comes back through the reference's equations."""
    kind, frame = FORMATS[name], example(name)
    color = color_of(kind, kind.rgb or kind.gray)
    codes = [c.astype(np.float64) for c in words(frame, kind)]
    if kind.gray:
        luma = reference.yuv_from_rgb(picture(SMALL).transpose(2, 0, 1) / 255.0, Color("bt601", True))[0]
        assert np.abs(codes[0] * 255 / color.top - luma).mean() < compare.PASS_THROUGH_8BIT
        return
    for i in (1, 2):
        codes[i] = codes[i].repeat(2 ** kind.log2_sub[1], 0).repeat(2 ** kind.log2_sub[0], 1)
    shown = reference.rgb_from_yuv(np.stack([c[: SMALL[1], : SMALL[0]] for c in codes]), color) * 255
    limit = compare.PASS_THROUGH_8BIT * (1 + 2 * sum(kind.log2_sub))
    assert np.abs(shown.transpose(1, 2, 0) - picture(SMALL)).mean() < limit


@pytest.mark.parametrize("size", [SMALL, (35, 27), (1, 1), (3, 2)])
@pytest.mark.parametrize("name", ALL)
def test_frames_share_the_decoders_memory(name: str, size: tuple[int, int]) -> None:
    kind, given = FORMATS[name], example(name, size)
    frame = video.frame_from_av(given)
    assert frame.format == name
    truth = words(given, kind)
    for plane, code, part in zip(frame.planes, truth, kind.components, strict=True):
        assert np.array_equal(plane >> kind.shift, code)
        assert not plane.flags.writeable
        low, size_of = given.planes[part.plane].buffer_ptr, given.planes[part.plane].buffer_size
        assert low <= plane.ctypes.data < low + size_of
    changed = video.writable(frame)
    for plane in changed.planes:
        plane[...] = 0
    assert all(np.array_equal(a, b) for a, b in zip(words(given, kind), truth, strict=True))
    back = video.av_from_frame(changed, frame, given)
    assert back.format.name == name
    assert all(not w.any() for w in words(back, kind))


@pytest.mark.parametrize("name", ALL)
def test_crop_and_blend_match_the_definition(name: str) -> None:
    """Noise of odd size, from and into the format's own samples."""
    kind = FORMATS[name]
    size, near = 25, pictures.similarity(0.4, 20.0, (40.0, 33.0), 25)
    to_coded = pictures.similarity(4.4 if max(kind.log2_sub) > 1 else 2.4, -30.0, (40.0, 33.0), 25)
    frame, codes = noise_frame(name, 67, 81, seed=kind.bits)
    color = color_of(kind, frame.color.full_range)
    gray = [np.full((1, 1), 2 ** (kind.bits - 1), np.uint16)] * 2 if kind.gray else []
    for border in ("replicate", "black"):
        got = ops.crop([frame], near[None], size, border=border)[0]
        black = border == "black"
        if kind.gray:
            color = Color("bt709", frame.color.full_range, "left", kind.bits, (7, 7))
        want = reference.crop([*codes, *gray], color, near, size, black=black)
        assert np.abs(got - want).max() < compare.CROP_POINT
    rng = np.random.default_rng(1)
    y, x = np.mgrid[0:size, 0:size] + 0.5 - size / 2
    mask = np.clip((0.42 * size - np.hypot(x, y)) / 4, 0, 1).astype(np.float32)
    face = rng.uniform(0, 1, (3, size, size)).astype(np.float32)
    wanted = reference.blend([*codes, *gray], color, to_coded, face.astype(float), mask.astype(float))
    ops.blend([frame], to_coded[None], face[None], mask[None])
    limit = {12: compare.BLEND_CODES_12, 14: compare.BLEND_CODES_14, 16: compare.BLEND_CODES_16}.get(
        kind.bits, compare.BLEND_CODES
    )
    for plane, code, expected in zip(frame.planes, codes, wanted, strict=False):
        now = plane >> kind.shift
        assert (now << kind.shift == plane).all()
        assert np.abs(now.astype(float) - expected).max() <= limit
        assert np.array_equal(now[expected == code], code[expected == code])
        assert (now != code).any()


def written(frame: Frame, path: Path, encoder: str, options: dict[str, str] | None = None) -> list[str]:
    """Writes one frame; gives the notices."""
    info = video.VideoInfo(
        path=path,
        kind="video",
        container="",
        codec="rawvideo",
        pixel_format=frame.format,
        frame_format=frame.format,
        geometry=video.Geometry(frame.width, frame.height),
        fps=video.describe.DEFAULT_RATE,
        time_base=1 / video.describe.DEFAULT_RATE,
        frames=1,
        duration=None,
        color=frame.color,
        tags=video.ColorTags(2 if frame.color.full_range else 1, 0 if frame.color.matrix == "gbr" else 1),
    )
    with video.Writer(path, info, encoder=encoder, options=options, copy=False) as writer:
        writer.write(frame)
    return writer.notices


def first_frame(path: Path) -> Frame:
    with video.Reader(path) as reader:
        return next(iter(reader))


def check_samples(kept: Frame, codes: list[NDArray[Any]], kind: PixelFormat) -> None:
    """The file's first frame has these code values, in whatever order."""
    assert kept.pixels.bits == kind.bits
    assert kept.pixels.rgb == kind.rgb
    for plane, code in zip(kept.planes, codes, strict=False):
        assert np.array_equal(plane >> kept.pixels.shift, code)


@pytest.mark.parametrize("size", [(64, 48), (35, 27)])
@pytest.mark.parametrize("name", ALL)
def test_a_lossless_file_holds_every_sample(tmp_path: Path, name: str, size: tuple[int, int]) -> None:
    """Into a file, out of it, a face into the middle, and into a file again: outside of the face nothing changes."""
    kind = FORMATS[name]
    frame, codes = noise_frame(name, size[1], size[0], seed=1 if kind.rgb or kind.gray else 0)
    assert not any("nearest" in notice for notice in written(frame, tmp_path / "in.mkv", "ffv1"))
    read = first_frame(tmp_path / "in.mkv")
    check_samples(read, codes, kind)
    drawn = video.writable(read)
    to_coded = pictures.similarity(0.5, 20.0, (size[0] / 2, size[1] / 2), 24)
    ops.blend([drawn], to_coded[None], np.ones((1, 3, 24, 24)), np.ones((1, 24, 24)))
    assert not written(drawn, tmp_path / "out.mkv", "ffv1")
    kept = first_frame(tmp_path / "out.mkv")
    check_samples(kept, [plane >> read.pixels.shift for plane in drawn.planes], kind)
    for plane, code in zip(kept.planes, codes, strict=False):
        changed = np.argwhere(plane >> kept.pixels.shift != code)
        assert len(changed)
        middle = np.array(plane.shape) / 2
        assert (np.abs(changed + 0.5 - middle) < 12).all()


def test_alpha_goes_along(tmp_path: Path) -> None:
    for name in ("yuva420p", "yuva444p10le", "rgba", "gbrap", "bgra"):
        frame, _ = noise_frame(name, 20, 30, seed=3)
        alpha = video.planes.alpha_plane(frame.owner)
        alpha[...] = np.arange(alpha.size).reshape(alpha.shape) % 200
        kept_alpha = alpha.copy()
        written(frame, tmp_path / f"{name}.mkv", "ffv1")
        read = first_frame(tmp_path / f"{name}.mkv")
        assert np.array_equal(video.planes.alpha_plane(read.owner), kept_alpha), name
        again = video.writable(read)
        assert np.array_equal(video.planes.alpha_plane(again.owner), kept_alpha), name


@pytest.mark.parametrize(
    ("source", "encoder", "name", "wanted"),
    [
        ("yuv422p10le", "libx264", "a.mp4", "yuv422p10le"),
        ("yuv420p10le", "libx264", "a.mp4", "yuv420p10le"),
        ("p010le", "libx264", "a.mp4", "yuv420p10le"),
        ("yuv444p", "libx264", "a.mp4", "yuv444p"),
        ("nv12", "libx264", "a.mp4", "nv12"),
        ("nv16", "libx264", "a.mp4", "nv16"),
        ("yuv422p10le", "libx265", "a.mp4", "yuv422p10le"),
        ("p210le", "libx265", "a.mkv", "yuv422p10le"),
        ("yuv444p12le", "libx265", "a.mkv", "yuv444p12le"),
        ("yuv422p10le", "prores_ks", "a.mov", "yuv422p10le"),
        ("yuva444p10le", "prores_ks", "a.mov", "yuva444p12le"),  # as decoded
        ("yuv420p10le", "libsvtav1", "a.webm", "yuv420p10le"),
        ("yuv422p10le", "libsvtav1", "a.mkv", "yuv420p10le"),
        ("yuv444p12le", "libx264", "a.mp4", "yuv444p10le"),
        ("yuv422p", "mpeg4", "a.avi", "yuv420p"),
        ("rgb24", "libx264", "a.mp4", "yuv444p"),
        ("gbrp10le", "libx264", "a.mp4", "yuv444p10le"),
        ("yuv420p", "prores_ks", "a.mov", "yuv422p10le"),
        ("yuvj422p", "mjpeg", "a.avi", "yuvj422p"),
    ],
)
def test_the_nearest_format_is_written_and_a_loss_is_told(
    tmp_path: Path, source: str, encoder: str, name: str, wanted: str
) -> None:
    frame, _ = noise_frame(source.replace("yuvj", "yuv"), 48, 64, seed=2)
    notices = written(frame, tmp_path / name, encoder)
    info = video.probe(tmp_path / name)
    stored = {"nv12": "yuv420p", "nv16": "yuv422p"}.get(wanted, wanted)
    assert info.pixel_format in (stored, stored.replace("yuv4", "yuvj4"))
    own, made = FORMATS[frame.format], FORMATS[info.frame_format]
    lossless = made.bits >= own.bits and made.log2_sub <= own.log2_sub and made.rgb == own.rgb
    assert any("nearest" in notice for notice in notices) != lossless


def test_the_user_can_name_the_pixel_format(tmp_path: Path) -> None:
    frame, _ = noise_frame("yuv422p10le", 48, 64, seed=2)
    notices = written(frame, tmp_path / "a.mp4", "libx264", {"pix_fmt": "yuv420p"})
    assert video.probe(tmp_path / "a.mp4").pixel_format == "yuv420p"
    assert any("yuv422p10le" in notice for notice in notices)
    with pytest.raises(OutputError, match="nonsense"):
        written(frame, tmp_path / "b.mp4", "libx264", {"pix_fmt": "nonsense"})


@pytest.mark.parametrize("name", ["yuv422p10le", "nv16", "p010le", "yuv411p", "gray10le", "rgb24"])
def test_frames_are_turned_for_containers_without_rotation(name: str) -> None:
    """Samples move, none changes: but for 4:1:1, which has no upright form and gets more chroma."""
    frame, codes = noise_frame(name, 48, 64, seed=3 if FORMATS[name].rgb or FORMATS[name].gray else 2)
    to_coded = video.Geometry(64, 48, matrix=((0, 1), (-1, 0))).to_coded()
    turned = video.turning.turned_frame(replace(frame, to_coded=to_coded, display_size=(48, 64)))
    assert turned.pixels.shift == 0
    for index, (plane, code) in enumerate(zip(turned.planes, codes, strict=True)):
        upright = np.rot90(code, -1)
        if name == "yuv411p" and index:
            upright = upright.repeat(4, axis=0)
        assert np.array_equal(plane, upright)
    assert [p.shape for p in turned.planes] == [turned.pixels.shape(i, 48, 64) for i in range(len(codes))]


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
@pytest.mark.parametrize("pixel_format", ["rgb24", "rgba", "gray", "gray16be", "rgb48be", "rgba64be", "pal8"])
def test_pictures_keep_every_sample(tmp_path: Path, pixel_format: str, suffix: str) -> None:
    codec = "png" if pixel_format.endswith("be") or suffix == ".png" else "tiff"
    source = tmp_path / "in.png" if codec == "png" else tmp_path / "in.tiff"
    rng = np.random.default_rng(0)
    given = av.VideoFrame(30, 20, pixel_format)
    for plane in given.planes:
        np.frombuffer(memoryview(plane), np.uint8)[:] = rng.integers(0, 255, plane.buffer_size)
    encode(source, given, codec)
    with video.Reader(source) as reader, video.Writer(tmp_path / f"out{suffix}", reader) as writer:
        for frame in reader:
            writer.write(video.writable(frame))
    assert not reader.notices + writer.notices
    before, after = decoded(source), decoded(tmp_path / f"out{suffix}")
    deep = pixel_format.endswith("be")
    with_alpha = pixel_format in ("rgba", "rgba64be", "pal8")
    form = {
        (False, False): "rgb24",
        (False, True): "rgba",
        (True, False): "rgb48le",
        (True, True): "rgba64le",
    }
    name = form[deep, with_alpha]
    assert np.array_equal(before.to_ndarray(format=name), after.to_ndarray(format=name))
    assert (after.format.components[0].bits > 8) == deep


def encode(path: Path, frame: av.VideoFrame, codec: str) -> None:
    context = av.CodecContext.create(codec, "w")
    context.width, context.height, context.pix_fmt = frame.width, frame.height, frame.format.name
    context.time_base = video.describe.DEFAULT_RATE**-1
    path.write_bytes(b"".join(bytes(p) for p in (*context.encode(frame), *context.encode(None))))


def decoded(path: Path) -> av.VideoFrame:
    with av.open(str(path)) as container:
        return next(container.decode(video=0))


def test_a_folder_may_mix_depths(tmp_path: Path) -> None:
    """8 and 16 bits in one batch."""
    frames = [
        noise_frame(name, 40, 50, seed=3)[0] for name in ("rgb24", "rgb48le", "yuv420p", "p010le", "gray")
    ]
    maps = np.stack([pictures.similarity(1.2, 10.0, (25.0, 20.0), 16)] * 5)
    together = ops.crop(frames, maps, 16)
    alone = np.concatenate([ops.crop([f], maps[:1], 16) for f in frames])
    assert np.array_equal(together, alone)
    faces, masks = np.ones((5, 3, 16, 16), np.float32), np.ones((5, 16, 16), np.float32)
    copies = [noise_frame(f.format, 40, 50, seed=3)[0] for f in frames]
    ops.blend(frames, maps, faces, masks)
    for frame in copies:
        ops.blend([frame], maps[:1], faces[:1], masks[:1])
    for a, b in zip(frames, copies, strict=True):
        assert all(np.array_equal(p, q) for p, q in zip(a.planes, b.planes, strict=True))


def test_arrays_of_pixels(tmp_path: Path) -> None:
    for dtype in (np.uint8, np.uint16):
        rgb = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, (20, 30, 3)).astype(dtype)
        frame = video.frame_from_array(rgb)
        drawn = video.writable(frame)
        drawn.planes[2][3, 4] = 7  # R
        assert drawn.owner[3, 4, 0] == 7
        assert rgb[3, 4, 0] != 7
    for wrong in (np.zeros((4, 4, 3), np.float32), np.zeros((4, 4), np.uint8), np.zeros((4, 4, 4), np.uint8)):
        with pytest.raises(SettingsError, match="must be uint8 or uint16"):
            video.frame_from_array(wrong)


def test_bottom_up_pictures(tmp_path: Path) -> None:
    """BMP stores its rows from below; negative strides are nothing special."""
    rgb = picture((31, 21))
    frame = av.VideoFrame.from_ndarray(rgb, format="rgb24").reformat(format="bgr24")
    encode(tmp_path / "a.bmp", frame, "bmp")
    assert np.array_equal(video.load_picture(tmp_path / "a.bmp"), rgb)
    shown = first_frame(tmp_path / "a.bmp")
    assert np.array_equal(video.writable(shown).planes[0], rgb[..., 1])


def test_deep_luma_finds_the_same_cuts() -> None:
    from fastswap.cuts import ShotCuts

    found = {}
    for name in ("yuv420p", "yuv422p10le", "p010le", "yuv444p16le", "rgb24", "gray"):
        cuts = ShotCuts()
        frames = [video.frame_from_av(example(name, (160, 120), index)) for index in (0, 0, 40, 0)]
        found[name] = [cuts.update(frame) for frame in frames]
        assert found[name] == found["yuv420p"], name


def test_memory_of_frames_is_used_again_only_when_nobody_looks() -> None:
    first = video.frames.take(70, 50, "yuv420p")
    first.pts, first.opaque = 3, "kept"
    number, second = id(first), video.frames.take(70, 50, "yuv420p")
    assert second is not first
    del first
    again = video.frames.take(70, 50, "yuv420p")
    assert id(again) == number
    assert (again.pts, again.opaque) == (None, None)
    view = memoryview(again.planes[0])
    del again
    assert id(video.frames.take(70, 50, "yuv420p")) != number
    del view
    held = video.frames.take(70, 50, "yuv420p")
    assert id(held) == number
    shared = np.from_dlpack(held.planes[0])  # a reference to the memory alone, as an encoder's
    del held
    other = video.frames.take(70, 50, "yuv420p")
    assert id(other) == number
    assert other.planes[0].buffer_ptr != shared.ctypes.data


def test_a_matrix_that_is_not_known_is_told(tmp_path: Path) -> None:
    for number, words in ((8, "ycgco"), (14, "ictcp")):
        path = clip(
            tmp_path / f"{number}.mkv", codec="ffv1", pixel_format="yuv444p", tags={"colorspace": number}
        )
        with video.Reader(path) as reader:
            assert any(f"matrix {words} is not known" in notice for notice in reader.notices)
    with video.Reader(clip(tmp_path / "plain.mkv", codec="ffv1", tags={"colorspace": 1})) as reader:
        assert not reader.notices
