"""The fault matrix, on real processes: killed at random points, power cut, full disk, stopped, clock set, output lost.

Whatever happens, the same command goes on, loses nothing that was finished, and ends with the bytes of a render that
nothing happened to (before signing).
"""

from __future__ import annotations

import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import fastswap
from fastswap import sidecar
from test_segments import FAST, digest

PATIENCE = 280
"""Seconds, for machines that are busy: nothing here goes by how long it takes."""

RUN = """
import json, os, signal, sys
from pathlib import Path
import disk_log
if sys.argv[5]:
    disk_log.start(Path(sys.argv[5]))
import fastswap
from fastswap import pipeline
from fastswap.__main__ import main
from fastswap.atomic import Staging
from fastswap.segments.workspace import Workspace
from fastswap.video import spans
spans.SHORTEST, spans._LAST, spans._LONGEST = 16, 8, 32
pipeline._sign = lambda *_: {}
source, output, model, parallel = sys.argv[1:5]
what, left = sys.argv[6].split()
kind, left = {"segments": Workspace, "outputs": Staging}[what], int(left)
publish = kind.publish
def publish_and_stop(*arguments):
    global left
    publish(*arguments)
    left -= arguments[0].output.parent == Path(output).parent
    if left == 0:
        os.kill(os.getpid(), signal.SIGSTOP)  # whoever looks at it now sees just so many
kind.publish = publish_and_stop
sys.argv = ["fastswap", "render", source, output, "-m", model, "-q", "--json", "--parallel", parallel,
            "-o", "preset=ultrafast", *sys.argv[7:]]
main()
"""


