"""The examples of docs/embedding.md run as they stand there."""

from __future__ import annotations

import re
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

PAGE = Path(__file__).parent.parent / "docs" / "embedding.md"
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 6


def test_the_examples_run(
    face_clip: Path, generator: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(face_clip, tmp_path / "bo.mp4")
    shutil.copy(generator, tmp_path / "anna.onnx")
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for number, example in enumerate(EXAMPLES, 1):
        if "import torch" in example and find_spec("torch") is None:
            continue
        exec(compile(example, f"{PAGE.name}, example {number}", "exec"), names)
    made = {path.name for path in tmp_path.iterdir()}
    assert {"out.mov", "matte.mkv", "face", "report.html", "mine.mp4", "again.mp4"} <= made
