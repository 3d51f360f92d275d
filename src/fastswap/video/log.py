"""What FFmpeg says about a file or an encoder, which PyAV shows nowhere else."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import av.logging
from av.container import InputContainer

from fastswap import _cpu

_SITINGS = ("topleft", "bottomleft", "left", "center", "top", "bottom")
_CALLBACK = threading.Lock()
_set_callback = ctypes.CDLL(av.logging.__file__).av_log_set_callback
"""Of the FFmpeg that PyAV brings: its libraries are found through the module that needs them."""
_set_callback.argtypes, _set_callback.restype = (ctypes.c_void_p,), None


@contextmanager
def listening(level: int) -> Iterator[list[str]]:
    """What FFmpeg says in this thread, up to `level`; the list is filled when the block ends.

    Not by `av.logging.Capture`: its callback takes the GIL, and a decoder of another thread that is closed while its
    own threads complain of damage would wait for ever. Outside the block the log is as PyAV keeps it, switched off
    unless the program wants it.
    """
    lines: list[str] = []
    with _CALLBACK:
        _cpu.listen_to_av_log(level)
        _set_callback(_cpu.av_log_callback())
        try:
            yield lines
        finally:
            av.logging.set_level(av.logging.get_level())
            heard = b"".join(_cpu.heard_from_av_log()).decode("utf-8", "backslashreplace")
            lines += [line.strip() for line in heard.splitlines()]


def chroma_siting(container: InputContainer, stream: int) -> str | None:
    """FFmpeg's name of a stream's chroma location, None when the stream does not say.

    PyAV has no attribute for it; FFmpeg's own description of the file names it, at the verbose level only:
    "  Stream #0:0[0x1](und): Video: h264 (High), yuv420p(tv, bt709, progressive, topleft), 64x48, ...".
    """
    with listening(av.logging.INFO) as lines:
        av.logging.set_libav_level(av.logging.VERBOSE)
        try:
            cast(Any, container).dumps_format()  # missing in the stubs of PyAV 18
        finally:
            av.logging.set_libav_level(av.logging.INFO)
    for line in lines:
        head, found, rest = line.partition(": Video: ")
        number = head.removeprefix("Stream #0:").split("[")[0].split("(")[0]
        if found and number == str(stream):
            words = [word.strip() for word in rest.replace("(", ",").replace(")", ",").split(",")]
            return next((word for word in words if word in _SITINGS), None)
    return None
