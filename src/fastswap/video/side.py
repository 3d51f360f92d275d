"""Writes mattes and layers with alpha: to a video file, or as one picture a frame."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Final

import av
import numpy as np
from av.codec import CodecContext
from av.codec.context import Flags
from av.container import OutputContainer
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream
from numpy.typing import NDArray

from fastswap.errors import OutputError
from fastswap.frame import Frame, Matrix
from fastswap.video import timecode
from fastswap.video.encoder import open_context
from fastswap.video.info import ColorTags, VideoInfo
from fastswap.video.muxing import VideoSink
from fastswap.video.picture_sink import save
from fastswap.video.rgb import orientation_of, oriented
from fastswap.video.side_output import PATTERN, Form, SideOutput
from fastswap.video.target import Target, writing

Samples = NDArray[Any]

_LUMA: Final = {"bt601": (0.299, 0.114), "bt709": (0.2126, 0.0722), "bt2020": (0.2627, 0.0593)}
"""Kr and Kb of ITU-T H.273."""
_LEAST: Final = np.float32(1.0 / 1024.0)
_TAGS: Final = {"bt601": 6, "bt709": 1, "bt2020": 9}
"""H.273's numbers; of the two for BT.601 the one that ProRes has a place for."""


@dataclass(frozen=True, slots=True)
class Layer:
    """The faces of one frame, in coded luma pixels.

    rect: (left, top, right, bottom) of what is here; there is nothing outside. alpha: float32 [h, w], 0..1, how much
    of the faces shows. planes: float32 [3, h, w], luma 0..1 and chroma -0.5..0.5 (ITU-T H.273 with `matrix`, at every
    pixel), multiplied by alpha.
    """

    rect: tuple[int, int, int, int]
    alpha: NDArray[np.float32]
    planes: NDArray[np.float32]
    matrix: Matrix

    def straight(self) -> NDArray[np.float32]:
        """The planes without alpha in them, 0 where alpha is so low that they would be noise."""
        return np.where(self.alpha > _LEAST, self.planes / np.maximum(self.alpha, _LEAST), np.float32(0.0))


@dataclass(frozen=True, slots=True)
class Cell:
    """The samples of one frame of a side output.

    rect: (left, top, right, bottom) in coded luma pixels of what is here; the rest is empty. alpha: float32 [h, w],
    0..1. planes: float32 [3, h, w], luma 0..1 and chroma -0.5..0.5 of `matrix`, straight or multiplied by alpha as
    `Form.premultiplied` says.
    """

    frame: Frame
    rect: tuple[int, int, int, int]
    alpha: Samples
    planes: Samples
    matrix: Matrix


def layer_matrix(matrix: Matrix) -> Matrix:
    """The one in which the layers of a frame are drawn: there is always a luma, for alpha is read off it."""
    return "bt709" if matrix == "gbr" else matrix


def cell_of(frame: Frame, layer: Layer | None, output: SideOutput) -> Cell:
    """What a side output shows of a frame; None where there is no new face."""
    if layer is None:
        none = np.zeros((0, 0), np.float32)
        return Cell(frame, (0, 0, 0, 0), none, np.stack([none] * 3), layer_matrix(frame.color.matrix))
    straight = not output.form.premultiplied and output.kind != "matte"
    return Cell(frame, layer.rect, layer.alpha, layer.straight() if straight else layer.planes, layer.matrix)


def picture_of(cell: Cell, form: Form, *, upright: bool = False) -> av.VideoFrame:
    """FFmpeg's frame of a cell in the pixel format of `form`, as coded or as a viewer sees it."""
    turn = orientation_of(cell.frame) if upright else (False, False, False)
    height, width = cell.frame.height, cell.frame.width
    made = av.VideoFrame(*((height, width) if turn[0] else (width, height)), form.pixels)
    left, top, right, bottom = cell.rect
    stored = _STORED[form.pixels]
    for plane, samples, empty in zip(made.planes, stored.planes(cell), stored.empty, strict=True):
        whole = np.full((height, width, *samples.shape[2:]), empty, samples.dtype)
        whole[top:bottom, left:right] = samples
        rows = (oriented(whole, *turn) if any(turn) else whole).reshape(made.height, -1)
        strides = (plane.line_size, rows.itemsize)
        np.copyto(np.ndarray(rows.shape, rows.dtype, memoryview(plane), 0, strides), rows)
    return made


def _codes(values: Samples, scale: float, offset: float, top: int, kind: str) -> Samples:
    return np.clip(np.rint(values * scale + offset), 0, top).astype(kind)


def _rgb(cell: Cell) -> tuple[Samples, Samples, Samples]:
    luma, blue, red = cell.planes
    kr, kb = _LUMA[cell.matrix]
    r, b = luma + 2.0 * (1.0 - kr) * red, luma + 2.0 * (1.0 - kb) * blue
    return r, (luma - kr * r - kb * b) / (1.0 - kr - kb), b


def _gray(cell: Cell) -> list[Samples]:
    return [_codes(cell.alpha, 255.0, 0.0, 255, "u1")]


