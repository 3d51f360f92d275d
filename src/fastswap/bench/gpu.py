"""The CUDA kernels against the CPU's, on the same pixels: `fastswap bench gpu`.

For now that is the crop, pixels on the card already: it is what the module offers so far.
"""

from __future__ import annotations

import importlib
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from fastswap import _cpu, video
from fastswap.errors import DeviceError
from fastswap.ops import picture_of

SIZE, CROP = (1920, 1080), 256
BATCHES = (1, 8, 32)


def run(*, repeat: int = 30) -> dict[str, Any]:
    """Milliseconds of each batch on both processors, and their ratio. Raises DeviceError without a usable GPU."""
    try:
        cuda = importlib.import_module("fastswap._cuda")
    except ImportError as error:
        raise DeviceError("this build has no CUDA module: nvcc was not found when it was built") from error
    if cuda.device_count() == 0:
        raise DeviceError("there is no usable NVIDIA GPU or driver")
    cases = {f"crop_{batch}": _crop(cuda, batch, repeat) for batch in BATCHES}
    return {"device": cuda.device_name(0), "cases": cases}


def _crop(cuda: Any, batch: int, repeat: int) -> dict[str, float]:
    rng = np.random.default_rng(batch)
    rgb = rng.integers(0, 256, (SIZE[1], SIZE[0], 3), np.uint8)
    frame = video.frame_from_rgb(rgb)
    picture = picture_of(frame)
    place = rng.uniform(200, 600, (batch, 2))
    maps = np.array([[[1.3, 0.1, x], [-0.1, 1.3, y]] for x, y in place])
    other = np.empty((batch, 3, CROP, CROP), np.float32)
    stream = cuda.Stream()
    planes = [cuda.Array.empty(plane.shape, plane.dtype.str) for plane in frame.planes]
    for there, here in zip(planes, frame.planes, strict=True):
        there.upload(np.ascontiguousarray(here), stream)
    out = cuda.Array.empty(other.shape, "<f4")

    def on_gpu() -> None:
        cuda.crop([(*planes, *picture[3:])] * batch, maps, out, "replicate", stream)
        stream.synchronize()

    gpu = _median_ms(on_gpu, repeat)
    cpu = _median_ms(lambda: _cpu.crop([picture] * batch, maps, other, "replicate"), repeat)
    difference = float(np.abs(out.download(stream) - other).max())
    return {"gpu_ms": gpu, "cpu_ms": cpu, "ratio": cpu / gpu, "difference": difference}


def _median_ms(work: Callable[[], Any], repeat: int) -> float:
    times = []
    for _ in range(repeat + 3):  # three for warm-up
        begin = time.perf_counter()
        work()
        times.append(time.perf_counter() - begin)
    return statistics.median(times[3:]) * 1e3


def print_table(result: dict[str, Any], console: Console) -> None:
    """Prints `run`'s result."""
    table = Table(title=result["device"], title_justify="left")
    for column in ("case", "GPU ms", "CPU ms", "ratio", "largest difference"):
        table.add_column(column)
    for name, case in result["cases"].items():
        ms = [f"{case[key]:.3f}" for key in ("gpu_ms", "cpu_ms", "ratio")]
        table.add_row(name, *ms, f"{case['difference']:.2g}")
    console.print(table)


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(json.dumps(run(), indent=2) + "\n")
