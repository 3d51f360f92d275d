"""From trained weights to the model file, checked against torch on the way."""

from __future__ import annotations

import math
import tempfile
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from fastswap.atomic import hidden_folder
from fastswap.errors import OutputError, TrainingError
from fastswap.model import INPUT, MASK, SWAP, Contract, save_model
from fastswap.training.network import Generator, SwapPath, count_multiply_adds

if TYPE_CHECKING:
    from onnx import ModelProto

OPSET = 17
TOLERANCE = {"f32": 2e-3, "bf16": 0.12, "f16": 0.03}
"""Largest difference from torch's float32 that an export may show, in 0..1. In float32 only the order of sums
differs; bf16 keeps 8 bits of each value, f16 11, and errors of single pixels add up over some thirty layers."""
_REPEATS = 5


@dataclass(frozen=True, slots=True)
class ExportReport:
    """path: the file. bytes: its size. gmac: 1e9 multiply-adds of one face. difference: largest and mean
    absolute difference from torch in float32, by the precision that the exported file was run in. speed: faces a
    second of the network alone, on this machine's CPU. emulated: precisions that this CPU cannot multiply in: there
    the weights were rounded to them and the sums are float32.
    """

    path: str
    bytes: int
    gmac: float
    difference: dict[str, tuple[float, float]]
    speed: dict[str, float]
    emulated: tuple[str, ...] = ()

    @property
    def notices(self) -> list[str]:
        """Precisions that draw some pixel worse than expected. The model is good, float32 agrees."""
        return [
            f"{self.path}: pixels differ by up to {worst:.2g} of 1 in {name}; look at a render before you use it"
            for name, (worst, _) in self.difference.items()
            if not worst <= TOLERANCE[name]
        ]


def export(generator: Generator, contract: Contract, path: Path, faces: NDArray[np.float32]) -> ExportReport:
    """Writes the swap path of a generator as an ONNX file.

    faces: float32 [N, 3, R, R] in 0..1, real faces that the file's answers are checked on. Raises
    TrainingError when the exported file does not compute what torch computes, OutputError when it cannot be
    written.
    """
    network = SwapPath(generator).to("cpu", torch.float32).eval()
    for weight in network.parameters():
        weight.data = weight.data.contiguous()
    with torch.inference_mode():
        truth = [out.numpy() for out in network(torch.from_numpy(faces))]
    gmac = round(count_multiply_adds(network, contract.resolution) / 1e9, 3)
    with hidden_folder(path) as folder:
        # Checked as it was written, and one reader at a time: a large network is in memory no oftener than it must be.
        file = folder / path.name
        try:
            save_model(to_onnx(network, contract.resolution), contract, file)
            del network
            difference, speed = _checked(file, path, truth, faces)
            size = file.stat().st_size
            file.replace(path)
        except OSError as error:
            raise OutputError(f"{path}: cannot write the model ({error.strerror or error})") from None
        except OutputError as error:
            raise OutputError(str(error).replace(str(file), str(path))) from None
    emulated = tuple(name for name in TOLERANCE if not native(name))
    return ExportReport(str(path), size, gmac, difference, speed, emulated)


def _checked(
    file: Path, path: Path, truth: list[NDArray[np.float32]], faces: NDArray[np.float32]
) -> tuple[dict[str, tuple[float, float]], dict[str, float]]:
    """How far the file's answers are from the truth in each precision, and its faces a second. Raises TrainingError
    where they are wrong in float32."""
    difference, speed = {}, {}
    for precision, tolerance in TOLERANCE.items():
        # Asked for what it has not, OpenVINO takes another precision without a word.
        own = native(precision)
        compiled = compile_onnx(file, precision) if own else compile_onnx(rounded(file, precision), "f32")
        worst, mean = _compare(truth, run_onnx(compiled, faces))
        if precision == "f32" and not worst <= tolerance:
            raise TrainingError(f"{path}: the exported file differs from torch by {worst:.3g} in {precision}")
        difference[precision] = (round(worst, 6), round(mean, 6))
        if own:
            speed[precision] = _speed(compiled, faces)
        del compiled
    return difference, speed


def native(precision: str) -> bool:
    """Whether this CPU multiplies in "f32", "bf16" or "f16"."""
    import openvino as ov

    name = {"f32": "FP32", "bf16": "BF16", "f16": "FP16"}[precision]
    return name in ov.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def rounded(file: Path, precision: str) -> bytes:
    """The model in a file with weights that hold only values of "bf16" or "f16"."""
    import onnx
    from onnx import numpy_helper

    kind = {"bf16": torch.bfloat16, "f16": torch.float16}[precision]
    model = onnx.load(str(file))
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype == np.float32:
            narrow = torch.from_numpy(values.copy()).to(kind).float().numpy()
            tensor.CopyFrom(numpy_helper.from_array(narrow, tensor.name))
    return bytes(model.SerializeToString())


def to_onnx(network: SwapPath, resolution: int) -> ModelProto:
    """The network as an ONNX graph with a free batch size."""
    import onnx

    example = torch.rand(2, 3, resolution, resolution)
    names = (INPUT, SWAP, MASK)
    with tempfile.TemporaryFile(prefix="fastswap-") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # The TorchScript exporter: torch.export's needs onnxscript, and this network has no control flow.
        torch.onnx.export(
            network,
            (example,),
            file,  # type: ignore[arg-type]  # a stream is documented for this exporter
            input_names=[INPUT],
            output_names=[SWAP, MASK],
            dynamic_axes={name: {0: "N"} for name in names},
            opset_version=OPSET,
            dynamo=False,
        )
        file.seek(0)
        model = onnx.load_model_from_string(file.read())
    for value, channels in ((model.graph.output[0], 3), (model.graph.output[1], 1)):
        # The exporter leaves sizes that follow from a slice open; the contract promises them.
        for dim, size in zip(
            value.type.tensor_type.shape.dim[1:], (channels, resolution, resolution), strict=True
        ):
            dim.dim_value = size
    return model


def compile_onnx(model: Path | bytes, precision: str) -> Any:
    """The network in OpenVINO on the CPU, in "f32", "bf16" or "f16". model: a file, or what is in one."""
    import openvino as ov

    core = ov.Core()
    return core.compile_model(core.read_model(model), "CPU", {"INFERENCE_PRECISION_HINT": precision})


def run_onnx(compiled: Any, faces: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """Swap and mask that a compiled network draws."""
    results = compiled(faces)
    return [np.array(results[name], np.float32) for name in (SWAP, MASK)]


def _speed(compiled: Any, faces: NDArray[np.float32]) -> float:
    """Faces a second; the best of a few runs, the others were disturbed."""
    best = math.inf
    for _ in range(_REPEATS):
        begin = time.perf_counter()
        compiled(faces)
        best = min(best, time.perf_counter() - begin)
    return round(len(faces) / best, 1)


def _compare(truth: list[NDArray[np.float32]], ours: list[NDArray[np.float32]]) -> tuple[float, float]:
    gaps = [np.abs(a - b) for a, b in zip(truth, ours, strict=True)]
    return max(float(gap.max()) for gap in gaps), float(gaps[0].mean())
