"""Entry of the `fastswap` command: errors become one line and an exit code."""

from __future__ import annotations

import signal
import sys
import threading
from types import FrameType

from fastswap.errors import FastswapError, Interrupted

_AGAIN_S = 0.01


def _stop(_signal: int, frame: FrameType | None) -> None:
    if _starts_a_thread(frame):
        signal.setitimer(signal.ITIMER_REAL, _AGAIN_S)
        return
    raise Interrupted("stopped; nothing partial was left behind")


def _starts_a_thread(frame: FrameType | None) -> bool:
    """An exception in the middle of `Thread.start` would leave a thread that dies with a message of its own."""
    while frame is not None and frame.f_code is not threading.Thread.start.__code__:
        frame = frame.f_back
    return frame is not None


def main() -> None:
    """Runs the command; exits with 0 or with the error's own code."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM):
        signal.signal(number, _stop)
    from fastswap.cli import build

    try:
        build()(standalone_mode=True)
    except FastswapError as error:
        _fail(error)
    except BrokenPipeError:
        sys.exit(1)


def _fail(error: FastswapError) -> None:
    from fastswap.cli import log

    log.failed(error)
    sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
