"""The generators: three families behind one interface. `build` makes the one that a shape names."""

from fastswap.training.network.df import TwoDecoders
from fastswap.training.network.duo import Duo
from fastswap.training.network.generator import Drawn, Generator, Side, SwapPath, count_multiply_adds
from fastswap.training.network.liae import SharedLatent
from fastswap.training.presets import Family, Shape

FAMILIES: dict[Family, type[Generator]] = {"df": TwoDecoders, "liae": SharedLatent, "duo": Duo}


def build(shape: Shape) -> Generator:
    """A fresh generator of the shape's family, from torch's current random state."""
    return FAMILIES[shape.family](shape)


def multiply_adds(shape: Shape) -> float:
    """Multiply-adds that one swap of one face takes."""
    import torch

    with torch.device("meta"):
        return count_multiply_adds(build(shape).swap_path(), shape.resolution)


__all__ = [
    "FAMILIES",
    "Drawn",
    "Generator",
    "Side",
    "SwapPath",
    "build",
    "count_multiply_adds",
    "multiply_adds",
]
