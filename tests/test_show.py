"""What the command shows: bars that fit the terminal, notices above them, and tables."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

import fastswap
from commands import Run
from fastswap.cli import log, show
from fastswap.progress import Progress

VALUES = {"step": 40.0, "loss": 0.3724, "faces_per_second": 118.3, "rate": 2e-5}


@pytest.mark.parametrize("width", [60, 80, 140])
def test_a_bar_fits_the_terminal_and_only_its_text_is_cut(
    width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    log.choose(None)  # a command of another test may have asked for lines
    screen = io.StringIO()
    monkeypatch.setattr(show, "err", Console(file=screen, width=width, force_terminal=True))
    with show.progress() as tell:
        assert tell is not None
        tell(Progress("train", 0, 4000, "steps", notice="12 faces are few"))
        tell(Progress("train", 40, 4000, "steps", rate=1.7, values=VALUES, note="warped stage"))
    lines = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", screen.getvalue()).replace("\r", "\n").splitlines()
    assert "12 faces are few" in [line.strip() for line in lines]
    last = [line.rstrip() for line in lines if line.strip()][-1]
    assert last.startswith("train   ━━")
    assert "40/4000" in last
    assert "-:--:--" in last
    assert "1.7 steps/s" in last
    assert len(last) <= width
    assert last.endswith("rate 2e-05" if width == 140 else "…")
    assert "step 40" not in last


def test_long_mappings_become_blocks_and_notices_lines(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(show, "out", Console(width=80))
    rows = {
        "short": {"a": 1, "b": 2},
        "training": {"preset": "tiny", "loss": {f"part{i}": 0.1 for i in range(30)}, "start": ""},
        "notices": ["one thing", "another thing"],
        "nothing": {},
    }
    show.pairs("title", rows)
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert "short     a 1  b 2" in lines
    assert "  preset  tiny" in lines
    assert "notices   one thing" in lines
    assert "          another thing" in lines
    assert not any("start" in line or "nothing" in line for line in lines)


def test_the_version(run: Run) -> None:
    assert run("--version") == (0, f"fastswap {fastswap.__version__}\n", "")
