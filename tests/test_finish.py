"""From the generator to the drawing: faces over the frame's edge and over each other, masks from outside, the look."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import pictures
from fastswap import align, ops, video
from fastswap import finish as finishing
from fastswap.errors import InputError
from fastswap.faces import MESH_POINTS, Face, FrameFaces
from fastswap.finish import finished, nearer, within_frames
from fastswap.frame import Frame
from fastswap.look import Look
from fastswap.mask_file import MaskFile
from fastswap.swap import Batch, Work

SIZE = 48


def face(x: float, y: float, width: float, track: int) -> Face:
    """A face whose mesh is an ellipse of points."""
    turn = np.linspace(0, 2 * np.pi, MESH_POINTS)
    landmarks = np.zeros((MESH_POINTS, 3), np.float32)
    landmarks[:, 0] = x + width / 2 * np.cos(turn)
    landmarks[:, 1] = y + 0.65 * width * np.sin(turn)
    return Face(track, 1.0, landmarks)


def batch_of(
    frames: list[Frame], faces: list[tuple[Face, ...]], known: list[tuple[Face, ...]], seed: int = 0
) -> Batch:
    """A batch as the generator leaves it: crops twice as wide as the faces, new faces in other colours."""
    rng = np.random.default_rng(seed)
    works = [
        Work(frame, chosen, FrameFaces(frame.index, frame.index, 0.0, frame.index == 0, found))
        for frame, chosen, found in zip(frames, faces, known, strict=True)
    ]
    owner = [i for i, chosen in enumerate(faces) for _ in chosen]
    maps, outlines = [], []
    for chosen in faces:
        for one in chosen:
            left, top, right, bottom = one.box
            middle = ((left + right) / 2, (top + bottom) / 2)
            maps.append(pictures.similarity(2.0 * (right - left) / SIZE, 0.0, middle, SIZE))
            outlines.append(align.apply(align.invert(maps[-1]), align.outline(one.landmarks)))
    to_coded = np.array(maps).reshape(-1, 2, 3)
    targets = ops.crop([frames[i] for i in owner], to_coded, SIZE)
    swaps = np.clip(0.3 + 0.5 * targets + rng.normal(0, 0.01, targets.shape), 0, 1).astype(np.float32)
    masks = np.ones((len(owner), SIZE, SIZE), np.float32)
    return Batch(works, owner, to_coded, np.array(outlines, np.float32), targets, swaps, masks)


def frame(height: int = 200, width: int = 260, index: int = 0) -> Frame:
    """A soft picture."""
    made = pictures.smooth(height, width, seed=5, detail=20.0).frame
    return Frame(
        made.planes, made.format, made.color, index, index, index / 25, made.to_coded, (width, height)
    )


def finish(batch: Batch, look: Look | None = None, mask_file: MaskFile | None = None) -> Batch:
    """One batch through the whole stage."""
    look = look or Look(feather=0.05)
    (done,) = finished([batch], look, 0.5, mask_file, finishing.measure, finishing.finish)
    return done


def test_the_nearer_of_two_faces_keeps_its_place() -> None:
    """Whether it is replaced or not: the farther face's mask is 0 on it, and unchanged away from it."""
    near, far = face(110, 100, 80, 0), face(150, 95, 60, 1)
    alone = finish(batch_of([frame()], [(far,)], [(far,)])).shown
    for chosen in ((far,), (far, near)):
        shown = finish(batch_of([frame()], [chosen], [(near, far)])).shown
        assert shown is not None
        assert alone is not None
        y, x = np.mgrid[0:SIZE, 0:SIZE] + 0.5
        scale = 2.0 * 60 / SIZE
        u, v = 150 + (x - SIZE / 2) * scale, 95 + (y - SIZE / 2) * scale
        inside = np.hypot((u - 110) / 40, (v - 100) / 52)
        assert shown[0][inside < 0.85].max(initial=0.0) < 0.01
        assert np.array_equal(shown[0][inside > 1.15], alone[0][inside > 1.15])
        assert (alone[0][inside < 0.85] > 0.5).any()
        if len(chosen) == 2:
            assert np.array_equal(shown[1], finish(batch_of([frame()], [(near,)], [(near,)])).shown[0])  # type: ignore[index]


def test_nearer_means_larger_and_overlapping() -> None:
    big, small, away = face(100, 100, 80, 0), face(120, 100, 50, 1), face(300, 100, 90, 2)
    work = Work(frame(), (small,), FrameFaces(0, 0, 0.0, True, (big, small, away)))
    assert nearer(work, small) == [big]
    assert nearer(work, big) == []


def test_what_lies_beyond_the_frame_does_not_count() -> None:
    masks = np.ones((2, SIZE, SIZE), np.float32)
    maps = np.stack(
        [pictures.similarity(1.0, 0.0, (100, 100), SIZE), pictures.similarity(2.0, 30.0, (0, 90), SIZE)]
    )
    counted = within_frames([frame()] * 2, maps, masks)
    assert counted[0].all()
    y, x = np.mgrid[0:SIZE, 0:SIZE] + 0.5
    u = maps[1][0, 0] * x + maps[1][0, 1] * y + maps[1][0, 2]
    assert np.array_equal(counted[1] > 0, u >= 0)
    assert masks.all()
    assert within_frames([frame()], maps[:1], masks[:1]) is not None


