"""`fastswap bench gpu` without a GPU: it says so; and what it makes of figures."""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from fastswap.bench import gpu, gpu_kernels, gpu_render


def test_without_a_gpu_one_line_says_so() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "fastswap", "bench", "gpu", "--json"],
        env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert not done.stdout.strip()
    assert len(done.stderr.strip().splitlines()) == 1
    assert "CUDA module" in done.stderr or "GPU" in done.stderr or "driver" in done.stderr


def test_an_unknown_part_is_named() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "fastswap", "bench", "gpu", "--part", "network2"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "network2" in done.stderr


def test_limits_are_held_against_what_was_measured() -> None:
    result: dict[str, Any] = {
        "kernels": {
            "kernels": {"crop_composite": {"us_per_face": 5.0}, "poisson": {"us_per_face": 31.0}},
            "difference": {"feather": 1.0},
        },
        "network": {"of_eager": 2.0},
        "render": {"failed": "no encoder"},
    }
    kept = {name: row["kept"] for name, row in gpu.reached(result).items()}
    assert kept == {
        "crop_composite_us": True,
        "poisson_us": False,
        "feather_codes": True,
        "network_of_eager": False,
    }


def test_frames_are_timed_alone_and_in_processes_together(
    face_clip: Path, generator: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same code on the CPU; of the two processes that share it each does all frames."""
    monkeypatch.setattr(gpu_render, "SETTLED", 6)
    result = gpu_render.run(generator, device="cpu", clip=face_clip, decoders=2)
    counts = {name: result[name]["frames"] for name in ("decode", "composite", "render")}
    assert counts == {"decode": 14, "composite": 14, "render": 20}  # but for the first six
    assert result["together"]["processes"] == 2
    assert result["together"]["frames"] == 2 * 20  # those processes know of no other `SETTLED`
    assert result["of_decode"] == result["composite"]["fps"] / result["decode"]["fps"]
    assert all(result[name]["cpu_ms"] > 0 for name in ("decode", "composite", "together", "render"))
    told: queue.SimpleQueue[str] = queue.SimpleQueue()
    gpu_render._one(
        threading.Barrier(2), told, (face_clip, face_clip, "cpu", face_clip.with_suffix(".faces"))
    )
    assert told.get().startswith("ModelError: ")


def test_least_bytes_name_the_timed_operations() -> None:
    needed = gpu_kernels.least_bytes()
    assert min(needed.values()) >= 2 * 4 * gpu_kernels.SIZE**2
    assert (
        needed["crop_composite"] < needed["crop"] + needed["mask"] + needed["match_color"] + needed["blend"]
    )
