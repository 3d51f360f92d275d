"""More cases of `bench ops`: the look's further colour modes, filters and textures against the same work in OpenCV."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from fastswap import ops, texture
from fastswap.bench import reference_cv2 as cv
from fastswap.look import ColorMode

if TYPE_CHECKING:
    from fastswap.bench.ops import Case

Floats = NDArray[np.float32]
Pair = tuple[Callable[[], Any], Callable[[], Any]]
_MOTION = np.array([[[0.0, 0.0, 6.0], [0.0, 0.0, 2.0]]])
_SLICES = 4


def pairs(case: Case) -> dict[str, Pair]:
    """By case name: the native call and what OpenCV, with NumPy where it has nothing, does in its place."""
    size = case.face.shape[-1]
    frame, maps, look = case.frame, case.to_coded[None], case.look
    face, generated, outline = case.face[None], case.generated[None], case.outline[None]
    target = ops.crop([frame], maps, size)
    where = ops.mask(outline, generated, size, erode=look.erode, feather=look.feather)
    bgr = cv.to_bgr(case.i420)
    height, width = bgr.shape[:2]
    region = cv.region_of(case.to_coded, size, height, width)
    mask = cv.face_mask(case.outline, case.generated, look.erode, look.feather)
    new, old = (np.ascontiguousarray(p[0].transpose(1, 2, 0)[:, :, ::-1]) for p in (face, target))
    new8 = np.rint(new * 255).astype(np.uint8)
    part = np.ascontiguousarray(bgr[region.rows, region.columns])
    grain = np.array([[0.012, 0.006, 0.006]], np.float32)
    plain = replace(look, color="mkl")

    def steady() -> None:
        crops = ops.crop([frame], maps, size)
        shown = ops.mask(outline, generated, size, erode=look.erode, feather=look.feather)
        sums = ops.color_statistics(face, crops, shown, plain.color)
        ops.composite([frame], maps, crops, face, None, None, plain, masks=shown, statistics=sums)

    def sharpen() -> None:
        both = np.stack([texture.detail_statistics(p, where) for p in (face, target)], axis=1)
        texture.sharpen(face, texture.sharpness_gains(both, 1.0))

    def match(mode: ColorMode) -> Callable[[], Any]:
        return lambda: ops.match_color(face, target, where, mode)

    def draw(**options: Any) -> Callable[[], Any]:
        return lambda: ops.blend([frame], maps, face, where, **options)

    def cv_draw(flags: int) -> Callable[[], Any]:
        def work() -> None:
            cv.paste(bgr, new, mask, case.to_coded, region, flags)
            cv.from_bgr(bgr)

        return work

    return {
        "steady": (
            steady,
            lambda: cv.composite(case.i420, case.to_coded, size, new8, case.outline, case.generated, look),
        ),
        "linear": (match("linear"), lambda: _linear(new, old, mask)),
        "mkl": (match("mkl"), lambda: _linear(new, old, mask)),
        "histogram": (match("histogram"), lambda: _histogram(new, old, mask)),
        "sliced": (match("sliced"), lambda: _sliced(new, old, mask)),
        "mask_grown": (
            lambda: ops.mask(outline, generated, size, erode=-0.05, feather=look.feather),
            lambda: _grown(case.outline, case.generated, 0.05, look.feather),
        ),
        "bicubic": (draw(enlarge="bicubic"), cv_draw(cv2.INTER_CUBIC)),
        "lanczos": (draw(enlarge="lanczos"), cv_draw(cv2.INTER_LANCZOS4)),
        "sharpen": (sharpen, lambda: _sharpen(new, old, mask)),
        "motion_blur": (lambda: texture.motion_blur(face, where, _MOTION), lambda: _smear(new)),
        "noise": (lambda: texture.noise_statistics([frame], maps, where), lambda: _noise(part)),
        "grain": (draw(grain=grain, seeds=[1]), lambda: _grain(bgr, new, mask, case.to_coded, region)),
    }


def _linear(new: Floats, old: Floats, mask: Floats) -> Floats:
    """Mean and covariance of the masked pixels, one linear map."""
    inside = mask > 0
    a, b = new[inside], old[inside]
    roots = []
    for pixels, power in ((a, -0.5), (b, 0.5)):
        covariance, _ = cv2.calcCovarMatrix(
            pixels, np.empty(0), cv2.COVAR_NORMAL | cv2.COVAR_ROWS | cv2.COVAR_SCALE
        )
        values, vectors = np.linalg.eigh(covariance + np.eye(3) / 255.0**2)
        roots.append((vectors * values**power) @ vectors.T)
    matrix = roots[1] @ roots[0]
    offset = b.mean(0) - matrix @ a.mean(0)
    return np.asarray(cv2.transform(new, np.column_stack([matrix, offset]).astype(np.float32)), np.float32)


def _histogram(new: Floats, old: Floats, mask: Floats) -> NDArray[np.uint8]:
    """Each channel's quantiles through a look-up table."""
    inside = (mask > 0).astype(np.uint8)
    new8, old8 = (np.rint(p * 255).clip(0, 255).astype(np.uint8) for p in (new, old))
    tables = np.empty((256, 1, 3), np.uint8)
    for c in range(3):
        a, b = (np.cumsum(cv2.calcHist([p], [c], inside, [256], [0, 256])) for p in (new8, old8))
        tables[:, 0, c] = np.interp(a / a[-1], b / b[-1], np.arange(256))
    return np.asarray(cv2.LUT(new8, tables), np.uint8)


