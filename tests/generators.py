"""Small real generators for tests: ONNX networks with the contract, made without torch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from fastswap.model import Contract, save_model

MIX = np.array([[0.2, 0.8, 0.0], [0.0, 0.3, 0.7], [0.9, 0.0, 0.1]], np.float32)
"""What the generator does to R'G'B': a mix that nobody mistakes for the face that went in."""


def write_generator(path: Path, resolution: int = 64, consent: str = "given for tests") -> Path:
    """A network that mixes the colours of the face it is given and marks an ellipse as its mask."""
    place = (np.arange(resolution) + 0.5) / resolution - 0.5
    inside = (place[None, :] / 0.36) ** 2 + (place[:, None] / 0.44) ** 2 < 1.0
    constants = {
        "mix": MIX.reshape(3, 3, 1, 1),
        "ellipse": inside.astype(np.float32)[None, None],
        "zero": np.zeros(1, np.float32),
        "axes": np.array([1], np.int64),
    }
    nodes = [
        helper.make_node("Conv", ["face", "mix"], ["mixed"]),
        helper.make_node("Relu", ["mixed"], ["swap"]),
        helper.make_node("ReduceMean", ["face", "axes"], ["luma"], keepdims=1),
        helper.make_node("Mul", ["luma", "zero"], ["nothing"]),
        helper.make_node("Add", ["nothing", "ellipse"], ["mask"]),
    ]
    shape = ["N", 3, resolution, resolution]
    graph = helper.make_graph(
        nodes,
        "generator",
        [helper.make_tensor_value_info("face", TensorProto.FLOAT, shape)],
        [
            helper.make_tensor_value_info("swap", TensorProto.FLOAT, shape),
            helper.make_tensor_value_info("mask", TensorProto.FLOAT, ["N", 1, resolution, resolution]),
        ],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    save_model(model, Contract(resolution=resolution, subject="Test Actor", consent=consent), path)
    return path
