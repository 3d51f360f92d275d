"""The pixel operations in float64 NumPy, written from their definitions and sharing no code with the native module.

Slow and plain on purpose. Coordinates are continuous: sample (i, j) covers [j, j+1) x [i, i+1).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

LUMA_WEIGHTS = {"bt601": (0.299, 0.114), "bt709": (0.2126, 0.0722), "bt2020": (0.2627, 0.0593)}


@dataclass(frozen=True)
class Color:
    """What ops takes from a ColorSpec, with the depth and subsampling that the native module knows besides."""

    matrix: str = "bt709"
    full_range: bool = False
    siting: str = "left"
    bits: int = 8
    log2_sub: tuple[int, int] = (1, 1)
    transfer: str = "sdr"

    @property
    def top(self) -> int:
        return 2**self.bits - 1

    @property
    def black(self) -> tuple[int, int]:
        """Code values of black: luma and chroma."""
        luma = 0 if self.full_range else 16 << (self.bits - 8)
        return luma, luma if self.matrix == "gbr" else 1 << (self.bits - 1)


def yuv_from_rgb(rgb: Array, color: Color) -> Array:
    """Code values, not rounded; first axis R, G, B and Y, U, V. H.273's equations for 8 bit, scaled.

    The matrix "gbr" leaves G, B and R as they are, each with luma's range.
    """
    if color.matrix == "gbr":
        one = 2.0 ** (color.bits - 8)
        span, zero = (color.top, 0.0) if color.full_range else (219.0 * one, 16.0 * one)
        return np.stack([rgb[1], rgb[2], rgb[0]]) * span + zero
    kr, kb = LUMA_WEIGHTS[color.matrix]
    r, g, b = rgb
    y = kr * r + (1.0 - kr - kb) * g + kb * b
    u, v = 0.5 * (b - y) / (1.0 - kb), 0.5 * (r - y) / (1.0 - kr)
    middle = 2.0 ** (color.bits - 1)
    if color.full_range:
        return np.stack([y * color.top, u * color.top + middle, v * color.top + middle])
    one = 2.0 ** (color.bits - 8)
    return np.stack([(219.0 * y + 16.0) * one, (224.0 * u + 128.0) * one, (224.0 * v + 128.0) * one])


def rgb_from_yuv(yuv: Array, color: Color) -> Array:
    """The inverse of `yuv_from_rgb`, found numerically: R'G'B', not clipped."""
    zero = yuv_from_rgb(np.zeros(3), color)
    matrix = np.stack([yuv_from_rgb(unit, color) - zero for unit in np.eye(3)], axis=1)
    return np.einsum("ij,j...->i...", np.linalg.inv(matrix), yuv - zero.reshape(3, *[1] * (yuv.ndim - 1)))


def chroma_position(x: Array, y: Array, color: Color) -> tuple[Array, Array]:
    """Luma coordinates in the chroma planes' own coordinates."""
    sub_x, sub_y = 2.0 ** color.log2_sub[0], 2.0 ** color.log2_sub[1]
    # Luma coordinates of the centre of chroma sample 0 (H.273, Figure 10).
    first_x = {"left": 0.5, "topleft": 0.5, "center": sub_x / 2.0}[color.siting]
    first_y = {"left": sub_y / 2.0, "topleft": 0.5, "center": sub_y / 2.0}[color.siting]
    return (x - first_x) / sub_x + 0.5, (y - first_y) / sub_y + 0.5


def bilinear(plane: NDArray[np.generic], x: Array, y: Array, outside: float | None = None) -> Array:
    """Bilinear interpolation; beyond the plane lies its nearest sample, or the value `outside`."""
    p = plane.astype(np.float64)
    p = np.pad(p, 1, mode="edge") if outside is None else np.pad(p, 1, constant_values=outside)
    h, w = p.shape
    u, v = np.clip(x + 0.5, 0.0, w - 1.0), np.clip(y + 0.5, 0.0, h - 1.0)
    i, j = np.minimum(v.astype(int), h - 2), np.minimum(u.astype(int), w - 2)
    fu, fv = u - j, v - i
    top = p[i, j] * (1 - fu) + p[i, j + 1] * fu
    bottom = p[i + 1, j] * (1 - fu) + p[i + 1, j + 1] * fu
    return top * (1 - fv) + bottom * fv


