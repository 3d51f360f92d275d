"""Side outputs: the matte and the new faces alone, with which the last blend can be done elsewhere and gives the
same."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

import fastswap
from compare import RECOMPOSED
from fastswap import actors, provenance, video
from fastswap.errors import OutputError
from fastswap.video import timecode
from footage import QUARTER_TURN
from side_files import frames_of, half_of, layers_of, lumas_of, mattes_of, plane_of

Array = NDArray[np.float64]
LOSSLESS = {"encoder": "ffv1"}


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
    before, after = lumas_of(sides / "clip.mp4"), lumas_of(sides / "out.mkv")
    mattes = mattes_of(sides / "film_mkv_matte.mkv")
    for name, tolerance in (
        ("film.mkv", RECOMPOSED),
        ("film.mov", RECOMPOSED + 2.0),
    ):  # ProRes is not lossless
        layers = layers_of(sides / name)
        assert len(layers) == len(mattes) == len(before) == 20
        for target, result, matte, (luma, alpha) in zip(before, after, mattes, layers, strict=True):
            assert np.abs(matte - alpha).max() < (0.003 if name == "film.mkv" else 0.01)
            mixed = target * (1.0 - matte) + luma * matte
            assert np.abs(mixed - result).max() <= tolerance
            assert np.abs(mixed - result).mean() <= 0.1


def test_frames_without_a_face_are_empty(sides: Path) -> None:
    for frame in frames_of(sides / "film.mkv")[:3]:
        assert not plane_of(frame, 3).any()
        assert np.unique(plane_of(frame, 0)).tolist() == [64]
    mattes = mattes_of(sides / "film_mkv_matte.mkv")
    assert [bool(matte.any()) for matte in mattes] == [False] * 3 + [True] * 17


def test_png_and_exr_hold_the_same_layer(sides: Path) -> None:
    """PNG holds colour beside alpha, EXR colour times alpha; both as R'G'B'."""
    names = sorted(path.name for path in (sides / "png").iterdir())
    assert names == [f"{index:06d}.png" for index in range(20)]
    pictures = sorted(path.name for path in (sides / "exr").glob("*.exr"))
    assert pictures == [f"face.{index:04d}.exr" for index in range(20)]
    (png,), (exr,) = frames_of(sides / "png" / names[9]), frames_of(sides / "exr" / pictures[9])
    assert (png.format.name, exr.format.name) == ("rgba64be", "gbrapf16le")
    packed = np.frombuffer(png.planes[0], ">u2").reshape(png.height, -1)[:, : 4 * png.width]
    rgba = packed.reshape(png.height, png.width, 4) / 65535.0
    g, b, r, a = (half_of(p) for p in exr.planes)
    assert np.abs(a - rgba[..., 3]).max() < 0.001  # EXR is in half precision
    assert np.abs(np.stack([r, g, b], -1) - rgba[..., :3] * rgba[..., 3:]).max() < 0.002
    luma, alpha = layers_of(sides / "film.mkv")[9]
    kr, kb = (0.299, 0.114) if video.probe(sides / "clip.mp4").color.matrix == "bt601" else (0.2126, 0.0722)
    y = rgba[..., :3] @ np.array([kr, 1.0 - kr - kb, kb])
    shown = alpha > 0.1
    inside = (
        shown & (rgba[..., :3].max(-1) < 1.0) & (rgba[..., :3].min(-1) > 0.0)
    )  # R'G'B' is clipped to 0..1
    assert inside.sum() > 500
    assert np.abs(16.0 + 219.0 * y - luma)[inside].max() < 0.3
    (matte,) = frames_of(sides / "exr_matte" / "m.0009.exr")
    assert np.abs(half_of(matte.planes[0]) - a).max() < 1e-6
    (gray,) = frames_of(sides / "png_matte" / names[9])
    assert np.abs(plane_of(gray, 0) / 255.0 - a).max() < 0.003


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
    frame, matte = frames_of(sides / "film.mov")[0], frames_of(sides / "film_mkv_matte.mkv")[0]
    info = video.probe(sides / "clip.mp4")
    assert frame.colorspace == {"bt601": 6, "bt709": 1}[info.color.matrix], "what was guessed is now said"
    assert (matte.format.name, matte.color_range) == ("gray", 2)


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
    (picture,) = frames_of(tmp_path / "m" / "000002.png")
    assert (picture.width, picture.height) == (240, 320)
    film = mattes_of(tmp_path / "m.mkv")[2]
    assert np.array_equal(np.rot90(film, -1), plane_of(picture, 0) / 255.0)
    (layer,) = frames_of(tmp_path / "l" / "000002.png")
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
