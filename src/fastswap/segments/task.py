"""What a worker needs to render one segment, and the rendering of it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from fastswap import video
from fastswap.choice import Chosen
from fastswap.device import open_device
from fastswap.frame import Frame
from fastswap.layers import Layers
from fastswap.look import Look
from fastswap.memory import release
from fastswap.page.collect import Collector, Spread
from fastswap.segments.faces import Unsuited
from fastswap.stages import Stages
from fastswap.swap import FaceSwap, Watcher, Work, chain_swaps, engines_of
from fastswap.video.side import Layer
from fastswap.video.side_output import SideOutput


@dataclass(frozen=True, slots=True)
class Recipe:
    """What is the same for all segments of one render; plain values that travel to other processes and machines.

    models: in the order in which they are drawn. output: its name in messages. window: what of the input it holds.
    mask_file: see `mask_file.MaskFile`. sides: the side outputs. page: which frames a page shows, None without one.
    """

    source: Path
    output: Path
    models: tuple[Path, ...]
    device: str
    look: Look
    batch: int
    threads: int
    encoding: video.Encoding | video.PictureEncoding
    deinterlace: bool | None = None
    engine: str = "auto"
    window: video.Window | None = None
    mask_file: Path | None = None
    sides: tuple[SideOutput, ...] = ()
    page: Spread | None = None

    def writer(self, made: Path, info: video.VideoInfo, gpu: int | None) -> video.SegmentWriter:
        """Opens the encoders of a segment. made: its file. gpu: the one that encodes, if one does."""
        return video.SegmentWriter(made, self.output, info, self.encoding.on(gpu), self.window, self.sides)


@dataclass(frozen=True, slots=True)
class Task:
    """One segment: its span, its frames in order, and those before and after it that they depend on.

    key: of the workspace that it is for.
    """

    span: video.Span
    frames: tuple[Chosen, ...]
    before: tuple[Chosen, ...]
    after: tuple[Chosen, ...]
    key: str

    @property
    def first(self) -> int:
        """Index of its first frame."""
        return self.frames[0].found.index if self.frames else self.span.first

    @property
    def marks(self) -> dict[str, str]:
        """See `marks_of`."""
        parts = (self.before, self.frames, self.after)
        before, frames, after = ([mark(frame) for frame in part] for part in parts)
        return marks_of(before, frames, after)


def mark(frame: Chosen) -> bytes:
    """A digest of all that the pixels of a frame depend on beyond the input and the settings."""
    found, digest = frame.found, hashlib.blake2b(digest_size=16)
    chosen = [[face.track for face in faces] for faces in frame.faces]
    digest.update(f"{found.index} {found.cut} {[face.track for face in found.faces]} {chosen}\n".encode())
    for face in found.faces:
        digest.update((face.landmarks + np.float32(0.0)).tobytes())  # -0 and 0 render the same
    return digest.digest()


def marks_of(before: Sequence[bytes], frames: Sequence[bytes], after: Sequence[bytes]) -> dict[str, str]:
    """What a segment's record says about its faces, from the marks of its frames and of those around them.

    begun: tells whether two renders replace the same faces in it and before it; faces: whether they do so after it too.
    """
    digest = hashlib.blake2b(digest_size=16)
    digest.update(b"".join((b"before", *before, b"frames", *frames, b"after")))
    begun = digest.hexdigest()
    digest.update(b"".join(after))
    return {"begun": begun, "faces": digest.hexdigest()}


def tasks(spans: Iterable[tuple[video.Span, Sequence[Chosen]]], margin: int, key: str) -> Iterator[Task]:
    """The tasks of all spans in order, each once the frames are known on which its last one depends."""
    waiting: list[tuple[video.Span, tuple[Chosen, ...], tuple[Chosen, ...]]] = []
    before: tuple[Chosen, ...] = ()
    for span, frames in spans:
        waiting.append((span, tuple(frames), before))
        before = (*before, *frames)[-margin:] if margin else ()
        while sum(len(frames) for _, frames, _ in waiting[1:]) >= margin and len(waiting) > 1:
            yield _first_of(waiting, margin, key)
    while waiting:
        yield _first_of(waiting, margin, key)


def _first_of(
    waiting: list[tuple[video.Span, tuple[Chosen, ...], tuple[Chosen, ...]]], margin: int, key: str
) -> Task:
    span, frames, before = waiting.pop(0)
    after = islice(chain.from_iterable(frames for _, frames, _ in waiting), margin)
    return Task(span, frames, before, tuple(after), key)


def paired(frames: Iterable[Frame], chosen: Sequence[Chosen], number: int) -> Iterator[Work]:
    """Decoded frames with their faces. Raises Unsuited when they are not the frames that were analysed."""
    count = 0
    for frame in frames:
        if count == len(chosen) or chosen[count].found.pts not in (None, frame.pts):
            raise Unsuited(f"frame {frame.index} was not there when the input was analysed")
        yield chosen[count].work(frame, number)
        count += 1
    if count != len(chosen):
        raise Unsuited(f"{len(chosen) - count} frames of a span are missing")


def tail(reader: video.Reader, span: video.Span, first: int, count: int) -> Iterator[Frame]:
    """The first `count` frames after a span. first: the index of the first of them."""
    beyond = video.Span(span.number + 1, span.end, 1 << 62, span.stop, None, span.stop)
    return islice(reader.frames_of(beyond, first), count)


@dataclass(frozen=True, slots=True)
class Seen:
    """What is kept of the frames of a segment beside themselves."""

    layers: Layers | None = None
    collector: Collector | None = None

    @classmethod
    def of(cls, swaps: Sequence[FaceSwap], recipe: Recipe) -> Seen:
        """What a recipe asks for."""
        return cls(
            Layers(swaps) if recipe.sides else None, Collector(swaps, recipe.page) if recipe.page else None
        )

    @property
    def watchers(self) -> list[Watcher]:
        """What sees the frames while they are made."""
        return [watcher for watcher in (self.layers, self.collector) if watcher]

    def take(self, frame: Frame) -> tuple[Layer | None, bytes | None]:
        """What is kept of the next frame; see `SegmentWriter.write`."""
        layer = self.layers.take(frame) if self.layers else None
        return layer, self.collector.take(frame).packed() if self.collector else None


class SegmentRenderer:
    """Renders spans of one input into files of packets, one after the other. Not for several threads at once."""

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self.notices: list[str] = []
        self._device = open_device(recipe.device, recipe.engine)
        self._swaps = [
            self._device.swap(
                model, look=recipe.look, batch=recipe.batch, threads=recipe.threads
            ).masked_with(recipe.mask_file)
            for model in recipe.models
        ]
        landing = self._device.landing
        self._reader = video.Reader(recipe.source, deinterlace=recipe.deinterlace, landing=landing)

    @property
    def engines(self) -> list[str]:
        """See `engines_of`."""
        return engines_of(self._swaps)

    def __enter__(self) -> SegmentRenderer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._reader.close()
        for swap in self._swaps:
            swap.close()
        self._device.close()

    def render(self, task: Task, made: Path) -> dict[str, Any]:
        """Renders a span into the file `made`; returns its record, which is in the file too."""
        seen = Seen.of(self._swaps, self.recipe)
        with Stages() as stages, self.recipe.writer(made, self._reader.info, self._device.gpu) as writer:
            works = stages.thread("decode", self._works(task))
            frames = chain_swaps(stages, self._swaps, works, seen.watchers)
            swapped = islice(frames, len(task.before), None)
            left = self._device.leave(swapped, direct=self.recipe.encoding.takes_gpu_frames)
            for _ in stages.timed("encode", _written(writer, left, len(task.frames), seen)):
                pass
            record = {"key": task.key, "frames": len(task.frames), **task.marks}
            writer.finish(record)
        release()
        self.notices = [*self._device.notices, *self._reader.notices, *writer.notices]
        return {**record, "seconds": {name: round(value, 4) for name, value in stages.busy.items()}}

    def _works(self, task: Task) -> Iterator[Work]:
        reader, span = self._reader, task.span
        if task.before:
            frames = reader.lead_in(span, task.first, len(task.before))
            yield from paired(self._device.arrive(frames), task.before, span.number - 1)
        yield from paired(self._device.arrive(reader.frames_of(span, task.first)), task.frames, span.number)
        if task.after:
            beyond = tail(reader, span, task.first + len(task.frames), len(task.after))
            yield from paired(self._device.arrive(beyond), task.after, span.number + 1)


def _written(writer: video.SegmentWriter, frames: Iterable[Frame], count: int, seen: Seen) -> Iterator[None]:
    """Encodes the first `count` frames; those after them were only needed by theirs."""
    for number, frame in enumerate(frames):
        if number < count:
            writer.write(frame, *seen.take(frame))
        yield
