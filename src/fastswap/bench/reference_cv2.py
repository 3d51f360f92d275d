"""The same work as a Python face-swap tool does it with OpenCV: the yardstick of the benchmarks.

The frame is converted to BGR as a whole, as a tool that keeps BGR frames must; everything after that is limited to the
region of the face. Each step is what OpenCV's documentation suggests for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Region:
    """Rows and columns of the frame that the crop's corners span."""

    rows: slice
    columns: slice


def region_of(to_coded: NDArray[np.float64], size: int, height: int, width: int) -> Region:
    """The part of the frame that the crop covers."""
    corners = np.array([[0, 0, 1], [size, 0, 1], [0, size, 1], [size, size, 1]], np.float64) @ to_coded.T
    left, top = np.floor(corners.min(axis=0)).astype(int)
    right, bottom = np.ceil(corners.max(axis=0)).astype(int)
    return Region(
        slice(max(0, int(top)), min(height, int(bottom))), slice(max(0, int(left)), min(width, int(right)))
    )


def _centred(to_coded: NDArray[np.float64]) -> NDArray[np.float64]:
    """OpenCV counts from sample centres, fastswap from their corners."""
    out = to_coded.copy()
    out[:, 2] += 0.5 * (to_coded[:, 0] + to_coded[:, 1]) - 0.5
    return out


def to_bgr(i420: Bytes) -> Bytes:
    """The whole frame."""
    return np.asarray(cv2.cvtColor(i420, cv2.COLOR_YUV2BGR_I420), np.uint8)


def from_bgr(bgr: Bytes) -> Bytes:
    """The whole frame."""
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2YUV_I420), np.uint8)


def warp(bgr: Bytes, to_coded: NDArray[np.float64], size: int) -> Bytes:
    """The aligned crop; INTER_AREA is what tools ask for, though warpAffine knows only bilinear."""
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(
        cv2.warpAffine(bgr, _centred(to_coded), (size, size), flags=flags, borderMode=cv2.BORDER_REPLICATE),
        np.uint8,
    )


def detector_input(bgr: Bytes, size: int) -> Floats:
    """The frame letterboxed to a square."""
    height, width = bgr.shape[:2]
    scale = size / max(height, width)
    w, h = round(width * scale), round(height * scale)
    small = cv2.resize(bgr, (w, h), interpolation=cv2.INTER_AREA)
    top, left = (size - h) // 2, (size - w) // 2
    square = cv2.copyMakeBorder(small, top, size - h - top, left, size - w - left, cv2.BORDER_CONSTANT)
    return np.ascontiguousarray(square[:, :, ::-1].transpose(2, 0, 1), np.float32) * np.float32(1.0 / 255.0)


def face_mask(outline: Floats, generated: Floats, erode: float, feather: float) -> Floats:
    """Filled outline times the generator's mask, eroded and blurred."""
    size = generated.shape[-1]
    mask = np.zeros((size, size), np.float32)
    cv2.fillPoly(mask, [np.rint(outline * 16).astype(np.int32)], (1.0,), cv2.LINE_AA, 4)
    mask *= generated
    half = round(0.5 * feather * size)
    reach = round(erode * size) + half
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    mask = np.asarray(cv2.erode(mask, kernel, borderType=cv2.BORDER_CONSTANT, borderValue=(0.0,)), np.float32)
    return np.asarray(cv2.GaussianBlur(mask, (2 * half + 1, 2 * half + 1), 0), np.float32)


def reinhard(face: Bytes, target: Bytes, mask: Floats) -> Floats:
    """Mean and deviation in L*a*b* from the masked pixels, float BGR in 0..1."""
    inside = (mask > 0).astype(np.uint8)
    face_lab = cv2.cvtColor(face.astype(np.float32) * np.float32(1 / 255), cv2.COLOR_BGR2Lab)
    target_lab = cv2.cvtColor(target.astype(np.float32) * np.float32(1 / 255), cv2.COLOR_BGR2Lab)
    face_mean, face_std = (v.ravel() for v in cv2.meanStdDev(face_lab, mask=inside))
    target_mean, target_std = (v.ravel() for v in cv2.meanStdDev(target_lab, mask=inside))
    gain = np.clip(target_std / np.maximum(face_std, 1e-3), 0.4, 2.5)
    offset = target_mean - gain * face_mean
    moved = cv2.transform(face_lab, np.column_stack([np.diag(gain), offset]).astype(np.float32))
    return np.asarray(cv2.cvtColor(moved, cv2.COLOR_Lab2BGR), np.float32)


