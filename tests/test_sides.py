"""Side outputs: the matte and the new faces alone, with which the last blend can be done elsewhere and gives the
same."""

from __future__ import annotations

import math
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

import fastswap
from compare import RECOMPOSED
from fastswap import actors, provenance, video
from fastswap.errors import OutputError
from fastswap.look import Look
from fastswap.video import timecode
from footage import QUARTER_TURN
from generators import write_generator

Array = NDArray[np.float64]
LOSSLESS = {"encoder": "ffv1"}


def _frames(path: Path) -> list[av.VideoFrame]:
    with av.open(str(path)) as container:
        return list(container.decode(video=0))


def _plane(frame: av.VideoFrame, index: int) -> Array:
    """A plane's code values."""
    plane = frame.planes[index]
    kind = np.dtype("u1") if frame.format.components[0].bits == 8 else np.dtype("<u2")
    rows = np.frombuffer(plane, kind).reshape(plane.height, -1)
    return rows[:, : plane.width].astype(np.float64)


def _half(plane: av.video.plane.VideoPlane) -> Array:
    return np.frombuffer(plane, "<f2").reshape(plane.height, -1)[:, : plane.width].astype(np.float64)


def _luma(path: Path) -> list[Array]:
    with video.Reader(path) as reader:
        return [frame.planes[0].astype(np.float64) for frame in reader]


def _mattes(path: Path) -> list[Array]:
    return [_plane(frame, 0) / 255.0 for frame in _frames(path)]


def _layers(path: Path) -> list[tuple[Array, Array]]:
    """Limited luma in 8-bit code values, and alpha, of a YUV layer; ProRes decodes to 12 bits."""
    found = []
    for frame in _frames(path):
        bits = frame.format.components[0].bits
        found.append((_plane(frame, 0) / 2 ** (bits - 8), _plane(frame, 3) / (2**bits - 1)))
    return found


