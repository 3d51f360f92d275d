"""Frames of other programs: `av.VideoFrame` in and out, any pixel format."""

from __future__ import annotations

import av
import numpy as np
from numpy.typing import NDArray

from fastswap.errors import SettingsError
from fastswap.frame import Frame
from fastswap.video.convert import tags_after, to_native
from fastswap.video.info import ColorTags, Geometry
from fastswap.video.planes import AV_NATIVE, is_native, shared_planes, to_av


def frame_from_av(frame: av.VideoFrame, *, index: int = 0) -> Frame:
    """A frame that another program decoded; its memory is shared where the format is native, and never written to.

    Raises SettingsError for what is not an `av.VideoFrame`.
    """
    if not isinstance(frame, av.VideoFrame):
        raise SettingsError(f"a frame must be a NumPy array or an av.VideoFrame, not {type(frame).__name__}")
    tags = ColorTags(
        range=int(frame.color_range),
        matrix=int(frame.colorspace),
        primaries=int(frame.color_primaries),
        transfer=int(frame.color_trc),
    )
    tags = tags_after(frame, tags)
    native = frame if is_native(frame) else to_native(frame, (frame.width, frame.height), tags)
    geometry = Geometry(frame.width, frame.height)
    return Frame(
        planes=shared_planes(native),
        format=AV_NATIVE[native.format.name],
        color=tags.spec(frame.width, frame.height, "rawvideo", frame.format.name),
        index=index,
        pts=frame.pts,
        time=frame.time or 0.0,
        to_coded=geometry.to_coded(),
        display_size=geometry.display_size,
        owner=None if native is frame else native,  # the caller's object must stay as it is
    )


def av_from_frame(after: Frame, before: Frame, like: av.VideoFrame) -> av.VideoFrame:
    """`like` with the samples that differ between `before` and `after`, in the format of `like`.

    All other samples keep their bytes, whatever the format: a conversion there and back cancels out.
    """
    if after is before:
        return like
    old, made = (to_av(frame).reformat(format=like.format.name) for frame in (before, after))
    for ours, theirs, before_plane in zip(_planes(made), _planes(like), _planes(old), strict=True):
        width = min(ours.shape[1], theirs.shape[1], before_plane.shape[1])
        a, b, c = ours[:, :width], theirs[:, :width], before_plane[:, :width]
        np.copyto(a, b, where=a == c)
    made.pts = like.pts
    if like.time_base is not None:
        made.time_base = like.time_base
    made.colorspace, made.color_range = like.colorspace, like.color_range
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
