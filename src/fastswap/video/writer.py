"""The writer: one face for videos, pictures and folders of pictures. An output is complete or absent."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Protocol

from fastswap.atomic import Staging, sync
from fastswap.errors import OutputError
from fastswap.frame import Frame
from fastswap.video.info import VideoInfo
from fastswap.video.muxing import VideoSink, open_file
from fastswap.video.picture_sink import ENCODERS, FolderSink, PictureSink
from fastswap.video.reader import Reader
from fastswap.video.target import Target, writing
from fastswap.video.window import Window


def writes_video(path: Path) -> bool:
    """Whether an output of this name is a video, and not a picture or a folder of pictures."""
    return bool(path.suffix) and path.suffix.lower() not in ENCODERS and not path.is_dir()


def check_container(path: Path) -> None:
    """Raises OutputError for the name of a video for which no container is known."""
    if writes_video(path):
        with TemporaryDirectory() as folder:
            open_file(Path(folder, "x").with_suffix(path.suffix), path).close()


def check_encoding(
    path: Path, info: VideoInfo, encoder: str | None, options: Mapping[str, str] | None
) -> None:
    """Raises OutputError where a video of `info` could not be encoded to `path` so: as it is when it begins."""
    if writes_video(path) and info.kind == "video":
        with TemporaryDirectory() as folder:
            made = Path(folder, "x").with_suffix(path.suffix)
            VideoSink(Target(made, path, encoder, options, []), info, None).abort()


def check_picture(path: Path, info: VideoInfo) -> None:
    """Raises OutputError for one picture where many frames come."""
    if path.suffix.lower() in ENCODERS and info.kind != "image":
        raise OutputError(f"{path}: one picture cannot hold a {info.kind}; name a folder or a video file")


class Sink(Protocol):
    """What writes one kind of output."""

    def write(self, frame: Frame) -> None: ...
    def close(self) -> None: ...
    def abort(self) -> None: ...


class Writer:
    """Writes frames to a video file, a picture or a folder of pictures.

    path: the output; its suffix chooses the container. template: the reader or the info of the input, whose time base,
    colour tags, rotation, sample aspect, audio, subtitles, chapters and metadata the output takes over, as far as the
    window reaches, by default the reader's. encoder, options: FFmpeg's names, or a preset's; None chooses (libx264, CRF
    18). copy: false leaves out the input's other streams. gpu: index of a GPU that encodes, if it can, where no encoder
    is named.

    The file is made beside its place and moved there by `close`; an exception inside the `with` block leaves nothing.
    Raises OutputError for a bad path, encoder or option, or when the disk is full.
    """

    def __init__(
        self,
        path: str | Path,
        template: Reader | VideoInfo,
        *,
        encoder: str | None = None,
        options: Mapping[str, str] | None = None,
        copy: bool = True,
        gpu: int | None = None,
        window: Window | None = None,
    ) -> None:
        self.path = Path(path)
        info = template.info if isinstance(template, Reader) else template
        self.notices: list[str] = []
        source = info.path if copy else None
        self._staging = Staging(source, self.path)
        self._window = window or (template.window if isinstance(template, Reader) else None)
        self._open, self._gpu = True, gpu
        try:
            self._sink = self._choose_sink(info, source if info.kind == "video" else None, encoder, options)
        except BaseException:
            self._discard()
            raise

    @property
    def takes_gpu_frames(self) -> bool:
        """True when frames in a GPU's memory are encoded where they are."""
        return isinstance(self._sink, VideoSink) and self._sink.plan.gpu is not None

    def write(self, frame: Frame) -> None:
        """Takes the next frame, in order of presentation. Its planes must not be written to afterwards."""
        self._sink.write(frame)

    def close(self) -> None:
        """Completes the output and moves it to its place; does nothing the second time."""
        if not self._open:
            return
        try:
            self._sink.close()
            with writing(self.path):
                sync(self._staging.path)
            self._staging.publish()
        except BaseException:
            self.abort()
            raise
        self._discard()

    def abort(self) -> None:
        """Drops the output; nothing of it stays."""
        if self._open:
            self._sink.abort()
            self._discard()

    def __enter__(self) -> Writer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.abort()

    def _choose_sink(
        self, info: VideoInfo, source: Path | None, encoder: str | None, options: Mapping[str, str] | None
    ) -> Sink:
        path = self.path
        target = Target(self._staging.path, path, encoder, options, self.notices, self._window, self._gpu)
        check_picture(path, info)
        if path.suffix.lower() in ENCODERS:
            return PictureSink(target)
        return VideoSink(target, info, source) if writes_video(path) else FolderSink(target)

    def _discard(self) -> None:
        self._open = False
        self._staging.__exit__(None, None, None)
