"""What is to be written, and what can go wrong with it."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import av

from fastswap.errors import OutputError
from fastswap.video.opening import reason
from fastswap.video.window import Window

_FULL = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)


@dataclass(frozen=True, slots=True)
class Target:
    """What is to be written. made: where it is made; path: its name in messages; encoder, options: the user's.

    window: the part of the input that is written, None for all; its first frame's time becomes 0. gpu: index of the GPU
    that encodes when the user names no encoder and it has one.
    """

    made: Path
    path: Path
    encoder: str | None
    options: Mapping[str, str] | None
    notices: list[str]
    window: Window | None = None
    gpu: int | None = None


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turns what goes wrong while `path` is written into one line."""
    try:
        yield
    except (av.FFmpegError, OSError) as error:
        if getattr(error, "errno", None) in _FULL:
            raise OutputError(f"{path}: disk full or file size limit reached while writing") from error
        raise OutputError(f"{path}: cannot be written: {reason(error)}") from error
