"""Turns frames upright for containers that cannot say how a picture is to be turned."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from fastswap.frame import Frame, identity_affine
from fastswap.video.info import Geometry, VideoInfo
from fastswap.video.rgb import orientation_of, oriented


def turned_info(info: VideoInfo) -> VideoInfo:
    """The info of the same video with every frame turned by `turned_frame`."""
    (a, _), _ = info.geometry.matrix
    size = (info.width, info.height) if a else (info.height, info.width)

    def aspect(sar: Fraction) -> Fraction:
        return sar if a else 1 / sar

    return replace(
        info,
        geometry=Geometry(*size, aspect(info.sar)),
        stated_sar=aspect(info.stated_sar) if info.stated_sar else None,
        frame_format="yuv420p" if info.frame_format == "nv12" else info.frame_format,
        display_matrix=None,
    )


def turned_frame(frame: Frame) -> Frame:
    """The frame with its planes turned upright: a copy, no sample changes.

    The chroma of a picture with "left" siting comes to lie half a luma sample off after a quarter turn, which H.264
    has no better word for.
    """
    turn = orientation_of(frame)
    luma, first, second = (oriented(plane, *turn) for plane in frame.planes)
    return replace(
        frame, planes=(luma, first, second), format="yuv420p", to_coded=identity_affine(), owner=None
    )
