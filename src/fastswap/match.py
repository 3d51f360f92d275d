"""Which tracks of a video show the people of some reference pictures.

A recogniser that the user names (an ONNX file: an aligned face in, an embedding out, such as ArcFace's) says how alike
two faces are. The shapes and colours that fastswap sees by itself do not tell people apart well enough to put a face
on somebody: measured on synthetic people, two views of one differed as much as views of two.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fastswap import align, ops, video
from fastswap.errors import InputError, ModelError
from fastswap.faces import Face, FrameFaces
from fastswap.frame import Frame
from fastswap.track import Tracker

TEMPLATE: Final = "arcface_112_v2"
LIKE: Final = 0.3
"""Cosine of two embeddings from which they may be of one person; usual for ArcFace and its kin at 112 px."""
_CLEARLY: Final = 0.1
"""How much nearer the first reference must be than the second."""
_SAMPLES: Final = 5
"""Frames of each track that are looked at: those that show it largest and most frontal."""
_APART: Final = 8  # frames between two of them at least

Floats = NDArray[np.float64]


class Recogniser:
    """Runs the user's recogniser on the CPU: input [N, 3, S, S] R'G'B' -1..1, aligned to `TEMPLATE`; output [N, D].

    Raises ModelError for a file that is no such network.
    """

    def __init__(self, path: Path) -> None:
        import openvino as ov

        try:
            network = ov.Core().read_model(str(path))
            shape = network.input(0).get_partial_shape()
            self._side = shape[2].get_length()
            network.reshape({network.input(0): [1, 3, self._side, self._side]})
            self._request = ov.Core().compile_model(network, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        except (RuntimeError, ValueError) as error:
            raise ModelError(f"{path}: not a recogniser that takes [N, 3, S, S]: {_last(error)}") from error

    def __call__(self, frame: Frame, face: Face) -> Floats:
        """The embedding of a face, of length 1."""
        points = align.five_points(face.landmarks)
        to_display = align.crop_to_display(points, TEMPLATE, 1.0, self._side)
        crop = ops.crop([frame], align.compose(frame.to_coded, to_display)[None], self._side)
        found = np.asarray(next(iter(self._request([crop * 2.0 - 1.0]).values())), np.float64).ravel()
        return np.asarray(found / max(float(np.linalg.norm(found)), 1e-9))


def tracks_like(
    source: Path, frames: Iterable[FrameFaces], references: Sequence[Path], recogniser: Recogniser
) -> list[frozenset[int]]:
    """For each reference the tracks that show its person; a track that is like none, or like two, is in none.

    frames: the whole analysis of `source`. Raises InputError for a reference without a face.
    """
    wanted = np.stack([_of_picture(path, recogniser) for path in references])
    tracks: list[set[int]] = [set() for _ in references]
    for track, seen in _embeddings(source, _best(frames), recogniser).items():
        mean = np.mean(seen, axis=0)
        alike = wanted @ (mean / max(float(np.linalg.norm(mean)), 1e-9))
        order = np.argsort(-alike)
        clear = len(order) == 1 or alike[order[0]] - alike[order[1]] >= _CLEARLY
        if clear and alike[order[0]] >= LIKE:
            tracks[int(order[0])].add(track)
    return [frozenset(each) for each in tracks]


def _of_picture(path: Path, recogniser: Recogniser) -> Floats:
    with video.Reader(path, deinterlace=False) as reader:
        frame = reader.frame_at(0.0)
    faces = Tracker().update(frame).faces
    if not faces:
        raise InputError(f"{path}: no face is found in this reference picture")
    return recogniser(frame, max(faces, key=lambda face: face.area))


def _last(error: Exception) -> str:
    return str(error).strip().splitlines()[-1]


def _best(frames: Iterable[FrameFaces]) -> dict[int, list[tuple[float, int, float, Face]]]:
    """For each track its samples: worth, index and time of the frame, face."""
    best: dict[int, list[tuple[float, int, float, Face]]] = {}
    for frame in frames:
        for face in frame.faces:
            held = best.setdefault(face.track, [])
            if held and frame.index - max(item[1] for item in held) < _APART:
                continue
            item = (face.area * _frontal(face), frame.index, frame.time, face)
            (heapq.heappush if len(held) < _SAMPLES else heapq.heappushpop)(held, item)
    return best


def _frontal(face: Face) -> float:
    """1 for a face seen from the front, towards 0 as the nose nears an eye."""
    right, left, nose = align.five_points(face.landmarks)[:3]
    a, b = np.hypot(*(nose - right)), np.hypot(*(nose - left))
    return float(min(a, b) / max(a, b, 1e-6))


def _embeddings(
    source: Path, best: dict[int, list[tuple[float, int, float, Face]]], recogniser: Recogniser
) -> dict[int, list[Floats]]:
    wanted = sorted(
        (time, track, n) for track, items in best.items() for n, (_, _, time, _) in enumerate(items)
    )
    found: dict[int, list[Floats]] = {track: [] for track in best}
    with video.Reader(source, deinterlace=False) as reader:
        for time, track, n in wanted:
            found[track].append(recogniser(reader.frame_at(time + 1e-4), best[track][n][3]))
    return found
