"""What is known about an input before its frames are used: geometry, time, colour."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import numpy as np

from fastswap.frame import Affine, ColorSpec, Matrix, Siting, Transfer
from fastswap.pixels import pixel_format
from fastswap.video.hdr import HdrMetadata

Kind = Literal["video", "image", "folder"]

LIMITED_RANGE, FULL_RANGE = 1, 2
"""FFmpeg's AVCOL_RANGE_MPEG, luma 16..235, and AVCOL_RANGE_JPEG, luma 0..255."""

RGB_MATRIX = 0
"""H.273's "identity": the planes are G, B and R."""

UNTAGGED = 2
"""H.273's "unspecified" for matrix, primaries and transfer."""

_MATRIX_NAMES = {
    0: "gbr",
    1: "bt709",
    4: "fcc",
    5: "bt470bg",
    6: "smpte170m",
    7: "smpte240m",
    8: "ycgco",
    9: "bt2020nc",
    10: "bt2020c",
    14: "ictcp",
}
_PRIMARIES_NAMES = {
    1: "bt709",
    4: "bt470m",
    5: "bt470bg",
    6: "smpte170m",
    7: "smpte240m",
    8: "film",
    9: "bt2020",
    10: "smpte428",
    11: "smpte431",
    12: "smpte432",
    22: "ebu3213",
}
_TRANSFER_NAMES = {
    1: "bt709",
    4: "gamma22",
    5: "gamma28",
    6: "smpte170m",
    7: "smpte240m",
    8: "linear",
    11: "iec61966-2-4",
    13: "iec61966-2-1",
    14: "bt2020-10",
    15: "bt2020-12",
    16: "smpte2084",
    18: "arib-std-b67",
}
_KERNEL_MATRIX: dict[int, Matrix] = {
    1: "bt709",
    4: "bt601",
    5: "bt601",
    6: "bt601",
    7: "bt709",
    9: "bt2020",
    10: "bt2020",
}
_KERNEL_TRANSFER: dict[int, Transfer] = {16: "pq", 18: "hlg"}
_KERNEL_SITING: dict[str, Siting] = {
    "left": "left",
    "center": "center",
    "topleft": "topleft",
    # The kernels know three positions; these stand half a chroma line away from the true one.
    "top": "center",
    "bottom": "center",
    "bottomleft": "left",
}
_CENTERED_CODECS = frozenset({"mjpeg", "mpeg1video", "png", "webp", "bmp", "tiff", "gif"})
_FIRST_HD_WIDTH, _LAST_SD_HEIGHT = 1280, 576


@dataclass(frozen=True, slots=True)
class ColorTags:
    """Colour tags as the file states them, as numbers of ITU-T H.273; the output carries the same.

    range: 0 unspecified, 1 limited, 2 full. matrix, primaries, transfer: 2 is unspecified. siting: FFmpeg's name of
    the chroma location, None when unspecified.
    """

    range: int = 0
    matrix: int = UNTAGGED
    primaries: int = UNTAGGED
    transfer: int = UNTAGGED
    siting: str | None = None

    def names(self) -> dict[str, str | None]:
        """FFmpeg's names, None where the file says nothing."""
        return {
            "range": {1: "tv", 2: "pc"}.get(self.range),
            "matrix": _MATRIX_NAMES.get(self.matrix),
            "primaries": _PRIMARIES_NAMES.get(self.primaries),
            "transfer": _TRANSFER_NAMES.get(self.transfer),
            "siting": self.siting,
        }

    @property
    def foreign_matrix(self) -> str | None:
        """The stated matrix when the operations have nothing like it (YCgCo, ICtCp): they take another one for it."""
        known = self.matrix in _KERNEL_MATRIX or self.matrix in (RGB_MATRIX, UNTAGGED)
        return None if known else _MATRIX_NAMES.get(self.matrix, f"number {self.matrix}")

    def spec(self, width: int, height: int, codec: str, frame_format: str) -> ColorSpec:
        """The colour model the operations use; where the file says nothing, the usual reading of such a file.

        Untagged video is BT.709 when it is HD and BT.601 when it is SD, as players assume.
        """
        transfer = _KERNEL_TRANSFER.get(self.transfer, "sdr")
        if pixel_format(frame_format).rgb:
            return ColorSpec("gbr", self.range != LIMITED_RANGE, "left", transfer)
        matrix = _KERNEL_MATRIX.get(self.matrix)
        if matrix is None:
            hd = width >= _FIRST_HD_WIDTH or height > _LAST_SD_HEIGHT
            matrix = _KERNEL_MATRIX.get(self.primaries) or ("bt709" if hd else "bt601")
        siting: Siting = "center" if codec in _CENTERED_CODECS else "left"
        if self.siting:
            siting = _KERNEL_SITING[self.siting]
        return ColorSpec(matrix, self.range == FULL_RANGE, siting, transfer)


