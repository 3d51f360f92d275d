"""What the network is shown, what it is measured by, and when."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import compare
from fastswap import actors
from fastswap.training import expression
from fastswap.training.proportions import MOST, widening, width_notices
from fastswap.training.recipe import Stages
from fastswap.training.store import FaceArrays, load_faces
from learning import NOTHING, blobs, learner, losses

torch = pytest.importorskip("torch", reason="training needs torch")

from fastswap.training import augment, degrade, loss, schedule  # noqa: E402
from fastswap.training.feed import Feed, pose_weights  # noqa: E402
from fastswap.training.learner import SHOWN, _known_error  # noqa: E402
from fastswap.training.rng import Rng  # noqa: E402


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


def spread(masks: torch.Tensor) -> tuple[float, float]:
    """Mean deviation of masks [N, 1, H, W] across and down."""
    rows, columns = (torch.arange(side, dtype=torch.float32) for side in masks.shape[2:])
    shares = masks / masks.sum((2, 3), keepdim=True)
    across, down = shares.sum(2)[:, 0], shares.sum(3)[:, 0]
    found = []
    for places, weights in ((columns, across), (rows, down)):
        mean = (weights * places).sum(1, keepdim=True)
        found.append(float((weights * (places - mean).square()).sum(1).sqrt().mean()))
    return found[0], found[1]


@pytest.mark.parametrize("target_width", [0.175, 0.23])
def test_the_source_is_made_as_wide_as_the_target_and_no_higher(target_width: float) -> None:
    source, target = replace(blobs(1), width=0.2), replace(blobs(2), width=target_width)
    plain = learner(faces=(source, target), changes=replace(NOTHING, proportions=0.0))
    fitted = learner(faces=(source, target), changes=replace(NOTHING, proportions=1.0))
    wanted = target_width / 0.2
    assert fitted.widen == {"source": pytest.approx(wanted), "target": 1.0}
    assert torch.equal(fitted.stills("target", 12).face, plain.stills("target", 12).face)
    chosen = np.arange(12)
    for before, after in (
        (plain.stills("source", 12), fitted.stills("source", 12)),
        tuple(
            each._batch("source", torch.from_numpy(source.planes), chosen, np.zeros(12, bool), 1.0)
            for each in (plain, fitted)
        ),
    ):
        (wide, high), (wider, as_high) = spread(before.mask), spread(after.mask)
        assert wider / wide == pytest.approx(wanted, abs=0.01)
        assert as_high / high == pytest.approx(1.0, abs=0.01)
    assert torch.equal(after.warped, after.face)


def test_small_differences_of_width_belong_to_the_person() -> None:
    known, unknown = replace(blobs(1), width=0.2), blobs(2)
    assert widening(known, unknown, 1.0) == widening(unknown, known, 1.0) == 1.0
    for ratio, wanted in ((1.04, 1.0), (0.97, 1.0), (1.13, 1.13), (0.88, 0.88), (2.0, math.exp(MOST))):
        assert widening(known, replace(unknown, width=0.2 * ratio), 1.0) == pytest.approx(wanted)
    between = widening(known, replace(unknown, width=0.2 * 1.08), 1.0)
    assert 1.0 < between < 1.08
    much = replace(unknown, width=0.2 * 1.13)
    assert widening(known, much, 0.5) == pytest.approx(1.13**0.5)
    assert "1.13 times as wide" in width_notices(known, much, 1.0)[0]
    assert width_notices(known, much, 0.0) == width_notices(known, unknown, 1.0) == []


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


def rates(course: schedule.Course, loss: Callable[[float], float], steps: int = 1000) -> list[float]:
    """Learning rates of a whole course; it goes through a checkpoint every 90 steps."""
    found: list[float] = []
    while (place := course.place(len(found) / steps)) < 1.0:
        found.append(schedule.rate_factor(len(found), course.decay(place)))
        course.observe(place, loss(place))
        if len(found) % 90 == 0:
            other = schedule.Course(course.stages)
            other.restore(course.state())
            course = other
    return found


@pytest.mark.parametrize(
    ("stages", "flat_from", "steps"),
    [
        (Stages(50, 50, plateau=0.02), 0.5, (600, 830)),  # before the decay began: what is left is the decay
        (Stages(50, 50, plateau=0.02), 0.7, (750, 970)),  # within it
        (Stages(50, 30, 20, plateau=0.02), 0.5, (500, 850)),  # two stages after each other
        (Stages(50, 50, plateau=0.02), 0.0, (200, 600)),
    ],
)
def test_a_rate_comes_down_whichever_stages_end_early(
    stages: Stages, flat_from: float, steps: tuple[int, int]
) -> None:
    found = rates(schedule.Course(stages), lambda place: max(1.0 - place, 1.0 - flat_from))
    assert steps[0] < len(found) < steps[1]
    assert found[-1] < 1.2 * schedule.FLOOR
    later = np.array(found[schedule.WARM_UP :])
    assert (np.diff(later) <= 1e-12).all()
    assert np.diff(later).min() > -0.02  # nowhere does it drop at once
    assert (later > 0.1).sum() > 0.05 * len(found)


def test_a_budget_that_grows_ends_the_haste() -> None:
    course = schedule.Course(Stages(50, 50, plateau=0.02))
    rates(course, lambda place: max(1.0 - place, 0.4), 1000)
    course = schedule.Course(Stages(50, 50, plateau=0.02))
    spent = 0.0
    while not course.closing:
        spent += 0.001
        course.observe(course.place(spent), max(1.0 - course.place(spent), 0.4))
    assert course.place(spent + 0.01) == pytest.approx(course.place(spent) + 0.02)
    half = spent / 2
    course.observe(course.place(half), 0.4)
    assert not course.closing
    assert course.place(half + 0.01) == pytest.approx(course.place(half) + 0.01)


def test_a_budget_counts_steps_or_seconds() -> None:
    assert schedule.Budget(200, None).spent(50, 999.0) == 0.25
    assert schedule.Budget(None, 60.0).spent(999_999, 15.0) == 0.25


# -- expressions ---------------------------------------------------------------------------------------------


def test_expressions_mean_the_same_for_both_persons(facesets: tuple[Path, Path]) -> None:
    """Both actors play poses and expressions; what the mesh tells of them is held against what they did."""
    for folder, seed in zip(facesets, (1, 2), strict=True):
        play = actors.performance("range", frames=12, fps=6.0, seed=seed)
        faces = load_faces([folder], 32, 1.0)
        assert faces.expressions is not None
        told = dict(zip(expression.NAMES, faces.expressions.T, strict=True))
        for name, did in (
            ("yaw", [pose.yaw for pose in play]),
            ("pitch", [pose.pitch for pose in play]),
            ("mouth open", [pose.jaw for pose in play]),
        ):
            assert np.corrcoef(told[name], did)[0, 1] > 0.8, name
        closed = [jaw for jaw, pose in zip(told["mouth open"], play, strict=True) if pose.jaw < 0.05]
        assert all(jaw < 0.8 for jaw in closed)


def test_a_mirrored_face_tells_a_mirrored_expression() -> None:
    faces = blobs(1)
    model = learner(batch=8, changes=replace(NOTHING, flip=0.5))
    chosen = np.arange(8)
    batch = model._batch("source", torch.from_numpy(faces.take(chosen)), chosen, np.zeros(8, bool), 1.0)
    assert batch.mirrored is not None
    assert batch.expression is not None
    assert faces.expressions is not None
    assert 0 < int(batch.mirrored.sum()) < 8
    for row, mirrored in enumerate(batch.mirrored.tolist()):
        was, now = faces.expressions[row], batch.expression[row].numpy()
        if not mirrored:
            assert np.array_equal(was, now)
            continue
        names = list(expression.NAMES)
        assert now[0] == -was[0]
        assert now[names.index("left brow")] == was[names.index("right brow")]
        assert now[names.index("left gaze")] == -was[names.index("right gaze")]
        assert now[names.index("mouth open")] == was[names.index("mouth open")]


def test_numbers_that_nobody_knows_are_not_learned() -> None:
    """Facesets of earlier versions have no gaze, and a closed eye has none: the rest is learned as ever."""
    faces = blobs(1), blobs(2)
    others = slice(0, expression.GAZE)
    for each in faces:
        assert each.expressions is not None
        each.expressions[::2, expression.GAZE :] = np.nan
    model = learner(faces=faces)
    figures = dict(zip(SHOWN, model.step(1e-3).tolist(), strict=True))
    assert figures["expression"] > 0.0
    assert figures["follow"] > 0.0
    assert all(np.isfinite(value) for value in losses(model, 3))
    told, truth = torch.zeros(2, expression.COUNT), torch.ones(2, expression.COUNT)
    truth[1] = torch.nan
    truth[0, others] = 3.0
    told.requires_grad_()
    error = _known_error(told, truth)
    error.backward()
    assert float(error.detach()) == pytest.approx((9.0 * expression.GAZE + 2.0) / expression.COUNT)
    assert told.grad is not None
    assert (told.grad[0] < 0.0).all()
    assert (told.grad[1] == 0.0).all()


def test_poses_come_equally_often() -> None:
    poses = np.array([[0, 0]] * 60 + [[40, 0]] * 10 + [[-40, 0]], np.float32)
    weights = pose_weights(poses, 71)
    assert weights.sum() == pytest.approx(1.0)
    assert weights[:60].sum() == pytest.approx(weights[60:70].sum(), rel=1e-6)
    assert weights[70] <= 8.0 / 71 * 1.5
    assert np.allclose(pose_weights(None, 4), 0.25)


def test_the_choice_of_faces_follows_from_the_step() -> None:
    feeds = [Feed(blobs(1), 4, (0, 0, side), torch.device("cpu"), by_pose=True) for side in (0, 0, 1)]
    assert np.array_equal(feeds[0].choice(7), feeds[1].choice(7))
    assert not np.array_equal(feeds[0].choice(7), feeds[0].choice(8))
    assert not np.array_equal(feeds[0].choice(7), feeds[2].choice(7))
    assert torch.equal(feeds[0].take(7), feeds[0].rows(feeds[0].choice(7)))


# -- degradation ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("change", ["light", "blur", "noise", "compression"])
def test_poor_footage_changes_the_input_and_not_what_is_drawn(change: str) -> None:
    settings = replace(NOTHING, **{change: 1.0 if change != "light" else 0.3})
    poor, clean = cut(blobs(3), settings), cut(blobs(3), NOTHING)
    assert torch.equal(poor.face, clean.face)
    gaps = (poor.warped - clean.warped).abs().amax((1, 2, 3))
    assert float(gaps.max()) > 1e-3
    assert float(poor.warped.min()) >= 0.0
    assert float(poor.warped.max()) <= 1.0
    none = cut(blobs(3), replace(settings, **{change: 0.0}))
    assert torch.equal(none.warped, clean.warped)


def test_compression_is_the_transform_that_it_says() -> None:
    faces = torch.rand(2, 3, 20, 20, generator=torch.Generator().manual_seed(1))
    fine = degrade._compressed(faces, FixedStep(1e-4))
    assert torch.allclose(fine, faces, atol=compare.TORCH_BLOCK)
    coarse = degrade._compressed(faces, FixedStep(10.0))
    assert float((coarse[:, :, :8, :8] - coarse[:, :, :8, :8].mean((2, 3), keepdim=True)).abs().max()) < 1e-4


class FixedStep(Rng):
    """Random numbers that choose one strength of compression."""

    def __init__(self, step: float) -> None:
        super().__init__(0, torch.device("cpu"))
        low, high = (np.log(bound) for bound in degrade.QUANTISER)
        self.value = float(2.0 * (np.log(step) - low) / (high - low) - 1.0)

    def uniform(self, *shape: int) -> torch.Tensor:
        return torch.full(shape, self.value)


def test_scales_of_structure_are_means_over_sizes() -> None:
    rng = torch.Generator().manual_seed(0)
    a, b = torch.rand(2, 1, 32, 32, generator=rng), torch.rand(2, 1, 32, 32, generator=rng)
    even = torch.ones_like(a)
    halves = [torch.nn.functional.avg_pool2d(x, 2) for x in (a, b)]
    parts = [float((1 - loss.ssim_map(x, y, 5)).mean()) for x, y in ((a, b), halves)]
    assert float(loss.structure(a, b, even, 2)) == pytest.approx(np.mean(parts), abs=compare.TORCH_SSIM)


def test_style_is_about_colour_and_light_and_not_about_detail() -> None:
    truth = cut(blobs(3), NOTHING)
    same = float(loss.style_loss(truth.face, truth.face, truth.mask))
    brighter = float(loss.style_loss((truth.face + 0.1).clamp(0, 1), truth.face, truth.mask))
    noise = 0.02 * torch.randn(truth.face.shape, generator=torch.Generator().manual_seed(2))
    assert same < 1e-6
    assert brighter > 10.0 * float(loss.style_loss(truth.face + noise, truth.face, truth.mask))
