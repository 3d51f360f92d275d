"""The `.faces` file: a stored analysis that a later render reuses and a person can read and edit.

Text, one JSON object a line. The first line is the header: format version, name and content hash of the
input, and the settings of the analysis. Then comes one line a frame:

    {"index": 0, "pts": 0, "time": 0.0, "cut": true, "doubted": 0, "faces": [{"track": 0, "score": 0.99,
     "box": [612.5, 180.0, 804.1, 420.8], "landmarks": "eJwtl..."}]}

and last `{"frames": 250}`. Landmarks are base64 of zlib of little-endian int16 (int32 where a value needs
it), all x, then all y, then all z, in units of `LANDMARK_STEP` display pixels. The box is there for people;
it is not read back. Deleting a face or a whole frame line takes the face or all faces out of the render, and
tracks may be renumbered.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import os
import zlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, TextIO

import numpy as np
from numpy.typing import NDArray

from fastswap.errors import InputError, OutputError
from fastswap.faces import LANDMARK_STEP, MESH_POINTS, Face, FrameFaces

FORMAT: Final = 1


@dataclass(frozen=True, slots=True)
class Header:
    """What a sidecar belongs to: the input's name and content hash, and the settings of the analysis."""

    input: str
    content: str
    settings: Mapping[str, Any]


def read_header(path: Path) -> Header:
    """The header of a sidecar. Raises InputError when the file is not one or cannot be read."""
    _, line = next(_lines(path), (0, {}))
    version = line.get("fastswap_faces")
    if version is None:
        raise InputError(f"{path}: not a fastswap analysis file")
    if version != FORMAT:
        raise InputError(f"{path}: has format {version}, this fastswap reads format {FORMAT}")
    name, content, settings = (line.get(key) for key in ("input", "content", "settings"))
    if not (isinstance(name, str) and isinstance(content, str) and isinstance(settings, dict)):
        raise InputError(f"{path}: line 1 is damaged (no input, content or settings)")
    return Header(name, content, settings)


def read(path: Path) -> Iterator[FrameFaces]:
    """The frames of a sidecar in order, without holding them; frames whose line was deleted come without
    faces.

    Raises InputError, naming the line, where the file is damaged or cut short.
    """
    read_header(path)
    lines = _lines(path)
    next(lines)
    expected, time = 0, 0.0
    for number, line in lines:
        if "index" not in line and isinstance(line.get("frames"), int):
            yield from _empty(expected, line["frames"], time)
            return
        frame = _frame(line, path, number)
        if frame.index < expected:
            raise InputError(f"{path}: line {number} is damaged (frame {frame.index} is out of order)")
        yield from _empty(expected, frame.index, time)
        yield frame
        expected, time = frame.index + 1, frame.time
    raise InputError(f"{path}: the end of the file is missing")


def _empty(start: int, end: int, time: float) -> Iterator[FrameFaces]:
    return (FrameFaces(index, None, time) for index in range(start, end))


def _lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Number and content of each line that is not blank."""
    try:
        with path.open(encoding="utf-8") as file:
            for number, text in enumerate(file, 1):
                if not text.strip():
                    continue
                line = json.loads(text)
                if not isinstance(line, dict):
                    raise ValueError("not an object")
                yield number, line
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not a fastswap analysis file (it is not text)") from error
    except ValueError as error:
        raise InputError(f"{path}: line {number} is damaged (not JSON)") from error


def _frame(line: dict[str, Any], path: Path, number: int) -> FrameFaces:
    try:
        faces = tuple(_face(face) for face in line.get("faces", []))
        pts = line.get("pts")
        return FrameFaces(
            index=int(line["index"]),
            pts=None if pts is None else int(pts),
            time=_finite(line["time"]),
            cut=bool(line.get("cut", False)),
            faces=faces,
            doubted=int(line.get("doubted", 0)),
        )
    except KeyError as error:
        raise InputError(f"{path}: line {number} is damaged ({error} is missing)") from error
    except (ValueError, TypeError, AttributeError, binascii.Error, zlib.error) as error:
        raise InputError(f"{path}: line {number} is damaged ({error})") from error


def _face(face: dict[str, Any]) -> Face:
    return Face(int(face["track"]), _finite(face["score"]), _unpack(face["landmarks"]))


def _finite(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"{value} is not a number")
    return number


def _pack(landmarks: NDArray[np.float32]) -> str:
    steps = np.rint(landmarks.T.astype(np.float64) / LANDMARK_STEP)
    kind = "<i2" if np.abs(steps).max() < 2**15 else "<i4"
    return base64.b64encode(zlib.compress(steps.astype(kind).tobytes(), 1)).decode("ascii")


def _unpack(text: str) -> NDArray[np.float32]:
    data = zlib.decompress(base64.b64decode(text, validate=True))
    count = 3 * MESH_POINTS
    if len(data) not in (2 * count, 4 * count):
        raise ValueError("landmarks are not 468 points")
    steps = np.frombuffer(data, "<i2" if len(data) == 2 * count else "<i4").reshape(3, MESH_POINTS)
    return np.ascontiguousarray((steps.T * LANDMARK_STEP).astype(np.float32))


class Writer:
    """Writes a sidecar frame by frame; it appears under its name when complete, and only then.

    Use it in a `with` block: leaving it by an exception leaves nothing behind, and so does leaving it before
    the last frame unless `close` was called. Raises OutputError when the file cannot be written.
    """

    def __init__(self, path: Path, header: Header) -> None:
        self.path = path
        self._partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
        self._frames = 0
        self._file: TextIO | None = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._partial.open("w", encoding="utf-8", newline="\n")
        except OSError as error:
            raise self._failure(error) from error
        self._put({"fastswap_faces": FORMAT, **asdict(header)})

    def __enter__(self) -> Writer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.discard()

    def write(self, frame: FrameFaces) -> None:
        """Adds the next frame."""
        faces = [
            {
                "track": face.track,
                "score": face.score,
                "box": [round(v, 1) for v in face.box],
                "landmarks": _pack(face.landmarks),
            }
            for face in frame.faces
        ]
        facts = {"index": frame.index, "pts": frame.pts, "time": frame.time, "cut": frame.cut}
        self._put({**facts, "doubted": frame.doubted, "faces": faces})
        self._frames = frame.index + 1

    def close(self) -> None:
        """Completes the file and puts it in its place. Calling it again does nothing."""
        if self._file is None:
            return
        self._put({"frames": self._frames})
        try:
            self._file.flush()
            os.fsync(self._file.fileno())  # a name without its content must not survive a power failure
            self._file.close()
            self._partial.replace(self.path)
        except OSError as error:
            raise self._failure(error) from error
        self._file = None

    def discard(self) -> None:
        """Gives the file up; nothing is left behind."""
        if self._file is not None:
            file, self._file = self._file, None
            with suppress(OSError):  # a full disk, noticed by the last flush
                file.close()
            self._partial.unlink(missing_ok=True)

    def _put(self, line: dict[str, Any]) -> None:
        if self._file is None:
            raise OutputError(f"{self.path}: is closed")
        try:
            self._file.write(json.dumps(line, ensure_ascii=False) + "\n")
        except OSError as error:
            raise self._failure(error) from error

    def _failure(self, error: OSError) -> OutputError:
        self.discard()
        return OutputError(f"{self.path}: the analysis cannot be written: {error.strerror or error}")
