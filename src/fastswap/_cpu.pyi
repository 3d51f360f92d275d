"""The native CPU operations. `fastswap.ops` is their front; see there for what they do.

Every function raises ValueError when arguments do not fit together and TypeError for wrong array types; arrays are
C-contiguous and written in place. The GIL is released while a function works.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Picture = tuple[
    NDArray[np.uint8] | NDArray[np.uint16],  # Y [H, W], any strides
    NDArray[np.uint8] | NDArray[np.uint16] | None,  # U [ceil(H / 2^log2_sub_y), ceil(W / 2^log2_sub_x)]
    NDArray[np.uint8] | NDArray[np.uint16] | None,  # V; both None for gray
    str,  # matrix: bt601, bt709, bt2020; gbr: the planes are G, B and R
    bool,  # full range
    str,  # siting: left, center, topleft
    int,  # bits: 8 for uint8, 9..16 for uint16
    tuple[int, int],  # (log2_sub_x, log2_sub_y)
    int,  # shift: how far code values are moved up in their words, 6 for p010; may be left out
    str,  # transfer: sdr, pq or hlg, whose crops look like SDR and whose faces go back; may be left out
]

def crop(
    pictures: Sequence[Picture], to_coded: NDArray[np.float64], out: NDArray[np.float32], border: str
) -> None: ...
def statistics_size(mode: str) -> int: ...
def color_statistics(
    faces: NDArray[np.float32],
    targets: NDArray[np.float32],
    masks: NDArray[np.float32],
    mode: str,
    out: NDArray[np.float64],
) -> None: ...
def join_clouds(
    clouds: Sequence[NDArray[np.float64]],  # [2, K], of the mode sliced
    shares: Sequence[float],
    like: int,  # the cloud to whose mean colours the others are moved; -1 moves none
) -> NDArray[np.float64]: ...
def mapped_mean(
    pair: NDArray[np.float64], own: NDArray[np.float64], mode: str
) -> list[float]: ...  # R', G' and B' of the face with statistics `own` under the map between a pair
def match_color(
    faces: NDArray[np.float32],
    statistics: NDArray[np.float64],
    mode: str,
    strength: float,
    out: NDArray[np.float32],
) -> None: ...
def mask(
    outlines: NDArray[np.float32] | None,
    generated: NDArray[np.float32] | None,
    mattes: NDArray[np.float32] | None,
    join: str,
    erode: float,
    feather: float,
    out: NDArray[np.float32],
) -> None: ...
def blend(
    pictures: Sequence[Picture],
    to_coded: NDArray[np.float64],
    faces: NDArray[np.float32],
    masks: NDArray[np.float32],
    opacity: float,
    enlarge: str,
    grain: NDArray[np.float32] | None,
    seeds: Sequence[int],
) -> None: ...
def match_seam(
    faces: NDArray[np.float32],
    targets: NDArray[np.float32],
    masks: NDArray[np.float32],
    to_coded: NDArray[np.float64],
    frames: NDArray[np.int32],
    mode: str,
    out: NDArray[np.float32],
) -> None: ...
def composite(
    pictures: Sequence[Picture],
    to_coded: NDArray[np.float64],
    targets: NDArray[np.float32],
    faces: NDArray[np.float32],
    generated: NDArray[np.float32] | None,
    outlines: NDArray[np.float32] | None,
    mattes: NDArray[np.float32] | None,
    masks: NDArray[np.float32] | None,
    statistics: NDArray[np.float64] | None,
    join: str,
    erode: float,
    feather: float,
    mode: str,
    strength: float,
    blend: str,
    opacity: float,
    enlarge: str,
    grain: NDArray[np.float32] | None,
    seeds: Sequence[int],
) -> None: ...
def detail_statistics(
    pictures: NDArray[np.float32], masks: NDArray[np.float32], out: NDArray[np.float64]
) -> None: ...
def sharpen(pictures: NDArray[np.float32], gains: NDArray[np.float32], out: NDArray[np.float32]) -> None: ...
def motion_blur(
    faces: NDArray[np.float32],
    masks: NDArray[np.float32],
    motions: NDArray[np.float64],
    out: NDArray[np.float32],
) -> None: ...
def noise_statistics(
    pictures: Sequence[Picture],
    to_coded: NDArray[np.float64],
    masks: NDArray[np.float32],
    out: NDArray[np.float64],
) -> None: ...
def median_residual(
    samples: Sequence[NDArray[np.float32]], fit: tuple[int, NDArray[np.float32], NDArray[np.float32]]
) -> float: ...
def steady(
    samples: Sequence[NDArray[np.float32]],
    fits: Sequence[tuple[int, NDArray[np.float32], NDArray[np.float32]]],
    now: int,
    noise: float,
) -> NDArray[np.float32]: ...
def set_threads(count: int) -> None: ...
def get_threads() -> int: ...
def simd_levels() -> list[str]: ...
def set_simd(name: str) -> None: ...
def get_simd() -> str: ...
def listen_to_av_log(level: int) -> None: ...
def heard_from_av_log() -> list[bytes]: ...
def av_log_callback() -> int: ...  # its address
