"""What to do when a training does not fit into memory."""

from __future__ import annotations

from collections.abc import Callable

import torch

from fastswap.training import ram
from fastswap.training.learner import Learner

_ONEDNN = "could not create a primitive"
"""What oneDNN says when it cannot get memory for a convolution; it says nothing more."""


def lacks_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out: torch reports that in several ways."""
    said = str(error).lower()
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or (
        isinstance(error, RuntimeError) and ("memory" in said or _ONEDNN in said)
    )


def fits(make: Callable[[], Learner]) -> bool:
    """Whether the first steps of a throw-away learner fit into memory."""
    found = _try(make)
    free()  # only now: an exception that is being handled keeps everything that it saw
    return found


def _try(make: Callable[[], Learner]) -> bool:
    try:
        ram.first_steps(make())
    except (MemoryError, RuntimeError) as error:
        if not lacks_memory(error):
            raise
        return False
    return True


def free() -> None:
    """Gives back what Python and the device's cache hold on to."""
    ram.release()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def largest_batch(make: Callable[[int], Learner], batch: int) -> int:
    """The largest of batch / 2, / 4, ... that fits; 0 when not even one face does."""
    while batch > 1:
        batch //= 2
        if fits(lambda size=batch: make(size)):  # type: ignore[misc]
            return batch
    return 0
