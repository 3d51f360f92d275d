"""Makes the model that comes with fastswap: src/fastswap/data/demo.onnx, the synthetic source on the synthetic target.

    python tools/make_demo_model.py WORK --steps 14000

Renders practice footage of both actors into WORK, extracts it, trains, and stores the weights as float16, which halves
the file; they are widened when the network is loaded. A second run goes on.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper

from fastswap import demo
from fastswap.bench import practice
from fastswap.training import train

FRAMES = 600
"""Of practice footage of each actor."""
SMALL = 256
"""Tensors of fewer values stay float32."""


def store_half(source: Path, output: Path) -> None:
    """Writes the model with its large tensors as float16, each followed by a cast to float32."""
    model = onnx.load(str(source))
    kept, casts = [], []
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype == np.float32 and values.size >= SMALL:
            half = tensor.name + "_half"
            kept.append(numpy_helper.from_array(values.astype(np.float16), half))
            casts.append(helper.make_node("Cast", [half], [tensor.name], to=onnx.TensorProto.FLOAT))
        else:
            kept.append(tensor)
    del model.graph.initializer[:]
    model.graph.initializer.extend(kept)
    nodes = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend([*casts, *nodes])
    onnx.checker.check_model(model)
    output.parent.mkdir(exist_ok=True)
    output.write_bytes(model.SerializeToString())


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("work", type=Path)
    parser.add_argument("--steps", type=int, default=14_000)
    parser.add_argument("--threads", type=int, default=0)
    arguments = parser.parse_args()
    work: Path = arguments.work
    work.mkdir(parents=True, exist_ok=True)
    model = work / "small.onnx"
    train(
        *practice.facesets(work, FRAMES),
        model,
        subject="Anna (synthetic)",
        consent=demo.CONSENT,
        preset="small",
        steps=arguments.steps,
        threads=arguments.threads,
    )
    store_half(model, Path(demo.__file__).parent / "data" / "demo.onnx")


if __name__ == "__main__":
    main()