def pixel_grid(size: int, taps: int) -> tuple[Array, Array]:
    """Positions of taps x taps points in each pixel of a square picture: two arrays [size, size, taps * taps]."""
    inner = (np.arange(taps) + 0.5) / taps
    line = np.arange(size)[:, None] + inner
    y = np.broadcast_to(line[:, None, :, None], (size, size, taps, taps))
    x = np.broadcast_to(line[None, :, None, :], (size, size, taps, taps))
    return x.reshape(size, size, -1), y.reshape(size, size, -1)


def crop(
    planes: Sequence[NDArray[np.generic]],
    color: Color,
    to_coded: Array,
    size: int,
    *,
    black: bool = False,
    taps: int = 1,
) -> Array:
    """[3, size, size] R'G'B'. taps 1 interpolates at pixel centres; more average over each pixel's area."""
    x, y = pixel_grid(size, taps)
    lx = to_coded[0, 0] * x + to_coded[0, 1] * y + to_coded[0, 2]
    ly = to_coded[1, 0] * x + to_coded[1, 1] * y + to_coded[1, 2]
    cx, cy = chroma_position(lx, ly, color)
    edge = color.black if black else (None, None)
    yuv = np.stack(
        [
            bilinear(planes[0], lx, ly, edge[0]).mean(-1),
            bilinear(planes[1], cx, cy, edge[1]).mean(-1),
            bilinear(planes[2], cx, cy, edge[1]).mean(-1),
        ]
    )
    return sdr_of(np.clip(rgb_from_yuv(yuv, color), 0.0, 1.0), color.transfer)


# --- colour -----------------------------------------------------------------------------------------------------------

# IEC 61966-2-1's primaries and white point in CIE x and y.
_PRIMARIES = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06))
_WHITE = (0.3127, 0.3290)


def _xyz_from_linear() -> tuple[Array, Array]:
    columns = np.array([[x / y, 1.0, (1.0 - x - y) / y] for x, y in _PRIMARIES]).T
    white = np.array([_WHITE[0] / _WHITE[1], 1.0, (1.0 - sum(_WHITE)) / _WHITE[1]])
    return columns * np.linalg.solve(columns, white), white


def lab_from_rgb(rgb: Array) -> Array:
    """CIE L*a*b* under D65 of sRGB values; first axis the channels."""
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    matrix, white = _xyz_from_linear()
    t = np.einsum("ij,j...->i...", matrix / white[:, None], linear)
    f = np.where(t > (6 / 29) ** 3, np.cbrt(t), t / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.stack([116.0 * f[1] - 16.0, 500.0 * (f[0] - f[1]), 200.0 * (f[1] - f[2])])


def rgb_from_lab(lab: Array) -> Array:
    """The inverse of `lab_from_rgb`, clipped to 0..1."""
    fy = (lab[0] + 16.0) / 116.0
    f = np.stack([fy + lab[1] / 500.0, fy, fy - lab[2] / 200.0])
    t = np.where(f > 6 / 29, f**3, 3 * (6 / 29) ** 2 * (f - 4 / 29))
    matrix, white = _xyz_from_linear()
    linear = np.clip(np.einsum("ij,j...->i...", np.linalg.inv(matrix / white[:, None]), t), 0.0, 1.0)
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def weighted_statistics(values: Array, weights: Array) -> tuple[Array, Array]:
    """Mean [3] and covariance [3, 3] of values [3, ...] under weights."""
    x, w = values.reshape(3, -1), weights.reshape(-1)
    mean = (x * w).sum(1) / w.sum()
    centred = x - mean[:, None]
    return mean, (centred * w) @ centred.T / w.sum()


def reinhard(face: Array, target: Array, weights: Array, floor: float = 0.25) -> Array:
    """Mean and deviation in L*a*b*; `floor` is added to the variances."""
    a, b = lab_from_rgb(face), lab_from_rgb(target)
    (mean_a, cov_a), (mean_b, cov_b) = weighted_statistics(a, weights), weighted_statistics(b, weights)
    gain = np.clip(np.sqrt((np.diag(cov_b) + floor) / (np.diag(cov_a) + floor)), 0.6, 1.5)
    shape = (3, *[1] * (face.ndim - 1))
    return rgb_from_lab((a - mean_a.reshape(shape)) * gain.reshape(shape) + mean_b.reshape(shape))


def _power(matrix: Array, exponent: float) -> Array:
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * values**exponent) @ vectors.T


