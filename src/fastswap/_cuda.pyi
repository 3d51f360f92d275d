"""The native operations on NVIDIA GPUs; this module is built only where nvcc was found.

Importing needs no driver. Functions raise RuntimeError, with the CUDA call that failed, when there is no usable GPU.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fastswap._cpu import Picture

def crop(
    pictures: Sequence[Picture], to_coded: NDArray[np.float64], out: NDArray[np.float32], border: str
) -> None: ...
def device_count() -> int: ...
def device_name(index: int) -> str: ...
