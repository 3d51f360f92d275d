"""Pipes, with the real FFmpeg on both sides: y4m and NUT, 8 and 10 bit, sound, broken and endless ones."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from fastswap import provenance, video
from footage import facts

pytestmark = pytest.mark.skipif(not shutil.which("ffmpeg"), reason="FFmpeg's command is not installed")
FASTSWAP = [sys.executable, "-m", "fastswap", "render", "-", "-", "-q", "-m"]
PATIENCE = 280  # seconds; a busy machine may take its time
FFMPEG = ["ffmpeg", "-v", "error", "-nostdin", "-y"]


def through(
    clip: Path, generator: Path, feed: list[str], take: list[str], *options: str
) -> tuple[subprocess.CompletedProcess[bytes], bytes]:
    """ffmpeg | fastswap | ffmpeg, each a process; fastswap's own result and what the last one wrote to stderr."""
    source = subprocess.Popen([*FFMPEG, "-i", str(clip), *feed, "-"], stdout=subprocess.PIPE)
    swap = subprocess.Popen(
        [*FASTSWAP, str(generator), *options],
        stdin=source.stdout, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=clip.parent,
    )  # fmt: skip
    last = subprocess.Popen([*FFMPEG, *take], stdin=swap.stdout, stderr=subprocess.PIPE, cwd=clip.parent)
    for process in (source, swap):
        assert process.stdout is not None
        process.stdout.close()
    err = last.communicate(timeout=PATIENCE)[1]
    assert swap.stderr is not None
    said = swap.stderr.read()
    done = subprocess.CompletedProcess(swap.args, swap.wait(timeout=PATIENCE), b"", said)
    source.wait(timeout=PATIENCE)
    return done, err


@pytest.fixture
def clip(face_clip: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(face_clip, tmp_path / "clip.mp4"))


@pytest.mark.parametrize("siting", ["left", "center", "topleft"])
def test_y4m_keeps_the_siting_of_its_chroma(siting: str, clip: Path, generator: Path) -> None:
    feed = ["-frames:v", "2", "-chroma_sample_location", siting, "-f", "yuv4mpegpipe"]
    command = [*FFMPEG, "-i", str(clip), *feed, "-"]
    given = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
    made = subprocess.run(
        [*FASTSWAP, str(generator)], input=given, stdout=subprocess.PIPE, check=True, cwd=clip.parent
    ).stdout
    assert made.partition(b"\n")[0] == given.partition(b"\n")[0]


@pytest.mark.parametrize("pixels", ["yuv420p", "yuv420p10le"])
def test_y4m(pixels: str, clip: Path, generator: Path) -> None:
    feed = ["-pix_fmt", pixels, "-strict", "-1", "-f", "yuv4mpegpipe"]
    done, err = through(clip, generator, feed, ["-f", "yuv4mpegpipe", "-i", "-", "-c:v", "ffv1", "out.mkv"])
    assert (done.returncode, err) == (0, b""), done.stderr
    old, new = facts(clip), facts(clip.with_name("out.mkv"))
    assert len(new.lumas) == 20
    assert new.last.format.name == pixels
    assert [round(float(t) * 25) for t in new.times] == list(range(20))  # type: ignore[arg-type]
    assert old.lumas != new.lumas


def test_nut_with_sound_and_times(clip: Path, generator: Path) -> None:
    feed = ["-c:v", "ffv1", "-c:a", "copy", "-f", "nut"]
    take = ["-i", "-", "-c:v", "ffv1", "-c:a", "copy", "out.mkv"]
    done, err = through(clip, generator, feed, take)
    assert (done.returncode, err) == (0, b""), done.stderr
    old, new = facts(clip), facts(clip.with_name("out.mkv"))
    assert [kind for kind, *_ in new.others] == ["audio aac"]
    assert new.others[0][1] == old.others[0][1], "the sound is the same, byte for byte"
    assert len(new.lumas) == len(old.lumas)


def test_the_manifest_beside_verifies(clip: Path, generator: Path) -> None:
    y4m = subprocess.run(
        [*FFMPEG, "-i", str(clip), "-f", "yuv4mpegpipe", "-"], capture_output=True, check=True
    ).stdout
    done = subprocess.run(
        [*FASTSWAP, str(generator), "--json"], input=y4m, capture_output=True, check=True, cwd=clip.parent
    )
    digest = hashlib.sha256(done.stdout).hexdigest()
    manifest = clip.with_name(f"fastswap-{digest[:12]}.c2pa")
    assert json.loads(done.stderr)["frames"] == 20
    made = clip.with_name("made.y4m")
    made.write_bytes(done.stdout)
    manifest.rename(made.with_name("made.y4m.c2pa"))
    said = provenance.verify(made)
    assert said.ok
    assert said.input["sha256"] == hashlib.sha256(y4m).hexdigest()
    assert "given for tests" in str(said)
    made.write_bytes(done.stdout[:-1] + b"\0")
    assert not provenance.verify(made).ok


def test_both_ways_give_the_same_pictures(clip: Path, generator: Path) -> None:
    """A pipe and a file of the same frames: the same samples."""
    done, _ = through(clip, generator, ["-f", "yuv4mpegpipe"], ["-i", "-", "-c", "copy", "pipe.nut"])
    assert done.returncode == 0
    subprocess.run([*FFMPEG, "-i", "clip.mp4", "-f", "yuv4mpegpipe", "in.y4m"], cwd=clip.parent, check=True)
    command = [
        sys.executable,
        "-m",
        "fastswap",
        "render",
        "in.y4m",
        "file.nut",
        "-q",
        "--encoder",
        "rawvideo",
    ]
    subprocess.run([*command, "-m", str(generator)], cwd=clip.parent, check=True, capture_output=True)
    assert facts(clip.with_name("pipe.nut")).lumas == facts(clip.with_name("file.nut")).lumas


