"""The actors' rasteriser: coverage, depth, perspective, light and bad input."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import compare
import fastswap
from fastswap import _raster

WIDTH, HEIGHT, FOCAL, DISTANCE = 64, 48, 40.0, 10.0
DARK = _raster.Lighting(
    (0, 0, -1), (0, 0, 0), (0, 0, -1), (0, 0, 0), (0, 0, 1), (0, 0, 0), sky=(1, 1, 1), ground=(1, 1, 1)
)
"""Ambient light alone: surfaces show their own colour."""


def flat(color: tuple[int, int, int], **options: Any) -> _raster.Material:
    """A matt colour."""
    texture = np.full((2, 2, 4), 255, np.uint8)
    texture[..., :3] = color
    return _raster.Material([texture], specular=0.0, strength=0.0, **options)


GRAY, RED = flat((128, 128, 128)), flat((200, 20, 20))


class Canvas:
    """A picture to draw on, and corners given in pixels and depth."""

    def __init__(self) -> None:
        self.rgb = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
        self.cover = np.zeros((HEIGHT, WIDTH), np.uint8)
        self.face = np.zeros((HEIGHT, WIDTH), np.uint8)

    def draw(
        self,
        corners: NDArray[np.floating],
        order: list[int],
        materials: list[_raster.Material],
        **changes: Any,
    ) -> None:
        xyz = np.asarray(corners, np.float64).reshape(-1, 3)
        n = len(xyz)
        place = np.stack([(xyz[:, 0] - WIDTH / 2) * xyz[:, 2] / FOCAL, (xyz[:, 1] - HEIGHT / 2) * xyz[:, 2] / FOCAL, xyz[:, 2]])  # fmt: skip  # noqa: E501
        arguments: dict[str, Any] = {
            "rgb": self.rgb,
            "cover": self.cover,
            "face": self.face,
            "positions": np.ascontiguousarray(place.T, np.float32),
            "normals": np.tile(np.float32([0, 0, -1]), (n, 1)),
            "uv": np.full((n, 2), 0.5, np.float32),
            "exposure": np.ones((n, 3), np.float32),
            "triangles": np.arange(n, dtype=np.int32).reshape(-1, 3),
            "material_of": np.array(order, np.uint8),
            "materials": materials,
            "light": DARK,
            "focal": FOCAL,
            "cx": WIDTH / 2,
            "cy": HEIGHT / 2,
        }
        _raster.draw(**(arguments | changes))


def facing(*points: tuple[float, float], depth: float = DISTANCE) -> NDArray[np.float64]:
    """A triangle with its corners in the order that faces the camera."""
    (ax, ay), (bx, by), (cx, cy) = points
    turned = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax) > 0
    order = (points[0], points[2], points[1]) if turned else points
    return np.array([(x, y, depth) for x, y in order])


@pytest.mark.parametrize(
    "points",
    [
        ((5.3, 4.1), (55.2, 9.7), (20.9, 41.4)),
        ((2.0, 2.0), (60.0, 3.0), (31.0, 3.5)),
        ((10, 5), (10, 40), (50, 22.5)),
    ],
)
def test_coverage_is_the_area_of_the_triangle(points: Any) -> None:
    canvas = Canvas()
    canvas.draw(facing(*points), [0], [GRAY])
    (ax, ay), (bx, by), (cx, cy) = points
    area = abs((bx - ax) * (cy - ay) - (by - ay) * (cx - ax)) / 2
    outline = sum(
        np.hypot(p[0] - q[0], p[1] - q[1]) for p, q in zip(points, points[1:] + points[:1], strict=True)
    )
    assert abs(canvas.cover.sum() / 255 - area) < compare.RASTER_EDGE * outline
    assert ((canvas.cover > 0) & (canvas.cover < 255)).any()  # soft edges
    inside = canvas.cover == 255
    assert (np.abs(canvas.rgb[inside].astype(int) - 128) <= 1).all()
    assert not canvas.rgb[canvas.cover == 0].any()


def test_two_triangles_of_a_square_leave_no_gap_and_count_once() -> None:
    canvas = Canvas()
    a, b, c, d = (8.0, 7.0), (50.5, 7.0), (50.5, 40.0), (8.0, 40.0)
    canvas.draw(np.concatenate([facing(a, b, c), facing(a, c, d)]), [0, 0], [GRAY])
    assert (canvas.cover[8:40, 9:50] == 255).all()
    assert np.isclose(canvas.cover.sum() / 255, 42.5 * 33.0, rtol=1e-3)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_the_nearer_triangle_is_seen_whatever_the_order(order: tuple[int, int]) -> None:
    shape = ((4.0, 4.0), (60.0, 4.0), (32.0, 44.0))
    both = [facing(*shape, depth=12.0), facing(*shape, depth=9.0)]
    canvas = Canvas()
    canvas.draw(np.concatenate([both[i] for i in order]), list(order), [GRAY, RED])
    assert tuple(canvas.rgb[15, 32]) == (200, 20, 20)


def test_backs_are_hidden_unless_two_sided() -> None:
    back = facing((4.0, 4.0), (60.0, 4.0), (32.0, 44.0))[::-1]
    canvas = Canvas()
    canvas.draw(back, [0], [GRAY])
    assert not canvas.cover.any()
    canvas.draw(back, [0], [flat((90, 90, 90), two_sided=True)])
    assert canvas.cover.any()


def test_textures_follow_perspective() -> None:
    """The middle of a receding edge's texture lies at its middle in space, not in the picture."""
    near, far = 5.0, 20.0
    corners = np.array([(10, 4, near), (10, 44, near), (50, 24, far)], np.float64)
    uv = np.float32([[0, 0.5], [0, 0.5], [1, 0.5]])
    ramp = np.full((2, 256, 4), 255, np.uint8)
    ramp[..., :3] = np.arange(256, dtype=np.uint8)[None, :, None]
    canvas = Canvas()
    canvas.draw(corners, [0], [_raster.Material([ramp], specular=0.0, strength=0.0)], uv=uv)
    x = 30.5
    share = (x - 10) / 40  # in the picture
    expected = share / far / ((1 - share) / near + share / far)
    assert abs(canvas.rgb[24, 30, 0] - 255 * expected) < compare.RASTER_CODE


