"""The demo: two synthetic people, a swap, and how close it comes to the truth.

Nobody in it exists. Because the target's performance can also be rendered with the source's face, the swap has a
ground truth, and the result is measured, not felt.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastswap import actors, align, metrics, provenance, video
from fastswap.errors import OutputError
from fastswap.faces import Face
from fastswap.frame import Frame
from fastswap.model import load_contract, model_hash
from fastswap.pipeline import render
from fastswap.progress import Progress, ProgressCallback
from fastswap.track import Tracker

SOURCE, TARGET = actors.ANNA, actors.BO
SIZE = (1280, 720)
FPS = 25.0
FACE_PX = 190.0
CONSENT = "The person shown does not exist: a synthetic actor rendered by fastswap."
SHEET_FRAMES = 4


@dataclass(frozen=True, slots=True)
class Closeness:
    """How close a video is to the truth: PSNR in dB and SSIM over the face, landmark error in eye distances."""

    psnr: float
    ssim: float
    landmarks: float


@dataclass(frozen=True, slots=True)
class DemoReport:
    """Files by name, and how close the target (before) and the swapped video (after) come to the truth."""

    files: dict[str, str]
    before: Closeness
    after: Closeness
    render: dict[str, Any]

    def as_dict(self) -> dict[str, Any]:
        """The report as plain JSON values."""
        return asdict(self)


def demo_model() -> Path:
    """The model that comes with fastswap: the synthetic source on the synthetic target."""
    return Path(str(resources.files("fastswap") / "data" / "demo.onnx"))


def scene(size: tuple[int, int] = SIZE, face_px: float = FACE_PX) -> actors.Scene:
    """Where the target performs."""
    return actors.Scene(size=size, background="room", light="studio", face_px=face_px)


def footage(who: actors.Identity, frames: int, seed: int) -> Iterator[NDArray[np.uint8]]:
    """Training footage of an actor: all poses and expressions."""
    return actors.render_clip(who, actors.performance("range", frames=frames, fps=FPS, seed=seed), scene())


def run(
    out: str | Path,
    *,
    seconds: float = 6.0,
    train_minutes: float | None = None,
    progress: ProgressCallback | None = None,
) -> DemoReport:
    """Leaves source.mp4, target.mp4, truth.mp4, faces/source, model.onnx, swapped.mp4 and before_after.png in `out`.

    seconds: length of the target video. train_minutes: train a `tiny` model for so long in place of taking the one that
    comes with fastswap. The target's performance is one that the model never saw. Raises OutputError when `out`
    cannot be written, and what `render()` and `train()` raise.
    """
    out = Path(out)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{out}: cannot make the folder: {error.strerror}") from error
    files = {
        name: out / name for name in ("source.mp4", "target.mp4", "truth.mp4", "model.onnx", "swapped.mp4")
    }
    frames = max(int(seconds * FPS), 1)
    play = actors.performance("talk", frames=frames, fps=FPS, seed=77)
    _clip(files["source.mp4"], footage(SOURCE, 250, 1), 250, progress)
    _clip(files["target.mp4"], actors.render_clip(TARGET, play, scene()), frames, progress)
    truth = TARGET.with_features_of(SOURCE)
    _clip(files["truth.mp4"], actors.render_clip(truth, play, scene()), frames, progress)
    for name in ("source.mp4", "target.mp4", "truth.mp4"):
        provenance.sign(files[name], source=None, model=None, settings={"synthetic actor": True})
    _faces(out / "faces" / "source", files["source.mp4"], progress)
    if train_minutes is None:
        shutil.copyfile(demo_model(), files["model.onnx"])
    else:
        _train(out, files, train_minutes, progress)
    report = render(files["target.mp4"], files["swapped.mp4"], model=files["model.onnx"], progress=progress)
    before, after, sheet = _compare(files["target.mp4"], files["swapped.mp4"], files["truth.mp4"])
    files["before_after.png"] = out / "before_after.png"
    video.save_picture(files["before_after.png"], sheet)
    _sign_sheet(files)
    return DemoReport({k: str(v) for k, v in files.items()}, before, after, report.as_dict())


def _clip(
    path: Path, pictures: Iterator[NDArray[np.uint8]], frames: int, progress: ProgressCallback | None
) -> None:
    def counted() -> Iterator[NDArray[np.uint8]]:
        for done, picture in enumerate(pictures, 1):
            yield picture
            if progress:
                progress(Progress(path.name, done, frames))

    video.write_video(path, counted(), fps=FPS)


def _faces(out: Path, clip: Path, progress: ProgressCallback | None) -> None:
    from fastswap.training.extract import extract

    shutil.rmtree(out, ignore_errors=True)
    out.parent.mkdir(exist_ok=True)
    extract([clip], out, progress=progress)


def _train(out: Path, files: dict[str, Path], minutes: float, progress: ProgressCallback | None) -> None:
    from fastswap.training import train

    practice = out / "practice.mp4"
    _clip(practice, footage(TARGET, 250, 2), 250, progress)
    _faces(out / "faces" / "target", practice, progress)
    train(
        out / "faces" / "source",
        out / "faces" / "target",
        files["model.onnx"],
        subject="Anna (synthetic)",
        consent=CONSENT,
        minutes=minutes,
        progress=progress,
    )


def _sign_sheet(files: dict[str, Path]) -> None:
    contract = load_contract(files["model.onnx"])
    record = provenance.ModelRecord(
        name="model.onnx",
        sha256=model_hash(files["model.onnx"]),
        subject=contract.subject,
        consent=contract.consent,
    )
    provenance.sign(
        files["before_after.png"], source=files["swapped.mp4"], model=record, settings={"demo": True}
    )


def _compare(before: Path, after: Path, truth: Path) -> tuple[Closeness, Closeness, NDArray[np.uint8]]:
    rows: list[NDArray[np.uint8]] = []
    found: tuple[list[Closeness], list[Closeness]] = ([], [])
    with video.Reader(before) as b, video.Reader(after) as a, video.Reader(truth) as t:
        trackers = Tracker(), Tracker(), Tracker()
        shown = _shown(t.info.frames or 1)
        for frames in zip(b, a, t, strict=True):
            faces = [_face(tracker, frame) for tracker, frame in zip(trackers, frames, strict=True)]
            pictures = [video.rgb_from_frame(frame) for frame in frames]
            if all(faces):
                for k in (0, 1):
                    found[k].append(_closeness(pictures[k], pictures[2], faces[k], faces[2]))  # type: ignore[arg-type]
            if frames[0].index in shown:
                rows.append(np.concatenate(pictures, axis=1))
    return _mean(found[0]), _mean(found[1]), np.concatenate(rows)


def _shown(frames: int) -> set[int]:
    return {int((i + 0.5) * frames / SHEET_FRAMES) for i in range(SHEET_FRAMES)}


def _face(tracker: Tracker, frame: Frame) -> Face | None:
    faces = tracker.update(frame).faces
    return max(faces, key=lambda face: face.area) if faces else None


def _closeness(
    picture: NDArray[np.uint8], truth: NDArray[np.uint8], face: Face, true_face: Face
) -> Closeness:
    inside = _inside(align.outline(true_face.landmarks), truth.shape[:2])
    return Closeness(
        metrics.psnr(picture, truth, inside),
        metrics.ssim(picture, truth, inside),
        metrics.landmark_error(face.landmarks, true_face.landmarks),
    )


def _inside(outline: NDArray[np.float32], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Pixels whose centre lies in the polygon [K, 2], by the even-odd rule."""
    y, x = np.mgrid[: shape[0], : shape[1]] + 0.5
    inside = np.zeros(shape, bool)
    for (x0, y0), (x1, y1) in zip(outline, np.roll(outline, -1, axis=0), strict=True):
        if y0 != y1:
            inside ^= ((y0 <= y) != (y1 <= y)) & (x < x0 + (y - y0) * (x1 - x0) / (y1 - y0))
    return inside


def _mean(values: list[Closeness]) -> Closeness:
    pick: Callable[[str], float] = lambda name: float(np.mean([getattr(v, name) for v in values]))  # noqa: E731
    return Closeness(pick("psnr"), pick("ssim"), pick("landmarks"))
