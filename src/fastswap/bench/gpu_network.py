"""The generator on the GPU: each engine at a full batch, beside plain eager torch and beside the rate at which the
device multiplies large matrices in half precision."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fastswap.device.runtime import Runtime
from fastswap.device.swap import job_of
from fastswap.engines.opening import open_network
from fastswap.errors import DeviceError, ModelError
from fastswap.model import load_contract

MATRIX = 8192


def run(runtime: Runtime, model: Path, *, batch: int = 32, repeat: int = 30) -> dict[str, Any]:
    """Milliseconds for a batch of faces of "pixels" a side.

    "engines": by name, or in words why not. "eager_ms": torch in float32, operator by operator. "limit_ms": the
    network's operations at the measured matrix rate. "of_limit" and "of_eager" compare the fastest engine with both.
    """
    engines: dict[str, Any] = {}
    for name in ("tensorrt", "torch"):
        try:
            engines[name] = _engine_ms(runtime, model, name, batch, repeat)
        except (DeviceError, ModelError) as error:
            engines[name] = str(error)
    result: dict[str, Any] = {
        "batch": batch, "pixels": load_contract(model).resolution, "engines": engines,
    }  # fmt: skip
    times = [value for value in engines.values() if isinstance(value, float)]
    try:
        result |= _torch_figures(model, batch, repeat)
    except (ImportError, RuntimeError) as error:
        result["eager_ms"] = f"torch on CUDA: {str(error).splitlines()[0]}"
        return result
    if times:
        result["of_limit"] = min(times) / result["limit_ms"]
        result["of_eager"] = result["eager_ms"] / min(times)
    return result


def _engine_ms(runtime: Runtime, model: Path, engine: Any, batch: int, repeat: int) -> float:
    import numpy as np

    job = job_of(model, batch)
    network = open_network(job, runtime, engine=engine)
    stream, native = runtime.stream(), runtime.native
    try:
        with runtime.current():
            given = network.taken(0, batch)
            noise = np.random.default_rng(0).uniform(0, 1, given.shape).astype(np.float32)
            given.upload(noise, stream.native)
            timer = native.Timer(runtime.index)

            def once() -> float:
                timer.start(stream.native)
                network.run(0, batch, stream)
                timer.stop(stream.native)
                return float(timer.milliseconds())

            return _median(once, repeat)
    finally:
        network.close()


def _torch_figures(model: Path, batch: int, repeat: int) -> dict[str, float]:
    import onnx
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from fastswap.engines.onnx_torch import OnnxModule

    loaded = onnx.load(model)
    sides = [d.dim_value for d in loaded.graph.input[0].type.tensor_type.shape.dim][1:]
    module = OnnxModule(loaded).cuda().eval()
    faces = torch.rand(batch, *sides, device="cuda")
    matrices = [torch.randn(MATRIX, MATRIX, device="cuda", dtype=torch.float16) for _ in range(2)]

    def timed(work: Callable[[], Any]) -> Callable[[], float]:
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]

        def once() -> float:
            begin.record()
            work()
            end.record()
            end.synchronize()
            return float(begin.elapsed_time(end))

        return once

    with torch.inference_mode():
        with FlopCounterMode(display=False) as counter:
            module(faces)
        operations = float(counter.get_total_flops())
        eager = _median(timed(lambda: module(faces)), repeat)
        product = _median(timed(lambda: torch.mm(*matrices)), repeat)
    rate = 2.0 * MATRIX**3 / product  # operations a millisecond
    return {
        "eager_ms": eager,
        "gflop_per_face": operations / batch / 1e9,
        "matrix_tflops": rate / 1e9,
        "limit_ms": operations / rate,
    }


def _median(once: Callable[[], float], repeat: int) -> float:
    for _ in range(5):
        once()
    return statistics.median(once() for _ in range(repeat))
