"""How good presets are: trained on practice footage of synthetic actors, marked on performances not practised."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from fastswap import demo, provenance, video
from fastswap.bench import practice
from fastswap.bench.exam import Exam
from fastswap.progress import ProgressCallback


def run(
    work: Path,
    presets: Sequence[str] = ("tiny",),
    *,
    minutes: float | None = None,
    steps: int | None = None,
    frames: int = 600,
    others: Sequence[Path] = (),
    threads: int = 0,
    progress: ProgressCallback | None = None,
) -> dict[str, Any]:
    """Trains the presets in `work`, as far as they are not yet, and marks them. Returns figures by name, see `Exam`.

    minutes, steps: of training, one or the other, default the preset's minutes. others: models to mark beside them. A
    picture of all swaps side by side is left in `work/quality.png`: target, average face, the presets, the others, the
    truth.
    """
    from fastswap.training import train
    from fastswap.training.store import load_faces

    source, target = practice.facesets(work, frames)
    exam = Exam(demo.SOURCE, demo.TARGET, practice.SCENE)
    average = work / "average.onnx"
    practice.average_model(load_faces([source], 96, 1.0), 96, average)
    models = {"average face, pasted": average}
    for name in presets:
        path = work / f"{Path(name).stem}.onnx"
        train(
            source,
            target,
            path,
            subject="Anna (synthetic)",
            consent=demo.CONSENT,
            preset=name,
            minutes=minutes,
            steps=steps,
            threads=threads,
            progress=progress,
        )
        models[path.stem] = path
    models |= {f"{path.name}": path for path in others}
    picture = work / "quality.png"
    video.save_picture(picture, exam.picture(list(models.values())))
    provenance.sign(picture, source=None, model=None, settings={"synthetic actors": True})
    marks = {name: exam.mark(path) for name, path in models.items()}
    average_marks = marks["average face, pasted"]
    return {
        "frames": frames,
        "questions": len(exam.questions),
        "figures": {"target, untouched": exam.untouched().as_dict()}
        | {name: figures.as_dict() for name, figures in marks.items()},
        "better_than_average_face": {
            name: figures.beats(average_marks) for name, figures in marks.items() if figures != average_marks
        },
        "picture": str(picture),
    }


def print_table(result: dict[str, Any], console: Console) -> None:
    """Prints `run`'s result."""
    table = Table(title=f"swaps of {result['questions']} frames not practised", title_justify="left")
    table.add_column("model")
    for column in ("PSNR dB", "SSIM", "landmarks", "identity"):
        table.add_column(column, justify="right")
    for name, figures in result["figures"].items():
        table.add_row(name, *(f"{value:.4g}" for value in figures.values()))
    console.print(table)
    console.print(result["picture"], markup=False)
