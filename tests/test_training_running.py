"""Runs that go wrong, go on, go in parts and go together."""

from __future__ import annotations

import _thread
import json
import math
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import compare
from fastswap import training
from fastswap.errors import InputError, OutputError, SettingsError, TrainingError
from fastswap.progress import Progress
from fastswap.training import presets
from fastswap.training.presets import Shape
from learning import ASKED, FAMILIES, MICRO_PRESET, MICRO_TOML, NOTHING, Go, blobs, learner

torch = pytest.importorskip("torch", reason="training needs torch")

from fastswap.training import checkpoint, guard, seeing, trainer  # noqa: E402
from fastswap.training.fit import fit  # noqa: E402
from fastswap.training.learner import SHOWN, Learner  # noqa: E402
from fastswap.training.recipe import LossWeights  # noqa: E402


@pytest.fixture(autouse=True)
def _micro(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.set_num_threads(1)
    monkeypatch.setitem(presets.PRESETS, "micro", MICRO_PRESET)


def weights(model: Learner) -> torch.Tensor:
    return torch.cat([weight.detach().flatten() for weight in model.parameters])


# -- in parts and together ----------------------------------------------------------------------------------


def test_a_step_in_parts_is_the_step_in_one() -> None:
    whole, parts = (learner(changes=NOTHING, accumulate=n) for n in (1, 3))
    for _ in range(3):
        first, second = whole.step(1e-3), parts.step(1e-3)
    assert torch.allclose(first, second, atol=compare.TORCH_PARTS)
    gap = (weights(whole) - weights(parts)).norm() / weights(whole).norm()
    assert float(gap) < compare.TORCH_PARTS


def test_two_processes_learn_together(facesets: tuple[Path, Path], tmp_path: Path) -> None:
    preset = tmp_path / "two.toml"
    preset.write_text(MICRO_TOML)
    out = tmp_path / "anna.onnx"
    options = {"preset": str(preset), "precision": "f32", "processes": 2, "threads": 1, **ASKED}
    report = training.train(*facesets, out, steps=5, accumulate=2, **options)  # type: ignore[arg-type]
    assert (report.steps, report.device) == (5, "2 x cpu")
    found = checkpoint.load(tmp_path / "anna.training")
    assert found is not None
    states = found[0]["learner"]["rng"]
    assert len(states) == 2
    assert not torch.equal(states[0]["device"], states[1]["device"])
    again = training.train(*facesets, out, steps=7, accumulate=2, **options)  # type: ignore[arg-type]
    assert (again.resumed_at, again.steps) == (5, 7)
    with pytest.raises(TrainingError, match="processes 2, now it is 1"):
        training.train(*facesets, out, steps=9, **options | {"processes": 1})  # type: ignore[arg-type]


# -- resume -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", FAMILIES, ids=lambda shape: shape.family)
def test_each_family_goes_on_exactly_with_all_parts_of_the_loss(tmp_path: Path, shape: Shape) -> None:
    options = {"shape": shape, "adversary": True, "weights": LossWeights(style=0.1, scales=2, square=0.1)}

    def course(model: Learner, steps: int) -> list[list[float]]:
        return [model.step(1e-3, gan=model.step_count >= 2).tolist() for _ in range(steps)]

    whole = course(learner(**options), 6)
    part = learner(**options)
    course(part, 3)
    checkpoint.save(tmp_path, {"learner": part.state()})
    found = checkpoint.load(tmp_path)
    assert found is not None
    other = learner(**options)
    course(other, 1)
    other.restore(found[0]["learner"])
    assert course(other, 3) == whole[3:]
    last = dict(zip(SHOWN, whole[-1], strict=True))
    read = {"expression", "follow", "align", "domain"}
    asked = [name for name in SHOWN if name != "onlooker"]
    assert all((last[name] != 0.0) == (shape.family == "duo" or name not in read) for name in asked)
    assert dict(zip(SHOWN, whole[0], strict=True))["gan"] == 0.0


def test_a_run_resumed_has_the_losses_of_one_that_was_not(
    go: Go, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Losses are means over windows of steps; on a slow machine some would end early, and the means be others.
    monkeypatch.setattr(trainer, "_LOOK_S", math.inf)
    folder = tmp_path / "anna.training"

    def results() -> tuple[list[torch.Tensor], dict[int, float]]:
        found = checkpoint.load(folder)
        assert found is not None
        lines = [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
        return found[0]["learner"]["average"], {line["step"]: line["total"] for line in lines}

    def press(progress: Progress) -> None:
        if not progress.values:
            return
        # Not os.kill: pytest's faulthandler gives signals a stack that is too small for AVX-512 registers.
        _thread.interrupt_main(signal.SIGINT)

    go(steps=45)
    whole, losses = results()
    stopped = go(steps=45, resume=False, progress=press)
    assert stopped.interrupted
    assert 0 < stopped.steps < 45
    assert go(steps=45).resumed_at == stopped.steps
    again, other_losses = results()
    for mine, theirs in zip(whole, again, strict=True):
        assert torch.equal(mine, theirs)
    if stopped.steps % trainer.LOOK_EVERY == 0:  # else the stop cut a window in two
        assert other_losses[45] == losses[45]


# -- what goes wrong ----------------------------------------------------------------------------------------


def test_a_loss_that_blows_up_steps_back_and_slows_down() -> None:
    model = learner()
    watch = guard.Guard(model)
    for _ in range(3):
        assert watch.look(float(model.step(1e-3)[0]), 1) is None
    watch.restored({})
    good = weights(model).clone()
    with torch.no_grad():
        model.generator.get_parameter("encoder.stem.weight").fill_(float("nan"))
    said = watch.look(float(model.step(1e-3)[0]), 1)
    assert said is not None
    assert "back to step 3" in said
    assert watch.rate == 0.5
    assert torch.equal(weights(model), good)
    assert model.step_count == 3
    again = float(model.step(1e-3)[0])
    assert np.isfinite(again)
    assert watch.look(again, 1) is None
    assert "blew up" in str(watch.look(10.0 * again, 1))


def test_a_lowered_rate_comes_back_when_all_goes_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "RECOVER_AFTER", 40)
    model = learner()
    watch = guard.Guard(model)

    def go_on(watch: guard.Guard, steps: int) -> list[float]:
        found = []
        for _ in range(steps):
            model.step_count += 1
            assert watch.look(1.0, 1) is None
            found.append(watch.rate)
        return found

    go_on(watch, 7)
    for _ in range(2):
        assert "blew up" in str(watch.look(float("nan"), 1))
    assert watch.rate == 0.25
    kept = watch.state(), model.step_count
    rates = go_on(watch, 200)
    # The second mishap doubled the wait.
    assert [rates.count(rate) for rate in (0.25, 0.5, 1.0)] == [79, 80, 41]
    assert rates == sorted(rates)

    model.step_count = kept[1]
    other = guard.Guard(model)
    other.restored(kept[0])
    some = go_on(other, 100)
    state = other.state()
    other = guard.Guard(model)
    other.restored(json.loads(json.dumps(state)))
    assert some + go_on(other, 100) == rates
    assert other.look(guard.DIVERGED * 1.01, 1) is not None  # the best loss is known still
    other.restored(state, same=False)
    assert other.look(guard.DIVERGED * 1.01, 1) is None


def test_what_blew_up_leaves_no_trace_in_the_history(
    go: Go, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seeing, "HISTORY_GAP_S", 0.0)
    looks = iter(range(1000))
    look = guard.Guard.look

    def spoilt(self: guard.Guard, loss: float, steps: int) -> str | None:
        return look(self, math.inf if next(looks) == 2 else loss, steps)

    monkeypatch.setattr(guard.Guard, "look", spoilt)
    report = go(steps=100)
    assert report.steps == 100
    assert any("the loss blew up; back to step 0 at 0.5" in notice for notice in report.notices)
    lines = seeing.read_history(tmp_path / "anna.training")
    steps = [line["step"] for line in lines]
    assert steps == sorted(set(steps))
    assert all(math.isfinite(line["total"]) for line in lines)
    assert "nan" not in Path(report.page).read_text().lower().replace("nano", "")
    found = checkpoint.load(tmp_path / "anna.training")
    assert found is not None
    assert found[0]["guard"]["rate"] == 0.5


def test_a_training_that_cannot_be_saved_ends_in_its_last_good_state() -> None:
    model = learner()
    watch = guard.Guard(model)
    good = weights(model).clone()
    for _ in range(guard.MOST_BACK):
        model.step(1e-3)
        assert "blew up" in str(watch.look(float("nan"), 1))
    model.step(1e-3)
    with pytest.raises(TrainingError, match=r"diverged.*good state is kept"):
        watch.look(float("nan"), 1)
    assert torch.equal(weights(model), good)


def test_a_rate_that_is_far_too_high_does_not_end_a_training(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "MOST_BACK", 12)  # how often it takes depends on the processor's rounding
    wild = replace(MICRO_PRESET, rate=30.0)
    model = fit(wild, blobs(1), blobs(2), steps=40, bf16=False)
    assert torch.isfinite(weights(model)).all()


# -- starting from another training --------------------------------------------------------------------------


def test_pretraining_makes_a_start_for_others(go: Go, facesets: tuple[Path, Path], tmp_path: Path) -> None:
    base = tmp_path / "base.pt"
    options = {"preset": "micro", "precision": "f32", **ASKED}
    report = training.train(list(facesets), [], base, pretrain=True, steps=30, **options)  # type: ignore[arg-type]
    assert report.faces == (24, 24)
    assert report.export is None
    fresh, started = go(steps=1), go(steps=1, start=base, resume=False)
    assert (started.steps, started.resumed_at) == (1, 0)
    assert started.losses["total"] < fresh.losses["total"]
    wide = tmp_path / "wide.toml"
    wide.write_text(MICRO_TOML.replace("latent = 32", "latent = 64"))
    with pytest.raises(InputError, match=r"base\.pt: its network has latent 32, the preset asks for 64"):
        go(steps=1, start=base, preset=str(wide), resume=False)
    with pytest.raises(InputError, match="no such checkpoint"):
        go(steps=1, start=tmp_path / "gone.pt", resume=False)
    base.write_bytes(b"nothing")
    with pytest.raises(InputError, match="not a checkpoint"):
        go(steps=1, start=base, resume=False)
    with pytest.raises(OutputError, match=r"\.pt"):
        training.train(facesets[0], [], tmp_path / "m.onnx", pretrain=True, steps=1, **options)  # type: ignore[arg-type]


# -- presets of one's own ------------------------------------------------------------------------------------


def test_a_preset_of_ones_own(go: Go, tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text(
        MICRO_TOML + "family = 'liae'\n[stages]\nwarped = 2\nunwarped = 2\ngan = 2\n[loss]\nstyle = 0.1\n"
    )
    report = go(preset=str(path))
    assert report.stage == "gan"
    assert report.losses["gan"] != 0.0
    assert report.losses["style"] > 0.0
    page = Path(report.page).read_text()
    assert "liae" in page
    assert ASKED["consent"] in page


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[network]\nfamily = 'gan'", "family is 'gan'"),
        ("[network]\nresolution = 65", "no multiple"),
        ("[network]\nencoder = 5", "a list of whole numbers"),
        ("[augment]\ndemand = 1.5", "demand is 1.5; it must lie in 0..1"),
        ("[loss]\npixels = 1.0", "'pixels' means nothing.*pixel"),
        ("[loss]\npixel = -1.0", "pixel is -1.0"),
        ("[loss]\npixel = 'much'", "must be a number"),
        ("[augment]\nflip = 2.0", "flip is 2.0; it must lie in 0..1"),
        ("[stages]\nwarped = 0\nunwarped = 0", "stages"),
        ("batch = 0", "batch"),
        ("base = 'colossal'", "'colossal'"),
        ("color = 1", "'color' means nothing"),
        ("loss = 3", "must be a table"),
        ("[loss", "not TOML"),
    ],
)
def test_bad_presets_are_named(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "own.toml"
    path.write_text(text)
    with pytest.raises((SettingsError, InputError), match=complaint) as caught:
        presets.find_preset(str(path))
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="no such preset file"):
        presets.find_preset(str(tmp_path / "gone.toml"))
