"""Builds TensorRT engines ahead of the first render: `fastswap compile`."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fastswap.device import GPU_BATCH
from fastswap.device.choice import Wish, open_gpu, parse
from fastswap.device.faces import face_jobs
from fastswap.device.swap import job_of
from fastswap.engines.cache import EngineCache
from fastswap.engines.network import halving
from fastswap.engines.opening import Job, open_tensorrt
from fastswap.engines.precision import PRECISIONS, Precision
from fastswap.errors import DeviceError, SettingsError
from fastswap.model import load_contract
from fastswap.progress import Progress, ProgressCallback

STEPS = 100


def compile_engines(
    models: Sequence[str | Path],
    *,
    device: str = "cuda",
    batch: int = 0,
    precision: str = "f16",
    lean: bool = False,
    faces: bool = True,
    progress: ProgressCallback | None = None,
) -> dict[str, Any]:
    """Builds what renders with these models on this GPU would build, and keeps it in the cache.

    batch: as the renders will have it, 0 for their default. precision: "f16", "bf16" or "f32". lean: engines that any
    TensorRT of the same major version runs, its lean run time too. faces: the detector and the mesh as well.
    Returns {"device", "engines": [{"name", "file", "built", "seconds", "precision", "batch", "notices"}]}.

    Raises DeviceError without a usable GPU or TensorRT, ModelError for a model that TensorRT cannot parse.
    """
    if precision not in PRECISIONS:
        raise SettingsError(f"precision is {precision!r}; choose one of {', '.join(PRECISIONS)}")
    if batch < 0:
        raise SettingsError("batch must not be negative")
    wish = parse(device)
    runtime = open_gpu(Wish("cuda", wish.index) if wish.kind == "auto" else wish, [])
    if runtime is None:
        raise DeviceError("engines are built for a GPU; use --device cuda or cuda:N")
    try:
        jobs = [_generator(Path(model), batch or GPU_BATCH, precision) for model in models]
        jobs += face_jobs() if faces else []
        made = [_compiled(job, runtime, lean, progress) for job in jobs]
        return {"device": f"cuda:{runtime.index} ({runtime.name})", "engines": made}
    finally:
        runtime.close()


def _generator(model: Path, batch: int, precision: Precision) -> Job:
    load_contract(model)
    return job_of(model, batch, precision)


def _compiled(job: Job, runtime: Any, lean: bool, progress: ProgressCallback | None) -> dict[str, Any]:
    begin, cache, notices = time.perf_counter(), EngineCache(), list[str]()

    def step(phase: str, done: float) -> None:
        if progress:
            progress(Progress(f"compile {job.name}", done * STEPS, STEPS, "%", note=phase))

    def opened(batch: int) -> Any:
        return open_tensorrt(job.sized(batch), runtime, cache, step, lean=lean)

    network = halving(job.batch, opened, notices, job.name, runtime.trim)
    try:
        notices += network.notices
        return {
            "name": job.name,
            "file": str(cache.last or ""),
            "built": cache.built,
            "seconds": round(time.perf_counter() - begin, 1),
            "precision": network.precision,
            "batch": network.sizes[-1],
            "notices": notices,
        }
    finally:
        network.close()
