"""benchmarks/gpu_checks.sh on a machine without a card: what fails is written down, and what can be had is left."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MOST_FILES = 8
"""Files that may be fetched from a lent machine."""


@pytest.mark.parametrize(
    ("total", "code", "words"), [("570", None, ""), ("0", 124, "no time was left for it")]
)
def test_a_report_is_left_whatever_happens(tmp_path: Path, total: str, code: int | None, words: str) -> None:
    settings = {
        "PYTHON": sys.executable,
        "STEPS": "doctor render",
        "SITE": str(tmp_path / "site"),
        "TOTAL": total,
        "CUDA_VISIBLE_DEVICES": "",  # none, even where there is one
    }
    done = subprocess.run(
        [str(ROOT / "benchmarks" / "gpu_checks.sh"), str(tmp_path / "out")],
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    report = json.loads((tmp_path / "out" / "checks.json").read_text())
    assert list(report["steps"]) == ["doctor", "render"]
    assert report["card"]
    render = report["steps"]["render"]
    assert render["exit"] == (code or 1)
    assert words in render["last"]
    if not words:
        assert "DeviceError" in render["last"]
        assert report["doctor"]
    files = [file for file in (tmp_path / "out").rglob("*") if file.is_file()]
    assert len(files) <= MOST_FILES
    with tarfile.open(tmp_path / "out" / "logs.tar.gz") as logs:
        assert {"./doctor.log", "./render.log", "./steps.tsv"} <= set(logs.getnames())
