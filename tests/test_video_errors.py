"""Files that cannot be: one clear line each, nothing left behind, the input untouched."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fastswap import video
from fastswap.errors import InputError, OutputError
from fastswap.video.opening import open_container
from footage import clip


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return clip(tmp_path / "in.mp4")


def _copy(source: Path, output: Path, **settings) -> None:
    with video.Reader(source) as reader, video.Writer(output, reader, **settings) as writer:
        for frame in reader:
            writer.write(frame)


def line(source: Path, output: Path, **settings) -> str:
    """The one line with which writing fails; checks that nothing is left and that the input is as it was."""
    before = {p: p.read_bytes() for p in source.parent.iterdir() if p.is_file()}
    with pytest.raises(OutputError) as caught:
        _copy(source, output, **settings)
    after = {p: p.read_bytes() for p in source.parent.iterdir() if p.is_file()}
    assert after == before
    assert not [p for p in source.parent.iterdir() if p.name.endswith(".partial")]
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 4
    return str(caught.value)


def test_unknown_encoder(source: Path) -> None:
    assert line(source, source.with_name("o.mp4"), encoder="libnope") == "unknown encoder 'libnope'"
    assert "for audio" in line(source, source.with_name("o.mp4"), encoder="aac")


def test_unknown_container(source: Path) -> None:
    assert ".xyz" in line(source, source.with_name("o.xyz"))


def test_encoder_that_the_container_cannot_hold(source: Path) -> None:
    said = line(source, source.with_name("o.webm"), encoder="libx264")
    assert said == f"{source.with_name('o.webm')}: the container webm cannot hold video of libx264"


def test_container_without_video(source: Path) -> None:
    said = line(source, source.with_name("o.wav"))
    assert said.startswith(str(source.with_name("o.wav")))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"crff": "18"}, "'crff'"),
        ({"crf": "many"}, "crf"),
        ({"preset": "warp"}, "warp"),
        ({"x264-params": "nonsense=1"}, "nonsense"),
        ({"pix_fmt": "yuv999p"}, "yuv999p"),
        ({"pix_fmt": "rgb24"}, "rgb24"),
        ({"q": "good"}, "'good'"),
    ],
)
def test_options_that_the_encoder_does_not_know(source: Path, options: dict[str, str], words: str) -> None:
    said = line(source, source.with_name("o.mp4"), options=options)
    assert "libx264" in said
    assert words in said


def test_output_equal_to_input(source: Path) -> None:
    link, hard = source.with_name("link.mp4"), source.with_name("hard.mp4")
    link.symlink_to(source)
    os.link(source, hard)
    for output in (source, link, hard, source.parent / ".." / source.parent.name / source.name):
        assert "is the input" in line(source, output)


def test_missing_folder(source: Path) -> None:
    assert "does not exist" in line(source, source.parent / "no" / "o.mp4")


def test_unwritable_folder(source: Path) -> None:
    """Not even root can make files in /proc."""
    assert line(source, Path("/proc/o.mp4")).startswith("/proc/o.mp4: cannot write in /proc")


def test_folder_in_a_place_that_is_no_folder(source: Path) -> None:
    assert "o.mp4" in line(source, source / "o.mp4")


def _interrupted(source: Path, output: Path) -> None:
    with video.Reader(source) as reader, video.Writer(output, reader) as writer:
        for index, frame in enumerate(reader):
            writer.write(frame)
            if index == 5:
                raise KeyboardInterrupt


def test_an_exception_in_the_block_leaves_nothing_and_keeps_an_older_output(source: Path) -> None:
    output = source.with_name("o.mp4")
    output.write_bytes(b"older")
    with pytest.raises(KeyboardInterrupt):
        _interrupted(source, output)
    assert output.read_bytes() == b"older"
    assert sorted(p.name for p in source.parent.iterdir()) == ["in.mp4", "o.mp4"]


def test_no_frame_is_an_error(source: Path) -> None:
    output = source.with_name("o.mp4")
    with pytest.raises(OutputError, match="no frame"), video.Reader(source) as reader:
        video.Writer(output, reader).close()
    assert not output.exists()


FILL = """
import resource, sys
from fastswap import video
from fastswap.errors import InputError, OutputError
source, output, limit, encoder = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
reader = video.Reader(source)
frames = list(reader)
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
try:
    with video.Writer(output, reader, encoder=encoder or None) as writer:
        for frame in frames:
            writer.write(frame)
except OutputError as error:
    print(error)
    sys.exit(error.exit_code)
"""


def fill(source: Path, output: Path, limit: int, encoder: str = "") -> subprocess.CompletedProcess[str]:
    """Writes in a process of its own, with a limit on the size of files."""
    command = [sys.executable, "-c", FILL, str(source), str(output), str(limit), encoder]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


@pytest.mark.parametrize(
    ("limit", "name", "encoder"),
    [
        (200_000, "o.mov", "prores_ks"),
        (200_000, "o.mkv", "ffv1"),
        (30_000, "o.mp4", ""),
        (100, "o.mkv", ""),
        (2_000, "o.png", ""),
    ],
    ids=["while frames are written", "mkv", "at the end", "at the head", "picture"],
)
def test_a_full_disk(tmp_path: Path, limit: int, name: str, encoder: str) -> None:
    source = clip(tmp_path / "in.mp4", size=(320, 240), times=range(30), options={"crf": "12"})
    if name == "o.png":
        with video.Reader(source) as reader:
            video.save_picture(tmp_path / "in.png", video.rgb_from_frame(next(iter(reader))))
        source = tmp_path / "in.png"
    before = sorted(p.name for p in tmp_path.iterdir())
    done = fill(source, tmp_path / name, limit, encoder)
    assert done.returncode == 4, done.stderr
    assert done.stdout.startswith(f"{tmp_path / name}: disk full")
    assert done.stdout.count("\n") == 1
    assert sorted(p.name for p in tmp_path.iterdir()) == before


def test_a_small_disk(tmp_path: Path) -> None:
    """On a disk of 64 kB where mounting is allowed, under a limit of that size elsewhere."""
    source = clip(tmp_path / "in.mp4", size=(320, 240), times=range(30), options={"crf": "12"})
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)]
    mounted = subprocess.run(mount, check=False, capture_output=True).returncode == 0
    try:
        done = fill(source, disk / "o.mkv", 0 if mounted else 65536, "ffv1")
        assert done.returncode == 4, done.stderr
        assert "disk full" in done.stdout
        assert list(disk.iterdir()) == []
    finally:
        if mounted:
            subprocess.run(["umount", str(disk)], check=True)


def test_a_file_that_is_gone_when_it_is_opened(tmp_path: Path) -> None:
    """Taken away in mid-render, after it was checked."""
    with pytest.raises(InputError, match="no such file"):
        open_container(tmp_path / "gone.mp4")
