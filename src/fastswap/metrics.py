"""How close two pictures are, where it counts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_C1, _C2 = (0.01 * 255.0) ** 2, (0.03 * 255.0) ** 2
_WINDOW = 7


def psnr(a: NDArray[np.uint8], b: NDArray[np.uint8], mask: NDArray[np.bool_] | None = None) -> float:
    """Peak signal-to-noise ratio in dB of two [H, W, 3] pictures, over `mask` [H, W] if given; inf when equal."""
    error = (a.astype(np.float64) - b) ** 2
    mean = float(error.mean() if mask is None else error[mask].mean())
    return float("inf") if mean == 0.0 else float(10.0 * np.log10(255.0**2 / mean))


def ssim(a: NDArray[np.uint8], b: NDArray[np.uint8], mask: NDArray[np.bool_] | None = None) -> float:
    """Structural similarity of luma (Wang et al. 2004) of two [H, W, 3] pictures, 7x7 uniform window.

    The mean over `mask` [H, W] if given.
    """
    x, y = _luma(a), _luma(b)
    mean_x, mean_y = _box(x), _box(y)
    var_x = _box(x * x) - mean_x**2
    var_y = _box(y * y) - mean_y**2
    cov = _box(x * y) - mean_x * mean_y
    score = ((2 * mean_x * mean_y + _C1) * (2 * cov + _C2)) / (
        (mean_x**2 + mean_y**2 + _C1) * (var_x + var_y + _C2)
    )
    if mask is None:
        return float(score.mean())
    edge = _WINDOW // 2
    inner = mask[edge : mask.shape[0] - edge, edge : mask.shape[1] - edge]
    return float(score[inner].mean())


def landmark_error(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """Mean distance of two [468, 3] landmark sets in the picture plane, over the distance of b's outer eye corners."""
    eyes = float(np.hypot(*(b[33, :2] - b[263, :2])))
    return float(np.linalg.norm(a[:, :2] - b[:, :2], axis=1).mean()) / max(eyes, 1e-6)


def _luma(rgb: NDArray[np.uint8]) -> NDArray[np.float64]:
    return np.asarray(rgb.astype(np.float64) @ np.array([0.299, 0.587, 0.114]))


def _box(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean over every full 7x7 window, by running sums."""
    total = np.pad(x.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    w = _WINDOW
    return np.asarray((total[w:, w:] - total[:-w, w:] - total[w:, :-w] + total[:-w, :-w]) / (w * w))
