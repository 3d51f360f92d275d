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
from fastswap.frame import Frame
from fastswap.look import BlendMode, ColorMode, Enlarge, Look, MaskJoin

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
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
    join: MaskJoin = "product",
    mattes: ArrayLike | None = None,
) -> Floats:
    """Where the new faces show: float32 [N, size, size] in 0..1, zero on the crop's border.

    outlines: [N, K, 2] closed polygons in crop pixels, or [N, L, K, 2] for L of them a face. generated: [N, size, size]
    masks drawn by the generator. The product of all, or the greatest of them, is shrunk by `erode` (grown where that is
    negative) and given a soft edge as wide as `feather`, both fractions of the crop's side; the soft edge lies inside
    the shrunk shape where there is room for it. One of the two may be None. mattes: [N, size, size], multiply the
    result.
    """
    given = outlines if outlines is not None else generated
    if given is None:
        raise SettingsError("mask: neither outlines nor a generated mask was given")
    out = np.empty((len(np.asarray(given)), size, size), np.float32)
    _cpu.mask(
        _shapes_or_none(outlines),
        _floats_or_none(generated),
        _floats_or_none(mattes),
        join,
        erode,
        feather,
        out,
    )
    return out


def color_statistics(faces: ArrayLike, targets: ArrayLike, masks: ArrayLike, mode: ColorMode) -> Doubles:
    """What the colour match goes by: float64 [N, 2, K], of each face and of its target.

    Sums over the masked pixels alone, weighted by the mask; the first number is the weight. K depends on `mode`:
    moments, histograms, or for "sliced" five numbers for each of up to 1,024 cells of a cube of 16^3 that hold colours
    (where more do, of 8^3): its number, weight, and sums of R', G' and B'. `recentre.mean_of_frames` averages those of
    several frames.
    """
    new = _floats(faces)
    out = np.empty((len(new), 2, _cpu.statistics_size(mode)))
    _cpu.color_statistics(new, _floats(targets), _floats(masks), mode, out)
    return out


def match_color(
    faces: ArrayLike,
    targets: ArrayLike,
    masks: ArrayLike,
    mode: ColorMode,
    *,
    strength: float = 1.0,
    statistics: ArrayLike | None = None,
) -> Floats:
    """Faces in the colours of their targets: float32 [N, 3, S, S], R'G'B' in 0..1. Modes: see `Look.color`.

    statistics: as `color_statistics` gives them; None takes those of these pictures. strength: 1 is the full match.
    Gains (for tables: slopes) are limited to 0.6..1.5, and a mask of under 16 pixels changes nothing.
    """
    new = _floats(faces)
    if statistics is None:
        statistics = color_statistics(new, targets, masks, mode)
    out = np.empty_like(new)
    _cpu.match_color(new, np.ascontiguousarray(statistics, np.float64), mode, strength, out)
    return out


def blend(
    frames: Sequence[Frame],
    to_coded: ArrayLike,
    faces: ArrayLike,
    masks: ArrayLike,
    *,
    opacity: float = 1.0,
    enlarge: Enlarge = "bilinear",
    grain: ArrayLike | None = None,
    seeds: Sequence[int] = (),
) -> None:
    """Mix faces [N, 3, S, S] by their masks [N, S, S] into the frames' own planes, which must be writable.

    Later faces draw over earlier ones. Samples where the mask is zero, or that lie outside the crop, keep their bytes.
    enlarge: the filter where the map enlarges. grain: [N, 3], deviation of the noise added to Y, U and V where a face
    is drawn, as a fraction of their whole range; it follows from sample positions and `seeds`, one for each face.
    """
    pictures = [picture_of(frame) for frame in frames]
    noise = _floats_or_none(grain)
    _cpu.blend(pictures, _maps(to_coded), _floats(faces), _floats(masks), opacity, enlarge, noise, seeds)


def match_seam(
    frames: Sequence[Frame],
    to_coded: ArrayLike,
    faces: ArrayLike,
    targets: ArrayLike,
    masks: ArrayLike,
    mode: BlendMode,
    *,
    out: Floats | None = None,
) -> Floats:
    """Faces that fit their targets along the masks' soft edges: float32 [N, 3, S, S], R'G'B' in 0..1.

    To be drawn by `blend` with the same masks. frames and to_coded tell where each crop hangs over its frame's edge:
    nothing is fitted there. mode: see `Look.blend`; "feather" changes nothing, csrc/poisson.h and csrc/multiband.h
    define the other two. out: written to and returned when given.
    """
    new = _floats(faces)
    out = np.empty_like(new) if out is None else out
    sizes = np.array([frame.planes[0].shape[::-1] for frame in frames], np.int32).reshape(-1, 2)
    _cpu.match_seam(new, _floats(targets), _floats(masks), _maps(to_coded), sizes, mode, out)
    return out


