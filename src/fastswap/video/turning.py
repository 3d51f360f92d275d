"""Turns frames upright for containers that cannot say how a picture is to be turned."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np

from fastswap.frame import Frame, identity_affine
from fastswap.pixels import PixelFormat, pixel_format, planar_twin
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
        frame_format=_turned_format(pixel_format(info.frame_format), not a)[0],
        display_matrix=None,
    )


def turned_frame(frame: Frame) -> Frame:
    """The frame with its planes turned upright: a copy, no sample changes; alpha is left out.

    The chroma of a picture with "left" siting comes to lie half a luma sample off after a quarter turn, which H.264
    has no better word for.
    """
    turn = orientation_of(frame)
    name, repeats = _turned_format(frame.pixels, turn[0])
    planes = [oriented(plane, *turn) >> np.array(frame.pixels.shift, plane.dtype) for plane in frame.planes]
    if repeats != (1, 1):
        height, width = planes[0].shape
        planes[1:] = [
            plane.repeat(repeats[1], axis=0).repeat(repeats[0], axis=1)[:height, :width]
            for plane in planes[1:]
        ]
    return replace(frame, planes=tuple(planes), format=name, to_coded=identity_affine(), owner=None)


def _turned_format(kind: PixelFormat, quarter: bool) -> tuple[str, tuple[int, int]]:
    """The planar format of the turned planes, and how often chroma is to be repeated where there is no such format."""
    sub = (kind.log2_sub[1], kind.log2_sub[0]) if quarter else kind.log2_sub
    name = planar_twin(kind, sub)
    if name is not None:
        return name, (1, 1)
    name = planar_twin(kind, (0, 0))
    assert name is not None  # every depth has 4:4:4
    return name, (1 << sub[0], 1 << sub[1])
