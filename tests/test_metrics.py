"""`fastswap.metrics` against OpenCV and by hand."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from fastswap import metrics


@pytest.fixture
def pair() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    a = cv2.GaussianBlur(rng.integers(0, 256, (64, 80, 3), np.uint8), (5, 5), 2)
    return a, np.clip(a + rng.normal(0, 8, a.shape), 0, 255).astype(np.uint8)


def test_psnr_agrees_with_opencv(pair: tuple[np.ndarray, np.ndarray]) -> None:
    assert metrics.psnr(*pair) == pytest.approx(cv2.PSNR(*pair), abs=1e-9)
    assert metrics.psnr(pair[0], pair[0]) == float("inf")


def test_psnr_of_a_mask_sees_only_the_mask(pair: tuple[np.ndarray, np.ndarray]) -> None:
    a, b = pair
    mask = np.zeros(a.shape[:2], bool)
    mask[:10] = True
    assert metrics.psnr(a, b, mask) == pytest.approx(cv2.PSNR(a[:10], b[:10]), abs=1e-9)


def test_ssim_by_windows(pair: tuple[np.ndarray, np.ndarray]) -> None:
    x, y = (p.astype(np.float64) @ np.array([0.299, 0.587, 0.114]) for p in pair)
    windows = [(x[i : i + 7, j : j + 7], y[i : i + 7, j : j + 7]) for i in range(58) for j in range(74)]
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    expected = np.mean(
        [
            (2 * p.mean() * q.mean() + c1)
            * (2 * ((p - p.mean()) * (q - q.mean())).mean() + c2)
            / ((p.mean() ** 2 + q.mean() ** 2 + c1) * (p.var() + q.var() + c2))
            for p, q in windows
        ]
    )
    assert metrics.ssim(*pair) == pytest.approx(expected, abs=1e-9)
    assert metrics.ssim(pair[0], pair[0]) == pytest.approx(1.0)


def test_landmark_error_is_a_fraction_of_the_eye_distance() -> None:
    b = np.zeros((468, 3), np.float32)
    b[263, 0] = 50.0
    a = b + np.array([3.0, 4.0, 9.0], np.float32)
    assert metrics.landmark_error(a, b) == pytest.approx(0.1)
