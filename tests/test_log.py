"""Logs as text or as JSON lines, and the schema of progress reports."""

from __future__ import annotations

import json
from dataclasses import fields
from datetime import datetime
from pathlib import Path

import pytest

import fastswap
from commands import Run
from fastswap.progress import SCHEMA, Progress

FIELDS = {
    "stage": str,
    "done": float,
    "total": float,
    "unit": str,
    "rate": float,
    "limits": str,
    "values": dict,
    "note": str,
    "notice": str,
}
"""The stable schema, number 1. A field may be added here; none may be renamed, dropped or change its type."""


def test_the_schema_of_progress_is_stable() -> None:
    assert SCHEMA == 1
    assert [field.name for field in fields(Progress)] == list(FIELDS)
    plain = Progress("render", 3, 10, values={"faces": 3.0}).as_dict()
    assert {"schema", "event", *FIELDS} == set(plain)
    assert json.loads(json.dumps(plain)) == plain


def test_every_report_of_a_render_keeps_to_it(face_clip: Path, generator: Path, tmp_path: Path) -> None:
    seen: list[Progress] = []
    fastswap.render(face_clip, tmp_path / "o.mp4", model=generator, progress=seen.append)
    assert seen
    for report in seen:
        for name, kind in FIELDS.items():
            value = report.as_dict()[name]
            assert isinstance(value, int | float if kind is float else kind) or (
                name == "total" and value is None
            )
        assert 0 <= report.done <= (report.total or report.done)
        assert all(isinstance(value, float) for value in report.values.values())
    assert [r.done for r in seen] == sorted(r.done for r in seen)


def test_json_lines(face_clip: Path, generator: Path, tmp_path: Path, run: Run) -> None:
    out = tmp_path / "out.mp4"
    code, stdout, err = run(
        "render", face_clip, out, "-m", generator, "--log", "json", "--select", "track:9", "--json"
    )
    assert code == 0
    lines = [json.loads(line) for line in err.splitlines()]
    assert all(line["schema"] == 1 for line in lines)
    times = [datetime.fromisoformat(line["time"]) for line in lines]
    assert times == sorted(times)
    assert times[0].utcoffset() is not None
    kinds = [line["event"] for line in lines]
    assert (kinds[0], kinds[-1]) == ("progress", "done")
    assert set(kinds) == {"progress", "notice", "done"}
    last = [line for line in lines if line["event"] == "progress"][-1]
    assert set(FIELDS) < set(last)
    assert last["done"] == last["total"] == 20
    assert "nothing was swapped" in next(line["text"] for line in lines if line["event"] == "notice")
    assert lines[-1]["command"] == "render"
    assert lines[-1]["result"] == json.loads(stdout)


def test_text_lines(face_clip: Path, generator: Path, tmp_path: Path, run: Run) -> None:
    code, _, err = run("render", face_clip, tmp_path / "out.mp4", "-m", generator, "--log", "text", "-q")
    assert code == 0
    lines = err.splitlines()
    assert all(line[2] == line[5] == ":" for line in lines)
    assert any("render 20/20 frames" in line and "faces 20" in line for line in lines)
    assert "\x1b" not in err


def test_errors_are_events_too(generator: Path, tmp_path: Path, run: Run) -> None:
    code, _, err = run("render", tmp_path / "none.mp4", tmp_path / "o.mp4", "-m", generator, "--log", "json")
    (line,) = [json.loads(text) for text in err.splitlines()]
    assert (code, line["event"], line["error"], line["exit_code"]) == (3, "error", "InputError", 3)
    assert "none.mp4" in line["message"]
    code, _, err = run("render", tmp_path / "none.mp4", tmp_path / "o.mp4", "-m", generator)
    assert err.strip().startswith("fastswap: error: "), "the format of one run does not reach the next"


@pytest.mark.parametrize("form", ["xml", ""])
def test_an_unknown_format(form: str, generator: Path, tmp_path: Path, run: Run) -> None:
    code, _, err = run("render", tmp_path / "i.mp4", tmp_path / "o.mp4", "-m", generator, "--log", form)
    assert code == 2
    assert "text, json" in err


def test_a_batch_writes_json_lines(
    face_clip: Path, generator: Path, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fastswap.batch.check._Encodings.faults", lambda self, job: [])  # fails while it runs
    jobs = tmp_path / "jobs.jsonl"
    job = {"input": str(face_clip), "model": str(generator)}
    good, bad = ({**job, "output": f"{name}.mp4", "options": {"preset": name}} for name in ("fast", "none"))
    jobs.write_text(f"{json.dumps(good)}\n{json.dumps(bad)}\n")
    code, _, err = run("batch", jobs, "--log", "json", "--retries", "0")
    assert code == 10
    lines = [json.loads(line) for line in err.splitlines()]
    assert {line["stage"] for line in lines if line["event"] == "progress"} == {"batch", "render"}
    *_, done, error = lines
    assert (done["event"], done["command"], done["result"]["counts"]["done"]) == ("done", "batch", 1)
    assert (error["event"], error["exit_code"]) == ("error", 10)
    assert error["message"].startswith("jobs.jsonl:2: ")


def test_the_signing_of_a_folder_is_reported(face_clip: Path, generator: Path, tmp_path: Path) -> None:
    seen: list[Progress] = []
    settings = {"matte": tmp_path / "matte", "progress": seen.append}
    fastswap.render(face_clip, tmp_path / "o.mp4", model=generator, **settings)
    signed = [report for report in seen if report.stage == "sign"]
    assert {(report.note, report.total, report.unit) for report in signed} == {("matte", 20, "files")}
    assert signed[-1].done == 20
    assert {report.stage for report in seen} == {"render", "sign"}
