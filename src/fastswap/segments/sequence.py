"""Renders the missing segments of an output in this process, in one pass over the input."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice

from fastswap import video
from fastswap.choice import Choice, Chosen
from fastswap.flow import needed
from fastswap.frame import Frame
from fastswap.memory import release
from fastswap.segments.faces import SpanFaces, Unsuited
from fastswap.segments.task import Recipe, Seen, Task, mark, marks_of, paired, tail, tasks
from fastswap.segments.workspace import Workspace
from fastswap.swap import Work

Todo = Mapping[int, int | None]
"""Numbers of the spans that are to be rendered, in order, and the index of their first frame; None: one read on."""


def missing(faces: SpanFaces, choice: Choice, work: Workspace, margin: int) -> Todo:
    """The spans that are to be rendered; `choice` is used up. Those whose faces are not known yet are among them.

    A finished span between two missing ones that is hardly longer than their margins is made again with them.
    """
    unknown = range(faces.kept, len(faces.spans))
    if not work.records and (faces.spans[0].wanted or not faces.kept):
        return {span.number: None for span in faces.spans if span.wanted or span.number in unknown}
    todo: dict[int, int | None] = {}
    lengths: list[int] = []
    index = faces.spans[0].first
    for task in tasks(_chosen(faces, choice), margin, work.key):
        # An analysis that is not complete is nobody's to edit: what it will find after the span, it found before.
        known = "faces" if len(task.after) == margin or faces.kept == len(faces.spans) else "begun"
        if task.span.wanted and not work.has(task.span.number, known, task.marks):
            todo[task.span.number] = index
        lengths.append(len(task.frames))
        index += len(task.frames)
    if unknown:
        todo.update(dict.fromkeys(unknown) | {faces.kept: index})
    for number, length in enumerate(lengths):
        if length < 2 * margin and {number - 1, number + 1} <= todo.keys():
            todo[number] = faces.spans[0].first + sum(lengths[:number])
    return dict(sorted(todo.items()))


def _chosen(faces: SpanFaces, choice: Choice) -> Iterator[tuple[video.Span, tuple[Chosen, ...]]]:
    for span, found in faces.stored():
        yield span, tuple(choice(frame, counted=span.wanted) for frame in found)


def tasks_to_do(
    faces: SpanFaces, frames: Iterable[Frame], choice: Choice, work: Workspace, margin: int
) -> Iterator[Task]:
    """The tasks of the segments that are missing; `frames` are those of the spans that are not analysed yet."""
    for task in tasks(chain(_chosen(faces, choice), _fresh(faces, frames, choice)), margin, work.key):
        if task.span.wanted and not work.has(task.span.number, "faces", task.marks):
            yield task


def _fresh(
    faces: SpanFaces, frames: Iterable[Frame], choice: Choice
) -> Iterator[tuple[video.Span, list[Chosen]]]:
    at, chosen = faces.kept, list[Chosen]()
    for span, (_, seen) in faces.fresh(frames):
        while at < span.number:
            yield faces.spans[at], chosen
            at, chosen = at + 1, []
        chosen.append(choice(seen, counted=span.wanted))
    for span in faces.spans[at:]:
        yield span, chosen
        chosen = []


def decoded(reader: video.Reader, spans: Sequence[video.Span], todo: Todo, margin: int) -> Iterator[Frame]:
    """The frames of these spans, and `margin` frames before and after each run of them.

    Raises Unsuited when a frame comes where its time stamp says it should not.
    """
    index = spans[0].first
    for number, first in todo.items():
        span = spans[number]
        index = index if first is None else first
        if number - 1 not in todo and margin:
            yield from reader.lead_in(span, index, margin)
        for frame in reader.frames_of(span, index):
            index = frame.index + 1
            if number and span.timed and (frame.pts is None or frame.pts < (span.start or 0)):
                raise Unsuited(f"frame {frame.index} comes before its span")
            yield frame
        if number + 1 not in todo and number + 1 < len(spans) and margin:
            yield from tail(reader, span, index, margin)


def works(
    faces: SpanFaces, frames: Iterable[Frame], todo: Todo, choice: Choice, margin: int, heard: Ledger
) -> Iterator[Work]:
    """What is to be done in each of the frames of `decoded`."""
    stream = _Spanned(frames)
    last: tuple[Chosen, ...] = ()
    after = 0  # frames still to come that only the span before needs
    for span, chosen in _chosen(faces, choice):
        number = span.number
        for frame in chosen:
            heard.add(span, frame)
        if number in todo:
            if number - 1 not in todo and margin:
                yield from paired(stream.take(len(last)), last, number - 1)
            yield from paired(stream.of(span), chosen, number)
            after = margin
        elif after:
            head = chosen[:after]
            yield from paired(stream.take(len(head)), head, number)
            after -= len(head)
        last = (*last, *chosen)[-margin:] if margin else ()
    if faces.kept in todo and faces.kept - 1 not in todo and margin:
        yield from paired(stream.take(len(last)), last, faces.kept - 1)

    def fresh() -> Iterator[Work]:
        for span, (picture, seen) in faces.fresh(stream.rest()):
            one = choice(seen, counted=span.wanted)
            heard.add(span, one)
            yield one.work(picture, span.number)

    yield from needed(fresh(), lambda number: faces.spans[number].wanted, margin, after)


class Ledger:
    """Listens to the analysis and knows the marks of each span once its last frame comes out."""

    def __init__(self, spans: Sequence[video.Span], margin: int) -> None:
        self._margin = margin
        self._marks: list[bytes] = []
        self._places = {span.number: (0, 0) for span in spans}

    def add(self, span: video.Span, frame: Chosen) -> None:
        """Takes the next frame."""
        first, end = self._places[span.number]
        at = len(self._marks)
        self._marks.append(mark(frame))
        self._places[span.number] = (first if end else at, at + 1)

    def marks(self, number: int) -> dict[str, str]:
        """See `marks_of`. The span's frames must have come out of the last stage that looks ahead."""
        first, end = self._places[number]
        before = self._marks[max(first - self._margin, 0) : first]
        return marks_of(before, self._marks[first:end], self._marks[end : end + self._margin] if end else [])


