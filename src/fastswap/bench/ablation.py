"""Why the defaults are what they are: families at equal multiply-adds, then one part of the recipe at a time, then what
holds where the source's footage lacks what the target does.

Each run trains on practice footage of two synthetic actors and is marked on performances that it never saw. Results
are kept one by one, so a run that was stopped goes on, and the table grows while it is made.
"""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fastswap import demo
from fastswap.bench import practice
from fastswap.bench.exam import Exam
from fastswap.training.presets import Preset, Shape
from fastswap.training.recipe import Stages

BASE = Preset("ablation", Shape(64, (32, 64, 96), 128, (96, 64, 32)), 8, 1e-3, 1.0, Stages(40, 60))
QUESTIONS = 40
"""Frames of the exam."""
RESULTS, TABLE = "results.jsonl", "ablations.md"
FIGURES = ("psnr", "ssim", "landmarks", "identity")


@dataclass(frozen=True, slots=True)
class Case:
    """One run. group: the table that it belongs to. name: its row."""

    group: str
    name: str
    preset: Preset
    seed: int = 0


def cases() -> Iterator[Case]:
    """All runs, the families first."""
    for seed in (0, 1):
        for family in ("duo", "df", "liae"):
            yield Case("families", family, _shaped(family=family), seed)
    yield Case("loss", "default", BASE)
    for group, tables in (
        ("loss", (LOSSES, {}, {})),
        ("augmentation", ({}, AUGMENTS, {})),
        ("stages", ({}, {}, STAGES)),
    ):
        for name, preset in _varied(*tables):
            yield Case(group, name, preset)
    for seed in (0, 1):
        yield Case(UNEVEN, "default", BASE, seed)
        for name, preset in _varied(UNEVEN_LOSSES, UNEVEN_AUGMENTS, UNEVEN_STAGES):
            yield Case(UNEVEN, name, preset, seed)


def _varied(
    losses: dict[str, dict[str, Any]], augments: dict[str, dict[str, Any]], stages: dict[str, Stages]
) -> Iterator[tuple[str, Preset]]:
    """`BASE` with one change each, by name."""
    for name, changes in losses.items():
        yield name, replace(BASE, weights=replace(BASE.weights, **changes))
    for name, changes in augments.items():
        yield name, replace(BASE, changes=replace(BASE.changes, **changes))
    for name, own in stages.items():
        yield name, replace(BASE, stages=own)


def _shaped(**changes: Any) -> Preset:
    return replace(BASE, shape=replace(BASE.shape, **changes))


LOSSES: dict[str, dict[str, Any]] = {
    "no structure (SSIM)": {"structure": 0.0},
    "three scales of SSIM": {"scales": 3},
    "no edges": {"edge": 0.0},
    "no priority of eyes and mouth": {"priority": 0.0},
    "squared in place of absolute error": {"pixel": 0.0, "square": 5.0},
    "style": {"style": 0.2},
    "swap not watched by the mesh": {"onlooker": 0.0},
    "expression read, swap not followed": {"follow": 0.0, "onlooker": 0.0},
    "codes may tell whose they are": {"align": 0.0},
    "neither read nor followed": {"expression": 0.0, "follow": 0.0, "onlooker": 0.0},
}
AUGMENTS: dict[str, dict[str, Any]] = {
    "no warp": {"warp": 0.0},
    "double warp": {"warp": 0.02},
    "no degradation of the input": {"light": 0.0, "blur": 0.0, "noise": 0.0, "compression": 0.0},
    "colour transfer": {"transfer": 0.5},
}
STAGES: dict[str, Stages] = {
    "warped throughout": Stages(100, 0, floor=1.0),
    "no warp left in the second stage": Stages(40, 60, floor=0.0),
    "GAN stage of a fifth": Stages(30, 50, 20),
}
UNEVEN = "uneven footage"
"""The group whose source stands in warmer light and never smiles with its lips closed, see `practice.facesets`."""
UNEVEN_LOSSES: dict[str, dict[str, Any]] = {
    "codes may tell whose they are": {"align": 0.0},
    "codes brought together harder": {"align": 0.01},
    "swap not followed": {"follow": 0.0, "onlooker": 0.0},
    "swap not watched by the mesh": {"onlooker": 0.0},
    "swap watched harder": {"onlooker": 0.6},
}
UNEVEN_AUGMENTS: dict[str, dict[str, Any]] = {
    "source by its poses alone": {"demand": 0.0},
    "source only as the target asks": {"demand": 0.9},
    "no warp": {"warp": 0.0},
    "colour transfer": {"transfer": 0.5},
}
UNEVEN_STAGES = {"no warp left in the second stage": Stages(40, 60, floor=0.0)}


