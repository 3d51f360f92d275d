"""The GStreamer element in real pipelines: same samples as a stream, any format, times kept, errors in one line."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

import fastswap
from fastswap import actors, provenance, video
from fastswap.errors import OutputError, SettingsError
from fastswap.frame import ColorSpec
from fastswap.hosts.gobject import bindings

try:
    bindings()
except SettingsError as missing:
    pytest.skip(str(missing), allow_module_level=True)

from fastswap.hosts import gstreamer
from fastswap.hosts.buffers import FORMATS, planes_of

Gst = gstreamer.Gst
SIZE = (322, 242)  # rows that GStreamer pads
needs = pytest.mark.skipif(
    any(
        Gst.ElementFactory.find(n) is None
        for n in ("multifilesrc", "pngdec", "videoconvert", "jpegenc", "avimux")
    ),
    reason="gstreamer1.0-plugins-good is not installed",
)
pytestmark = needs


@pytest.fixture(scope="module")
def shots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """14 pictures of a talking actor; two show nobody."""
    folder = tmp_path_factory.mktemp("shots")
    scene = actors.Scene(SIZE, face_px=110)
    play = actors.performance("talk", frames=14, seed=4)
    for index, rgb in enumerate(actors.render_clip(actors.BO, play, scene)):
        shown = np.full_like(rgb, 50) if index in (6, 7) else rgb
        video.save_picture(folder / f"{index:03}.png", shown)
    return folder


def _source(shots: Path, form: str) -> str:
    caps = (
        f"video/x-raw,format={form},colorimetry=bt709"
        if form[0] not in "RB"
        else f"video/x-raw,format={form}"
    )
    return (
        f'multifilesrc location="{shots}/%03d.png" caps="image/png,framerate=(fraction)25/1" ! pngdec ! videoconvert !'
        f" {caps}"
    )


def _raw(shots: Path, form: str, out: Path, element: str = "") -> bytes:
    gstreamer.run(f'{_source(shots, form)} {element} ! filesink location="{out}"')
    return out.read_bytes()


def _frames(data: bytes, form: str) -> list[tuple[np.ndarray, ...]]:
    """The planes of each frame in a file of raw buffers."""
    info = gstreamer.GstVideo.VideoInfo.new_from_caps(
        Gst.Caps.from_string(f"video/x-raw,format={form},width={SIZE[0]},height={SIZE[1]},framerate=25/1")
    )
    assert len(data) % info.size == 0
    wrapped = (Gst.Buffer.new_wrapped(data[i : i + info.size]) for i in range(0, len(data), info.size))
    return [planes_of(buffer, info) for buffer in wrapped]


@pytest.mark.parametrize("form", ["I420", "NV12", "Y42B", "I420_10LE", "P010_10LE", "RGB", "BGRA"])
def test_the_element_gives_what_a_stream_gives(
    form: str, shots: Path, generator: Path, tmp_path: Path
) -> None:
    before = _frames(_raw(shots, form, tmp_path / "before.raw"), form)
    swap = f'! fastswap model="{generator}" batch=3'
    after = _frames(_raw(shots, form, tmp_path / "after.raw", swap), form)
    assert len(before) == len(after) == 14
    color = ColorSpec("bt709", False, "left")
    with fastswap.Swapper(generator, batch=3, layout=FORMATS[form], color=color) as plain:
        expected = list(plain.stream(before))
    changed = 0
    for old, new, wanted in zip(before, after, expected, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(new, wanted, strict=True))
        changed += any(not np.array_equal(a, b) for a, b in zip(old, new, strict=True))
    assert changed == 12


def test_a_file_from_end_to_end_keeps_its_times_and_is_signed(
    shots: Path, generator: Path, tmp_path: Path
) -> None:
    source, out = tmp_path / "in.avi", tmp_path / "out.avi"
    gstreamer.run(f'{_source(shots, "I420")} ! jpegenc quality=95 ! avimux ! filesink location="{source}"')
    written = gstreamer.run(
        f'filesrc location="{source}" ! avidemux ! jpegdec ! videoconvert ! video/x-raw,format=I420 ! '
        f'fastswap model="{generator}" ! jpegenc quality=95 ! avimux ! filesink location="{out}"'
    )
    assert written == [out]
    with av.open(str(source)) as a, av.open(str(out)) as b:
        times = [[frame.time for frame in container.decode(video=0)] for container in (a, b)]
        assert times[0] == times[1]
        assert len(times[0]) == 14
    said = provenance.verify(out)
    assert said.ok
    assert all(text in str(said.as_dict()) for text in ("in.avi", "given for tests", "GStreamer"))


def test_a_seek_and_a_stop_in_the_middle(shots: Path, generator: Path) -> None:
    """Stopping and starting again is what players of timelines do; nothing hangs and nothing is lost."""
    gstreamer.register()
    pipeline: Any = Gst.parse_launch(
        f'{_source(shots, "I420")} ! fastswap model="{generator}" ! appsink name=end sync=false max-buffers=2'
    )
    end = pipeline.get_by_name("end")
    for _ in range(2):
        pipeline.set_state(Gst.State.PLAYING)
        samples = [end.emit("pull-sample") for _ in range(3)]
        assert [sample.get_buffer().pts for sample in samples] == [0, 40_000_000, 80_000_000]
        pipeline.set_state(Gst.State.NULL)


@pytest.mark.parametrize(
    ("element", "error", "says"),
    [
        ("fastswap model=none.onnx", OutputError, "none.onnx"),
        ("fastswap", OutputError, "model names no file"),
        ("fastswap model=none.onnx colour=blue", SettingsError, "colour"),
        ("fastswap model={model} select=purple", OutputError, "purple"),
        ("fastswap model={model} device=abacus", OutputError, "abacus"),
        ("fastswap model={model} look=none.toml", OutputError, "none.toml"),
    ],
)
def test_mistakes_are_one_clear_line(
    element: str, error: type[Exception], says: str, shots: Path, generator: Path
) -> None:
    with pytest.raises(error, match=says) as caught:
        gstreamer.run(f"{_source(shots, 'I420')} ! {element.format(model=generator)} ! fakesink")
    assert "\n" not in str(caught.value)


def test_the_command(shots: Path, generator: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.avi"
    pipeline = f'{_source(shots, "I420")} ! fastswap model="{generator}" ! jpegenc ! avimux ! filesink location="{out}"'
    command = [sys.executable, "-m", "fastswap.hosts.gstreamer"]
    done = subprocess.run([*command, pipeline], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [str(out)]
    assert provenance.verify(out).ok
    failed = subprocess.run([*command, "fakesrc !"], capture_output=True, text=True, check=False, timeout=120)
    assert failed.returncode == 2
    assert failed.stderr.startswith("fastswap: error: GStreamer:")


def test_a_pipeline_that_fails_names_the_file(generator: Path, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"none\.avi") as caught:
        gstreamer.run(
            f'filesrc location="{tmp_path}/none.avi" ! avidemux ! jpegdec ! fastswap model="{generator}" ! fakesink'
        )
    assert "\n" not in str(caught.value)


def test_ctrl_c_ends_it_in_one_line(generator: Path) -> None:
    pipeline = f'videotestsrc ! fastswap model="{generator}" ! identity silent=false ! fdsink fd=1'
    command = [sys.executable, "-m", "fastswap.hosts.gstreamer", pipeline]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.read(1)  # it runs
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 130
    assert err.decode().splitlines()[-1] == "fastswap: error: stopped; nothing was signed"
    assert b"Traceback" not in err
