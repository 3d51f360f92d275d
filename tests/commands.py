"""Runs the `fastswap` command in this process, as a user would in a shell."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable

import pytest

from fastswap.__main__ import main

Run = Callable[..., "tuple[int, str, str]"]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the command in this process: (exit code, stdout, stderr)."""

    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["fastswap", *map(str, arguments)])
        handler = signal.getsignal(signal.SIGTERM)
        try:
            with pytest.raises(SystemExit) as caught:
                main()
        finally:
            signal.signal(signal.SIGTERM, handler)
        out, err = capsys.readouterr()
        return int(caught.value.code or 0), out, err

    return call


def one_line(text: str) -> str:
    """The error line, which must be the only one."""
    lines = [line for line in text.splitlines() if line.strip()]
    assert len(lines) == 1, text
    assert lines[0].startswith("fastswap: error: ")
    return lines[0]