@pytest.fixture(scope="module")
def sides(face_clip: Path, generator: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A render with a matte and a layer of every kind. The first frames of the clip have lost their face."""
    folder = tmp_path_factory.mktemp("sides")
    clip = folder / "clip.mp4"
    clip.write_bytes(face_clip.read_bytes())
    fastswap.render(clip, folder / "first.mp4", model=generator)
    stored = folder / "clip.mp4.faces"
    lines = stored.read_text().splitlines()
    stored.write_text("\n".join([lines[0], *lines[4:]]) + "\n")
    for layer in ("film.mov", "film.mkv", "png", "exr/face.%04d.exr"):
        kind = layer.replace("/", ".").split(".")[0] + "_" + layer.rsplit(".", maxsplit=1)[-1]
        matte = {"png": "png_matte", "exr/face.%04d.exr": "exr_matte/m.%04d.exr"}.get(
            layer, f"{kind}_matte.mkv"
        )
        fastswap.render(
            clip, folder / "out.mkv", model=generator, matte=folder / matte, layer=folder / layer, **LOSSLESS
        )
    return folder


def test_matte_and_layer_over_the_input_give_the_output(sides: Path) -> None:
    before, after = _luma(sides / "clip.mp4"), _luma(sides / "out.mkv")
    mattes = _mattes(sides / "film_mkv_matte.mkv")
    for name, tolerance in (
        ("film.mkv", RECOMPOSED),
        ("film.mov", RECOMPOSED + 2.0),
    ):  # ProRes is not lossless
        layers = _layers(sides / name)
        assert len(layers) == len(mattes) == len(before) == 20
        for target, result, matte, (luma, alpha) in zip(before, after, mattes, layers, strict=True):
            assert np.abs(matte - alpha).max() < (0.003 if name == "film.mkv" else 0.01)
            mixed = target * (1.0 - matte) + luma * matte
            assert np.abs(mixed - result).max() <= tolerance
            assert np.abs(mixed - result).mean() <= 0.1


def test_frames_without_a_face_are_empty(sides: Path) -> None:
    for frame in _frames(sides / "film.mkv")[:3]:
        assert not _plane(frame, 3).any()
        assert np.unique(_plane(frame, 0)).tolist() == [64]
    mattes = _mattes(sides / "film_mkv_matte.mkv")
    assert [bool(matte.any()) for matte in mattes] == [False] * 3 + [True] * 17


def test_png_and_exr_hold_the_same_layer(sides: Path) -> None:
    """PNG holds colour beside alpha, EXR colour times alpha; both as R'G'B'."""
    names = sorted(path.name for path in (sides / "png").iterdir())
    assert names == [f"{index:06d}.png" for index in range(20)]
    pictures = sorted(path.name for path in (sides / "exr").glob("*.exr"))
    assert pictures == [f"face.{index:04d}.exr" for index in range(20)]
    (png,), (exr,) = _frames(sides / "png" / names[9]), _frames(sides / "exr" / pictures[9])
    assert (png.format.name, exr.format.name) == ("rgba64be", "gbrapf16le")
    packed = np.frombuffer(png.planes[0], ">u2").reshape(png.height, -1)[:, : 4 * png.width]
    rgba = packed.reshape(png.height, png.width, 4) / 65535.0
    g, b, r, a = (_half(p) for p in exr.planes)
    assert np.abs(a - rgba[..., 3]).max() < 0.001  # EXR is in half precision
    assert np.abs(np.stack([r, g, b], -1) - rgba[..., :3] * rgba[..., 3:]).max() < 0.002
    luma, alpha = _layers(sides / "film.mkv")[9]
    kr, kb = (0.299, 0.114) if video.probe(sides / "clip.mp4").color.matrix == "bt601" else (0.2126, 0.0722)
    y = rgba[..., :3] @ np.array([kr, 1.0 - kr - kb, kb])
    shown = alpha > 0.1
    inside = (
        shown & (rgba[..., :3].max(-1) < 1.0) & (rgba[..., :3].min(-1) > 0.0)
    )  # R'G'B' is clipped to 0..1
    assert inside.sum() > 500
    assert np.abs(16.0 + 219.0 * y - luma)[inside].max() < 0.3
    (matte,) = _frames(sides / "exr_matte" / "m.0009.exr")
    assert np.abs(_half(matte.planes[0]) - a).max() < 1e-6
    (gray,) = _frames(sides / "png_matte" / names[9])
    assert np.abs(_plane(gray, 0) / 255.0 - a).max() < 0.003


def test_side_outputs_are_signed_and_tagged(sides: Path) -> None:
    for name in (
        "film.mov",
        "film.mkv",
        "film_mkv_matte.mkv",
        "png/000004.png",
        "exr/face.0004.exr",
        "out.mkv",
    ):
        said = provenance.verify(sides / name)
        assert said.ok, name
        assert "given for tests" in str(said.as_dict())
    with av.open(str(sides / "film.mov")) as container:
        codec = container.streams.video[0].codec_context
        assert (codec.codec.canonical_name, codec.profile) == ("prores", "4444")
    frame, matte = _frames(sides / "film.mov")[0], _frames(sides / "film_mkv_matte.mkv")[0]
    info = video.probe(sides / "clip.mp4")
    assert frame.colorspace == {"bt601": 6, "bt709": 1}[info.color.matrix], "what was guessed is now said"
    assert (matte.format.name, matte.color_range) == ("gray", 2)


def test_the_matte_is_the_mask_that_shows(face_clip: Path, generator: Path, tmp_path: Path) -> None:
    """The generator's own mask is an ellipse of 0.36 x 0.44 crop sides. Opacity scales the matte and not the colour."""
    found = {}
    for opacity in (1.0, 0.5):
        look = Look(mask="generator", erode=0.0, feather=0.0, opacity=opacity, color="none")
        name = f"{opacity}"
        fastswap.render(
            face_clip,
            tmp_path / f"{name}.mkv",
            model=generator,
            look=look,
            end="4f",
            analysis=tmp_path / "a.faces",
            matte=tmp_path / f"m{name}.mkv",
            layer=tmp_path / f"l{name}.mkv",
            **LOSSLESS,
        )
        found[opacity] = _mattes(tmp_path / f"m{name}.mkv")[3], _layers(tmp_path / f"l{name}.mkv")[3][0]
    (full, colour), (half, same) = found[1.0], found[0.5]
    assert full.max() == 1.0
    assert half.max() == pytest.approx(0.5, abs=0.003)
    assert np.abs(full / 2 - half).max() < 0.005
    solid = full > 0.5
    assert np.abs(colour - same)[solid].max() < 0.6
    side = _crop_side(tmp_path / "a.faces", generator)
    assert full.sum() == pytest.approx(math.pi * 0.36 * 0.44 * side**2, rel=0.03)


def _crop_side(faces: Path, generator: Path) -> float:
    from fastswap import align, sidecar

    contract = fastswap.load_contract(generator)
    face = list(sidecar.read(faces))[3].faces[0]
    points = align.five_points(face.landmarks)
    return contract.resolution * math.hypot(
        *align.crop_to_display(points, contract.template, contract.coverage, contract.resolution)[:, 0]
    )


def test_two_faces_and_a_variable_rate(generator: Path, tmp_path: Path) -> None:
    scene, times = actors.Scene(size=(480, 270), face_px=90), (0, 33, 40, 100, 101, 250)
    cast = [(actors.BO, actors.Pose(x=0.3)), (actors.CLEO, actors.Pose(x=0.7))]
    clip = tmp_path / "two.mkv"
    with av.open(str(clip), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": "10"})
        stream.width, stream.height, stream.pix_fmt = 480, 270, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        for index, time in enumerate(times):
            frame = av.VideoFrame.from_ndarray(
                actors.render_cast(cast, scene, index=index).rgb, format="rgb24"
            )
            frame.pts, frame.time_base = time, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    out = tmp_path / "out.mkv"
    fastswap.render(
        clip, out, model=generator, matte=tmp_path / "m.mkv", layer=tmp_path / "l.mkv", **LOSSLESS
    )
    for path in (tmp_path / "m.mkv", tmp_path / "l.mkv"):
        assert [frame.pts for frame in _frames(path)] == list(times)
    matte = _mattes(tmp_path / "m.mkv")[2]
    assert matte[:, :240].max() == matte[:, 240:].max() == 1.0
    assert not matte[:, 225:255].any()
    for target, result, alpha, (luma, _) in zip(
        _luma(clip), _luma(out), _mattes(tmp_path / "m.mkv"), _layers(tmp_path / "l.mkv"), strict=True
    ):
        assert np.abs(target * (1.0 - alpha) + luma * alpha - result).max() <= RECOMPOSED


def test_a_turned_clip_keeps_its_turn_in_videos_and_is_upright_in_pictures(
    generator: Path, tmp_path: Path
) -> None:
    upright = actors.render_frame(actors.BO, actors.Pose(), actors.Scene(size=(240, 320), face_px=110)).rgb
    coded = np.ascontiguousarray(np.rot90(upright))  # turned against the clock; players turn it back
    clip = tmp_path / "turned.mp4"
    with av.open(str(clip), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": "10"})
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        stream.set_display_matrix(QUARTER_TURN)
        for _ in range(4):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(coded, format="rgb24")))
        container.mux(stream.encode(None))
    settings = {"model": generator, "analysis": tmp_path / "a.faces"}
    report = fastswap.render(
        clip, tmp_path / "o.mp4", matte=tmp_path / "m.mkv", layer=tmp_path / "l", **settings
    )
    assert report.faces == 4
    fastswap.render(clip, tmp_path / "o.mp4", matte=tmp_path / "m", layer=tmp_path / "l.mov", **settings)
    for film in (tmp_path / "m.mkv", tmp_path / "l.mov"):
        assert video.probe(film).rotation == video.probe(clip).rotation == 90
    (picture,) = _frames(tmp_path / "m" / "000002.png")
    assert (picture.width, picture.height) == (240, 320)
    film = _mattes(tmp_path / "m.mkv")[2]
    assert np.array_equal(np.rot90(film, -1), _plane(picture, 0) / 255.0)
    (layer,) = _frames(tmp_path / "l" / "000002.png")
    assert (layer.width, layer.height) == (240, 320)


def test_the_time_code_goes_along_and_follows_the_trim(
    face_clip: Path, generator: Path, tmp_path: Path
) -> None:
    clip = tmp_path / "in.mov"
    with av.open(str(face_clip)) as given, av.open(str(clip), "w") as container:
        stream = container.add_stream_from_template(given.streams.video[0], opaque=True)
        stream.metadata["timecode"] = "01:00:00:00"
        for packet in given.demux(video=0):
            if packet.size:
                packet.stream = stream
                container.mux(packet)
    fastswap.render(clip, tmp_path / "o.mov", model=generator, start="7f", end="9f", layer=tmp_path / "l.mov")
    assert timecode.stated(tmp_path / "l.mov") == timecode.stated(tmp_path / "o.mov") == "01:00:00:07"


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"matte": "m.mp4"}, r"m\.mp4: a matte is written to \.mkv, a folder"),
        ({"layer": "l.png"}, r"l\.png: a layer is written to"),
        ({"layer": "l_%d.mov"}, "a layer is written to"),
        ({"matte": "out.mkv"}, "place of another output"),
        ({"matte": "same.mkv", "layer": "same.mkv"}, "place of another output"),
        ({"layer": "none/l.mov"}, "none does not exist"),
        ({"matte": "full"}, "not empty"),
    ],
)
def test_places_that_cannot_be_are_found_first_and_leave_nothing(
    wrong: dict[str, str], says: str, face_clip: Path, generator: Path, tmp_path: Path
) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "a.txt").write_text("mine")
    with pytest.raises(OutputError, match=says):
        fastswap.render(
            face_clip,
            tmp_path / "out.mkv",
            model=generator,
            **{kind: tmp_path / name for kind, name in wrong.items()},  # type: ignore[arg-type]
        )
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a.txt", "full"]


