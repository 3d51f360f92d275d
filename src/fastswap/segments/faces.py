"""The analysis of an input span by span: from its sidecar, or made now and kept so that a later run goes on from it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import chain, dropwhile
from pathlib import Path
from typing import Any

from fastswap import sidecar, video
from fastswap.analysis import Analysed, Analyser, Analysis
from fastswap.atomic import write_durably
from fastswap.faces import FrameFaces
from fastswap.frame import Frame
from fastswap.segments.workspace import Workspace


class Unsuited(Exception):
    """What is decoded contradicts the cut: the input must be rendered in one piece."""


class SpanFaces:
    """Faces by span.

    known: the input's analysis; when it is to be made, `fresh` makes and keeps it. spans: the cut. work: keeps what is
    analysed so far.
    """

    def __init__(self, known: Analysis, spans: Sequence[video.Span], work: Workspace) -> None:
        self._known, self.spans, self._work = known, spans, work
        self._kept = 0 if known.reused else self._usable()
        self.at, self.index = 0, spans[0].first  # the next span, and the index of its first frame

    def stored(self) -> Iterator[tuple[video.Span, list[FrameFaces]]]:
        """The spans whose analysis is known, in order."""
        if self._known.reused:
            assert self._known.path is not None
            yield from self._counted(self._grouped(sidecar.read(self._known.path)))
        else:
            yield from self._counted(self._read_kept())

    def fresh(self, frames: Iterable[Frame]) -> Iterator[tuple[video.Span, Analysed]]:
        """The frames after those of `stored`, with their faces, each span kept once it is complete.

        frames: all frames from the first that is not stored.
        """
        todo = self.spans[self.at :]
        if self._known.reused or not todo:
            return
        analyser, found, places = self._analyser(), list[FrameFaces](), iter(todo)
        span = next(places)
        for frame, faces in analyser(frames):
            while span.is_behind(frame.pts, frame.index):
                self._keep(span, found, None)
                span, found = next(places), []
            found.append(faces)
            yield span, (frame, faces)
            following = analyser.next
            if following is not None and span.is_behind(following.pts, following.index):
                self._keep(span, found, analyser.state())
                span, found = next(places), []
        for rest in chain((span,), places):
            self._keep(rest, found, None)
            found = []

    @property
    def kept(self) -> int:
        """How many spans `stored` gives."""
        return len(self.spans) if self._known.reused else self._kept

    def publish(self) -> None:
        """Makes the input's sidecar of what was kept, once all of it is there."""
        path, header = self._known.path, self._known.header
        if self._known.reused or path is None or header is None:
            return
        index = self.spans[0].first
        with sidecar.Writer(path, header) as writer:
            for span in self.spans:
                found = self._read_span(span.number, index)
                index += len(found)
                for faces in found:
                    writer.write(faces)

    def _counted(
        self, spans: Iterable[tuple[video.Span, list[FrameFaces]]]
    ) -> Iterator[tuple[video.Span, list[FrameFaces]]]:
        for span, found in spans:
            yield span, found
            self.at, self.index = span.number + 1, self.index + len(found)

    def _grouped(self, faces: Iterable[FrameFaces]) -> Iterator[tuple[video.Span, list[FrameFaces]]]:
        """The faces by span; a line that was taken out of a sidecar leaves an index alone."""
        begin, found = self.spans[0], list[FrameFaces]()
        inside = dropwhile(lambda frame: begin.is_before(frame.pts, frame.index), faces)
        frame = next(inside, None)
        for span in self.spans:
            while frame is not None and not _is_behind(span, frame):
                found.append(frame)
                frame = next(inside, None)
            yield span, found
            found = []

    def _path(self, number: int) -> Path:
        return self._work.folder / f"{number:05d}.faces"

    def _keep(self, span: video.Span, found: list[FrameFaces], state: bytes | None) -> None:
        """Stores the analysis of a span and how it goes on after it."""
        path, header = self._path(span.number), self._known.header
        assert header is not None
        with self._work.writing(), sidecar.Writer(path, header) as writer:
            for (
                faces
            ) in found:  # counted from 0, so that reading does not fill the frames before with nothing
                writer.write(replace(faces, index=faces.index - self.index))
        with self._work.writing():
            about = {
                "key": self._work.key,
                "first": self.index,
                "frames": len(found),
                "digest": file_digest(path),
                "state": None if state is None else _digest(state),
            }
            write_durably(path.with_suffix(".state"), json.dumps(about).encode() + b"\n" + (state or b""))
        self.at, self.index = span.number + 1, self.index + len(found)

    def _analyser(self) -> Analyser:
        if not self.at:
            return Analyser(self._known.models())
        state = self._state(self.at - 1)
        assert state is not None
        assert state[1] is not None
        return Analyser.from_state(state[1], self._known.models())

    def _usable(self) -> int:
        """How many spans, from the first on, are kept such that the analysis can go on after them."""
        usable, index = 0, self.spans[0].first
        for span in self.spans:
            found = self._state(span.number)
            if found is None or found[0]["first"] != index:
                break
            index += found[0]["frames"]
            if found[1] is not None or span is self.spans[-1]:
                usable = span.number + 1
        return usable

    def _state(self, number: int) -> tuple[dict[str, Any], bytes | None] | None:
        """What is known about a kept span, and how the analysis goes on; None when it is not whole."""
        path = self._path(number)
        with suppress(OSError, ValueError, KeyError, TypeError):
            head, _, state = path.with_suffix(".state").read_bytes().partition(b"\n")
            about = json.loads(head)
            if about["key"] == self._work.key and about["digest"] == file_digest(path):
                if about["state"] is None:
                    return about, None
                if about["state"] == _digest(state):
                    return about, state
        return None

    def _read_kept(self) -> Iterator[tuple[video.Span, list[FrameFaces]]]:
        for span in self.spans[: self._kept]:
            yield span, self._read_span(span.number, self.index)

    def _read_span(self, number: int, first: int) -> list[FrameFaces]:
        return [replace(faces, index=faces.index + first) for faces in sidecar.read(self._path(number))]


def _is_behind(span: video.Span, frame: FrameFaces) -> bool:
    return frame.index >= span.end if frame.pts is None else span.is_behind(frame.pts, frame.index)


def _digest(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def file_digest(path: Path) -> str:
    """BLAKE2b of a file's content. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
