"""Entry of the `fastswap` command: errors become one line and an exit code."""

from __future__ import annotations

import signal
import sys
from types import FrameType

from fastswap.errors import FastswapError, Interrupted


def _stop(_signal: int, _frame: FrameType | None) -> None:
    raise Interrupted("stopped; nothing partial was left behind")


def main() -> None:
    """Runs the command; exits with 0 or with the error's own code."""
    for number in (signal.SIGINT, signal.SIGTERM):
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
