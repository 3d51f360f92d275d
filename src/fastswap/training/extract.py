"""From footage to a faceset: find the faces, keep the good ones, cut them out upright."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastswap import align, ops, video
from fastswap.detect import Detector, Mesh
from fastswap.errors import InputError, OutputError, SettingsError
from fastswap.faces import Face
from fastswap.frame import Frame
from fastswap.progress import Progress, ProgressCallback
from fastswap.track import Tracker
from fastswap.training.faceset import INDEX, SUFFIX, Entry, Faceset, Header, open_faceset, write_index
from fastswap.training.footage import footage
from fastswap.training.quality import GAUGE, Limits, refuse, sharpness
from fastswap.training.sheet import write_sheet

SIZES = (64, 1024)
_REPORT_S = 0.1
DEFAULT_LIMITS = Limits()


@dataclass(slots=True)
class ExtractReport:
    """The result of `extract`.

    folder: the faceset. faces: pictures added. total: pictures in it now. frames: frames looked at. skipped:
    faces and frames left out, counted by reason. sources: pictures added by source file. sheet: the contact
    sheet.
    """

    folder: str
    faces: int = 0
    total: int = 0
    frames: int = 0
    seconds: float = 0.0
    skipped: Counter[str] = field(default_factory=Counter)
    sources: dict[str, int] = field(default_factory=dict)
    sheet: str = ""
    notices: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """The report as plain JSON values."""
        return asdict(self)


def extract(
    inputs: Sequence[str | Path],
    out: str | Path,
    *,
    size: int = 320,
    template: str = "dfl_whole_face",
    coverage: float = 1.3,
    every: int = 1,
    faces: str = "largest",
    limits: Limits = DEFAULT_LIMITS,
    progress: ProgressCallback | None = None,
) -> ExtractReport:
    """Cuts the faces out of videos, pictures and folders of them, into the faceset `out`.

    size: side of the pictures in pixels. template, coverage: how they are aligned and how much they show; the
    default leaves a margin around what a model sees, so that training can turn and shift it. every: keep
    faces of every n-th frame. faces: "largest" (one per frame), "all", or "track:N". limits: what a face must
    have. An existing faceset is added to; nothing else may stand at `out`.

    Progress: stage "extract", done and total in frames (total None when a file does not tell), value `faces`.

    Raises InputError (an input that cannot be read, no face anywhere), OutputError, SettingsError and
    WeightsError; then nothing was written.
    """
    began = time.monotonic()
    out = Path(out)
    header = _check(size, template, coverage, every, faces)
    existing = _existing(out, header)
    sources, notices = footage([Path(item) for item in inputs], out)
    taken = {entry.file for entry in existing.entries} if existing else set()
    report = ExtractReport(str(out), notices=notices)
    stage = _stage(out)
    try:
        job = _Job(header, every, faces, limits, stage, taken, report, progress)
        entries = [entry for source in sources for entry in job.run(source)]
        if not entries:
            raise InputError(f"{_names(inputs)}: no usable face was found{_reasons(report.skipped)}")
        _publish(stage, out, header, [*(existing.entries if existing else ()), *entries])
    finally:
        shutil.rmtree(stage, ignore_errors=True)
    done = open_faceset(out)
    report.faces, report.total = len(entries), len(done.entries)
    report.notices += done.notices
    report.sheet = str(write_sheet(done))
    report.seconds = round(time.monotonic() - began, 2)
    return report


@dataclass(slots=True)
class _Job:
    """What all inputs of one extraction share."""

    header: Header
    every: int
    choice: str
    limits: Limits
    stage: Path
    taken: set[str]
    report: ExtractReport
    progress: ProgressCallback | None
    models: tuple[Detector, Mesh] = field(default_factory=lambda: (Detector(), Mesh()))
    first_track: int = 0
    found: int = 0
    last_report: float = 0.0

    def run(self, source: Path) -> Iterator[Entry]:
        """The faces of one file, each already written as a picture."""
        tracker = Tracker(models=self.models)
        prefix = self._prefix(source)
        highest = -1
        with video.Reader(source, deinterlace=True) as reader:
            for frame in reader:
                seen = tracker.update(frame)
                highest = max(highest, *(face.track for face in seen.faces), -1)
                self.report.frames += 1
                self._tell(source, reader.info.frames, frame.index + 1)
                if frame.index % self.every:
                    continue
                self.report.skipped.update({"doubtful": seen.doubted} if seen.doubted else {})
                for entry in self._keep(frame, self._chosen(seen.faces), source, prefix):
                    self.found += 1
                    self.report.sources[str(source)] = self.report.sources.get(str(source), 0) + 1
                    yield entry
            self.report.notices += reader.notices
        self.first_track += highest + 1

    def _prefix(self, source: Path) -> str:
        """A start of file names that no picture has yet."""
        stem = "".join(c if c.isalnum() or c in "-_" else "_" for c in source.stem)[:60]
        used = {name.rsplit("_", 2)[0] for name in self.taken}
        prefix, number = stem, 1
        while prefix in used:
            number += 1
            prefix = f"{stem}-{number}"
        self.taken.add(f"{prefix}_0_0")
        return prefix

    def _chosen(self, faces: tuple[Face, ...]) -> list[Face]:
        if not faces:
            self.report.skipped["no face in the frame"] += 1
            return []
        if self.choice == "all":
            return list(faces)
        if self.choice == "largest":
            self.report.skipped.update({"not the largest face": len(faces) - 1} if len(faces) > 1 else {})
            return [max(faces, key=lambda face: face.area)]
        number = int(self.choice.removeprefix("track:"))
        return [face for face in faces if face.track + self.first_track == number]

    def _keep(self, frame: Frame, faces: list[Face], source: Path, prefix: str) -> Iterator[Entry]:
        for face in faces:
            pose = align.pose(face.landmarks)
            reason = refuse(face, pose, frame.display_size, self.limits)
            sharp = 0.0 if reason else sharpness(self._cut(frame, face, GAUGE)[0])
            if reason is None and sharp < self.limits.sharpness:
                reason = "blurred"
            if reason:
                self.report.skipped[reason] += 1
                continue
            file = f"{prefix}_{frame.index:06d}_{face.track + self.first_track}{SUFFIX}"
            crop, transform = self._cut(frame, face, self.header.size)
            video.save_picture(self.stage / file, _picture(crop))
            yield self._entry(
                frame, face, source=source, file=file, pose=pose, sharp=sharp, transform=transform
            )

    def _cut(self, frame: Frame, face: Face, size: int) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
        points = align.five_points(face.landmarks)
        transform = align.crop_to_display(points, self.header.template, self.header.coverage, size)
        return ops.crop([frame], align.compose(frame.to_coded, transform)[None], size)[0], transform

    def _entry(
        self,
        frame: Frame,
        face: Face,
        *,
        source: Path,
        file: str,
        pose: tuple[float, float, float],
        sharp: float,
        transform: NDArray[np.float64],
    ) -> Entry:
        points = face.landmarks.astype(np.float64)
        scale = float(np.hypot(transform[0, 0], transform[1, 0]))
        flat = align.apply(align.invert(transform), points[:, :2])
        placed = np.column_stack((flat, points[:, 2] / scale))
        return Entry(
            file=file,
            source=source.name,
            index=frame.index,
            time=round(frame.time, 6),
            pts=frame.pts,
            track=face.track + self.first_track,
            score=round(face.score, 4),
            sharpness=round(sharp, 4),
            yaw=round(pose[0], 1),
            pitch=round(pose[1], 1),
            roll=round(pose[2], 1),
            box=face.box,
            transform=[[round(value, 6) for value in row] for row in transform.tolist()],
            landmarks=[[round(value, 2) for value in row] for row in placed.tolist()],
        )

    def _tell(self, source: Path, total: int | None, done: int) -> None:
        now = time.monotonic()
        if self.progress and now - self.last_report >= _REPORT_S:
            self.last_report = now
            values = {"faces": float(self.found)}
            self.progress(Progress("extract", done, total, values=values, note=source.name))


def _check(size: int, template: str, coverage: float, every: int, faces: str) -> Header:
    if not SIZES[0] <= size <= SIZES[1]:
        raise SettingsError(f"extract: --size is {size}; it must lie in {SIZES[0]}..{SIZES[1]}")
    if template not in align.TEMPLATES:
        raise SettingsError(f"extract: template is {template!r}; choose one of {', '.join(align.TEMPLATES)}")
    if not 0.5 <= coverage <= 4.0:
        raise SettingsError(f"extract: coverage is {coverage}; it must lie in 0.5..4")
    if every < 1:
        raise SettingsError(f"extract: --every is {every}; it must be at least 1")
    number = faces.removeprefix("track:")
    if faces not in ("largest", "all") and not (faces.startswith("track:") and number.isdecimal()):
        raise SettingsError(f"extract: --faces is {faces!r}; choose largest, all or track:N")
    return Header(size, template, coverage)


def _existing(out: Path, header: Header) -> Faceset | None:
    """The faceset that is added to, None when there is none yet."""
    if out.exists() and not out.is_dir():
        raise OutputError(f"{out}: is a file; a faceset is a folder")
    if not out.parent.is_dir():
        raise OutputError(f"{out}: the folder {out.parent} does not exist")
    if not out.exists() or not any(out.iterdir()):
        return None
    if not (out / INDEX).exists():
        raise OutputError(f"{out}: this folder exists, is not empty and is no faceset")
    faceset = open_faceset(out)
    if faceset.header != header:
        raise SettingsError(
            f"{out}: holds pictures of another size, template or coverage; choose another folder"
        )
    return faceset


def _stage(out: Path) -> Path:
    try:
        return Path(tempfile.mkdtemp(prefix=f".{out.name[:80]}.", suffix=".partial", dir=out.parent))
    except OSError as error:
        raise OutputError(f"{out}: cannot write in {out.parent} ({error.strerror})") from None


def _publish(stage: Path, out: Path, header: Header, entries: list[Entry]) -> None:
    """Moves the finished pictures to their place. The index comes last: until then nothing refers to them."""
    write_index(stage / INDEX, header, entries)
    try:
        out.mkdir(exist_ok=True)
        for path in sorted(stage.iterdir(), key=lambda path: path.name == INDEX):
            path.replace(out / path.name)
    except OSError as error:
        raise OutputError(f"{out}: cannot write the faceset ({error.strerror})") from None


def _picture(crop: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.ascontiguousarray((crop.clip(0.0, 1.0) * 255.0 + 0.5).astype(np.uint8).transpose(1, 2, 0))


def _names(inputs: Sequence[str | Path]) -> str:
    return ", ".join(str(item) for item in inputs[:3]) + (", ..." if len(inputs) > 3 else "")


def _reasons(skipped: Counter[str]) -> str:
    return (
        f" ({', '.join(f'{reason}: {count}' for reason, count in skipped.most_common())})" if skipped else ""
    )
