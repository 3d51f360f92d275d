"""Which faces each step sees, and how they get to the device."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fastswap.training.store import FaceArrays

BIN = 10.0
"""Degrees of yaw and of pitch that count as one pose."""
MOST = 8.0
"""How much oftener than on average a face of a rare pose may come: a single odd picture must not fill every batch."""
RESIDENT = 0.3
"""Share of the device's free memory that a faceset may fill to be kept there."""


def pose_weights(poses: NDArray[np.float32] | None, count: int) -> NDArray[np.float64]:
    """Probability of each face such that every pose (yaw, pitch [N, 2], degrees) comes about equally often."""
    if poses is None:
        return np.full(count, 1.0 / count)
    bins = np.floor(poses / BIN + 0.5).astype(np.int64)
    _, which, sizes = np.unique(bins, axis=0, return_inverse=True, return_counts=True)
    weights = 1.0 / sizes[which.reshape(-1)]
    weights = np.minimum(weights, MOST * weights.mean())
    return np.asarray(weights / weights.sum(), np.float64)


class Feed:
    """Batches of one person's faces. The choice follows from seed and step alone, so that a resumed run sees the same.

    by_pose: see `pose_weights`. wanted: see `demand.demand`; `share` of the faces are chosen by it.

    A faceset that fits stays on the device; a larger one is read from its memory-mapped store, on a GPU one step ahead
    and through page-locked memory.
    """

    def __init__(
        self,
        faces: FaceArrays,
        batch: int,
        seed: tuple[int, ...],
        device: torch.device,
        *,
        by_pose: bool,
        wanted: NDArray[np.float64] | None = None,
        share: float = 0.0,
    ) -> None:
        self.faces, self.batch, self.device = faces, batch, device
        self._seed = seed
        often = pose_weights(faces.poses if by_pose else None, len(faces))
        if wanted is not None and share:
            often = np.concatenate(((1.0 - share) * often, np.zeros(len(faces)))) + share * wanted.reshape(-1)
        self._up_to = often.cumsum()
        self._up_to /= self._up_to[-1]
        self._resident: Tensor | None = None
        self._pool: ThreadPoolExecutor | None = None
        self._ahead: dict[int, Future[Tensor]] = {}
        if device.type == "cuda":
            free, _ = torch.cuda.mem_get_info(device)
            if faces.bytes < RESIDENT * free:
                self._resident = torch.from_numpy(faces.planes).to(device)
            else:
                self._pool = ThreadPoolExecutor(max_workers=1)

    def choice(self, step: int) -> NDArray[np.int64]:
        """Rows of the faces of a step, int64 [batch]."""
        return self._choice(step) % len(self.faces)

    def closed(self, step: int) -> NDArray[np.bool_]:
        """Whether the lips of each face of a step are to be closed, bool [batch]."""
        return self._choice(step) >= len(self.faces)

    def _choice(self, step: int) -> NDArray[np.int64]:
        # As `Generator.choice` does it, which would sum all the probabilities anew each time.
        drawn = np.random.default_rng([*self._seed, step]).random(self.batch)
        return self._up_to.searchsorted(drawn, side="right")

    def take(self, step: int) -> Tensor:
        """The planes of a step, uint8 [batch, 5, S, S] on the device."""
        if self._resident is not None:
            return self._resident[torch.from_numpy(self.choice(step)).to(self.device)]
        if self._pool is None:
            return torch.from_numpy(self.faces.take(self.choice(step)))
        loading = self._ahead.pop(step, None) or self._pool.submit(self._load, step)
        self._ahead = {step + 1: self._pool.submit(self._load, step + 1)}
        return loading.result().to(self.device, non_blocking=True)

    def rows(self, chosen: NDArray[np.int64]) -> Tensor:
        """The planes of these faces, uint8 [N, 5, S, S] on the device."""
        return torch.from_numpy(self.faces.take(chosen)).to(self.device)

    def _load(self, step: int) -> Tensor:
        return torch.from_numpy(self.faces.take(self.choice(step))).pin_memory()
