"""How much memory presets take to train: each in a process of its own, which may fail without harm."""

from __future__ import annotations

import json
import resource
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from fastswap.errors import TrainingError
from fastswap.training import require_torch

_MEASURE = (
    "import json, sys; from fastswap.bench import train_memory; "
    "print(json.dumps(train_memory.measure(*json.loads(sys.argv[1]))))"
)
_LACKING = ("memory", "bad_alloc", "resource temporarily unavailable", "failed to map")
"""What Python, C++ and the system say when they are refused memory, the last two for a thread's stack and a library."""
SHARE = 0.95
"""Of a CPU's memory that is free, what a process may take; the rest is for everybody else."""


def run(
    presets: Sequence[str] = ("tiny", "small"),
    *,
    batch: int | None = None,
    device: str = "auto",
    threads: int = 0,
    most: int | None = None,
) -> dict[str, Any]:
    """Peak memory of the presets as plain values: "presets" by name, each with "batch" and "peak_memory" in bytes. Of a
    preset that does not fit it is None, and "note" says so. most: bytes that each may take on a CPU, by
    default `SHARE` of what is free.

    The others are as in `fastswap.bench.train.run`.
    """
    require_torch()
    from fastswap.training.presets import find_preset

    rows: dict[str, Any] = {}
    for name in presets:
        rows[name] = {
            "batch": batch or find_preset(name).batch,
            **_in_a_process(name, batch, device, threads, most),
        }
    return {"presets": rows}


def _in_a_process(*arguments: Any) -> dict[str, Any]:
    name, command = arguments[0], [sys.executable, "-c", _MEASURE, json.dumps(arguments)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode == 0:
        return dict(json.loads(done.stdout.splitlines()[-1]))
    last = (done.stderr.strip().splitlines() or ["no message"])[-1]
    if done.returncode > 0 and not any(word in last.lower() for word in _LACKING):
        raise TrainingError(f"bench train: preset {name} did not run ({last})")
    # Killed by the system, or crashed: a library that is refused memory need not say so.
    why = signal.Signals(-done.returncode).name if done.returncode < 0 else last.partition(":")[0]
    return {"peak_memory": None, "note": f"{name} does not fit into the memory that is free ({why})"}


def measure(name: str, batch: int | None, device: str, threads: int, most: int | None) -> dict[str, Any]:
    """Peak bytes of this process: resident on a CPU, allocated on a GPU. Raises MemoryError when there is too little.

    The first steps, with the critic where the preset has one; then the export.
    """
    import torch

    from fastswap.bench.train import made_up_faces
    from fastswap.training import memory, ram
    from fastswap.training.device import pick_device
    from fastswap.training.making import make_learner
    from fastswap.training.settings import TrainSettings

    chosen = pick_device(device)
    if threads:
        torch.set_num_threads(threads)
    most = most or int(SHARE * (ram.available() or 0))
    if chosen.type == "cpu" and most:
        _stay_within(most)
    settings = TrainSettings("nobody", "made-up faces", preset=name, batch=batch)
    faces = made_up_faces(settings.size.shape.resolution)
    try:
        learner = make_learner(faces, faces, settings, chosen)
        ram.first_steps(learner)
        learner.finish()
        _export(learner, settings.size.shape.resolution)
    except RuntimeError as error:
        if memory.lacks_memory(error):
            raise MemoryError(str(error)) from None
        raise
    if chosen.type == "cuda":
        return {"peak_memory": torch.cuda.max_memory_allocated(chosen)}
    return {"peak_memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}


def _stay_within(most: int) -> None:
    """This process is the one that fails when it takes more, and no other."""
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", "ascii")


def _export(learner: Any, resolution: int) -> None:
    from fastswap.model import Contract
    from fastswap.training.device import to_numpy
    from fastswap.training.export import export

    contract = Contract(
        resolution=resolution,
        subject="nobody",
        consent="made-up faces",
        template="dfl_whole_face",
        coverage=1.0,
        training={},
        created="",
    )
    with tempfile.TemporaryDirectory(prefix="fastswap-bench-") as folder:
        export(
            learner.averaged(), contract, Path(folder) / "m.onnx", to_numpy(learner.stills("target", 8).face)
        )


def print_table(result: dict[str, Any], console: Console) -> None:
    """Prints `run`'s result."""
    table = Table(title="peak memory of a training", title_justify="left")
    for column in ("preset", "batch", "MiB"):
        table.add_column(column, justify="left" if column == "preset" else "right")
    for name, row in result["presets"].items():
        peak = row["peak_memory"]
        table.add_row(name, str(row["batch"]), "does not fit" if peak is None else f"{peak / 2**20:.0f}")
    console.print(table)
    for row in result["presets"].values():
        if "note" in row:
            console.print(row["note"], markup=False)
