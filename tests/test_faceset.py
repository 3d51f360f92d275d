"""Facesets: cut from footage, safe to weed by hand, and read back as training needs them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

import compare
import people
from fastswap import actors, align, video
from fastswap.errors import InputError, OutputError, SettingsError, TrainingError
from fastswap.faces import Face
from fastswap.progress import Progress
from fastswap.training.extract import extract
from fastswap.training.faceset import INDEX, SHEET, open_faceset
from fastswap.training.quality import GAUGE, Limits, refuse, sharpness
from fastswap.training.store import DENSITY, load_faces

TWO = people.people(((actors.ANNA, actors.Pose(x=0.27)), (actors.BO, actors.Pose(x=0.73, scale=0.8))))


@pytest.fixture
def anna(facesets: tuple[Path, Path], tmp_path: Path) -> Path:
    """A copy of Anna's faceset that a test may damage."""
    return Path(shutil.copytree(facesets[0], tmp_path / "anna"))


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """One photograph of one person."""
    path = tmp_path / "photo.png"
    video.save_picture(path, people.person().rgb)
    return path


def leftovers(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if ".partial" in path.name]


def test_every_frame_becomes_a_picture_that_the_index_knows(facesets: tuple[Path, Path]) -> None:
    faceset = open_faceset(facesets[0])
    assert len(faceset.entries) == 12
    assert not faceset.notices
    assert [entry.index for entry in faceset.entries] == list(range(12))
    assert {entry.source for entry in faceset.entries} == {"anna.mp4"}
    names = {entry.file for entry in faceset.entries}
    assert {path.name for path in facesets[0].iterdir() if path.name[0] != "."} == names | {INDEX, SHEET}
    for entry in faceset.entries:
        assert video.load_picture(faceset.path(entry)).shape == (128, 128, 3)


def test_the_contact_sheet_shows_all_faces(facesets: tuple[Path, Path]) -> None:
    sheet = video.load_picture(facesets[0] / SHEET).astype(int)
    faceset = open_faceset(facesets[0])
    assert sheet.shape == (22 + 3 * 111, 4 + 4 * 100, 3)
    for number, entry in enumerate(faceset.entries):
        top, left = 22 + number // 4 * 111, 4 + number % 4 * 100
        picture = video.load_picture(faceset.path(entry))
        edge = round(128 * (1 - 1 / 1.3) / 2)  # the middle, which a model sees
        shown = cv2.resize(picture[edge:-edge, edge:-edge], (96, 96), interpolation=cv2.INTER_AREA)
        assert np.abs(sheet[top : top + 96, left : left + 96] - shown).mean() < 8
        assert sheet[top + 98 : top + 105, left : left + 96].max() > 100  # its caption
    assert sheet[:22].max() > 150  # the title


def test_faces_lie_on_the_template_and_landmarks_on_the_face(facesets: tuple[Path, Path]) -> None:
    faceset = open_faceset(facesets[0])
    inset = (align.TEMPLATES["dfl_whole_face"] - 0.5) / faceset.header.coverage + 0.5
    for entry in faceset.entries:
        placed = align.five_points(entry.points())
        fit = align.fit_similarity(placed, inset * 128)
        np.testing.assert_allclose(fit, [[1, 0, 0], [0, 1, 0]], atol=compare.FACESET_FIT)
        display = align.apply(np.array(entry.transform), entry.points()[:, :2])
        left, top, right, bottom = entry.box
        assert [*display.min(axis=0), *display.max(axis=0)] == pytest.approx(
            [left, top, right, bottom], abs=compare.FACESET_PX
        )


def test_a_second_extraction_adds_to_the_first(anna: Path, picture: Path) -> None:
    before = open_faceset(anna).entries
    report = extract([picture], anna, size=128)
    after = open_faceset(anna).entries
    assert (report.faces, report.total) == (1, 13)
    assert after[:12] == before
    assert after[12].source == "photo.png"
    assert after[12].pts is None or after[12].pts == 0
    assert not leftovers(anna.parent)