def mkl(face: Array, target: Array, weights: Array, floor: float = 1.0 / 255.0**2) -> Array:
    """The linear Monge-Kantorovitch map between the two Gaussians, in R'G'B'."""
    (mean_a, cov_a), (mean_b, cov_b) = (
        weighted_statistics(face, weights),
        weighted_statistics(target, weights),
    )
    cov_a, cov_b = cov_a + floor * np.eye(3), cov_b + floor * np.eye(3)
    root, back = _power(cov_a, 0.5), _power(cov_a, -0.5)
    transform = back @ _power(root @ cov_b @ root, 0.5) @ back
    values, vectors = np.linalg.eigh(transform)
    transform = (vectors * np.clip(values, 0.6, 1.5)) @ vectors.T
    shape = (3, *[1] * (face.ndim - 1))
    moved = np.einsum("ij,j...->i...", transform, face - mean_a.reshape(shape)) + mean_b.reshape(shape)
    return np.clip(moved, 0.0, 1.0)


# --- mask -------------------------------------------------------------------------------------------------------------


def _clip_half_plane(points: list[Array], axis: int, bound: float, keep_above: bool) -> list[Array]:
    """One step of Sutherland and Hodgman's clipping."""
    out: list[Array] = []
    for a, b in zip(points, points[1:] + points[:1], strict=True):
        inside_a = a[axis] >= bound if keep_above else a[axis] <= bound
        inside_b = b[axis] >= bound if keep_above else b[axis] <= bound
        if inside_a:
            out.append(a)
        if inside_a != inside_b:
            out.append(a + (b - a) * (bound - a[axis]) / (b[axis] - a[axis]))
    return out


def coverage(outline: Array, size: int) -> Array:
    """Exact area of a simple polygon in each pixel."""
    out = np.zeros((size, size))
    for y in range(size):
        strip = [np.asarray(p, np.float64) for p in outline]
        for bound, above in ((float(y), True), (y + 1.0, False)):
            strip = _clip_half_plane(strip, 1, bound, above)
        for x in range(size):
            cell = strip
            for bound, above in ((float(x), True), (x + 1.0, False)):
                cell = _clip_half_plane(cell, 0, bound, above)
            if len(cell) >= 3:
                p = np.array(cell)
                q = np.roll(p, -1, axis=0)
                out[y, x] = abs((p[:, 0] * q[:, 1] - p[:, 1] * q[:, 0]).sum()) / 2
    return out


def erode(mask: Array, radius: int) -> Array:
    """The least value within an octagon; 0 lies outside the picture."""
    return mask.copy() if radius == 0 else _least(np.pad(mask, radius), mask.shape, radius)


def _least(padded: Array, shape: tuple[int, ...], radius: int) -> Array:
    square = max(1, round(radius * (2**0.5 - 1)))
    h, w = shape
    out = np.full((h, w), np.inf)
    for dy in range(-radius, radius + 1):
        for dx in range(-radius, radius + 1):
            if abs(dx) + abs(dy) <= radius + square:
                out = np.minimum(out, padded[radius + dy : radius + dy + h, radius + dx : radius + dx + w])
    return out


def dilate(mask: Array, radius: int) -> Array:
    """The greatest value within the same octagon."""
    return np.asarray(-_least(-np.pad(mask, radius), mask.shape, radius))


