"""How the planes of a picture lie in memory: which are interleaved in the same rows, and where in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Member:
    """A plane within a block. index: in the frame's planes. offset, step: bytes from the row's start, and between
    samples."""

    index: int
    offset: int
    step: int
    shape: tuple[int, int]
    typestr: str


@dataclass(frozen=True, slots=True)
class Block:
    """Rows of bytes that hold one plane, or several side by side. pointer: of the first row; pitch: bytes between rows,
    negative for a picture that is stored upwards."""

    pointer: int
    rows: int
    width: int
    pitch: int
    members: tuple[Member, ...]

    @property
    def size(self) -> int:
        """Bytes without what lies between the rows."""
        return self.rows * self.width


def blocks_of(planes: Sequence[Any]) -> list[Block]:
    """The blocks of planes in host or device memory, in order of their first plane."""
    found: list[list[tuple[int, int, tuple[int, int], tuple[int, int], str]]] = []
    for index, plane in enumerate(planes):
        pointer, shape, strides, typestr = _interface(plane)
        entry = (index, pointer, shape, strides, typestr)
        for group in found:
            _, other, other_shape, other_strides, _ = group[0]
            # Planes of one block start within a sample's step of each other, in rows of one length.
            near = abs(pointer - other) < max(strides[1], other_strides[1])
            if near and shape == other_shape and strides == other_strides:
                group.append(entry)
                break
        else:
            found.append([entry])
    blocks = []
    for group in found:
        start = min(pointer for _, pointer, *_ in group)
        (rows, _), pitch = group[0][2], group[0][3][0]
        members = tuple(
            Member(index, pointer - start, strides[1], shape, typestr)
            for index, pointer, shape, strides, typestr in group
        )
        width = max(m.offset + (m.shape[1] - 1) * m.step + np.dtype(m.typestr).itemsize for m in members)
        blocks.append(Block(start, rows, width, pitch, members))
    return blocks


def on_host(block: Block) -> NDArray[np.uint8]:
    """A view [rows, width] of a block in host memory; whoever owns the memory has to be kept."""
    return view(block.pointer, (block.rows, block.width), (block.pitch, 1), "|u1")


def packed(block: Block, pointer: int) -> list[tuple[int, int, tuple[int, int], tuple[int, int], str]]:
    """Where the block's planes lie in a copy at `pointer` without gaps: (index, pointer, shape, strides, typestr)."""
    return [(m.index, pointer + m.offset, m.shape, (block.width, m.step), m.typestr) for m in block.members]


def host_planes(blocks: Sequence[tuple[Block, NDArray[np.uint8]]]) -> tuple[NDArray[Any], ...]:
    """The planes of blocks that were copied, without gaps, into arrays [rows, width]; each keeps its array alive."""
    planes: dict[int, NDArray[Any]] = {}
    for block, memory in blocks:
        for member in block.members:
            planes[member.index] = np.ndarray(
                member.shape, member.typestr, memory, member.offset, (block.width, member.step)
            )
    return tuple(planes[index] for index in sorted(planes))


def _interface(plane: Any) -> tuple[int, tuple[int, int], tuple[int, int], str]:
    interface = getattr(plane, "__cuda_array_interface__", None) or plane.__array_interface__
    height, width = interface["shape"]
    item = np.dtype(interface["typestr"]).itemsize
    pitch, step = interface["strides"] or (width * item, item)
    return interface["data"][0], (height, width), (pitch, step), interface["typestr"]


def view(pointer: int, shape: tuple[int, ...], strides: tuple[int, ...] | None, typestr: str) -> NDArray[Any]:
    """A NumPy array over memory that is somebody else's; over a GPU's it may be sliced, but not read."""
    interface = {
        "data": (pointer, False),
        "shape": shape,
        "strides": strides,
        "typestr": typestr,
        "version": 3,
    }
    return np.asarray(SimpleNamespace(__array_interface__=interface))
