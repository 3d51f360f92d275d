"""The GStreamer element `fastswap`: raw video in, the same with swapped faces out, in the same format.

    ... ! videoconvert ! fastswap model=anna.onnx ! videoconvert ! vp9enc ! webmmux ! filesink location=out.webm

It looks ahead as a render does (see `Swapper.stream`), so it holds some frames back: it is for rendering, not for live
pictures. In a program of your own call `register()` once; on the command line

    python -m fastswap.hosts.gstreamer "filesrc location=in.webm ! decodebin ! ... ! filesink location=out.webm"

runs a pipeline as gst-launch does, and signs the files that it wrote.
"""

from __future__ import annotations

import queue
import sys
import threading
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from numpy.typing import NDArray

from fastswap import provenance
from fastswap.errors import FastswapError, Interrupted, OutputError, SettingsError
from fastswap.hosts.buffers import FORMATS, buffer_of, color_of, planes_of
from fastswap.hosts.gobject import bindings
from fastswap.look import Look
from fastswap.model import load_contract, model_hash
from fastswap.swapper import Swapper

Gst, GstVideo, GObject, GLib = bindings()

_AHEAD: Final = 8
_POLL_NS: Final = 100_000_000
_CAPS = Gst.Caps.from_string(f"video/x-raw, format={{ {', '.join(FORMATS)} }}, interlace-mode=progressive")
_STAMPS = ("pts", "dts", "duration", "offset", "offset_end")
_READY: Final = object()


