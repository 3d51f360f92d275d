"""Whole-file helpers for demos, tests and NumPy users."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from itertools import chain
from pathlib import Path

from fastswap.atomic import Staging
from fastswap.errors import OutputError, SettingsError
from fastswap.frame import ColorSpec
from fastswap.video.embed import frame_from_array
from fastswap.video.info import ColorTags, Geometry, VideoInfo
from fastswap.video.picture_sink import ENCODERS, encode_picture, save
from fastswap.video.reader import Reader
from fastswap.video.rgb import RGB, frame_from_rgb, rgb_from_frame
from fastswap.video.writer import Writer


def load_picture(path: str | Path) -> RGB:
    """The upright picture in a file, uint8 [H, W, 3]; of a video its first frame. Raises InputError."""
    with Reader(path, deinterlace=True) as reader:
        return rgb_from_frame(reader.frame_at(0.0))


def save_picture(path: str | Path, rgb: RGB, *, options: Mapping[str, str] | None = None) -> None:
    """Writes uint8 [H, W, 3] to a picture file, whose suffix chooses the format. Raises OutputError, SettingsError."""
    path = Path(path)
    encoder = ENCODERS.get(path.suffix.lower())
    if encoder is None:
        raise OutputError(
            f"{path}: no picture format is known for {path.suffix!r}; use {', '.join(ENCODERS)}"
        )
    frame = frame_from_array(rgb)
    with Staging(None, path) as staging:
        save(staging.path, encode_picture(frame, encoder, options, path, []), path)
        staging.publish()


def write_video(
    path: str | Path,
    pictures: Iterable[RGB],
    fps: float | Fraction = 30,
    *,
    encoder: str | None = None,
    options: Mapping[str, str] | None = None,
) -> None:
    """Writes RGB pictures, uint8 [H, W, 3] of one size, as a BT.709 video at a constant rate.

    Raises OutputError as `Writer` does, SettingsError when there is no picture.
    """
    rate = Fraction(fps).limit_denominator(1001)
    rest = iter(pictures)
    first = next(rest, None)
    if first is None:
        raise SettingsError(f"{path}: a video needs at least one picture")
    info = _info(Path(path), first.shape[1], first.shape[0], rate)
    with Writer(path, info, encoder=encoder, options=options, copy=False) as writer:
        for index, rgb in enumerate(chain((first,), rest)):
            writer.write(frame_from_rgb(rgb, index=index, pts=index, time=float(index / rate)))


def _info(path: Path, width: int, height: int, fps: Fraction) -> VideoInfo:
    """The info of footage as `frame_from_rgb` makes it."""
    return VideoInfo(
        path=path,
        kind="video",
        container="",
        codec="rawvideo",
        pixel_format="yuv420p",
        frame_format="yuv420p",
        geometry=Geometry(width, height),
        fps=fps,
        time_base=1 / fps,
        frames=None,
        duration=None,
        color=ColorSpec("bt709", False, "center"),
        tags=ColorTags(range=1, matrix=1, primaries=1, transfer=1, siting="center"),
    )
