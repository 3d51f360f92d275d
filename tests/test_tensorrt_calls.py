"""Every TensorRT call that the engine makes, held against NVIDIA's own bindings. No engine is built or run here.

The source is read: each attribute that it asks of a TensorRT object has to exist in the class that the object has, with
an argument list that takes the call. The full bindings are loaded over stand-in libraries, the lean ones as they are.
"""

from __future__ import annotations

import ast
import importlib.util
import json
import sys
from importlib import metadata
from pathlib import Path

import pytest

import tensorrt_stand_in
from fastswap.engines import tensorrt, tensorrt_build

OBJECTS = {
    "builder": "Builder", "network": "INetworkDefinition", "parser": "OnnxParser", "config": "IBuilderConfig",
    "profile": "IOptimizationProfile", "cache": "ITimingCache", "measured": "ITimingCache", "error": "ParserError",
    "tensor": "ITensor", "plan": "IHostMemory", "context": "IExecutionContext", "_engine": "ICudaEngine",
    "_library": "Runtime",
}  # fmt: skip
"""Classes of the variables in the two files that hold TensorRT's objects."""
LEAN = ("IExecutionContext", "ICudaEngine", "Runtime", "ILogger", "TensorIOMode")
SEES = """
import importlib, json, sys
trt = importlib.import_module(sys.argv[1] if len(sys.argv) > 1 else MODULE)
found = {}
for owner, name, count in CALLS:
    holder = trt
    for part in owner.split(".") if owner else []:
        holder = getattr(holder, part, None)
    there = getattr(holder, name, None)
    found[f"{owner}.{name}/{count}"] = None if there is None else (there.__doc__ or "")
print(json.dumps(found))
"""


def used() -> dict[tuple[str, str], int]:
    """(class or "" for the module, attribute) to the number of arguments it is called with, -1 when it is read."""
    found: dict[tuple[str, str], int] = {}
    for module in (tensorrt, tensorrt_build):
        tree = ast.parse(Path(module.__file__ or "").read_text())
        calls = {id(node.func): len(node.args) for node in ast.walk(tree) if isinstance(node, ast.Call)}
        for node in ast.walk(tree):
            if not isinstance(node, ast.Attribute):
                continue
            owner = _class_of(node.value)
            if owner is not None and not node.attr.startswith("__"):
                found[owner, node.attr] = calls.get(id(node), -1)
    return found


def _class_of(value: ast.expr) -> str | None:
    if isinstance(value, ast.Name):
        return "" if value.id == "trt" else OBJECTS.get(value.id)
    if isinstance(value, ast.Attribute):
        if value.attr in OBJECTS:
            return OBJECTS[value.attr]
        above = _class_of(value.value)
        return (
            value.attr if above == "" else f"{above}.{value.attr}" if above and above[0].isupper() else None
        )
    return None


def look_up(
    module: str, environment: dict[str, str], calls: dict[tuple[str, str], int]
) -> dict[str, str | None]:
    """The documentation of each in the bindings, None where there is no such thing."""
    listed = [(owner, name, count) for (owner, name), count in calls.items()]
    program = SEES.replace("MODULE", repr(module)).replace("CALLS", repr(listed))
    found: dict[str, str | None] = json.loads(tensorrt_stand_in.run(program, environment))
    return found


def takes(documentation: str, count: int) -> bool:
    """Whether one of the signatures that pybind11 documents takes that many arguments."""
    signatures = [line for line in documentation.splitlines() if "(self: " in line and "->" in line]
    if count < 0 or not signatures:
        return True
    for signature in signatures:
        inside = signature[signature.index("(") + 1 : signature.rindex(") ->")]
        depth, arguments, text = 0, [], ""
        for letter in inside + ",":
            depth += letter in "[(<"
            depth -= letter in "])>"
            if letter == "," and depth == 0:
                arguments.append(text)
                text = ""
            else:
                text += letter
        least = sum("=" not in argument for argument in arguments) - 1
        if least <= count <= len(arguments) - 1:
            return True
    return False


@pytest.fixture(scope="module")
def bindings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment in which the full bindings can be imported."""
    if importlib.util.find_spec("tensorrt_bindings") is None or sys.platform != "linux":
        pytest.skip("tensorrt-cu13-bindings is not installed (there are none for this platform)")
    major = int(metadata.version("tensorrt-cu13-bindings").split(".")[0])
    return tensorrt_stand_in.build(tmp_path_factory.mktemp("stand-in"), major)


def test_the_test_sees_the_calls() -> None:
    calls = used()
    assert calls["Builder", "build_serialized_network"] == 2
    assert calls["IExecutionContext", "execute_async_v3"] == 1
    assert calls["IOptimizationProfile", "set_shape"] == 4
    assert ("BuilderFlag", "VERSION_COMPATIBLE") in calls
    assert len(calls) > 40


def test_every_call_exists_in_the_full_bindings(bindings: dict[str, str]) -> None:
    calls = used()
    found = look_up("tensorrt_bindings", bindings, calls)
    missing = [name for name, documentation in found.items() if documentation is None]
    assert not missing
    wrong = [name for name, text in found.items() if text and not takes(text, int(name.rpartition("/")[2]))]
    assert not wrong


def test_the_check_would_notice(bindings: dict[str, str]) -> None:
    found = look_up("tensorrt_bindings", bindings, {("Builder", "build_cuda_engine"): 1})
    assert found == {"Builder.build_cuda_engine/1": None}
    (text,) = look_up("tensorrt_bindings", bindings, {("IOptimizationProfile", "set_shape"): 4}).values()
    assert text
    assert takes(text, 4)
    assert not takes(text, 3)


def test_running_an_engine_needs_no_more_than_the_lean_run_time() -> None:
    if importlib.util.find_spec("tensorrt_lean_bindings") is None:
        pytest.skip("tensorrt-lean-cu13-bindings is not installed (there are none for this platform)")
    tree_calls = {key: count for key, count in used().items() if key[0].split(".")[0] in LEAN}
    found = look_up("tensorrt_lean_bindings", dict(__import__("os").environ), tree_calls)
    assert len(found) > 12
    assert not [name for name, documentation in found.items() if documentation is None]


def test_the_logger_and_the_monitor_are_what_the_library_calls(bindings: dict[str, str]) -> None:
    """Our subclasses of NVIDIA's abstract classes: made, and called back with what the library passes."""
    program = """
import tensorrt_bindings as trt
from fastswap.engines.tensorrt import messages
from fastswap.engines.tensorrt_build import _monitor
log = messages(trt)
assert isinstance(log, trt.ILogger)
log.log(trt.ILogger.Severity.WARNING, "no matter")
log.log(trt.ILogger.Severity.ERROR, "the first line\\nthe second")
steps = []
def step(name, part):
    steps.append((name, round(part, 2)))
    if len(steps) == 3:
        raise KeyboardInterrupt
monitor = _monitor(trt, step)
assert isinstance(monitor, trt.IProgressMonitor)
monitor.phase_start("Building", None, 4)
monitor.phase_start("Timing", "Building", 10)
assert monitor.step_complete("Timing", 3)
assert monitor.step_complete("Building", 0)
assert monitor.step_complete("Building", 1)
assert not monitor.step_complete("Building", 2)
monitor.phase_finish("Building")
print(log.last, steps, type(monitor.caught).__name__)
"""
    said = tensorrt_stand_in.run(program, bindings)
    assert (
        said.strip()
        == "the first line [('Building', 0.25), ('Building', 0.5), ('Building', 0.75)] KeyboardInterrupt"
    )