def test_two_inputs_of_one_name_do_not_overwrite_each_other(picture: Path, tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    other = tmp_path / "more" / picture.name
    video.save_picture(other, people.moved(people.person().rgb, 6, 3))
    report = extract([picture, other], tmp_path / "faces", size=64)
    assert report.faces == 2
    assert len({entry.file for entry in open_faceset(tmp_path / "faces").entries}) == 2


def test_pictures_deleted_by_hand_are_forgotten(anna: Path) -> None:
    for path in sorted(anna.glob("*.jpg"))[:3]:
        path.unlink()
    faceset = open_faceset(anna)
    assert len(faceset.entries) == 9
    assert not faceset.notices
    assert len(load_faces([anna], 32, 1.0).planes) == 9


def test_a_strange_picture_is_ignored_with_a_notice(anna: Path) -> None:
    shutil.copy(next(anna.glob("*.jpg")), anna / "holiday.jpg")
    faceset = open_faceset(anna)
    assert len(faceset.entries) == 12
    assert "1 pictures are not in" in faceset.notices[0]


def test_a_damaged_picture_is_left_out_with_a_notice(anna: Path) -> None:
    bad = next(anna.glob("*.jpg"))
    bad.write_bytes(b"not a picture")
    faces = load_faces([anna], 32, 1.0)
    assert len(faces.planes) == 11
    assert any(f"1 damaged pictures are left out ({bad.name})" in notice for notice in faces.notices)


def test_damaged_lines_of_the_index_are_ignored(anna: Path) -> None:
    lines = (anna / INDEX).read_text().splitlines()
    lines[2] = lines[2][:50]
    lines[3] = json.dumps(json.loads(lines[3]) | {"landmarks": [[0, 0, 0]]})
    lines[4] = json.dumps(json.loads(lines[4]) | {"file": "../elsewhere.jpg"})
    (anna / INDEX).write_text("\n".join(lines))
    faceset = open_faceset(anna)
    assert len(faceset.entries) == 9
    assert any("3 damaged lines" in notice for notice in faceset.notices)


@pytest.mark.parametrize(
    ("header", "complaint"),
    [
        ("", "not the index"),
        ("{}", "not the index"),
        ('{"fastswap_faceset":9,"size":64,"template":"dfl_whole_face","coverage":1.3}', "newer"),
        ('{"fastswap_faceset":1,"size":64,"template":"upside_down","coverage":1.3}', "no sense"),
    ],
)
def test_a_bad_header_is_one_line(anna: Path, header: str, complaint: str) -> None:
    lines = (anna / INDEX).read_text().splitlines()
    (anna / INDEX).write_text("\n".join([header, *lines[1:]]))
    with pytest.raises(InputError, match=complaint):
        open_faceset(anna)


def test_folders_that_are_no_facesets(tmp_path: Path, anna: Path) -> None:
    with pytest.raises(InputError, match="no such"):
        open_faceset(tmp_path / "gone")
    with pytest.raises(InputError, match="not a faceset"):
        open_faceset(tmp_path)
    for path in anna.glob("*.jpg"):
        path.unlink()
    with pytest.raises(InputError, match="no pictures"):
        open_faceset(anna)


def test_every_nth_frame_and_progress(face_clip: Path, tmp_path: Path) -> None:
    said: list[Progress] = []
    report = extract([face_clip], tmp_path / "faces", size=64, every=6, progress=said.append)
    assert [entry.index for entry in open_faceset(tmp_path / "faces").entries] == [0, 6, 12, 18]
    assert report.frames == 20
    assert said
    assert said[0].stage == "extract"


def test_a_folder_of_mixed_files(tmp_path: Path, picture: Path) -> None:
    folder = tmp_path / "mixed"
    (folder / "deeper").mkdir(parents=True)
    shutil.copy(picture, folder / "a.png")
    shutil.copy(picture, folder / "deeper" / "b.png")
    (folder / "notes.txt").write_text("nothing to see")
    report = extract([folder], tmp_path / "faces", size=64)
    assert report.faces == 2
    assert any("1 files that are no footage" in notice for notice in report.notices)


def test_the_largest_face_all_faces_and_one_track(tmp_path: Path) -> None:
    path = tmp_path / "two.png"
    video.save_picture(path, TWO.rgb)
    largest = extract([path], tmp_path / "largest", size=64)
    assert largest.faces == 1
    assert largest.skipped["not the largest face"] == 1
    every = extract([path], tmp_path / "all", size=64, faces="all")
    assert every.faces == 2
    entries = open_faceset(tmp_path / "all").entries
    assert {entry.track for entry in entries} == {0, 1}
    widest = max(entries, key=lambda entry: entry.box[2] - entry.box[0])
    assert open_faceset(tmp_path / "largest").entries[0].box == widest.box
    one = extract([path], tmp_path / "one", size=64, faces="track:1")
    assert [entry.track for entry in open_faceset(tmp_path / "one").entries] == [1]
    assert one.faces == 1


def test_no_face_anywhere_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "wall.png"
    video.save_picture(path, people.people(()).rgb)
    with pytest.raises(InputError, match=r"wall\.png: no usable face.*no face in the frame: 1"):
        extract([path], tmp_path / "faces")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["wall.png"]


def test_limits_count_what_they_leave_out(picture: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="too small: 1"):
        extract([picture], tmp_path / "faces", limits=Limits(size=400))
    with pytest.raises(InputError, match="blurred: 1"):
        extract([picture], tmp_path / "faces", limits=Limits(sharpness=5.0))
    assert not (tmp_path / "faces").exists()


def test_ctrl_c_leaves_nothing(face_clip: Path, tmp_path: Path) -> None:
    def stop(progress: Progress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        extract([face_clip], tmp_path / "faces", progress=stop)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"size": 8}, "--size"),
        ({"every": 0}, "--every"),
        ({"faces": "some"}, "--faces"),
        ({"faces": "track:x"}, "--faces"),
        ({"template": "?"}, "template"),
        ({"coverage": 0.1}, "coverage"),
    ],
)
def test_bad_options_are_named(
    picture: Path, tmp_path: Path, options: dict[str, object], complaint: str
) -> None:
    with pytest.raises(SettingsError, match=complaint):
        extract([picture], tmp_path / "faces", **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "wrong", [{"size": -1.0}, {"sharpness": float("nan")}, {"yaw": 0.0}, {"pitch": 270.0}]
)
def test_limits_that_make_no_sense(wrong: dict[str, float]) -> None:
    with pytest.raises(SettingsError, match=next(iter(wrong))):
        Limits(**wrong)  # type: ignore[arg-type]


