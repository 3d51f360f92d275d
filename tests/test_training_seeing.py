"""What a training shows: previews, curves, captions, the page in a real browser, and TensorBoard."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from browser import Browser, needs_browser
from fastswap import provenance, video
from fastswap.errors import TrainingError
from fastswap.training import curves, letters
from learning import MICRO_TOML, Go

torch = pytest.importorskip("torch", reason="training needs torch")

from fastswap.training import seeing  # noqa: E402
from fastswap.training.preview import COLUMNS, GAP, HEAD, _laid_out  # noqa: E402

STAGES = "[stages]\nwarped = 20\nunwarped = 10\ngan = 10\n"


# -- captions and curves -----------------------------------------------------------------------------------


def test_letters_are_drawn_where_they_fit() -> None:
    picture = np.zeros((12, 40, 3), np.uint8)
    letters.write(picture, "Ti\u00e9", 2, 3)
    drawn = picture[..., 0] > 0
    assert drawn[3, 2:7].all()  # the bar of the T
    assert drawn[3:10, 4].all()  # and its stem
    assert drawn[3:10, 10].all()  # the I
    assert not drawn[:, 14:].any()  # an unknown sign is a gap
    assert not drawn[[2, 10]].any()
    assert letters.length("Ti") == 11
    big = np.zeros((14, 22, 3), np.uint8)
    letters.write(big, "Ti", 0, 0, scale=2)
    assert np.array_equal(big[::2, ::2], picture[3:10, 2:13])
    letters.write(picture, "outside", 35, 8)  # cut, no error
    shapes = {sign: picture_of(sign) for sign in "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,:-+/%()_"}
    assert len({shape.tobytes() for shape in shapes.values()}) == len(shapes)


def picture_of(sign: str) -> np.ndarray:
    picture = np.zeros((7, 5, 3), np.uint8)
    letters.write(picture, sign, 0, 0)
    return picture


def test_a_preview_has_its_columns_named() -> None:
    cells = np.full((2, len(COLUMNS), 96, 96, 3), 77, np.uint8)
    picture = _laid_out(cells, "Anna  step 40")
    assert picture.shape == (HEAD + 2 * (96 + GAP), 7 * (96 + GAP) + GAP, 3)
    assert (picture == 77).all(axis=2).sum() == 14 * 96 * 96
    for column in range(7):
        left = GAP + column * (96 + GAP)
        assert (picture[19:26, left : left + 96] == 220).any()
    assert (picture[4:11, GAP : GAP + letters.length("Anna  step 40")] == 160).any()
    large = _laid_out(np.full((1, 7, 512, 512, 3), 77, np.uint8), "")
    assert large.shape == (HEAD * 3 + 512 + GAP, 7 * (512 + GAP) + GAP, 3)


def paths(svg: str) -> list[np.ndarray]:
    found = re.findall(r'd="M([^"]+)"', svg)
    return [np.array([pair.split() for pair in path.split("L")], float) for path in found]


def test_a_curve_goes_through_its_points_on_a_logarithmic_axis() -> None:
    steps = np.arange(1, 31, dtype=float)
    svg = curves.chart({"falls": list(zip(steps, 10.0 ** (-steps / 10.0), strict=True))})
    (line,) = paths(svg)
    assert np.allclose(np.diff(line, n=2, axis=0), 0.0, atol=0.11)  # a straight line
    assert line[0, 1] < line[-1, 1]  # falling
    assert "falls 0.001" in svg
    ticks = [text.text for text in ElementTree.fromstring(svg.partition("<div")[0]).iter("text")]
    assert {"0.5", "0.01", "0.002"} <= set(ticks)


def test_long_noisy_curves_are_thinned_and_smoothed() -> None:
    rng = np.random.default_rng(0)
    points = [(float(step), float(0.1 * np.exp(rng.normal(0, 0.3)))) for step in range(20_000)]
    raw, smooth = paths(curves.chart({"loss": points}))
    assert len(raw) == len(smooth) == 400
    assert smooth[:, 1].std() < 0.4 * raw[:, 1].std()
    assert smooth[:, 1].mean() == pytest.approx(raw[:, 1].mean(), abs=1.0)


def test_curves_with_nothing_to_show() -> None:
    assert curves.chart({}) == ""
    assert curves.chart({"one": [(1.0, 2.0)], "negative": [(1.0, -1.0), (2.0, -2.0)]}) == ""
    flat = curves.chart({"flat": [(1.0, 0.3), (2.0, 0.3)]})
    assert "NaN" not in flat
    assert "nan" not in flat
    assert ">0.3<" in flat


# -- the page ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


def test_a_run_leaves_its_previews_signed_and_a_page(go: Go, tmp_path: Path) -> None:
    report = go(steps=40, preview_every=0.01)
    previews = sorted((tmp_path / "anna.training" / "previews").iterdir())
    assert 1 <= len(previews) <= 41
    assert previews[-1].name == "00000040.jpg"
    assert video.load_picture(previews[-1]).shape == (HEAD + 6 * 100, 7 * 100 + GAP, 3)
    assert provenance.verify(previews[-1]).status == "valid"
    page = Path(report.page).read_text()
    for part in (
        "Consent: a synthetic person",
        "<svg",
        "The source lacks expressions",
        "previews/00000040.jpg",
    ):
        assert part in page
    lines = [
        json.loads(line) for line in (tmp_path / "anna.training" / "history.jsonl").read_text().splitlines()
    ]
    assert lines[-1]["step"] == 40
    assert {"total", "rate", "faces_per_second"} <= lines[-1].keys()


def test_a_stage_however_short_is_on_the_page(
    go: Go, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seeing, "HISTORY_GAP_S", 1e6)
    preset = tmp_path / "own.toml"
    preset.write_text(MICRO_TOML + STAGES)
    report = go(preset=str(preset), steps=12)
    lines = seeing.read_history(tmp_path / "anna.training")
    assert {6, 9, 12} <= {line["step"] for line in lines}  # the end of each
    bands = re.findall(
        r'class="band b\d" x="([\d.]+)"[^>]*width="([\d.]+)"[^>]*/><text[^>]*>(\w+)<',
        Path(report.page).read_text(),
    )
    assert [name for *_, name in bands[:3]] == ["warped", "unwarped", "gan"]
    widths = [float(width) for _, width, _ in bands[:3]]
    assert widths[0] == pytest.approx(2 * widths[1], abs=0.2)
    assert widths[1] == pytest.approx(widths[2], abs=0.2)


@needs_browser
def test_the_page_shows_earlier_previews_and_every_stage(go: Go, tmp_path: Path, browser: Browser) -> None:
    preset = tmp_path / "own.toml"
    preset.write_text(MICRO_TOML + STAGES)
    report = go(preset=str(preset), steps=80, preview_every=0.01, subject="Anna <b>")
    browser.log("browser")
    browser.open(Path(report.page))
    assert browser.log("browser") == []
    assert browser.run("return document.querySelector('h1').textContent") == "Anna <b>: own, 80 steps"
    assert browser.run("return document.documentElement.scrollWidth <= innerWidth")
    bands = browser.run("return [...document.querySelectorAll('svg text')].map(t => t.textContent)")
    assert [name for name in bands if name in ("warped", "unwarped", "gan")][:3] == [
        "warped",
        "unwarped",
        "gan",
    ]
    assert browser.run("return document.querySelectorAll('.notices li').length") == len(report.notices) > 0
    last = browser.run("return document.getElementById('preview').src")
    assert last.endswith("00000080.jpg")
    browser.press("#when", "\ue012")  # one to the left
    earlier = browser.run("return document.getElementById('preview').src")
    assert earlier < last
    assert browser.run("return document.getElementById('words').textContent").startswith("step ")
    shown = "document.getElementById('preview')"
    assert (
        browser.run(f"return {shown}.decode().then(() => {shown}.naturalWidth)") > 0
    )  # waits for the picture
    names = browser.run("return [...document.querySelectorAll('th')].map(t => t.textContent)")
    assert {"preset", "batch", "gan", "family", "turn", "final losses: total"} <= set(names)


# -- TensorBoard -------------------------------------------------------------------------------------------


def test_tensorboard_gets_scalars_and_pictures(go: Go, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    go(steps=3, board=True)
    events = EventAccumulator(str(tmp_path / "anna.training" / "board"))
    events.Reload()
    assert "train/total" in events.Tags()["scalars"]
    assert events.Scalars("train/total")[-1].step == 3
    assert events.Tags()["images"] == ["preview"]


FULL_BOARD = """
import resource, signal, sys, time
from pathlib import Path
import numpy as np
from fastswap.errors import OutputError
from fastswap.training.board import Board
board = Board(Path(sys.argv[1]))
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
noise = np.random.default_rng(0).integers(0, 256, (300, 300, 3), np.uint8)
errors = 0
for step in range(400):
    try:
        board.picture(step, noise)
        board.scalars(step, {"loss": 1.0})
    except OutputError as error:
        errors += 1
        print(error)
    if errors:
        break
    time.sleep(0.05)
board.scalars(0, {"loss": 1.0})
board.close()
"""


def test_a_full_disk_ends_tensorboards_files_and_nothing_else(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    done = subprocess.run(
        [sys.executable, "-c", FULL_BOARD, str(tmp_path / "board")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "TensorBoard's files cannot be written" in done.stdout
    assert "Traceback" not in done.stderr


def test_without_tensorboard_one_line_says_what_to_do(go: Go, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(TrainingError, match=r"pip install 'fastswap\[board\]'"):
        go(board=True)
