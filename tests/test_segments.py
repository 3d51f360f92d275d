"""Segments: one pass, a pass that was broken off anywhere and several processes give the same bytes."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import fastswap
from fastswap import flow, provenance, sidecar, video
from fastswap.errors import DeviceError, InputError, OutputError
from fastswap.report import Report
from fastswap.segments import pool
from fastswap.segments.workspace import folder_of
from fastswap.video import spans
from footage import facts

FRAMES, SEGMENTS = 72, 5
FAST = {"preset": "ultrafast"}


@pytest.fixture(autouse=True)
def _short(short_spans: None) -> None:
    """Every clip here has several segments."""


@pytest.fixture
def clip(long_clip: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(long_clip, tmp_path / "clip.mkv"))


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def run(clip: Path, name: str, model: Path, **options: Any) -> tuple[Report, str]:
    out = clip.with_name(name)
    report = fastswap.render(clip, out, model=model, encoder_options=FAST, **options)
    assert not folder_of(out).exists()
    return report, digest(out)


def test_resumed_and_in_processes_are_the_same_bytes(clip: Path, generator: Path, bare: None) -> None:
    once, expected = run(clip, "a.mp4", generator)
    assert once.segments == SEGMENTS
    assert once.frames == FRAMES
    again, stored = run(clip, "b.mp4", generator)
    assert again.analysis_reused
    assert stored == expected
    assert run(clip, "c.mp4", generator, parallel=2)[1] == expected
    sidecar.default_path(clip).unlink()
    several, made = run(clip, "d.mp4", generator, parallel=3)
    assert made == expected
    assert (several.frames, several.faces, several.skipped) == (once.frames, once.faces, once.skipped)
    assert several.seconds["encode"] > 0, "the workers' encoders count too"
    kept = sidecar.default_path(clip).read_bytes()
    sidecar.default_path(clip).unlink()
    run(clip, "e.mp4", generator)
    assert sidecar.default_path(clip).read_bytes() == kept


@pytest.mark.parametrize(
    ("suffix", "encoder"), [("mxf", "dnxhr-sq"), ("avi", None), ("ts", None), ("nut", None)]
)
def test_other_containers_are_joined_too(
    suffix: str, encoder: str | None, clip: Path, generator: Path
) -> None:
    out = clip.with_name(f"out.{suffix}")
    report = fastswap.render(clip, out, model=generator, encoder=encoder)
    assert (report.segments, report.frames) == (SEGMENTS, FRAMES)
    assert len(facts(out).lumas) == FRAMES


def test_the_joined_file_keeps_times_tags_and_sound(face_clip: Path, generator: Path, tmp_path: Path) -> None:
    clip = Path(shutil.copy(face_clip, tmp_path / "clip.mp4"))
    spans.SHORTEST, spans._LAST, spans._LONGEST = 6, 4, 7
    report = fastswap.render(clip, tmp_path / "out.mp4", model=generator)
    assert report.segments == 3
    old, new = facts(clip), facts(tmp_path / "out.mp4")
    assert old.times == new.times
    assert (old.durations, old.end, old.others, old.languages) == (
        new.durations,
        new.end,
        new.others,
        new.languages,
    )
    assert provenance.verify(tmp_path / "out.mp4").ok


class Broken(Exception):
    """Stands for whatever ends a process."""


@pytest.mark.parametrize("at", range(0, FRAMES, 9))
def test_broken_off_anywhere_it_goes_on(
    at: int, clip: Path, generator: Path, bare: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, expected = run(clip, "whole.mp4", generator)
    sidecar.default_path(clip).unlink()
    out = clip.with_name("out.mp4")

    def stop(progress: fastswap.progress.Progress) -> None:  # type: ignore[name-defined]
        if progress.done >= at:
            raise Broken

    monkeypatch.setattr(flow, "_REPORT_S", 0.0)
    with pytest.raises(Broken):
        fastswap.render(clip, out, model=generator, encoder_options=FAST, progress=stop)
    assert not out.exists()
    finished = len(list(folder_of(out).glob("*.packets"))) if folder_of(out).exists() else 0
    report, made = run(clip, "out.mp4", generator)
    assert made == expected
    assert report.resumed == finished
    assert report.frames == FRAMES


def leave_all(clip: Path, model: Path, monkeypatch: pytest.MonkeyPatch, **options: Any) -> Path:
    """A render that ends after its last segment, before they are joined."""
    with monkeypatch.context() as patch:
        patch.setattr(video, "join", _fail)
        with pytest.raises(Broken):
            fastswap.render(clip, clip.with_name("out.mp4"), model=model, encoder_options=FAST, **options)
    return folder_of(clip.with_name("out.mp4"))


def _fail(*_: Any) -> Iterator[int]:
    raise Broken


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def _shorten(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def _empty(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize("harm", [_flip, _shorten, _empty, Path.unlink])
def test_a_damaged_segment_is_rendered_again(
    harm: Callable[[Path], None], clip: Path, generator: Path, bare: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, expected = run(clip, "whole.mp4", generator)
    folder = leave_all(clip, generator, monkeypatch)
    harm(folder / "00001.packets")
    report, made = run(clip, "out.mp4", generator)
    assert made == expected
    assert report.resumed == SEGMENTS - 1
    assert harm is Path.unlink or any("00001.packets" in notice for notice in report.notices)


@pytest.mark.parametrize("suffix", [".faces", ".state"])
@pytest.mark.parametrize("harm", [_flip, _empty, Path.unlink])
def test_a_damaged_analysis_is_made_again(
    harm: Callable[[Path], None],
    suffix: str,
    clip: Path,
    generator: Path,
    bare: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _, expected = run(clip, "whole.mp4", generator)
    sidecar.default_path(clip).unlink()
    folder = leave_all(clip, generator, monkeypatch)
    sidecar.default_path(clip).unlink()
    harm(folder / f"00001{suffix}")
    (folder / "00003.packets").unlink()
    assert run(clip, "out.mp4", generator)[1] == expected


def test_other_settings_or_another_input_start_anew(
    clip: Path, generator: Path, bare: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = leave_all(clip, generator, monkeypatch)
    look = fastswap.Look(opacity=0.5)
    report, made = run(clip, "out.mp4", generator, look=look)
    assert report.resumed == 0
    assert any(str(folder) in notice for notice in report.notices)
    assert made == run(clip, "fresh.mp4", generator, look=look)[1]
    leave_all(clip, generator, monkeypatch)
    with clip.open("ab") as file:
        file.write(b"\xec\x80")  # an empty Void element: another file, the same video
    assert run(clip, "out.mp4", generator)[0].resumed == 0


def test_an_edited_face_costs_its_own_segments(
    clip: Path, generator: Path, bare: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave_all(clip, generator, monkeypatch)
    stored = sidecar.default_path(clip)
    lines = stored.read_text().splitlines()
    line = json.loads(lines[25])
    lines[25] = json.dumps(line | {"faces": []})
    stored.write_text("\n".join(lines) + "\n")
    report, made = run(clip, "out.mp4", generator)
    assert report.resumed == SEGMENTS - 1
    assert made == run(clip, "fresh.mp4", generator)[1]


def test_one_output_has_one_render(
    clip: Path, generator: Path, bare: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = clip.with_name("out.mp4")

    def again(_: object) -> None:
        monkeypatch.setattr(flow, "_REPORT_S", 9.0)
        with pytest.raises(OutputError, match="another render works on it"):
            fastswap.render(clip, out, model=generator, encoder_options=FAST)
        raise Broken

    monkeypatch.setattr(flow, "_REPORT_S", 0.0)
    with pytest.raises(Broken):
        fastswap.render(clip, out, model=generator, encoder_options=FAST, progress=again)


def test_a_foreign_folder_is_left_alone(clip: Path, generator: Path) -> None:
    folder = folder_of(clip.with_name("out.mp4"))
    folder.mkdir()
    (folder / "thesis.txt").write_text("mine")
    with pytest.raises(OutputError, match="in the way"):
        fastswap.render(clip, clip.with_name("out.mp4"), model=generator)
    assert (folder / "thesis.txt").read_text() == "mine"


def test_the_input_goes_away_and_comes_back(
    clip: Path, generator: Path, bare: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, expected = run(clip, "whole.mp4", generator)
    monkeypatch.setattr(flow, "_REPORT_S", 0.0)
    out, away = clip.with_name("out.mp4"), clip.with_name("away.mkv")

    def lose(progress: fastswap.progress.Progress) -> None:  # type: ignore[name-defined]
        if progress.done >= 40:
            clip.rename(away)
            raise Broken

    with pytest.raises(Broken):
        fastswap.render(clip, out, model=generator, encoder_options=FAST, progress=lose)
    with pytest.raises(InputError, match=r"clip\.mkv"):
        fastswap.render(clip, out, model=generator, encoder_options=FAST)
    away.rename(clip)
    report, made = run(clip, "out.mp4", generator)
    assert made == expected
    assert report.resumed >= 1


def test_a_worker_that_dies_costs_its_segment(
    clip: Path, generator: Path, bare: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, expected = run(clip, "whole.mp4", generator)
    give, killed = pool.Pool._give, []

    def kill_the_first(self: pool.Pool, worker: Any, task: Any) -> None:
        give(self, worker, task)
        if not killed:
            killed.append(worker.process.pid)
            worker.process.kill()

    monkeypatch.setattr(pool.Pool, "_give", kill_the_first)
    report, made = run(clip, "out.mp4", generator, parallel=2)
    assert made == expected
    assert any("died" in notice for notice in report.notices)


def test_workers_that_always_die_are_an_error(
    clip: Path, generator: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    give = pool.Pool._give

    def kill(self: pool.Pool, worker: Any, task: Any) -> None:
        give(self, worker, task)
        worker.process.kill()

    monkeypatch.setattr(pool.Pool, "_give", kill)
    with pytest.raises(DeviceError, match="3 worker processes died"):
        fastswap.render(clip, clip.with_name("out.mp4"), model=generator, parallel=2)
