"""Brings frames that the operations cannot read (10 bit, 4:2:2, RGB, ...) to planes that they can."""

from __future__ import annotations

from dataclasses import replace

import av
from av.video.reformatter import Interpolation, VideoReformatter

from fastswap.video.info import FULL_RANGE, UNTAGGED, ColorTags
from fastswap.video.planes import AV_NATIVE, is_native

TARGET = "yuv420p"
LIMITED_RANGE = 1
_RGB_MATRIX = 0  # H.273's "identity": the planes are G, B, R
_QUALITY = Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INP
_AV_MATRIX = {"bt601": 5, "bt709": 1, "bt2020": 9}


def has_no_matrix(frame: av.VideoFrame) -> bool:
    """True for RGB and palette pictures: a YUV matrix is ours to choose."""
    return frame.format.is_rgb or frame.format.has_palette


def is_gray(frame: av.VideoFrame) -> bool:
    """True for luma alone, with or without alpha."""
    return not has_no_matrix(frame) and len(frame.format.components) <= 2


def tags_after(frame: av.VideoFrame, tags: ColorTags, picture: bool = False) -> ColorTags:
    """The tags that hold once `frame` is in native planes.

    RGB takes BT.709, or BT.601 when it is small, at limited range as video has it; pictures take what JPEG prescribes
    (BT.601, full range). swscale centres the chroma of what it subsamples.
    """
    name = frame.format.name
    if name.startswith("yuvj"):
        tags = replace(tags, range=FULL_RANGE)
    if has_no_matrix(frame):
        hd = frame.width >= 1280 or frame.height > 576
        matrix = 1 if hd and not picture else 5
        return replace(tags, matrix=matrix, range=FULL_RANGE if picture else LIMITED_RANGE, siting="center")
    if tags.matrix == _RGB_MATRIX:
        tags = replace(tags, matrix=UNTAGGED)
    if is_gray(frame) and not tags.range:
        tags = replace(tags, range=FULL_RANGE)
    if name not in AV_NATIVE and not tags.siting and not _is_420(frame):
        tags = replace(tags, siting="center")
    return tags


def _is_420(frame: av.VideoFrame) -> bool:
    width, height = (frame.format.chroma_width(64), frame.format.chroma_height(64))
    return (width, height) == (32, 32)


class Normaliser:
    """Converts frames that are not native, or not of the first frame's size, and says so once for each cause.

    name: the input's name in the notices. tags: as `tags_after` gave them for the first frame.
    """

    def __init__(self, name: str, width: int, height: int, tags: ColorTags, notices: list[str]) -> None:
        self._name, self._size, self._tags, self._notices = name, (width, height), tags, notices
        self._reformatter = VideoReformatter()
        self._said: set[str] = set()

    def __call__(self, frame: av.VideoFrame) -> av.VideoFrame:
        """The frame itself when nothing is to do."""
        if (frame.width, frame.height) != self._size:
            self._say(f"frames of {frame.width}x{frame.height} are scaled to {self._size[0]}x{self._size[1]}")
        elif is_native(frame):
            return frame
        else:
            self._say(f"{frame.format.name} is converted to 8-bit 4:2:0 ({TARGET})")
        return to_native(frame, self._size, self._tags, self._reformatter)

    def _say(self, what: str) -> None:
        if what not in self._said:
            self._said.add(what)
            self._notices.append(f"{self._name}: {what}")


def to_native(
    frame: av.VideoFrame,
    size: tuple[int, int],
    tags: ColorTags,
    reformatter: VideoReformatter | None = None,
) -> av.VideoFrame:
    """A yuv420p frame of `size` with the matrix and range of `tags`; the frame's times and side data stay."""
    wanted = FULL_RANGE if tags.range == FULL_RANGE else LIMITED_RANGE
    matrix = tags.matrix if tags.matrix in (1, 4, 7, 9) else 5  # 5: swscale's BT.601, and its default
    has_own_range = not has_no_matrix(frame)
    return (reformatter or VideoReformatter()).reformat(
        frame,
        width=size[0],
        height=size[1],
        format=TARGET,
        src_colorspace=matrix if has_own_range else None,
        dst_colorspace=matrix,
        src_color_range=wanted if has_own_range else FULL_RANGE,
        dst_color_range=wanted,
        interpolation=_QUALITY,
        threads=1,
    )


def av_matrix(name: str) -> int:
    """FFmpeg's number of one of the operations' matrices."""
    return _AV_MATRIX[name]
