"""The mesh that looks at the swaps in training: it sees what a face does, and what it says betters a drawing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fastswap.errors import WeightsError
from fastswap.training import expression, presets
from fastswap.training.recipe import Augment
from fastswap.training.store import FaceArrays, load_faces
from learning import MICRO, MICRO_PRESET, Go, learner, losses

torch = pytest.importorskip("torch", reason="training needs torch")

from fastswap.training import augment  # noqa: E402
from fastswap.training.learner import SHOWN, Learner  # noqa: E402
from fastswap.training.onlooker import NUMBERS, Onlooker  # noqa: E402
from fastswap.training.rng import Rng  # noqa: E402

SIDE = 96


@pytest.fixture(scope="module")
def arrays(facesets: tuple[Path, Path]) -> tuple[FaceArrays, FaceArrays]:
    """Anna and Bo for a generator of 96 px."""
    anna, bo = (load_faces([folder], SIDE, 1.0) for folder in facesets)
    return anna, bo


def shown(faces: FaceArrays, *, widen: float = 1.0) -> augment.Batch:
    """All faces as the renderer would crop them."""
    planes = torch.from_numpy(faces.planes.copy()).float() / 255.0
    colors = augment.identity_colors(len(planes), planes.device)
    rng = Rng(0, planes.device)
    return augment.sample(
        planes, colors, size=SIDE, ratio=faces.ratio, settings=Augment(), rng=rng, still=True, widen=widen
    )


@pytest.mark.parametrize("widen", [1.0, 1.15])
def test_it_sees_what_the_analysis_saw(arrays: tuple[FaceArrays, FaceArrays], widen: float) -> None:
    """In the small crop, also in one that is widened, as in the footage."""
    for faces in arrays:
        assert faces.expressions is not None
        crops = shown(faces, widen=widen).face
        with torch.no_grad():
            told = Onlooker([crops], widen, crops.device, mirrored=False).look(crops).numpy()
        truth = faces.expressions[:, NUMBERS]
        for number, name in enumerate(expression.NAMES[NUMBERS]):
            if name in ("mouth open", "smile", "left brow"):
                assert np.corrcoef(told[:, number], truth[:, number])[0, 1] > 0.7, name


def test_tensors_and_arrays_measure_the_same() -> None:
    points = np.random.default_rng(0).normal(size=(5, 468, 3))
    told = expression.shown(torch.from_numpy(points))
    for one, other in zip(expression.shown(points), told, strict=True):
        assert np.allclose(one, other.numpy(), rtol=1e-12)
    gain, offset = expression.at_rest(np.stack(told, axis=1))
    numbers = expression.measure(points, np.zeros((5, 2), np.float32), np.zeros((5, 2), np.float32))
    assert np.allclose(np.stack(told, axis=1) * gain + offset, numbers[:, NUMBERS], atol=1e-6)


def test_rest_of_a_person_who_is_mirrored_half_the_time() -> None:
    """As if each face were there a second time, mirrored; of what is about a median that is the mean of both."""
    rest = expression.at_rest(
        np.stack(expression.shown(np.random.default_rng(1).normal(size=(40, 468, 3))), axis=1)
    )
    even = expression.evened(rest)
    names = expression.NAMES[NUMBERS]
    right, left = names.index("right brow"), names.index("left brow")
    assert even[1, right] == even[1, left] == pytest.approx((rest[1, right] + rest[1, left]) / 2)
    assert even[1, names.index("lopsided")] == 0.0
    assert (even[0] > 0.0).all()
    assert np.allclose(expression.evened(even), even)


def test_a_drawing_gets_nearer_to_what_is_wanted(arrays: tuple[FaceArrays, FaceArrays]) -> None:
    """Anna at rest in the place of Bo's faces; a few steps down the slope bring her to do what Bo does there."""
    anna, bo = arrays
    assert bo.expressions is not None
    own, other = shown(anna), shown(bo)
    onlooker = Onlooker([own.face], 1.0, own.face.device, mirrored=False)
    wanted = torch.from_numpy(bo.expressions)
    drawn = own.face[:1].repeat(len(wanted), 1, 1, 1).requires_grad_()
    optimizer = torch.optim.Adam([drawn], lr=0.02)
    errors = []
    for _ in range(6):
        optimizer.zero_grad()
        error = onlooker.error(drawn, other.face, other.mask, wanted)
        error.backward()  # type: ignore[no-untyped-call]
        errors.append(float(error.detach()))
        optimizer.step()
    assert errors[-1] < 0.8 * errors[0]
    inside = other.mask[:1] > 0.0
    assert drawn.grad is not None
    assert float((drawn.grad[:1] * ~inside).abs().max()) == 0.0  # nobody sees the rest


def test_a_step_is_watched_where_it_is_asked_for(arrays: tuple[FaceArrays, FaceArrays]) -> None:
    shape = replace(MICRO, resolution=SIDE)

    def figures(**options: object) -> dict[str, float]:
        model = learner(faces=arrays, shape=shape, batch=5, **options)
        return dict(zip(SHOWN, model.step(1e-3).tolist(), strict=True))

    assert figures(watched=True)["onlooker"] > 0.0
    assert figures(watched=True, changes=replace(Augment(), flip=0.5))["onlooker"] > 0.0
    assert figures(watched=True, accumulate=2)["onlooker"] > 0.0
    assert figures(watched=False)["onlooker"] == 0.0


def test_what_it_says_moves_the_weights(arrays: tuple[FaceArrays, FaceArrays]) -> None:
    models = [
        learner(faces=arrays, shape=replace(MICRO, resolution=SIDE), watched=watched)
        for watched in (True, False)
    ]
    for model in models:
        losses(model, 2)
    gaps = [
        float((one - other).detach().abs().max())
        for one, other in zip(*(m.parameters for m in models), strict=True)
    ]
    assert max(gaps) > 1e-4


def test_who_is_watched() -> None:
    assert all(preset.watched for preset in presets.PRESETS.values())
    assert not MICRO_PRESET.watched
    duo = presets.PRESETS["tiny"]
    assert not replace(duo, shape=replace(duo.shape, family="df")).watched


def test_a_watched_training_resumes_exactly(arrays: tuple[FaceArrays, FaceArrays]) -> None:
    def fresh() -> Learner:
        return learner(faces=arrays, shape=replace(MICRO, resolution=SIDE), watched=True)

    whole, first, then = fresh(), fresh(), fresh()
    expected = losses(whole, 4)
    begun = losses(first, 2)
    then.restore(first.state())
    assert begun + losses(then, 2) == expected


def test_a_whole_training_is_watched(go: Go, monkeypatch: pytest.MonkeyPatch) -> None:
    watched = replace(MICRO_PRESET, weights=presets.PRESETS["tiny"].weights)
    monkeypatch.setitem(presets.PRESETS, "micro", watched)
    assert go(steps=2).losses["onlooker"] > 0.0


def test_a_mesh_that_cannot_be_had_is_told(go: Go, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    watched = replace(MICRO_PRESET, weights=presets.PRESETS["tiny"].weights)
    monkeypatch.setitem(presets.PRESETS, "micro", watched)
    (tmp_path / "nothing").mkdir()
    monkeypatch.setenv("FASTSWAP_WEIGHTS", str(tmp_path / "nothing"))
    with pytest.raises(WeightsError, match="nothing"):
        go(steps=2)