def _sliced(new: Floats, old: Floats, mask: Floats) -> Floats:
    """Sorted projections on turned axes, round by round."""
    inside = mask > 0
    a, b = new[inside], old[inside]
    rng = np.random.default_rng(0)
    for _ in range(_SLICES):
        axes = np.linalg.qr(rng.normal(size=(3, 3)))[0].astype(np.float32)
        p, q = a @ axes, b @ axes
        for c in range(3):
            order = np.argsort(p[:, c])
            p[order, c] = np.sort(q[:, c])
        a = np.asarray(p @ axes.T, np.float32)
    out = new.copy()
    out[inside] = a
    return out


def _grown(outline: Floats, generated: Floats, grow: float, feather: float) -> Floats:
    size = generated.shape[-1]
    mask = np.zeros((size, size), np.float32)
    cv2.fillPoly(mask, [np.rint(outline * 16).astype(np.int32)], (1.0,), cv2.LINE_AA, 4)
    reach, half = round(grow * size), round(0.5 * feather * size)
    mask *= generated
    for work, radius in ((cv2.dilate, reach), (cv2.erode, half)):
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
        mask = np.asarray(work(mask, kernel), np.float32)
    return np.asarray(cv2.GaussianBlur(mask, (2 * half + 1, 2 * half + 1), 0), np.float32)


def _sharpen(new: Floats, old: Floats, mask: Floats) -> Floats:
    """Two bands of luma by Gaussians, their energies under the mask, the bands added back."""
    bands = []
    for picture in (new, old):
        luma = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
        fine = cv2.GaussianBlur(luma, (3, 3), 0)
        bands.append((luma - fine, fine - cv2.GaussianBlur(fine, (5, 5), 0)))
    inside = mask > 0
    more = np.zeros_like(mask)
    for mine, theirs in zip(*bands, strict=True):
        noise = [np.median(np.abs(band[inside])) / 0.6745 for band in (mine, theirs)]
        energy = [
            max(float((b[inside] ** 2).mean()) - n**2, 1e-6)
            for b, n in zip((mine, theirs), noise, strict=True)
        ]
        more += (np.clip((energy[1] / energy[0]) ** 0.5, 0.6, 1.8) - 1.0) * mine
    return np.asarray(np.clip(new + more[..., None], 0.0, 1.0), np.float32)


def _smear(new: Floats) -> Floats:
    kernel = np.zeros((7, 7), np.float32)
    cv2.line(kernel, (0, 2), (6, 4), (1.0,), 1, cv2.LINE_AA)
    return np.asarray(cv2.filter2D(new, -1, kernel / kernel.sum()), np.float32)


def _noise(part: NDArray[np.uint8]) -> list[float]:
    kernel = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
    yuv = cv2.cvtColor(part, cv2.COLOR_BGR2YCrCb)
    return [float(np.median(np.abs(cv2.filter2D(yuv[..., c], cv2.CV_32F, kernel)))) for c in range(3)]


def _grain(
    bgr: NDArray[np.uint8], new: Floats, mask: Floats, to_coded: NDArray[np.float64], region: cv.Region
) -> None:
    """Noise of the region's size, under the mask, then the frame back to YUV."""
    cv.paste(bgr, new, mask, to_coded, region)
    part = bgr[region.rows, region.columns]
    noise = np.empty(part.shape, np.float32)
    cv2.randn(noise, np.zeros(3), np.full(3, 3.0))
    _, shown = cv.warp_back(new, mask, to_coded, region)
    part[...] = np.clip(part + noise * shown[..., None] + 0.5, 0, 255).astype(np.uint8)
    cv.from_bgr(bgr)
