"""The pixel operations on a GPU; see `fastswap.ops`. Pixels lie in device memory, maps and outlines in the host's.

Nothing waits: the work is queued on the stream that is given, inside `runtime.current()`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from fastswap import ops
from fastswap.device.choice import beyond_gpu
from fastswap.errors import SettingsError
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


def check_look(look: Look) -> None:
    """Raises SettingsError, naming the setting, for what the GPU cannot do yet."""
    for name in beyond_gpu(look):
        raise SettingsError(
            f"look: {name} {getattr(look, name)!r} is not there on the GPU yet; use --device cpu"
        )


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
) -> None:
    """Colour match and blend of faces whose masks are known, as `look` says; see `ops.composite`."""
    check_look(look)
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
        None,
        [],
        stream.native,
    )
