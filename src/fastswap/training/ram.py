"""How much of a CPU's memory a training will take. There is no error to wait for: Linux kills what takes too much.

Linux only; elsewhere nothing is known, and nothing is refused.
"""

from __future__ import annotations

import ctypes
import gc
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import torch

from fastswap.training.guard import Guard
from fastswap.training.learner import Learner
from fastswap.training.network import build
from fastswap.training.presets import Shape

COPIES = 9
"""Of the weights while a training runs: they, their gradients, the optimiser's two means and the average, and all but
the gradients again to step back to."""
_PLENTY = 4.0
"""A training that takes this many times less than there is, by the rough estimate, is not measured."""
_FLOATS = 600
"""Roughly the numbers that are kept for the gradients, for each pixel of a pair of faces."""
STEPS = 2
"""The optimiser's means exist from the first step on; a third step takes no more (`fastswap bench train --memory`)."""


def available() -> int | None:
    """Bytes that this process may still take, by the machine and by its control group; None where that is not known."""
    found = _number("/proc/meminfo", r"MemAvailable:\s+(\d+) kB")
    if found is None:
        return None
    most = found * 1024
    for folder, limit, usage in _groups():
        at, used = _number(f"{folder}/{limit}", r"^(\d+)"), _number(f"{folder}/{usage}", r"^(\d+)")
        if at is not None and used is not None:
            cached = _number(f"{folder}/memory.stat", r"(?m)^(?:total_)?inactive_file (\d+)") or 0
            most = min(most, at - used + cached)
    return max(most, 0)


def _groups() -> Iterator[tuple[str, str, str]]:
    """This process's control groups that can limit memory, of both versions, from its own up: folder and file names."""
    try:
        lines = Path("/proc/self/cgroup").read_text("ascii", "replace").splitlines()
    except OSError:
        return
    for line in lines:
        _, kinds, path = line.split(":", 2)
        if not kinds:
            base, names = "/sys/fs/cgroup", ("memory.max", "memory.current")
        elif "memory" in kinds.split(","):
            base, names = "/sys/fs/cgroup/memory", ("memory.limit_in_bytes", "memory.usage_in_bytes")
        else:
            continue
        parts = [part for part in path.split("/") if part]
        for count in range(len(parts), -1, -1):
            yield ("/".join([base, *parts[:count]]), *names)


def resident() -> int:
    """Bytes of this process that are in memory and are its own."""
    return 1024 * (_number("/proc/self/status", r"RssAnon:\s+(\d+) kB") or 0)


def peak(make: Callable[[], Learner]) -> int | None:
    """The most bytes in memory while a throw-away learner makes its first steps, the process's own included; None where
    that cannot be measured."""
    try:
        Path("/proc/self/clear_refs").write_text("5", "ascii")  # VmHWM starts anew
    except OSError:
        return None
    first_steps(make())
    found = _number("/proc/self/status", r"VmHWM:\s+(\d+) kB")
    release()
    return None if found is None else found * 1024


def first_steps(learner: Learner) -> None:
    """As many steps as memory grows in, beside the state that a training keeps to step back to. No weight moves."""
    guard = Guard(learner)
    for _ in range(STEPS):
        learner.step(0.0, gan=True)
    guard.finish()


def largest(make: Callable[[int], Learner], shape: Shape, faces: int, processes: int = 1) -> int | None:
    """How many faces of each person, `faces` at most, fit into memory at once, 0 if not even one does.

    None where it is not known, and where it is so little that there is no need to measure. make: a learner for so many
    faces. The peak grows by the same with each face; it is measured with one and with three.
    """
    free = available()
    if free is None:
        return None
    room = (free + resident()) / processes
    fixed = COPIES * weight_bytes(shape)
    if fixed > room:
        return 0
    if _PLENTY * (fixed + 4 * _FLOATS * faces * shape.resolution**2) < room:
        return None
    one, three = (peak(lambda count=count: make(count)) for count in (1, 3))  # type: ignore[misc]
    if one is None or three is None:
        return None
    if one > room:
        return 0
    return min(faces, 1 + int((room - one) / max((three - one) / 2, 1.0)))


def weight_bytes(shape: Shape) -> int:
    """Bytes of a generator's weights."""
    with torch.device("meta"):
        return sum(weight.numel() * weight.element_size() for weight in build(shape).parameters())


def release() -> None:
    """Gives back what is free: to the system what the C library keeps of it."""
    gc.collect()
    with suppress(OSError, AttributeError):  # glibc only
        ctypes.CDLL(None).malloc_trim(0)


def _number(path: str, pattern: str) -> int | None:
    try:
        found = re.search(pattern, Path(path).read_text("ascii", "replace"))
    except OSError:
        return None
    return int(found[1]) if found else None