class FastSwap(Gst.Element):  # type: ignore[misc, name-defined]  # the bindings have no types
    """The element. Its properties must be set before the pipeline starts."""

    __gstmetadata__ = (
        "Face swap", "Filter/Effect/Video", "Puts a trained face on the faces of a video", "the fastswap authors",
    )  # fmt: skip
    __gsttemplates__ = (
        Gst.PadTemplate.new("sink", Gst.PadDirection.SINK, Gst.PadPresence.ALWAYS, _CAPS),
        Gst.PadTemplate.new("src", Gst.PadDirection.SRC, Gst.PadPresence.ALWAYS, _CAPS),
    )
    model = GObject.Property(type=str, default="", nick="Model", blurb="The trained face, an ONNX file")
    look = GObject.Property(type=str, default="", nick="Look", blurb="TOML file with the look")
    select = GObject.Property(type=str, default="all", nick="Select", blurb="all, largest or track:N")
    device = GObject.Property(type=str, default="auto", nick="Device", blurb="auto, cpu or cuda:N")
    batch = GObject.Property(
        type=int, default=4, minimum=1, maximum=64, nick="Batch", blurb="Faces in one run"
    )
    threads = GObject.Property(
        type=int, default=0, minimum=0, nick="Threads", blurb="CPU threads; 0 takes all"
    )

    def __init__(self) -> None:
        super().__init__()
        sink, src = self.__gsttemplates__
        self._sink, self._src = Gst.Pad.new_from_template(sink, "sink"), Gst.Pad.new_from_template(src, "src")
        self._sink.set_chain_function_full(self._chain)
        self._sink.set_event_function_full(self._event)
        self.add_pad(self._sink)
        self.add_pad(self._src)
        self._info: Any = None
        self._line: queue.Queue[Any] = queue.Queue(_AHEAD)
        self._worker: threading.Thread | None = None
        self._flow = Gst.FlowReturn.OK
        self._stop = False

    def do_change_state(self, change: Any) -> Any:
        """Checks the settings before the first frame; lets go of everything at the end."""
        if change == Gst.StateChange.NULL_TO_READY and not self._is_set_up():
            return Gst.StateChangeReturn.FAILURE
        if change == Gst.StateChange.READY_TO_PAUSED:
            self._stop, self._flow = False, Gst.FlowReturn.OK
        if change == Gst.StateChange.PAUSED_TO_READY:
            self._stop, self._flow = True, Gst.FlowReturn.FLUSHING
            self._drain()
        return Gst.Element.do_change_state(self, change)

    def _is_set_up(self) -> bool:
        try:
            if not self.model:
                raise SettingsError("fastswap: its property model names no file")
            load_contract(Path(self.model))
            if self.look:
                Look.load(Path(self.look))
        except FastswapError as error:
            self._fail(error)
            return False
        return True

    def _event(self, _pad: Any, _parent: Any, event: Any) -> bool:
        """Passes events on, those in the stream after the frames before them."""
        if event.type == Gst.EventType.FLUSH_START:
            self._flow = Gst.FlowReturn.FLUSHING
        elif event.type == Gst.EventType.FLUSH_STOP:
            self._drain()
            self._flow = Gst.FlowReturn.OK
        elif event.type in (Gst.EventType.EOS, Gst.EventType.SEGMENT, Gst.EventType.CAPS):
            self._drain()
        if event.type == Gst.EventType.CAPS:
            self._info = GstVideo.VideoInfo.new_from_caps(event.parse_caps())
        passed: bool = self._src.push_event(event)
        if event.type == Gst.EventType.SEGMENT:
            self._src.push_event(Gst.Event.new_tag(self._tags()))
        return passed

    def _tags(self) -> Any:
        """What a player shows of the file until it is signed."""
        tags = Gst.TagList.new_empty()
        subject = load_contract(Path(self.model)).subject
        tags.add_value(
            Gst.TagMergeMode.APPEND,
            Gst.TAG_COMMENT,
            f"Composite made with a trained model (fastswap): {subject}",
        )
        return tags

    def _chain(self, _pad: Any, _parent: Any, buffer: Any) -> Any:
        """Takes a frame; waits when enough of them wait already."""
        if self._flow != Gst.FlowReturn.OK:
            return self._flow
        if self._info is None:
            return Gst.FlowReturn.NOT_NEGOTIATED
        if self._worker is None:
            self._worker = threading.Thread(target=self._work, name="fastswap-gst", daemon=True)
            self._worker.start()
        stamps = {name: getattr(buffer, name) for name in _STAMPS}
        item = (planes_of(buffer, self._info), stamps)
        while self._flow == Gst.FlowReturn.OK:
            try:
                self._line.put(item, timeout=0.1)
            except queue.Full:
                continue
            break
        return self._flow

    def _work(self) -> None:
        """Swaps the frames of one stream and pushes them on, in a thread of its own."""
        info = self._info
        stamps: deque[dict[str, int]] = deque()
        try:
            with Swapper(
                self.model,
                device=self.device,
                look=Look.load(Path(self.look)) if self.look else None,
                select=self.select,
                batch=self.batch,
                threads=self.threads,
                layout=FORMATS[info.finfo.name],
                color=color_of(info),
            ) as swap:
                for planes in swap.stream(self._frames(stamps)):
                    made = buffer_of(planes, info)
                    for name, value in stamps.popleft().items():
                        setattr(made, name, value)
                    flow = self._src.push(made) if self._flow == Gst.FlowReturn.OK else self._flow
                    if flow != Gst.FlowReturn.OK:
                        self._flow = flow
                        return
        except FastswapError as error:
            self._fail(error)  # first, so that it comes before what the elements upstream say
            self._flow = Gst.FlowReturn.ERROR

    def _frames(self, stamps: deque[dict[str, int]]) -> Iterator[tuple[NDArray[Any], ...]]:
        while not self._stop:
            try:
                item = self._line.get(timeout=0.1)
            except queue.Empty:
                if self._flow != Gst.FlowReturn.OK:
                    return
                continue
            if item is _READY:
                return
            stamps.append(item[1])
            yield item[0]

    def _drain(self) -> None:
        """Waits until all frames so far are through."""
        worker, self._worker = self._worker, None
        if worker is None:
            return
        while worker.is_alive():
            try:
                self._line.put(_READY, timeout=0.1)
                break
            except queue.Full:
                continue
        worker.join()
        while not self._line.empty():
            self._line.get_nowait()

    def _fail(self, error: FastswapError) -> None:
        text = " ".join(str(error).split())
        problem = GLib.Error.new_literal(Gst.LibraryError.quark(), text, int(Gst.LibraryError.SETTINGS))
        self.post_message(Gst.Message.new_error(self, problem, text))