def test_a_face_over_the_edge_takes_its_colours_from_inside() -> None:
    """Replicated edge samples would pull the statistics; with them cut off, only the seen half counts."""
    planes = [p.copy() for p in frame().planes]
    for plane in planes:
        plane[:, :2] = 16  # black at the very edge, which the crop repeats beyond it
    base = frame()
    edge = Frame(
        (planes[0], planes[1], planes[2]),
        base.format,
        base.color,
        0,
        0,
        0.0,
        base.to_coded,
        base.display_size,
    )
    done = finish(batch_of([edge], [(face(4, 100, 80, 0),)], [(face(4, 100, 80, 0),)]))
    assert done.measured is not None
    weight, mean = done.measured.color[0, 1, 0], done.measured.color[0, 1, 1] / done.measured.color[0, 1, 0]
    assert done.shown is not None
    assert weight < 0.6 * done.shown.sum()
    whole = ops.color_statistics(done.swaps, done.targets, done.shown, "reinhard")[0, 1]
    assert mean > whole[1] / whole[0] + 5.0  # L*


def test_scale_draws_the_face_larger_about_the_crops_middle() -> None:
    one = face(130, 100, 60, 0)
    plain, large = (finish(batch_of([frame()], [(one,)], [(one,)]), Look(scale=s)) for s in (1.0, 1.25))
    middle = (SIZE / 2, SIZE / 2, 1.0)
    assert np.allclose(plain.to_coded[0] @ middle, large.to_coded[0] @ middle)
    assert np.allclose(large.to_coded[0][:, :2], 1.25 * plain.to_coded[0][:, :2])
    assert np.array_equal(plain.shown, large.shown)  # type: ignore[arg-type]
    assert np.array_equal(large.targets, ops.crop([frame()], large.to_coded, SIZE))


def test_seeds_tell_tracks_and_frames_apart() -> None:
    faces = [(face(60, 100, 50, 0), face(180, 100, 50, 1))] * 2
    seeds = finish(batch_of([frame(index=0), frame(index=1)], faces, faces), Look(grain=1.0)).seeds
    assert len(set(seeds)) == 4
    assert seeds == finish(batch_of([frame(index=0), frame(index=1)], faces, faces, 3), Look(grain=1.0)).seeds


@pytest.mark.parametrize("look", [Look(), Look(sharpness=1.0, grain=1.0, motion_blur=0.5, steady=2)])
def test_a_part_of_a_video_gives_the_same_bytes(look: Look) -> None:
    """Frames rendered alone, with `look.reach` frames more on either side."""
    rng = np.random.default_rng(0)
    film, faces = [], []
    for i in range(20):
        one = frame(index=i)
        planes = [np.clip(p + rng.integers(-2, 3, p.shape), 0, 255).astype(np.uint8) for p in one.planes]
        film.append(Frame(tuple(planes), one.format, one.color, i, i, i / 25, one.to_coded, one.display_size))  # type: ignore[arg-type]
        faces.append((face(100 + 3 * i, 100 + (i % 3), 60, 0),))

    def made(first: int, last: int, group: int) -> list[Batch]:
        cuts = range(first, last, group)
        parts = [slice(i, min(last, i + group)) for i in cuts]
        batches = [batch_of(film[p], faces[p], faces[p], p.start) for p in parts]
        return list(finished(batches, look, 0.5, None, finishing.measure, finishing.finish))

    def rows(batches: list[Batch]) -> dict[int, list[NDArray[Any]]]:
        result = {}
        for batch in batches:
            for row, index in enumerate(batch.owner):
                m = batch.measured
                assert m is not None
                assert batch.shown is not None
                numbers = [m.color[row], m.detail[row], m.noise[row], m.motion[row], batch.shown[row]]
                result[batch.works[index].frame.index] = [*numbers, np.array(batch.seeds[row])]
        return result

    # The generator's noise follows the group, so groups start at the same frames in both.
    whole, part = rows(made(0, 20, 1)), rows(made(8 - look.reach, 12 + look.reach, 1))
    for index in range(8, 12):
        assert all(np.array_equal(a, b) for a, b in zip(whole[index], part[index], strict=True))


# --- masks from outside -----------------------------------------------------------------------------------------------


def half(height: int, width: int) -> NDArray[np.uint8]:
    """White on the left half, black on the right."""
    picture = np.zeros((height, width, 3), np.uint8)
    picture[:, : width // 2] = 255
    return picture


@pytest.mark.parametrize("shape", [(200, 260), (100, 130)])
def test_a_picture_masks_every_frame(shape: tuple[int, int], tmp_path: Path) -> None:
    path = tmp_path / "mask.png"
    video.save_picture(path, half(*shape))
    one = face(130, 100, 80, 0)
    mask = MaskFile(path)
    for index in (0, 7):
        plain = finish(batch_of([frame(index=index)], [(one,)], [(one,)])).shown
        shown = finish(batch_of([frame(index=index)], [(one,)], [(one,)]), mask_file=mask).shown
        assert shown is not None
        assert plain is not None
        assert np.abs(shown[0, :, : SIZE // 2 - 1] - plain[0, :, : SIZE // 2 - 1]).max() < 0.01
        assert shown[0, :, SIZE // 2 + 1 :].max() < 0.01
    mask.close()


def test_a_video_masks_frame_by_frame(tmp_path: Path) -> None:
    path = tmp_path / "mask.mkv"
    video.write_video(path, (np.full((200, 260, 3), value, np.uint8) for value in (0, 128, 255)))
    one = face(130, 100, 80, 0)
    mask = MaskFile(path)
    middles = []
    for index in range(3):
        shown = finish(batch_of([frame(index=index)], [(one,)], [(one,)]), mask_file=mask).shown
        assert shown is not None
        middles.append(float(shown[0, SIZE // 2, SIZE // 2]))
    assert middles == pytest.approx([0.0, 0.5, 1.0], abs=0.02)
    with pytest.raises(InputError, match=r"mask\.mkv: has 3 frames and none for frame 3"):
        finish(batch_of([frame(index=3)], [(one,)], [(one,)]), mask_file=mask)
    with pytest.raises(InputError, match=r"none\.png"):
        MaskFile(tmp_path / "none.png")
