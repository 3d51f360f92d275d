"""Training: it learns, goes on exactly where it stopped, exports what torch computes, and says no clearly."""

from __future__ import annotations

import _thread
import json
import shutil
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from fastswap import training, video
from fastswap.errors import (
    DeviceError,
    FastswapError,
    InputError,
    OutputError,
    SettingsError,
    TrainingError,
)
from fastswap.model import load_contract
from fastswap.progress import Progress
from fastswap.training import presets
from fastswap.training.presets import Preset
from fastswap.training.recipe import Augment
from learning import ASKED, MICRO, MICRO_PRESET, Go, learner, losses

torch = pytest.importorskip("torch", reason="training needs torch")

from fastswap.training import checkpoint  # noqa: E402
from fastswap.training.device import pick_device  # noqa: E402
from fastswap.training.preview import GAP, HEAD  # noqa: E402


@pytest.fixture(autouse=True)
def _micro(monkeypatch: pytest.MonkeyPatch) -> None:
    """A preset that steps in milliseconds, on one thread: on maps this small a second one only waits."""
    torch.set_num_threads(1)
    monkeypatch.setitem(presets.PRESETS, "micro", MICRO_PRESET)


flipped = partial(learner, changes=Augment(flip=0.3))


@pytest.mark.parametrize("bf16", [False, True])
def test_the_loss_goes_down(bf16: bool) -> None:
    course = losses(flipped(bf16=bf16), 60)
    assert np.mean(course[-5:]) < 0.5 * np.mean(course[:5])


def test_the_same_seed_gives_the_same_losses_and_another_does_not() -> None:
    first = losses(flipped(), 4)
    assert losses(flipped(), 4) == first
    assert losses(flipped(seed=1), 4) != first


def test_going_on_from_a_checkpoint_equals_never_having_stopped(tmp_path: Path) -> None:
    whole = flipped()
    course = losses(whole, 10)
    part = flipped()
    losses(part, 6)
    checkpoint.save(tmp_path, {"learner": part.state()})
    found = checkpoint.load(tmp_path)
    assert found is not None
    other = flipped()
    losses(other, 3)
    other.restore(found[0]["learner"])
    assert losses(other, 4) == course[6:]
    for mine, theirs in zip(other.average, whole.average, strict=True):
        assert torch.equal(mine, theirs)


def test_the_average_trails_the_weights() -> None:
    model = flipped()
    losses(model, 12)
    gaps = [float((a - w.detach()).abs().max()) for a, w in zip(model.average, model.parameters, strict=True)]
    assert 0.0 < max(gaps) < 0.1
    averaged = model.averaged()
    for weight, mean in zip(averaged.parameters(), model.average, strict=True):
        assert torch.equal(weight, mean)


def test_an_infinite_gradient_leaves_the_weights_alone() -> None:
    model = flipped()
    losses(model, 2)
    before = [weight.detach().clone() for weight in model.parameters]
    with torch.no_grad():
        model.generator.get_parameter("encoder.stem.bias").fill_(float("inf"))
    before[0] = model.parameters[0].detach().clone()
    losses(model, 3)
    assert float(model.blown) == 3.0
    for weight, old in zip(model.parameters, before, strict=True):
        assert torch.equal(weight, old) or not torch.isfinite(weight).all()


def test_a_run_leaves_a_model_a_preview_a_checkpoint_and_a_history(go: Go, tmp_path: Path) -> None:
    said: list[Progress] = []
    report = go(progress=said.append)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["anna.onnx", "anna.training"]
    found = load_contract(tmp_path / "anna.onnx")
    assert (found.subject, found.consent, found.resolution) == ("Anna", "a synthetic person", 32)
    assert (found.training["steps"], found.training["preset"]) == (6, "micro")
    assert (found.training["source_faces"], found.training["target_faces"]) == (12, 12)
    grid = video.load_picture(report.preview)
    assert grid.shape == (HEAD + 6 * (96 + GAP), 7 * (96 + GAP) + GAP, 3)
    lines = (tmp_path / "anna.training" / "history.jsonl").read_text().splitlines()
    assert json.loads(lines[-1])["step"] == 6
    assert said[-1].stage == "train"
    assert (said[-1].done, said[-1].total, said[-1].unit) == (6.0, 6.0, "steps")
    assert {"loss", "faces_per_second", "step"} <= said[-1].values.keys()
    assert not report.interrupted
    assert any("few" in notice for notice in report.notices)
    json.dumps(report.as_dict())


def test_a_longer_run_goes_on_from_the_shorter(go: Go) -> None:
    go(steps=3)
    report = go(steps=5)
    assert (report.resumed_at, report.steps) == (3, 5)
    assert go(steps=5).steps == 5
    assert go(steps=2, resume=False).steps == 2