def register() -> None:
    """Makes the element known to this process. Raises SettingsError when GStreamer refuses."""
    kind = GObject.type_register(FastSwap)
    if not Gst.Element.register(None, "fastswap", Gst.Rank.NONE, kind):
        raise SettingsError("GStreamer does not take the element fastswap")


def run(description: str) -> list[Path]:
    """Runs a pipeline, written as for gst-launch, to its end and signs the files that it wrote; gives their paths.

    The source in their manifests is the first file that the pipeline reads, the model the first `fastswap`'s. Raises
    SettingsError for a pipeline that cannot be built, OutputError with GStreamer's words when it fails.
    """
    register()
    try:
        pipeline = Gst.parse_launch(description)
    except GLib.Error as error:
        raise SettingsError(f"GStreamer: {error.message}") from error
    if not isinstance(pipeline, Gst.Pipeline):
        raise SettingsError("GStreamer: a pipeline needs more than one element")
    try:
        started = pipeline.set_state(Gst.State.PLAYING) != Gst.StateChangeReturn.FAILURE
        message = _last_message(pipeline.get_bus(), started)
        if message is None or message.type == Gst.MessageType.ERROR:
            text = _words(message) if message else "the pipeline cannot be started"
            raise OutputError(f"GStreamer: {text}")
    finally:
        pipeline.set_state(Gst.State.NULL)
    return _sign_outputs(pipeline)


def _words(message: Any) -> str:
    """What went wrong, in one line; the file or the value at fault is in the last line of the details."""
    error, details = message.parse_error()
    text, last = (" ".join(part.split()) for part in (error.message, (details or "").rpartition("\n")[2]))
    return text if not last or last in text else f"{text} {last}"


def _last_message(bus: Any, started: bool) -> Any:
    """The message that ends a pipeline; in short waits, so that Ctrl-C is heard. None where nothing can come."""
    while True:
        message = bus.timed_pop_filtered(_POLL_NS, Gst.MessageType.EOS | Gst.MessageType.ERROR)
        if message is not None or not started:
            return message


def _sign_outputs(pipeline: Any) -> list[Path]:
    elements = list(_elements(pipeline))
    swaps = [e for e in elements if isinstance(e, FastSwap)]
    sources = [Path(e.props.location) for e in elements if _is(e, "filesrc") and e.props.location]
    written = [Path(e.props.location) for e in elements if _is(e, "filesink") and e.props.location]
    if not swaps:
        return []
    contract = load_contract(Path(swaps[0].model))
    name = Path(swaps[0].model).name
    record = provenance.ModelRecord(
        name, model_hash(Path(swaps[0].model)), contract.subject, contract.consent
    )
    for path in written:
        provenance.sign(path, source=next(iter(sources), None), model=record, settings={"host": "GStreamer"})
    return written


def _elements(pipeline: Any) -> Iterator[Any]:
    found = pipeline.iterate_recurse()
    while True:
        result, element = found.next()
        if result != Gst.IteratorResult.OK:
            return
        yield element


def _is(element: Any, factory: str) -> bool:
    made = element.get_factory()
    return made is not None and made.get_name() == factory


def main() -> None:
    """`python -m fastswap.hosts.gstreamer PIPELINE`"""
    if len(sys.argv) < 2:
        print(__doc__, file=sys.stderr)
        sys.exit(SettingsError.exit_code)
    try:
        for path in run(" ".join(sys.argv[1:])):
            print(path)
    except (FastswapError, KeyboardInterrupt) as error:
        told = error if isinstance(error, FastswapError) else Interrupted("stopped; nothing was signed")
        print(f"fastswap: error: {' '.join(str(told).split())}", file=sys.stderr)
        sys.exit(told.exit_code)


if __name__ == "__main__":
    main()
