"""The look as a file and as options."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, fields, replace
from pathlib import Path

import numpy as np
import pytest

from commands import Run, one_line
from fastswap import align, provenance, video
from fastswap.cli.look import OPTIONS
from fastswap.errors import InputError, OutputError, SettingsError
from fastswap.faces import MESH_POINTS
from fastswap.look import Look

CHANGED = Look(
    color="sliced",
    color_strength=0.4,
    steady=3,
    mask="mesh+box",
    forehead=0.2,
    erode=-0.1,
    feather=0.3,
    opacity=0.9,
    enlarge="lanczos",
    scale=1.1,
    sharpness=0.5,
    grain=0.7,
    motion_blur=0.5,
)


def test_a_look_comes_back_from_its_file(tmp_path: Path) -> None:
    for look in (Look(), CHANGED):
        path = tmp_path / "look.toml"
        look.save(path)
        assert Look.load(path) == look
    path.write_text('color = "mkl"\nopacity = 1\n')
    assert Look.load(path) == replace(Look(), color="mkl")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('colour = "mkl"', "colour is not a setting"),
        ('color = "lab"', "color is 'lab'; choose one of"),
        ("color = 3", "color is 3; choose one of"),
        ('blend = "glue"', "blend is 'glue'; choose one of feather, poisson, multiband"),
        ("feather = 7.0", "feather is 7.0; it must lie in"),
        ('feather = "wide"', "feather is wide; it must lie in"),
        ("feather = nan", "feather is nan; it must lie in"),
        ("grain = true", "grain is True; it must lie in"),
        ("steady = 2.5", "steady is 2.5; it must be a whole number"),
        ('mask = "mesh*hair"', "mask is 'mesh\\*hair'; join parts of"),
        ('mask = "mesh*box+ellipse"', "by \\* or by \\+, not by both"),
        ('mask = ""', "mask is ''; join parts of"),
        ("mask = 5", "mask is 5; join parts of"),
        ("[face]\nx = 1", "face is not a setting"),
    ],
)
def test_wrong_settings_name_the_file_and_the_setting(text: str, says: str, tmp_path: Path) -> None:
    path = tmp_path / "look.toml"
    path.write_text(text)
    with pytest.raises(SettingsError, match=f"look.toml: look: .*{says}"):
        Look.load(path)


def test_files_that_are_no_looks(tmp_path: Path) -> None:
    path = tmp_path / "look.toml"
    with pytest.raises(InputError, match=r"look\.toml: cannot be read"):
        Look.load(path)
    for junk in (b"color = ", b"\xff\xfe\x00", b"[[["):
        path.write_bytes(junk)
        with pytest.raises(InputError, match=r"look\.toml: not a TOML file"):
            Look.load(path)
    with pytest.raises(OutputError, match="cannot be written"):
        Look().save(tmp_path / "no" / "such" / "look.toml")


def test_masks_are_read_as_products_or_unions() -> None:
    assert (Look().mask_parts, Look().mask_join) == (("mesh", "generator"), "product")
    look = Look(mask=" box + mesh+box ")
    assert (look.mask_parts, look.mask_join) == (("box", "mesh"), "union")
    assert Look(mask="generator").mask_parts == ("generator",)


def test_a_look_file_and_options_that_override_it(
    face_clip: Path, generator: Path, run: Run, tmp_path: Path
) -> None:
    """Through the command: what was used is what the file says, where no option says otherwise."""
    file, out = tmp_path / "look.toml", tmp_path / "out.mp4"
    replace(CHANGED, color="mkl", mask="mesh+ellipse").save(file)
    options = ("--look", file, "--grain", "0.2", "--color-strength", "0.9", "--mask", "ellipse*generator")
    code, text, error = run("render", face_clip, out, "-m", generator, *options, "--json")
    assert code == 0, error
    assert json.loads(text)["swapped"] == 20
    want = replace(CHANGED, color="mkl", mask="ellipse*generator", grain=0.2, color_strength=0.9)
    assert look_in(out) == asdict(want)


def look_in(path: Path) -> dict[str, object]:
    """The look that a signed file says it was made with."""
    text = json.dumps(provenance.verify(path).as_dict())
    found = re.search(r'"look": (\{[^{}]*\})', text)
    assert found, text
    return dict(json.loads(found[1]))


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--look", "none.toml"), "none.toml: cannot be read"),
        (("--color", "lab"), "color is 'lab'"),
        (("--mask", "mesh*hair"), "mask is 'mesh*hair'"),
        (("--steady", "40"), "steady is 40"),
        (("--feather", "nan"), "feather is nan"),
        (("--mask-file", "none.png"), "none.png"),
    ],
)
def test_bad_options_are_one_line(
    options: tuple[str, ...], says: str, face_clip: Path, generator: Path, run: Run, tmp_path: Path
) -> None:
    out = tmp_path / "out.mp4"
    code, _, error = run("render", face_clip, out, "-m", generator, *options)
    assert code != 0
    assert says in one_line(error)
    assert not out.exists()


def test_a_mask_file_keeps_the_face_away_from_where_it_is_black(
    face_clip: Path, generator: Path, run: Run, tmp_path: Path
) -> None:
    """Black everywhere: not a sample changes, though every frame has a face."""
    mask = tmp_path / "mask.png"
    video.save_picture(mask, np.zeros((240, 320, 3), np.uint8))
    out = tmp_path / "out.mkv"
    encoder = ("--encoder", "ffv1")
    code, _, error = run("render", face_clip, out, "-m", generator, "--mask-file", mask, *encoder)
    assert code == 0, error
    with video.Reader(face_clip) as before, video.Reader(out) as after:
        for old, new in zip(before, after, strict=True):
            assert all(np.array_equal(p, q) for p, q in zip(old.planes, new.planes, strict=True))


def test_the_forehead_is_raised_and_lengths_follow_the_template() -> None:
    rng = np.random.default_rng(0)
    landmarks = np.zeros((MESH_POINTS, 3), np.float32)
    landmarks[:, :2] = rng.uniform(-1, 1, (MESH_POINTS, 2)) * (50, 30) + (200, 230)
    landmarks[align.FOREHEAD, :2], landmarks[align.CHIN, :2] = (200, 100), (200, 300)
    for index in (*align.RIGHT_EYE_CORNERS, *align.LEFT_EYE_CORNERS):
        landmarks[index, :2] = (200, 170)
    for raised in (-0.1, 0.0, 0.07, 0.3):
        outline = align.outline(landmarks, raised)
        assert outline[:, 1].min() == pytest.approx(100 - 200 * raised, abs=0.01)
        assert outline[:, 1].max() == 300
    assert align.face_width("dfl_whole_face", 1.0) == pytest.approx(2.25 * 0.27456)
    assert align.face_width("dfl_whole_face", 2.0) == pytest.approx(2.25 * 0.13728)


def test_every_setting_has_an_option() -> None:
    assert set(OPTIONS) == {field.name for field in fields(Look)}
    assert set(asdict(CHANGED)) == set(OPTIONS)