class Place:
    """One clip, one output, one command that is run until it is through."""

    def __init__(self, folder: Path, clip: Path, model: Path) -> None:
        self.folder, self.model = folder, model
        self.clip = Path(shutil.copy(clip, folder / "clip.mkv"))
        self.out = folder / "out.mp4"
        self.work = folder / "out.mp4.fastswap"
        self.more: list[str] = []  # options of the command

    def start(
        self,
        parallel: int = 1,
        log: Path | None = None,
        limit: Callable[[], None] | None = None,
        stop_after: int = 0,
        what: str = "segments",
    ) -> subprocess.Popen[str]:
        """The command, with short segments and without the signature's time and nonce.

        stop_after: so many of `what`, "segments" or "outputs".
        """
        arguments = [self.clip, self.out, self.model, parallel, log or "", f"{what} {stop_after}", *self.more]
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
        return subprocess.Popen(
            [sys.executable, "-c", RUN, *map(str, arguments)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment,
            preexec_fn=limit,  # noqa: PLW1509  (the tests have no other threads here)
        )  # fmt: skip

    def through(self, parallel: int = 1) -> dict[str, object]:
        """Runs to the end; the report."""
        out, err = self.start(parallel).communicate(timeout=PATIENCE)
        assert out, err
        assert not self.work.exists()
        report: dict[str, object] = json.loads(out)
        return report

    def finished(self) -> set[str]:
        """Names of the segments that are finished."""
        return {path.name for path in self.work.glob("[0-9]*.packets")}


@pytest.fixture(scope="module")
def whole(long_clip: Path, generator: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A render that nothing happened to."""
    place = Place(tmp_path_factory.mktemp("whole"), long_clip, generator)
    place.through()
    return place.out


@pytest.fixture(scope="module")
def expected(whole: Path) -> str:
    """The digest of a render that nothing happened to."""
    return digest(whole)


@pytest.fixture
def place(tmp_path: Path, long_clip: Path, generator: Path) -> Place:
    return Place(tmp_path, long_clip, generator)


def _is_stopped(process: subprocess.Popen[str]) -> bool:
    return ") T " in Path(f"/proc/{process.pid}/stat").read_text()


def _wait_for(seen: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    end = time.monotonic() + PATIENCE
    while not seen() and process.poll() is None and time.monotonic() < end:
        time.sleep(0.005)


@pytest.mark.timeout(1200)
def test_killed_at_twenty_random_points(place: Place, expected: str) -> None:
    """Each time a little after some file appeared in the work folder, so that the points lie within the work."""
    rng = random.Random(6)
    kills, before = 0, set[str]()
    while kills < 20:
        process = place.start(parallel=rng.choice((1, 1, 2)))
        wanted = rng.randrange(1, 5)
        _wait_for(lambda n=wanted: len(list(place.work.glob("*"))) > n, process)  # type: ignore[misc]
        time.sleep(rng.random() * 0.4)
        process.kill()
        process.communicate()
        kills += 1
        if place.out.exists():  # it was through: from the start again
            assert digest(place.out) == expected
            place.out.unlink()
            sidecar.default_path(place.clip).unlink(missing_ok=True)
            shutil.rmtree(place.work, ignore_errors=True)
            before = set()
            continue
        assert before <= place.finished(), "a finished segment is never lost"
        before = place.finished()
    place.through()
    assert digest(place.out) == expected


@pytest.mark.parametrize("parallel", [1, 2])
def test_killed_with_side_outputs_a_page_and_a_part(parallel: int, place: Place) -> None:
    """The parts of all outputs that were finished stay, and all outputs are there in the end, or none."""
    others = [place.folder / name for name in ("matte.mkv", "layer", "page.html")]
    options = ("--start", "10f", "--matte", others[0], "--layer", others[1], "--report", others[2])
    place.more = [str(option) for option in options]
    place.through()
    first = [digest(path) for path in (place.out, others[0], *sorted(others[1].iterdir()))]
    assert len(first) == 2 + 62
    for path in (place.out, *others):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    process = place.start(parallel, stop_after=2)
    _wait_for(lambda: len(place.finished()) >= 2, process)
    process.kill()
    process.communicate()
    assert not any(path.exists() for path in (place.out, *others))
    assert list(place.folder.glob(".*.partial"))
    assert int(str(place.through()["resumed"])) >= 2
    assert not list(place.folder.glob(".*.partial")), "what the killed one left is tidied up"
    assert others[2].exists()
    assert first == [digest(path) for path in (place.out, others[0], *sorted(others[1].iterdir()))]


@pytest.mark.parametrize("power", ["on", "fails"])
@pytest.mark.parametrize("outputs", [1, 2, 3, 4])
def test_killed_when_an_output_got_its_name(outputs: int, power: str, place: Place) -> None:
    """A folder that the killed render had made already does not stand in its way."""
    import disk_log

    folders = [place.folder / name for name in ("matte", "layer")]
    options = ("--matte", folders[0], "--layer", folders[1], "--report", place.folder / "page.html")
    place.more = [str(option) for option in options]
    log = place.folder / "log"
    process = place.start(log=log, stop_after=outputs, what="outputs")
    _wait_for(lambda: _is_stopped(process), process)
    process.kill()
    process.communicate()
    assert process.returncode == -9
    made = [path for path in folders if path.exists()]
    assert len(made) == min(outputs, 2)
    assert place.out.exists() == (outputs == 4), "the output comes last"
    expected = [digest(path) for path in sorted(made[0].iterdir())]
    if power == "fails":
        for path in [*made, place.work, *place.folder.glob(".*.partial")]:
            disk_log.crash(log, path)
    place.through()
    assert expected == [digest(path) for path in sorted(made[0].iterdir())]
    assert not list(place.folder.glob(".*.partial"))
    assert all(len(list(path.iterdir())) == 72 for path in folders)


@pytest.mark.parametrize("segments", [1, 3])
def test_a_power_failure(segments: int, place: Place, expected: str) -> None:
    """Of each file only what was synced is left, and of each name only what its folder's sync made certain."""
    import disk_log

    log = place.folder / "log"
    process = place.start(log=log, stop_after=segments)
    _wait_for(lambda: len(place.finished()) >= segments, process)
    process.kill()
    process.communicate()
    finished = place.finished()
    kept = disk_log.crash(log, place.work)
    assert "job.json" in kept
    assert len(finished) >= segments
    assert len(finished - kept) <= 1, "what was told to be finished before the last moment is on the disk"
    sidecar.default_path(place.clip).unlink(missing_ok=True)
    report = place.through()
    assert digest(place.out) == expected
    assert int(str(report["resumed"])) >= len(kept & finished) - 1


def test_a_full_disk(place: Place, whole: Path, expected: str) -> None:
    """A limit on the size of files stands in for it: segments and the analysis fit, the joined file does not."""
    most = int(0.95 * whole.stat().st_size)
    assert sidecar.default_path(whole.with_name(place.clip.name)).stat().st_size < most

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))

    process = place.start(limit=limit)
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 4
    assert len(err.strip().splitlines()) == 1
    assert "disk full" in err
    assert not place.out.exists()
    finished = place.finished()
    assert finished
    report = place.through()
    assert int(str(report["resumed"])) == len(finished)
    assert digest(place.out) == expected


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped(number: int, place: Place, expected: str) -> None:
    process = place.start(parallel=2 if number == signal.SIGINT else 1)
    _wait_for(lambda: bool(place.finished()), process)
    process.send_signal(number)
    _, err = process.communicate(timeout=PATIENCE)
    if process.returncode == 130:
        assert "the same command goes on from there" in err
        assert place.finished()
        assert not list(place.folder.glob(".*.partial"))
    place.through()
    assert digest(place.out) == expected


@pytest.mark.parametrize("moment", [0, 4_000_000_000])
def test_the_clock_is_set(moment: int, place: Place, expected: str) -> None:
    process = place.start(stop_after=2)
    _wait_for(lambda: len(place.finished()) >= 2, process)
    process.kill()
    process.communicate()
    for path in [place.clip, *place.folder.rglob("*")]:
        os.utime(path, (moment, moment))
    finished = place.finished()
    assert len(finished) >= 2
    assert int(str(place.through()["resumed"])) >= len(finished) - 1
    assert digest(place.out) == expected


def test_the_same_bytes_from_the_library(place: Place, expected: str, short_spans: None, bare: None) -> None:
    fastswap.render(place.clip, place.out, model=place.model, encoder_options=FAST)
    assert digest(place.out) == expected
