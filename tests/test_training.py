"""Training: it learns, goes on exactly where it stopped, exports what torch computes, and says no clearly."""

from __future__ import annotations

import _thread
import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

import compare
from fastswap import training, video
from fastswap.errors import (
    DeviceError,
    FastswapError,
    InputError,
    OutputError,
    SettingsError,
    TrainingError,
)
from fastswap.model import Contract, load_contract
from fastswap.progress import Progress
from fastswap.training import presets
from fastswap.training.presets import PRESETS, Preset, Shape
from fastswap.training.recipe import Stages
from fastswap.training.store import FaceArrays

torch = pytest.importorskip("torch", reason="training needs torch")

from fastswap.training import augment, checkpoint, loss, network, schedule  # noqa: E402
from fastswap.training.device import pick_device  # noqa: E402
from fastswap.training.export import export, run_onnx, to_onnx  # noqa: E402
from fastswap.training.learner import Learner  # noqa: E402
from fastswap.training.rng import Rng  # noqa: E402

MICRO = Shape(32, (32, 32), 32, (32, 32))
ASKED = {"subject": "Anna", "consent": "a synthetic person"}


@pytest.fixture(autouse=True)
def _micro(monkeypatch: pytest.MonkeyPatch) -> None:
    """A preset that steps in milliseconds, on one thread: on maps this small a second one only waits."""
    torch.set_num_threads(1)
    monkeypatch.setitem(presets.PRESETS, "micro", Preset("micro", MICRO, 4, 1e-3, 1.0))


