"""The pixel operations on batches of faces: crop, mask, colour match, blend.

Arrays are float32 and C-contiguous, pictures R'G'B' in 0..1 laid out [N, 3, S, S], masks [N, S, S]; what comes in
otherwise is converted once. Affine maps are float64 [N, 2, 3] from crop pixels to coded luma pixels of the frame (see
`fastswap.frame.Affine`). The work is done by the native module without the GIL and over `get_threads()` threads; the
result is the same for any number of threads. Native code raises ValueError for arguments that do not fit together.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastswap import _cpu
from fastswap.errors import SettingsError
from fastswap.frame import NATIVE_FORMATS, Frame
from fastswap.look import ColorMode, Look

Floats = NDArray[np.float32]
Border = Literal["replicate", "black"]

set_threads = _cpu.set_threads
get_threads = _cpu.get_threads


def crop(
    frames: Sequence[Frame],
    to_coded: ArrayLike,
    size: int,
    *,
    border: Border = "replicate",
    out: Floats | None = None,
) -> Floats:
    """Sample each frame's planes through its map: float32 [N, 3, size, size], R'G'B' in 0..1.

    frames: one per crop; the same frame may come several times. to_coded: [N, 2, 3], crop pixels to coded luma
    pixels. Bilinear where the map enlarges, area filtered where it shrinks. border: beyond the frame lies its nearest
    sample or black. out: written to and returned when given.
    """
    if out is None:
        out = np.empty((len(frames), 3, size, size), np.float32)
    elif out.shape != (len(frames), 3, size, size):
        raise SettingsError(f"crop: out has the shape {out.shape}, not {(len(frames), 3, size, size)}")
    _cpu.crop([picture_of(frame) for frame in frames], _maps(to_coded), out, border)
    return out


def mask(
    outlines: ArrayLike | None,
    generated: ArrayLike | None,
    size: int,
    *,
    erode: float,
    feather: float,
) -> Floats:
    """Where the new faces show: float32 [N, size, size] in 0..1, zero on the crop's border.

    outlines: [N, K, 2] closed polygons in crop pixels. generated: [N, size, size] masks drawn by the generator. The
    product of the two is shrunk by `erode` and given a soft edge as wide as `feather`, both fractions of the crop's
    side; the soft edge lies inside the shrunk shape where there is room for it. One of the two may be None.
    """
    given = outlines if outlines is not None else generated
    if given is None:
        raise SettingsError("mask: neither outlines nor a generated mask was given")
    out = np.empty((len(np.asarray(given)), size, size), np.float32)
    _cpu.mask(_floats_or_none(outlines), _floats_or_none(generated), erode, feather, out)
    return out


def match_color(faces: ArrayLike, targets: ArrayLike, masks: ArrayLike, mode: ColorMode) -> Floats:
    """Faces in the colours of their targets: float32 [N, 3, S, S], R'G'B' in 0..1.

    Statistics come from the masked pixels alone, weighted by the mask. mode: "none" copies, "reinhard" moves mean and
    deviation in CIE L*a*b* (D65, sRGB curve; Reinhard et al. 2001), "mkl" is the linear Monge-Kantorovitch map in
    R'G'B' (Pitié and Kokaram 2007). Gains are limited to 0.6..1.5, and a mask of under 16 pixels changes nothing.
    """
    new = _floats(faces)
    out = np.empty_like(new)
    _cpu.match_color(new, _floats(targets), _floats(masks), mode, out)
    return out


def blend(
    frames: Sequence[Frame], to_coded: ArrayLike, faces: ArrayLike, masks: ArrayLike, *, opacity: float = 1.0
) -> None:
    """Mix faces [N, 3, S, S] by their masks [N, S, S] into the frames' own planes, which must be writable.

    Later faces draw over earlier ones. Samples where the mask is zero, or that lie outside the crop, keep their bytes.
    """
    pictures = [picture_of(frame) for frame in frames]
    _cpu.blend(pictures, _maps(to_coded), _floats(faces), _floats(masks), opacity)


def composite(
    frames: Sequence[Frame],
    to_coded: ArrayLike,
    targets: ArrayLike,
    faces: ArrayLike,
    generated: ArrayLike | None,
    outlines: ArrayLike | None,
    look: Look,
) -> None:
    """Mask, colour match and blend as `look` says, in one go; the same samples as the three calls one by one.

    targets: what `crop` gave for these frames and maps. generated and outlines: see `mask`; `look.mask` says which of
    them count, and where one of those is None the other alone does.
    """
    use_outlines, use_generated = look.mask in ("mesh", "both"), look.mask in ("generator", "both")
    _cpu.composite(
        [picture_of(frame) for frame in frames],
        _maps(to_coded),
        _floats(targets),
        _floats(faces),
        _floats_or_none(generated) if use_generated else None,
        _floats_or_none(outlines) if use_outlines else None,
        look.color,
        look.erode,
        look.feather,
        look.opacity,
    )


def picture_of(frame: Frame) -> _cpu.Picture:
    """What the native modules take: the planes and what their numbers mean. Raises SettingsError for other formats."""
    if frame.format not in NATIVE_FORMATS:
        raise SettingsError(
            f"pixel format {frame.format} is not native; choose one of {', '.join(NATIVE_FORMATS)}"
        )
    color = frame.color
    return (*frame.planes, color.matrix, color.full_range, color.siting, 8, (1, 1))


def _maps(to_coded: ArrayLike) -> NDArray[np.float64]:
    return np.ascontiguousarray(to_coded, np.float64)


def _floats(array: ArrayLike) -> Floats:
    return np.ascontiguousarray(array, np.float32)


def _floats_or_none(array: ArrayLike | None) -> Floats | None:
    return None if array is None else _floats(array)
