"""Brings frames that the operations cannot read (palettes, floats, packed 10-bit words) to planes that they can."""

from __future__ import annotations

from dataclasses import replace

import av
from av.video.reformatter import Interpolation, VideoReformatter

from fastswap.pixels import FORMATS
from fastswap.video.info import FULL_RANGE, LIMITED_RANGE, RGB_MATRIX, UNTAGGED, ColorTags
from fastswap.video.loss import nearest
from fastswap.video.planes import is_native, native_name

_QUALITY = Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INP
_AV_MATRIX = {"bt601": 5, "bt709": 1, "bt2020": 9}
_EXACT = {
    "pal8": "rgba",
    "monow": "gray",
    "monob": "gray",
    "x2rgb10le": "gbrp10le",
    "x2bgr10le": "gbrp10le",
    "xv30le": "yuv444p10le",
    "v30xle": "yuv444p10le",
}
"""Formats that only store the same samples in another way, and where they go. Big-endian ones are such too."""


def native_twin(name: str) -> tuple[str, bool]:
    """The native format that FFmpeg's format `name` is brought to, and whether that keeps every sample."""
    own = native_name(name)
    if own is not None:
        return own, True
    twin = f"{name[:-2]}le" if name.endswith("be") else _EXACT.get(name)
    if twin in FORMATS:
        return twin, True
    return nearest(name, FORMATS), False


def has_no_matrix(frame: av.VideoFrame) -> bool:
    """True for RGB and palette pictures."""
    return frame.format.is_rgb or frame.format.has_palette


def is_gray(frame: av.VideoFrame) -> bool:
    """True for luma alone, with or without alpha."""
    return not has_no_matrix(frame) and len(frame.format.components) <= 2


def tags_after(frame: av.VideoFrame, tags: ColorTags) -> ColorTags:
    """The tags that hold once `frame` is in native planes: RGB has the identity matrix and full range by default."""
    name = frame.format.name
    if name.startswith("yuvj"):
        tags = replace(tags, range=FULL_RANGE)
    if has_no_matrix(frame):
        return replace(tags, matrix=RGB_MATRIX, range=tags.range or FULL_RANGE, siting=None)
    if tags.matrix == RGB_MATRIX:
        tags = replace(tags, matrix=UNTAGGED)
    if is_gray(frame) and not tags.range:
        tags = replace(tags, range=FULL_RANGE)
    return tags


class Normaliser:
    """Converts frames that are not native, or not of the first frame's size or format, and says so once for each cause.

    name: the input's name in the notices. tags: as `tags_after` gave them for the first frame. frame_format: the
    native format of the first frame.
    """

    def __init__(
        self, name: str, size: tuple[int, int], frame_format: str, tags: ColorTags, notices: list[str]
    ) -> None:
        self._name, self._size, self._format = name, size, frame_format
        self._tags, self._notices = tags, notices
        self._reformatter = VideoReformatter()
        self._said: set[str] = set()

    def __call__(self, frame: av.VideoFrame) -> av.VideoFrame:
        """The frame itself when nothing is to do."""
        if (frame.width, frame.height) != self._size:
            self._say(f"frames of {frame.width}x{frame.height} are scaled to {self._size[0]}x{self._size[1]}")
        elif native_name(frame.format.name) == self._format:
            return frame
        else:
            twin, exact = native_twin(frame.format.name)
            if not exact or twin != self._format:
                self._say(f"{frame.format.name} is converted to {self._format}")
        return to_native(frame, self._size, self._format, self._tags, self._reformatter)

    def _say(self, what: str) -> None:
        if what not in self._said:
            self._said.add(what)
            self._notices.append(f"{self._name}: {what}")


def to_native(
    frame: av.VideoFrame,
    size: tuple[int, int],
    name: str,
    tags: ColorTags,
    reformatter: VideoReformatter | None = None,
) -> av.VideoFrame:
    """A frame of `size` in the native format `name`, with the matrix and range of `tags`; times and side data stay."""
    wanted = FULL_RANGE if tags.range == FULL_RANGE else LIMITED_RANGE
    matrix = tags.matrix if tags.matrix in (1, 4, 7, 9) else 5  # 5: swscale's BT.601, and its default
    has_own_range = not has_no_matrix(frame)
    return (reformatter or VideoReformatter()).reformat(
        frame,
        width=size[0],
        height=size[1],
        format=name,
        src_colorspace=matrix if has_own_range else None,
        dst_colorspace=None if FORMATS[name].rgb else matrix,
        src_color_range=wanted if has_own_range else FULL_RANGE,
        dst_color_range=FULL_RANGE if FORMATS[name].rgb else wanted,
        interpolation=_QUALITY,
        threads=1,
    )


def native(frame: av.VideoFrame, tags: ColorTags) -> av.VideoFrame:
    """The frame itself, or in the native format closest to its own; tags: as `tags_after` gave them."""
    if is_native(frame):
        return frame
    return to_native(frame, (frame.width, frame.height), native_twin(frame.format.name)[0], tags)


def av_matrix(name: str) -> int:
    """FFmpeg's number of one of the operations' matrices, for its scaler."""
    return _AV_MATRIX.get(name, _AV_MATRIX["bt709"])
