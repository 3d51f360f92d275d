"""Reads FlatBuffers tables: as much of the format as a TFLite file needs.

A table starts with the distance to its vtable, which gives the place of each field or 0 where the field has its
default (https://flatbuffers.dev/internals). All numbers are little-endian; places outside the file raise ValueError.
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray


class Table:
    """One table of a buffer. Fields are asked for by their number in the schema."""

    def __init__(self, data: bytes, place: int) -> None:
        self._data, self._place = data, place
        self._vtable = place - _number(data, place, "i")
        self._size = _number(data, self._vtable, "H")

    @classmethod
    def root(cls, data: bytes) -> Table:
        """The table that a file begins with."""
        return cls(data, _number(data, 0, "I"))

    def number(self, field: int, kind: str, default: int = 0) -> int:
        """A scalar; kind is a letter of the `struct` module."""
        at = self._field(field)
        return _number(self._data, at, kind) if at else default

    def table(self, field: int) -> Table | None:
        """The table that a field refers to, None when it is not set."""
        at = self._field(field)
        return Table(self._data, self._follow(at)) if at else None

    def tables(self, field: int) -> list[Table]:
        """A vector of tables; empty when it is not set."""
        start, count = self._vector(field)
        return [Table(self._data, self._follow(start + 4 * index)) for index in range(count)]

    def array(self, field: int, dtype: Any) -> NDArray[Any]:
        """A vector of numbers as a read-only view; empty when it is not set."""
        start, count = self._vector(field)
        kind = np.dtype(dtype).newbyteorder("<")
        if count < 0 or start + count * kind.itemsize > len(self._data):
            raise ValueError("a vector reaches beyond the end of the file")
        return np.frombuffer(self._data, kind, count, start) if count else np.empty(0, kind)

    def text(self, field: int) -> str:
        """A string; empty when it is not set."""
        return bytes(self.array(field, np.uint8)).decode("utf-8", "replace")

    def _field(self, field: int) -> int:
        """The field's place, 0 when it is not set."""
        at = 4 + 2 * field
        if at + 2 > self._size:
            return 0
        offset = _number(self._data, self._vtable + at, "H")
        return self._place + offset if offset else 0

    def _follow(self, at: int) -> int:
        return at + _number(self._data, at, "I")

    def _vector(self, field: int) -> tuple[int, int]:
        at = self._field(field)
        if not at:
            return 0, 0
        start = self._follow(at)
        return start + 4, _number(self._data, start, "I")


def _number(data: bytes, at: int, kind: str) -> int:
    try:
        if at < 0:
            raise ValueError("a place before the start of the file")
        return int(struct.unpack_from("<" + kind, data, at)[0])
    except struct.error as error:
        raise ValueError("a place beyond the end of the file") from error
