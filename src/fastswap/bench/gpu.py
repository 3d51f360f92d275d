"""`fastswap bench gpu`: kernels, generator and render on an NVIDIA GPU, each beside what the device can do at most."""

from __future__ import annotations

import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

LIMITS = {
    "crop_composite_us": 6.0,
    "poisson_us": 30.0,
    "feather_codes": 1.0,
    "poisson_codes": 2.0,
    "network_of_limit": 1.5,
    "network_of_eager": 3.0,
    "composite_of_decode": 0.9,
    "composite_fps": 700.0,
    "composite_cpu_ms": 2.0,
}
"""What is to be reached on an H200: at most, but for those of `AT_LEAST`."""
AT_LEAST = ("network_of_eager", "composite_of_decode", "composite_fps")


def run(
    *,
    device: int = 0,
    batch: int = 32,
    repeat: int = 30,
    model: Path | None = None,
    clip: Path | None = None,
    parts: tuple[str, ...] = ("kernels", "network", "render"),
) -> dict[str, Any]:
    """Each part's figures by name, and "reached": whether the limits are kept. A part that fails is told in words.

    model: default an untrained generator of 128 px for "network", which the limits are for, the demo's for "render".
    Raises DeviceError, which says why, without a usable GPU.
    """
    from fastswap.bench import gpu_kernels
    from fastswap.demo import demo_model
    from fastswap.device.choice import gpu_count, native_module

    native = native_module()
    gpu_count(native)
    result: dict[str, Any] = {"device": native.device_name(device)}
    works = {
        "kernels": lambda: gpu_kernels.run(native, batch=batch, repeat=repeat),
        "network": lambda: _network(device, model, batch, repeat),
        "render": lambda: _render(device, model or demo_model(), clip),
    }
    for name in parts:
        try:
            result[name] = works[name]()
        except Exception as error:  # one part's failure must not hide the others' figures
            result[name] = {"failed": f"{type(error).__name__}: {error}"}
    result["reached"] = reached(result)
    return result


def _network(device: int, model: Path | None, batch: int, repeat: int) -> dict[str, Any]:
    from fastswap.bench import gpu_network
    from fastswap.bench.untrained import untrained
    from fastswap.device.choice import Wish, open_gpu

    runtime = open_gpu(Wish("cuda", device), [])
    assert runtime is not None
    with tempfile.TemporaryDirectory() as folder, closing(runtime):
        model = model or untrained("medium", Path(folder) / "medium.onnx")
        return gpu_network.run(runtime, model, batch=batch, repeat=repeat)


def _render(device: int, model: Path, clip: Path | None) -> dict[str, Any]:
    from fastswap.bench import gpu_render

    return gpu_render.run(model, device=f"cuda:{device}", clip=clip)


def reached(result: dict[str, Any]) -> dict[str, Any]:
    """By limit: the measured value, the limit and whether it is kept; those that were not measured are left out."""
    kernels, network = result.get("kernels", {}), result.get("network", {})
    frames = result.get("render", {})
    times, apart = kernels.get("kernels", {}), kernels.get("difference", {})
    measured = {
        "crop_composite_us": times.get("crop_composite", {}).get("us_per_face"),
        "poisson_us": times.get("poisson", {}).get("us_per_face"),
        "feather_codes": apart.get("feather"),
        "poisson_codes": apart.get("poisson"),
        "network_of_limit": network.get("of_limit"),
        "network_of_eager": network.get("of_eager"),
        "composite_of_decode": frames.get("of_decode"),
        "composite_fps": frames.get("together", {}).get("fps"),
        "composite_cpu_ms": frames.get("composite", {}).get("cpu_ms"),
    }
    out = {}
    for name, value in measured.items():
        if value is not None:
            limit = LIMITS[name]
            kept = value >= limit if name in AT_LEAST else value <= limit
            out[name] = {"value": value, "limit": limit, "kept": kept}
    return out


def print_table(result: dict[str, Any], console: Console) -> None:
    """`run`'s result, for people."""
    kernels = result.get("kernels", {})
    if "kernels" in kernels:
        title = f"{result['device']}, {kernels['batch']} faces, copies at {kernels['copy_gb_s']:.0f} GB/s"
        table = Table(title=title, title_justify="left")
        for heading in ("operation", "µs a face", "GB/s", "of a copy"):
            table.add_column(heading, justify="left" if heading == "operation" else "right")
        for name, row in kernels["kernels"].items():
            table.add_row(name, f"{row['us_per_face']:.2f}", f"{row['gb_s']:.0f}", f"{row['of_copy']:.2f}")
        console.print(table)
    for name in ("kernels", "network", "render"):
        if "failed" in result.get(name, {}):
            console.print(f"{name}: {result[name]['failed']}")
    network = result.get("network", {})
    for engine, time in network.get("engines", {}).items():
        shown = f"{time:.2f} ms for {network['batch']} faces" if isinstance(time, float) else time
        console.print(f"generator, {engine}: {shown}")
    if "eager_ms" in network:
        console.print(f"generator, eager torch: {network['eager_ms']}; limit {network.get('limit_ms')} ms")
    for name in ("decode", "composite", "together", "render"):
        if name in result.get("render", {}):
            row = result["render"][name]
            console.print(f"{name}: {row['fps']:.0f} frames/s, {row['cpu_ms']:.2f} ms of CPU time a frame")
    for name, row in result["reached"].items():
        console.print(
            f"{'kept  ' if row['kept'] else 'MISSED'} {name}: {row['value']:.2f} (limit {row['limit']})"
        )