def feather(mask: Array, radius: int) -> Array:
    """Three box filters whose reaches add up to `radius`, along both axes."""
    out = mask.copy()
    for part in (radius // 3, (radius + 1) // 3, (radius + 2) // 3):
        box = np.full(2 * part + 1, 1.0 / (2 * part + 1))
        for axis in (0, 1):
            out = np.apply_along_axis(np.convolve, axis, out, box)
            out = np.take(out, np.arange(part, part + mask.shape[axis]), axis)
    return out


def mask(
    outlines: Array | Sequence[Array] | None,
    generated: Array | None,
    size: int,
    erode_by: float,
    feather_by: float,
    *,
    unite: bool = False,
    matte: Array | None = None,
) -> Array:
    """See `fastswap.ops.mask`; one face, with one outline or several."""
    given = [] if outlines is None else [outlines] if isinstance(outlines, np.ndarray) else outlines
    parts = [coverage(outline, size) for outline in given]
    if generated is not None:
        parts.append(np.clip(generated, 0.0, 1.0))
    shape = np.max(parts, axis=0) if unite else np.prod(parts, axis=0)
    pixels = int(np.sign(erode_by) * int(abs(erode_by) * size + 0.5))
    if pixels < 0:
        shape = dilate(shape, -pixels)
    shape[[0, -1], :] = 0.0
    shape[:, [0, -1]] = 0.0
    shape = erode(shape, max(pixels, 0))
    radius = int(0.5 * feather_by * size + 0.5)
    while radius > 0 and not erode(shape, radius).any():
        radius //= 2
    soft = feather(erode(shape, radius), radius)
    return soft if matte is None else soft * np.clip(matte, 0.0, 1.0)


# --- blend ------------------------------------------------------------------------------------------------------------


def blend(
    planes: Sequence[NDArray[np.generic]],
    color: Color,
    to_coded: Array,
    face: Array,
    alpha: Array,
    *,
    opacity: float = 1.0,
    taps: int = 1,
    read: Callable[[Array, Array, Array], Array] | None = None,
) -> list[Array]:
    """The planes with the face in them, not rounded. taps: as in `crop`, over each sample of the frame.

    read: a filter that reads a plane between its samples, in place of bilinear interpolation; it may overshoot.
    """
    alpha = np.clip(alpha, 0.0, 1.0) * opacity
    layers = yuv_from_rgb(hdr_of(np.clip(face, 0.0, 1.0), color.transfer), color) * alpha
    square = np.vstack([to_coded, [0.0, 0.0, 1.0]])
    inverse = np.linalg.inv(square)
    out = []
    for index, plane in enumerate(planes):
        h, w = plane.shape
        x, y = pixel_grid(max(h, w), taps)
        x, y = x[:h, :w], y[:h, :w]
        if index > 0:
            # From the chroma planes' coordinates to luma's: the inverse of chroma_position, which is affine.
            ox, oy = chroma_position(np.zeros(1), np.zeros(1), color)
            x, y = (x - ox) * 2.0 ** color.log2_sub[0], (y - oy) * 2.0 ** color.log2_sub[1]
        u = inverse[0, 0] * x + inverse[0, 1] * y + inverse[0, 2]
        v = inverse[1, 0] * x + inverse[1, 1] * y + inverse[1, 2]
        # Beyond the crop the mask is 0, and so is its product with any colour.
        if read is None:
            a, layer = bilinear(alpha, u, v, 0.0).mean(-1), bilinear(layers[index], u, v, 0.0).mean(-1)
        else:
            a = np.clip(read(alpha, u[..., 0], v[..., 0]), 0.0, opacity)
            layer = np.clip(read(layers[index], u[..., 0], v[..., 0]), 0.0, a * 2.0**color.bits)
        out.append(np.clip(plane + layer - a * plane, 0.0, color.top))
    return out


# --- HDR --------------------------------------------------------------------------------------------------------------


def light_of(code: Array, transfer: str) -> Array:
    """Displayed cd/m2 of code values 0..1: SMPTE ST 2084; BT.2100's HLG with its OOTF on each channel, 1000 cd/m2."""
    code = np.asarray(code, np.float64)
    if transfer == "pq":
        m1, m2 = 2610 / 4096 / 4, 2523 / 4096 * 128
        c1, c2, c3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
        p = code ** (1 / m2)
        return 10000.0 * (np.maximum(p - c1, 0.0) / (c2 - c3 * p)) ** (1 / m1)
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    scene = np.where(code <= 0.5, code**2 / 3, (np.exp((code - c) / a) + b) / 12)
    return 1000.0 * scene**1.2


def sdr_of(code: Array, transfer: str) -> Array:
    """HDR code values as SDR shows them: BT.2408's 203 cd/m2 is 1 under a gamma of 2.4; a hyperbola above 0.75."""
    if transfer == "sdr":
        return np.asarray(code, np.float64)
    v = (light_of(code, transfer) / 203.0) ** (1 / 2.4)
    most = (light_of(np.array(1.0), transfer) / 203.0) ** (1 / 2.4)
    t, end = (v - 0.75) / 0.25, (most - 0.75) / 0.25
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(v <= 0.75, v, 0.75 + 0.25 * t / (1 + t * (1 - 1 / end)))


def hdr_of(sdr: Array, transfer: str) -> Array:
    """The inverse of `sdr_of`, found on a fine grid that is even in the result."""
    if transfer == "sdr":
        return np.asarray(sdr, np.float64)
    grid = np.linspace(0.0, 1.0, 400001)
    return np.interp(sdr, sdr_of(grid, transfer), grid)
