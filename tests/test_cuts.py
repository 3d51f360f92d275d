"""Shot cuts: found where they are, and nowhere else."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest
from numpy.typing import NDArray

from fastswap.cuts import ShotCuts
from fastswap.frame import ColorSpec, Frame, identity_affine

U8 = NDArray[np.uint8]
HEIGHT, WIDTH = 180, 320


def texture(seed: int, height: int = 400, width: int = 1600) -> NDArray[np.float64]:
    """A scene: smooth blobs of all sizes, luma of about 30 to 220."""
    rng = np.random.default_rng(seed)
    picture = np.zeros((height, width))
    for cells in (3, 7, 17, 41):
        coarse = rng.normal(size=(cells + 1, 4 * cells + 1))
        y, x = np.linspace(0, cells - 1e-6, height), np.linspace(0, 4 * cells - 1e-6, width)
        i, j = y.astype(int), x.astype(int)
        fy, fx = (y - i)[:, None], (x - j)[None]
        rows = coarse[i] * (1 - fy) + coarse[i + 1] * fy
        picture += (rows[:, j] * (1 - fx) + rows[:, j + 1] * fx) / np.sqrt(cells)
    return np.asarray(125 + 38 * picture / picture.std() + 25 * np.tanh(rng.normal()))


def view(
    scene: NDArray[np.float64], x: float = 0.0, y: float = 0.0, zoom: float = 1.0
) -> NDArray[np.float64]:
    rows = (np.arange(HEIGHT) / zoom + y).astype(int)
    columns = (np.arange(WIDTH) / zoom + x).astype(int)
    return np.asarray(scene[rows][:, columns])


def coded(luma: NDArray[np.float64]) -> U8:
    return np.clip(luma, 16, 235).astype(np.uint8)


def cuts(pictures: Iterable[U8]) -> list[int]:
    detector = ShotCuts()
    found = []
    for index, luma in enumerate(pictures):
        chroma = np.full((1, 1), 128, np.uint8)
        frame = Frame(
            (luma, chroma, chroma),
            "yuv420p",
            ColorSpec(),
            index,
            index,
            index / 25,
            identity_affine(),
            luma.shape[::-1],
        )
        if detector.update(frame):
            found.append(index)
    return found


@pytest.mark.parametrize("seed", range(12))
def test_a_cut_is_found(seed: int) -> None:
    a, b = (coded(view(texture(2 * seed + k))) for k in (0, 1))
    assert cuts([a, a, a, b, b, a]) == [0, 3, 5]


@pytest.mark.parametrize("seed", range(4))
def test_a_pan_is_no_cut(seed: int) -> None:
    scene = texture(seed)
    for step in (2, 8, 24):  # up to 7.5 % of the width a frame
        assert cuts(coded(view(scene, x=step * i)) for i in range(16)) == [0]


def test_zoom_and_shake_are_no_cuts() -> None:
    rng = np.random.default_rng(0)
    scene = texture(3)
    assert cuts(coded(view(scene, x=100, y=50, zoom=1 + 0.03 * i)) for i in range(12)) == [0]
    assert cuts(coded(view(scene, *(100 + rng.uniform(-6, 6, 2)))) for i in range(12)) == [0]


def test_flashes_and_flicker_are_no_cuts() -> None:
    still = view(texture(4))
    gains = [(1, 0), (1.6, 30), (1, 0), (2.5, 60), (1, 0), (0.5, 10), (1, 0)]
    assert cuts(coded(still * gain + lift) for gain, lift in gains) == [0]


def test_a_white_or_black_frame_inside_a_shot_is_no_cut() -> None:
    still = coded(view(texture(5)))
    white, black = np.full_like(still, 235), np.full_like(still, 16)
    assert cuts([still, white, still, black, black, still]) == [0]


def test_fades_within_a_shot_are_no_cuts() -> None:
    still = view(texture(6))
    down = [coded(16 + (still - 16) * (1 - i / 12)) for i in range(13)]
    assert cuts([*down, *down[::-1]]) == [0]


def test_a_fade_through_black_to_another_scene_is_one_cut() -> None:
    a, b = view(texture(7)), view(texture(8))
    down = [coded(16 + (a - 16) * (1 - i / 10)) for i in range(11)]
    up = [coded(16 + (b - 16) * (i / 10)) for i in range(11)]
    (first, second) = cuts([*down, *up])
    assert first == 0
    assert 11 <= second <= 16


def test_noise_is_no_cut() -> None:
    rng = np.random.default_rng(0)
    still = view(texture(9))
    assert cuts(coded(still + rng.normal(0, 12, still.shape)) for _ in range(8)) == [0]
    flat = np.full(still.shape, 60.0)
    assert cuts(coded(flat + rng.normal(0, 6, still.shape)) for _ in range(8)) == [0]


def test_a_moving_object_is_no_cut() -> None:
    pictures = []
    for i in range(12):
        luma = view(texture(10))
        luma[20:160, 20 * i : 20 * i + 100] = 190  # a third of the width, 6 % of it a frame
        pictures.append(coded(luma))
    assert cuts(pictures) == [0]


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (2, 2), (9, 16), (71, 73), (2160, 3840)])
def test_any_size(shape: tuple[int, int]) -> None:
    flat = np.full(shape, 100, np.uint8)
    assert cuts([flat, flat]) == [0]
    assert cuts([flat[::-1, ::-1], flat]) == [0]  # negative strides


def test_another_size_is_another_shot() -> None:
    assert cuts([np.full((90, 160), 100, np.uint8), np.full((90, 120), 100, np.uint8)]) == [0, 1]
