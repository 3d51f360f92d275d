"""From face landmarks to the crop a generator sees: templates, similarity fits, outline and head pose.

All geometry is in display pixels (upright, square); an affine is a float64 2x3 map.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastswap.errors import SettingsError
from fastswap.frame import Affine

Points = NDArray[np.float64]


def _template(*numbers: float) -> Points:
    points = np.array(numbers, dtype=np.float64).reshape(5, 2)
    points.setflags(write=False)
    return points


TEMPLATES: Final[dict[str, Points]] = {
    "arcface_112_v1": _template(
        0.35473, 0.45659, 0.64527, 0.45659, 0.50000, 0.61154, 0.37913, 0.77688, 0.62087, 0.77688
    ),
    "arcface_112_v2": _template(
        0.34192, 0.46157, 0.65653, 0.45983, 0.50023, 0.64051, 0.37097, 0.82469, 0.63152, 0.82325
    ),
    "arcface_128": _template(
        0.36168, 0.40388, 0.63697, 0.40235, 0.50020, 0.56044, 0.38710, 0.72161, 0.61508, 0.72034
    ),
    "dfl_whole_face": _template(
        0.35342, 0.39286, 0.62798, 0.39286, 0.48661, 0.54018, 0.38839, 0.68750, 0.59821, 0.68750
    ),
    "ffhq_512": _template(
        0.37692, 0.46865, 0.62286, 0.46913, 0.50124, 0.61332, 0.39309, 0.72541, 0.61150, 0.72490
    ),
}
"""Five-point templates by name, as fractions of the crop: eye, eye, nose tip, mouth corner, mouth corner,
each pair from the left of the image to its right."""

# Indices into the 468 mesh points. "Right" is the subject's own right, the left of an unmirrored image.
RIGHT_EYE_CORNERS: Final = (33, 133)
LEFT_EYE_CORNERS: Final = (362, 263)
NOSE_TIP: Final = 4
MOUTH_CORNERS: Final = (61, 291)
FOREHEAD: Final = 10
CHIN: Final = 152
_RIGHT_SIDE: Final = (33, 133, 234, 127, 93, 61)
_LEFT_SIDE: Final = (263, 362, 454, 356, 323, 291)

_FIVE: Final = [*RIGHT_EYE_CORNERS, *LEFT_EYE_CORNERS, NOSE_TIP, *MOUTH_CORNERS]

_OUTLINE_DIRECTIONS: Final = 64
FOREHEAD_EXTENSION: Final = 0.07
"""How far the outline's top is raised, as a fraction of the chin-to-forehead length: the mesh ends about
half-way up the forehead, a face does not."""
_FACE_IN_EYES: Final = 2.25
"""A face's width in distances between the eyes: about 140 mm and 62 mm in adults."""

_angles = np.arange(_OUTLINE_DIRECTIONS) * (2.0 * np.pi / _OUTLINE_DIRECTIONS)
_DIRECTIONS: Final = np.stack([np.cos(_angles), np.sin(_angles)])


def five_points(landmarks: NDArray[np.floating]) -> Points:
    """Eyes, nose tip and mouth corners, float64 [5, 2] in template order, from mesh landmarks [468, 2 or 3].

    An eye is the middle of its two corners: unlike the lids and the iris, the corners do not move with a
    blink or a glance, so neither moves the crop.
    """
    corners = np.asarray(landmarks)[_FIVE, :2].astype(np.float64)
    points = corners[[0, 2, 4, 5, 6]]
    points[:2] = (points[:2] + corners[[1, 3]]) * 0.5
    return points


def fit_similarity(points: ArrayLike, template_points: ArrayLike) -> Affine:
    """The similarity (turn, uniform scale, shift) that maps `points` [K, 2] onto `template_points` [K, 2].

    Least squares in the space of `template_points`: Umeyama, "Least-squares estimation of transformation
    parameters between two point patterns", PAMI 1991. In two dimensions its optimum is the complex regression
    coefficient, which needs no SVD. Raises SettingsError when all points coincide.
    """
    source = np.asarray(points, dtype=np.float64)
    target = np.asarray(template_points, dtype=np.float64)
    source_mean = source.mean(axis=0)
    target_mean = target.mean(axis=0)
    p = source - source_mean
    q = target - target_mean
    spread = float((p * p).sum())
    if spread <= 1e-12:
        raise SettingsError("align: all landmark points coincide, no similarity fits them")
    cos = float((p * q).sum()) / spread
    sin = float((p[:, 0] * q[:, 1] - p[:, 1] * q[:, 0]).sum()) / spread
    (x, y), (to_x, to_y) = source_mean.tolist(), target_mean.tolist()
    return np.array([[cos, -sin, to_x - (cos * x - sin * y)], [sin, cos, to_y - (sin * x + cos * y)]])


