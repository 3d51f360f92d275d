"""Parted lips are found and closed, and the source's faces are shown that the target asks for."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from fastswap import actors, video
from fastswap.bench import exam
from fastswap.detect import Detector, Mesh
from fastswap.training import expression, lips, repertoire
from fastswap.training.demand import demand
from fastswap.training.store import FaceArrays, load_faces
from learning import NOTHING, blobs, learner

torch = pytest.importorskip("torch", reason="training needs torch")

from fastswap.training.closing import ABOVE, BELOW, close  # noqa: E402
from fastswap.training.feed import Feed  # noqa: E402

SIDE = 256
SCENE = actors.Scene(size=(SIDE, SIDE), face_px=130)


@lru_cache(maxsize=1)
def models() -> tuple[Detector, Mesh]:
    return Detector(), Mesh()


def seen(rgb: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Landmarks of the face in a picture, in sides of it."""
    landmarks = exam.landmarks_of(video.frame_from_rgb(rgb), *models())
    assert landmarks is not None
    return landmarks.astype(np.float64) / SIDE


def gap(points: NDArray[np.float64]) -> float:
    """Of the lips, in distances of the outer eye corners."""
    one = points[None]
    return float(
        expression.distance(one, *expression.LIPS)[0] / expression.distance(one, *expression.OUTER_EYES)[0]
    )


def closed(rgb: NDArray[np.uint8], found: NDArray[np.float32]) -> NDArray[np.uint8]:
    picture = torch.from_numpy(rgb).permute(2, 0, 1)[None].float()
    grid = torch.nn.functional.affine_grid(torch.eye(2, 3)[None], [1, 3, SIDE, SIDE], align_corners=False)
    shown = torch.nn.functional.grid_sample(
        picture, close(grid, torch.from_numpy(found)), padding_mode="border", align_corners=False
    )
    return np.ascontiguousarray(shown[0].permute(1, 2, 0).round().to(torch.uint8).numpy())


@pytest.mark.parametrize("who", [actors.ANNA, actors.BO, actors.CLEO])
@pytest.mark.parametrize(("yaw", "roll"), [(0.0, 0.0), (20.0, 15.0)])
def test_the_mesh_sees_closed_lips_and_the_same_face(who: actors.Identity, yaw: float, roll: float) -> None:
    pose = actors.Pose(jaw=0.25, smile=0.6, yaw=yaw, roll=roll)
    rgb = actors.render_frame(who, pose, SCENE).rgb
    before = seen(rgb)
    found = lips.measure(before[None])
    assert found.shape == (1, lips.SIZE)
    after = seen(closed(rgb, found))
    assert gap(before) > 0.05
    assert gap(after) < 0.5 * gap(before)
    eyes_and_nose = [*expression.OUTER_EYES, 1, 168]
    moved = np.linalg.norm((after - before)[eyes_and_nose, :2], axis=1)
    assert moved.max() * SIDE < 2.0


def drawn(gap: float, *, tilt: float = 0.0) -> NDArray[np.float64]:
    """Landmarks of a face of which only the eyes' corners and the rims of the lips count; gap in half widths."""
    points = np.zeros((1, 468, 3))
    points[0, expression.OUTER_EYES[0]], points[0, expression.OUTER_EYES[1]] = (0.3, 0.4, 0), (0.7, 0.4, 0)
    angles = np.linspace(np.pi, 0.0, len(lips.UPPER))
    lean = np.array([[np.cos(tilt), -np.sin(tilt)], [np.sin(tilt), np.cos(tilt)]])
    for rim, sign in ((lips.UPPER, -1.0), (lips.LOWER, 1.0)):
        flat = 0.1 * np.stack((np.cos(angles), sign * gap / 2.0 * np.sin(angles)), axis=1)
        points[0, list(rim), :2] = flat @ lean.T + (0.5, 0.7)
    return points


@pytest.mark.parametrize(
    ("gap", "tilt", "parts"),
    [(0.3, 0.0, True), (0.3, 0.06, True), (0.02, 0.0, False), (0.9, 0.0, False), (0.3, 0.3, False)],
)
def test_only_lips_that_a_warp_can_close_are_told(gap: float, tilt: float, parts: bool) -> None:
    found = lips.measure(drawn(gap, tilt=tilt))[0]
    assert found[:2] == pytest.approx([0.0, 0.4], abs=1e-6)
    assert np.hypot(*found[2:4]) == pytest.approx(0.2, abs=1e-6)
    upper, lower = found[4:].reshape(2, lips.NODES)
    assert bool((lower - upper).any()) is parts
    if parts:
        assert (lower - upper).max() == pytest.approx(gap, rel=0.02)
        assert (lower - upper)[[0, -1]] == pytest.approx([0.0, 0.0], abs=1e-3)


def test_the_warp_leaves_out_what_lies_between_the_lips_and_nothing_else() -> None:
    found = torch.from_numpy(lips.measure(drawn(0.5)))
    half = 0.2
    down = torch.linspace(-1.0, 1.0, 2001)
    column = torch.stack((torch.zeros_like(down), down), dim=1)[None, :, None]
    places = close(column, found)[0, :, 0]
    assert torch.equal(places[:, 0], torch.zeros_like(down))
    steps = places[1:, 1] - places[:-1, 1]
    assert float(steps.min()) > 0.0  # nothing is folded over
    assert int((steps > 0.05).sum()) == 1  # one jump: from lip to lip
    jump = int(steps.argmax())
    assert float(places[jump, 1]) == pytest.approx(0.4 - 0.25 * half, abs=0.003)
    assert float(places[jump + 1, 1]) == pytest.approx(0.4 + 0.25 * half, abs=0.003)
    far = (down < 0.4 - (0.25 + ABOVE) * half) | (down > 0.4 + (0.25 + BELOW) * half)
    assert torch.equal(places[far], column[0, far, 0])
    beside = column + torch.tensor([1.01 * half, 0.0])
    assert torch.allclose(close(beside, found), beside, atol=1e-6)
    shut = torch.from_numpy(lips.measure(drawn(0.0)))
    assert torch.equal(close(column, shut), column)


