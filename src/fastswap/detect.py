"""Default face models on OpenVINO: a full-range detector and a 468-point face mesh.

Both are MediaPipe's (Apache-2.0); see `weights`. Inputs are sampled straight from a frame's planes in display
space, so rotation and sample aspect need no extra step. The mesh runs in float32: bfloat16
moves the landmarks in steps (jitter of 0.31 instead of 0.07 pixels on a 280 pixel face). The detector, which only says
where the mesh begins, takes bfloat16 where the CPU has it: scores moved by up to 0.02 and points by up to 0.8 % of the
box on real clips. One thread each: a second one gains little on networks this small, and a fixed number keeps the
results independent of the host's.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from fastswap import ops, weights
from fastswap.align import LEFT_EYE_CORNERS, RIGHT_EYE_CORNERS, apply, compose, extent
from fastswap.engines.openvino import native_precision
from fastswap.errors import ModelError
from fastswap.faces import MESH_POINTS
from fastswap.frame import Affine, Frame

SIDE: Final = 192
"""Side of both networks' square input in pixels."""

_GRID: Final = 48
_IOU: Final = 0.3
_MARGIN: Final = 1.5
"""Side of the mesh's square relative to the longer side of the face's box."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Detection:
    """A face that the detector found.

    score: 0..1. box: left, top, right, bottom. points: float64 [6, 2]: right eye, left eye (the subject's
    own), nose tip, mouth centre, right ear, left ear. All in display pixels.
    """

    score: float
    box: tuple[float, float, float, float]
    points: Floats


class _Network:
    """A network with one [1, 3, 192, 192] float32 R'G'B' input in 0..1 whose memory is its own."""

    def __init__(self, path: Path, *, center: bool, precise: bool) -> None:
        # OpenVINO takes most of a second to import; a program that only looks at a file's header does not need it.
        import openvino as ov

        compiled = _compiled(path, center, precise)
        self._request = compiled.create_infer_request()
        self._outputs: list[Any] = list(compiled.outputs)
        self._input = np.zeros((1, 3, SIDE, SIDE), np.float32)
        self._request.set_input_tensor(ov.Tensor(self._input, shared_memory=True))

    def __call__(self, image: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """Outputs for an image [3, 192, 192]; they are overwritten by the next call."""
        self._input[0] = image
        self._request.infer()
        return [self._request.get_tensor(output).data for output in self._outputs]


@lru_cache(maxsize=4)
def _compiled(path: Path, center: bool, precise: bool) -> Any:
    """The compiled network of a file, shared by all that use it. center: maps the input to -1..1. precise: float32
    even where the CPU is faster with less."""
    import openvino as ov
    from openvino.preprocess import PrePostProcessor

    core = ov.Core()
    try:
        steps = PrePostProcessor(core.read_model(path))
        steps.input().tensor().set_element_type(ov.Type.f32).set_layout(ov.Layout("NCHW"))
        steps.input().model().set_layout(ov.Layout("NHWC"))
        if center:
            steps.input().preprocess().mean(0.5).scale(0.5)
        precision = "f32" if precise else native_precision(core)
        hints = {"INFERENCE_PRECISION_HINT": precision, "INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1}
        return core.compile_model(steps.build(), "CPU", {**hints, "ENABLE_CPU_PINNING": False})
    except RuntimeError as error:
        raise ModelError(f"{path}: OpenVINO cannot use this face model ({_first_line(error)})") from error


class Detector:
    """MediaPipe's full-range face detector. Not thread-safe: one per thread.

    model: path of the network, by default the one that `weights` fetches on first use.
    """

    def __init__(self, model: Path | None = None) -> None:
        self._network = _Network(model or weights.model_path("detector"), center=True, precise=False)
        self._anchors = _anchors()
        self._crop = np.empty((1, 3, SIDE, SIDE), np.float32)

    def __call__(
        self, frame: Frame, *, minimum: float = 0.5, regions: Sequence[Affine] | None = None
    ) -> list[Detection]:
        """Faces with a score of at least `minimum`, best first.

        regions: where to look, each a map from the pixels of a 192 x 192 picture to display pixels; by
        default the whole frame, letterboxed. Small faces need smaller regions, see `tiles`.
        """
        found = [self._candidates(frame, region, minimum) for region in regions or (letterbox(frame),)]
        return _suppress(np.concatenate(found))

    def _candidates(self, frame: Frame, region: Affine, minimum: float) -> Floats:
        """Rows of score, left, top, right, bottom and six points (x, y) in display pixels."""
        numbers, logits = self._look(frame, region)
        logit = logits.reshape(-1)
        keep = np.flatnonzero(logit >= math.log(minimum / (1.0 - minimum)))
        raw = numbers.reshape(-1, 16)[keep].astype(np.float64)
        anchors = self._anchors[keep]
        points = raw[:, 4:].reshape(-1, 6, 2) + anchors[:, None]
        centers = raw[:, :2] + anchors
        corners = np.stack([centers - raw[:, 2:4] / 2, centers + raw[:, 2:4] / 2], axis=1)
        placed = apply(region, np.concatenate([corners, points], axis=1)).reshape(len(keep), 16)
        score = 1.0 / (1.0 + np.exp(-np.clip(logit[keep].astype(np.float64), -100.0, 100.0)))
        return np.column_stack([score, placed])

    def _look(self, frame: Frame, region: Affine) -> Sequence[NDArray[np.float32]]:
        """The network's outputs for one region; `device.faces` has them from a GPU."""
        ops.crop([frame], compose(frame.to_coded, region)[None], SIDE, border="black", out=self._crop)
        return self._network(self._crop[0])


def _anchors() -> Floats:
    """The centres of the detector's cells in its pixels, row by row."""
    row, column = np.divmod(np.arange(_GRID * _GRID), _GRID)
    return np.stack([column + 0.5, row + 0.5], axis=1) * (SIDE / _GRID)


def letterbox(frame: Frame) -> Affine:
    """The whole frame, centred in a square: a map from the detector's pixels to display pixels."""
    width, height = frame.display_size
    side = max(width, height)
    return _upright_square((width - side) / 2, (height - side) / 2, side)


def tiles(frame: Frame, side: float, overlap: float = 0.25) -> list[Affine]:
    """Squares of this side that cover the frame row by row and share at least `overlap` with their neighbours."""
    width, height = frame.display_size
    lefts, tops = (_starts(length, side, overlap) for length in (width, height))
    return [_upright_square(left, top, side) for top in tops for left in lefts]


def _starts(length: float, side: float, overlap: float) -> Floats:
    if length <= side:
        return np.array([(length - side) / 2])
    count = 1 + math.ceil((length - side) / (side * (1.0 - overlap)))
    return np.linspace(0.0, length - side, count)


def _upright_square(left: float, top: float, side: float) -> Affine:
    scale = side / SIDE
    return np.array([[scale, 0.0, left], [0.0, scale, top]])


def _suppress(rows: Floats) -> list[Detection]:
    """Weighted non-maximum suppression: boxes that overlap the best one are averaged with it by score."""
    rows = rows[np.argsort(-rows[:, 0], kind="stable")]
    found = []
    while len(rows):
        same = overlaps(rows[0, 1:5], rows[:, 1:5]) > _IOU
        same[0] = True  # also where a box is empty
        group = rows[same]
        mean = np.average(group[:, 1:], axis=0, weights=group[:, 0])
        left, top, right, bottom = (float(v) for v in mean[:4])
        found.append(Detection(float(group[0, 0]), (left, top, right, bottom), mean[4:].reshape(6, 2)))
        rows = rows[~same]
    return found


def overlaps(box: Floats, boxes: Floats) -> Floats:
    """Intersection over union of one box [4] with boxes [N, 4]."""
    size = np.clip(np.minimum(box[2:], boxes[:, 2:]) - np.maximum(box[:2], boxes[:, :2]), 0.0, None)
    shared = size[:, 0] * size[:, 1]
    areas = np.prod(np.clip(boxes[:, 2:] - boxes[:, :2], 0.0, None), axis=1)
    area = float(np.prod(np.clip(box[2:] - box[:2], 0.0, None)))
    return np.asarray(shared / np.maximum(area + areas - shared, 1e-9))


class Mesh:
    """MediaPipe's face mesh. Not thread-safe: one per thread.

    The crops of all faces are sampled in one call. The network then runs face by face: a batch costs as much
    per face on the CPU, and a batch size that varies costs more.
    """

    def __init__(self, model: Path | None = None) -> None:
        self._network = _Network(model or weights.model_path("mesh"), center=False, precise=True)

    def __call__(self, frame: Frame, squares: Sequence[Affine]) -> list[tuple[Floats, float]]:
        """Landmarks, float64 [468, 3] in display pixels, and presence 0..1 for each square.

        squares: maps from the pixels of a 192 x 192 crop to display pixels, see `square_of_detection`.
        """
        if not squares:
            return []
        return [
            self._landmarks(outputs, square)
            for outputs, square in zip(self._look(frame, squares), squares, strict=True)
        ]

    def _look(self, frame: Frame, squares: Sequence[Affine]) -> Iterable[Sequence[NDArray[np.float32]]]:
        """The network's outputs for each square, one after the other; `device.faces` has them from a GPU."""
        crops = ops.crop(
            [frame] * len(squares), np.stack([compose(frame.to_coded, s) for s in squares]), SIDE
        )
        return (self._network(crop) for crop in crops)

    def _landmarks(self, outputs: Sequence[NDArray[np.float32]], square: Affine) -> tuple[Floats, float]:
        numbers, logit = outputs
        landmarks = numbers.reshape(MESH_POINTS, 3).astype(np.float64)
        landmarks[:, :2] = apply(square, landmarks[:, :2])
        landmarks[:, 2] *= math.hypot(square[0, 0], square[1, 0])
        return landmarks, 1.0 / (1.0 + math.exp(-float(np.clip(logit.reshape(-1)[0], -100.0, 100.0))))


def square_of_detection(detection: Detection) -> Affine:
    """The mesh's square for a detected face: 1.5 times the box's longer side, eyes level."""
    left, top, right, bottom = detection.box
    side = max(right - left, bottom - top) * _MARGIN
    return _square(
        (left + right) / 2, (top + bottom) / 2, side, detection.points[1] - detection.points[0]
    )  # from the right eye to the left, which is rightwards in the image


def square_of_landmarks(landmarks: Floats) -> Affine:
    """The mesh's square for a face whose landmarks are known, from the frame before."""
    xy = landmarks[:, :2]
    across = xy[list(LEFT_EYE_CORNERS)].sum(axis=0) - xy[list(RIGHT_EYE_CORNERS)].sum(axis=0)
    across = across / max(float(np.hypot(across[0], across[1])), 1e-9)
    turn = np.array([[across[0], -across[1]], [across[1], across[0]]])
    low, high = extent(xy @ turn)
    center = turn @ ((low + high) / 2)
    return _square(float(center[0]), float(center[1]), float((high - low).max()) * _MARGIN, across)


def _square(x: float, y: float, side: float, across: Floats) -> Affine:
    """A square of this side around (x, y) whose top edge runs along `across`."""
    angle = math.atan2(float(across[1]), float(across[0]))
    cos, sin = math.cos(angle) * side / SIDE, math.sin(angle) * side / SIDE
    half = SIDE / 2
    return np.array([[cos, -sin, x - (cos - sin) * half], [sin, cos, y - (sin + cos) * half]])


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or ["no reason given"])[0][:200]
