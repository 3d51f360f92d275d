"""A real Ray on this machine with several worker processes, one of which is killed in the middle of a render."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastswap
from fastswap import video
from fastswap.errors import DeviceError, SettingsError
from footage import clip, facts
from test_segments import FAST, FRAMES, digest

ray = pytest.importorskip("ray")


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """A cluster of this machine alone, with more slots than cores: the workers are what is tested."""
    context = ray.init(num_cpus=4, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    yield context.address_info["gcs_address"]
    ray.shutdown()


@pytest.fixture
def standing(short_spans: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Short segments; and the cluster outlives each render, where the command ends it with itself."""
    monkeypatch.setattr(ray, "shutdown", lambda: None)


@pytest.mark.parametrize("files", ["shared", "store"])
def test_the_cluster_makes_the_same_bytes(
    files: str,
    cluster: str,
    long_clip: Path,
    generator: Path,
    tmp_path: Path,
    bare: None,
    standing: None,
) -> None:
    """With a mask file, a side output and a part, of which the workers must know too."""
    source, mask = Path(shutil.copy(long_clip, tmp_path / "clip.mkv")), tmp_path / "mask.png"
    video.save_picture(mask, np.tile(np.arange(0, 256, 4, np.uint8)[None, :, None], (48, 1, 3)))
    common: dict[str, Any] = {"model": generator, "encoder_options": FAST, "mask_file": mask, "start": "4f"}
    several: dict[str, Any] = {"cluster": cluster, "cluster_files": files, "parallel": 2}
    for name, options in (("one", {}), ("many", several)):
        report = fastswap.render(
            source, tmp_path / f"{name}.mp4", matte=tmp_path / f"{name}.mkv", **common, **options
        )
        assert report.frames == FRAMES - 4
        assert report.segments > 2
    assert digest(tmp_path / "one.mp4") == digest(tmp_path / "many.mp4")
    assert digest(tmp_path / "one.mkv") == digest(tmp_path / "many.mkv")
    assert not list(tmp_path.glob("*.fastswap"))


def test_a_head_that_wants_a_token_is_shown_it(cluster: str) -> None:
    """In a process that knows the address alone, as one that `ray start` was not run from."""
    program = "import sys; from fastswap.cluster.pool import connect; print(connect(sys.argv[1]).nodes()[0]['Alive'])"
    bare = {name: value for name, value in os.environ.items() if name != "RAY_AUTH_MODE"}
    command = [sys.executable, "-c", program, cluster]
    done = subprocess.run(command, env=bare, capture_output=True, text=True, check=False, timeout=200)
    assert (done.returncode, done.stdout) == (0, "True\n"), done.stderr


def test_a_worker_that_is_killed_costs_its_segment(
    cluster: str,
    long_clip: Path,
    generator: Path,
    tmp_path: Path,
    bare: None,
    standing: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from fastswap.cluster.pool import ClusterPool

    source = Path(shutil.copy(long_clip, tmp_path / "clip.mkv"))
    fastswap.render(source, tmp_path / "one.mp4", model=generator, encoder_options=FAST)
    made, killed = ClusterPool._made, []

    def kill_one(self: ClusterPool, task: Any) -> Path:
        if task.span.number == 1 and not killed:
            killed.append(self.started[-1][1])
            os.kill(killed[0], signal.SIGKILL)
        return made(self, task)

    monkeypatch.setattr(ClusterPool, "_made", kill_one)
    report = fastswap.render(
        source, tmp_path / "many.mp4", model=generator, encoder_options=FAST, cluster=cluster, parallel=3
    )
    assert killed
    assert any("died" in notice for notice in report.notices)
    assert digest(tmp_path / "one.mp4") == digest(tmp_path / "many.mp4")


def test_the_command_brings_up_a_cluster_of_its_own(generator: Path, tmp_path: Path) -> None:
    clip(tmp_path / "in.mp4", times=tuple(range(500)), options={"g": "50", "preset": "ultrafast"})
    made = []
    for name, options in (("one.mp4", ()), ("many.mp4", ("--cluster", "auto", "--parallel", "2"))):
        command = [
            sys.executable,
            "-m",
            "fastswap",
            "render",
            "in.mp4",
            name,
            "-m",
            str(generator),
            "-q",
            "--json",
        ]
        done = subprocess.run([*command, *options], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["segments"] == 2
        made.append(facts(tmp_path / name).lumas)
    assert made[0] == made[1]


def test_clusters_that_cannot_be(long_clip: Path, generator: Path, tmp_path: Path) -> None:
    source = Path(shutil.copy(long_clip, tmp_path / "clip.mkv"))
    with pytest.raises(SettingsError, match="pigeon"):
        fastswap.render(source, tmp_path / "out.mp4", model=generator, cluster="auto", cluster_files="pigeon")


@pytest.mark.parametrize(
    "address", ["127.0.0.1:{}", "ray://127.0.0.1:{}", "no.such.host.invalid:1", "127.0.0.1:99999"]
)
def test_a_cluster_that_does_not_answer_is_told_at_once(address: str) -> None:
    """The port is one on which nobody listens."""
    from fastswap.cluster.pool import connect

    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        with pytest.raises(DeviceError, match="cannot be reached"):
            connect(address.format(held.getsockname()[1]))


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n"])
def test_a_head_that_hangs_or_is_none_is_told(answer: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes the connection, as the system does for a process that is stopped, and says nothing or something else."""
    from fastswap.cluster import pool

    monkeypatch.setattr(pool, "_ANSWER_S", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as held:
        address = f"127.0.0.1:{held.getsockname()[1]}"
        if answer:
            threading.Thread(target=lambda: held.accept()[0].sendall(answer), daemon=True).start()
        with pytest.raises(DeviceError, match="no head of a Ray cluster" if answer else "timed out"):
            pool.connect(address)


def test_a_ray_that_does_not_start_is_told_in_one_line(generator: Path, tmp_path: Path) -> None:
    """Its raylet never comes up; Ray waits for it for 30 seconds. It does not see the other tests' cluster."""
    clip(tmp_path / "in.mp4", times=tuple(range(500)), options={"g": "50", "preset": "ultrafast"})
    code = (
        "import functools, sys; from ray._private import services\n"
        "services.find_gcs_addresses = functools.cache(set)\n"
        "from ray._private.node import Node; Node.start_raylet = lambda *_, **__: None\n"
        "from fastswap.__main__ import main; sys.argv = ['fastswap', *sys.argv[1:]]; main()"
    )
    arguments = ["render", "in.mp4", "out.mp4", "-m", str(generator), "-q", "--cluster", "auto"]
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=280)
    assert done.returncode == 7
    said = [line for line in done.stderr.splitlines() if "fastswap" in line or "Error" in line]
    assert len(said) == 1, done.stderr
    assert "cluster 'auto' cannot be reached: The current node timed out during startup" in said[0]
    assert not (tmp_path / "out.mp4").exists()
