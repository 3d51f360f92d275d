"""The preview picture: what the network sees, what it draws, and the swap."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from fastswap.training import letters
from fastswap.training.augment import Batch
from fastswap.training.device import to_numpy
from fastswap.training.network import Generator

COLUMNS = ("source", "source drawn", "target", "target drawn", "swap", "swap in place", "mask")
MIN_CELL = 96
"""Pixels of a cell's side at least; small crops are enlarged by whole factors, so single pixels stay visible."""
GAP, HEAD = 4, 32
"""Pixels between cells, and above them for the captions, at scale 1."""
_GROUND = 24


def preview_grid(
    generator: Generator, source: Batch, target: Batch, *, bf16: bool = False, title: str = ""
) -> NDArray[np.uint8]:
    """A picture uint8 [H, W, 3]: the title, the names of the columns (`COLUMNS`), and one row of them per face."""
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
    grid = torch.stack(cells, dim=1).permute(0, 1, 3, 4, 2)  # rows, columns, R, R, 3
    factor = -(-MIN_CELL // grid.shape[2])
    values = (to_numpy(grid).clip(0.0, 1.0) * 255.0 + 0.5).astype(np.uint8)
    return _laid_out(values.repeat(factor, axis=2).repeat(factor, axis=3), title)


def _laid_out(cells: NDArray[np.uint8], title: str) -> NDArray[np.uint8]:
    """The cells [rows, columns, S, S, 3] side by side, with captions above."""
    rows, columns, side = cells.shape[:3]
    scale = max(1, side // (MIN_CELL + MIN_CELL // 2))
    head, step = HEAD * scale, side + GAP
    picture = np.full((head + rows * step, columns * step + GAP, 3), _GROUND, np.uint8)
    letters.write(picture, title, GAP, 4 * scale, scale=scale, bright=160)
    for column, name in enumerate(COLUMNS):
        left = GAP + column * step
        letters.write(
            picture, name, left + (side - letters.length(name, scale)) // 2, 19 * scale, scale=scale
        )
        for row in range(rows):
            top = head + row * step
            picture[top : top + side, left : left + side] = cells[row, column]
    return picture
