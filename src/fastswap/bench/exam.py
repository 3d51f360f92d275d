"""How good a model is, on performances that it never saw: synthetic actors, whose swap has a ground truth.

The model is run as a render runs it: faces found by the mesh, the crop cut from the frame's planes, colour, mask and
blend as usual. What comes out is compared with the same performance rendered with the source's features.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fastswap import actors, align, detect, measure, metrics, ops, video
from fastswap.bench import identity
from fastswap.demo import _inside
from fastswap.detect import Detector, Mesh
from fastswap.faces import Face
from fastswap.frame import Frame
from fastswap.look import Look
from fastswap.swap import FaceSwap, Work

PLAYS = (("talk", 177), ("free", 178))
"""Kind and seed of the performances; practice footage is made with other seeds."""
SPACING = 0.6
"""Seconds between the frames that are looked at: each shows another pose."""


@dataclass(frozen=True, slots=True)
class Figures:
    """How close swaps are to the truth over the face, means over all frames.

    psnr in dB and ssim: higher is better. landmarks: mean distance of the mesh points in distances of the outer eye
    corners: does the expression and pose hold? identity: see `identity.distance`. Lower is better for both.
    """

    psnr: float
    ssim: float
    landmarks: float
    identity: float

    def as_dict(self) -> dict[str, float]:
        """Rounded plain values."""
        return {name: round(value, 4) for name, value in asdict(self).items()}

    def beats(self, other: Figures) -> bool:
        """Whether every figure is better."""
        return (
            self.psnr > other.psnr
            and self.ssim > other.ssim
            and self.landmarks < other.landmarks
            and self.identity < other.identity
        )


@dataclass(frozen=True, slots=True)
class _Question:
    """A frame, the face in it, and what it should become. inside: the face's pixels in the truth."""

    frame: Frame
    face: Face
    truth: NDArray[np.uint8]
    landmarks: NDArray[np.float32]
    inside: NDArray[np.bool_]
    crop: NDArray[np.float32]


class Exam:
    """Frames of unseen performances with their truth. frames: in all."""

    def __init__(
        self, source: actors.Identity, target: actors.Identity, scene: actors.Scene, frames: int = 40
    ) -> None:
        self._detector, self._mesh = Detector(), Mesh()
        self.questions: list[_Question] = []
        truth = target.with_features_of(source)
        count = max(1, frames // len(PLAYS))
        for kind, seed in PLAYS:
            play = actors.performance(kind, frames=count, fps=1.0 / SPACING, seed=seed)  # type: ignore[arg-type]
            for index, pose in enumerate(play):
                shown = actors.render_frame(target, pose, scene, index=index).rgb
                question = self._question(shown, actors.render_frame(truth, pose, scene, index=index).rgb)
                if question is not None:
                    self.questions.append(question)

    def mark(self, model: Path) -> Figures:
        """The figures of a model file."""
        return _mean([self._score(question, frame) for question, frame in self._answers(model)])

    def untouched(self) -> Figures:
        """The figures of the target as it is."""
        return _mean([self._score(question, question.frame) for question in self.questions])

    def picture(self, models: Sequence[Path], count: int = 4) -> NDArray[np.uint8]:
        """Target, each model's swap, and truth side by side, for some of the frames."""
        columns = [[video.rgb_from_frame(question.frame) for question in self.questions]]
        columns += [[video.rgb_from_frame(frame) for _, frame in self._answers(model)] for model in models]
        columns.append([question.truth for question in self.questions])
        rows = np.linspace(0, len(self.questions) - 1, count).astype(int)
        return np.concatenate([np.concatenate([column[row] for column in columns], 1) for row in rows])

    def _answers(self, model: Path) -> list[tuple[_Question, Frame]]:
        swap = FaceSwap(model, device="cpu", look=Look(), batch=4, threads=1)
        try:
            works = [Work(question.frame, (question.face,)) for question in self.questions]
            made = list(swap.composite(swap.generate(swap.cut(works))))
        finally:
            swap.close()
        return list(zip(self.questions, made, strict=True))

    def _question(self, shown: NDArray[np.uint8], truth: NDArray[np.uint8]) -> _Question | None:
        frame, true_frame = video.frame_from_rgb(shown), video.frame_from_rgb(truth)
        for plane in frame.planes:
            plane.flags.writeable = False  # swaps go into copies: all models see the same question
        landmarks, true_landmarks = (
            landmarks_of(each, self._detector, self._mesh) for each in (frame, true_frame)
        )
        if landmarks is None or true_landmarks is None:
            return None
        inside = _inside(align.outline(true_landmarks), truth.shape[:2])
        crop = _aligned(true_frame, true_landmarks)
        return _Question(frame, Face(0, 1.0, landmarks), truth, true_landmarks, inside, crop)

    def _score(self, question: _Question, frame: Frame) -> Figures:
        picture = video.rgb_from_frame(frame)
        square = detect.square_of_landmarks(question.landmarks.astype(np.float64))
        ((landmarks, _),) = self._mesh(frame, [square])
        return Figures(
            metrics.psnr(picture, question.truth, question.inside),
            metrics.ssim(picture, question.truth, question.inside),
            metrics.landmark_error(landmarks.astype(np.float32), question.landmarks),
            identity.distance(_aligned(frame, question.landmarks), question.crop),
        )


def landmarks_of(frame: Frame, detector: Detector, mesh: Mesh) -> NDArray[np.float32] | None:
    """Landmarks of the surest face in a frame, float32 [468, 3] as in `Face`; None where there is none."""
    found = detector(frame, minimum=0.5, regions=[detect.letterbox(frame)])
    if not found:
        return None
    best = max(found, key=lambda detection: detection.score)
    return measure.twice(frame, mesh, best)[0].astype(np.float32)


def _aligned(frame: Frame, landmarks: NDArray[np.float32]) -> NDArray[np.float32]:
    """Luma of the aligned face, float32 [96, 96] in 0..1."""
    points = align.five_points(landmarks)
    transform = align.crop_to_display(points, "dfl_whole_face", 0.8, identity.SIDE)
    crop = ops.crop([frame], align.compose(frame.to_coded, transform)[None], identity.SIDE)[0]
    return np.tensordot(np.array([0.299, 0.587, 0.114], np.float32), crop, axes=1)


def _mean(figures: Sequence[Figures]) -> Figures:
    table = np.array([[f.psnr, f.ssim, f.landmarks, f.identity] for f in figures])
    return Figures(*(float(value) for value in table.mean(axis=0)))
