"""The pixel operations on a GPU; see `fastswap.ops`. Pixels lie in device memory, maps and outlines in the host's.

Nothing waits: the work is queued on the stream that is given, inside `runtime.current()`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from fastswap import ops
from fastswap.look import Look

if TYPE_CHECKING:
    from fastswap.device.runtime import Runtime, Stream
    from fastswap.frame import Frame


def crop(
    runtime: Runtime,
    stream: Stream,
    frames: Sequence[Frame],
    to_coded: ArrayLike,
    out: Any,
    *,
    border: str = "replicate",
) -> None:
    """Samples each frame through its map into `out`, float32 [N, 3, S, S]; see `ops.crop`."""
    maps = np.ascontiguousarray(to_coded, np.float64)
    runtime.native.crop([ops.picture_of(frame) for frame in frames], maps, out, border, stream.native)


def mask(
    runtime: Runtime,
    stream: Stream,
    outlines: ArrayLike | None,
    generated: Any,
    mattes: Any,
    look: Look,
    face_width: float,
    out: Any,
) -> None:
    """Where the faces show, float32 [N, S, S]; see `ops.mask` and `ops.mask_sources`."""
    drawn = generated if "generator" in look.mask_parts else None
    only_drawn = drawn is not None and len(look.mask_parts) == 1
    shapes = None if only_drawn else ops.mask_sources(outlines, None, look)[0]
    erode, feather = ops.mask_lengths(look, face_width)
    runtime.native.mask(shapes, drawn, mattes, look.mask_join, erode, feather, out, stream.native)


def color_statistics(
    runtime: Runtime, stream: Stream, faces: Any, targets: Any, masks: Any, mode: str, out: Any
) -> None:
    """What the colour match goes by, float64 [N, 2, K]; see `ops.color_statistics`."""
    runtime.native.color_statistics(faces, targets, masks, mode, out, stream.native)


def detail_statistics(runtime: Runtime, stream: Stream, pictures: Any, masks: Any, out: Any) -> None:
    """How much fine detail pictures have, float64 [N, 5]; see `texture.detail_statistics`."""
    runtime.native.detail_statistics(pictures, masks, out, stream.native)


def noise_statistics(
    runtime: Runtime, stream: Stream, frames: Sequence[Frame], to_coded: ArrayLike, masks: Any, out: Any
) -> None:
    """How noisy frames are where faces are, float64 [N, 4]; see `texture.noise_statistics`."""
    maps = np.ascontiguousarray(to_coded, np.float64)
    runtime.native.noise_statistics(
        [ops.picture_of(frame) for frame in frames], maps, masks, out, stream.native
    )


def sharpen(runtime: Runtime, stream: Stream, pictures: Any, gains: ArrayLike) -> None:
    """Multiplies the two finest bands of pictures by gains [N, 2], in place; see `texture.sharpen`."""
    runtime.native.sharpen(pictures, np.ascontiguousarray(gains, np.float32), pictures, stream.native)


def motion_blur(
    runtime: Runtime, stream: Stream, faces: Any, masks: Any, motions: ArrayLike, out: Any
) -> None:
    """Faces smeared along motions [N, 2, 3], into `out`, which is not `faces`; see `texture.motion_blur`."""
    runtime.native.motion_blur(faces, masks, np.ascontiguousarray(motions, np.float64), out, stream.native)


def composite(
    runtime: Runtime,
    stream: Stream,
    frames: Sequence[Frame],
    to_coded: ArrayLike,
    targets: Any,
    faces: Any,
    masks: Any,
    statistics: ArrayLike | None,
    look: Look,
    grain: ArrayLike | None = None,
    seeds: Sequence[int] = (),
) -> None:
    """Colour match and blend of faces whose masks are known, as `look` says; see `ops.composite`."""
    runtime.native.composite(
        [ops.picture_of(frame) for frame in frames],
        np.ascontiguousarray(to_coded, np.float64),
        targets,
        faces,
        None,
        None,
        None,
        masks,
        None
        if statistics is None or not np.size(statistics)
        else np.ascontiguousarray(statistics, np.float64),
        look.mask_join,
        0.0,
        0.0,
        look.color,
        look.color_strength,
        look.blend,
        look.opacity,
        look.enlarge,
        None if grain is None else np.ascontiguousarray(grain, np.float32),
        seeds,
        stream.native,
    )
