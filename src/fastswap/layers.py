"""The new faces alone: what the composite adds to a frame, and how much of it shows.

The last step of every composite is a blend, linear in the frame: result = frame (1 - a) + face a. Drawn over black it
leaves face a, and drawn over white as well it tells a. So a layer is what the composite itself drew, whatever the look,
to the precision of 16 bits.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from fastswap import align
from fastswap.frame import ColorSpec, Frame, identity_affine
from fastswap.swap import Batch, FaceSwap
from fastswap.video.side import Layer, layer_matrix

Rect = tuple[int, int, int, int]

_FULL, _NEUTRAL = 65535, 32768
_MARGIN = 2
"""Pixels around the crops: a blend may reach into the samples beside its last one."""


@dataclass(slots=True)
class Layers:
    """Draws the layers of a render's frames while they are made, see `swap.Watcher`, and gives them away in order."""

    swaps: Sequence[FaceSwap]
    _held: dict[int, Layer | None] = field(default_factory=dict)  # of frames for later models
    _ready: deque[tuple[int, Layer | None]] = field(default_factory=deque)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def see(self, batch: Batch, _made: Sequence[Frame], number: int) -> None:
        """Draws the layers of a batch; those of several models lie one over the other."""
        for work, drawn in zip(batch.works, layers_of(self.swaps[number], batch), strict=True):
            if work.warm:
                continue
            index = work.frame.index
            with self._lock:
                layer = over(drawn, self._held.pop(index, None))
                if number + 1 < len(self.swaps):
                    self._held[index] = layer
                else:
                    self._ready.append((index, layer))

    def take(self, frame: Frame) -> Layer | None:
        """The layer of the next frame that has come out; those of frames before it are let go."""
        with self._lock:
            while (found := self._ready.popleft())[0] != frame.index:
                pass
        return found[1]


def layers_of(swap: FaceSwap, batch: Batch) -> list[Layer | None]:
    """The layer of each frame of a finished batch, None for a frame without faces and for one that is not drawn."""
    batch = batch.without_warm()
    whole = swap.look.grain > 0.0  # noise follows from the place in the frame
    rects = {i: _rect(batch, i, whole) for i in dict.fromkeys(batch.owner)}
    colors = {i: _canvas_color(batch.works[i].frame.color) for i in rects}
    maps = batch.to_coded.copy()
    for n, i in enumerate(batch.owner):
        maps[n, :, 2] -= rects[i][:2]
    canvases = [
        {i: _canvas(r[2] - r[0], r[3] - r[1], luma, colors[i]) for i, r in rects.items()}
        for luma in (0, _FULL)
    ]
    for canvas in canvases:
        swap.draw(replace(batch, to_coded=maps), [canvas[i] for i in batch.owner])
    black, white = canvases
    return [_layer(rects[i], black[i], white[i]) if i in rects else None for i in range(len(batch.works))]


def over(upper: Layer | None, lower: Layer | None) -> Layer | None:
    """One layer drawn over another (Porter and Duff 1984)."""
    if upper is None or lower is None:
        return upper or lower
    left, top = (min(upper.rect[i], lower.rect[i]) for i in (0, 1))
    right, bottom = (max(upper.rect[i], lower.rect[i]) for i in (2, 3))
    whole = np.zeros((2, 4, bottom - top, right - left), np.float32)
    for place, layer in zip(whole, (upper, lower), strict=True):
        x, y = layer.rect[0] - left, layer.rect[1] - top
        height, width = layer.alpha.shape
        place[0, y : y + height, x : x + width] = layer.alpha
        place[1:, y : y + height, x : x + width] = layer.planes
    mixed = whole[0] + whole[1] * (1.0 - whole[0, 0])
    return Layer((left, top, right, bottom), mixed[0], mixed[1:], upper.matrix)


def _rect(batch: Batch, index: int, whole: bool) -> Rect:
    """Where in a frame its crops lie; all of it where `whole`."""
    frame, size = batch.works[index].frame, batch.targets.shape[-1]
    if whole:
        return 0, 0, frame.width, frame.height
    corners = np.array([[0.0, 0.0], [size, 0.0], [0.0, size], [size, size]])
    own = [align.apply(batch.to_coded[n], corners) for n, owner in enumerate(batch.owner) if owner == index]
    points = np.concatenate(own)
    left, top = np.floor(points.min(axis=0)).astype(int) - _MARGIN
    right, bottom = np.ceil(points.max(axis=0)).astype(int) + _MARGIN
    left, top = min(max(int(left), 0), frame.width - 1), min(max(int(top), 0), frame.height - 1)
    return (
        left,
        top,
        min(max(int(right), left + 1), frame.width),
        min(max(int(bottom), top + 1), frame.height),
    )


def _canvas_color(color: ColorSpec) -> ColorSpec:
    """What layers are drawn in: the light of the frame's own code values."""
    return replace(color, matrix=layer_matrix(color.matrix), siting="center")


def _canvas(width: int, height: int, luma: int, color: ColorSpec) -> Frame:
    planes = tuple(np.full((height, width), value, np.uint16) for value in (luma, _NEUTRAL, _NEUTRAL))
    return Frame(
        planes=planes,
        format="yuv444p16le",
        color=color,
        index=0,
        pts=None,
        time=0.0,
        to_coded=identity_affine(),
        display_size=(width, height),
    )


def _layer(rect: Rect, black: Frame, white: Frame) -> Layer:
    luma, blue, red = (plane.astype(np.float32) for plane in black.planes)
    alpha = 1.0 - (white.planes[0].astype(np.float32) - luma) / _FULL
    # Of a limited range in 16 bits: 219 and 224 steps of 256, from 16.
    foot, step, chroma = (0.0, _FULL, _FULL) if black.color.full_range else (4096.0, 56064.0, 57344.0)
    planes = np.stack([(luma - foot * alpha) / step, (blue - _NEUTRAL) / chroma, (red - _NEUTRAL) / chroma])
    return Layer(rect, np.asarray(alpha, np.float32), planes.astype(np.float32), black.color.matrix)
