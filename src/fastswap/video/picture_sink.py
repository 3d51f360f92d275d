"""Writes single pictures and folders of them."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.codec import Codec, CodecContext
from av.codec.context import Flags
from av.video.codeccontext import VideoCodecContext
from numpy.typing import NDArray

from fastswap.errors import OutputError
from fastswap.frame import Frame
from fastswap.video.encoder import open_context
from fastswap.video.info import FULL_RANGE
from fastswap.video.muxing import Target, sync, writing
from fastswap.video.options import merged_options
from fastswap.video.picture_tags import PictureTags, orientation_number, tag_jpeg, tag_png
from fastswap.video.pictures import Extras
from fastswap.video.planes import copy_to_av
from fastswap.video.rgb import RGB, frame_from_rgb, orientation_of, oriented, rgb_from_frame

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
    rgb = rgb_from_frame(frame)
    data = _encode(encoder, _rgb_picture(rgb, _upright_alpha(frame, extras, encoder)), options, path)
    if encoder == _PNG:
        return tag_png(data, extras.tags)
    if extras.tags.profile:
        notices.append(f"{path.name}: its colour profile is left out; .png and .jpg keep it")
    return data


def _is_jpeg_like(frame: Frame) -> bool:
    """True when the planes can go into a JPEG as they are: full-range BT.601 with centred chroma."""
    return frame.color.full_range and frame.color.matrix == "bt601" and frame.color.siting == "center"


def _jpeg_planes(frame: Frame, *, upright: bool) -> av.VideoFrame:
    if upright:
        frame = frame_from_rgb(rgb_from_frame(frame), matrix="bt601", full_range=True)
    picture = copy_to_av(frame, "yuvj420p")
    picture.color_range = FULL_RANGE
    return picture


def _upright_alpha(frame: Frame, extras: Extras, encoder: str) -> NDArray[np.uint8] | None:
    if (
        extras.alpha is None
        or encoder not in _WITH_ALPHA
        or extras.alpha.shape != (frame.height, frame.width)
    ):
        return None
    return oriented(extras.alpha, *orientation_of(frame))


def _rgb_picture(rgb: RGB, alpha: NDArray[np.uint8] | None) -> av.VideoFrame:
    if alpha is None:
        return av.VideoFrame.from_ndarray(rgb, format="rgb24")
    return av.VideoFrame.from_ndarray(np.dstack([rgb, alpha]), format="rgba")


def _encode(encoder: str, picture: av.VideoFrame, options: Mapping[str, str] | None, path: Path) -> bytes:
    context = CodecContext.create(encoder, "w")
    assert isinstance(context, VideoCodecContext)
    context.width, context.height = picture.width, picture.height
    known = [f.name for f in Codec(encoder, "w").video_formats or []]
    with_alpha = picture.format.name == "rgba"
    wanted = ("rgba", "bgra") if with_alpha else (picture.format.name, "bgr24", "bgra")
    context.pix_fmt = next(name for name in wanted if name in known)
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
        with writing(target.path):
            target.made.mkdir()

    def write(self, frame: Frame) -> None:
        """Writes one picture."""
        target, name = self._target, self._name(frame)
        encoder = ENCODERS[name.suffix.lower()]
        data = encode_picture(frame, encoder, target.options, target.path / name, target.notices)
        save(target.made / name, data, target.path / name)

    def close(self) -> None:
        """Raises OutputError when no frame came."""
        if not self._used:
            raise OutputError(f"{self._target.path}: there was no picture to write")

    def abort(self) -> None:
        """Nothing is open."""

    def _name(self, frame: Frame) -> Path:
        extras = getattr(frame.owner, "opaque", None)
        source = extras.path if isinstance(extras, Extras) else Path(f"{frame.index:06d}.png")
        keeps = not self._suffix and source.suffix.lower() in ENCODERS
        name = source.name if keeps else source.stem + (self._suffix or ".png")
        if name in self._used:  # a.tga and a.png both become a.png
            name = f"{source.name}{Path(name).suffix}"
        self._used.add(name)
        return Path(name)


def _suffix_of(encoder: str | None, path: Path) -> str:
    """The suffix that an encoder of pictures writes, "" when the user named none."""
    if encoder is None:
        return ""
    suffix = next((s for s, name in ENCODERS.items() if name == encoder), None)
    if suffix is None:
        raise OutputError(f"{path}: encoder {encoder!r} does not write pictures; a folder holds pictures")
    return suffix
