"""Extraction that goes on, side by side and without duplicates; and the tools that tend a faceset."""

from __future__ import annotations

import json
import re
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from typer.testing import CliRunner

import people
from fastswap import actors, video
from fastswap.cli import build
from fastswap.errors import FastswapError, InputError, ModelError, OutputError, SettingsError
from fastswap.progress import Progress
from fastswap.training import coverage, curate, likeness
from fastswap.training.checks import coverage_notices
from fastswap.training.curate import LEFT_OUT, Criteria, filter_faceset, merge, ordered, rename_in_order
from fastswap.training.extract import extract
from fastswap.training.faceset import INDEX, Faceset, open_faceset
from fastswap.training.persons import several
from fastswap.training.split import split
from fastswap.training.store import FaceArrays, load_faces

TWO = people.people(((actors.ANNA, actors.Pose(x=0.27)), (actors.BO, actors.Pose(x=0.73, scale=0.8))))


@pytest.fixture
def anna(facesets: tuple[Path, Path], tmp_path: Path) -> Path:
    """A copy of Anna's faceset that a test may change."""
    return Path(shutil.copytree(facesets[0], tmp_path / "anna"))


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    """Three photographs, of different persons and poses."""
    made = []
    for number, (who, pose) in enumerate(
        ((actors.ANNA, actors.Pose()), (actors.BO, actors.Pose(yaw=20)), (actors.CLEO, actors.Pose(jaw=0.6)))
    ):
        made.append(tmp_path / f"photo{number}.png")
        video.save_picture(made[-1], people.person(who, pose).rgb)
    return made


# -- extraction ---------------------------------------------------------------------------------------------


def test_files_side_by_side_give_what_one_after_the_other_gives(pictures: list[Path], tmp_path: Path) -> None:
    one = extract(pictures, tmp_path / "one", size=64)
    many = extract(pictures, tmp_path / "many", size=64, jobs=2)
    assert one.faces == many.faces == 3
    assert (tmp_path / "one" / INDEX).read_bytes() == (tmp_path / "many" / INDEX).read_bytes()
    assert {entry.track for entry in open_faceset(tmp_path / "many").entries} == {0, 1, 2}
    with pytest.raises(SettingsError, match="--jobs"):
        extract(pictures, tmp_path / "three", size=64, jobs=2, faces="track:0")
    with pytest.raises(SettingsError, match="--jobs 0"):
        extract(pictures, tmp_path / "three", size=64, jobs=0)


