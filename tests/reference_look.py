"""More of `reference`: colour modes by tables, sharpness, motion blur, noise and wide filters, in float64 NumPy.

Written from the definitions in the headers and papers; shares no code with the native module.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from reference import Array, weighted_statistics

BINS = 256
LEAST, MOST = 0.6, 1.5


def _root(matrix: Array, exponent: float) -> Array:
    values, vectors = np.linalg.eigh(matrix)
    return np.asarray((vectors * values**exponent) @ vectors.T)


def linear(face: Array, target: Array, weights: Array, floor: float = 1.0 / 255.0**2) -> Array:
    """T^1/2 F^-1/2 between the two covariances, its singular values limited, in R'G'B'."""
    (mean_a, cov_a), (mean_b, cov_b) = (weighted_statistics(p, weights) for p in (face, target))
    cov_a, cov_b = cov_a + floor * np.eye(3), cov_b + floor * np.eye(3)
    left, gains, right = np.linalg.svd(_root(cov_b, 0.5) @ _root(cov_a, -0.5))
    transform = (left * np.clip(gains, LEAST, MOST)) @ right
    shape = (3, *[1] * (face.ndim - 1))
    moved = np.einsum("ij,j...->i...", transform, face - mean_a.reshape(shape)) + mean_b.reshape(shape)
    return np.asarray(np.clip(moved, 0.0, 1.0))


def histogram_of(
    values: Array, weights: Array, low: float = 0.0, high: float = 1.0, bins: int = BINS
) -> Array:
    """Weights by value in bins whose middles run from low to high; a value between two is shared."""
    at = np.clip((values - low) / (high - low) * (bins - 1), 0.0, bins - 1)
    below = np.minimum(at.astype(int), bins - 2)
    out = np.zeros(bins)
    np.add.at(out, below, weights * (1.0 - (at - below)))
    np.add.at(out, below + 1, weights * (at - below))
    return out


def quantiles(histogram: Array, everywhere: float = 1e-3) -> Array:
    """Share of the weight below each bin's middle, smoothed by a triangle and with a little weight everywhere."""
    bins, reach = len(histogram), len(histogram) // 32
    triangle = (reach - np.abs(np.arange(-reach + 1, reach))) / reach**2
    wide = np.convolve(histogram, triangle)
    smooth = wide[reach - 1 : reach - 1 + bins].copy()
    smooth[0] += wide[: reach - 1].sum()
    smooth[-1] += wide[reach - 1 + bins :].sum()
    share = (1.0 - everywhere) * smooth / smooth.sum() + everywhere / bins
    return np.asarray(np.cumsum(share) - 0.5 * share)


def matched(face: Array, target: Array, room: float = 1.0) -> Array:
    """Where each bin of one histogram goes in the other, in bins: quantile to quantile, slopes limited."""
    least, most = 1.0 + room * (LEAST - 1.0), 1.0 + room * (MOST - 1.0)
    a, b = quantiles(face), quantiles(target)
    bins = np.arange(len(face), dtype=np.float64)
    wanted = np.interp(a, b, bins)
    middle, there = np.interp(0.5, a, bins), np.interp(0.5, b, bins)
    above = int(np.ceil(middle))
    for order in (range(above, len(face)), range(above - 1, -1, -1)):
        x, y = middle, there
        for i in order:
            slope = np.clip((wanted[i] - y) / (i - x), least, most) if i != x else least
            wanted[i] = y + slope * (i - x)
            x, y = i, wanted[i]
    return wanted


def histogram(face: Array, target: Array, weights: Array, strength: float = 1.0) -> Array:
    """Each channel's histogram matched on its own."""
    out = np.empty_like(face)
    for c in range(3):
        a, b = (histogram_of(p[c].ravel(), weights.ravel()) for p in (face, target))
        moved = np.interp(face[c] * (BINS - 1), np.arange(BINS), matched(a, b)) / (BINS - 1)
        out[c] = np.clip(face[c] + strength * (moved - face[c]), 0.0, 1.0)
    return out


def rotation(n: int) -> Array:
    """Round n's axes as rows: the identity, then Shoemake's uniform quaternions at Roberts's R3 points."""
    if n == 0:
        return np.eye(3)
    g = 1.2207440846057596  # the root of x^4 = x + 1
    u = np.modf(n / g ** np.arange(1, 4))[0]
    turn = 2.0 * np.pi * u
    a, b = np.sqrt(1.0 - u[0]), np.sqrt(u[0])
    x, y, z, w = a * np.sin(turn[1]), a * np.cos(turn[1]), b * np.sin(turn[2]), b * np.cos(turn[2])
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    return np.asarray(np.eye(3) + 2.0 * w * cross + 2.0 * cross @ cross)