class _Spanned:
    """Parts a stream of frames at the ends of spans."""

    def __init__(self, frames: Iterable[Frame]) -> None:
        self._frames, self._held = iter(frames), list[Frame]()

    def of(self, span: video.Span) -> Iterator[Frame]:
        for frame in self.rest():
            if span.is_behind(frame.pts, frame.index):
                self._held.append(frame)
                return
            yield frame

    def take(self, count: int) -> Iterator[Frame]:
        return islice(self.rest(), count)

    def rest(self) -> Iterator[Frame]:
        while self._held:
            yield self._held.pop()
        for frame in self._frames:  # noqa: UP028  (`yield from` would close the stream together with this)
            yield frame


class Encoder:
    """Encodes frames into segments. The end of a segment is flushed and synced while the next one begins."""

    def __init__(
        self,
        recipe: Recipe,
        work: Workspace,
        heard: Ledger,
        info: video.VideoInfo,
        gpu: int | None = None,
        seen: Seen | None = None,
    ) -> None:
        self._recipe, self._work, self._heard, self._info = recipe, work, heard, info
        self._at, self._count = 0, 0
        self._seen, self._gpu = seen or Seen(), gpu
        self._writer: video.SegmentWriter | None = None
        self.notices: list[str] = []

    def __call__(
        self, frames: Iterable[Frame], spans: Sequence[video.Span], todo: Todo
    ) -> Generator[None, None, None]:
        """Yields once a frame that is encoded; at the end all spans of `todo` are finished."""
        try:
            for frame in frames:
                at = self._at
                while spans[at].is_behind(frame.pts, frame.index):
                    at += 1
                if at != self._at:
                    self._end()
                    self._at = at
                if at not in todo or not spans[at].wanted:
                    continue
                self._writer = self._writer or self._open(at)
                self._writer.write(frame, *self._seen.take(frame))
                self._count += 1
                yield
            self._end()
        finally:
            if self._writer is not None:
                self._writer.abort()
        for number in todo:
            if spans[number].wanted and number not in self._work.records:  # no frame of it can be decoded
                self._finish(self._open(number), number, 0)

    def _open(self, number: int) -> video.SegmentWriter:
        return self._recipe.writer(self._work.partial(number), self._info, self._gpu)

    def _end(self) -> None:
        """Finishes the segment, before the next one's encoder takes as much memory."""
        if self._writer is None:
            return
        writer, count = self._writer, self._count
        self._writer, self._count = None, 0
        self._finish(writer, self._at, count)

    def _finish(self, writer: video.SegmentWriter, number: int, count: int) -> None:
        record = {"key": self._work.key, "frames": count, **self._heard.marks(number)}
        writer.finish(record)
        self.notices += writer.notices
        self._work.publish(self._work.partial(number), number, record)
        release()
