"""Between YUV frames and RGB arrays."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from compare import RGB_ROUND_TRIP, SWSCALE_CODE
from fastswap import video
from fastswap.errors import SettingsError
from fastswap.frame import ColorSpec
from fastswap.video.info import Geometry, snap_matrix
from footage import SMALL, picture
from reference import Color, yuv_from_rgb


@pytest.mark.parametrize(("matrix", "full"), list(product(["bt601", "bt709", "bt2020"], [False, True])))
def test_rgb_becomes_yuv_by_the_standard(matrix, full: bool) -> None:
    rgb = picture(SMALL)
    frame = video.frame_from_rgb(rgb, matrix=matrix, full_range=full)
    assert frame.color == ColorSpec(matrix, full, "center")
    truth = yuv_from_rgb(rgb.transpose(2, 0, 1) / 255.0, Color(matrix, full))
    assert np.abs(frame.planes[0] - truth[0]).max() < SWSCALE_CODE
    for plane, wanted in zip(frame.planes[1:], truth[1:], strict=True):
        centred = wanted.reshape(24, 2, 32, 2).mean(axis=(1, 3))
        assert np.abs(plane - centred)[2:-2, 2:-2].max() < 2 * SWSCALE_CODE
    assert np.abs(video.rgb_from_frame(frame).astype(float) - rgb)[4:-4, 4:-4].mean() < RGB_ROUND_TRIP


def test_flat_colors_come_back_exactly_enough() -> None:
    for color in ((0, 0, 0), (255, 255, 255), (255, 0, 0), (12, 200, 99)):
        rgb = np.full((8, 8, 3), color, np.uint8)
        assert np.abs(video.rgb_from_frame(video.frame_from_rgb(rgb)).astype(int) - rgb).max() <= 2


def test_a_preview_has_the_size_that_is_asked_for() -> None:
    frame = video.frame_from_rgb(picture((64, 48)))
    assert video.rgb_from_frame(frame, (20, 10)).shape == (10, 20, 3)
    assert video.rgb_from_frame(frame, (128, 100)).shape == (100, 128, 3)


@pytest.mark.parametrize("shape", [(4, 4), (4, 4, 4), (0, 4, 3)])
def test_what_is_no_picture_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(SettingsError, match="uint8"):
        video.frame_from_rgb(np.zeros(shape, np.uint8))
    with pytest.raises(SettingsError, match="float32"):
        video.frame_from_rgb(np.zeros((4, 4, 3), np.float32))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "signs", [s for s in product((-1, 0, 1), repeat=4) if abs(s[0] * s[3] - s[1] * s[2]) == 1]
)
def test_every_turn_maps_the_display_onto_the_coded_picture(signs: tuple[int, ...]) -> None:
    a, b, c, d = signs
    fixed = (65536 * a, 65536 * b, 0, 65536 * c, 65536 * d, 0, 0, 0, 1 << 30)
    turn = snap_matrix(fixed)
    if {abs(a), abs(b)} != {0, 1} or {abs(c), abs(d)} != {0, 1}:
        assert turn is None, "a shear is no turn"
        return
    assert turn == ((a, b), (c, d))
    geometry = Geometry(64, 48, matrix=turn)
    width, height = geometry.display_size
    ends = [(0, 0), (width, 0), (width, height), (0, height)]
    coded = {tuple(geometry.to_coded() @ [x, y, 1.0]) for x, y in ends}
    assert coded == {(0.0, 0.0), (64.0, 0.0), (64.0, 48.0), (0.0, 48.0)}
    # FFmpeg's definition: display = coded times the matrix, up to where the corner lies.
    step = geometry.to_coded()[:, :2] @ np.array([[a, c], [b, d]])
    assert np.array_equal(step, np.eye(2))


def test_other_matrices_are_no_turn() -> None:
    assert snap_matrix((46341, 46341, 0, -46341, 46341, 0, 0, 0, 1 << 30)) is None
    assert snap_matrix((131072, 0, 0, 0, 65536, 0, 0, 0, 1 << 30)) is None
