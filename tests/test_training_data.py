"""What the network is shown, what it is measured by, and when."""

from __future__ import annotations

import numpy as np
import pytest

import compare
from fastswap.training.recipe import Stages
from fastswap.training.store import FaceArrays
from learning import NOTHING, blobs

torch = pytest.importorskip("torch", reason="training needs torch")

from fastswap.training import augment, loss, schedule  # noqa: E402
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


def test_a_budget_counts_steps_or_seconds() -> None:
    assert schedule.Budget(200, None).spent(50, 999.0) == 0.25
    assert schedule.Budget(None, 60.0).spent(999_999, 15.0) == 0.25