def test_a_side_output_that_fails_in_mid_render_fails_the_render(
    face_clip: Path, generator: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fastswap.video import side

    written = side.SideVideo.put

    def put(self: side.SideVideo, cell: side.Cell) -> None:
        if cell.frame.index == 12:
            raise OutputError("m.mkv: disk full or file size limit reached while writing")
        written(self, cell)

    monkeypatch.setattr(side.SideVideo, "put", put)
    with pytest.raises(OutputError, match=r"m\.mkv: disk full"):
        fastswap.render(face_clip, tmp_path / "out.mkv", model=generator, matte=tmp_path / "m.mkv")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "settings",
    [
        {"blend": "poisson"},
        {"blend": "multiband"},
        {"color": "mkl", "enlarge": "lanczos", "scale": 1.1, "motion_blur": 0.5},
        {"grain": 1.0, "sharpness": 0.5},
    ],
    ids=["poisson", "multiband", "lanczos", "grain"],
)
def test_any_look_can_be_blended_elsewhere(
    settings: dict[str, Any], face_clip: Path, generator: Path, tmp_path: Path
) -> None:
    report = fastswap.render(
        face_clip,
        tmp_path / "out.mkv",
        model=generator,
        look=Look(**settings),
        end="6f",
        analysis=tmp_path / "a.faces",
        matte=tmp_path / "m.mkv",
        layer=tmp_path / "l.mkv",
        **LOSSLESS,
    )
    assert report.faces == 6
    before = _luma(face_clip)[:6]
    for target, result, alpha, (luma, _) in zip(
        before,
        _luma(tmp_path / "out.mkv"),
        _mattes(tmp_path / "m.mkv"),
        _layers(tmp_path / "l.mkv"),
        strict=True,
    ):
        assert np.abs(target * (1.0 - alpha) + luma * alpha - result).max() <= RECOMPOSED
        assert np.abs(target - result).max() > 20.0