def test_a_stopped_extraction_goes_on_with_the_other_files(
    pictures: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "faces"

    def stop(progress: Progress) -> None:
        if progress.note == pictures[1].name:
            raise KeyboardInterrupt

    # Reports are otherwise a tenth of a second apart.
    monkeypatch.setattr(sys.modules["fastswap.training.extract"], "_REPORT_S", -1.0)
    with pytest.raises(KeyboardInterrupt):
        extract(pictures, out, size=64, progress=stop)
    assert len(open_faceset(out).entries) == 1
    report = extract(pictures, out, size=64)
    assert (report.faces, report.total) == (2, 3)
    assert any("1 files were extracted before" in notice for notice in report.notices)
    again = extract(pictures, out, size=64)
    assert (again.faces, again.total) == (0, 3)
    next(out.glob("*.jpg")).unlink()
    assert extract(pictures, out, size=64).total == 2
    assert not (tmp_path / "faces.unfinished").exists()


def test_one_bad_file_among_many_is_left_out(pictures: list[Path], tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("no video")
    report = extract([tmp_path / "text.mp4", *pictures], tmp_path / "faces", size=64)
    assert report.faces == 3
    assert any("text.mp4" in notice for notice in report.notices)


def test_pictures_that_are_nearly_the_same_are_left_out(tmp_path: Path) -> None:
    still = [people.person(actors.BO, actors.Pose()).rgb] * 3
    moved = [people.person(actors.BO, pose).rgb for pose in (actors.Pose(yaw=25), actors.Pose(jaw=0.7))]
    video.write_video(tmp_path / "bo.mp4", [*still, *moved], fps=25)
    report = extract([tmp_path / "bo.mp4"], tmp_path / "faces", size=64, duplicates=16)
    assert report.skipped["nearly the same as another"] == 2
    assert report.faces == 3
    every = extract([tmp_path / "bo.mp4"], tmp_path / "all", size=64, duplicates=0)
    assert every.faces == 5


def test_the_hash_sees_the_face_and_not_its_exposure() -> None:
    crops = [
        people.person(actors.BO, pose).rgb[60:240, 110:290].mean(axis=2).astype(np.float32) / 255
        for pose in (actors.Pose(), actors.Pose(jaw=0.5), actors.Pose(yaw=25))
    ]
    first = likeness.face_hash(crops[0])
    others = [0.6 * crops[0] + 0.1, crops[0] + np.float32(0.004) * np.sin(np.arange(180)), *crops[1:]]
    away = likeness.distances(first, likeness.words([likeness.face_hash(crop) for crop in others])).tolist()
    assert away[0] == 0
    assert away[1] <= 2
    assert away[2] > 6
    assert away[3] > 20


# -- tending ------------------------------------------------------------------------------------------------


def test_a_filter_sets_aside_and_moving_back_brings_back(anna: Path) -> None:
    faceset = open_faceset(anna)
    limit = float(np.median([entry.yaw for entry in faceset.entries]))
    criteria = Criteria(min_yaw=limit)
    told = filter_faceset(faceset, criteria, dry_run=True)
    assert len(open_faceset(anna).entries) == 12
    assert filter_faceset(faceset, criteria) == told | {"dry_run": False}
    left = open_faceset(anna).entries
    assert len(left) == told["stay"] < 12
    assert all(entry.yaw >= limit for entry in left)
    for path in (anna / LEFT_OUT).iterdir():
        path.replace(anna / path.name)
    assert open_faceset(anna).entries == faceset.entries
    with pytest.raises(InputError, match="no picture meets this"):
        filter_faceset(faceset, Criteria(min_sharpness=99.0))
    assert len(open_faceset(anna).entries) == 12
    with pytest.raises(SettingsError, match="at least one"):
        Criteria()


@pytest.mark.parametrize(
    ("criteria", "stays"),
    [
        (Criteria(min_size=1e4), False),
        (Criteria(max_brightness=0.01), False),
        (Criteria(min_score=0.1), True),
        (Criteria(tracks=(7,)), False),
        (Criteria(sources=("anna.mp4",)), True),
        (Criteria(max_pitch=-80.0), False),
    ],
)
def test_each_criterion_judges(facesets: tuple[Path, Path], criteria: Criteria, stays: bool) -> None:
    stay, go = curate.apart(open_faceset(facesets[0]), criteria)
    assert (len(stay), len(go)) == ((12, 0) if stays else (0, 12))


def test_pictures_alike_are_found_across_a_faceset(anna: Path) -> None:
    entries = open_faceset(anna).entries
    stay, go = curate.apart(open_faceset(anna), Criteria(duplicates=60))
    assert 1 <= len(stay) < 12
    assert len(stay) + len(go) == 12
    assert max(entry.sharpness for entry in entries) == max(entry.sharpness for entry in stay)


@pytest.mark.parametrize("by", curate.SORTS)
def test_a_sort_renames_and_loses_nothing(anna: Path, by: str) -> None:
    before = open_faceset(anna)
    wanted = [entry.index for entry in ordered(before, by)]
    assert rename_in_order(before, by) == 12
    assert rename_in_order(open_faceset(anna), by) == 12
    after = open_faceset(anna)
    assert not after.notices
    assert [entry.index for entry in sorted(after.entries, key=lambda entry: entry.file)] == wanted
    assert after.entries[0].file.startswith("00000_anna_")
    assert len(load_faces([anna], 32, 1.0)) == 12


def test_a_sort_that_is_stopped_loses_nothing(anna: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    moved = 0
    replace = Path.replace

    def stop(self: Path, target: Path) -> Path:
        nonlocal moved
        moved += 1
        if moved > 5:
            raise OSError(28, "No space left on device")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", stop)
    with pytest.raises(OutputError, match="cannot rename"):
        rename_in_order(open_faceset(anna), "yaw")
    monkeypatch.undo()
    assert len(open_faceset(anna).entries) == 12


def test_merged_facesets_keep_tracks_apart(facesets: tuple[Path, Path], anna: Path, tmp_path: Path) -> None:
    done = merge([facesets[0], anna, facesets[1]], tmp_path / "both")
    assert len(done.entries) == 36
    assert len({entry.track for entry in done.entries}) == 3
    assert len(load_faces([tmp_path / "both"], 32, 1.0)) == 36
    with pytest.raises(OutputError, match="exists already"):
        merge([facesets[0], facesets[1]], tmp_path / "both")
    with pytest.raises(SettingsError, match="two facesets"):
        merge([anna], tmp_path / "one")
    lines = (anna / INDEX).read_text().replace('"size":128', '"size":120', 1)
    (anna / INDEX).write_text(lines)
    with pytest.raises(SettingsError, match="another size"):
        merge([facesets[0], anna], tmp_path / "bad")
    assert not (tmp_path / "bad").exists()


def recogniser(path: Path) -> Path:
    """A network that tells two actors apart by the colour of their skin: the mean of the crop's middle, centred."""
    kernel = np.zeros((3, 3, 112, 112), np.float32)
    for channel in range(3):
        kernel[channel, channel, 40:72, 30:82] = 1.0 / (32 * 52)
    center = np.array([0.45, 0.12, -0.05], np.float32)[:, None, None]
    nodes = [
        helper.make_node("Conv", ["face", "kernel"], ["mean"]),
        helper.make_node("Sub", ["mean", "center"], ["centred"]),
        helper.make_node("Flatten", ["centred"], ["embedding"]),
    ]
    graph = helper.make_graph(
        nodes,
        "recogniser",
        [helper.make_tensor_value_info("face", TensorProto.FLOAT, ["N", 3, 112, 112])],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["N", 3])],
        [numpy_helper.from_array(kernel, "kernel"), numpy_helper.from_array(center, "center")],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), str(path))
    return path