def blobs(seed: int, count: int = 12, side: int = 60) -> FaceArrays:
    """Faces that are smooth blobs on a plain ground, of one hue, in many places."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side] / side - 0.5
    color = rng.uniform(60, 250, (2, 3, 1, 1))
    planes = np.zeros((count, 5, side, side), np.uint8)
    for plane in planes:
        u, v = rng.uniform(-0.12, 0.12, 2)
        inside = np.exp(-(((x - u) / 0.2) ** 4) - ((y - v) / 0.3) ** 4)
        plane[:3] = color[0] * inside + color[1] * (1 - inside)
        plane[3] = 255 * (inside > 0.5)
        plane[4] = 255 * (np.hypot(x - u, y - v) < 0.06)
    return FaceArrays((planes,), 1.3, "dfl_whole_face")


def learner(seed: int = 0, *, bf16: bool = False, flip: float = 0.3) -> Learner:
    return Learner(
        MICRO,
        blobs(1),
        blobs(2),
        batch=4,
        seed=seed,
        device=torch.device("cpu"),
        bf16=bf16,
        changes=augment.Augment(flip=flip),
    )


def losses(model: Learner, steps: int) -> list[float]:
    return [float(model.step(1e-3)[0]) for _ in range(steps)]


@pytest.mark.parametrize("bf16", [False, True])
def test_the_loss_goes_down(bf16: bool) -> None:
    course = losses(learner(bf16=bf16), 60)
    assert np.mean(course[-5:]) < 0.5 * np.mean(course[:5])


def test_the_same_seed_gives_the_same_losses_and_another_does_not() -> None:
    first = losses(learner(), 4)
    assert losses(learner(), 4) == first
    assert losses(learner(seed=1), 4) != first


def test_going_on_from_a_checkpoint_equals_never_having_stopped(tmp_path: Path) -> None:
    whole = learner()
    course = losses(whole, 10)
    part = learner()
    losses(part, 6)
    checkpoint.save(tmp_path, {"learner": part.state()})
    found = checkpoint.load(tmp_path)
    assert found is not None
    other = learner()
    losses(other, 3)
    other.restore(found[0]["learner"])
    assert losses(other, 4) == course[6:]
    for mine, theirs in zip(other.average, whole.average, strict=True):
        assert torch.equal(mine, theirs)


def test_the_average_trails_the_weights() -> None:
    model = learner()
    losses(model, 12)
    gaps = [float((a - w.detach()).abs().max()) for a, w in zip(model.average, model.parameters, strict=True)]
    assert 0.0 < max(gaps) < 0.1
    averaged = model.averaged()
    for weight, mean in zip(averaged.parameters(), model.average, strict=True):
        assert torch.equal(weight, mean)


def test_an_infinite_gradient_leaves_the_weights_alone() -> None:
    model = learner()
    losses(model, 2)
    before = [weight.detach().clone() for weight in model.parameters]
    with torch.no_grad():
        model.generator.get_parameter("encoder.stem.bias").fill_(float("inf"))
    before[0] = model.parameters[0].detach().clone()
    losses(model, 3)
    assert float(model.blown) == 3.0
    for weight, old in zip(model.parameters, before, strict=True):
        assert torch.equal(weight, old) or not torch.isfinite(weight).all()


# -- network -------------------------------------------------------------------------------------------------


FAMILIES = [replace(MICRO, family=family) for family in ("df", "liae", "duo")]


@pytest.mark.parametrize(
    "shape", [*FAMILIES, PRESETS["tiny"].shape, Shape(48, (32, 64, 64), 32, (64, 64, 32), 2, kernel=1)]
)
def test_the_multiply_adds_are_those_of_the_exported_layers(shape: Shape) -> None:
    proto = to_onnx(network.SwapPath(network.build(shape)).eval(), shape.resolution)
    inferred = onnx.shape_inference.infer_shapes(proto)
    sizes = {
        value.name: [dim.dim_value for dim in value.type.tensor_type.shape.dim]
        for value in inferred.graph.value_info
    }
    weights = {tensor.name: int(np.prod(tensor.dims)) for tensor in proto.graph.initializer}
    counted = 0.0
    for node in proto.graph.node:
        if node.op_type == "Conv":
            counted += weights[node.input[1]] * np.prod(sizes[node.output[0]][2:])
        elif node.op_type == "Gemm":
            counted += weights[node.input[1]]
    assert counted == network.multiply_adds(shape)


def test_families_of_one_shape_cost_the_same() -> None:
    costs = {network.multiply_adds(shape) for shape in FAMILIES}
    assert len(costs) == 1


@pytest.mark.parametrize("shape", FAMILIES, ids=lambda shape: shape.family)
def test_the_swap_path_draws_what_the_generator_does(shape: Shape) -> None:
    model = network.build(shape)
    noise = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(0.05 * torch.randn(weight.shape, generator=noise))
    face, other = torch.rand(2, 3, 32, 32), torch.rand(3, 3, 32, 32)
    swap, mask = network.SwapPath(model)(face)
    drawn = torch.sigmoid(model.draw(face, "source"))
    assert torch.allclose(torch.cat((swap, mask), dim=1), drawn, atol=compare.TORCH_EXPORT)
    assert not torch.allclose(drawn, torch.sigmoid(model.draw(face, "target")), atol=0.01)
    own, theirs = model(face, other)
    assert torch.allclose(own, model.draw(face, "source"), atol=compare.TORCH_EXPORT)
    assert torch.allclose(theirs, model.draw(other, "target"), atol=compare.TORCH_EXPORT)


@pytest.mark.parametrize("shape", FAMILIES, ids=lambda shape: shape.family)
def test_every_weight_of_a_family_learns(shape: Shape) -> None:
    model = Learner(shape, blobs(1), blobs(2), batch=2, seed=0, device=torch.device("cpu"), bf16=False)
    before = [weight.detach().clone() for weight in model.parameters]
    losses(model, 2)
    for old, new in zip(before, model.parameters, strict=True):
        assert not torch.equal(old, new)


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_presets_keep_to_their_compute(preset: str) -> None:
    shape = PRESETS[preset].shape
    ceiling = {64: 0.6e9, 96: 2.5e9, 128: 10e9, 224: 31e9, 320: 64e9, 512: 64e9}[shape.resolution]
    assert network.multiply_adds(shape) <= ceiling


def test_shapes_that_do_not_fit_together() -> None:
    with pytest.raises(TrainingError, match="no multiple"):
        Shape(50, (32, 32), 32, (32, 32))
    with pytest.raises(TrainingError, match="levels"):
        Shape(64, (32, 32, 32), 32, (32, 32))


# -- data ----------------------------------------------------------------------------------------------------


def planes_of(faces: FaceArrays) -> torch.Tensor:
    return torch.from_numpy(faces.planes).float() / 255.0


def cut(faces: FaceArrays, settings: augment.Augment, *, still: bool = False, seed: int = 0) -> augment.Batch:
    planes = planes_of(faces)
    rng = Rng(seed, torch.device("cpu"))
    colors = augment.identity_colors(len(planes), rng.device)
    return augment.sample(planes, colors, size=40, ratio=1.5, settings=settings, rng=rng, still=still)


def test_a_still_is_the_middle_of_the_stored_picture() -> None:
    faces = blobs(3, side=60)
    batch = cut(faces, augment.Augment(), still=True)
    middle = planes_of(faces)[:, :, 10:50, 10:50]
    assert torch.allclose(batch.face, middle[:, :3], atol=compare.TORCH_SAMPLE)
    assert torch.allclose(batch.mask, middle[:, 3:4], atol=compare.TORCH_SAMPLE)
    assert torch.allclose(batch.priority, middle[:, 4:], atol=compare.TORCH_SAMPLE)
    assert torch.equal(batch.warped, batch.face)


NOTHING = augment.Augment(
    turn=0,
    zoom=0,
    shift=0,
    warp=0,
    flip=0,
    transfer=0,
    gain=0,
    tint=0,
    offset=0,
    light=0,
    blur=0,
    noise=0,
    compression=0,
)


def test_each_change_does_what_it_says() -> None:
    faces = blobs(3)
    still = cut(faces, NOTHING, still=True)
    plain = cut(faces, NOTHING)
    assert torch.allclose(plain.face, still.face, atol=compare.TORCH_SAMPLE)
    assert torch.allclose(plain.warped, still.face, atol=compare.TORCH_SAMPLE)
    mirrored = cut(faces, augment.Augment(**{**_fields(NOTHING), "flip": 1.0}))
    assert torch.allclose(mirrored.face, still.face.flip(3), atol=compare.TORCH_SAMPLE)
    assert torch.allclose(mirrored.mask, still.mask.flip(3), atol=compare.TORCH_SAMPLE)
    warped = cut(faces, augment.Augment(**{**_fields(NOTHING), "warp": 0.05}))
    assert torch.allclose(warped.face, still.face, atol=compare.TORCH_SAMPLE)
    assert float((warped.warped - still.face).abs().max()) > 0.1
    tinted = cut(faces, augment.Augment(**{**_fields(NOTHING), "gain": 0.3}))
    assert torch.allclose(tinted.face, still.face, atol=compare.TORCH_SAMPLE)
    gain = tinted.warped.mean((1, 2, 3)) / still.face.mean((1, 2, 3))
    assert float(gain.std()) > 0.05
    moved = cut(faces, augment.Augment(**{**_fields(NOTHING), "turn": 20.0, "shift": 0.1, "zoom": 0.1}))
    assert torch.allclose(moved.warped, moved.face, atol=compare.TORCH_SAMPLE)
    assert float((moved.mask - still.mask).abs().mean()) > 0.01


def _fields(settings: augment.Augment) -> dict[str, float]:
    return {name: getattr(settings, name) for name in settings.__dataclass_fields__}


def test_a_colour_transfer_gives_the_others_statistics() -> None:
    rng = torch.Generator().manual_seed(0)
    mine = 0.3 + 0.1 * torch.rand(3, 3, 32, 32, generator=rng)
    theirs = 0.5 + 0.15 * torch.rand(3, 3, 32, 32, generator=rng)
    masks = (torch.rand(3, 1, 32, 32, generator=rng) > 0.5).float()
    own, other = augment.statistics(mine, masks), augment.statistics(theirs, masks)
    moved = augment.recolor(mine, augment.transfer(own, other))
    assert torch.allclose(augment.statistics(moved, masks), other, atol=compare.TORCH_COLOR)
    far = other * torch.tensor([1.0, 10.0])
    limited = augment.statistics(augment.recolor(mine, augment.transfer(own, far)), masks)
    assert float((limited[:, :, 1] / own[:, :, 1]).max()) <= 2.0 + compare.TORCH_COLOR


# -- loss ----------------------------------------------------------------------------------------------------


def test_ssim_equals_the_textbook() -> None:
    rng = np.random.default_rng(4)
    a = rng.uniform(0, 1, (24, 20))
    b = np.clip(a + rng.normal(0, 0.1, a.shape), 0, 1)
    ours = loss.ssim_map(*(torch.from_numpy(x)[None, None].float() for x in (a, b)), side=5)[0, 0].numpy()
    windows = [np.lib.stride_tricks.sliding_window_view(x, (5, 5)).reshape(20, 16, 25) for x in (a, b)]
    (mean_a, mean_b), (var_a, var_b) = ([f(w, axis=2) for w in windows] for f in (np.mean, np.var))
    covariance = np.mean(windows[0] * windows[1], axis=2) - mean_a * mean_b
    truth = (2 * mean_a * mean_b + 0.01**2) * (2 * covariance + 0.03**2)
    truth /= (mean_a**2 + mean_b**2 + 0.01**2) * (var_a + var_b + 0.03**2)
    np.testing.assert_allclose(ours[2:-2, 2:-2], truth, atol=compare.TORCH_SSIM)


def test_a_perfect_face_costs_nothing_and_faults_cost_where_they_matter() -> None:
    truth = cut(blobs(3), NOTHING)
    weights = loss.LossWeights()

    def cost(face: torch.Tensor, mask: torch.Tensor) -> dict[str, float]:
        logits = torch.logit(torch.cat((face, mask), dim=1).clamp(1e-6, 1 - 1e-6))
        return {name: float(part) for name, part in loss.face_loss(logits, truth, weights).items()}

    perfect = cost(truth.face, truth.mask)
    assert perfect["total"] < compare.TORCH_PERFECT
    grey = torch.full_like(truth.face, 0.5)
    everywhere = {
        name: cost(torch.where(where > 0.5, grey, truth.face), truth.mask)["total"]
        / float((where > 0.5).sum())
        for name, where in (("eyes", truth.priority), ("face", truth.mask), ("ground", 1 - truth.mask))
    }
    assert everywhere["eyes"] > everywhere["face"] > 2.0 * everywhere["ground"]
    assert cost(truth.face, 1 - truth.mask)["mask"] > 1.0
    assert set(perfect) == {"total", "pixel", "structure", "edge", "mask"}


# -- schedule ------------------------------------------------------------------------------------------------


def test_the_rate_rises_stays_and_falls() -> None:
    rates = [schedule.rate_factor(step, step / 1000) for step in range(1001)]
    assert rates[0] == pytest.approx(1 / schedule.WARM_UP)
    assert rates[: schedule.WARM_UP] == sorted(rates[: schedule.WARM_UP])
    assert {round(rate, 9) for rate in rates[schedule.WARM_UP : 600]} == {1.0}
    assert rates[600:] == sorted(rates[600:], reverse=True)
    assert rates[-1] == pytest.approx(schedule.FLOOR)


def test_the_stages_follow_each_other() -> None:
    course = schedule.Course(Stages(40, 40, 20, floor=0.2))
    places = [place / 100 for place in range(100)]
    assert [course.stage(place) for place in places] == ["warped"] * 40 + ["unwarped"] * 40 + ["gan"] * 20
    factors = [course.warp_factor(place) for place in places]
    assert set(factors[:41]) == {1.0}
    assert factors[68:] == pytest.approx([0.2] * 32)
    assert factors == sorted(factors, reverse=True)


def test_a_loss_that_falls_no_more_ends_the_stage() -> None:
    course = schedule.Course(Stages(50, 50, plateau=0.02))
    ended, step = [], 0
    while course.place(step / 1000) < 1.0:
        place = course.place(step / 1000)
        loss = max(1.0 - 4.0 * place, 0.4) if place < 0.5 else 0.4 * 0.99 ** (step / 5)
        stage = course.observe(place, loss)
        ended += [(stage, round(place, 2))] if stage else []
        step += 1
        if step == 100:
            other = schedule.Course(course.stages)
            other.restore(course.state())
            course = other
    assert [stage for stage, _ in ended] == ["warped"]
    assert 0.2 < ended[0][1] < 0.45
    assert step < 900
    never = schedule.Course(Stages(50, 50))
    assert not any(never.observe(place / 100, 1.0) for place in range(100))


def test_a_budget_counts_steps_or_seconds() -> None:
    assert schedule.Budget(200, None).spent(50, 999.0) == 0.25
    assert schedule.Budget(None, 60.0).spent(999_999, 15.0) == 0.25


# -- export --------------------------------------------------------------------------------------------------


def contract(resolution: int) -> Contract:
    return Contract(resolution=resolution, training={"steps": 3}, **ASKED)


@pytest.mark.parametrize("count", [1, 3])
def test_the_exported_file_computes_what_torch_computes(tmp_path: Path, count: int) -> None:
    model = learner()
    losses(model, 20)
    faces = model.stills("target", count).face.numpy()
    path = tmp_path / "model.onnx"
    report = export(model.averaged(), contract(32), path, faces)
    with torch.inference_mode():
        truth = [x.numpy() for x in network.SwapPath(model.averaged())(torch.from_numpy(faces))]
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    for ours, theirs in zip(session.run(["swap", "mask"], {"face": faces}), truth, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=compare.TORCH_EXPORT)
    assert load_contract(path) == contract(32)
    assert report.bytes == path.stat().st_size
    assert report.difference["f32"][0] < compare.TORCH_EXPORT
    assert report.difference.keys() == {"f32", "bf16", "f16"}
    assert report.speed["f32"] > 0.0


def test_the_file_holds_no_target_decoder(tmp_path: Path) -> None:
    generator = network.build(MICRO)
    proto = to_onnx(network.SwapPath(generator).eval(), 32)
    stored = sum(int(np.prod(tensor.dims)) for tensor in proto.graph.initializer)
    needed = sum(weight.numel() for weight in network.SwapPath(generator).parameters())
    assert needed * 0.99 < stored < needed + 200


def test_an_export_that_differs_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def drift(*arguments: object) -> list[np.ndarray]:
        return [values + np.float32(0.2) for values in run_onnx(*arguments)]  # type: ignore[arg-type]

    monkeypatch.setattr("fastswap.training.export.run_onnx", drift)
    with pytest.raises(TrainingError, match="differs from torch"):
        export(network.build(MICRO), contract(32), tmp_path / "m.onnx", np.zeros((1, 3, 32, 32), np.float32))
    assert not (tmp_path / "m.onnx").exists()


# -- the whole run -------------------------------------------------------------------------------------------


@pytest.fixture
def go(facesets: tuple[Path, Path], tmp_path: Path) -> Callable[..., object]:
    """`train` on the two small facesets, its model in a folder of the test."""

    def run(**options: object) -> object:
        asked = {"preset": "micro", "precision": "f32", "steps": 6, **ASKED, **options}
        return training.train(*facesets, tmp_path / "anna.onnx", **asked)  # type: ignore[arg-type]

    return run


def test_a_run_leaves_a_model_a_preview_a_checkpoint_and_a_history(
    go: Callable[..., training.TrainReport], tmp_path: Path
) -> None:
    said: list[Progress] = []
    report = go(progress=said.append)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["anna.onnx", "anna.training"]
    found = load_contract(tmp_path / "anna.onnx")
    assert (found.subject, found.consent, found.resolution) == ("Anna", "a synthetic person", 32)
    assert (found.training["steps"], found.training["preset"]) == (6, "micro")
    assert (found.training["source_faces"], found.training["target_faces"]) == (12, 12)
    grid = video.load_picture(report.preview)
    assert grid.shape == (6 * 96, 7 * 96, 3)
    lines = (tmp_path / "anna.training" / "history.jsonl").read_text().splitlines()
    assert json.loads(lines[-1])["step"] == 6
    assert said[-1].stage == "train"
    assert (said[-1].done, said[-1].total, said[-1].unit) == (6.0, 6.0, "steps")
    assert {"loss", "faces_per_second", "step"} <= said[-1].values.keys()
    assert not report.interrupted
    assert any("few" in notice for notice in report.notices)
    json.dumps(report.as_dict())


def test_a_longer_run_goes_on_from_the_shorter(go: Callable[..., training.TrainReport]) -> None:
    go(steps=3)
    report = go(steps=5)
    assert (report.resumed_at, report.steps) == (3, 5)
    assert go(steps=5).steps == 5
    assert go(steps=2, resume=False).steps == 2


def test_ctrl_c_saves_and_exports(go: Callable[..., training.TrainReport], tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGINT)

    def press(progress: Progress) -> None:
        if progress.values["step"] < 90_000:
            # Not os.kill: pytest's faulthandler gives signals a stack that is too small for AVX-512 registers.
            _thread.interrupt_main(signal.SIGINT)

    report = go(steps=100_000, progress=press)
    assert report.interrupted
    assert 0 < report.steps < 90_000
    assert load_contract(tmp_path / "anna.onnx").training["steps"] == report.steps
    assert signal.getsignal(signal.SIGINT) is before
    assert go(steps=report.steps + 2).resumed_at == report.steps


def test_a_damaged_checkpoint_falls_back_to_the_one_before(
    go: Callable[..., training.TrainReport], tmp_path: Path
) -> None:
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


def test_a_checkpoint_of_other_settings_is_not_mixed_in(
    go: Callable[..., training.TrainReport], monkeypatch: pytest.MonkeyPatch
) -> None:
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
    go: Callable[..., object],
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
