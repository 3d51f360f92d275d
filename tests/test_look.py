"""The look as a file and as options."""

from __future__ import annotations

from dataclasses import asdict, fields, replace
from pathlib import Path

import pytest

from fastswap.cli.look import OPTIONS
from fastswap.errors import InputError, OutputError, SettingsError
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


def test_every_setting_has_an_option() -> None:
    assert set(OPTIONS) == {field.name for field in fields(Look)}
    assert set(asdict(CHANGED)) == set(OPTIONS)
