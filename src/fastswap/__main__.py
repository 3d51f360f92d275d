"""Entry of the `fastswap` command: errors become one line and an exit code."""

from __future__ import annotations

import signal
import sys
from types import FrameType

from fastswap.errors import FastswapError, Interrupted


def _terminate(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def main() -> None:
    """Runs the command; exits with 0 or with the error's own code."""
    signal.signal(signal.SIGTERM, _terminate)
    from fastswap.cli import build

    try:
        build()(standalone_mode=True)
    except FastswapError as error:
        _fail(error)
    except KeyboardInterrupt:
        _fail(Interrupted("stopped; nothing partial was left behind"))
    except BrokenPipeError:
        sys.exit(1)


def _fail(error: FastswapError) -> None:
    message = " ".join(str(error).split())
    print(f"fastswap: error: {message}", file=sys.stderr)
    sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