def test_bad_places_for_a_faceset(picture: Path, anna: Path, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="is a file"):
        extract([picture], picture)
    with pytest.raises(OutputError, match="does not exist"):
        extract([picture], tmp_path / "no" / "faces")
    with pytest.raises(OutputError, match="no faceset"):
        extract([picture], tmp_path)
    with pytest.raises(SettingsError, match="another size"):
        extract([picture], anna, size=64)
    with pytest.raises(SettingsError, match="same folder"):
        extract([anna], anna, size=128)


def test_bad_footage(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(InputError, match="no footage was named"):
        extract([], tmp_path / "faces")
    with pytest.raises(InputError, match=r"gone\.mp4"):
        extract([tmp_path / "gone.mp4"], tmp_path / "faces")
    with pytest.raises(InputError, match="no videos or pictures"):
        extract([tmp_path / "empty"], tmp_path / "faces")
    with pytest.raises(InputError, match=r"text\.mp4"):
        extract([tmp_path / "text.mp4"], tmp_path / "faces")
    assert not leftovers(tmp_path)


def face(landmarks: NDArray[np.float32], score: float = 1.0) -> Face:
    return Face(0, score, landmarks)


def test_reasons_to_refuse_a_face() -> None:
    place = np.random.default_rng(0).uniform((40, 40), (160, 140), (468, 2))
    good = np.column_stack((place, np.zeros(468))).astype(np.float32)
    limits = Limits(yaw=40.0, pitch=30.0)
    inside = (400, 300)
    assert refuse(face(good), (10.0, -10.0, 80.0), inside, limits) is None
    assert refuse(face(good * 0.3), (0.0, 0.0, 0.0), inside, limits) == "too small"
    assert refuse(face(good, 0.5), (0.0, 0.0, 0.0), inside, limits) == "doubtful"
    assert refuse(face(good), (0.0, 0.0, 0.0), (120, 300), limits) == "cut off by the frame"
    assert refuse(face(good), (-41.0, 0.0, 0.0), inside, limits) == "turned too far sideways"
    assert refuse(face(good), (0.0, 31.0, 0.0), inside, limits) == "turned too far up or down"


def test_sharpness_falls_with_blur_and_not_with_contrast() -> None:
    rgb = people.person().rgb
    crop = cv2.resize(rgb[60:240, 110:290], (GAUGE, GAUGE), interpolation=cv2.INTER_AREA)
    planes = np.ascontiguousarray(crop.transpose(2, 0, 1), np.float32) / 255.0
    values = [sharpness(planes)]
    for sigma in (0.7, 1.5, 3.0):
        soft = cv2.GaussianBlur(planes.transpose(1, 2, 0), (0, 0), sigma).transpose(2, 0, 1)
        values.append(sharpness(np.ascontiguousarray(soft)))
    assert values == sorted(values, reverse=True)
    assert values[-1] < 0.3 * values[0]
    assert sharpness(planes * np.float32(0.4) + np.float32(0.1)) == pytest.approx(values[0], rel=1e-3)


def test_planes_hold_the_picture_its_outline_and_its_features(facesets: tuple[Path, Path]) -> None:
    faces = load_faces([facesets[0]], 64, 1.0)
    faceset = open_faceset(facesets[0])
    side = round(64 * 1.3 * DENSITY / 2) * 2
    assert faces.planes.shape == (12, 5, side, side)
    assert faces.ratio == pytest.approx(1.3)
    for entry, planes in zip(faceset.entries, faces.planes, strict=True):
        rgb = cv2.resize(video.load_picture(faceset.path(entry)), (side, side), interpolation=cv2.INTER_AREA)
        gap = np.abs(planes[:3].transpose(1, 2, 0).astype(int) - rgb)
        assert gap.mean() < compare.FACESET_RGB
        points = entry.points()[:, :2] * (side / 128)
        polygon = np.zeros((side, side), np.uint8)
        cv2.fillPoly(polygon, [np.rint(align.outline(points)).astype(np.int32)], 255)
        assert np.abs(planes[3].astype(int) - polygon).mean() < compare.FACESET_MASK
        for x, y in (points[[159, 145]].mean(axis=0), points[13]):
            assert planes[4, int(y), int(x)] > 200
        assert (planes[4] > 0).mean() < 0.15
        x, y = points[align.CHIN]
        assert planes[4, int(y), int(x)] == 0


def test_sets_that_cannot_be_trained_on(facesets: tuple[Path, Path], anna: Path, tmp_path: Path) -> None:
    for path in sorted(anna.glob("*.jpg"))[:6]:
        path.unlink()
    with pytest.raises(TrainingError, match="6 usable faces"):
        load_faces([anna], 32, 1.0)
    assert len(load_faces([anna, facesets[1]], 32, 1.0).planes) == 18
    with pytest.raises(TrainingError, match="show less"):
        load_faces([facesets[0]], 32, 1.5)
    lines = (anna / INDEX).read_text().replace('"coverage":1.3', '"coverage":1.4', 1)
    (anna / INDEX).write_text(lines)
    with pytest.raises(TrainingError, match="aligned in another way"):
        load_faces([facesets[0], anna], 32, 1.0)
