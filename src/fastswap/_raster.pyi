"""Triangle rasteriser of the synthetic actors (C++). Arrays must be C-contiguous and of the stated dtype."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_F32 = NDArray[np.float32]
_I32 = NDArray[np.int32]
_U8 = NDArray[np.uint8]
_I8 = NDArray[np.int8]
_Triple = tuple[float, float, float]

class Material:
    """How a surface looks. levels: uint8 [H, W, 4] textures, each half the size of the one before (alpha: gloss, and
    a hole near 0 with `cutout`); relief: int8 [H, W, 2] slopes of the same sizes. Raises ValueError."""
    def __init__(
        self,
        levels: Sequence[_U8],
        relief: Sequence[_I8] = ...,
        wrap: _Triple = ...,
        specular: float = ...,
        strength: float = ...,
        gloss: int = ...,
        sheen: float = ...,
        fibre: bool = ...,
        two_sided: bool = ...,
        cutout: bool = ...,
        density: float = ...,
        shift: float = ...,
    ) -> None: ...

class Lighting:
    """Three distant lights and an ambient gradient; directions point toward the light in camera space, colours are
    linear RGB."""
    def __init__(
        self,
        key_direction: _Triple,
        key: _Triple,
        fill_direction: _Triple,
        fill: _Triple,
        rim_direction: _Triple,
        rim: _Triple,
        sky: _Triple,
        ground: _Triple,
        exposure: float = ...,
    ) -> None: ...

def draw(
    rgb: _U8,
    cover: _U8,
    face: _U8,
    positions: _F32,
    normals: _F32,
    uv: _F32,
    exposure: _F32,
    triangles: _I32,
    material_of: _U8,
    materials: Sequence[Material],
    light: Lighting,
    focal: float,
    cx: float,
    cy: float,
) -> None:
    """Draws triangles over rgb [H, W, 3]; cover and face [H, W] receive what they cover. Positions [V, 3] are in camera
    space (x right, y down, z away), exposure [V, 3] is openness, light and inner face. Raises ValueError."""

def vertex_normals(positions: _F32, triangles: _I32, weld: _I32) -> _F32:
    """Unit normals [V, 3]; vertices of equal weld share theirs. Raises ValueError."""

def visibility(
    positions: _F32,
    triangles: _I32,
    receivers: _F32,
    normals: _F32,
    toward: _Triple,
    radius: float,
    bias: float,
    resolution: int = ...,
) -> _F32:
    """Share [R] of a distant light that reaches each receiver. Raises ValueError."""

def smoothed(values: _F32, triangles: _I32, rounds: int) -> _F32:
    """Values [V] averaged over their triangles, `rounds` times. Raises ValueError."""
