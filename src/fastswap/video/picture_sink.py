"""Writes single pictures and folders of them."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.codec import Codec, CodecContext
from av.codec.context import Flags
from av.video.codeccontext import VideoCodecContext
from numpy.typing import NDArray

from fastswap.atomic import sync
from fastswap.errors import OutputError
from fastswap.frame import Frame
from fastswap.video.encoder import open_context
from fastswap.video.info import FULL_RANGE
from fastswap.video.loss import nearest
from fastswap.video.options import merged_options
from fastswap.video.picture_tags import PictureTags, orientation_number, tag_jpeg, tag_png
from fastswap.video.pictures import Extras
from fastswap.video.planes import copy_to_av
from fastswap.video.rgb import QUALITY, deep_rgb_from_frame, orientation_of, oriented, rgb_from_frame
from fastswap.video.target import Target, writing

_JPEG, _PNG, _WEBP = "mjpeg", "png", "libwebp"
ENCODERS = {
    ".png": _PNG,
    ".jpg": _JPEG,
    ".jpeg": _JPEG,
    ".jpe": _JPEG,
    ".jfif": _JPEG,
    ".webp": _WEBP,
    ".bmp": "bmp",
    ".tif": "tiff",
    ".tiff": "tiff",
}
"""The encoder for each suffix of a picture."""

_WITH_ALPHA = (_PNG, _WEBP, "tiff")
_DEEP = (_PNG, "tiff")
_JPEG_PLANES = {(1, 1): "yuvj420p", (1, 0): "yuvj422p", (0, 0): "yuvj444p"}


def encode_picture(
    frame: Frame, encoder: str, options: Mapping[str, str] | None, path: Path, notices: list[str]
) -> bytes:
    """The bytes of a picture file. Alpha and colour profile of the picture that `frame` came from go with it."""
    extras = getattr(frame.owner, "opaque", None)
    extras = extras if isinstance(extras, Extras) else Extras(path, PictureTags(), None)
    if encoder not in _WITH_ALPHA and extras.alpha is not None:
        notices.append(f"{path.name}: its transparency is left out, {path.suffix} has none")
    if encoder == _JPEG:
        number = orientation_number(frame.to_coded) if _is_jpeg_like(frame) else None
        data = _encode(encoder, _jpeg_planes(frame, upright=number is None), options, path)
        return tag_jpeg(data, PictureTags(number or 1, extras.tags.profile))
    deep = frame.pixels.bits > 8 and encoder in _DEEP
    if frame.pixels.bits > 8 and not deep:
        notices.append(f"{path.name}: {frame.pixels.bits} bits become 8, {path.suffix} holds no more")
    pixels = _upright_pixels(frame, deep)
    data = _encode(encoder, _picture(pixels, _upright_alpha(frame, extras, encoder, deep)), options, path)
    if encoder == _PNG:
        return tag_png(data, extras.tags)
    if extras.tags.profile:
        notices.append(f"{path.name}: its colour profile is left out; .png and .jpg keep it")
    return data


def _is_jpeg_like(frame: Frame) -> bool:
    """True when the planes can go into a JPEG as they are: 8-bit full-range BT.601 with centred chroma, or gray."""
    color, kind = frame.color, frame.pixels
    if not color.full_range or kind.bits != 8:
        return False
    if kind.gray:
        return True
    known = kind.log2_sub in _JPEG_PLANES and not kind.rgb
    return known and color.matrix == "bt601" and (color.siting == "center" or kind.log2_sub == (0, 0))


def _jpeg_planes(frame: Frame, *, upright: bool) -> av.VideoFrame:
    """The planes for the encoder, turned upright if asked. What is no JPEG's becomes one: RGB keeps all its chroma."""
    name = "yuvj420p" if frame.pixels.gray else _JPEG_PLANES.get(frame.pixels.log2_sub, "yuvj444p")
    if not upright:
        picture = copy_to_av(frame, name)
    else:
        rgb = av.VideoFrame.from_ndarray(rgb_from_frame(frame), format="rgb24")
        picture = rgb.reformat(
            format=name,
            dst_colorspace=5,
            src_color_range=FULL_RANGE,
            dst_color_range=FULL_RANGE,
            interpolation=QUALITY,
            threads=1,
        )
    picture.color_range = FULL_RANGE
    return picture


def _upright_alpha(frame: Frame, extras: Extras, encoder: str, deep: bool) -> NDArray[Any] | None:
    alpha = extras.alpha
    if alpha is None or encoder not in _WITH_ALPHA or alpha.shape != (frame.height, frame.width):
        return None
    if alpha.dtype == np.uint16 and not deep:
        alpha = (alpha >> 8).astype(np.uint8)
    elif alpha.dtype == np.uint8 and deep:
        alpha = alpha.astype(np.uint16) * 257
    return oriented(alpha, *orientation_of(frame))