def test_persons_are_split_by_a_recogniser_or_by_track(
    facesets: tuple[Path, Path], anna: Path, tmp_path: Path
) -> None:
    mixed = merge([facesets[0], facesets[1], anna], tmp_path / "mixed")
    network = recogniser(tmp_path / "recogniser.onnx")
    found = split(mixed, tmp_path / "persons", recogniser=network)
    assert [len(each.entries) for each in found] == [24, 12]
    assert {entry.source for entry in found[0].entries} == {"anna.mp4"}
    assert {entry.source for entry in found[1].entries} == {"bo.mp4"}
    by_track = split(mixed, tmp_path / "tracks")
    assert [len(each.entries) for each in by_track] == [12, 12, 12]
    for entry in mixed.entries[:2]:
        mixed.path(entry).write_bytes(b"damaged")
    found = split(mixed, tmp_path / "readable", recogniser=network)
    assert [len(each.entries) for each in found] == [22, 12]
    with pytest.raises(InputError, match="13 pictures"):
        split(mixed, tmp_path / "none", least=13)
    (tmp_path / "bad.onnx").write_text("nothing")
    with pytest.raises(ModelError, match=r"bad\.onnx"):
        split(mixed, tmp_path / "none", recogniser=tmp_path / "bad.onnx")
    with pytest.raises(ModelError, match="no such recogniser"):
        split(mixed, tmp_path / "none", recogniser=tmp_path / "gone.onnx")


# -- coverage and warnings -----------------------------------------------------------------------------------


def poses(*pairs: tuple[float, float]) -> FaceArrays:
    planes = np.zeros((len(pairs), 5, 8, 8), np.uint8)
    return FaceArrays((planes,), 1.3, "dfl_whole_face", (), np.array(pairs, np.float32))


def test_coverage_counts_and_finds_what_lacks() -> None:
    source = poses(*((yaw, 0.0) for yaw in (-12, -3, 0, 4, 11)))
    target = poses((0, 0), (21, 3), (45, 0), (44, 2), (0, 40))
    assert source.poses is not None
    assert target.poses is not None
    found = coverage.compare(source.poses, target.poses)
    assert found.source.sum() == found.target.sum() == 5
    assert found.source[6, 9] == 3
    assert found.share == pytest.approx(3 / 5)
    assert set(found.ranges()) == {
        "yaw 50, pitch 0: 1 faces",
        "yaw 40, pitch 0: 1 faces",
        "yaw 0, pitch 40: 1 faces",
    }
    (notice,) = coverage_notices(source, target)
    assert "60% of the target's faces" in notice
    sided = coverage_notices(poses(*((yaw, 0.0) for yaw in range(10, 40))), poses((20, 0)))
    assert any("look to one side, yaw 11 to 38" in notice for notice in sided)
    svg = coverage.plot([("a <b>", found.source), ("target", found.target)], found.lacking)
    assert svg.count("#d22") == int(found.lacking.sum()) * 2
    assert "a &lt;b&gt;" in svg
    texts = [text.text for text in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]
    assert texts.count("3") == 1  # the faces of a cell stand in it
    assert {"60°", "-30°", "50°"} <= set(texts)  # what occurs, and one more
    assert "-60°" not in texts
    assert any("red" in str(text) for text in texts)
    alone = coverage.plot([("source", found.source)])
    assert "#d22" not in alone
    assert "red" not in alone


