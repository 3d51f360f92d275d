"""Where there is nvcc, every kernel compiles for every architecture of a release, without warnings and spills."""

from __future__ import annotations

import importlib.util
import os
import re
import sys
from collections.abc import Callable
from types import ModuleType

import pytest

from emulated import ROOT


def load(name: str) -> ModuleType:
    """A module of tools/."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look there
    spec.loader.exec_module(module)
    return module


@pytest.mark.timeout(900)
def test_kernels_compile_for_every_architecture(record_property: Callable[[str, object], None]) -> None:
    """The kept table names the same kernels; counts differ between releases of nvcc, so they are printed only."""
    tool = load("kernel_resources")
    if tool.nvcc() is None:
        if os.environ.get("FASTSWAP_REQUIRE_CUDA") == "1":
            pytest.fail("FASTSWAP_REQUIRE_CUDA=1, but there is no nvcc")
        pytest.skip("there is no nvcc")
    found = tool.measure()
    text = tool.table(found)
    record_property("shown", text)
    assert {r.architecture for r in found} == set(tool.ARCHITECTURES)
    # 255 registers are the most there are: a kernel that needs them would spill on a newer compiler.
    assert not [r for r in found if r.spills or r.registers >= 255 or r.shared > 48 * 1024]

    def kernels(table: str) -> set[str]:
        return set(re.findall(r"^\| (\S+ \| `[^`]+`)", table, re.MULTILINE))

    assert kernels(text) == kernels(tool.TABLE.read_text()), "run tools/kernel_resources.py --write"


def test_the_build_names_the_same_architectures() -> None:
    tool = load("kernel_resources")
    listed = re.search(
        r"CMAKE_CUDA_ARCHITECTURES ((?:\d+\S* ?)+)\)", (ROOT / "cuda" / "CMakeLists.txt").read_text()
    )
    assert listed is not None
    assert tuple(name.removesuffix("-real") for name in listed[1].split()) == tool.ARCHITECTURES