def _upright_pixels(frame: Frame, deep: bool) -> NDArray[Any]:
    """[H, W, 3] R'G'B', or [H, W] of a gray picture, uint8 or uint16; samples that fit stay as they are."""
    kind, bits = frame.pixels, 16 if deep else 8
    if not (frame.color.full_range and kind.bits == bits and (kind.rgb or kind.gray)):
        return deep_rgb_from_frame(frame) if deep else rgb_from_frame(frame)
    y, *others = frame.planes
    pixels = np.dstack([others[1], y, others[0]]) if others else y
    return oriented(pixels >> np.array(kind.shift, pixels.dtype), *orientation_of(frame))


def _picture(pixels: NDArray[Any], alpha: NDArray[Any] | None) -> av.VideoFrame:
    if alpha is not None:
        pixels = np.dstack([pixels] * (3 if pixels.ndim == 2 else 1) + [alpha])
    channels = 1 if pixels.ndim == 2 else pixels.shape[2]
    names = {1: ("gray", "gray16le"), 3: ("rgb24", "rgb48le"), 4: ("rgba", "rgba64le")}[channels]
    name = names[pixels.dtype == np.uint16]
    return av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format=name)


def _encode(encoder: str, picture: av.VideoFrame, options: Mapping[str, str] | None, path: Path) -> bytes:
    context = CodecContext.create(encoder, "w")
    assert isinstance(context, VideoCodecContext)
    context.width, context.height = picture.width, picture.height
    known = [f.name for f in Codec(encoder, "w").video_formats or []]
    own = picture.format.name
    context.pix_fmt = own if own in known else nearest(own, known)
    context.time_base = Fraction(1, 25)
    context.thread_count = 1
    context.color_range = FULL_RANGE
    context.options = merged_options(encoder, options)
    context.flags |= Flags.bitexact
    refusal = open_context(context)
    if refusal:
        raise OutputError(f"{path}: encoder {encoder}: {refusal}")
    with writing(path):
        return b"".join(bytes(packet) for packet in (*context.encode(picture), *context.encode(None)))


def save(made: Path, data: bytes, path: Path) -> None:
    """Writes the whole file `made` and waits until it is on the disk; path: its name in messages."""
    with writing(path):
        made.write_bytes(data)
        sync(made)


def encoder_of(path: Path, encoder: str | None) -> str:
    """The encoder that a picture's suffix asks for; raises OutputError when the user named another."""
    own = ENCODERS[path.suffix.lower()]
    if encoder not in (None, own):
        raise OutputError(f"{path}: encoder {encoder!r} does not write {path.suffix} pictures ({own} does)")
    return own


class PictureSink:
    """One picture."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._encoder = encoder_of(target.path, target.encoder)
        self._written = False

    def write(self, frame: Frame) -> None:
        """Takes the only frame."""
        target = self._target
        if self._written:
            raise OutputError(
                f"{target.path}: one picture cannot hold several frames; name a folder or a video file"
            )
        data = encode_picture(frame, self._encoder, target.options, target.path, target.notices)
        save(target.made, data, target.path)
        self._written = True

    def close(self) -> None:
        """Raises OutputError when no frame came."""
        if not self._written:
            raise OutputError(f"{self._target.path}: there was no picture to write")

    def abort(self) -> None:
        """Nothing is open."""


class FolderSink:
    """A folder of pictures with the names of the input's pictures, or numbers when it had none."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._suffix = _suffix_of(target.encoder, target.path)
        self._used: set[str] = set()

    def write(self, frame: Frame) -> None:
        """Writes one picture."""
        self.put(*self.encoded(frame))

    def encoded(self, frame: Frame) -> tuple[str, str, bytes]:
        """The name of a frame's picture in the input, its name here, and the file."""
        extras = getattr(frame.owner, "opaque", None)
        source = extras.path if isinstance(extras, Extras) else Path(f"{frame.index:06d}.png")
        keeps = not self._suffix and source.suffix.lower() in ENCODERS
        path = self._target.path / (source.name if keeps else source.stem + (self._suffix or ".png"))
        encoder, target = ENCODERS[path.suffix.lower()], self._target
        return source.name, path.name, encode_picture(frame, encoder, target.options, path, target.notices)

    def put(self, source: str, name: str, data: bytes) -> None:
        """Writes the file of a picture, see `encoded`."""
        if name in self._used:  # a.tga and a.png both become a.png
            name = f"{source}{Path(name).suffix}"
        if not self._used:
            with writing(self._target.path):
                self._target.made.mkdir(exist_ok=True)
        self._used.add(name)
        save(self._target.made / name, data, self._target.path / name)

    def close(self) -> None:
        """Raises OutputError when no frame came."""
        if not self._used:
            raise OutputError(f"{self._target.path}: there was no picture to write")

    def abort(self) -> None:
        """Nothing is open."""


def _suffix_of(encoder: str | None, path: Path) -> str:
    """The suffix that an encoder of pictures writes, "" when the user named none."""
    if encoder is None:
        return ""
    suffix = next((s for s, name in ENCODERS.items() if name == encoder), None)
    if suffix is None:
        raise OutputError(f"{path}: encoder {encoder!r} does not write pictures; a folder holds pictures")
    return suffix
