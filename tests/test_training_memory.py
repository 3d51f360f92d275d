"""What a training takes of a CPU's memory, and what is said and done where that is too little."""

from __future__ import annotations

import gc
import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from commands import Run
from fastswap.errors import TrainingError
from learning import MICRO, MICRO_TOML, Go, learner

torch = pytest.importorskip("torch", reason="training needs torch")

from fastswap.bench import train_memory  # noqa: E402
from fastswap.training import ram  # noqa: E402
from fastswap.training.augment import Batch  # noqa: E402
from fastswap.training.learner import Learner  # noqa: E402

SHAPE = replace(MICRO, resolution=64)
needs_proc = pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="Linux only")


def test_a_lack_of_memory_says_what_fits_and_fit_uses_it(go: Go, monkeypatch: pytest.MonkeyPatch) -> None:
    """More than three faces at once ask the allocator for more than any machine has.

    A limit on the process's own memory would do too, but oneDNN crashes when it meets one.
    """
    learn = Learner._learn

    def hungry(self: Learner, source: Batch, *others: object) -> torch.Tensor:
        if len(source.face) > 3:
            torch.empty(1 << 60)
        return learn(self, source, *others)  # type: ignore[arg-type]

    monkeypatch.setattr(Learner, "_learn", hungry)
    with pytest.raises(
        TrainingError, match=r"out of memory on cpu with 8 faces.*2 fit: use --batch 2, or --fit"
    ):
        go(batch=8)
    assert go(batch=8, fit=True, steps=2).steps == 2
    assert go(batch=2, resume=False, steps=1).steps == 1


@needs_proc
def test_the_peak_is_measured_and_grows_with_the_faces() -> None:
    few, many = (ram.peak(partial(learner, shape=SHAPE, batch=count)) for count in (1, 96))
    assert few is not None
    assert many is not None
    # Of each face at least its warped and its true picture are kept, and what the first layers make of them.
    assert many - few > 95 * 2 * 64 * 64 * 4 * 20
    gc.collect()
    again = ram.peak(partial(learner, shape=SHAPE, batch=1))
    assert again is not None
    assert again - few < 0.5 * (many - few)  # what was taken is given back


@needs_proc
def test_what_is_available_is_no_more_than_the_machine_has() -> None:
    lines = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
    free = ram.available()
    assert free is not None
    assert 0 < free <= 1024 * int(lines["MemTotal"].split()[0])
    assert 0 < ram.resident() < 1024 * int(lines["MemTotal"].split()[0])


def test_a_control_group_limits_what_is_available(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in (
        ("memory.max", "3000"),
        ("memory.current", "2500"),
        ("memory.stat", "x 1\ninactive_file 700"),
    ):
        (tmp_path / name).write_text(text)
    groups = [(str(tmp_path), "memory.max", "memory.current"), ("/gone", "memory.max", "memory.current")]
    monkeypatch.setattr(ram, "_groups", lambda: iter(groups))
    assert ram.available() == 1200
    (tmp_path / "memory.max").write_text("max")
    assert (ram.available() or 0) > 1200


def test_the_largest_batch_follows_from_two_measures(monkeypatch: pytest.MonkeyPatch) -> None:
    fixed = ram.COPIES * ram.weight_bytes(SHAPE)

    def peak(make: object) -> int:
        return fixed + 100 * make()  # type: ignore[operator]

    def most(room: int, faces: int = 8) -> int | None:
        monkeypatch.setattr(ram, "available", lambda: room)
        return ram.largest(lambda count: count, SHAPE, faces)  # type: ignore[arg-type,return-value]

    monkeypatch.setattr(ram, "peak", peak)
    monkeypatch.setattr(ram, "resident", lambda: 0)
    assert most(fixed + 450) == 4
    assert most(fixed + 100) == 1
    assert most(fixed + 99) == 0
    assert most(fixed - 1) == 0
    assert most(fixed + 100_000) == 8
    assert most(1 << 40) is None
    assert ram.largest(lambda count: count, SHAPE, 8, processes=2) is None  # type: ignore[arg-type,return-value]


def test_what_does_not_fit_is_refused_before_the_system_kills_it(
    go: Go, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ram, "largest", lambda make, shape, faces, processes: min(faces, 3))
    with pytest.raises(
        TrainingError, match=r"out of memory on cpu with 8 faces.*3 fit: use --batch 3, or --fit"
    ):
        go(batch=8)
    said: list[str] = []
    assert go(batch=8, fit=True, steps=2, progress=lambda each: said.append(each.notice)).steps == 2
    assert "16 in a step of 3 parts" in said[0]
    assert go(batch=8, accumulate=3, steps=3).steps == 3
    monkeypatch.setattr(ram, "largest", lambda *_: 0)
    with pytest.raises(TrainingError, match="not even one fits, choose a smaller preset"):
        go(batch=8, fit=True, steps=4)


def test_the_benchmark_of_memory_goes_on_after_a_preset_that_does_not_fit(tmp_path: Path, run: Run) -> None:
    preset = tmp_path / "own.toml"
    preset.write_text(MICRO_TOML)
    code, out, err = run("bench", "train", "--memory", "--preset", preset, "--threads", "1", "--json")
    assert code == 0, err
    row = json.loads(out)["presets"][str(preset)]
    assert row["batch"] == 4
    assert 100 * 2**20 < row["peak_memory"] < 4 * 2**30
    rows = train_memory.run([str(preset)], batch=4096, threads=1, most=600 * 2**20)["presets"]
    assert rows[str(preset)]["peak_memory"] is None
    assert "does not fit into the memory that is free" in rows[str(preset)]["note"]
    with pytest.raises(TrainingError, match="colossal"):
        train_memory.run(["colossal"])