def _endless(
    generator: Path, folder: Path, *options: str
) -> tuple[subprocess.Popen[bytes], subprocess.Popen[bytes]]:
    source = subprocess.Popen(
        [*FFMPEG, "-re", "-f", "lavfi", "-i", "testsrc2=size=160x120:rate=50", "-f", "yuv4mpegpipe", "-"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    swap = subprocess.Popen(
        [*FASTSWAP, str(generator), *options],
        stdin=source.stdout, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=folder,
    )  # fmt: skip
    assert source.stdout is not None
    source.stdout.close()
    return source, swap


def test_whoever_reads_goes_away(generator: Path, tmp_path: Path) -> None:
    source, swap = _endless(generator, tmp_path, "--manifest", "part.c2pa")
    assert swap.stdout is not None
    assert swap.stdout.read(100_000).startswith(b"YUV4MPEG2")
    swap.stdout.close()
    assert swap.stderr is not None
    err = swap.stderr.read().decode()
    assert swap.wait(timeout=PATIENCE) == 4
    assert err.startswith("fastswap: error: standard output: whoever reads it went away")
    assert len(err.strip().splitlines()) == 1
    assert source.wait(timeout=PATIENCE) != 0
    assert (tmp_path / "part.c2pa").stat().st_size > 1000


def test_stopping_an_endless_one_whose_source_stalls(generator: Path, tmp_path: Path) -> None:
    source, swap = _endless(generator, tmp_path)
    assert swap.stdout is not None
    swap.stdout.read(50_000)
    source.send_signal(signal.SIGSTOP)
    time.sleep(0.3)
    os.kill(swap.pid, signal.SIGINT)
    swap.stdout.read()
    try:
        assert swap.wait(timeout=PATIENCE) == 130
    finally:
        source.kill()
        source.wait()
    assert list(tmp_path.glob("fastswap-*.c2pa"))


@pytest.mark.parametrize(
    ("given", "options", "code", "says"),
    [
        (b"", (), 3, "the pipe is empty"),
        (b"what is this" * 1000, (), 3, "not a video"),
        (b"YUV4MPEG2 W64 H48 F25:1\nFRAME\n" + bytes(64), (), 3, "not one frame"),
        (b"x", ("--start", "2"), 2, "--start needs a file"),
        (b"x", ("--select", "at:1,2,3"), 2, "needs a file"),
        (b"x", ("--parallel", "2"), 2, "--parallel needs a file"),
        (b"x", ("--cluster", "auto"), 2, "--cluster needs a file"),
        (b"x", ("--recogniser", "r.onnx"), 2, "--recogniser needs a file"),
        (b"x", ("--mask-file", "none.png"), 3, "none.png"),
    ],
)
def test_pipes_that_cannot_be(
    given: bytes, options: tuple[str, ...], code: int, says: str, generator: Path, tmp_path: Path
) -> None:
    done = subprocess.run(
        [*FASTSWAP, str(generator), *options], input=given, capture_output=True, check=False, cwd=tmp_path
    )
    err = done.stderr.decode().strip().splitlines()
    assert (done.returncode, done.stdout, len(err)) == (code, b"", 1), err
    assert says in err[0]
    assert list(tmp_path.iterdir()) == []


def test_a_mask_file_and_a_log(clip: Path, generator: Path) -> None:
    """Where the mask is black the video goes through as it came; standard error has nothing but the log."""
    black = np.zeros((48, 64, 3), np.uint8)
    video.save_picture(clip.with_name("black.png"), black)
    feed = [*FFMPEG, "-i", str(clip), "-f", "yuv4mpegpipe", "-"]
    given = subprocess.run(feed, stdout=subprocess.PIPE, check=True).stdout
    done = subprocess.run(
        [*(part for part in FASTSWAP if part != "-q"), str(generator), "--mask-file", "black.png", "--log", "json"],
        input=given, capture_output=True, check=True, cwd=clip.parent,
    )  # fmt: skip
    assert done.stdout == given
    events = [json.loads(line) for line in done.stderr.splitlines()]
    assert events[-1]["event"] == "done"
    assert events[-1]["result"]["faces"] == 20


def test_one_pipe_needs_another_and_y4m_is_raw(clip: Path, generator: Path) -> None:
    command = [sys.executable, "-m", "fastswap", "render", "-q", "-m", str(generator)]
    done = subprocess.run([*command, str(clip), "-"], capture_output=True, text=True, check=False)
    assert (done.returncode, "a pipe on one side" in done.stderr) == (2, True)
    feed = ["-f", "yuv4mpegpipe"]
    swap, _ = through(clip, generator, feed, ["-i", "-", "x.mkv"], "--encoder", "libx264")
    assert (swap.returncode, b"raw video alone" in swap.stderr) == (4, True)
    take = ["-i", "-", "-c", "copy", "x.mkv"]
    swap, _ = through(clip, generator, feed, take, "--encoder", "libx264", "--container", "nut")
    assert swap.returncode == 0
    assert len(facts(clip.with_name("x.mkv")).lumas) == 20
