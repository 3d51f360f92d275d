"""Trainings that are stopped, killed, or meet a full disk: what they say, and what is left of them."""

from __future__ import annotations

import json
import multiprocessing
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from commands import Run
from fastswap import training
from fastswap.errors import InputError, OutputError, SettingsError, TrainingError
from fastswap.model import load_contract
from fastswap.progress import Progress
from fastswap.training.report import TrainReport
from learning import ASKED, MICRO_TOML, Go

torch = pytest.importorskip("torch", reason="training needs torch")

from fastswap.training import checkpoint, guard  # noqa: E402


def history(folder: Path) -> list[int]:
    """The steps of the loss history."""
    return [json.loads(line)["step"] for line in (folder / "history.jsonl").read_text().splitlines()]


# -- stopped in the middle of a checkpoint -------------------------------------------------------------------

FULL = """
import resource, signal, sys, torch
from pathlib import Path
from fastswap.training import checkpoint
from fastswap.errors import OutputError
folder = Path(sys.argv[1])
checkpoint.save(folder, {"step": 1, "ballast": torch.zeros(10)})
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    checkpoint.save(folder, {"step": 2, "ballast": torch.zeros(1_000_000)})
except OutputError as error:
    print(error)
print(checkpoint.load(folder)[0]["step"], sorted(path.name for path in folder.iterdir()))
"""


def test_a_full_disk_keeps_the_last_checkpoint(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path)], capture_output=True, text=True, check=True
    )
    said, kept = done.stdout.splitlines()
    assert "state.pt: cannot write the checkpoint" in said
    assert kept == "1 ['state.pt']"


STOPPED = """
import signal, sys, torch
from pathlib import Path
from fastswap.errors import Interrupted
from fastswap.training import checkpoint
folder = Path(sys.argv[1])
checkpoint.save(folder, {"step": 1})

def stop(number, frame):
    raise Interrupted("stopped")

signal.signal(signal.SIGALRM, stop)
signal.setitimer(signal.ITIMER_REAL, 0.02)
try:
    while True:
        checkpoint.save(folder / "elsewhere", {"ballast": torch.zeros(1_000_000)})
except Interrupted as error:
    print(error)
print(sorted(path.name for path in (folder / "elsewhere").iterdir() if "partial" in path.name))
"""


