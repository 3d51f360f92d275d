"""Compares a native module with its stub."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path
from typing import Any

import fastswap

_EVERY_CLASS = {"__doc__", "__module__", "__new__"}
PACKAGE = Path(inspect.getfile(fastswap)).parent


def of_stub(name: str) -> dict[str, list[str]]:
    """Function name to parameter names, from the package's `name`.pyi."""
    tree = ast.parse((PACKAGE / f"{name}.pyi").read_text())
    return {n.name: [a.arg for a in n.args.args] for n in tree.body if isinstance(n, ast.FunctionDef)}


def of_module(module: Any) -> dict[str, list[str]]:
    """The same from the docstrings that pybind11 writes: `name(a: int, b: float) -> None`."""
    out = {}
    for name, value in vars(module).items():
        if callable(value) and not isinstance(value, type) and not name.startswith("_"):
            first = value.__doc__.splitlines()[0]
            inner = re.fullmatch(rf"{name}\((.*)\) -> .*", first)
            assert inner, first
            flat = inner[1]
            while "[" in flat:
                flat = re.sub(r"\[[^\[\]]*\]", "", flat)
            out[name] = re.findall(r"(\w+):", flat)
    return out


def classes_of_stub(name: str) -> dict[str, set[str]]:
    """Class name to the names of its methods and properties; protocols, which are for typing alone, left out."""
    tree = ast.parse((PACKAGE / f"{name}.pyi").read_text())
    return {
        c.name: {n.name for n in c.body if isinstance(n, ast.FunctionDef)}
        for c in tree.body
        if isinstance(c, ast.ClassDef) and not any(ast.unparse(base) == "Protocol" for base in c.bases)
    }


def classes_of_module(module: Any) -> dict[str, set[str]]:
    """The same from the module; pybind11's own names left out."""
    return {
        name: {n for n in vars(value) if "pybind11" not in n and n not in _EVERY_CLASS}
        for name, value in vars(module).items()
        if isinstance(value, type) and not name.startswith("_")
    }
