"""Networks: what they cost, that they learn, and that the exported file computes what torch computes."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

import compare
from fastswap.errors import (
    TrainingError,
)
from fastswap.model import Contract, load_contract
from fastswap.training.presets import PRESETS, Shape
from fastswap.training.recipe import Augment
from learning import ASKED, FAMILIES, MICRO, learner, losses

torch = pytest.importorskip("torch", reason="training needs torch")

from fastswap.training import network  # noqa: E402
from fastswap.training.export import export, run_onnx, to_onnx  # noqa: E402

flipped = partial(learner, changes=Augment(flip=0.3))


@pytest.mark.parametrize(
    "shape", [*FAMILIES, PRESETS["tiny"].shape, Shape(48, (32, 64, 64), 32, (64, 64, 32), 2, kernel=1)]
)
def test_the_multiply_adds_are_those_of_the_exported_layers(shape: Shape) -> None:
    proto = to_onnx(network.SwapPath(network.build(shape)).eval(), shape.resolution)
    inferred = onnx.shape_inference.infer_shapes(proto)
    sizes = {
        value.name: [dim.dim_value for dim in value.type.tensor_type.shape.dim]
        for value in inferred.graph.value_info
    }
    weights = {tensor.name: int(np.prod(tensor.dims)) for tensor in proto.graph.initializer}
    counted = 0.0
    for node in proto.graph.node:
        if node.op_type == "Conv":
            counted += weights[node.input[1]] * np.prod(sizes[node.output[0]][2:])
        elif node.op_type == "Gemm":
            counted += weights[node.input[1]]
    assert counted == network.multiply_adds(shape)


def test_families_of_one_shape_cost_the_same() -> None:
    costs = {network.multiply_adds(shape) for shape in FAMILIES}
    assert len(costs) == 1


@pytest.mark.parametrize("shape", FAMILIES, ids=lambda shape: shape.family)
def test_the_swap_path_draws_what_the_generator_does(shape: Shape) -> None:
    model = network.build(shape)
    noise = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(0.05 * torch.randn(weight.shape, generator=noise))
    face, other = torch.rand(2, 3, 32, 32), torch.rand(3, 3, 32, 32)
    swap, mask = network.SwapPath(model)(face)
    drawn = torch.sigmoid(model.draw(face, "source"))
    assert torch.allclose(torch.cat((swap, mask), dim=1), drawn, atol=compare.TORCH_EXPORT)
    assert not torch.allclose(drawn, torch.sigmoid(model.draw(face, "target")), atol=0.01)
    own, theirs = model(face, other)[:2]
    assert torch.allclose(own, model.draw(face, "source"), atol=compare.TORCH_EXPORT)
    assert torch.allclose(theirs, model.draw(other, "target"), atol=compare.TORCH_EXPORT)


def test_a_compiled_network_learns_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Traced, with its derivatives, and run as traced; making kernels of that is torch's own matter and takes long."""
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="aot_eager"))
    plain, compiled = (learner(batch=2, compiled=compiled) for compiled in (False, True))
    for _ in range(2):
        assert torch.allclose(plain.step(1e-3), compiled.step(1e-3), rtol=compare.TORCH_PARTS)


@pytest.mark.parametrize("shape", FAMILIES, ids=lambda shape: shape.family)
def test_every_weight_of_a_family_learns(shape: Shape) -> None:
    model = learner(shape=shape, batch=2)
    before = [weight.detach().clone() for weight in model.parameters]
    losses(model, 2)
    for old, new in zip(before, model.parameters, strict=True):
        assert not torch.equal(old, new)


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_presets_keep_to_their_compute(preset: str) -> None:
    shape = PRESETS[preset].shape
    ceiling = {64: 0.6e9, 96: 2.5e9, 128: 10e9, 224: 31e9, 320: 64e9, 512: 64e9}[shape.resolution]
    assert network.multiply_adds(shape) <= ceiling


def test_shapes_that_do_not_fit_together() -> None:
    with pytest.raises(TrainingError, match="no multiple"):
        Shape(50, (32, 32), 32, (32, 32))
    with pytest.raises(TrainingError, match="levels"):
        Shape(64, (32, 32, 32), 32, (32, 32))


def contract(resolution: int) -> Contract:
    return Contract(resolution=resolution, training={"steps": 3}, **ASKED)


@pytest.mark.parametrize("count", [1, 3])
def test_the_exported_file_computes_what_torch_computes(tmp_path: Path, count: int) -> None:
    model = flipped()
    losses(model, 20)
    faces = model.stills("target", count).face.numpy()
    path = tmp_path / "model.onnx"
    report = export(model.averaged(), contract(32), path, faces)
    with torch.inference_mode():
        truth = [x.numpy() for x in network.SwapPath(model.averaged())(torch.from_numpy(faces))]
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    for ours, theirs in zip(session.run(["swap", "mask"], {"face": faces}), truth, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=compare.TORCH_EXPORT)
    assert load_contract(path) == contract(32)
    assert report.bytes == path.stat().st_size
    assert report.difference["f32"][0] < compare.TORCH_EXPORT
    assert report.difference.keys() == {"f32", "bf16", "f16"}
    assert report.speed["f32"] > 0.0


def test_the_file_holds_no_target_decoder(tmp_path: Path) -> None:
    generator = network.build(MICRO)
    proto = to_onnx(network.SwapPath(generator).eval(), 32)
    stored = sum(int(np.prod(tensor.dims)) for tensor in proto.graph.initializer)
    needed = sum(weight.numel() for weight in network.SwapPath(generator).parameters())
    assert needed * 0.99 < stored < needed + 200


def test_an_export_that_differs_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def drift(*arguments: object) -> list[np.ndarray]:
        return [values + np.float32(0.2) for values in run_onnx(*arguments)]  # type: ignore[arg-type]

    monkeypatch.setattr("fastswap.training.export.run_onnx", drift)
    with pytest.raises(TrainingError, match="differs from torch"):
        export(network.build(MICRO), contract(32), tmp_path / "m.onnx", np.zeros((1, 3, 32, 32), np.float32))
    assert not list(tmp_path.iterdir())


def test_a_precision_that_draws_worse_than_expected_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The model is written all the same: hours of training must not be lost to a pixel."""
    monkeypatch.setattr("fastswap.training.export.TOLERANCE", {"f32": 2e-3, "bf16": 0.0, "f16": 0.5})
    model = flipped()
    losses(model, 5)
    path = tmp_path / "m.onnx"
    made = export(model.averaged(), contract(32), path, model.stills("target", 3).face.numpy())
    assert path.exists()
    (told,) = made.notices
    assert "in bf16" in told


def test_a_precision_that_the_processor_lacks_is_not_taken_for_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """f16 with its 11 bits, worked out in float32, is nearer to the truth than bf16 with its 8."""
    monkeypatch.setattr("fastswap.training.export.native", lambda precision: precision == "f32")
    model = flipped()
    losses(model, 20)
    faces = model.stills("target", 3).face.numpy()
    made = export(model.averaged(), contract(32), tmp_path / "m.onnx", faces)
    assert made.emulated == ("bf16", "f16")
    assert made.difference["f16"][1] < 0.3 * made.difference["bf16"][1]