def crop_to_display(points5: ArrayLike, template: str, coverage: float, size: int) -> Affine:
    """Map from the pixels of a size x size crop to display pixels, for a face with these five points.

    template: a name in `TEMPLATES`. coverage: side of the crop as a multiple of the template's side, both
    centred.
    Raises SettingsError for an unknown template or a coverage that is not positive.
    """
    if template not in TEMPLATES:
        raise SettingsError(f"align: template is {template!r}; choose one of {', '.join(TEMPLATES)}")
    if not coverage > 0:
        raise SettingsError(f"align: coverage is {coverage}; it must be positive")
    in_crop = ((TEMPLATES[template] - 0.5) / coverage + 0.5) * size
    return invert(fit_similarity(points5, in_crop))


# A map is six numbers: plain arithmetic takes a tenth of the time of array operations on them.


def compose(a: Affine, b: Affine) -> Affine:
    """The affine that applies b first and a after it."""
    (axx, axy, ax), (ayx, ayy, ay) = a.tolist()
    (bxx, bxy, bx), (byx, byy, by) = b.tolist()
    return np.array(
        [
            [axx * bxx + axy * byx, axx * bxy + axy * byy, axx * bx + axy * by + ax],
            [ayx * bxx + ayy * byx, ayx * bxy + ayy * byy, ayx * bx + ayy * by + ay],
        ]
    )


def invert(a: Affine) -> Affine:
    """The inverse affine. Raises SettingsError when there is none."""
    (xx, xy, x), (yx, yy, y) = a.tolist()
    determinant = xx * yy - xy * yx
    if abs(determinant) < 1e-18:
        raise SettingsError("align: the affine map cannot be inverted, it flattens the picture")
    xx, xy, yx, yy = yy / determinant, -xy / determinant, -yx / determinant, xx / determinant
    return np.array([[xx, xy, -(xx * x + xy * y)], [yx, yy, -(yx * x + yy * y)]])


def apply(affine: Affine, points: ArrayLike) -> Points:
    """Points [..., 2] mapped through an affine, float64."""
    xy = np.asarray(points, dtype=np.float64)
    return np.asarray(xy @ affine[:, :2].T + affine[:, 2])


def face_width(template: str, coverage: float) -> float:
    """Width of a face in a crop, as a fraction of the crop's side: the same for all faces and frames of a model.

    It follows from the template's eyes alone; measured faces would make lengths in whole pixels jump.
    """
    eyes = TEMPLATES[template][:2]
    return _FACE_IN_EYES * float(np.hypot(*(eyes[1] - eyes[0]))) / coverage


def extent(points: NDArray[np.floating]) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """The least and the greatest x and y of points [N, 2 or more], each [2].

    Of a copy by columns: NumPy takes ten times as long for a reduction over rows of two.
    """
    columns = np.ascontiguousarray(points[:, :2].T)
    return columns.min(axis=1), columns.max(axis=1)


def outline(landmarks: NDArray[np.floating], forehead: float = FOREHEAD_EXTENSION) -> NDArray[np.float32]:
    """Outline of the face as a convex polygon, float32 [64, 2] in display pixels.

    Its top is raised by `forehead` times the length from chin to forehead, and what lies between the eyes and it by as
    much less as it is lower.

    Each vertex is the point of the face that lies farthest in one of 64 directions (neighbours may
    coincide), so a profile includes the nose where it stands out beyond the cheek, and the count is always
    the same.
    """
    xy = np.asarray(landmarks)[:, :2].astype(np.float64)
    eyes = xy[[*RIGHT_EYE_CORNERS, *LEFT_EYE_CORNERS]].mean(axis=0)
    up = xy[FOREHEAD] - xy[CHIN]
    length = float(np.hypot(*up))
    if length > 0.0:
        top = max(float((xy[FOREHEAD] - eyes) @ up) / length, 0.05 * length)
        above = np.clip((xy - eyes) @ up / (length * top), 0.0, 1.0)
        xy += (above * forehead)[:, None] * up
    farthest = np.argmax(xy @ _DIRECTIONS, axis=0)
    return np.asarray(xy[farthest], dtype=np.float32)


def pose(landmarks: NDArray[np.floating]) -> tuple[float, float, float]:
    """Yaw, pitch and roll of the head in degrees, from mesh landmarks [468, 3].

    Yaw is positive when the face looks towards the right of the image, pitch when it looks up, roll when
    the head leans clockwise in the image; the head is yawed first, pitched next, rolled last. The axes come
    from the mesh's own depth, which is weak perspective: good to sort faces by, compressed in full profile.
    """
    p = np.asarray(landmarks).astype(np.float64)
    down = _unit(p[CHIN] - p[FOREHEAD])
    across = p[list(_LEFT_SIDE)].mean(axis=0) - p[list(_RIGHT_SIDE)].mean(axis=0)
    across = _unit(across - down * (down @ across))
    # Yaw turns the head about its own vertical, so `down` shows pitch and roll alone.
    roll = np.arctan2(-down[0], down[1])
    pitch = np.arctan2(-down[2], np.hypot(down[0], down[1]))
    level = np.array([np.cos(roll), np.sin(roll), 0.0])
    yaw = np.arctan2(across @ np.cross(level, down), across @ level)
    return float(np.degrees(yaw)), float(np.degrees(pitch)), float(np.degrees(roll))


def _unit(vector: Points) -> Points:
    return vector / max(float(np.linalg.norm(vector)), 1e-9)
