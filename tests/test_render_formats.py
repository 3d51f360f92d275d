"""The whole render in other formats: the depth, the subsampling and every sample outside the face stay."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

import fastswap
from fastswap import actors, video
from fastswap.pixels import FORMATS
from footage import QUARTER_TURN

SIZE = (320, 240)


@pytest.fixture(scope="module")
def actor() -> list[NDArray[np.uint8]]:
    """Three frames of a talking actor."""
    play = actors.performance("talk", frames=3, seed=5)
    return list(actors.render_clip(actors.BO, play, actors.Scene(size=SIZE, face_px=110)))


def footage(path: Path, frames: list[NDArray[np.uint8]], name: str, *, turned: bool = False) -> Path:
    """Lossless, in any pixel format; turned: stored a quarter turn off, with the matrix that says so."""
    frames = [np.ascontiguousarray(np.rot90(f)) if turned else f for f in frames]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = name
        if not FORMATS[name].rgb:
            stream.codec_context.colorspace, stream.codec_context.color_range = 1, 1
        if turned:
            stream.set_display_matrix(QUARTER_TURN)
        for index, rgb in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(rgb, format="rgb24").reformat(format=name, dst_colorspace=1)
            frame.pts, frame.time_base = index, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def planes_of(path: Path) -> list[tuple[str, list[NDArray[np.generic]]]]:
    with video.Reader(path) as reader:
        return [(f.format, [p.copy() for p in f.planes]) for f in reader]


@pytest.mark.parametrize(
    ("name", "turned"),
    [
        ("yuv422p10le", False),
        ("yuv420p10le", True),
        ("yuv444p12le", False),
        ("yuv422p", True),
        ("yuv420p16le", False),
        ("gbrp10le", False),
        ("bgr0", True),
        ("gray", False),
        ("gray16le", False),
    ],
)
def test_samples_outside_the_face_stay(
    tmp_path: Path, generator: Path, actor, name: str, turned: bool
) -> None:
    source = footage(tmp_path / "in.mkv", actor, name, turned=turned)
    report = fastswap.render(source, tmp_path / "out.mkv", model=generator, encoder="ffv1")
    assert report.faces == len(actor)
    assert not [n for n in report.notices if "convert" in n or "nearest" in n]
    for (form, before), (same, after) in zip(planes_of(source), planes_of(tmp_path / "out.mkv"), strict=True):
        assert (form, same) == (name, name)
        changed = [p != q for p, q in zip(before, after, strict=True)]
        assert changed[0].mean() > 0.03, "the face changed"
        for plane in changed:
            rows, columns = np.nonzero(plane)
            height, width = plane.shape
            assert rows.min() > 0.1 * height
            assert rows.max() < 0.9 * height
            assert columns.min() > 0.1 * width
            assert columns.max() < 0.9 * width
            assert plane.mean() < 0.25


def test_a_deep_picture_with_alpha(tmp_path: Path, generator: Path, actor) -> None:
    """16 bits and transparency go in and come out; the face is drawn in R'G'B'."""
    deep = av.VideoFrame.from_ndarray(actor[0], format="rgb24").reformat(format="rgba64le")
    pixels = deep.to_ndarray().copy()
    pixels[..., 3] = np.linspace(0, 65535, pixels[..., 3].size).reshape(pixels.shape[:2])
    context = av.CodecContext.create("png", "w")
    (context.width, context.height), context.pix_fmt, context.time_base = SIZE, "rgba64be", Fraction(1, 25)
    frame = av.VideoFrame.from_ndarray(pixels, format="rgba64le")
    packets = (*context.encode(frame), *context.encode(None))
    (tmp_path / "in.png").write_bytes(b"".join(bytes(p) for p in packets))
    report = fastswap.render(tmp_path / "in.png", tmp_path / "out.png", model=generator)
    assert report.faces == 1
    with av.open(str(tmp_path / "out.png")) as container:
        made = next(container.decode(video=0))
    assert made.format.name == "rgba64be"
    after = made.to_ndarray(format="rgba64le")
    assert np.array_equal(after[..., 3], pixels[..., 3])
    changed = (after[..., :3] != pixels[..., :3]).any(axis=2)
    assert 0.03 < changed.mean() < 0.25
    assert not changed[:20].any()
    assert not changed[-20:].any()
