"""Whether an engine's results may be used: they are compared with the CPU's in float32."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from fastswap.engines.precision import Precision

Outputs = dict[str, NDArray[np.float32]]
"""A network's outputs by name."""

LIMITS: Final = {"f32": (1e-4, 5e-3), "f16": (0.004, 0.1), "bf16": (0.02, 0.3)}
"""Mean and largest difference from the CPU's float32 on the probes, relative to an output's largest value or 1, that an
engine may show. Half precision rounds by 2^-11 (bf16: 2^-8) in each of some thirty layers; a network that overflows or
was misread is off by more than ten times as much."""


def differences(truth: Outputs, found: Outputs) -> dict[str, tuple[float, float]]:
    """Mean and largest absolute difference of each output, relative to its largest value or 1."""
    result = {}
    for name, want in truth.items():
        gap = np.abs(found[name].astype(np.float64).reshape(want.shape) - want) / max(
            1.0, float(np.abs(want).max())
        )
        result[name] = (float(gap.mean()), float(gap.max()))
    return result


def refused(truth: Outputs, found: Outputs, precision: Precision) -> str:
    """Why results may not be used, empty when they may."""
    mean_limit, worst_limit = LIMITS[precision]
    for name, (mean, worst) in differences(truth, found).items():
        if not (mean <= mean_limit and worst <= worst_limit):  # NaN is refused too
            return f"{precision}, output {name!r}: {mean:.2g} on average, {worst:.2g} at most"
    return ""
