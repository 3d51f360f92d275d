"""Frames of other programs: `av.VideoFrame` and arrays in and out, any pixel format."""

from __future__ import annotations

from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from fastswap.errors import SettingsError
from fastswap.frame import ColorSpec, Frame, identity_affine
from fastswap.video.convert import native, tags_after
from fastswap.video.info import ColorTags, Geometry
from fastswap.video.planes import (
    alpha_plane,
    array_planes,
    copy_properties,
    is_native,
    native_name,
    shared_planes,
    to_av,
)

_ARRAY_FORMATS = {"uint8": "rgb24", "uint16": "rgb48le"}


def frame_from_av(frame: av.VideoFrame, *, index: int = 0) -> Frame:
    """A frame that another program decoded; its memory is shared where the format is native, and never written to.

    Raises SettingsError for what is not an `av.VideoFrame`, and for an interlaced one.
    """
    if not isinstance(frame, av.VideoFrame):
        raise SettingsError(f"a frame must be a NumPy array or an av.VideoFrame, not {type(frame).__name__}")
    if frame.interlaced_frame:
        raise SettingsError(
            "an interlaced frame: deinterlace the video first, with FFmpeg's bwdif for example"
        )
    tags = ColorTags(
        range=int(frame.color_range),
        matrix=int(frame.colorspace),
        primaries=int(frame.color_primaries),
        transfer=int(frame.color_trc),
    )
    tags = tags_after(frame, tags)
    shown = native(frame, tags)
    geometry = Geometry(frame.width, frame.height)
    name = native_name(shown.format.name)
    assert name is not None
    return Frame(
        planes=shared_planes(shown),
        format=name,
        color=tags.spec(frame.width, frame.height, "rawvideo", name),
        index=index,
        pts=frame.pts,
        time=frame.time or 0.0,
        to_coded=geometry.to_coded(),
        display_size=geometry.display_size,
        owner=None if shown is frame else shown,  # the caller's object must stay as it is
    )


def av_from_frame(after: Frame, before: Frame, like: av.VideoFrame) -> av.VideoFrame:
    """`like` with the samples that differ between `before` and `after`, in the format of `like`.

    All other samples keep their bytes, whatever the format: a conversion there and back cancels out.
    """
    if after is before:
        return like
    made = to_av(after, like.format.name if is_native(like) else None)
    if not is_native(like):
        made = _only_changes(made, to_av(before), like)
    alpha, old_alpha = (alpha_plane(f) if is_native(f) else None for f in (made, like))
    if alpha is not None and old_alpha is not None:
        np.copyto(alpha, old_alpha)
    copy_properties(like, made)
    return made


def _only_changes(after: av.VideoFrame, before: av.VideoFrame, like: av.VideoFrame) -> av.VideoFrame:
    old, made = (frame.reformat(format=like.format.name) for frame in (before, after))
    for ours, theirs, before_plane in zip(_planes(made), _planes(like), _planes(old), strict=True):
        width = min(ours.shape[1], theirs.shape[1], before_plane.shape[1])
        a, b, c = ours[:, :width], theirs[:, :width], before_plane[:, :width]
        np.copyto(a, b, where=a == c)
    return made


def _planes(frame: av.VideoFrame) -> list[NDArray[np.generic]]:
    """Each plane as rows of samples, padding included."""
    kind = np.uint16 if frame.format.components[0].bits > 8 else np.uint8
    return [
        np.frombuffer(memoryview(plane), np.uint8)[: plane.height * plane.line_size]
        .reshape(plane.height, plane.line_size)
        .view(kind)
        for plane in frame.planes
    ]


def frame_from_array(pixels: NDArray[Any], *, index: int = 0) -> Frame:
    """R'G'B' pixels [H, W, 3], uint8 or uint16, as a frame that shares their memory, read-only.

    Raises SettingsError when the array is not such a picture.
    """
    name = _ARRAY_FORMATS.get(str(pixels.dtype))
    if name is None or pixels.ndim != 3 or pixels.shape[2] != 3 or 0 in pixels.shape:
        raise SettingsError(
            f"a picture must be uint8 or uint16 [height, width, 3], not {pixels.dtype} {list(pixels.shape)}"
        )
    view = pixels.view()
    view.flags.writeable = False
    height, width = pixels.shape[:2]
    return Frame(
        **array_planes(view),
        format=name,
        color=ColorSpec("gbr", True),
        index=index,
        pts=None,
        time=0.0,
        to_coded=identity_affine(),
        display_size=(width, height),
    )
