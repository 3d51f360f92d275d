"""What a TFLite file holds, as far as the conversion needs it (schema version 3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from fastswap.tflite.flatbuffer import Table

MAGIC: Final = b"TFL3"

OPERATORS: Final[Mapping[int, str]] = {
    0: "ADD", 1: "AVERAGE_POOL_2D", 2: "CONCATENATION", 3: "CONV_2D", 4: "DEPTHWISE_CONV_2D", 5: "DEPTH_TO_SPACE",
    6: "DEQUANTIZE", 14: "LOGISTIC", 17: "MAX_POOL_2D", 18: "MUL", 19: "RELU", 21: "RELU6", 22: "RESHAPE",
    23: "RESIZE_BILINEAR", 34: "PAD", 41: "SUB", 54: "PRELU", 124: "DENSIFY",
}  # fmt: skip
"""`BuiltinOperator` of the schema."""

_DTYPES: Final[Mapping[int, Any]] = {0: np.float32, 1: np.float16, 2: np.int32, 4: np.int64}
_SAME, _CSR = 0, 1


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor. data: its value when it is a constant, already dense."""

    name: str
    shape: tuple[int, ...]
    data: NDArray[Any] | None


@dataclass(frozen=True, slots=True)
class Operator:
    """One step. inputs, outputs: indices of tensors, -1 where an optional input is absent. options: its settings."""

    kind: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Table | None

    def option(self, field: int, kind: str = "b", default: int = 0) -> int:
        """One of its settings, by number of the field."""
        return self.options.number(field, kind, default) if self.options else default

    def flag(self, field: int) -> bool:
        """A setting that is true or false."""
        return bool(self.option(field, "B"))

    @property
    def pads_same(self) -> bool:
        """Whether the border is padded so that the output's size is the input's over the stride."""
        return self.option(0) == _SAME


@dataclass(frozen=True, slots=True)
class Graph:
    """The first subgraph of a file: tensors, steps in order of execution, and which tensors go in and out."""

    tensors: list[Tensor]
    operators: list[Operator]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


def read(data: bytes) -> Graph:
    """Reads a TFLite file. Raises ValueError, in words, for what is not one or uses unknown types or operators."""
    if data[4:8] != MAGIC:
        raise ValueError("not a TFLite file")
    model = Table.root(data)
    subgraphs = model.tables(2)
    if len(subgraphs) != 1:
        raise ValueError(f"it has {len(subgraphs)} subgraphs; one is supported")
    buffers = model.tables(4)
    # The wider field replaced the narrow one; files carry both or either.
    codes = [max(code.number(0, "b"), code.number(3, "i")) for code in model.tables(1)]
    graph = subgraphs[0]
    return Graph(
        [_tensor(table, buffers) for table in graph.tables(0)],
        [_operator(table, codes) for table in graph.tables(3)],
        _indices(graph, 1),
        _indices(graph, 2),
    )


def _indices(table: Table, field: int) -> tuple[int, ...]:
    return tuple(int(index) for index in table.array(field, np.int32))


def _operator(table: Table, codes: list[int]) -> Operator:
    code = codes[table.number(0, "I")]
    if code not in OPERATORS:
        raise ValueError(f"operator {code} is not supported")
    return Operator(OPERATORS[code], _indices(table, 1), _indices(table, 2), table.table(4))


def _tensor(table: Table, buffers: list[Table]) -> Tensor:
    name, shape = table.text(3), tuple(int(n) for n in table.array(0, np.int32))
    kind = table.number(1, "b")
    if kind not in _DTYPES:
        raise ValueError(f"tensor {name!r} has the type {kind}; only float and integer tensors are supported")
    values = buffers[table.number(2, "I")].array(0, np.uint8)
    if not values.size:
        return Tensor(name, shape, None)
    flat = np.frombuffer(values.tobytes(), np.dtype(_DTYPES[kind]).newbyteorder("<"))
    sparsity = table.table(6)
    if sparsity is not None:
        return Tensor(name, shape, _dense(flat, shape, sparsity))
    if flat.size != int(np.prod(shape)):
        raise ValueError(f"tensor {name!r} has {flat.size} values for the shape {shape}")
    return Tensor(name, shape, flat.reshape(shape))


def _dense(values: NDArray[Any], shape: tuple[int, ...], sparsity: Table) -> NDArray[Any]:
    """The dense form of a sparse tensor.

    Dimensions are stored one within the other in `traversal_order`, each dense or as compressed rows (segments and
    indices); those numbered from the rank on are the insides of blocks of the dimensions in `block_map`.
    """
    order, blocks = _indices(sparsity, 0), _indices(sparsity, 1)
    places = np.zeros(1, np.int64)  # of the stored entries down to the present level
    found: dict[int, NDArray[np.int64]] = {}
    sizes: dict[int, int] = {}
    for dimension, level in zip(order, sparsity.tables(2), strict=True):
        if level.number(0, "b") == _CSR:
            segments, indices = _vector(level, 2), _vector(level, 4)
            counts = segments[places + 1] - segments[places]
            starts = np.repeat(segments[places] - np.cumsum(counts) + counts, counts)
            below = starts + np.arange(counts.sum())
            here, parents = indices[below], np.repeat(np.arange(len(places)), counts)
        else:
            size = sizes[dimension] = level.number(1, "i")
            below = (places[:, None] * size + np.arange(size)).ravel()
            here, parents = np.tile(np.arange(size), len(places)), np.repeat(np.arange(len(places)), size)
        found = {known: index[parents] for known, index in found.items()}
        found[dimension], places = here, below
    for block, dimension in enumerate(blocks):
        inner = len(shape) + block
        found[dimension] = found[dimension] * sizes[inner] + found[inner]
    dense = np.zeros(shape, values.dtype)
    dense[tuple(found[dimension] for dimension in range(len(shape)))] = values[places]
    return dense


def _vector(level: Table, field: int) -> NDArray[np.int64]:
    """Segments or indices: a union of vectors of three widths (its type, then its table)."""
    kind, table = level.number(field, "B"), level.table(field + 1)
    if table is None or kind not in (1, 2, 3):
        raise ValueError("a sparse tensor lacks its indices")
    return table.array(0, (np.int32, np.uint16, np.uint8)[kind - 1]).astype(np.int64)
