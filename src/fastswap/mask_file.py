"""A mask from outside: a picture, a video or a folder of pictures that says where new faces may show."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fastswap import align, ops, video
from fastswap.errors import InputError
from fastswap.frame import Affine, Frame


class MaskFile:
    """White shows the new faces, black keeps the target, grey mixes; it is neither shrunk nor feathered.

    One picture serves all frames; of a video or a folder, frame n is for frame n of the input. Frames are best asked
    for in order: one before the last is reached from the video's start. It is laid over what a viewer sees of the input
    and stretched to its size. Raises InputError when it cannot be read or has too few frames.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._reader = path, video.Reader(path)
        self._frames: Iterator[Frame] = iter(self._reader)
        self._still, self._folder = (self._reader.info.kind == kind for kind in ("image", "folder"))
        self._last: Frame | None = None
        self._count = 0  # frames read

    def close(self) -> None:
        """Releases the file."""
        self._reader.close()

    def crops(self, frame: Frame, to_display: list[Affine], size: int) -> NDArray[np.float32]:
        """What it shows of a frame under maps from crop to display pixels: float32 [N, size, size] in 0..1."""
        mask = self._at(frame.index)
        factors = np.divide(mask.display_size, frame.display_size)
        stretch = np.column_stack([np.diag(factors), np.zeros(2)])
        maps = [align.compose(mask.to_coded, align.compose(stretch, place)) for place in to_display]
        rgb = ops.crop([mask] * len(maps), np.stack(maps), size)
        return np.ascontiguousarray(rgb.mean(axis=1))

    def _at(self, index: int) -> Frame:
        wanted = 1 if self._still else index + 1
        if wanted < self._count or (self._folder and wanted > self._count + 1):
            self._frames = self._reader.frames_of(video.Span(0, index, 1 << 62), index)
            self._count = index
        while self._count < wanted:
            self._last = next(self._frames, None)
            if self._last is None:
                raise InputError(
                    f"{self._path}: has {self._count} frames and none for frame {index} of the input"
                )
            if self._folder and self._last.index != self._count:
                raise InputError(f"{self._path}: its picture for frame {self._count} cannot be read")
            self._count += 1
        assert self._last is not None
        return self._last
