"""What FFmpeg says about a file or an encoder, which PyAV shows nowhere else."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import av.logging
from av.container import InputContainer

_SITINGS = ("topleft", "bottomleft", "left", "center", "top", "bottom")
_LEVELS = threading.Lock()


@contextmanager
def listening(level: int) -> Iterator[list[str]]:
    """What FFmpeg says in this thread, up to `level`; the list is filled when the block ends.

    PyAV keeps FFmpeg's log switched off otherwise, and so does this outside the block.
    """
    lines: list[str] = []
    with _LEVELS, av.logging.Capture() as records:
        before, skips = av.logging.get_level(), av.logging.get_skip_repeated()
        av.logging.set_level(level)
        av.logging.set_skip_repeated(False)  # a second try may fail for the same reason
        try:
            yield lines
        finally:
            av.logging.set_level(before)
            av.logging.set_skip_repeated(skips)
            lines += [message.strip() for _, _, message in records]


def chroma_siting(container: InputContainer, stream: int) -> str | None:
    """FFmpeg's name of a stream's chroma location, None when the stream does not say.

    PyAV has no attribute for it; FFmpeg's own description of the file names it, at the verbose level only:
    "  Stream #0:0[0x1](und): Video: h264 (High), yuv420p(tv, bt709, progressive, topleft), 64x48, ...".
    """
    with listening(av.logging.INFO):
        av.logging.set_libav_level(av.logging.VERBOSE)
        try:
            text: str = cast(Any, container).dumps_format()  # missing in the stubs of PyAV 18
        finally:
            av.logging.set_libav_level(av.logging.INFO)
    for line in text.splitlines():
        head, found, rest = line.strip().partition(": Video: ")
        number = head.removeprefix("Stream #0:").split("[")[0].split("(")[0]
        if found and number == str(stream):
            words = [word.strip() for word in rest.replace("(", ",").replace(")", ",").split(",")]
            return next((word for word in words if word in _SITINGS), None)
    return None
