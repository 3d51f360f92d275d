"""The report page: its numbers against their definitions, and the page itself in a real browser."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path

import numpy as np
import pytest

import fastswap
from browser import Browser, needs_browser
from commands import Run, one_line
from fastswap import actors, provenance, video
from fastswap.errors import OutputError
from fastswap.page import measures
from fastswap.page.build import BINS, page_data
from fastswap.page.collect import FaceFacts, FrameFacts
from fastswap.report import Report

POINTS = np.array([[0, 0], [10, 0], [5, 6], [1, 11], [9, 11]], np.float64)


def test_jitter_is_the_distance_from_the_middle_of_the_neighbours() -> None:
    steady = POINTS + np.arange(6)[:, None, None] * [2.0, 0.5]
    assert np.allclose(measures.jitter(steady)[1:-1], 0.0)
    jumping = steady.copy()
    jumping[3] += [0.3, 0.4]  # half a pixel; the eyes are 10 apart
    found = measures.jitter(jumping)
    assert np.isnan(found[[0, -1]]).all()
    assert np.allclose(found[1:-1], [0.0, 2.5, 5.0, 2.5])
    assert np.isnan(measures.jitter(steady[:2])).all()


def test_flicker_is_the_jump_of_the_change_in_brightness() -> None:
    assert np.allclose(measures.flicker(np.array([1.0, 2.0, 3.0, 9.0, 5.0]))[1:-1], [0.0, 2.5, 5.0])


def _disc(size: int = 96) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A soft disc, and the directions from its middle."""
    place = np.arange(size) + 0.5 - size / 2
    distance = np.hypot(place[None], place[:, None])
    return np.clip((32 - distance) / 8, 0.0, 1.0).astype(np.float32), place[None, :], place[:, None]


