"""Which faces are swapped."""

from __future__ import annotations

import numpy as np
import pytest

from fastswap.errors import SettingsError
from fastswap.faces import Face, FrameFaces
from fastswap.select import parse_selection


def face(track: int, x: float, y: float, size: float) -> Face:
    unit = np.random.default_rng(0).uniform(0, 1, (468, 3))
    unit[:2] = [[0, 0, 0], [1, 1, 0]]
    return Face(track, 1.0, ((unit - 0.5) * size + [x, y, 0]).astype(np.float32))


def frame(index: int, *faces: Face, cut: bool = False) -> FrameFaces:
    return FrameFaces(index, index, index / 25, cut or index == 0, faces)


SMALL, LARGE = face(0, 100, 100, 50), face(1, 400, 120, 90)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("all", [0, 1]), ("largest", [1]), ("track:0", [0]), ("track:1", [1]), ("track:9", [])],
)
def test_choices(text: str, expected: list[int]) -> None:
    selection = parse_selection(text)
    assert not selection.needs_full_analysis
    assert [f.track for f in selection(frame(0, SMALL, LARGE))] == expected
    assert selection(frame(1)) == ()
    assert selection.resolve([]) is selection


def test_the_largest_does_not_flicker_between_two() -> None:
    selection = parse_selection("largest")
    sizes = [(100, 90), (100, 105), (100, 110), (100, 125), (100, 95)]
    chosen = [
        selection(frame(i, face(0, 0, 0, a), face(1, 300, 0, b)))[0].track for i, (a, b) in enumerate(sizes)
    ]
    assert chosen == [0, 0, 0, 1, 1]  # moves on when another face is clearly larger, and then stays with that
    assert selection(frame(5, face(0, 0, 0, 100), face(1, 300, 0, 95), cut=True))[0].track == 0  # a new shot


@pytest.mark.parametrize(
    ("text", "track"),
    [
        ("at:0,100,100", 0),
        ("at:0.0,399,121", 1),
        ("at:0.05,100,100", 2),
        ("at:99, 100 ,100", 2),
        ("at:0,150,100", 0),
    ],
)
def test_a_point_in_time_becomes_a_track(text: str, track: int) -> None:
    analysis = [frame(0, SMALL, LARGE), frame(1, face(2, 100, 100, 60), LARGE)]
    selection = parse_selection(text)
    assert selection.needs_full_analysis
    with pytest.raises(SettingsError, match="whole video"):
        selection(analysis[0])
    resolved = selection.resolve(iter(analysis))
    assert not resolved.needs_full_analysis
    assert [f.track for f in resolved(frame(3, SMALL, LARGE, face(2, 0, 0, 9)))] == [track]


def test_overlapping_faces_the_nearer_middle_wins() -> None:
    behind, front = face(0, 100, 100, 80), face(1, 130, 100, 80)
    for x, track in ((105, 0), (128, 1)):
        resolved = parse_selection(f"at:0,{x},100").resolve([frame(0, behind, front)])
        assert [f.track for f in resolved(frame(0, behind, front))] == [track]


@pytest.mark.parametrize("text", ["at:0,900,700", "at:2,100,100"])
def test_no_face_there(text: str) -> None:
    analysis = [frame(0, SMALL), frame(50)]
    with pytest.raises(SettingsError, match="no face") as caught:
        parse_selection(text).resolve(analysis)
    assert text in str(caught.value)


@pytest.mark.parametrize(
    "text",
    ["", "some", "all:", "largest:2", "track", "track:", "track:-1", "track:x", "track:1.5", "at:1", "at:1,2",
     "at:-1,2,3", "at:nan,1,1", "at:1,inf,1", "at:1,2,3,4"],
)  # fmt: skip
def test_what_makes_no_sense_is_named(text: str) -> None:
    with pytest.raises(SettingsError, match="all, largest, track:N, at:SECONDS,X,Y or ref:PICTURE") as caught:
        parse_selection(text)
    assert repr(text) in str(caught.value)