def test_ctrl_c_saves_and_exports(go: Go, tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGINT)

    def press(progress: Progress) -> None:
        if progress.values and progress.values["step"] < 90_000:
            # Not os.kill: pytest's faulthandler gives signals a stack that is too small for AVX-512 registers.
            _thread.interrupt_main(signal.SIGINT)

    report = go(steps=100_000, progress=press)
    assert report.interrupted
    assert 0 < report.steps < 90_000
    assert load_contract(tmp_path / "anna.onnx").training["steps"] == report.steps
    assert signal.getsignal(signal.SIGINT) is before
    assert go(steps=report.steps + 2).resumed_at == report.steps


def test_a_damaged_checkpoint_falls_back_to_the_one_before(go: Go, tmp_path: Path) -> None:
    folder = tmp_path / "anna.training"
    go(steps=2)
    go(steps=4)
    (folder / "state.pt").write_bytes((folder / "state.pt").read_bytes()[:1000])
    report = go(steps=5)
    assert report.resumed_at == 2
    assert any("damaged" in notice for notice in report.notices)
    for path in folder.rglob("*.pt"):
        path.write_bytes(b"nothing")
    with pytest.raises(TrainingError, match="damaged and there is no usable backup"):
        go(steps=5)


def test_a_checkpoint_of_other_settings_is_not_mixed_in(go: Go, monkeypatch: pytest.MonkeyPatch) -> None:
    go(steps=2)
    with pytest.raises(TrainingError, match="batch 4, now it is 5"):
        go(steps=3, batch=5)
    monkeypatch.setitem(presets.PRESETS, "other", Preset("other", MICRO, 4, 1e-3, 1.0))
    with pytest.raises(TrainingError, match="preset micro, now it is other"):
        go(steps=3, preset="other")
    assert go(steps=3).resumed_at == 2


@pytest.mark.parametrize(
    ("options", "kind", "complaint"),
    [
        ({"consent": " "}, TrainingError, "consent"),
        ({"subject": ""}, TrainingError, "subject"),
        ({"preset": "colossal"}, TrainingError, "'colossal'.*tiny"),
        ({"steps": 0}, SettingsError, "--steps"),
        ({"steps": None, "minutes": -1.0}, SettingsError, "--minutes"),
        ({"minutes": 3.0}, SettingsError, "not both"),
        ({"batch": 0}, SettingsError, "--batch"),
        ({"precision": "f8"}, SettingsError, "--precision"),
        ({"threads": -1}, SettingsError, "--threads"),
        ({"save_every": 0.0}, SettingsError, "--save-every"),
        ({"device": "toaster"}, SettingsError, "toaster"),
        ({"device": "meta"}, SettingsError, "meta"),
        ({"device": "cuda:63"}, DeviceError, "cuda:63"),
    ],
)
def test_bad_settings_are_named(
    go: Go,
    tmp_path: Path,
    options: dict[str, object],
    kind: type[FastswapError],
    complaint: str,
) -> None:
    with pytest.raises(kind, match=complaint) as caught:
        go(**options)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_bad_facesets_and_outputs_are_named(facesets: tuple[Path, Path], tmp_path: Path) -> None:
    few = Path(shutil.copytree(facesets[0], tmp_path / "few"))
    for path in sorted(few.glob("*.jpg"))[:8]:
        path.unlink()

    def run(source: Path, out: str = "m.onnx") -> None:
        training.train(source, facesets[1], tmp_path / out, preset="micro", steps=1, **ASKED)

    with pytest.raises(InputError, match="gone"):
        run(tmp_path / "gone")
    with pytest.raises(TrainingError, match="4 usable faces"):
        run(few)
    with pytest.raises(OutputError, match=r"\.onnx"):
        run(facesets[0], "model.bin")
    with pytest.raises(OutputError, match="does not exist"):
        run(facesets[0], "no/model.onnx")
    (tmp_path / "folder.onnx").mkdir()
    with pytest.raises(OutputError, match="is a folder"):
        run(facesets[0], "folder.onnx")
    assert pick_device("auto").type in ("cpu", "cuda")


def test_without_torch_one_line_says_what_to_do() -> None:
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "from fastswap import training\n"
        "from fastswap.training.extract import extract\n"
        "from fastswap.errors import TrainingError\n"
        "try: training.train('a', 'b', 'c.onnx', subject='s', consent='c')\n"
        "except TrainingError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pip install 'fastswap[train]'" in done.stdout
    assert done.stdout.count("\n") == 1