def _mixed(before: np.ndarray, face: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    return (before * (1 - alpha) + face * alpha).astype(np.float32)


def test_the_seam_is_the_step_that_the_soft_edge_hides() -> None:
    alpha, x, _ = _disc()
    rng = np.random.default_rng(3)
    before = np.full((3, 96, 96), 0.5, np.float32)
    texture = rng.normal(0.0, 0.05, (3, 96, 96))
    same = _mixed(before, before + texture, alpha)
    shift, seam, worst = measures.shift_and_seam(before, same, alpha)
    assert abs(shift) < 0.5
    assert seam < 1.5, "texture is no seam"
    brighter = _mixed(before, before + 20 / 255, alpha)
    shift, seam, worst = measures.shift_and_seam(before, brighter, alpha)
    assert (seam, worst) == pytest.approx((20.0, 20.0), abs=0.5)
    assert 17.0 < shift < 20.0, "the mask's edge shows less than all of it"
    one_side = _mixed(before, before + np.where(x > 0, 40 / 255, 0.0), alpha)
    _, seam, worst = measures.shift_and_seam(before, one_side, alpha)
    assert seam == pytest.approx(20.0, abs=2.0)
    assert worst == pytest.approx(40.0, abs=1.0)
    assert measures.shift_and_seam(before, before, np.zeros((96, 96), np.float32)) == (0.0, 0.0, 0.0)


def _facts(index: int, track: int | None, state: str = "swapped", cut: bool = False) -> FrameFacts:
    face = FaceFacts(track or 0, 0.9, (POINTS + index**2).astype(np.float32), 1.0 * index, 2.0, 3.0)
    return FrameFacts(index, index / 25, cut, state, () if track is None else (face,))


def test_measures_over_time_do_not_cross_cuts_and_gaps() -> None:
    frames = [
        _facts(i, None if i == 4 else 0, "no face" if i == 4 else "swapped", cut=i in (0, 9))
        for i in range(14)
    ]
    data = page_data(frames, Report(output="o.mp4", input="i.mp4", model="m.onnx"), {}, {})
    (jitter,) = next(chart["series"] for chart in data["charts"] if chart["name"] == "jitter")
    known = [i for i, value in enumerate(jitter["values"]) if value is not None]
    assert known == [1, 2, 6, 7, 10, 11, 12]
    assert all(jitter["values"][i] == pytest.approx(100 * np.sqrt(2) / 10, rel=1e-3) for i in known)
    assert data["cuts"] == [9 / 25]
    assert data["states"][3:6] == ["swapped", "no face", "swapped"]


def test_a_long_video_is_binned_and_its_worst_values_stay() -> None:
    count = 3 * BINS + 5
    frames = [_facts(i, 0) for i in range(count)]
    frames[5000] = FrameFacts(5000, 200.0, False, "face in doubt")
    data = page_data(frames, Report(output="o.mp4"), {}, {})
    assert len(data["times"]) == len(data["states"]) == -(-count // 4)
    assert data["states"][1250] == "face in doubt"
    assert len(json.dumps(data)) < 1_000_000


@pytest.fixture(scope="module")
def page(generator: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Report]:
    """The page of a clip of two people with a cut, and some frames without a face."""
    folder = tmp_path_factory.mktemp("page")
    scene = actors.Scene(size=(480, 270), face_px=90)
    cast = [(actors.BO, actors.Pose(x=0.3)), (actors.CLEO, actors.Pose(x=0.7))]
    both = [actors.render_cast(cast, scene, index=i).rgb for i in range(10)]
    empty = [np.full((270, 480, 3), 30, np.uint8)] * 6
    alone = actors.Scene(size=(480, 270), face_px=120)
    one = [actors.render_frame(actors.CLEO, actors.Pose(yaw=2.0 * i), alone, index=i).rgb for i in range(10)]
    video.write_video(folder / "in <!--<script>&.mp4", [*both, *empty, *one], fps=25, options={"crf": "14"})
    report = fastswap.render(
        folder / "in <!--<script>&.mp4", folder / "out.mp4", model=generator, report_page=folder / "page.html"
    )
    return folder / "page.html", report


def _data(path: Path) -> dict:
    found = re.search(
        r'<script type="application/json" id="data">(.*?)</script>', path.read_text(), re.DOTALL
    )
    assert found
    return json.loads(found[1])


def test_the_page_holds_what_the_report_says(page: tuple[Path, Report]) -> None:
    path, report = page
    data = _data(path)
    assert len(data["times"]) == report.frames == 26
    assert data["states"].count("swapped") == report.swapped == 20
    assert data["subtitle"].startswith("in <!--<script>&.mp4")
    assert dict(data["stages"]) == report.seconds
    assert dict(data["settings"])["color"] == fastswap.Look().color
    assert dict(data["provenance"])["consent"] == "given for tests"
    assert len(data["tracks"]) >= 2
    swapped = [
        number for number, state in zip(data["numbers"], data["states"], strict=True) if state == "swapped"
    ]
    assert {sample["frame"] for sample in data["samples"]} <= set(swapped)
    assert len(data["samples"]) >= 8


def test_page_and_pictures_are_signed(page: tuple[Path, Report], tmp_path: Path) -> None:
    path, _ = page
    assert provenance.verify(path).ok
    sample = _data(path)["samples"][0]
    for side, signed in (("after", True), ("before", False)):
        picture = tmp_path / f"{side}.jpg"
        picture.write_bytes(base64.b64decode(sample[side].partition(",")[2]))
        assert provenance.verify(picture).ok is signed, (
            "what was made says so, even when it is saved out of the page"
        )
    before, after = (video.load_picture(tmp_path / f"{side}.jpg").astype(int) for side in ("before", "after"))
    assert before.shape == after.shape == (270, 480, 3)
    assert np.abs(before - after).max() > 40


def test_the_page_needs_nothing_from_outside(page: tuple[Path, Report]) -> None:
    text = page[0].read_text()
    assert "default-src 'none'" in text
    assert not re.findall(r"""(?:src|href)\s*=\s*["']?(?:https?:)?//""", text)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory):
    with Browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@needs_browser
def test_the_page_draws_itself_without_a_complaint_or_a_request(
    page: tuple[Path, Report], browser: Browser
) -> None:
    browser.log("browser"), browser.log("performance")
    browser.open(page[0])
    assert browser.log("browser") == []
    sent = [json.loads(entry["message"])["message"] for entry in browser.log("performance")]
    asked = [m["params"] for m in sent if m["method"] == "Network.requestWillBeSent"]
    urls = [request["request"]["url"] for request in asked if request["documentURL"] == page[0].as_uri()]
    assert urls
    assert [url for url in urls if not url.startswith(("file:", "data:"))] == []
    assert browser.run("return document.getElementById('title').textContent") == "out.mp4"
    assert browser.run("return document.querySelectorAll('#plots svg path').length") >= 6
    assert browser.run("return document.querySelectorAll('#settings tr').length") > 8
    assert browser.run("return document.documentElement.scrollWidth <= innerWidth"), (
        "nothing hangs over the side"
    )
    assert browser.run("return [...document.images].every(i => i.naturalWidth > 0)")


@needs_browser
def test_the_slider_moves_the_border_between_before_and_after(
    page: tuple[Path, Report], browser: Browser
) -> None:
    browser.open(page[0])
    left, top, width, height = _box(browser, "stage")
    browser.drag((left + width * 0.5, top + height / 2), (left + width * 0.9, top + height / 2))
    assert 85 < float(browser.run("return document.getElementById('slider').value")) < 95
    clip = browser.run("return getComputedStyle(document.getElementById('before')).clipPath")
    hidden = float(re.findall(r"([\d.]+)%", clip)[0])
    assert hidden == pytest.approx(
        100 - float(browser.run("return document.getElementById('slider').value")), abs=0.1
    )
    browser.press("#slider", "\ue012\ue012")  # the left arrow key, twice
    assert browser.run("return document.getElementById('handle').style.left").endswith("%")
    shown = _shown(browser, (left, top, width, height))
    browser.run(
        "const s = document.getElementById('slider'); s.value = 0; s.dispatchEvent(new Event('input'))"
    )
    assert not np.array_equal(shown, _shown(browser, (left, top, width, height)))


def _box(browser: Browser, name: str) -> tuple[float, float, float, float]:
    """Left, top, width and height of an element in the window."""
    script = f"const r = document.getElementById('{name}').getBoundingClientRect();"
    left, top, width, height = browser.run(script + "return [r.left, r.top, r.width, r.height]")
    return left, top, width, height


def _shown(browser: Browser, box: tuple[float, float, float, float]) -> np.ndarray:
    import cv2

    picture = cv2.imdecode(np.frombuffer(browser.picture(), np.uint8), cv2.IMREAD_COLOR)
    left, top, width, height = (round(v) for v in box)
    return picture[top : top + height, left : left + width]


@needs_browser
def test_the_timeline_zooms_and_chooses_frames(page: tuple[Path, Report], browser: Browser) -> None:
    browser.open(page[0])
    browser.run("document.getElementById('plots').scrollIntoView()")
    place = (
        "const r = document.getElementById('plots').getBoundingClientRect(); return [r.left, r.top, r.width]"
    )
    left, top, width = browser.run(place)
    browser.drag((left + width - 40, top + 40), (left + width - 40, top + 40))
    caption = browser.run("return document.getElementById('caption').textContent")
    assert int(re.findall(r"Frame (\d+)", caption)[0]) >= 22
    assert "frame 2" in browser.run("return document.getElementById('tip').textContent")
    before = browser.run("return document.querySelector('#plots svg').innerHTML")
    browser.drag((left + 300, top + 60), (left + 600, top + 60))
    zoomed = browser.run("return document.querySelector('#plots svg').innerHTML")
    assert zoomed != before
    browser.run(
        "document.querySelector('#plots svg').dispatchEvent(new MouseEvent('dblclick', {bubbles: true}))"
    )
    ticks = "return [...document.querySelectorAll('#plots svg text')].map(t => t.textContent).join(' ')"
    assert "0:00.00" in browser.run(ticks)


@needs_browser
def test_light_and_dark_are_both_readable(page: tuple[Path, Report], browser: Browser) -> None:
    contrast = {}
    for scheme in ("light", "dark"):
        browser.emulate(scheme)
        browser.open(page[0])
        script = "const s = getComputedStyle(document.body); return [s.backgroundColor, s.color]"
        back, ink = (_luminance(text) for text in browser.run(script))
        contrast[scheme] = (max(back, ink) + 0.05) / (min(back, ink) + 0.05)
        assert (back > ink) is (scheme == "light")
    assert min(contrast.values()) > 7, "WCAG AAA"


def _luminance(text: str) -> float:
    """Relative luminance by WCAG 2 of "rgb(r, g, b)"."""
    values = [int(v) / 255 for v in re.findall(r"\d+", text)[:3]]
    linear = [v / 12.92 if v <= 0.03928 else ((v + 0.055) / 1.055) ** 2.4 for v in values]
    return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))


