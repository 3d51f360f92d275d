"""TFLite to ONNX: the face models, converted, against OpenVINO's own reading of the files on actors' faces."""

from __future__ import annotations

import contextlib
from functools import cache

import numpy as np
import onnx
import onnxruntime
import openvino as ov
import pytest
from numpy.typing import NDArray

import compare
import people
from fastswap import detect, ops, weights
from fastswap.actors import ANNA, BO, Pose
from fastswap.align import compose
from fastswap.tflite import to_onnx

Floats = NDArray[np.float32]
CENTERED = {"detector": True, "mesh": False}


@cache
def crops() -> Floats:
    """What both networks are given: whole frames, tiles and squares around faces; [N, 3, 192, 192] in 0..1."""
    found = []
    poses = (people.STRAIGHT, Pose(yaw=0.5), Pose(pitch=-0.3, roll=0.4))
    pictures = [people.person(who, pose).rgb for who in (BO, ANNA) for pose in poses]
    for frame in people.frames(pictures):
        regions = [detect.letterbox(frame), *detect.tiles(frame, 150)[:1]]
        regions += [detect.square_of_detection(face) for face in detect.Detector()(frame)]
        maps = np.stack([compose(frame.to_coded, region) for region in regions])
        found.append(ops.crop([frame] * len(maps), maps, detect.SIDE, border="black"))
    return np.concatenate(found)


@cache
def converted(name: str) -> onnx.ModelProto:
    """A face model as ONNX."""
    path = weights.model_path(name)  # type: ignore[arg-type]
    return to_onnx(path.read_bytes(), center=CENTERED[name])


def openvino_outputs(source: object, pictures: Floats) -> list[Floats]:
    """All outputs of a network for each picture in turn, one thread, float32."""
    core = ov.Core()
    hints = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}
    compiled = core.compile_model(core.read_model(source), "CPU", hints)
    results = [compiled(np.ascontiguousarray(picture[None])) for picture in pictures]
    return [np.concatenate([result[k] for result in results]) for k in range(len(compiled.outputs))]


@pytest.mark.parametrize("name", ["detector", "mesh"])
def test_the_converted_network_computes_what_the_file_does(name: str) -> None:
    pictures = crops()
    assert len(pictures) >= 18
    last = pictures.transpose(0, 2, 3, 1)
    truth = openvino_outputs(weights.model_path(name), last * 2 - 1 if CENTERED[name] else last)
    session = onnxruntime.InferenceSession(converted(name).SerializeToString())
    ours = session.run(None, {"image": pictures})  # all in one batch
    assert [out.shape for out in ours] == [want.shape for want in truth]
    for out, want in zip(ours, truth, strict=True):
        assert np.abs(want).max() > 1.0
        assert np.abs(out - want).max() <= compare.FACE_NETWORK * max(1.0, float(np.abs(want).max()))


@pytest.mark.parametrize("name", ["detector", "mesh"])
def test_the_graph_is_lean(name: str) -> None:
    """What a GPU would have to run: no padding of its own, no decoding of weights, nothing done twice."""
    kinds = {node.op_type for node in converted(name).graph.node}
    assert not kinds & {"Cast", "DequantizeLinear", "Gather"}
    assert sum(node.op_type == "Pad" for node in converted(name).graph.node) <= 3  # of channels
    assert converted(name).graph.input[0].type.tensor_type.shape.dim[0].dim_param == "N"


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda data: b"", "not a TFLite file"),
        (lambda data: b"\0" * 4096, "not a TFLite file"),
        (lambda data: data[:2000], "file"),
        (lambda data: data[: len(data) // 2], "file"),
    ],
)
def test_what_is_no_tflite_file_is_refused_in_words(damage: object, words: str) -> None:
    data = weights.model_path("mesh").read_bytes()
    with pytest.raises(ValueError, match=words):
        to_onnx(damage(data))  # type: ignore[operator]


def test_damaged_bytes_never_end_in_another_error() -> None:
    """Places and counts are checked: whatever is flipped in the file's structure ends in ValueError or converts."""
    data = weights.model_path("mesh").read_bytes()
    rng = np.random.default_rng(3)
    tail = len(data) - 40000  # the structure lies after the weights
    for _ in range(20):
        broken = bytearray(data)
        for place in rng.integers(tail, len(data), 4):
            broken[place] = rng.integers(256)
        with contextlib.suppress(ValueError):
            to_onnx(bytes(broken))