def test_holes_show_what_is_behind() -> None:
    holed = np.full((8, 8, 4), 255, np.uint8)
    holed[:, ::2, 3] = 0
    material = _raster.Material([holed], specular=0.0, strength=0.0, cutout=True)
    shape = ((4.0, 4.0), (60.0, 4.0), (32.0, 44.0))
    corners = np.concatenate([facing(*shape, depth=9.0), facing(*shape, depth=12.0)])
    uv = np.float32([[0, 0], [1, 0], [0.5, 1]] * 2)
    canvas = Canvas()
    canvas.draw(corners, [0, 1], [material, RED], uv=uv)
    row = canvas.rgb[6]
    assert (row[:, 1] < 60).any()
    assert (row[:, 1] > 200).any()
    assert canvas.cover[6, 20:44].min() == 255


def test_light_falls_off_with_the_angle() -> None:
    lamp = _raster.Lighting(
        (0, 0, -1),
        (0.5, 0.5, 0.5),
        (0, 0, -1),
        (0, 0, 0),
        (0, 0, 1),
        (0, 0, 0),
        sky=(0, 0, 0),
        ground=(0, 0, 0),
    )
    seen = []
    for degrees in (0, 40, 80, 120):
        a = np.deg2rad(degrees)
        normal = np.float32([[np.sin(a), 0, -np.cos(a)]] * 3)
        canvas = Canvas()
        canvas.draw(facing((4, 4), (60, 4), (32, 44)), [0], [GRAY], normals=normal, light=lamp)
        seen.append(int(canvas.rgb[15, 32, 0]))
    assert seen[0] > seen[1] > seen[2] > seen[3] == 0


def test_something_in_front_of_the_lamp_casts_a_shadow() -> None:
    blocker = np.float32([[-1, -1, 5], [1, -1, 5], [1, 1, 5], [-1, 1, 5]])
    triangles = np.int32([[0, 1, 2], [0, 2, 3]])
    receivers = np.float32([[0, 0, 0], [3, 0, 0], [0, 0, 6]])
    normals = np.tile(np.float32([0, 0, 1]), (3, 1))
    lit = _raster.visibility(blocker, triangles, receivers, normals, (0, 0, 1), 0.1, 0.05)
    np.testing.assert_array_equal(lit, [0, 1, 1])


def test_normals_of_welded_vertices_are_shared() -> None:
    points = np.float32([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 0], [0, 1, 0], [0, 0, 1]])
    triangles = np.int32([[0, 1, 2], [3, 4, 5]])
    alone = _raster.vertex_normals(points, triangles, np.arange(6, dtype=np.int32))
    np.testing.assert_allclose(alone[0], [0, 0, 1], atol=compare.RASTER_UNIT)
    np.testing.assert_allclose(alone[3], [1, 0, 0], atol=compare.RASTER_UNIT)
    welded = _raster.vertex_normals(points, triangles, np.int32([0, 1, 2, 0, 2, 5]))
    np.testing.assert_allclose(welded[0], np.float32([1, 0, 1]) / np.sqrt(2), atol=compare.RASTER_UNIT)
    np.testing.assert_array_equal(welded[0], welded[3])


def test_bad_input_is_named() -> None:
    canvas = Canvas()
    triangle = facing((4, 4), (60, 4), (32, 44))
    for change, message in (
        ({"triangles": np.int32([[0, 1, 3]])}, "vertex that is not there"),
        ({"material_of": np.uint8([1])}, "no material"),
        ({"uv": np.zeros((2, 2), np.float32)}, "uv has the wrong shape"),
        ({"cover": np.zeros((3, 3), np.uint8)}, "cover has the wrong shape"),
    ):
        with pytest.raises(ValueError, match=message):
            canvas.draw(triangle, [0], [GRAY], **change)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"\[H, W, 4\]"):
        _raster.Material([np.zeros((2, 2, 3), np.uint8)])
    with pytest.raises(ValueError, match="as large as its texture"):
        _raster.Material([np.zeros((2, 2, 4), np.uint8)], [np.zeros((3, 2, 2), np.int8)])


def test_the_stub_names_what_the_module_has() -> None:
    stub = ast.parse((Path(fastswap.__file__).parent / "_raster.pyi").read_text())
    named = {node.name for node in stub.body if isinstance(node, ast.ClassDef | ast.FunctionDef)}
    assert named == {name for name in dir(_raster) if not name.startswith("_")}
