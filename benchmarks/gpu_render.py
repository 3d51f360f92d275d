"""Renders a clip of a synthetic actor on the GPU and on the CPU: gpu_render.py OUT.

Leaves gpu.mp4, cpu.mp4, render.json (both reports and how far the frames are apart) and render.png: input, CPU, GPU and
eight times their difference, for three frames.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

import fastswap
from fastswap import video
from fastswap.bench.render import make_clip
from fastswap.demo import demo_model
from fastswap.device import open_device

FRAMES = 96
SHOWN = (8, 48, 88)


def main(out: Path) -> None:
    """Renders, compares and writes."""
    open_device("cuda:0").close()  # which says at once why there is none
    clip = out / "clip.mp4"
    make_clip(clip, FRAMES)
    reports: dict[str, Any] = {}
    for name, device in (("gpu", "cuda:0"), ("cpu", "cpu")):
        report = fastswap.render(
            clip, out / f"{name}.mp4", model=demo_model(), device=device, analysis=out / "clip.faces"
        )
        reports[name] = report.as_dict()
    pictures = {name: read(out / f"{name}.mp4") for name in ("clip", "cpu", "gpu")}
    apart = [np.abs(a - b) for a, b in zip(pictures["cpu"], pictures["gpu"], strict=True)]
    reports["difference"] = {
        "mean_code": float(np.mean([d.mean() for d in apart])),
        "max_code": float(np.max([d.max() for d in apart])),
    }
    sheet(out / "render.png", pictures, apart)
    (out / "render.json").write_text(json.dumps(reports, indent=2, default=str) + "\n")


def read(path: Path) -> list[Any]:
    """All frames, R'G'B' as whole numbers [H, W, 3]."""
    with video.Reader(path) as reader:
        return [video.rgb_from_frame(frame).astype(np.int16) for frame in reader]


def sheet(path: Path, pictures: dict[str, list[Any]], apart: list[Any]) -> None:
    """A row for each shown frame."""
    rows = [
        np.hstack([*(pictures[name][n] for name in ("clip", "cpu", "gpu")), np.minimum(8 * apart[n], 255)])
        for n in SHOWN
        if n < len(apart)
    ]
    video.save_picture(path, np.vstack(rows).astype(np.uint8))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
