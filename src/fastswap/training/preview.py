"""The preview picture: what the network sees, what it draws, and the swap."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from fastswap.training.augment import Batch
from fastswap.training.device import to_numpy
from fastswap.training.network import Generator

COLUMNS = ("source", "source drawn", "target", "target drawn", "swap", "swap in place", "mask")
MIN_CELL = 96
"""Pixels of a cell's side at least; small crops are enlarged by whole factors, so single pixels stay visible."""


def preview_grid(
    generator: Generator, source: Batch, target: Batch, *, bf16: bool = False
) -> NDArray[np.uint8]:
    """A picture [rows * cell, 7 * cell, 3]: the columns are `COLUMNS`, one row per face."""
    rows = min(len(source.face), len(target.face))
    with torch.inference_mode(), torch.autocast(source.face.device.type, torch.bfloat16, enabled=bf16):
        own = torch.sigmoid(generator.draw(source.face[:rows], "source").float())
        other = torch.sigmoid(generator.draw(target.face[:rows], "target").float())
        swap = torch.sigmoid(generator.draw(target.face[:rows], "source").float())
    mask = swap[:, 3:]
    placed = target.face[:rows] * (1.0 - mask) + swap[:, :3] * mask
    cells = (
        source.face[:rows],
        own[:, :3],
        target.face[:rows],
        other[:, :3],
        swap[:, :3],
        placed,
        mask.expand(-1, 3, -1, -1),
    )
    grid = torch.stack(cells, dim=1).permute(0, 3, 1, 4, 2)  # rows, R, columns, R, 3
    side = grid.shape[1]
    picture = to_numpy(grid.reshape(rows * side, len(cells) * side, 3))
    values = (picture.clip(0.0, 1.0) * 255.0 + 0.5).astype(np.uint8)
    factor = -(-MIN_CELL // side)
    return np.ascontiguousarray(values.repeat(factor, axis=0).repeat(factor, axis=1))
