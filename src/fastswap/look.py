"""What the composite should look like: colour, mask and blend settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from fastswap.errors import SettingsError

ColorMode = Literal["none", "reinhard", "mkl"]
BlendMode = Literal["feather"]
MaskSource = Literal["mesh", "generator", "both"]


@dataclass(frozen=True, slots=True)
class Look:
    """Settings of the composite. All lengths are fractions of the crop's side.

    color: how the new face takes the target's colours: "none", "reinhard" (mean and deviation in CIE L*a*b*,
        Reinhard et al. 2001) or "mkl" (linear Monge-Kantorovitch map in R'G'B', Pitié and Kokaram 2007).
    mask: outline of the face mesh, the generator's own mask, or their product.
    blend: "feather" mixes linearly by the mask.
    erode: how far the mask shrinks before it is feathered. feather: width of its soft edge.
    opacity: 0 leaves the target as it is, 1 shows the new face alone.
    """

    color: ColorMode = "reinhard"
    mask: MaskSource = "both"
    blend: BlendMode = "feather"
    erode: float = 0.02
    feather: float = 0.08
    opacity: float = 1.0

    def __post_init__(self) -> None:
        for name, value, allowed in (
            ("color", self.color, get_args(ColorMode)),
            ("mask", self.mask, get_args(MaskSource)),
            ("blend", self.blend, get_args(BlendMode)),
        ):
            if value not in allowed:
                raise SettingsError(f"look: {name} is {value!r}; choose one of {', '.join(allowed)}")
        for name, number, top in (
            ("erode", self.erode, 0.5),
            ("feather", self.feather, 0.5),
            ("opacity", self.opacity, 1.0),
        ):
            if not 0.0 <= number <= top:
                raise SettingsError(f"look: {name} is {number}; it must lie in 0..{top}")
