"""Mattes and layers of any look, depth, rate and number of faces: the last blend can be done elsewhere."""

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
from fastswap import actors, video
from fastswap.look import Look
from generators import write_generator
from side_files import frames_of, layers_of, lumas_of, mattes_of, plane_of

Array = NDArray[np.float64]
LOSSLESS = {"encoder": "ffv1"}


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
        found[opacity] = mattes_of(tmp_path / f"m{name}.mkv")[3], layers_of(tmp_path / f"l{name}.mkv")[3][0]
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
    before = lumas_of(face_clip)[:6]
    for target, result, alpha, (luma, _) in zip(
        before,
        lumas_of(tmp_path / "out.mkv"),
        mattes_of(tmp_path / "m.mkv"),
        layers_of(tmp_path / "l.mkv"),
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
    assert frames_of(tmp_path / "o.mkv")[0].format.name == "yuv422p10le"
    for target, result, alpha, (luma, _) in zip(
        lumas_of(clip),
        lumas_of(tmp_path / "o.mkv"),
        mattes_of(tmp_path / "m.mkv"),
        layers_of(tmp_path / "l.mkv"),
        strict=True,
    ):
        assert np.abs(target / 4 * (1.0 - alpha) + luma * alpha - result / 4).max() <= RECOMPOSED


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
        assert [frame.pts for frame in frames_of(path)] == list(times)
    matte = mattes_of(tmp_path / "m.mkv")[2]
    assert matte[:, :240].max() == matte[:, 240:].max() == 1.0
    assert not matte[:, 225:255].any()
    for target, result, alpha, (luma, _) in zip(
        lumas_of(clip),
        lumas_of(out),
        mattes_of(tmp_path / "m.mkv"),
        layers_of(tmp_path / "l.mkv"),
        strict=True,
    ):
        assert np.abs(target * (1.0 - alpha) + luma * alpha - result).max() <= RECOMPOSED


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
    mattes = mattes_of(tmp_path / "m.mkv")
    assert len(mattes) == 8
    for target, result, alpha, (luma, _) in zip(
        lumas_of(clip), lumas_of(tmp_path / "out.mkv"), mattes, layers_of(tmp_path / "l.mkv"), strict=True
    ):
        assert min(alpha[:, :240].max(), alpha[:, 240:].max()) == 1.0
        # Rounded once for each model.
        assert np.abs(target * (1.0 - alpha) + luma * alpha - result).max() <= RECOMPOSED + 0.5
    text = (tmp_path / "p.html").read_text()
    assert '"track":0' in text
    assert '"track":1' in text
    assert '"words":"2 faces swapped"' in text


@pytest.mark.parametrize("segments", [False, True])
def test_footage_that_is_rgb(
    segments: bool, face_clip: Path, generator: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Its layers are drawn in the Y'CbCr of BT.709, and blended in R'G'B' they give the output."""
    clip, made = tmp_path / "rgb.mkv", tmp_path / "o.mkv"
    with av.open(str(face_clip)) as given, av.open(str(clip), "w") as container:
        stream = container.add_stream("libx264rgb", rate=25, options={"crf": "0", "g": "8"})
        stream.width, stream.height, stream.pix_fmt = 320, 240, "rgb24"
        for number, frame in enumerate(2 * list(given.decode(video=0))):
            picture = frame.reformat(format="rgb24")
            picture.pts, picture.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    lossless: dict[str, Any] = {"encoder": "libx264rgb", "encoder_options": {"crf": "0"}}
    if segments:
        request.getfixturevalue("short_spans")
    for layer in (tmp_path / "l.mkv", tmp_path / "l" / "%04d.png", tmp_path / "e" / "%04d.exr"):
        matte = tmp_path / f"m{layer.suffix}.mkv"
        report = fastswap.render(clip, made, model=generator, matte=matte, layer=layer, **lossless)
        assert report.faces == 40
        assert (report.segments > 1) == segments
    assert frames_of(made)[0].format.name == "gbrp"
    (film, *_), before, after = frames_of(tmp_path / "l.mkv"), frames_of(clip), frames_of(made)
    assert (film.format.name, film.colorspace) == ("yuva444p10le", av.video.reformatter.Colorspace.ITU709)
    for number, (target, result) in enumerate(zip(before, after, strict=True)):
        (png,) = frames_of(tmp_path / "l" / f"{number:04d}.png")
        packed = np.frombuffer(png.planes[0], ">u2").reshape(240, -1)[:, : 4 * 320].reshape(240, 320, 4)
        rgba = packed / 65535.0
        for channel, plane in enumerate((2, 0, 1)):  # stored as G, B, R
            given_codes, made_codes = plane_of(target, plane), plane_of(result, plane)
            mixed = given_codes * (1.0 - rgba[..., 3]) + 255.0 * rgba[..., channel] * rgba[..., 3]
            assert np.abs(mixed - made_codes).max() <= RECOMPOSED
        assert np.abs(plane_of(target, 0) - plane_of(result, 0)).max() > 20.0
    with av.open(str(tmp_path / "l.mkv")) as container:
        luma, alpha = (plane_of(next(container.decode(video=0)), plane) for plane in (0, 3))
    assert luma.max() > 64
    assert alpha.max() == 1023
