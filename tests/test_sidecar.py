"""The .faces file: exact, readable, editable, and never silently wrong."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fastswap import sidecar, weights
from fastswap.errors import InputError, OutputError
from fastswap.faces import LANDMARK_STEP, Face, FrameFaces
from fastswap.smooth import SmootherSettings
from fastswap.track import TrackerSettings

HEADER = sidecar.Header("in.mp4", "blake2b-256:00", {"analysis": 1})


def face(track: int = 0, seed: int = 0, *, far: float = 1900.0) -> Face:
    steps = np.random.default_rng(seed).integers(0, int(far / LANDMARK_STEP), (468, 3))
    return Face(track, 0.987654321, (steps * LANDMARK_STEP - 20).astype(np.float32))


def analysis(count: int = 5) -> list[FrameFaces]:
    """Frames with none, one and two faces, a cut, a doubt and a missing time stamp."""
    faces = [(face(0, i),) if i % 3 else (face(0, i), face(1, i + 100)) for i in range(count)]
    frames = [FrameFaces(i, 512 * i, i / 30, i in (0, 3), faces[i]) for i in range(count)]
    frames[2] = replace(frames[2], faces=(), doubted=1, pts=None)
    return frames


def write(path: Path, frames: Iterable[FrameFaces], header: sidecar.Header = HEADER) -> Path:
    with sidecar.Writer(path, header) as writer:
        for frame in frames:
            writer.write(frame)
    return path


def fill(writer: sidecar.Writer) -> None:
    for frame in analysis() * 4:
        writer.write(frame)


def same(a: list[FrameFaces], b: list[FrameFaces]) -> bool:
    return len(a) == len(b) and all(
        replace(x, faces=()) == replace(y, faces=())
        and [(f.track, f.score) for f in x.faces] == [(f.track, f.score) for f in y.faces]
        and all(np.array_equal(f.landmarks, g.landmarks) for f, g in zip(x.faces, y.faces, strict=True))
        for x, y in zip(a, b, strict=True)
    )


def edit(path: Path, line: int, **change: object) -> None:
    """What a person does with an editor; None deletes the key."""
    lines = path.read_text().splitlines()
    content = {**json.loads(lines[line]), **change}
    lines[line] = json.dumps({key: value for key, value in content.items() if value is not None})
    path.write_text("\n".join(lines) + "\n")


def test_what_is_written_is_read(tmp_path: Path) -> None:
    frames = analysis()
    path = write(tmp_path / "in.mp4.faces", frames)
    assert same(list(sidecar.read(path)), frames)
    assert sidecar.read_header(path) == HEADER
    assert [p.name for p in tmp_path.iterdir()] == ["in.mp4.faces"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(
    pts=st.none() | st.integers(-(2**62), 2**62),
    time=st.floats(0, 1e7),
    score=st.floats(0, 1),
    far=st.sampled_from([100.0, 2000.0, 5000.0, 90000.0]),
    seed=st.integers(0, 99),
)
def test_any_numbers_survive(
    tmp_path: Path, pts: int | None, time: float, score: float, far: float, seed: int
) -> None:
    frame = FrameFaces(0, pts, time, True, (replace(face(7, seed, far=far), score=score),), 3)
    assert same(list(sidecar.read(write(tmp_path / "a.faces", [frame]))), [frame])


def test_it_is_text_that_a_person_can_read(tmp_path: Path) -> None:
    lines = write(tmp_path / "a.faces", analysis()).read_text().splitlines()
    assert len(lines) == 7
    assert json.loads(lines[0])["input"] == "in.mp4"
    first = json.loads(lines[1])
    assert first["faces"][1]["track"] == 1
    left, top, right, bottom = first["faces"][0]["box"]
    assert -20 <= left < right < 1900
    assert -20 <= top < bottom < 1900
    assert max(map(len, lines)) < 15_000


def test_deleting_a_face_or_a_frame_is_honoured(tmp_path: Path) -> None:
    frames = analysis()
    path = write(tmp_path / "a.faces", frames)
    kept = json.loads(path.read_text().splitlines()[1])["faces"][1:]
    edit(path, 1, faces=kept)
    lines = path.read_text().splitlines()
    path.write_text("\n".join(lines[:4] + lines[5:]) + "\n\n")  # frame 3 is gone
    found = list(sidecar.read(path))
    assert [[f.track for f in frame.faces] for frame in found] == [[1], [0], [], [], [0]]
    assert [frame.index for frame in found] == [0, 1, 2, 3, 4]
    assert sidecar.misfit(path, HEADER) is None


def test_a_face_may_move_to_another_track(tmp_path: Path) -> None:
    path = write(tmp_path / "a.faces", analysis())
    faces = json.loads(path.read_text().splitlines()[2])["faces"]
    edit(path, 2, faces=[{**faces[0], "track": 5, "box": None}])
    assert [f.track for f in list(sidecar.read(path))[1].faces] == [5]


def damage(path: Path, line: int, text: str) -> None:
    lines = path.read_text().splitlines()
    lines[line] = text
    path.write_text("\n".join(lines) + "\n")


DAMAGED_FACE = '{"index": 1, "pts": 1, "time": 0.1, "faces": [{"track": 0, "score": 1, "landmarks": "%s"}]}'


@pytest.mark.parametrize(
    "text",
    [
        '{"index": 1, "time"',
        '["index"]',
        '{"pts": 1, "time": 0.1}',
        '{"index": 0, "time": 0.1}',
        '{"index": 1, "time": "soon"}',
        '{"index": 1, "time": NaN}',
        '{"index": 1, "time": 0.1, "faces": 3}',
        '{"index": 1, "time": 0.1, "faces": [7]}',
        DAMAGED_FACE % "not base64!",
        DAMAGED_FACE % "bm90IHpsaWI=",
        DAMAGED_FACE % "eJwDAAAAAAE=",
    ],
)
def test_a_damaged_line_is_named(tmp_path: Path, text: str) -> None:
    path = write(tmp_path / "a.faces", analysis())
    damage(path, 2, text)
    with pytest.raises(InputError, match="line 3") as caught:
        list(sidecar.read(path))
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "line 3" in (sidecar.misfit(path, HEADER) or "")


def test_a_file_cut_short_anywhere_is_noticed(tmp_path: Path) -> None:
    path = write(tmp_path / "a.faces", analysis(3))
    whole = path.read_bytes()
    for length in [0, 1, 60, *range(100, len(whole) - 2, 997), len(whole) - 12, len(whole) - 2]:
        path.write_bytes(whole[:length])
        assert sidecar.misfit(path, HEADER) is not None
    path.write_bytes(whole[:-1])  # only the last line break is missing
    assert sidecar.misfit(path, HEADER) is None


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\n\xff\xfe", b'{"some": "json"}\n', b"text"])
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.faces"
    path.write_bytes(content)
    for use in (sidecar.read_header, sidecar.summary):
        with pytest.raises(InputError, match=r"a\.faces"):
            use(path)
    with pytest.raises(InputError, match="cannot be read"):
        sidecar.read_header(tmp_path / "missing.faces")


def test_a_newer_format_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "a.faces", analysis())
    edit(path, 0, fastswap_faces=2)
    with pytest.raises(InputError, match="format 2"):
        sidecar.read_header(path)


def test_it_goes_stale_with_its_input_and_settings(tmp_path: Path) -> None:
    source = tmp_path / "in.mp4"
    source.write_bytes(os.urandom(10_000_000))
    header = sidecar.header_for(source)
    path = write(sidecar.default_path(source), analysis(), header)
    assert path == tmp_path / "in.mp4.faces"
    assert sidecar.find(source) == path
    assert sidecar.misfit(path, sidecar.header_for(source)) is None
    source.rename(tmp_path / "moved.mp4")  # what it is called does not matter
    assert sidecar.misfit(path, sidecar.header_for(tmp_path / "moved.mp4")) is None
    other = sidecar.header_for(tmp_path / "moved.mp4", TrackerSettings(detect_every=5))
    assert sidecar.misfit(path, other) == "it was made with other settings"
    other = sidecar.header_for(tmp_path / "moved.mp4", smoother=SmootherSettings(lookahead=2))
    assert sidecar.misfit(path, other) == "it was made with other settings"
    data = bytearray((tmp_path / "moved.mp4").read_bytes())
    data[6_000_000] ^= 1  # one bit, same size
    source.write_bytes(data)
    assert sidecar.misfit(path, sidecar.header_for(source)) == "it belongs to another version of the input"


def test_a_folder_of_pictures_has_a_content_too(tmp_path: Path) -> None:
    folder = tmp_path / "shots"
    folder.mkdir()
    for name in ("b.png", "a.png"):
        (folder / name).write_bytes(name.encode())
    first = sidecar.content_hash(folder)
    assert first == sidecar.content_hash(folder)
    (folder / "a.png").rename(folder / "c.png")
    assert sidecar.content_hash(folder) != first
    with pytest.raises(InputError, match="missing"):
        sidecar.content_hash(tmp_path / "missing.mp4")


def test_the_cache_serves_where_the_folder_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(weights.CACHE_ENV, str(tmp_path / "cache"))
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may write everywhere
    one, two = (sidecar.default_path(tmp_path / name / "in.mp4") for name in ("one", "two"))
    assert one.parent == two.parent == tmp_path / "cache" / "faces"
    assert one != two
    assert sidecar.find(tmp_path / "one" / "in.mp4") is None
    write(one, analysis())
    assert sidecar.find(tmp_path / "one" / "in.mp4") == one


def test_nothing_is_left_when_the_analysis_is_given_up(tmp_path: Path) -> None:
    path = tmp_path / "a.faces"
    write(path, analysis())
    before = path.read_bytes()

    def interrupted() -> Iterator[FrameFaces]:
        yield analysis()[0]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write(path, interrupted())
    assert [p.name for p in tmp_path.iterdir()] == ["a.faces"]
    assert path.read_bytes() == before


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"file/a\.faces"):
        sidecar.Writer(tmp_path / "file" / "a.faces", HEADER)


def test_a_full_disk_is_one_line_and_leaves_nothing() -> None:
    full = Path("/dev/full")
    if not full.exists():  # not on every system; the path is exercised by the test above then
        return
    writer = sidecar.Writer(Path("/dev/shm") / f"fastswap-test-{os.getpid()}.faces", HEADER)
    assert writer._file is not None
    writer._file.close()
    writer._file = full.open("w", encoding="utf-8")
    with pytest.raises(OutputError, match="No space left"):
        fill(writer)
    assert not writer._partial.exists()
    assert not writer.path.exists()


def test_summary(tmp_path: Path) -> None:
    facts = sidecar.summary(write(tmp_path / "a.faces", analysis(7)))
    assert json.loads(json.dumps(facts)) == facts
    assert facts["input"] == "in.mp4"
    assert (facts["frames"], facts["frames_with_faces"], facts["faces"], facts["doubted"]) == (7, 6, 9, 1)
    assert facts["cuts"] == [0.1]
    assert [track["track"] for track in facts["tracks"]] == [0, 1]
    assert facts["tracks"][1]["frames"] == 3
    assert facts["tracks"][1]["first"] == 0.0
    assert facts["tracks"][1]["last"] == pytest.approx(0.2)