def test_several_persons_in_one_faceset_are_told(tmp_path: Path) -> None:
    path = tmp_path / "two.png"
    video.save_picture(path, TWO.rgb)
    extract([path], tmp_path / "faces", size=64, faces="all")
    notice = several([open_faceset(tmp_path / "faces")])
    assert notice is not None
    assert "several persons are mixed" in notice
    extract([path], tmp_path / "one", size=64)
    assert several([open_faceset(tmp_path / "one")]) is None


def test_tracks_of_other_proportions_are_several_persons(facesets: tuple[Path, Path], anna: Path) -> None:
    """The faces again, as a second track, on a head that is so much wider."""
    found = open_faceset(facesets[0])

    def with_another(wider: float, other: Faceset | None = None) -> str | None:
        again = [replace(entry, yaw=0.0, index=entry.index + 100, track=1) for entry in found.entries]
        faces = [
            replace(entry, landmarks=[[x * wider, y, z] for x, y, z in entry.landmarks]) for entry in again
        ]
        straight = [replace(entry, yaw=0.0) for entry in found.entries]
        if other is not None:
            return several([replace(found, entries=tuple(straight)), replace(other, entries=tuple(faces))])
        return several([replace(found, entries=tuple(straight + faces))])

    assert with_another(1.0) is None
    assert with_another(1.03) is None
    assert "2 persons, by the proportions of their faces" in str(with_another(1.15))
    assert f"{facesets[0]}, {anna}: the tracks" in str(with_another(1.15, open_faceset(anna)))


# -- the commands -------------------------------------------------------------------------------------------


def run(*arguments: object) -> str:
    done = CliRunner().invoke(build(), ["faceset", *map(str, arguments)])
    assert done.exit_code == 0, (done.output, done.exception)
    return done.stdout


def test_the_commands(anna: Path, facesets: tuple[Path, Path], tmp_path: Path) -> None:
    (listed,) = json.loads(run("list", anna, "--json"))
    assert listed["pictures"] == 12
    assert "12" in run("list", anna)
    assert json.loads(run("filter", anna, "--max-yaw", 5, "--dry-run", "--json"))["dry_run"]
    run("sort", anna, "--by", "similarity")
    run("sheet", anna, "--by", "yaw", "--out", tmp_path / "sheet.png", "--most", 6)
    sheet = video.load_picture(tmp_path / "sheet.png")
    assert sheet.shape == (22 + 2 * (96 + 15), 3 * (96 + 4) + 4, 3)
    told = json.loads(
        run("coverage", "--source", anna, "--target", facesets[1], "--out", tmp_path / "c.svg", "--json")
    )
    assert told["source faces"] == told["target faces"] == 12
    assert (tmp_path / "c.svg").read_text().startswith("<svg")
    run("merge", anna, facesets[1], "--out", tmp_path / "both")
    assert len(json.loads(run("split", tmp_path / "both", "--out", tmp_path / "people", "--json"))) == 2


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("list", "{gone}"), "no such faceset"),
        (("sort", "{anna}", "--by", "beauty"), "'beauty'.*similarity"),
        (("filter", "{anna}"), "at least one"),
        (("sheet", "{anna}", "--most", "0"), "--most"),
        (("coverage", "--source", "{anna}", "--out", "c.png"), "svg"),
        (("split", "{anna}", "--out", "{gone}/x"), "cannot make"),
        (("split", "{anna}", "--out", "{gone}", "--same", "3"), "--same"),
    ],
)
def test_bad_commands_are_one_line(
    anna: Path, tmp_path: Path, arguments: tuple[str, ...], complaint: str
) -> None:
    given = [part.format(anna=anna, gone=tmp_path / "gone") for part in arguments]
    done = CliRunner().invoke(build(), ["faceset", *given])
    assert done.exit_code != 0
    assert isinstance(done.exception, FastswapError)
    assert re.search(complaint, str(done.exception))
    assert "\n" not in str(done.exception)
