"""The torch engine's operators, each against onnxruntime on the same one-node graph."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

import compare
from fastswap.errors import ModelError

torch = pytest.importorskip("torch")
RNG = np.random.default_rng(11)


def floats(*shape: int) -> NDArray[np.float32]:
    return RNG.standard_normal(shape).astype(np.float32)


def ints(*values: int) -> NDArray[np.int64]:
    return np.array(values, np.int64)


X = floats(2, 8, 7, 9)
CASES: list[tuple[str, list[Any], dict[str, Any]]] = [
    ("Conv", [X, floats(6, 8, 3, 3), floats(6)], {"pads": [1, 1, 1, 1]}),
    ("Conv", [X, floats(6, 8, 3, 3)], {"pads": [0, 0, 1, 1], "strides": [2, 2]}),
    ("Conv", [X, floats(8, 1, 5, 5)], {"group": 8, "auto_pad": "SAME_UPPER", "strides": [2, 2]}),
    ("Conv", [X, floats(8, 1, 2, 2)], {"group": 8, "auto_pad": "SAME_LOWER"}),
    ("Conv", [X, floats(4, 8, 3, 3)], {"dilations": [2, 2]}),
    ("ConvTranspose", [X, floats(8, 5, 4, 4), floats(5)], {"strides": [2, 2], "pads": [1, 1, 1, 1]}),
    ("ConvTranspose", [X, floats(8, 5, 3, 3)], {"strides": [2, 2], "output_padding": [1, 1]}),
    ("MaxPool", [X], {"kernel_shape": [2, 2], "strides": [2, 2]}),
    ("MaxPool", [X], {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [0, 0, 1, 1]}),
    ("AveragePool", [X], {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}),
    ("AveragePool", [X], {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "count_include_pad": 1}),
    ("GlobalAveragePool", [X], {}),
    ("Pad", [X, ints(0, 0, 1, 2, 0, 3, 2, 0), np.float32(0.5)], {}),
    ("Pad", [X, ints(0, 0, 1, 2, 0, 0, 2, 1)], {"mode": "reflect"}),
    ("Pad", [X, ints(0, 0, 1, 2, 0, 0, 2, 1)], {"mode": "edge"}),
    ("Resize", [X, None, np.array([1, 1, 2, 2], np.float32)], {"mode": "linear"}),
    ("Resize", [X, None, None, ints(2, 8, 14, 27)],
     {"mode": "linear", "coordinate_transformation_mode": "align_corners"}),
    ("Resize", [X, None, np.array([1, 1, 2, 3], np.float32)],
     {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}),
    ("Resize", [X, None, np.array([1, 1, 2, 2], np.float32)], {"mode": "cubic"}),
    ("DepthToSpace", [X], {"blocksize": 2}),
    ("DepthToSpace", [X], {"blocksize": 2, "mode": "CRD"}),
    ("SpaceToDepth", [floats(2, 3, 6, 8)], {"blocksize": 2}),
    ("Reshape", [X, ints(0, -1, 9)], {}),
    ("Flatten", [X], {"axis": 1}),
    ("Transpose", [X], {"perm": [0, 2, 3, 1]}),
    ("Gemm", [floats(3, 5), floats(4, 5), floats(4)], {"transB": 1, "alpha": 0.5, "beta": 2.0}),
    ("MatMul", [floats(2, 3, 5), floats(5, 4)], {}),
    ("Slice", [X, ints(1, -4), ints(6, 100), ints(1, 3), ints(2, 1)], {}),
    ("Concat", [X, X], {"axis": 1}),
    ("Gather", [X, ints(2, 0, -1)], {"axis": 1}),
    ("Unsqueeze", [floats(3, 4), ints(0, 3)], {}),
    ("Squeeze", [floats(1, 3, 1, 4), ints(0, 2)], {}),
    ("Expand", [floats(1, 3, 1), ints(2, 1, 4)], {}),
    ("ReduceMean", [X, ints(2, 3)], {"keepdims": 1}),
    ("ReduceSum", [X, ints(1)], {"keepdims": 0}),
    ("ReduceMax", [X, ints(2)], {}),
    ("ReduceL2", [X, ints(1)], {}),
    ("InstanceNormalization", [X, floats(8), floats(8)], {"epsilon": 1e-4}),
    ("LayerNormalization", [X, floats(9), floats(9)], {}),
    ("BatchNormalization", [X, floats(8), floats(8), floats(8), np.abs(floats(8)) + 0.1], {}),
    ("Softmax", [X], {"axis": 1}),
    ("PRelu", [X, floats(8, 1, 1)], {}),
    ("LeakyRelu", [X], {"alpha": 0.1}),
    ("Clip", [X, np.float32(-0.5), np.float32(0.7)], {}),
    ("Clip", [X, None, np.float32(0.7)], {}),
    ("Elu", [X], {}),
    ("HardSigmoid", [X], {}),
    ("HardSwish", [X], {}),
    ("Erf", [X], {}),
    ("Pow", [np.abs(X), np.float32(1.5)], {}),
    ("Where", [X > 0, X, -X], {}),
    ("Max", [X, -X], {}),
    ("Div", [X, np.float32(3.0)], {}),
    *((kind, [X], {}) for kind in ("Relu", "Sigmoid", "Tanh", "Abs", "Neg", "Exp", "Softplus", "Identity")),
    *((kind, [np.abs(X) + 0.1], {}) for kind in ("Sqrt", "Log", "Reciprocal")),
    *((kind, [X, X[:, :1]], {}) for kind in ("Add", "Sub", "Mul", "Min")),
]  # fmt: skip


def graph(kind: str, inputs: list[Any], attributes: dict[str, Any]) -> Any:
    """One node; its first input is the graph's, the others are constants."""
    names = [f"in{number}" if value is not None else "" for number, value in enumerate(inputs)]
    first = np.asarray(inputs[0])
    constants = [
        numpy_helper.from_array(np.asarray(value), name)
        for name, value in list(zip(names, inputs, strict=True))[1:]
        if value is not None
    ]
    body = helper.make_graph(
        [helper.make_node(kind, names, ["out"], name="one", **attributes)],
        "one",
        [helper.make_tensor_value_info("in0", helper.np_dtype_to_tensor_dtype(first.dtype), first.shape)],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, None)],
        constants,
    )
    return helper.make_model(body, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


@pytest.mark.parametrize("case", range(len(CASES)), ids=lambda n: f"{CASES[n][0]}-{n}")
def test_an_operator_does_what_onnxruntime_does(case: int) -> None:
    from fastswap.engines.onnx_torch import OnnxModule

    kind, inputs, attributes = CASES[case]
    model = graph(kind, inputs, attributes)
    (want,) = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"in0": inputs[0]})
    with torch.inference_mode():
        (got,) = OnnxModule(model)(torch.from_numpy(np.ascontiguousarray(inputs[0])))
    assert tuple(got.shape) == want.shape
    assert np.abs(got.numpy() - want).max() <= compare.TORCH_OPERATOR


def test_every_operator_that_makes_floats_has_a_case() -> None:
    from fastswap.engines.onnx_ops import OPERATORS

    without = {
        "Cast",
        "Dropout",
        "Shape",
        "Split",
        "ReduceMin",
        "ReduceSumSquare",
    }  # or their siblings have one
    assert OPERATORS.keys() - {kind for kind, _, _ in CASES} == without


@pytest.mark.parametrize(
    ("kind", "inputs", "attributes", "words"),
    [
        ("Resize", [X, None, np.array([1, 1, 1.5, 1.5], np.float32)], {"mode": "nearest"}, "nearest resize"),
        ("Slice", [X, ints(-1), ints(-100), ints(2), ints(-1)], {}, "runs backwards"),
    ],
)
def test_what_an_operator_cannot_do_is_said(
    kind: str, inputs: list[Any], attributes: dict[str, Any], words: str
) -> None:
    from fastswap.engines.onnx_torch import OnnxModule

    module = OnnxModule(graph(kind, inputs, attributes))
    with pytest.raises(ModelError, match=f"node 'one': .*{words}"):
        module(torch.from_numpy(X))
