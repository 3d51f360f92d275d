"""How fast presets train, against the same network in a plain eager float32 loop.

Plain means: float32, torch's default layout, an optimiser that goes tensor by tensor, the same network, losses and
data.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

FACES = 32
"""Made-up faces that steps draw from; what they show does not matter here."""


def run(
    presets: Sequence[str] = ("tiny", "small"),
    *,
    batch: int | None = None,
    device: str = "auto",
    threads: int = 0,
    repeat: int = 5,
    compiled: bool = False,
) -> dict[str, Any]:
    """Measures the presets. Returns plain values: "presets" by name, and "ratios" of ours over plain.

    batch: in place of the presets' own. threads: CPU threads, 0 for torch's default; on a machine that does other work
    too, one alone gives steady figures. compiled: also measure with torch.compile, which takes a while to begin.
    """
    import torch

    from fastswap.training.device import pick_device, wants_bf16

    if threads:
        torch.set_num_threads(threads)
    chosen = pick_device(device)
    bf16 = wants_bf16("auto", chosen)
    result: dict[str, Any] = {
        "device": torch.cuda.get_device_name(chosen) if chosen.type == "cuda" else "cpu",
        "threads": torch.get_num_threads(),
        "precision": "bf16" if bf16 else "f32",
        "peak_gflops": round(_peak(chosen, bf16) / 1e9, 1),
        "presets": {},
        "ratios": {},
    }
    for name in presets:
        row = _measure(name, batch, chosen, bf16, repeat, compiled)
        row["peak_share"] = round(row["gflop_per_face"] * row["faces_per_second"] / result["peak_gflops"], 3)
        result["presets"][name] = row
        result["ratios"][name] = row["ratio"]
    return result


def _measure(
    name: str, batch: int | None, device: Any, bf16: bool, repeat: int, compiled: bool
) -> dict[str, Any]:
    ours = _learner(name, batch, device, bf16=bf16)
    plain = _learner(name, batch, device, bf16=False, plain=True)
    faces = 2 * ours.batch
    flops = _flops(ours)
    fast, slow = _alternate([ours.step, plain.step], device, repeat)
    row = {
        "batch": ours.batch,
        "gflop_per_face": round(flops / faces / 1e9, 3),
        "faces_per_second": round(faces / fast, 1),
        "plain_faces_per_second": round(faces / slow, 1),
        "ratio": round(slow / fast, 2),
    }
    if compiled:
        quick = _learner(name, batch, device, bf16=bf16, compiled=True)
        again, built = _alternate([ours.step, quick.step], device, repeat)
        row["compile_ratio"] = round(again / built, 2)
    return row


def _learner(name: str, batch: int | None, device: Any, **options: Any) -> Any:
    from fastswap.training.learner import Learner
    from fastswap.training.presets import find_preset

    preset = find_preset(name)
    faces = made_up_faces(preset.shape.resolution)
    return Learner(
        preset.shape,
        faces,
        faces,
        batch=batch or preset.batch,
        seed=0,
        device=device,
        changes=preset.changes,
        weights=preset.weights,
        watched=preset.watched,
        **options,
    )


def made_up_faces(resolution: int) -> Any:
    """Faces for a network of this resolution; `store.FaceArrays`."""
    from fastswap.training import expression
    from fastswap.training.store import DENSITY, FaceArrays

    rng = np.random.default_rng(0)
    side = round(resolution * 1.3 * DENSITY / 2) * 2
    small = rng.integers(0, 256, (FACES, 5, side // 8 + 1, side // 8 + 1), np.uint8)
    planes = np.ascontiguousarray(small.repeat(8, axis=2).repeat(8, axis=3)[:, :, :side, :side])
    turns = rng.uniform(-30, 30, (FACES, 2)).astype(np.float32)
    shown = rng.normal(size=(FACES, expression.COUNT)).astype(np.float32)
    return FaceArrays((planes,), 1.3, "dfl_whole_face", (), turns, shown)


def _alternate(steps: Sequence[Callable[..., Any]], device: Any, repeat: int) -> list[float]:
    """Seconds of each step, the best of the repeats, taken in turns so that all meet the same disturbances.

    On a CPU these are seconds of its time: other work on the machine does not count.
    """
    best = [float("inf")] * len(steps)
    for step in steps:
        step(1e-4)
        step(1e-4)
    for _ in range(repeat):
        for number, step in enumerate(steps):
            best[number] = min(best[number], _seconds(step, device))
    return best


def _seconds(step: Callable[..., Any], device: Any) -> float:
    import torch

    if device.type == "cuda":
        torch.cuda.synchronize(device)
        begin = time.perf_counter()
        step(1e-4)
        torch.cuda.synchronize(device)
        return time.perf_counter() - begin
    begin = time.process_time()
    step(1e-4)
    return (time.process_time() - begin) / torch.get_num_threads()


def _flops(learner: Any) -> float:
    """Floating-point operations of the products in one step, forward and backward."""
    from torch.utils.flop_counter import FlopCounterMode

    counter = FlopCounterMode(display=False)
    with counter:
        learner.step(1e-4)
    return float(counter.get_total_flops())


def _peak(device: Any, bf16: bool) -> float:
    """What large matrix products reach on the device, floating-point operations a second."""
    import torch

    side = 8192 if device.type == "cuda" else 1536
    kind = torch.bfloat16 if bf16 else torch.float32
    a, b = (torch.rand(side, side, device=device).to(kind) for _ in range(2))

    def product(_: float) -> Any:
        return a @ b

    (best,) = _alternate([product], device, 5)
    return 2.0 * side**3 / best


def print_table(result: dict[str, Any], console: Console) -> None:
    """Prints `run`'s result."""
    table = Table(
        title=f"training, {result['device']}, {result['threads']} threads, {result['precision']}; matrix products "
        f"reach {result['peak_gflops']:.0f} GFLOP/s",
        title_justify="left",
    )
    for column in (
        "preset",
        "batch",
        "faces/s",
        "plain faces/s",
        "times",
        "share of peak",
    ):
        table.add_column(column, justify="left" if column == "preset" else "right")
    for name, row in result["presets"].items():
        table.add_row(
            name,
            str(row["batch"]),
            f"{row['faces_per_second']:.1f}",
            f"{row['plain_faces_per_second']:.1f}",
            f"{row['ratio']:.2f}",
            f"{row['peak_share']:.1%}",
        )
    console.print(table)