@dataclass(frozen=True, slots=True)
class Geometry:
    """How coded pixels become what a viewer sees.

    width, height: coded size in luma samples. sar: width of a coded pixel over its height. matrix: the upper left
    2x2 of FFmpeg's display matrix as signs, ((a, b), (c, d)) with display x = a x + c y and display y = b x + d y.
    """

    width: int
    height: int
    sar: Fraction = Fraction(1)
    matrix: tuple[tuple[int, int], tuple[int, int]] = ((1, 0), (0, 1))

    @property
    def rotation(self) -> int:
        """Clockwise degrees (0, 90, 180, 270) that turn the coded picture upright; a mirror is not counted."""
        (a, b), _ = self.matrix
        return {(1, 0): 0, (0, 1): 90, (-1, 0): 180, (0, -1): 270}[a, b]

    @property
    def mirrored(self) -> bool:
        """True when the picture is shown as in a mirror."""
        (a, b), (c, d) = self.matrix
        return a * d - b * c < 0

    @property
    def stretched(self) -> tuple[int, int]:
        """(width, height) with square pixels, before the turn. The width carries the aspect, as in players."""
        return max(1, round(self.width * self.sar)), self.height

    @property
    def display_size(self) -> tuple[int, int]:
        """(width, height) that a viewer sees."""
        width, height = self.stretched
        return (width, height) if self.matrix[0][0] else (height, width)

    def to_coded(self) -> Affine:
        """The 2x3 map from display pixels to coded luma pixels."""
        (a, b), (c, d) = self.matrix
        width, height = self.stretched
        turn = np.array([[a, c], [b, d]], dtype=np.float64)
        # The turned picture is moved so that its corner is the origin again.
        corner = np.minimum(turn @ [width, height], 0.0)
        back = np.diag([self.width / width, 1.0]) @ turn.T
        return np.column_stack([back, back @ corner])


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """What `probe` knows about an input.

    kind: "video", "image" or "folder" (of pictures). container, codec, pixel_format: FFmpeg's names, as stored.
    frame_format: FFmpeg's name of the planes that the reader gives. fps: frames per second, average. time_base:
    seconds of one PTS unit. frames: as the container states it, None when it does not. duration: seconds, None when
    unknown. start: PTS of the first frame. color: what the operations assume; tags: what the file states.
    stated_sar, display_matrix (nine integers), hdr: None when the file has none. interlaced: "", "top" or "bottom"
    first.
    """

    path: Path
    kind: Kind
    container: str
    codec: str
    pixel_format: str
    frame_format: str
    geometry: Geometry
    fps: Fraction
    time_base: Fraction
    frames: int | None
    duration: float | None
    color: ColorSpec
    tags: ColorTags
    start: int = 0
    stated_sar: Fraction | None = None
    display_matrix: tuple[int, ...] | None = None
    stream: int = 0
    interlaced: str = ""
    hdr: HdrMetadata | None = None
    audio_streams: int = 0
    subtitle_streams: int = 0
    other_streams: int = 0
    chapters: int = 0

    @property
    def width(self) -> int:
        """Coded width in luma samples."""
        return self.geometry.width

    @property
    def height(self) -> int:
        """Coded height in luma samples."""
        return self.geometry.height

    @property
    def display_size(self) -> tuple[int, int]:
        """(width, height) of the upright picture with square pixels."""
        return self.geometry.display_size

    @property
    def rotation(self) -> int:
        """Clockwise degrees that turn the coded picture upright."""
        return self.geometry.rotation

    @property
    def sar(self) -> Fraction:
        """Sample aspect ratio: width of a coded pixel over its height."""
        return self.geometry.sar

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "path": str(self.path),
            "kind": self.kind,
            "container": self.container,
            "codec": self.codec,
            "pixel_format": self.pixel_format,
            "width": self.width,
            "height": self.height,
            "display_width": self.display_size[0],
            "display_height": self.display_size[1],
            "rotation": self.rotation,
            "mirrored": self.geometry.mirrored,
            "sample_aspect": f"{self.sar.numerator}:{self.sar.denominator}",
            "fps": round(float(self.fps), 6),
            "time_base": str(self.time_base),
            "frames": self.frames,
            "duration": self.duration,
            "color": self.tags.names(),
            "matrix": self.color.matrix,
            "full_range": self.color.full_range,
            "siting": self.color.siting,
            "interlaced": self.interlaced or None,
            "hdr": self.hdr.as_dict() if self.hdr else None,
            "audio_streams": self.audio_streams,
            "subtitle_streams": self.subtitle_streams,
            "other_streams": self.other_streams,
            "chapters": self.chapters,
        }


def snap_matrix(values: tuple[int, ...]) -> tuple[tuple[int, int], tuple[int, int]] | None:
    """The signs of a display matrix that turns by quarter turns and mirrors; None for any other matrix.

    values: nine 16.16 fixed-point integers in FFmpeg's order (a, b, u, c, d, v, x, y, w).
    """
    a, b, c, d = (round(values[i] / 65536) for i in (0, 1, 3, 4))
    exact = all(abs(values[i] - round(values[i] / 65536) * 65536) <= 1 for i in (0, 1, 3, 4))
    if exact and {abs(a), abs(b)} == {0, 1} and (abs(a), abs(b)) == (abs(d), abs(c)):
        return (a, b), (c, d)
    return None
