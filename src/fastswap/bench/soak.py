"""A long render whose memory is watched: through a pipe, or of a file in segments."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fastswap import actors, video
from fastswap.demo import TARGET, demo_model
from fastswap.frame import Frame
from fastswap.video import frame_from_rgb

Way = Literal["pipe", "file"]
SIZE, FPS, FACE_PX = (640, 360), 25, 130
_CYCLE = 50
_SAMPLE_S = 2.0


def run(*, minutes: float = 30.0, way: Way = "pipe", model: Path | None = None) -> dict[str, Any]:
    """Renders this much synthetic video in a process of its own; its resident memory over time, MiB.

    "settled" is the highest of the second tenth of the run, "end" that of the last tenth, "growth" the difference.
    """
    frames = round(minutes * 60 * FPS)
    with tempfile.TemporaryDirectory() as folder:
        begin = time.perf_counter()
        chosen = str(model or demo_model())
        samples = (_pipe if way == "pipe" else _file)(Path(folder), frames, chosen)
        wall = time.perf_counter() - begin
    tenth = max(1, len(samples) // 10)
    settled, end = max(samples[tenth : 2 * tenth] or samples), max(samples[-tenth:])
    return {
        "way": way, "minutes": minutes, "frames": frames, "wall": round(wall, 1), "samples": len(samples),
        "settled": settled, "peak": max(samples), "end": end, "growth": round(end - settled, 1),
        "series": samples[:: max(1, len(samples) // 40)],
    }  # fmt: skip


def _pictures() -> list[NDArray[np.uint8]]:
    play = actors.performance("talk", frames=_CYCLE, fps=FPS, seed=3)
    some = list(actors.render_clip(TARGET, play, actors.Scene(size=SIZE, face_px=FACE_PX)))
    return some + some[::-1]


def _pipe(folder: Path, frames: int, model: str) -> list[float]:
    command = [sys.executable, "-m", "fastswap", "render", "-", "-", "-m", model, "-q"]
    with (folder / "err").open("wb") as err:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=err, cwd=folder
        )
        feeder = threading.Thread(target=_feed, args=(process, frames), daemon=True)
        feeder.start()
        samples = list(_watch(process))
    if process.returncode:
        raise RuntimeError((folder / "err").read_text())
    return samples


def _feed(process: subprocess.Popen[bytes], frames: int) -> None:
    """Writes y4m: a header, then the planes of each picture."""
    pipe = process.stdin
    assert pipe is not None
    packed = [_planes(frame_from_rgb(rgb)) for rgb in _pictures()]
    try:
        pipe.write(f"YUV4MPEG2 W{SIZE[0]} H{SIZE[1]} F{FPS}:1 Ip A1:1 C420mpeg2\n".encode())
        for number in range(frames):
            pipe.write(b"FRAME\n" + packed[number % len(packed)])
        pipe.close()
    except BrokenPipeError:
        return


def _planes(frame: Frame) -> bytes:
    return b"".join(plane.tobytes() for plane in frame.planes)


def _file(folder: Path, frames: int, model: str) -> list[float]:
    clip, pictures = folder / "clip.mp4", _pictures()
    options = {"preset": "ultrafast", "g": "50"}
    video.write_video(clip, (pictures[n % len(pictures)] for n in range(frames)), FPS, options=options)
    made = str(folder / "out.mp4")
    command = [sys.executable, "-m", "fastswap", "render", str(clip), made, "-m", model, "-q", "--json"]
    process = subprocess.Popen([*command, "-o", "preset=ultrafast"], stdout=subprocess.DEVNULL)
    samples = list(_watch(process))
    if process.returncode:
        raise RuntimeError(f"the render ended with exit code {process.returncode}")
    return samples


def _watch(process: subprocess.Popen[bytes]) -> Iterator[float]:
    status = Path(f"/proc/{process.pid}/status")
    while process.poll() is None:
        if found := re.search(r"VmRSS:\s+(\d+)", status.read_text()):
            yield round(int(found[1]) / 1024, 1)
        time.sleep(_SAMPLE_S)