def _gray_float(cell: Cell) -> list[Samples]:
    return [cell.alpha.astype("<f4")]


def _yuva(cell: Cell) -> list[Samples]:
    """Limited range, 10 bit; alpha is always of full range."""
    luma, blue, red = cell.planes
    chroma = [_codes(plane, 896.0, 512.0, 1023, "<u2") for plane in (blue, red)]
    return [_codes(luma, 876.0, 64.0, 1023, "<u2"), *chroma, _codes(cell.alpha, 1023.0, 0.0, 1023, "<u2")]


def _rgba64(cell: Cell) -> list[Samples]:
    return [_codes(np.stack([*_rgb(cell), cell.alpha], axis=-1), 65535.0, 0.0, 65535, ">u2")]


def _gbra_float(cell: Cell) -> list[Samples]:
    r, g, b = _rgb(cell)
    return [plane.astype("<f4") for plane in (g, b, r, cell.alpha)]


@dataclass(frozen=True, slots=True)
class _Stored:
    """How a pixel format stores a cell: FFmpeg's planes, [h, w] or [h, w, samples], and what stands where nothing
    is."""

    planes: Callable[[Cell], list[Samples]]
    empty: tuple[int, ...]


_STORED: Final[dict[str, _Stored]] = {
    "gray": _Stored(_gray, (0,)),
    "grayf32le": _Stored(_gray_float, (0,)),
    "yuva444p10le": _Stored(_yuva, (64, 512, 512, 0)),
    "rgba64be": _Stored(_rgba64, (0,)),
    "gbrapf32le": _Stored(_gbra_float, (0, 0, 0, 0)),
}


class SideVideo(VideoSink):
    """A matte or a layer as a video, with the input's time code."""

    def __init__(self, target: Target, info: VideoInfo, output: SideOutput) -> None:
        form, code = output.form, timecode.stated(info.path) if info.kind == "video" else None
        self._form = form
        first = target.window.first if target.window else 0
        self._timecode = timecode.shifted(code, first, info.fps) if code else None
        options = {**dict(form.options), "pix_fmt": form.pixels, **(target.options or {})}
        full, matrix = output.kind == "matte", layer_matrix(info.color.matrix)
        told = replace(
            info,
            frame_format=form.pixels,
            color=replace(info.color, matrix=matrix, full_range=full),
            tags=ColorTags(2 if full else 1, _TAGS[matrix], info.tags.primaries, info.tags.transfer),
            interlaced="",
        )
        super().__init__(replace(target, encoder=form.codec, options=options), told, None)

    def put(self, cell: Cell) -> None:
        """Writes the next frame."""
        picture, tags = picture_of(cell, self._form), self._info.tags
        # ProRes takes them from the frame.
        picture.colorspace, picture.color_range = tags.matrix, tags.range
        picture.color_primaries, picture.color_trc = tags.primaries, tags.transfer
        picture.duration = int(getattr(cell.frame.owner, "duration", 0) or 0)
        self.write(replace(cell.frame, owner=picture))

    def _picture(self, frame: Frame) -> av.VideoFrame:
        made: av.VideoFrame = frame.owner
        return made

    def _add_video(self, container: OutputContainer) -> VideoStream:
        stream = super()._add_video(container)
        if self._timecode:
            stream.metadata["timecode"] = self._timecode
        return stream


class SideSeries:
    """A matte or a layer as one picture a frame, numbered from 0."""

    def __init__(self, target: Target, output: SideOutput) -> None:
        assert output.place.names is not None
        self._target, self._form, self._names, self._count = target, output.form, output.place.names, 0

    def put(self, cell: Cell) -> None:
        """Writes the next picture."""
        self.put_picture(self.encoded(cell))

    def put_picture(self, data: bytes) -> None:
        """Writes the file of the next picture."""
        name = PATTERN.sub(lambda found: f"{self._count:0{found[1] or 0}d}", self._names, count=1)
        if not self._count:
            with writing(self._target.path):
                self._target.made.mkdir(exist_ok=True)
        self._count += 1
        save(self._target.made / name, data, self._target.path / name)

    def close(self) -> None:
        """Raises OutputError when no frame came."""
        if not self._count:
            raise OutputError(f"{self._target.path}: there was no picture to write")

    def abort(self) -> None:
        """Nothing is open."""

    def encoded(self, cell: Cell) -> bytes:
        """The picture file of a frame."""
        picture, path = picture_of(cell, self._form, upright=True), self._target.path
        context = CodecContext.create(self._form.codec, "w")
        assert isinstance(context, VideoCodecContext)
        context.width, context.height = picture.width, picture.height
        context.pix_fmt, context.time_base = self._form.pixels, Fraction(1, 25)
        context.thread_count = 1
        context.options = dict(self._form.options)
        context.flags |= Flags.bitexact
        refusal = open_context(context)
        if refusal:
            raise OutputError(f"{path}: encoder {self._form.codec}: {refusal}")
        with writing(path):
            return b"".join(bytes(packet) for packet in (*context.encode(picture), *context.encode(None)))
