"""The engines of the GPU path, run on the CPU: torch through the code that a GPU runs, TensorRT's up to the library.

Memory and streams are those of `host_runtime`; networks in half precision are the very files that a GPU would run.
"""

from __future__ import annotations

import importlib.resources
from functools import cache
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

import compare
import host_runtime
from fastswap.engines import accept, opening
from fastswap.engines import precision as precisions
from fastswap.engines.network import batch_sizes, halving, padded, run_on_host
from fastswap.engines.opening import Job
from fastswap.errors import DeviceError, ModelError
from host_runtime import HostRuntime

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.usefixtures("one_thread")
Floats = NDArray[np.float32]
DEMO = importlib.resources.files("fastswap") / "data" / "demo.onnx"


@cache
def demo() -> onnx.ModelProto:
    """The demo's generator."""
    return onnx.load_model_from_string(DEMO.read_bytes())


def job(model: onnx.ModelProto, batch: int = 4, precision: str = "f16") -> Job:
    data = model.SerializeToString()
    return Job(model, opening.digest(data), "demo.onnx", batch, precision)  # type: ignore[arg-type]


@pytest.fixture
def runtime() -> HostRuntime:
    return HostRuntime(host_runtime.module())


def small(
    *nodes: onnx.NodeProto, weights: dict[str, Floats] | None = None, opset: int = 18
) -> onnx.ModelProto:
    """A network `face` [N, 3, 32, 32] to `swap` and `mask` made of these nodes."""
    square = ["N", 3, 32, 32]
    graph = helper.make_graph(
        list(nodes),
        "small",
        [helper.make_tensor_value_info("face", TensorProto.FLOAT, square)],
        [
            helper.make_tensor_value_info("swap", TensorProto.FLOAT, square),
            helper.make_tensor_value_info("mask", TensorProto.FLOAT, ["N", 1, 32, 32]),
        ],
        [numpy_helper.from_array(value, name) for name, value in (weights or {}).items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)


MASK = helper.make_node("Slice", ["face", "zero", "one", "one"], ["mask"])
INTS = {"zero": np.array([0], np.int64), "one": np.array([1], np.int64)}


def loud() -> onnx.ModelProto:
    """A network whose middle is far beyond half precision and whose output is not."""
    return small(
        helper.make_node("Mul", ["face", "big"], ["huge"], name="grow"),
        helper.make_node("Mul", ["huge", "tiny"], ["swap"], name="shrink"),
        MASK,
        weights={"big": np.float32([3e5]), "tiny": np.float32([1 / 3e5]), **INTS},  # type: ignore[dict-item]
    )


def plain() -> onnx.ModelProto:
    """The smallest network that is one."""
    return small(helper.make_node("Relu", ["face"], ["swap"]), MASK, weights=INTS)  # type: ignore[arg-type]


@pytest.mark.parametrize("precision", ["f32", "f16"])
def test_typed_networks_in_onnxruntime(precision: str) -> None:
    """The files themselves, in an engine that is neither torch nor OpenVINO."""
    probes = precisions.probes(96)
    keep = precisions.overflowing(demo(), precision, probes)  # type: ignore[arg-type]
    typed = precisions.typed(demo(), precision, keep)  # type: ignore[arg-type]
    onnx.checker.check_model(typed, full_check=True)
    truth = opening.cpu_outputs(job(demo()))
    made = onnxruntime.InferenceSession(typed.SerializeToString()).run(["swap", "mask"], {"face": probes})
    for out, name in zip(made, ("swap", "mask"), strict=True):
        gap = np.abs(out - truth[name])
        if precision == "f32":
            # On noise, the last probe, rounding grows: between other engines in float32 too.
            assert gap[:-1].max() <= 1e-4
            assert gap.max() <= 1e-2
        else:
            assert gap.mean() <= compare.TYPED_SWAP["f16"]
            assert gap.max() <= compare.TYPED_WORST["f16"]


def test_half_precision_means_the_weights_too() -> None:
    typed = precisions.typed(demo(), "f16")
    kinds = {tensor.data_type for tensor in typed.graph.initializer if len(tensor.dims) == 4}
    assert TensorProto.FLOAT16 in kinds
    convolutions = [node for node in typed.graph.node if node.op_type == "Conv"]
    weights = {tensor.name: tensor.data_type for tensor in typed.graph.initializer}
    assert {weights[node.input[1]] for node in convolutions} == {TensorProto.FLOAT16}
    assert [value.type.tensor_type.elem_type for value in typed.graph.output] == [TensorProto.FLOAT] * 2


def test_bfloat16_networks_are_valid_and_close() -> None:
    typed = precisions.typed(demo(), "bf16")
    onnx.checker.check_model(typed, full_check=True)
    from fastswap.engines.onnx_torch import OnnxModule

    probes = precisions.probes(96)
    with torch.inference_mode():
        made = OnnxModule(typed)(torch.from_numpy(probes))
    for out, want in zip(made, opening.cpu_outputs(job(demo())).values(), strict=True):
        gap = np.abs(out.numpy() - want)
        assert 0 < gap.mean() <= compare.TYPED_SWAP["bf16"]
        assert gap.max() <= compare.TYPED_WORST["bf16"]


def test_layers_that_overflow_stay_in_float32() -> None:
    probes = precisions.probes(32)
    keep = precisions.overflowing(loud(), "f16", probes)
    assert keep == {"grow", "shrink"}
    kept = precisions.typed(loud(), "f16", keep)
    made = onnxruntime.InferenceSession(kept.SerializeToString()).run(["swap"], {"face": probes})[0]
    assert np.abs(made - probes).max() < 1e-5
    without = precisions.typed(loud(), "f16")
    made = onnxruntime.InferenceSession(without.SerializeToString()).run(["swap"], {"face": probes})[0]
    assert not np.isfinite(made).all()  # what keeping them is for
    assert not precisions.overflowing(loud(), "bf16", probes)


@pytest.mark.parametrize("precision", ["f32", "f16"])
def test_torch_computes_what_openvino_does(runtime: HostRuntime, precision: str) -> None:
    network = opening.open_torch(job(demo(), 4, precision), runtime)
    assert network.precision == precision
    assert network.sizes == (1, 2, 4)
    faces = np.random.default_rng(5).random(
        (7, 3, 96, 96), np.float32
    )  # neither a size nor a multiple of one
    made = run_on_host(network, faces, runtime, runtime.stream())
    job_of_faces = job(demo(), 4, precision)
    truth = _openvino(job_of_faces.model, faces)
    for name, want in truth.items():
        gap = np.abs(made[name] - want)
        assert gap.max() <= (compare.TORCH_ENGINE * 10 if precision == "f32" else compare.TYPED_WORST["f16"])
    network.close()
    with pytest.raises(DeviceError, match="closed"):
        network.run(0, 1, runtime.stream())


def _openvino(model: onnx.ModelProto, faces: Floats) -> dict[str, Floats]:
    import openvino as ov

    core = ov.Core()
    compiled = core.compile_model(
        core.read_model(model.SerializeToString()), "CPU", {"INFERENCE_PRECISION_HINT": "f32"}
    )
    results = compiled(faces)
    return {name: np.array(results[name]) for name in ("swap", "mask")}


def test_auto_takes_torch_where_tensorrt_is_missing(runtime: HostRuntime, no_tensorrt: None) -> None:
    network = opening.open_network(job(plain(), 2), runtime)
    assert network.name.startswith("torch ")
    assert network.notices == [
        "demo.onnx: run by torch, since TensorRT's lean run time is not installed: "
        "pip install tensorrt-lean-cu13-bindings tensorrt-lean-cu13-libs"
    ]
    with pytest.raises(DeviceError, match="is not installed: pip install"):
        opening.open_network(job(plain(), 2), runtime, engine="tensorrt")


@pytest.fixture
def no_tensorrt(monkeypatch: pytest.MonkeyPatch) -> None:
    from fastswap.engines import tensorrt

    monkeypatch.setattr(tensorrt, "_FULL", ("no_such_tensorrt",))
    monkeypatch.setattr(tensorrt, "_LEAN", ("no_such_lean_tensorrt",))


def test_a_network_that_torch_cannot_run_names_its_node(runtime: HostRuntime, no_tensorrt: None) -> None:
    model = small(
        helper.make_node("Det", ["face"], ["d"], name="odd one"),
        helper.make_node("Mul", ["face", "face"], ["swap"]),
        MASK,
        weights=INTS,  # type: ignore[arg-type]
    )
    with pytest.raises(ModelError, match="node 'odd one': torch engine has no operator Det"):
        opening.open_network(job(model), runtime)


def test_memory_for_half_the_batch(runtime: HostRuntime) -> None:
    notices: list[str] = []
    asked = []

    def work(batch: int) -> int:
        asked.append(batch)
        if batch > 5:
            raise MemoryError("GPU memory is exhausted")
        return batch

    assert halving(32, work, notices, "demo.onnx", lambda: False) == 4
    assert asked == [32, 16, 8, 4]
    asked.clear()
    notices.clear()
    assert halving(32, work, notices, "demo.onnx", lambda: True) == 4
    assert asked == [32, 32, 16, 8, 4]  # tried again once what lay about was freed
    assert notices == ["demo.onnx: batches of 4 instead of 32: the GPU's memory has no room for more"]
    with pytest.raises(DeviceError, match="too small even for one face"):
        halving(2, lambda batch: work(9), notices, "demo.onnx", lambda: False)


def test_results_that_differ_are_refused() -> None:
    truth = {"swap": np.full((2, 3, 8, 8), 0.5, np.float32)}
    assert not accept.refused(truth, {"swap": truth["swap"] + 1e-3}, "f16")
    assert "swap" in accept.refused(truth, {"swap": truth["swap"] + 0.02}, "f16")
    spoilt = truth["swap"].copy()
    spoilt[0, 0, 0, 0] = np.nan
    assert "nan" in accept.refused(truth, {"swap": spoilt}, "f16")


def test_batch_sizes() -> None:
    assert batch_sizes(1) == (1,)
    assert batch_sizes(32) == (1, 2, 4, 8, 16, 32)
    assert batch_sizes(12) == (1, 2, 4, 8, 12)
    assert [padded(n, batch_sizes(12)) for n in (1, 3, 8, 9, 12)] == [1, 4, 8, 12, 12]


def test_graphs_with_control_flow_are_refused_by_name(tmp_path: Path) -> None:
    branch = helper.make_graph([], "b", [], [])
    model = small(
        helper.make_node("If", ["face"], ["swap"], name="choose", then_branch=branch, else_branch=branch)
    )
    with pytest.raises(ModelError, match=r"node 'choose': control flow \(If\)"):
        precisions.typed(model, "f16")


class ParserError:
    """What TensorRT's parser tells of a node; see test_tensorrt_calls for the real one's methods."""

    def node(self) -> int:
        return 4

    def node_name(self) -> str:
        return "upsample"

    def node_operator(self) -> str:
        return "GridSample"

    def desc(self) -> str:
        return "not supported\nmore"


def test_what_tensorrt_cannot_parse_is_named_and_torch_takes_over(
    runtime: HostRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    from types import SimpleNamespace

    from fastswap.engines.tensorrt_build import _parse_error

    parser = SimpleNamespace(num_errors=1, get_error=lambda index: ParserError())
    words = _parse_error(parser, SimpleNamespace(last="?"))
    assert words == "node 'upsample' (GridSample): not supported"

    def refuses(*arguments: object, **settings: object) -> None:
        raise ModelError(f"TensorRT 11 cannot parse it: {words}")

    monkeypatch.setattr(opening, "open_tensorrt", refuses)
    network = opening.open_network(job(plain(), 1), runtime)
    assert network.name.startswith("torch ")
    assert network.notices == [f"demo.onnx: run by torch, since TensorRT 11 cannot parse it: {words}"]
    with pytest.raises(ModelError, match="GridSample"):
        opening.open_network(job(plain(), 1), runtime, engine="tensorrt")


def test_an_engine_that_the_library_does_not_take_is_built_again(
    runtime: HostRuntime, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Whole on the disk, yet of no use: of another build of the same version, say."""
    from types import SimpleNamespace

    from fastswap.engines import tensorrt, tensorrt_build
    from fastswap.engines.cache import EngineCache
    from fastswap.engines.tensorrt_build import Built

    built = []

    def build(model: object, **settings: object) -> Built:
        built.append(settings["batch"])
        return Built(b"good", b"timing", 1.5)

    def network(engine: bytes, runtime: HostRuntime, **settings: object) -> object:
        if engine != b"good":
            raise tensorrt.UnusableEngine("made by another build")
        return opening.open_torch(job(plain(), 2), runtime)

    monkeypatch.setattr(
        tensorrt, "library", lambda lean=False: SimpleNamespace(__version__="11.4", __name__="trt")
    )
    monkeypatch.setattr(tensorrt_build, "build", build)
    monkeypatch.setattr(tensorrt, "TensorRtNetwork", network)
    cache = EngineCache(tmp_path)
    key = opening.engine_key(job(plain(), 2), runtime, "11.4", False)
    cache.get(key, lambda: (b"old", {}))
    opened = opening.open_tensorrt(job(plain(), 2), runtime, cache)
    assert built == [2]
    assert any("of no use (made by another build)" in notice for notice in opened.notices)
    assert any("TensorRT engine built in 1.5 s" in notice for notice in opened.notices)
    assert cache.find(key).details["precision"] == "f16"  # type: ignore[union-attr]
    assert cache.timing(key) == b"timing"
    opening.open_tensorrt(job(plain(), 2), runtime, EngineCache(tmp_path))
    assert built == [2]


def test_the_lean_run_time_alone_says_how_to_get_an_engine(
    runtime: HostRuntime, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from types import SimpleNamespace

    from fastswap.engines import tensorrt
    from fastswap.engines.cache import EngineCache

    def library(lean: bool = False) -> object:
        if not lean:
            raise DeviceError("TensorRT is not installed")
        return SimpleNamespace(__version__="11.4", __name__="tensorrt_lean")

    monkeypatch.setattr(tensorrt, "library", library)
    with pytest.raises(DeviceError, match="run `fastswap compile --lean` with TensorRT"):
        opening.open_tensorrt(job(plain(), 2), runtime, EngineCache(tmp_path))


def test_face_models_are_converted_once_and_again_when_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fastswap import weights
    from fastswap.device import faces

    monkeypatch.setenv("FASTSWAP_WEIGHTS", str(weights.model_path("mesh").parent))
    monkeypatch.setenv("FASTSWAP_CACHE", str(tmp_path))
    first = faces.converted("mesh")
    (kept,) = (tmp_path / "onnx").iterdir()
    monkeypatch.setattr(faces, "to_onnx", lambda *a, **k: pytest.fail("it was there"))
    assert faces.converted("mesh") == first
    monkeypatch.undo()
    monkeypatch.setenv("FASTSWAP_WEIGHTS", str(weights.model_path("mesh").parent))
    monkeypatch.setenv("FASTSWAP_CACHE", str(tmp_path))
    kept.write_bytes(kept.read_bytes()[:-100])
    assert faces.converted("mesh") == first