def test_closed_lips_are_shown_and_told(facesets: tuple[Path, Path]) -> None:
    faces = load_faces([facesets[0]], 32, 1.0)
    assert faces.lips is not None
    assert faces.expressions is not None
    parted = lips.parted(faces.lips)
    assert parted.any()
    assert not parted.all()
    made = learner(faces=(faces, blobs(2)), changes=NOTHING)
    planes, chosen = torch.from_numpy(faces.planes.copy()), np.arange(len(faces))
    plain, shut = (
        made._batch("source", planes, chosen, closed, 1.0) for closed in (np.zeros_like(parted), parted)
    )
    assert plain.expression is not None
    assert shut.expression is not None
    changed = (plain.face - shut.face).abs().amax((1, 2, 3)) > 1e-3
    assert changed.tolist() == parted.tolist()
    assert torch.equal(shut.face, shut.warped)
    opening = shut.expression[:, expression.MOUTH_OPEN]
    assert (opening[torch.from_numpy(parted)] == 0.0).all()
    others = [i for i in range(expression.COUNT) if i != expression.MOUTH_OPEN]
    assert np.array_equal(plain.expression[:, others], shut.expression[:, others], equal_nan=True)


# -- whose lips ------------------------------------------------------------------------------------------------


def doing(numbers: list[tuple[float, float]], *, parts: list[bool] | None = None) -> FaceArrays:
    """Faces that look ahead with these openings and raised corners of the mouth and do nothing else. parts: whose lips
    a warp can close."""
    shown = np.zeros((len(numbers), len(repertoire.NAMES)), np.float32)
    shown[:, [0, 2]] = numbers
    shown[:, 4:6] = 1.0
    measured = np.zeros((len(numbers), lips.SIZE), np.float32)
    measured[:, 4:] = np.array(parts or [False] * len(numbers))[:, None]
    poses = np.zeros((len(numbers), 2), np.float32)
    return FaceArrays((), 1.3, "dfl_whole_face", poses=poses, repertoire=shown, lips=measured)


REST, LAUGH, SMILE = (0.2, 0.0), (0.6, 0.06), (0.2, 0.06)


def test_the_target_asks_for_faces_that_do_the_same() -> None:
    source = doing([REST] * 10 + [SMILE] * 10 + [LAUGH] * 10, parts=[False] * 20 + [True] * 10)
    for asked, rows in ((REST, slice(0, 10)), (SMILE, slice(10, 20)), (LAUGH, slice(20, 30))):
        found = demand(source, doing([asked] * 5))
        assert found is not None
        assert found.shape == (2, 30)
        assert found[0, rows].sum() == pytest.approx(1.0)  # really closed lips go before made ones
    mixed = demand(source, doing([REST] * 30 + [SMILE] * 10))
    assert mixed is not None
    assert mixed[0, :10].sum() == pytest.approx(0.75)


def test_a_source_that_squints_is_drawn_where_it_does_not() -> None:
    source, target = doing([REST] * 40), doing([REST] * 5)
    for faces, gaze in ((source, (0.1, -0.1)), (target, (-0.02, 0.02))):
        assert faces.repertoire is not None
        faces.repertoire[:, 8:] = gaze
    assert source.repertoire is not None
    source.repertoire[30:, 8:] = 0.0
    found = demand(source, target)
    assert found is not None
    assert found[0, 30:].sum() == pytest.approx(1.0)


def test_laughs_stand_in_with_closed_lips_where_smiles_lack() -> None:
    laughing = doing([REST] * 10 + [LAUGH] * 10, parts=[False] * 10 + [True] * 10)
    found = demand(laughing, doing([SMILE] * 5))
    assert found is not None
    assert found[1, 10:].sum() == pytest.approx(1.0)
    held = demand(replace(laughing, lips=np.zeros((20, lips.SIZE), np.float32)), doing([SMILE] * 5))
    assert held is not None
    assert held[1].sum() == 0.0


def test_nothing_is_asked_of_faces_that_nothing_is_known_of() -> None:
    known = doing([REST] * 10)
    turned = replace(known, repertoire=np.full((10, len(repertoire.NAMES)), np.nan, np.float32))
    for source, target in ((known, blobs(1)), (blobs(1), known), (turned, known), (known, turned)):
        assert demand(source, target) is None
    assert demand(doing([REST] * 3), known) is None


def test_a_feed_shows_what_is_asked_for_and_poses_beside_it() -> None:
    faces = blobs(1, count=20)
    wanted = np.zeros((2, 20))
    wanted[0, 3], wanted[1, 7] = 0.25, 0.75
    feed = Feed(faces, 4, (0, 0, 0), torch.device("cpu"), by_pose=False, wanted=wanted, share=0.8)
    seen = np.concatenate([np.stack((feed.choice(step), feed.closed(step))) for step in range(1000)], axis=1)
    closed = seen[1].astype(bool)
    assert set(seen[0, closed]) == {7}
    assert closed.mean() == pytest.approx(0.6, abs=0.03)
    assert (seen[0, ~closed] == 3).mean() == pytest.approx((0.2 + 0.2 / 20) / 0.4, abs=0.04)
    assert set(seen[0]) == set(range(20))
    plain = Feed(faces, 4, (0, 0, 0), torch.device("cpu"), by_pose=False)
    assert not any(plain.closed(step).any() for step in range(20))
