"""Seam matching in float64 NumPy, written from the definitions in the headers and sharing no code with them.

Slow and plain on purpose: the membrane's equations are solved by conjugate gradients to the last digits, the bands are
sums over explicit kernels.
"""

from __future__ import annotations

import numpy as np

from reference import Array, weighted_statistics


def neighbour_least(mask: Array) -> Array:
    """The least of each pixel's four neighbours; 0 lies outside the crop."""
    p = np.pad(mask, 1)
    return np.minimum.reduce([p[:-2, 1:-1], p[2:, 1:-1], p[1:-1, :-2], p[1:-1, 2:]])


def inside_frame(size: int, to_coded: Array, width: int, height: int) -> Array:
    """1 for crop pixels whose centre lies half a luma sample inside the frame, 0 half a sample outside."""
    y, x = np.mgrid[0:size, 0:size] + 0.5
    u = to_coded[0, 0] * x + to_coded[0, 1] * y + to_coded[0, 2]
    v = to_coded[1, 0] * x + to_coded[1, 1] * y + to_coded[1, 2]
    return np.clip(np.minimum.reduce([u, width - u, v, height - v]) + 0.5, 0.0, 1.0)


def membrane_weights(mask: Array, inside: Array) -> Array:
    """How strongly each pixel holds the membrane: (80 / size)^2 (1 - mask)^2, and 8 mask more beside a hard edge."""
    weights = (80.0 / len(mask)) ** 2 * (1.0 - mask) ** 2 + 8.0 * mask * (neighbour_least(mask) <= 0.0)
    return np.where(mask > 0.0, weights * inside, 0.0)


def membrane_operator(h: Array, weights: Array, within: Array) -> Array:
    """Half the gradient of sum (h_i - h_j)^2 + sum w_i h_i^2 over the pixels within the mask."""
    out = weights * h
    for axis in (0, 1):
        ahead = (slice(1, None), slice(None)) if axis == 0 else (slice(None), slice(1, None))
        behind = (slice(None, -1), slice(None)) if axis == 0 else (slice(None), slice(None, -1))
        slope = (h[ahead] - h[behind]) * (within[ahead] & within[behind])
        out[ahead] += slope
        out[behind] -= slope
    return out


def membrane(difference: Array, weights: Array, within: Array) -> Array:
    """The minimum of sum (h_i - h_j)^2 + sum w_i (h_i - d_i)^2 by preconditioned conjugate gradients."""
    h = np.zeros_like(difference)
    residual = weights * difference
    limit = 1e-12 * np.sqrt((residual**2).sum())
    diagonal = 4.0 + weights
    direction = z = residual / diagonal
    rz = (residual * z).sum()
    while np.sqrt((residual**2).sum()) > limit:
        moved = membrane_operator(direction, weights, within)
        step = rz / (direction * moved).sum()
        h, residual = h + step * direction, residual - step * moved
        z = residual / diagonal
        rz, before = (residual * z).sum(), rz
        direction = z + rz / before * direction
    return h


def trust(rgb: Array, inner: Array) -> Array:
    """How likely each colour is one of the inner part's: a half at three deviations, each of at least 0.04.

    Mean and deviations come from every fourth row, in three rounds: colours that a round does not trust
    count less in the next.
    """
    sampled = np.where(np.arange(len(inner))[:, None] % 4 == 0, inner, 0.0)
    trusted = np.ones_like(inner)
    for _ in range(3):
        weights = sampled * trusted
        if weights.sum() < 16.0:
            trusted = np.ones_like(inner)
            continue
        mean, covariance = weighted_statistics(rgb, weights)
        values, axes = np.linalg.eigh(covariance)
        along = np.einsum("ij,i...->j...", axes, rgb - mean[:, None, None])
        distance = (along**2 / np.maximum(values, 0.04**2)[:, None, None]).sum(0)
        trusted = 1.0 / (1.0 + (distance / 9.0) ** 4)
    return trusted


def poisson(face: Array, target: Array, mask: Array, inside: Array) -> Array:
    """The face plus its membrane, cut to 0..1; [3, S, S]."""
    mask = np.clip(mask, 0.0, 1.0)
    inner = np.maximum(2.0 * mask - 1.0, 0.0) ** 2 * inside
    weights = membrane_weights(mask, inside) * trust(face, inner) * trust(target, inner)
    difference = np.stack([membrane(t - f, weights, mask > 0.0) for f, t in zip(face, target, strict=True)])
    return np.clip(face + difference, 0.0, 1.0)


def _halving(count: int) -> Array:
    """The matrix that halves a line: 1 3 3 1 over 8 around each pair of cells, 0 beyond the ends."""
    matrix = np.zeros(((count + 1) // 2, count))
    for i in range(len(matrix)):
        for j, weight in zip(range(2 * i - 1, 2 * i + 3), (0.125, 0.375, 0.375, 0.125), strict=True):
            if 0 <= j < count:
                matrix[i, j] = weight
    return matrix


def _doubling(count: int) -> Array:
    """The matrix that doubles a line to `count` cells: linear interpolation, the end cells repeated."""
    coarse = (count + 1) // 2
    matrix = np.zeros((count, coarse))
    for i in range(count):
        other = min(max(i // 2 + (1 if i % 2 else -1), 0), coarse - 1)
        matrix[i, i // 2] += 0.75
        matrix[i, other] += 0.25
    return matrix


def halve(plane: Array) -> Array:
    """A level of a Gaussian pyramid."""
    return _halving(plane.shape[0]) @ plane @ _halving(plane.shape[1]).T


def double(plane: Array, shape: tuple[int, int]) -> Array:
    """Back to the size of the finer level."""
    return _doubling(shape[0]) @ plane @ _doubling(shape[1]).T


def multiband(face: Array, target: Array, mask: Array) -> Array:
    """The target plus the bands of the difference, each under its own mask; [3, S, S]."""
    support = (np.clip(mask, 0.0, 1.0) > 0.0).astype(np.float64)
    levels = [support]
    while len(levels[-1]) > 12:
        levels.append(halve(levels[-1]))
    out = np.empty_like(face)
    for c in range(3):
        sums = [(face[c] - target[c]) * support]
        for _ in levels[1:]:
            sums.append(halve(sums[-1]))
        means = [
            np.divide(a, s, out=np.zeros_like(a), where=s > 0) for a, s in zip(sums, levels, strict=True)
        ]
        bands = np.zeros_like(levels[-1])
        for level in reversed(range(len(levels))):
            shape = levels[level].shape
            coarse = np.zeros(shape)
            if level + 1 < len(levels):
                coarse = double(means[level + 1], shape)
                bands = double(bands, shape)
            bands = bands + np.maximum(2.0 * levels[level] - 1.0, 0.0) * (means[level] - coarse)
        out[c] = np.clip(target[c] + bands, 0.0, 1.0)
    return out
