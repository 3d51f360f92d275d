"""What is measured of faces over time: averages, motion, and how far they look."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from fastswap.look import MOST_STEADY, Look
from fastswap.steady import Seen, SeenFace, average, motion, weights, with_neighbours


def film(count: int, *, cuts: Sequence[int] = (), gaps: Sequence[int] = (), seed: int = 0) -> list[Seen]:
    """Frames with track 3 in all but the gaps, and random numbers and places."""
    rng = np.random.default_rng(seed)
    frames = []
    for i in range(count):
        place = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]) + 0.1 * rng.normal(size=(2, 3))
        face = SeenFace((rng.normal(size=(2, 4)), rng.normal(size=3)), place)
        frames.append(Seen(i in cuts, {} if i in gaps else {3: face}))
    return frames


@pytest.mark.parametrize("reach", [0, 1, 4, MOST_STEADY])
def test_an_average_is_the_weighted_mean_of_the_unbroken_run(reach: int) -> None:
    frames = film(30, cuts=[9], gaps=[20])
    for now in (0, 3, 8, 9, 14, 19, 21, 29):
        got = average(frames, now, 3, reach)
        start, end = (0, 9) if now < 9 else (9, 20) if now < 20 else (21, 30)
        run = [i for i in range(start, end) if abs(i - now) <= reach]
        share = np.array([1.0 - (abs(i - now) / (reach + 1)) ** 2 for i in run])
        for kind in range(2):
            values = np.stack([frames[i].faces[3].measured[kind] for i in run])
            want = np.tensordot(share / share.sum(), values, 1)
            assert np.abs(got[kind] - want).max() < 1e-12


def test_weights_fall_to_zero_beyond_the_reach() -> None:
    assert weights(0).tolist() == [1.0]
    assert (np.diff(weights(6)) < 0).all()
    assert weights(6)[-1] > 0.0


def test_motion_is_the_mean_of_both_steps() -> None:
    """In crop pixels: a crop that is twice as large on screen moves half as far."""
    places = [np.array([[2.0, 0.0, x], [0.0, 2.0, 0.0]]) for x in (0.0, 6.0, 8.0)]
    frames = [Seen(False, {1: SeenFace((), place)}) for place in places]
    assert np.allclose(motion(frames, 1, 1), [[0.0, 0.0, 2.0], [0.0, 0.0, 0.0]])
    assert np.allclose(motion(frames, 0, 1), [[0.0, 0.0, 3.0], [0.0, 0.0, 0.0]])
    assert np.allclose(motion(frames, 2, 1), [[0.0, 0.0, 1.0], [0.0, 0.0, 0.0]])
    cut = [Seen(i == 1, frame.faces) for i, frame in enumerate(frames)]
    assert np.allclose(motion(cut, 1, 1), [[0.0, 0.0, 1.0], [0.0, 0.0, 0.0]])
    assert not motion([frames[0]], 0, 1).any()
    grows = [Seen(False, {1: SeenFace((), np.array([[s, 0, 0], [0, s, 0]]))}) for s in (1.0, 1.1)]
    assert np.allclose(motion(grows, 0, 1) @ (10.0, 20.0, 1.0), (1.0, 2.0))


def results(frames: Sequence[Seen], sizes: Sequence[int], reach: int) -> list[NDArray[np.float64]]:
    """What each frame's face gets when frames come in groups."""
    groups, at = [], 0
    for size in sizes:
        groups.append(list(frames[at : at + size]))
        at += size
    assert at == len(frames)

    def result(seen: Sequence[Seen], now: int, track: int) -> NDArray[np.float64]:
        place = motion(seen, now, track).ravel() if reach else np.zeros(6)
        return np.concatenate([*(part.ravel() for part in average(seen, now, track, reach)), place])

    out = []
    for group, faces in with_neighbours(groups, lambda group: group, reach, result):
        assert len(group) == len(faces)
        out += [face.get(3, np.zeros(0)) for face in faces]
    return out


@pytest.mark.parametrize("reach", [0, 1, 5])
def test_a_stream_gives_what_the_whole_film_gives(reach: int) -> None:
    """However the frames are grouped; and a part with `reach` more frames on either side gives the same bytes."""
    frames = film(40, cuts=[13], gaps=[22, 23])
    whole = results(frames, [40], reach)
    for sizes in ([1] * 40, [3] * 13 + [1], [17, 0, 20, 3]):
        assert all(np.array_equal(a, b) for a, b in zip(whole, results(frames, sizes, reach), strict=True))
    for start, end in ((0, 10), (10, 20), (15, 31), (30, 40)):
        first, last = max(0, start - reach), min(40, end + reach)
        part = results(frames[first:last], [last - first], reach)[start - first : end - first]
        assert all(np.array_equal(a, b) for a, b in zip(whole[start:end], part, strict=True))


def test_items_wait_no_longer_than_they_must() -> None:
    frames = film(20)
    asked = 0

    def source() -> Sequence[list[Seen]]:
        nonlocal asked
        for frame in frames:
            asked += 1
            yield [frame]  # type: ignore[misc]

    for done, _ in enumerate(with_neighbours(source(), lambda group: group, 6, lambda *_: None)):
        assert asked <= min(20, done + 7)


def test_a_look_says_how_far_it_looks() -> None:
    assert Look(steady=0).reach == 0
    assert Look(steady=5).reach == 5
    assert Look(steady=5, color="none", sharpness=0.0).reach == 0
    assert Look(steady=5, color="none", sharpness=0.5).reach == 5
    assert Look(steady=0, motion_blur=0.5).reach == 1
    assert Look(steady=MOST_STEADY).reach == MOST_STEADY