def cloud(picture: Array, weights: Array, side: int = 16) -> tuple[Array, Array]:
    """Weights [K] and mean colours [K, 3] of the filled cells of a cube of side^3; of half the side if over 1,024."""
    colors, w = picture.reshape(3, -1).T, weights.ravel()
    cells = np.minimum((colors * side).astype(int), side - 1) @ (side * side, side, 1)
    total = np.bincount(cells, w, side**3)
    sums = np.stack([np.bincount(cells, w * colors[:, c], side**3) for c in range(3)], axis=1)
    filled = total > 0
    if filled.sum() > 1024:
        return cloud(picture, weights, side // 2)
    return total[filled], sums[filled] / total[filled, None]


def sliced(face: Array, target: Array, weights: Array, strength: float = 1.0) -> Array:
    """Iterative distribution transfer between the two clouds, worked out at the nodes of a lattice of 17^3."""
    rounds, bins, side = 4, 64, 17
    moving_weight, moving = cloud(face, weights)
    still_weight, still = cloud(target, weights)
    steps = np.linspace(0.0, 1.0, side)
    nodes = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1).reshape(-1, 3)
    made = nodes.copy()
    for n in range(rounds):
        for_dots, for_nodes = np.zeros_like(moving), np.zeros_like(made)
        for axis in rotation(n):
            low, high = np.minimum(axis, 0.0).sum(), np.maximum(axis, 0.0).sum()
            a = histogram_of(moving @ axis, moving_weight, low, high, bins)
            b = histogram_of(still @ axis, still_weight, low, high, bins)
            move = (matched(a, b, 0.5**n) - np.arange(bins)) * (high - low) / (bins - 1)
            for points, moves in ((moving, for_dots), (made, for_nodes)):
                at = np.clip((points @ axis - low) / (high - low) * (bins - 1), 0, bins - 1)
                np.add(moves, np.interp(at, np.arange(bins), move)[:, None] * axis, out=moves)
        moving, made = moving + for_dots, made + for_nodes
    moves = np.clip(made - nodes, -1.0, 1.0).reshape(side, side, side, 3)
    pixels = np.clip(face.reshape(3, -1).T, 0.0, 1.0)
    at = pixels * (side - 1)
    below = np.minimum(at.astype(int), side - 2)
    mixed = np.zeros_like(pixels)
    for corner in np.ndindex(2, 2, 2):
        share = np.where(corner, at - below, 1.0 - (at - below)).prod(axis=1)
        mixed += share[:, None] * moves[tuple((below + corner).T)]
    return np.asarray(np.clip(pixels + strength * mixed, 0.0, 1.0).T.reshape(face.shape))


# --- sharpness, motion, noise -----------------------------------------------------------------------------------------


def bands(picture: Array) -> tuple[Array, Array, Array]:
    """The two finest bands of luma and the rest: smoothed by (1 2 1) / 4 with holes of 1 and 2."""
    luma = np.tensordot((0.2126, 0.7152, 0.0722), picture, 1)
    out, rest = [], luma
    for hole in (1, 2):
        padded = np.pad(rest, hole, mode="edge")
        rows = 0.25 * (padded[: -2 * hole] + padded[2 * hole :]) + 0.5 * padded[hole:-hole]
        smooth = 0.25 * (rows[:, : -2 * hole] + rows[:, 2 * hole :]) + 0.5 * rows[:, hole:-hole]
        out.append(rest - smooth)
        rest = smooth
    return out[0], out[1], rest


def detail_statistics(picture: Array, mask: Array) -> Array:
    """See `fastswap.texture.detail_statistics`; one face."""
    numbers = [mask.sum()]
    for band in bands(picture)[:2]:
        noise = np.median(np.abs(band[mask > 0.5])) / 0.6745
        numbers += [(mask * band**2).sum(), mask.sum() * noise**2]
    return np.array(numbers)


def motion_blur(face: Array, mask: Array, motion: Array, taps: int) -> Array:
    """The mean over `taps` points of each pixel's way."""
    from reference import bilinear

    size = face.shape[-1]
    y, x = np.mgrid[0:size, 0:size] + 0.5
    dx = motion[0, 0] * x + motion[0, 1] * y + motion[0, 2]
    dy = motion[1, 0] * x + motion[1, 1] * y + motion[1, 2]
    parts = (np.arange(taps) + 0.5) / taps - 0.5
    blurred = np.stack([np.mean([bilinear(c, x + p * dx, y + p * dy) for p in parts], axis=0) for c in face])
    return np.where(mask > 0, blurred, face)


def noise_deviation(plane: NDArray[np.generic], inside: NDArray[np.bool_]) -> float:
    """Immerkaer's operator, median in place of the mean, over every second row and column; in code values."""
    p = plane.astype(np.float64)
    kernel = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float64)
    h, w = p.shape
    response = sum(kernel[i, j] * p[i : h - 2 + i, j : w - 2 + j] for i in range(3) for j in range(3))
    counted = np.abs(np.asarray(response))[::2, ::2][inside[1:-1, 1:-1][::2, ::2]]
    return float(np.median(counted)) / (6 * 0.6745)


# --- enlargement ------------------------------------------------------------------------------------------------------


def keys(x: Array) -> Array:
    """Keys's cubic convolution, a = -1/2."""
    x = np.abs(x)
    near, far = 1.5 * x**3 - 2.5 * x**2 + 1, -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return np.where(x < 1, near, np.where(x < 2, far, 0.0))


def lanczos(x: Array) -> Array:
    """Three lobes."""
    return np.where(np.abs(x) < 3, np.sinc(x) * np.sinc(x / 3), 0.0)


def filtered(plane: Array, x: Array, y: Array, name: str) -> Array:
    """A plane with zeros around it, read between its samples; (0.5, 0.5) is the first one's centre."""
    kernel, reach = (keys, 2) if name == "bicubic" else (lanczos, 3)
    pad = 2 * reach + 2
    p = np.pad(plane, pad)
    u = np.clip(x - 0.5 + pad, reach, p.shape[1] - 1 - reach)
    v = np.clip(y - 0.5 + pad, reach, p.shape[0] - 1 - reach)
    j, i = np.floor(u).astype(int), np.floor(v).astype(int)
    offsets = np.arange(1 - reach, reach + 1)
    wu, wv = (np.stack([kernel(f - o) for o in offsets]) for f in (u - j, v - i))
    wu, wv = wu / wu.sum(0), wv / wv.sum(0)
    out = np.zeros(np.broadcast(u, v).shape)
    for a, dy in enumerate(offsets):
        for b, dx in enumerate(offsets):
            out += wv[a] * wu[b] * p[i + dy, j + dx]
    return out
