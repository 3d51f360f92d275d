"""The benchmark of a cluster, on a real one with a worker."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from fastswap.bench import cluster

pytest.importorskip("ray")


def test_a_worker_is_measured_against_a_process_and_more_are_simulated(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cluster, "_ROUNDS", 1)
    result = cluster.run(seconds=13, size="160x90", workers=1)
    assert (result["frames"], result["segments"]) == (390, 2)
    assert result["process"]["start"] == 0.0
    worker = result["workers"]["1"]
    assert worker["start"] > 0.0
    assert worker["segments"] > 0.0
    assert worker["segments"] / 2 - result["process"]["segments"] / 2 == pytest.approx(
        worker["overhead"], abs=0.02
    )
    stored = result["simulated"]["2 segments"]["analysis stored"]
    assert stored == {"1": 1.0, **dict.fromkeys(("2", "4", "8", "16", "32"), 2.0)}
    made = result["simulated"]["20 segments"]["analysis made"]
    assert list(made.values()) == sorted(made.values())
    console = Console(file=io.StringIO(), width=200)
    cluster.print_table(result, console)
    assert "1 worker" in console.file.getvalue()  # type: ignore[attr-defined]


def test_who_waits_for_the_analysis_gains_nothing_more() -> None:
    """By hand: segments of 2 s that are analysed at 1, 2 and 3 s."""
    assert cluster._makespan([1.0, 2.0, 3.0], 2.0, 1) == 7.0
    assert cluster._makespan([1.0, 2.0, 3.0], 2.0, 2) == 5.0
    assert cluster._makespan([1.0, 2.0, 3.0], 2.0, 9) == 5.0