def seamless_clone(bgr: Bytes, face: Bytes, where: Bytes) -> Bytes:
    """Poisson blending of the face's region alone: region, face and mask already there, at the frame's resolution."""
    height, width = bgr.shape[:2]
    x, y, w, h = cv2.boundingRect(where)
    centre = (min(x + w // 2, width - 1), min(y + h // 2, height - 1))
    return np.asarray(cv2.seamlessClone(face, bgr, where, centre, cv2.NORMAL_CLONE), np.uint8)


def multiband(bgr: Bytes, face: Floats, mask: Floats, levels: int = 5) -> Bytes:
    """Laplacian pyramids of region and face under the mask's Gaussian pyramid, as the textbook has it."""
    sources = [bgr.astype(np.float32), face * np.float32(255.0), cv2.merge([mask] * 3)]
    pyramids = [[source] for source in sources]
    for pyramid in pyramids:
        for _ in range(levels):
            pyramid.append(cv2.pyrDown(pyramid[-1]))
    target, new, masks = pyramids
    made = new[-1] * masks[-1] + target[-1] * (1 - masks[-1])
    for level in range(levels - 1, -1, -1):
        size = (target[level].shape[1], target[level].shape[0])
        below = [cv2.pyrUp(p[level + 1], dstsize=size) for p in (target, new)]
        bands = [p[level] - up for p, up in zip((target, new), below, strict=True)]
        made = cv2.pyrUp(made, dstsize=size) + bands[1] * masks[level] + bands[0] * (1 - masks[level])
    return np.clip(made + 0.5, 0, 255).astype(np.uint8)


def warp_back(
    face: Floats, mask: Floats, to_coded: NDArray[np.float64], region: Region, flags: int = cv2.INTER_LINEAR
) -> tuple[Floats, Floats]:
    """Face and mask where they belong in the frame's region."""
    shifted = to_coded.copy()
    shifted[:, 2] -= (region.columns.start, region.rows.start)
    where = _centred(shifted)
    shape = (region.columns.stop - region.columns.start, region.rows.stop - region.rows.start)
    back_face = cv2.warpAffine(face, where, shape, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    back_mask = cv2.warpAffine(mask, where, shape, flags=flags)
    return np.asarray(back_face, np.float32), np.asarray(back_mask, np.float32)


def paste(
    bgr: Bytes,
    face: Floats,
    mask: Floats,
    to_coded: NDArray[np.float64],
    region: Region,
    flags: int = cv2.INTER_LINEAR,
) -> None:
    """Warps face and mask back and mixes them into the frame's region."""
    part = bgr[region.rows, region.columns]
    back_face, back_mask = warp_back(face * np.float32(255), mask, to_coded, region, flags)
    mixed = back_face * back_mask[..., None] + part * (1 - back_mask[..., None])
    bgr[region.rows, region.columns] = np.clip(mixed + 0.5, 0, 255).astype(np.uint8)


def composite(
    i420: Bytes,
    to_coded: NDArray[np.float64],
    size: int,
    face: Bytes,
    outline: Floats,
    generated: Floats,
    look: Any,
) -> Bytes:
    """The whole path from a YUV frame to a YUV frame: convert, crop, mask, colour, paste back, convert."""
    bgr = to_bgr(i420)
    target = warp(bgr, to_coded, size)
    mask = face_mask(outline, generated, look.erode, look.feather)
    matched = reinhard(face, target, mask)
    paste(bgr, matched, mask, to_coded, region_of(to_coded, size, *bgr.shape[:2]))
    return from_bgr(bgr)