def test_a_second_ctrl_c_while_a_checkpoint_is_written_is_no_full_disk(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    done = subprocess.run(
        [sys.executable, "-c", STOPPED, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.stdout.splitlines() == ["stopped", "[]"], done.stderr


# -- a full disk -------------------------------------------------------------------------------------------


def test_a_checkpoint_that_cannot_be_written_now_is_written_later(go: Go, tmp_path: Path) -> None:
    blocked = tmp_path / "anna.training" / "state.pt.partial"
    blocked.mkdir(parents=True)

    def clear(progress: Progress) -> None:
        if "cannot write the checkpoint" in progress.notice:
            blocked.rmdir()

    report = go(steps=41, save_every=0.001, progress=clear)
    assert any("cannot write the checkpoint" in notice for notice in report.notices)
    assert go(steps=42).resumed_at == 41


def test_backups_are_kept_now_and_then_and_not_for_ever(tmp_path: Path) -> None:
    for step in range(9):
        checkpoint.save(tmp_path, {"step": step}, backup_every=1e-9, keep=3)
    kept = sorted((tmp_path / "backups").iterdir())
    assert 1 <= len(kept) <= 3
    for name in ("state.pt", "state.previous.pt"):
        (tmp_path / name).write_bytes(b"nothing")
    found = checkpoint.load(tmp_path)
    assert found is not None
    assert found[0]["step"] == 6
    assert len(found[1]) == 2


def test_the_model_is_written_even_if_the_last_checkpoint_cannot_be(go: Go, tmp_path: Path) -> None:
    (tmp_path / "anna.training" / "state.pt.partial").mkdir(parents=True)
    with pytest.raises(
        OutputError, match=r"cannot write the checkpoint.*anna\.onnx was written all the same"
    ):
        go(steps=4)
    assert load_contract(tmp_path / "anna.onnx").training["steps"] == 4
    assert (tmp_path / "anna.training" / "report.html").exists()


def test_history_and_previews_that_cannot_be_written_end_no_training(go: Go, tmp_path: Path) -> None:
    folder = tmp_path / "anna.training"

    def block(progress: Progress) -> None:
        if not progress.values:
            (folder / "history.jsonl").mkdir(exist_ok=True)
            (folder / "preview.png" / "in the way").mkdir(parents=True, exist_ok=True)

    said: list[str] = []
    with pytest.raises(OutputError, match=r"preview\.png.*anna\.onnx was written all the same"):
        go(steps=40, preview_every=0.01, progress=lambda each: (block(each), said.append(each.notice))[1])
    assert sum("history.jsonl: cannot be written" in notice for notice in said) == 1
    found = checkpoint.load(folder)
    assert found is not None
    assert found[0]["learner"]["step"] == 40


# -- stopped, killed and diverged ----------------------------------------------------------------------------


def test_what_the_user_should_know_is_said_before_the_first_step(go: Go) -> None:
    said: list[Progress] = []
    go(steps=4, progress=said.append)
    first = next(number for number, each in enumerate(said) if each.values)
    before = [each.notice for each in said[:first]]
    assert "micro (duo, 32 px), 12 faces of the source and 12 of the target, 8 in a step" in before[0]
    assert any("12 faces are few" in notice for notice in before)
    said.clear()
    report = go(steps=6, progress=said.append)
    assert "goes on from step 4" in said[0].notice
    assert not any("goes on" in notice for notice in report.notices)


def test_a_training_that_has_nothing_left_to_do_says_so_and_keeps_its_summary(go: Go, tmp_path: Path) -> None:
    first, again = go(steps=4), go(steps=3)
    assert (again.steps, again.losses, again.stage) == (4, first.losses, first.stage)
    assert any("its 4 steps are all that was asked for; more with --steps" in text for text in again.notices)
    assert load_contract(tmp_path / "anna.onnx").training["losses"] == first.losses


def test_the_history_of_a_killed_run_is_taken_back_to_its_checkpoint(go: Go, tmp_path: Path) -> None:
    folder = tmp_path / "anna.training"
    go(steps=5)
    kept = (folder / "state.pt").read_bytes()
    go(steps=50)
    assert max(history(folder)) == 50
    (folder / "state.pt").write_bytes(kept)
    assert go(steps=9).resumed_at == 5
    assert history(folder) == sorted(set(history(folder)))
    assert max(history(folder)) == 9
    assert {path.stem for path in (folder / "previews").iterdir()} == {"00000005", "00000009"}


def test_a_training_that_diverges_for_good_saves_its_last_good_state(
    go: Go, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "KEEP_EVERY", 1)

    def spoil(progress: Progress) -> None:
        if progress.values:
            monkeypatch.setattr(guard, "DIVERGED", -1.0)

    with pytest.raises(TrainingError, match=r"diverged.*last good state is kept"):
        go(steps=1000, progress=spoil)
    found = checkpoint.load(tmp_path / "anna.training")
    assert found is not None
    assert found[0]["learner"]["step"] > 0
    assert found[0]["guard"]["rate"] == 1.0


def test_two_trainings_do_not_share_a_folder(go: Go, tmp_path: Path) -> None:
    complaints: list[str] = []

    def again(progress: Progress) -> None:
        if progress.values and not complaints:
            with pytest.raises(TrainingError) as caught:
                go(steps=9)
            complaints.append(str(caught.value))

    assert go(steps=4, progress=again).steps == 4
    assert complaints == [
        f"{tmp_path / 'anna.training'}: another training is at work in it; wait for it, or choose another output"
    ]
    assert go(steps=5).resumed_at == 4


def test_a_process_that_is_killed_ends_its_training_in_one_line(
    facesets: tuple[Path, Path], tmp_path: Path
) -> None:
    preset = tmp_path / "two.toml"
    preset.write_text(MICRO_TOML)

    def kill(progress: Progress) -> None:
        if progress.values and progress.done >= 40:
            for process in multiprocessing.active_children():
                process.kill()

    def train(steps: int, **options: object) -> TrainReport:
        asked = {"preset": str(preset), "processes": 2, "threads": 1, "steps": steps, **ASKED, **options}
        return training.train(*facesets, tmp_path / "anna.onnx", **asked)  # type: ignore[arg-type]

    train(20)
    with pytest.raises(TrainingError, match=r"process 1 of the training was killed \(signal 9\)"):
        train(100_000, progress=kill)
    assert train(22).resumed_at == 20


# -- other faces, another consent ----------------------------------------------------------------------------


def test_another_source_is_refused_and_other_changes_are_told(
    go: Go, facesets: tuple[Path, Path], tmp_path: Path
) -> None:
    anna, bo = facesets
    go(steps=2)
    with pytest.raises(TrainingError, match="trained on another source"):
        go(steps=3, source=bo, target=anna)
    fewer = Path(shutil.copytree(anna, tmp_path / "fewer"))
    for path in sorted(fewer.glob("*.jpg"))[:2]:
        path.unlink()
    told = go(steps=3, source=fewer, subject="Ann").notices
    assert any("source: since the checkpoint 0 faces are new, 2 are gone" in text for text in told)
    assert any("its checkpoint was made with subject 'Anna'" in text for text in told)
    extra = Path(shutil.copytree(bo, tmp_path / "extra"))
    lines = (extra / "faceset.jsonl").read_text().replace("bo.mp4", "cleo.mp4")
    (extra / "faceset.jsonl").write_text(lines)
    assert any("another target is learned now" in text for text in go(steps=4, target=extra).notices)


def test_a_face_is_not_put_on_itself(go: Go, facesets: tuple[Path, Path]) -> None:
    with pytest.raises(SettingsError, match="both --source and --target"):
        go(target=[facesets[1], facesets[0]])


def test_whose_faces_a_start_has_seen_stays_on_record(
    go: Go, facesets: tuple[Path, Path], tmp_path: Path
) -> None:
    base = tmp_path / "base.pt"
    asked = {"preset": "micro", "precision": "f32", "subject": "many", "consent": "signed by all"}
    training.train(list(facesets), [], base, pretrain=True, steps=2, **asked)  # type: ignore[arg-type]
    go(steps=2, start=base)
    went_on = go(steps=3, start=base)
    assert any("--start is for a fresh training" in text for text in went_on.notices)
    origin = load_contract(tmp_path / "anna.onnx").training["started_from"]
    assert origin == {"path": str(base), "subject": "many", "consent": "signed by all"}
    with pytest.raises(InputError, match=r"anna\.onnx: a model holds only a part.*anna\.training"):
        go(steps=1, start=tmp_path / "anna.onnx", resume=False)
    go(steps=2, start=tmp_path / "anna.training", resume=False)
    origin = load_contract(tmp_path / "anna.onnx").training["started_from"]
    assert (origin["consent"], origin["consent before"]) == (ASKED["consent"], "signed by all")


# -- the command ---------------------------------------------------------------------------------------------


def test_the_command_says_at_once_what_is_amiss(
    facesets: tuple[Path, Path], tmp_path: Path, run: Run
) -> None:
    preset = tmp_path / "own.toml"
    preset.write_text(MICRO_TOML)
    asked = ["--source", facesets[0], "--target", facesets[1], "--out", tmp_path / "anna.onnx"]
    asked += ["--preset", preset, "--steps", 3, "--threads", 1, "--consent", "a synthetic person"]
    code, _, err = run("train", *asked)
    assert code == 0
    assert "anna.onnx: own (duo, 32 px)" in err
    assert err.index("12 faces are few") < err.index("3/3")
    assert "unwarped stage" in err
    code, _, err = run("train", *asked, "--log", "json")
    lines = [json.loads(line) for line in err.splitlines()]
    told = [line["text"] for line in lines if line["event"] == "notice"]
    assert len(told) == len(set(told))
    assert any("goes on from step 3" in text for text in told)
    assert not any(line["notice"] for line in lines if line["event"] == "progress")
