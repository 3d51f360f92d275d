"""Memory of a GPU that is used again: what a run time hands out returns here when it is dropped.

PyCUDA frees its objects only where their context is current, so nothing is freed when a block is dropped: its memory
goes to a list, and is freed by `trim` and `clear`, which are called in the context.
"""

from __future__ import annotations

import threading
import weakref
from collections import defaultdict
from contextlib import AbstractContextManager, suppress
from typing import Any, Final

import numpy as np

from fastswap.device.runtime import Reader

_ROUND: Final = 1 << 16
"""Bytes that a block's size is a multiple of."""

RESERVE: Final = 256 << 20
"""Bytes of the device's memory, or a sixteenth of it where that is less, that frames leave to networks, crops and
kernels: a frame can be spilled, these cannot."""

_List = tuple[int, str, Reader]
"""Size, kind and reader of the blocks in one list."""
_Free = list[tuple[Any, Any, bool]]
"""Memory, the event from which it is free, and whether anybody told of that event."""


class Block:
    """A piece of memory while somebody uses it. pointer: its address on the device."""

    __slots__ = ("__weakref__", "memory", "pointer", "state")

    def __init__(self, memory: Any) -> None:
        self.memory, self.pointer = memory, int(memory)
        self.state: list[Any] = [None, False, ()]  # event, told, list that it goes back to


class _Spilled:
    """A piece of page-locked host memory at an address that kernels may use."""

    __slots__ = ("_address", "_memory")

    def __init__(self, driver: Any, size: int) -> None:
        self._memory = driver.pagelocked_empty((size,), np.uint8, mem_flags=driver.host_alloc_flags.DEVICEMAP)
        self._address = int(self._memory.base.get_device_pointer())

    def __int__(self) -> int:
        return self._address


class Pool:
    """Blocks of one device. driver: PyCUDA's module. index: for messages. recording: see `runtime.Runtime`."""

    def __init__(self, driver: Any, index: int, recording: AbstractContextManager[Any]) -> None:
        self._driver, self._index, self._recording = driver, index, recording
        self._lock = threading.Lock()
        self._free: defaultdict[_List, _Free] = defaultdict(list)
        self._live: weakref.WeakValueDictionary[int, Block] = weakref.WeakValueDictionary()

    def take(self, size: int, stream: Any, kind: str = "own", reader: Reader = None) -> Block:
        """At least `size` bytes: a free block, which `stream` then waits for, or a new one. Raises MemoryError.

        kind, reader: see `runtime.Runtime.empty`; blocks of each have their own lists.
        """
        size = size_class(size)
        key = size, kind, reader
        with self._lock:
            free = self._free[key]
            memory, after, told = free.pop() if free else (None, None, True)
        if kind == "lent" and reader is None:
            told = memory is None  # nobody knows who still reads it
        if memory is None:
            memory = _Spilled(self._driver, size) if kind == "spilled" else self._allocate(size, kind)
        elif told:
            stream.wait(after)
        else:  # dropped by somebody who did not say when he was done: everything has to be
            self.wait_for_all()
        block = Block(memory)
        block.state[2] = key
        weakref.finalize(block, _give_back, self._free, memory, block.state).atexit = False
        self._live[block.pointer] = block
        return block

    def _allocate(self, size: int, kind: str) -> Any:
        memory = self._allocated(size, kind)
        if memory is None and self.trim():  # blocks of other sizes lay about unused
            memory = self._allocated(size, kind)
        if memory is None:
            raise MemoryError(f"cuda:{self._index}: GPU memory is exhausted, {size >> 20} MiB more asked")
        return memory

    def _allocated(self, size: int, kind: str) -> Any:
        """New memory, None where there is none."""
        if kind == "frame":
            free, total = self._driver.mem_get_info()
            if free - size < min(RESERVE, total // 16):
                return None
        with suppress(self._driver.MemoryError):
            return self._driver.mem_alloc(size)
        return None

    def release(self, pointer: int, after: Any) -> None:
        """Tells from which event on a block is free; None for one that is already."""
        block = self._live.get(pointer)
        if block is not None:
            block.state[:2] = [after, True]

    def lend(self, pointer: int, reader: Reader) -> None:
        """Tells who has a lent block from now on: its memory goes to that reader's next picture."""
        block = self._live.get(pointer)
        if block is not None:
            size, kind, _ = block.state[2]
            block.state[2] = size, kind, reader

    def trim(self) -> bool:
        """Frees the device memory that nobody uses; False when there is none."""
        unused: list[Any] = []
        with self._lock:
            for (_, kind, _), free in list(self._free.items()):
                while free and kind != "spilled":  # the lists stay: blocks in use come back to them
                    unused.append(free.pop())
        if unused:
            self.wait_for_all()
        return bool(unused)

    def wait_for_all(self) -> None:
        """Waits for all work on the device."""
        with self._recording:
            self._driver.Context.synchronize()

    def clear(self) -> None:
        """Frees what nobody uses, host memory too."""
        with self._lock:
            for free in list(self._free.values()):
                free.clear()


def size_class(size: int) -> int:
    """What a size is rounded up to, by an eighth at most: few sizes, so that a block finds its next user."""
    step = max(_ROUND, 1 << max(0, size.bit_length() - 4))
    return max(1, -(-size // step)) * step


def _give_back(free: defaultdict[_List, _Free], memory: Any, state: list[Any]) -> None:
    """Puts a dropped block's memory back; runs wherever the last reference goes, so it calls nothing of CUDA's."""
    after, told, key = state
    free[key].append((memory, after, told))