def run(
    work: Path,
    *,
    steps: int = 3000,
    frames: int = 400,
    threads: int = 1,
    groups: tuple[str, ...] = (),
    told: Callable[[str], None] = print,
) -> Path:
    """Runs what is not in `work` yet, and writes the table after each run. steps: of each. Returns the table's path."""
    import torch

    torch.set_num_threads(threads)
    work.mkdir(parents=True, exist_ok=True)
    exam = Exam(demo.SOURCE, demo.TARGET, practice.SCENE, QUESTIONS)
    wanted = [case for case in cases() if not groups or case.group in groups]
    even = _practised(work, frames, uneven=False)
    uneven = _practised(work, frames, uneven=True) if any(case.group == UNEVEN for case in wanted) else []
    average = work / "average.onnx"
    practice.average_model(even[0], BASE.shape.resolution, average)
    fixed = {"average face, pasted": exam.mark(average), "target, untouched": exam.untouched()}
    done = _done(work)
    for case in wanted:
        key = [case.group, case.name, case.seed, steps, frames]
        if key not in [line["key"] for line in done]:
            begin = time.process_time()
            faces = uneven if case.group == UNEVEN else even
            line = {"key": key, **_train(case, faces, exam, steps, work)}
            line["seconds"] = round(time.process_time() - begin, 1)
            with (work / RESULTS).open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
            done.append(line)
            told(json.dumps(line))
        _write_table(
            work / TABLE, done, {name: value.as_dict() for name, value in fixed.items()}, steps, frames
        )
    return work / TABLE


def _practised(work: Path, frames: int, *, uneven: bool) -> list[Any]:
    from fastswap.training.store import load_faces

    folders = practice.facesets(work, frames, uneven=uneven)
    return [load_faces([folder], BASE.shape.resolution, 1.0) for folder in folders]


def _train(case: Case, faces: list[Any], exam: Exam, steps: int, work: Path) -> dict[str, Any]:
    import torch

    from fastswap.training.device import to_numpy, wants_bf16
    from fastswap.training.export import export
    from fastswap.training.fit import fit
    from fastswap.training.network import multiply_adds

    bf16 = wants_bf16("auto", torch.device("cpu"))
    losses: list[float] = []
    learner = fit(
        case.preset, *faces, steps=steps, seed=case.seed, bf16=bf16, told=lambda _, loss: losses.append(loss)
    )
    path = work / f"{case.group}-{case.name}-{case.seed}.onnx".replace(" ", "-")
    stills = to_numpy(learner.stills("target", 4).face)
    contract = practice.contract(case.preset.shape.resolution, faces[0].template)
    export(learner.averaged(), contract, path, stills)
    return {
        "mmac": round(multiply_adds(case.preset.shape) / 1e6, 1),
        "loss": round(losses[-1], 5),
        **exam.mark(path).as_dict(),
    }


def _done(work: Path) -> list[dict[str, Any]]:
    path = work / RESULTS
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]


def _write_table(
    path: Path, done: list[dict[str, Any]], fixed: dict[str, dict[str, float]], steps: int, frames: int
) -> None:
    lines = [
        "# Ablations",
        "",
        f"`fastswap bench ablation WORK --steps {steps} --frames {frames}` on {_processor()}, "
        f"{datetime.now(UTC):%Y-%m-%d}. Each run: {steps} steps of {BASE.batch} faces of each person, "
        f"{BASE.shape.resolution} px, about {frames} practice frames a person; marked on performances that were not "
        "practised. PSNR in dB and SSIM over the face against the truth, landmark error in eye distances, identity as "
        "the distance of gradient histograms. One row a seed.",
        "",
    ]
    here = [line for line in done if line["key"][3:] == [steps, frames]]
    for group in dict.fromkeys(line["key"][0] for line in here):
        lines += [
            f"## {group.capitalize()}",
            "",
            "| run | seed | MMAC | PSNR | SSIM | landmarks | identity |",
        ]
        lines += ["| --- | --- | --- | --- | --- | --- | --- |"]
        rows = sorted((line for line in here if line["key"][0] == group), key=lambda line: line["key"][1:3])
        lines += [
            f"| {line['key'][1]} | {line['key'][2]} | {line['mmac']:.0f} | " + _cells(line) for line in rows
        ]
        if group == "families":
            lines += [f"| {name} | | | " + _cells(figures) for name, figures in fixed.items()]
        lines.append("")
    partial = path.with_suffix(".partial")
    partial.write_text("\n".join(lines), encoding="utf-8")
    partial.replace(path)


def _cells(figures: dict[str, Any]) -> str:
    formats = {"psnr": ".2f", "ssim": ".3f", "landmarks": ".4f", "identity": ".3f"}
    return " | ".join(format(figures[name], formats[name]) for name in FIGURES) + " |"


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
