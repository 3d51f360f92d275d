"""What segments cost against one encoder from the first frame to the last, and what several processes gain."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from fastswap import actors, video
from fastswap.demo import TARGET, demo_model

_CYCLE = 60
_ROUNDS = 3

_RENDER = """
import json, resource, sys, time
from pathlib import Path
import fastswap
from fastswap import pipeline, video
source, output, model, faces, cut, options = sys.argv[1:]
pipeline._sign = lambda *_: {}  # the size is that of the video
if cut == "one":
    video.cut = lambda *_: video.WHOLE
begin = time.perf_counter()
report = fastswap.render(source, output, model=model, analysis=faces, **json.loads(options))
wall = time.perf_counter() - begin
use = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
cpu = sum(each.ru_utime + each.ru_stime for each in use)
print(json.dumps({"wall": wall, "cpu": cpu, "size": Path(output).stat().st_size, "segments": report.segments,
                  "frames": report.frames, "seconds": report.seconds}))
"""


def run(
    *,
    seconds: float = 60.0,
    size: str = "1280x720",
    parallel: int = 2,
    model: Path | None = None,
) -> dict[str, Any]:
    """Renders one clip in one pass and in segments, in turn, and takes the best of three of each.

    Returns plain values. "time" and "size": ratios of segments to one pass (CPU seconds, bytes). "parallel": wall
    seconds by processes.
    """
    width, height = (int(part) for part in size.split("x"))
    with tempfile.TemporaryDirectory() as folder:
        place, chosen = Path(folder), model or demo_model()
        clip = place / "clip.mp4"
        make_clip(clip, (width, height), round(seconds * 30))
        _once(place, clip, chosen, "cut")  # warms the caches; the analysis stays out of what is compared
        once, parts = [], []
        for _ in range(_ROUNDS):
            once.append(_once(place, clip, chosen, "one"))
            parts.append(_once(place, clip, chosen, "cut"))
        best, cut = min(once, key=_cpu), min(parts, key=_cpu)
        result: dict[str, Any] = {
            "frames": cut["frames"],
            "segments": cut["segments"],
            "time": round(cut["cpu"] / best["cpu"], 4),
            "wall": round(min(p["wall"] for p in parts) / min(p["wall"] for p in once), 4),
            "size": round(cut["size"] / best["size"], 4),
            "one pass": _rounded(best),
            "in segments": _rounded(cut),
            "parallel": {
                str(n): _rounded(_once(place, clip, chosen, "cut", parallel=n))
                for n in range(2, parallel + 1)
            },
        }
    return result


def make_clip(path: Path, size: tuple[int, int], frames: int) -> None:
    """Writes a talking actor, forwards and backwards, at 30 frames a second."""
    play = actors.performance("talk", frames=_CYCLE, fps=30.0, seed=11)
    scene = actors.Scene(size=size, face_px=size[1] // 3)
    unique = list(actors.render_clip(TARGET, play, scene))
    cycle = unique + unique[::-1]
    video.write_video(path, (cycle[n % len(cycle)] for n in range(frames)), fps=30)


def _once(place: Path, clip: Path, model: Path, cut: str, **options: Any) -> dict[str, Any]:
    made, faces = place / "made.mp4", place / "clip.faces"
    arguments = [str(clip), str(made), str(model), str(faces), cut, json.dumps(options)]
    done = subprocess.run(
        [sys.executable, "-c", _RENDER, *arguments], check=True, capture_output=True, text=True
    )
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def _cpu(result: dict[str, Any]) -> float:
    return float(result["cpu"])


def _rounded(result: dict[str, Any]) -> dict[str, Any]:
    return {key: round(value, 2) for key, value in result.items() if isinstance(value, (int, float))}