def composite(
    frames: Sequence[Frame],
    to_coded: ArrayLike,
    targets: ArrayLike,
    faces: ArrayLike,
    generated: ArrayLike | None,
    outlines: ArrayLike | None,
    look: Look,
    *,
    face_width: float = 1.0,
    mattes: ArrayLike | None = None,
    masks: ArrayLike | None = None,
    statistics: ArrayLike | None = None,
    grain: ArrayLike | None = None,
    seeds: Sequence[int] = (),
) -> None:
    """Mask, colour match, seam and blend as `look` says, in one go; the same samples as the calls one by one.

    targets: what `crop` gave for these frames and maps. generated: see `mask`. outlines: [N, K, 2], of the face mesh.
    `look.mask` says which of them count; a part that is None is left out, as long as another is there. face_width: of
    the crop's side, what `look`'s lengths are fractions of. mattes: see `mask`. masks: ready-made, in place of all
    these. statistics: averaged over frames, in place of the face's own in this frame. grain, seeds: see `blend`.
    """
    shapes, drawn = (None, None) if masks is not None else mask_sources(outlines, generated, look)
    _cpu.composite(
        [picture_of(frame) for frame in frames],
        _maps(to_coded),
        _floats(targets),
        _floats(faces),
        drawn,
        shapes,
        _floats_or_none(mattes),
        _floats_or_none(masks),
        None
        if statistics is None or not np.size(statistics)
        else np.ascontiguousarray(statistics, np.float64),
        look.mask_join,
        *mask_lengths(look, face_width),
        look.color,
        look.color_strength,
        look.blend,
        look.opacity,
        look.enlarge,
        _floats_or_none(grain),
        seeds,
    )


def mask_sources(
    outlines: ArrayLike | None, generated: ArrayLike | None, look: Look
) -> tuple[Floats | None, Floats | None]:
    """What `look.mask` names of a face: its outlines [N, L, K, 2] and the generated mask; see `mask`.

    An ellipse or a box is as wide and as high as the mesh's outline. Where nothing that it names is there, what is
    there counts.
    """
    mesh, drawn = _floats_or_none(outlines), _floats_or_none(generated)
    shapes = {"mesh": lambda m: m, "ellipse": _ellipses, "box": _boxes}
    kept = [shapes[part](mesh) for part in look.mask_parts if part in shapes] if mesh is not None else []
    wanted = drawn if "generator" in look.mask_parts else None
    if not kept and wanted is None:
        return (None, drawn) if mesh is None else (mesh[:, None], None)
    return (np.ascontiguousarray(np.stack(kept, axis=1)) if kept else None), wanted


def mask_lengths(look: Look, face_width: float) -> tuple[float, float]:
    """`look.erode` and `look.feather` as fractions of a crop with a face `face_width` wide; half a crop at most."""
    erode, feather = look.erode * face_width, look.feather * face_width
    return min(max(erode, -0.5), 0.5), min(feather, 0.5)


def _ellipses(outlines: Floats) -> Floats:
    turn = np.linspace(0.0, 2.0 * np.pi, outlines.shape[1], endpoint=False)
    return _around(outlines, np.column_stack([np.cos(turn), np.sin(turn)]))


def _boxes(outlines: Floats) -> Floats:
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], np.float64)
    return _around(outlines, corners[np.minimum(np.arange(outlines.shape[1]), 3)])


def _around(outlines: Floats, shape: NDArray[np.float64]) -> Floats:
    """A shape within -1..1 stretched over the box around each outline."""
    low, high = outlines.min(axis=1, keepdims=True), outlines.max(axis=1, keepdims=True)
    return np.asarray((low + high) / 2 + shape * ((high - low) / 2), np.float32)


def picture_of(frame: Frame) -> _cpu.Picture:
    """What the native modules take: the planes and what their numbers mean. Raises SettingsError for other formats."""
    kind, color = frame.pixels, frame.color
    y, *others = frame.planes
    u, v = others or (None, None)
    how = (color.matrix, color.full_range, color.siting, kind.bits, kind.log2_sub, kind.shift, color.transfer)
    return (y, u, v, *how)


def _maps(to_coded: ArrayLike) -> NDArray[np.float64]:
    return np.ascontiguousarray(to_coded, np.float64)


def _floats(array: ArrayLike) -> Floats:
    return np.ascontiguousarray(array, np.float32)


def _shapes_or_none(outlines: ArrayLike | None) -> Floats | None:
    """One outline a face as one of one."""
    if outlines is None:
        return None
    shapes = _floats(outlines)
    return shapes[:, None] if shapes.ndim == 3 else shapes


def _floats_or_none(array: ArrayLike | None) -> Floats | None:
    return None if array is None else _floats(array)