@needs_browser
def test_a_page_without_a_swap_says_so(generator: Path, tmp_path: Path, browser: Browser) -> None:
    clip = tmp_path / "empty.mp4"
    video.write_video(clip, (np.full((48, 64, 3), 90, np.uint8) for _ in range(5)))
    fastswap.render(clip, tmp_path / "out.mp4", model=generator, report_page=tmp_path / "p.html")
    browser.open(tmp_path / "p.html")
    assert browser.run("return document.getElementById('no-samples').hidden") is False
    assert browser.run("return document.getElementById('stage').hidden") is True
    assert "nothing was swapped" in browser.run("return document.getElementById('notices').textContent")
    assert browser.log("browser") == []


def test_places_that_cannot_be(face_clip: Path, generator: Path, tmp_path: Path, run: Run) -> None:
    for name, says in (
        ("p.pdf", "is an .html file"),
        ("none/p.html", "none"),
        ("out.html", "place of another"),
    ):
        output = "out.html" if name == "out.html" else "out.mp4"
        with pytest.raises(OutputError, match=says):
            fastswap.render(face_clip, tmp_path / output, model=generator, report_page=tmp_path / name)
    code, _, err = run(
        "render", face_clip, tmp_path / "o.mp4", "-m", generator, "--report", tmp_path / "p.txt"
    )
    assert code == 4
    assert "p.txt" in one_line(err)
    assert list(tmp_path.iterdir()) == []
