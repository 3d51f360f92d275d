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


def composite(
    runtime: Runtime,
    stream: Stream,
    frames: Sequence[Frame],
    to_coded: ArrayLike,
    targets: Any,
    faces: Any,
    generated: Any,
    outlines: ArrayLike | None,
    look: Look,
    *,
    face_width: float = 1.0,
    masks: Any = None,
    statistics: ArrayLike | None = None,
) -> None:
    """Mask, colour match and blend as `look` says; see `ops.composite`."""
    shapes, _ = ops.mask_sources(outlines, None, look)
    drawn = generated if "generator" in look.mask_parts or shapes is None else None
    runtime.native.composite(
        [ops.picture_of(frame) for frame in frames],
        np.ascontiguousarray(to_coded, np.float64),
        targets,
        faces,
        drawn,
        shapes,
        None,
        masks,
        None if statistics is None else np.ascontiguousarray(statistics, np.float64),
        look.mask_join,
        *ops.mask_lengths(look, face_width),
        look.color,
        look.color_strength,
        look.opacity,
        stream.native,
    )
