"""Joins what benchmarks/gpu_checks.sh left in a folder to one JSON: gpu_report.py OUT writes OUT/checks.json."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any


def main(folder: Path) -> None:
    """Writes the report and prints it."""
    steps = {}
    for line in (folder / "steps.tsv").read_text().splitlines():
        name, code, seconds = line.split("\t")
        steps[name] = {"exit": int(code), "seconds": int(seconds), "last": _last_line(folder / f"{name}.log")}
    report: dict[str, Any] = {"card": (folder / "card.txt").read_text().splitlines(), "steps": steps}
    for name in ("doctor", "bench"):
        report[name] = _json_in(folder / f"{name}.log")
    report["render"] = _json_in(folder / "render.json")
    text = json.dumps(report, indent=2)
    (folder / "checks.json").write_text(text + "\n")
    print(text)


def _last_line(log: Path) -> str:
    lines = (
        [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
        if log.exists()
        else []
    )
    return lines[-1] if lines else ""


def _json_in(log: Path) -> Any:
    """The JSON value that a log consists of, warnings before it aside; None where there is none."""
    if not log.exists():
        return None
    text = log.read_text(errors="replace")
    start = text.find("{")
    try:
        return json.JSONDecoder().raw_decode(text[start:])[0] if start >= 0 else None
    except json.JSONDecodeError:
        return None


if __name__ == "__main__":
    main(Path(sys.argv[1]))