def test_ten_bits_stay_ten_bits(face_clip: Path, generator: Path, tmp_path: Path) -> None:
    clip = tmp_path / "deep.mkv"
    with av.open(str(face_clip)) as given, av.open(str(clip), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv422p10le"
        for frame in given.decode(video=0):
            container.mux(stream.encode(frame.reformat(format="yuv422p10le")))
        container.mux(stream.encode(None))
    fastswap.render(
        clip,
        tmp_path / "o.mkv",
        model=generator,
        matte=tmp_path / "m.mkv",
        layer=tmp_path / "l.mkv",
        **LOSSLESS,
    )
    assert _frames(tmp_path / "o.mkv")[0].format.name == "yuv422p10le"
    for target, result, alpha, (luma, _) in zip(
        _luma(clip),
        _luma(tmp_path / "o.mkv"),
        _mattes(tmp_path / "m.mkv"),
        _layers(tmp_path / "l.mkv"),
        strict=True,
    ):
        assert np.abs(target / 4 * (1.0 - alpha) + luma * alpha - result / 4).max() <= RECOMPOSED


def test_faces_of_two_models_share_one_matte_and_one_page(generator: Path, tmp_path: Path) -> None:
    scene = actors.Scene(size=(480, 270), face_px=90)
    cast = [(actors.BO, actors.Pose(x=0.35)), (actors.CLEO, actors.Pose(x=0.65))]
    clip = tmp_path / "two.mp4"
    video.write_video(
        clip, (actors.render_cast(cast, scene, index=i).rgb for i in range(8)), 25, options={"crf": "8"}
    )
    other = write_generator(tmp_path / "other.onnx", resolution=96)
    report = fastswap.render(
        clip,
        tmp_path / "out.mkv",
        model={"track:0": generator, "track:1": other},
        matte=tmp_path / "m.mkv",
        layer=tmp_path / "l.mkv",
        report_page=tmp_path / "p.html",
        **LOSSLESS,
    )
    assert report.faces == 16
    mattes = _mattes(tmp_path / "m.mkv")
    assert len(mattes) == 8
    for target, result, alpha, (luma, _) in zip(
        _luma(clip), _luma(tmp_path / "out.mkv"), mattes, _layers(tmp_path / "l.mkv"), strict=True
    ):
        assert min(alpha[:, :240].max(), alpha[:, 240:].max()) == 1.0
        # Rounded once for each model.
        assert np.abs(target * (1.0 - alpha) + luma * alpha - result).max() <= RECOMPOSED + 0.5
    text = (tmp_path / "p.html").read_text()
    assert '"track":0' in text
    assert '"track":1' in text
    assert '"words":"2 faces swapped"' in text
