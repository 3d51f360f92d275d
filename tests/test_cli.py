"""The command: what a user sees, and that every mistake is one clear line, an exit code, and nothing lost."""

from __future__ import annotations

import json
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from commands import Run, one_line
from fastswap import actors, sidecar, video
from generators import write_generator


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _text(path: Path) -> None:
    path.write_text("this is no video\n" * 50)


def _noise(path: Path) -> None:
    path.write_bytes(np.random.default_rng(0).bytes(20000))


def _audio_only(path: Path) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=16000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 4096), np.int16), format="s16", layout="mono")
        frame.sample_rate = 16000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _no_frames(path: Path) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        container.start_encoding()


def _cut_header(path: Path) -> None:
    whole = path.with_name("whole.mp4")
    video.write_video(whole, (np.full((64, 64, 3), 100, np.uint8) for _ in range(10)))
    path.write_bytes(whole.read_bytes()[: whole.stat().st_size // 3])
    whole.unlink()


@pytest.mark.parametrize("make", [_empty, _text, _noise, _audio_only, _no_frames, _cut_header])
def test_inputs_that_are_no_video(
    make: Callable[[Path], None], generator: Path, tmp_path: Path, run: Run
) -> None:
    bad = tmp_path / "bad.mp4"
    make(bad)
    before = bad.read_bytes()
    code, _, err = run("render", bad, tmp_path / "out.mp4", "-m", generator)
    assert code == 3
    assert "bad.mp4" in one_line(err)
    assert bad.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["bad.mp4"]


def test_a_missing_input_and_an_empty_folder(generator: Path, tmp_path: Path, run: Run) -> None:
    code, _, err = run("render", tmp_path / "none.mp4", tmp_path / "out.mp4", "-m", generator)
    assert (code, "none.mp4" in one_line(err)) == (3, True)
    (tmp_path / "void").mkdir()
    code, _, err = run("render", tmp_path / "void", tmp_path / "out", "-m", generator)
    assert (code, "void" in one_line(err)) == (3, True)


def test_models_that_are_none(face_clip: Path, tmp_path: Path, run: Run) -> None:
    bad = tmp_path / "bad.onnx"
    for content in (b"", b"no onnx at all" * 100, None):
        if content is None:
            _strip_contract(write_generator(bad))
        else:
            bad.write_bytes(content)
        code, _, err = run("render", face_clip, tmp_path / "out.mp4", "-m", bad)
        assert code == 5
        assert "bad.onnx" in one_line(err)
    assert [p.name for p in tmp_path.iterdir()] == ["bad.onnx"]


def _strip_contract(path: Path) -> None:
    import onnx

    model = onnx.load(str(path))
    del model.metadata_props[:]
    onnx.save(model, str(path))


@pytest.mark.parametrize("size", [(1, 1), (3, 5), (35, 27), (2, 64)])
def test_tiny_and_odd_sizes_pass_through(
    size: tuple[int, int], generator: Path, tmp_path: Path, run: Run
) -> None:
    clip, out = tmp_path / "in.nut", tmp_path / "out.nut"
    rng = np.random.default_rng(1)
    with av.open(str(clip), "w") as container:
        stream = container.add_stream("rawvideo", rate=25)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        for _ in range(3):
            rgb = rng.integers(0, 256, (size[1], size[0], 3), np.uint8)
            container.mux(
                stream.encode(av.VideoFrame.from_ndarray(rgb, format="rgb24").reformat(format="yuv420p"))
            )
        container.mux(stream.encode(None))
    code, stdout, err = run("render", clip, out, "-m", generator, "--encoder", "rawvideo", "--json")
    assert code == 0, err
    assert json.loads(stdout)["frames"] == 3
    with video.Reader(clip) as a, video.Reader(out) as b:
        for old, new in zip(a, b, strict=True):
            assert all(np.array_equal(p, q) for p, q in zip(old.planes, new.planes, strict=True))


def test_outputs_that_cannot_be(face_clip: Path, generator: Path, tmp_path: Path, run: Run) -> None:
    clip = tmp_path / "clip.mp4"
    shutil.copy(face_clip, clip)
    digest = sidecar.content_hash(clip)
    for output, extra, says in (
        (clip, (), "is the input"),
        (tmp_path / "none" / "out.mp4", (), "none"),
        (tmp_path / "out.mp4", ("--encoder", "libnothing"), "libnothing"),
        (tmp_path / "out.mp4", ("-o", "no_such_option=1"), "no_such_option"),
        (tmp_path / "out.nonsense", (), "nonsense"),
    ):
        code, _, err = run("render", clip, output, "-m", generator, *extra)
        assert code == 4, err
        assert says in one_line(err)
    assert sidecar.content_hash(clip) == digest
    assert {p.name for p in tmp_path.iterdir()} <= {"clip.mp4", "clip.mp4.faces"}


@pytest.mark.parametrize(("odd", "code"), [("clip", 3), ("out", 4), ("model", 5)])
def test_names_that_are_not_utf8(
    face_clip: Path, generator: Path, tmp_path: Path, odd: str, code: int
) -> None:
    names = {"clip": "clip.mp4", "model": "model.onnx", "out": "out.mp4"}
    names[odd] = f"\udcef{names[odd]}"
    clip, model, out = (tmp_path / name for name in names.values())
    shutil.copy(face_clip, clip)
    shutil.copy(generator, model)
    command = [sys.executable, "-m", "fastswap", "render", clip, out, "-m", model]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert (done.returncode, "is not UTF-8" in one_line(done.stderr)) == (code, True)
    assert set(tmp_path.iterdir()) == {clip, model}


def test_options_that_make_no_sense(face_clip: Path, generator: Path, tmp_path: Path, run: Run) -> None:
    for extra, says in (
        (("--feather", "7"), "feather"),
        (("--color", "purple"), "purple"),
        (("--select", "track:x"), "track:x"),
        (("--option", "crf"), "crf"),
        (("--device", "abacus"), "abacus"),
    ):
        code, _, err = run("render", face_clip, tmp_path / "out.mp4", "-m", generator, *extra)
        assert code == 2
        assert says in one_line(err)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written(face_clip: Path, generator: Path, run: Run) -> None:
    """/proc refuses new files even to root."""
    code, _, err = run("render", face_clip, "/proc/out.mp4", "-m", generator)
    assert code == 4
    assert "cannot write" in one_line(err)


def _long_clip(path: Path, frames: int = 350) -> None:
    scene = actors.Scene(size=(640, 360), face_px=120)
    some = list(actors.render_clip(actors.BO, actors.performance("talk", frames=8, seed=9), scene))
    video.write_video(path, (some[i % 8] for i in range(frames)), fps=25, options={"preset": "ultrafast"})


def test_ctrl_c_in_the_middle(generator: Path, tmp_path: Path) -> None:
    clip = tmp_path / "long.mp4"
    _long_clip(clip)
    for stop, code in ((signal.SIGINT, 130), (signal.SIGTERM, 130)):
        command = [
            sys.executable,
            "-m",
            "fastswap",
            "render",
            str(clip),
            str(tmp_path / "out.mp4"),
            "-m",
            str(generator),
        ]
        process = subprocess.Popen(
            [*command, "-q", "-o", "preset=veryslow"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        _wait_for(
            lambda: any(p.suffix == ".mp4" and p.stat().st_size for p in tmp_path.glob(".*.partial/**/*")),
            process,
        )
        process.send_signal(stop)
        _, err = process.communicate(timeout=250)
        assert process.returncode == code, err
        assert "stopped" in one_line(err)
        assert [p.name for p in tmp_path.iterdir()] == ["long.mp4"]


def test_ctrl_c_while_a_thread_is_being_started_comes_just_after() -> None:
    program = """
import signal, threading, time
from fastswap import __main__ as command
from fastswap.errors import Interrupted
for number in (signal.SIGINT, signal.SIGALRM):
    signal.signal(number, command._stop)
wait = threading.Event.wait
def hit(self, timeout=None):
    threading.Event.wait = wait
    signal.raise_signal(signal.SIGINT)
    print("started", flush=True)
    return wait(self, timeout)
threading.Event.wait = hit
try:
    threading.Thread(target=print, args=("ran",)).start()
    time.sleep(5)
except Interrupted:
    print("stopped")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert "ran" in done.stdout
    assert "started" in done.stdout
    assert done.stdout.endswith("stopped\n")
    assert done.stderr == ""


def _wait_for(seen: Callable[[], bool], process: subprocess.Popen[str], seconds: float = 250) -> None:
    end = time.monotonic() + seconds
    while not seen():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_full_disk(generator: Path, tmp_path: Path) -> None:
    """A file size limit stands in for a full disk: the same failed write, without the right to mount one."""
    clip = tmp_path / "long.mp4"
    _long_clip(clip, 120)
    command = [
        sys.executable,
        "-m",
        "fastswap",
        "render",
        str(clip),
        str(tmp_path / "out.mp4"),
        "-m",
        str(generator),
        "-q",
    ]

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))

    done = subprocess.run(
        [*command, "--analysis", str(tmp_path / "x.faces")],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=limit,
        timeout=250,
    )
    assert done.returncode == 4, done.stderr
    assert one_line(done.stderr)
    assert [p.name for p in tmp_path.iterdir()] == ["long.mp4"]


def test_info_of_media_model_and_analysis(face_clip: Path, generator: Path, tmp_path: Path, run: Run) -> None:
    code, stdout, _ = run("info", face_clip, "--json")
    assert code == 0
    media = json.loads(stdout)["media"]
    assert (media["frames"], media["width"], media["height"], media["audio_streams"]) == (20, 320, 240, 1)
    code, stdout, _ = run("info", generator, "--json")
    assert code == 0
    assert json.loads(stdout)["model"]["consent"] == "given for tests"
    clip = tmp_path / "clip.mp4"
    shutil.copy(face_clip, clip)
    assert run("render", clip, tmp_path / "out.mp4", "-m", generator, "-q")[0] == 0
    code, stdout, _ = run("info", tmp_path / "clip.mp4.faces")
    assert code == 0
    assert "tracks" in stdout
    code, _, err = run("info", tmp_path / "none.mp4")
    assert (code, "none.mp4" in one_line(err)) == (3, True)


def test_verify_tells_untouched_from_tampered(
    face_clip: Path, generator: Path, tmp_path: Path, run: Run
) -> None:
    out = tmp_path / "out.mp4"
    assert run("render", face_clip, out, "-m", generator, "-q")[0] == 0
    code, stdout, _ = run("verify", out)
    assert code == 0
    assert "given for tests" in stdout
    data = bytearray(out.read_bytes())
    data[data.index(b"mdat") + 2000] ^= 1
    out.write_bytes(data)
    code, stdout, _ = run("verify", out, "--json")
    assert code == 9
    assert json.loads(stdout)["status"] == "tampered"
    code, _, _ = run("verify", face_clip)
    assert code == 9


def test_preview_draws_a_signed_sheet(face_clip: Path, generator: Path, tmp_path: Path, run: Run) -> None:
    sheet = tmp_path / "sheet.png"
    code, _, err = run("preview", face_clip, "-m", generator, "--at", "0.2", "--at", "0.6", "--out", sheet)
    assert code == 0, err
    picture = video.load_picture(sheet)
    assert picture.shape[0] == 2 * 360
    assert run("verify", sheet)[0] == 0


def test_doctor_and_help_and_a_wrong_command(run: Run) -> None:
    code, stdout, _ = run("doctor", "--json")
    assert code == 0
    assert json.loads(stdout)
    code, stdout, _ = run("--help")
    assert code == 0
    assert all(
        name in stdout
        for name in ("render", "extract", "train", "preview", "verify", "info", "demo", "doctor")
    )
    assert run("swap-everything")[0] == 2
