"""The whole flow on synthetic footage: `fastswap.render`, `Swapper`, promises about bytes, order and errors."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest

import fastswap
from fastswap import actors, provenance, sidecar, video
from fastswap.errors import FastswapError, InputError, ModelError, OutputError, SettingsError
from fastswap.look import Look

LOSSLESS = {"encoder": "libx264", "encoder_options": {"qp": "0", "preset": "ultrafast"}}


def frames_of(path: Path) -> list[video.Reader]:
    with video.Reader(path) as reader:
        return [tuple(plane.copy() for plane in frame.planes) for frame in reader]  # type: ignore[misc]


def pts_of(path: Path) -> list[object]:
    with video.Reader(path) as reader:
        return [frame.pts for frame in reader]


def test_faces_change_and_everything_else_stays(face_clip: Path, generator: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    report = fastswap.render(face_clip, out, model=generator, **LOSSLESS)
    before, after = frames_of(face_clip), frames_of(out)
    assert report.frames == len(before) == len(after) == report.swapped == report.faces
    assert pts_of(face_clip) == pts_of(out)
    known = list(sidecar.read(sidecar.default_path(face_clip)))
    for old, new, found in zip(before, after, known, strict=True):
        left, top, right, bottom = found.faces[0].box
        side = max(right - left, bottom - top)
        outside = np.ones(old[0].shape, bool)
        y0, y1 = int(top - side), int(bottom + side)
        outside[max(y0, 0) : y1, max(int(left - side), 0) : int(right + side)] = False
        assert np.array_equal(old[0][outside], new[0][outside])
        cy, cx = int((top + bottom) / 2), int((left + right) / 2)
        inner = np.s_[cy - 10 : cy + 10, cx - 10 : cx + 10]
        assert (old[0][inner] != new[0][inner]).mean() > 0.5


def test_the_same_input_gives_the_same_bytes_before_signing(
    face_clip: Path, generator: Path, tmp_path: Path
) -> None:
    fastswap.render(face_clip, tmp_path / "a.mp4", model=generator, threads=1, **LOSSLESS)
    report = fastswap.render(face_clip, tmp_path / "b.mp4", model=generator, threads=2, **LOSSLESS)
    assert report.analysis_reused
    a, b = frames_of(tmp_path / "a.mp4"), frames_of(tmp_path / "b.mp4")
    assert all(np.array_equal(p, q) for x, y in zip(a, b, strict=True) for p, q in zip(x, y, strict=True))


def test_the_output_is_signed_and_names_input_model_and_consent(
    face_clip: Path, generator: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.mp4"
    fastswap.render(face_clip, out, model=generator)
    said = provenance.verify(out)
    assert said.ok
    text = str(said.as_dict())
    assert face_clip.name in text
    assert "given for tests" in text
    assert fastswap.load_contract(generator).subject in text


def test_a_stale_analysis_is_made_again(face_clip: Path, generator: Path, tmp_path: Path) -> None:
    clip, stored = tmp_path / "clip.mp4", tmp_path / "clip.mp4.faces"
    shutil.copy(face_clip, clip)
    fastswap.render(clip, tmp_path / "a.mp4", model=generator)
    lines = stored.read_text().splitlines()
    stored.write_text("\n".join([lines[0].replace("blake2b-256:", "blake2b-256:0"), *lines[1:]]) + "\n")
    report = fastswap.render(clip, tmp_path / "b.mp4", model=generator)
    assert not report.analysis_reused
    assert any("analysed again" in notice for notice in report.notices)


def test_an_edited_analysis_is_obeyed(face_clip: Path, generator: Path, tmp_path: Path) -> None:
    clip, stored = tmp_path / "clip.mp4", tmp_path / "clip.mp4.faces"
    shutil.copy(face_clip, clip)
    first = fastswap.render(clip, tmp_path / "a.mp4", model=generator)
    lines = stored.read_text().splitlines()
    stored.write_text("\n".join([lines[0], *lines[6:]]) + "\n")  # the first five frames lose their faces
    report = fastswap.render(clip, tmp_path / "b.mp4", model=generator)
    assert report.analysis_reused
    assert report.faces == first.faces - 5
    assert report.skipped == {"no face": 5}


def test_a_picture(generator: Path, tmp_path: Path) -> None:
    scene = actors.Scene(size=(321, 243), face_px=110)
    rgb = actors.render_frame(actors.BO, actors.Pose(), scene).rgb
    for name in ("in.png", "in.jpg", "in.webp"):
        video.save_picture(tmp_path / name, rgb)
        out = tmp_path / f"out{Path(name).suffix}"
        report = fastswap.render(tmp_path / name, out, model=generator)
        assert (report.frames, report.faces) == (1, 1)
        made = video.load_picture(out)
        assert made.shape == rgb.shape
        assert np.abs(made.astype(int) - rgb).max() > 40
        assert provenance.verify(out).ok
        assert not list(tmp_path.glob("*.faces"))


def test_a_folder_of_pictures(generator: Path, tmp_path: Path) -> None:
    folder = tmp_path / "shots"
    folder.mkdir()
    for index in range(3):
        rgb = actors.render_frame(
            actors.BO, actors.Pose(yaw=5.0 * index), actors.Scene((320, 240), face_px=110)
        ).rgb
        video.save_picture(folder / f"shot_{index}.png", rgb)
    report = fastswap.render(folder, tmp_path / "made", model=generator)
    assert (report.frames, report.faces) == (3, 3)
    names = [f"shot_{index}.png" for index in range(3)]
    assert sorted(p.name for p in (tmp_path / "made").iterdir()) == names
    assert all(provenance.verify(tmp_path / "made" / name).ok for name in names)


def test_selection_by_time_and_point_and_by_track(generator: Path, tmp_path: Path) -> None:
    scene = actors.Scene(size=(640, 360), face_px=110)
    left, right = actors.Pose(x=0.25), actors.Pose(x=0.75)
    clip = tmp_path / "two.mp4"
    video.write_video(
        clip,
        (actors.render_cast([(actors.BO, left), (actors.CLEO, right)], scene, index=i).rgb for i in range(8)),
        fps=25,
    )
    both = fastswap.render(clip, tmp_path / "all.mp4", model=generator)
    assert both.faces == 16
    one = fastswap.render(clip, tmp_path / "one.mp4", model=generator, select="at:0.1,480,180", **LOSSLESS)
    assert one.faces == 8
    old, new = frames_of(clip)[4], frames_of(tmp_path / "one.mp4")[4]
    assert np.array_equal(old[0][:, :300], new[0][:, :300])
    assert not np.array_equal(old[0][:, 340:], new[0][:, 340:])
    assert fastswap.render(clip, tmp_path / "largest.mp4", model=generator, select="largest").faces == 8
    none = fastswap.render(clip, tmp_path / "none.mp4", model=generator, select="track:7")
    assert none.faces == 0
    assert none.skipped == {"face not selected": 8}


def test_no_face_anywhere_passes_through_and_says_so(generator: Path, tmp_path: Path) -> None:
    clip, out = tmp_path / "empty.mp4", tmp_path / "out.mp4"
    video.write_video(clip, (actors.render_cast([], actors.Scene((320, 240)), index=i).rgb for i in range(6)))
    report = fastswap.render(clip, out, model=generator, **LOSSLESS)
    assert report.skipped == {"no face": 6}
    assert any("no face" in notice for notice in report.notices)
    before, after = frames_of(clip), frames_of(out)
    assert all(
        np.array_equal(p, q) for x, y in zip(before, after, strict=True) for p, q in zip(x, y, strict=True)
    )


def test_opacity_zero_changes_nothing(face_clip: Path, generator: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    fastswap.render(face_clip, out, model=generator, look=Look(opacity=0.0), **LOSSLESS)
    before, after = frames_of(face_clip), frames_of(out)
    assert all(
        np.array_equal(p, q) for x, y in zip(before, after, strict=True) for p, q in zip(x, y, strict=True)
    )


def test_progress_is_reported(face_clip: Path, generator: Path, tmp_path: Path) -> None:
    seen: list[fastswap.progress.Progress] = []  # type: ignore[name-defined]
    report = fastswap.render(face_clip, tmp_path / "out.mp4", model=generator, progress=seen.append)
    assert seen[-1].done == report.frames == seen[-1].total
    assert seen[-1].limits in report.seconds


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        ({"source": "missing.mp4"}, InputError, "missing.mp4"),
        ({"model": "missing.onnx"}, ModelError, "missing.onnx"),
        ({"select": "nonsense"}, SettingsError, "nonsense"),
        ({"encoder": "libnothing"}, OutputError, "libnothing"),
        ({"output": "nowhere/out.mp4"}, OutputError, "nowhere"),
        ({"output": "out.unknown"}, OutputError, "unknown"),
        ({"device": "abacus"}, SettingsError, "abacus"),
        ({"batch": -1}, SettingsError, "batch"),
    ],
)
def test_bad_arguments_are_one_line_and_leave_nothing(
    change: dict[str, object],
    error: type[FastswapError],
    says: str,
    face_clip: Path,
    generator: Path,
    tmp_path: Path,
) -> None:
    call: dict[str, object] = {"source": face_clip, "output": "out.mp4", "model": generator, **change}
    source, output = call.pop("source"), tmp_path / str(call.pop("output"))
    digest = sidecar.content_hash(face_clip)
    with pytest.raises(error, match=says) as caught:
        fastswap.render(tmp_path / str(source), output, **call)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []
    assert sidecar.content_hash(face_clip) == digest


def test_output_equal_to_input_is_refused(face_clip: Path, generator: Path, tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    shutil.copy(face_clip, clip)
    digest = sidecar.content_hash(clip)
    with pytest.raises(OutputError, match="is the input"):
        fastswap.render(clip, clip, model=generator)
    assert sidecar.content_hash(clip) == digest


def test_audio_is_copied_byte_for_byte(face_clip: Path, generator: Path, tmp_path: Path) -> None:
    def audio(path: Path) -> list[bytes]:
        with av.open(str(path)) as container:
            return [bytes(packet) for packet in container.demux(audio=0) if packet.size]

    fastswap.render(face_clip, tmp_path / "out.mp4", model=generator)
    assert audio(face_clip)
    assert audio(face_clip) == audio(tmp_path / "out.mp4")


def _rgb_clip(frames: int) -> Iterator[np.ndarray]:
    yield from actors.render_clip(
        actors.BO, actors.performance("talk", frames=frames, seed=3), actors.Scene((320, 240), face_px=110)
    )


def test_swapper_takes_and_gives_numpy(generator: Path) -> None:
    with fastswap.Swapper(generator) as swap:
        for rgb in _rgb_clip(3):
            made = swap(rgb)
            assert made.dtype == np.uint8
            assert made.shape == rgb.shape
            changed = np.abs(made.astype(int) - rgb).max(axis=2) > 0
            assert changed[90:150, 140:180].mean() > 0.9
            assert not changed[:20].any()
            assert not changed[-20:].any()


def test_swapper_takes_and_gives_av_frames(generator: Path) -> None:
    for form in ("yuv420p", "nv12", "rgb24", "yuv444p"):
        with fastswap.Swapper(generator) as swap:
            rgb = next(_rgb_clip(1))
            given = av.VideoFrame.from_ndarray(rgb, format="rgb24").reformat(format=form)
            given.pts = 1234
            before = given.to_ndarray().copy()
            made = swap(given)
            assert isinstance(made, av.VideoFrame)
            assert (made.format.name, made.pts, made.width) == (form, 1234, 320)
            assert np.array_equal(given.to_ndarray(), before), "the caller's frame must not change"
            assert not np.array_equal(made.to_ndarray(), before)


def test_swapper_streams_in_order(generator: Path) -> None:
    pictures = list(_rgb_clip(11))
    with fastswap.Swapper(generator, batch=4) as swap:
        made = list(swap.stream(iter(pictures)))
    assert len(made) == 11
    for old, new in zip(pictures, made, strict=True):
        assert np.array_equal(old[:20], new[:20])
        assert not np.array_equal(old, new)


def test_swapper_refuses_what_needs_the_whole_video(generator: Path) -> None:
    with pytest.raises(SettingsError, match="whole video"):
        fastswap.Swapper(generator, select="at:1,2,3")


def test_rendering_needs_no_torch_and_import_is_light() -> None:
    program = (
        "import sys, fastswap, fastswap.cli; fastswap.cli.build();"
        "heavy = {'torch', 'openvino', 'av', 'onnx', 'c2pa'} & set(sys.modules); assert not heavy, heavy;"
        "import fastswap.pipeline, fastswap.swapper, fastswap.preview; assert 'torch' not in sys.modules"
    )
    begin = time.perf_counter()
    subprocess.run([sys.executable, "-c", program], check=True)
    assert time.perf_counter() - begin < 60


def test_openvino_reports_to_nobody(tmp_path: Path) -> None:
    """What it imports for that leaves a folder in the user's home."""
    environment = {name: value for name, value in os.environ.items() if name != "CI"} | {
        "HOME": str(tmp_path)
    }
    subprocess.run([sys.executable, "-c", "import fastswap, openvino"], check=True, env=environment)
    assert not list(tmp_path.iterdir())
