"""Presets of one's own, in TOML: a preset to start from and what is different.

base = "small"
batch = 8
[network]
family = "liae"
latent = 256
[stages]
gan = 20000
[loss]
style = 0.2
[augment]
flip = 0.5
"""

from __future__ import annotations

import tomllib
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from fastswap.errors import FastswapError, InputError, SettingsError
from fastswap.training.presets import Preset, find_preset
from fastswap.training.recipe import check_numbers

SECTIONS = {"network": "shape", "stages": "stages", "loss": "weights", "augment": "changes"}
SINGLE = ("batch", "rate", "minutes")
_SHARES = {"flip", "transfer", "proportions", "demand", "blur", "noise", "compression"}


def read_preset(path: str | Path) -> Preset:
    """The preset in a TOML file. Raises InputError or SettingsError, one line that names the file and the entry."""
    path = Path(path)
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path}: no such preset file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read ({error})") from None
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{path}: not TOML: {error}") from None
    try:
        return _preset(path.stem, table)
    except FastswapError as error:
        raise SettingsError(f"{path}: {error}") from None


def _preset(name: str, table: dict[str, Any]) -> Preset:
    base = str(table.pop("base", "small"))
    if base.endswith(".toml"):
        raise SettingsError("base must be a preset's name")
    preset = replace(find_preset(base), name=name)
    for key, value in table.items():
        if key in SECTIONS:
            section = _changed(key, getattr(preset, SECTIONS[key]), value)
            preset = replace(preset, **{SECTIONS[key]: section})
        elif key in SINGLE:
            if not isinstance(value, int | float) or isinstance(value, bool) or not value > 0:
                raise SettingsError(f"{key} is {value!r}; it must be a positive number")
            single: dict[str, Any] = {key: int(value) if key == "batch" else float(value)}
            preset = replace(preset, **single)
        else:
            known = ", ".join(("base", *SINGLE, *SECTIONS))
            raise SettingsError(f"{key!r} means nothing; known are {known}")
    return preset


def _changed(section: str, values: Any, table: Any) -> Any:
    """The settings dataclass with the table's entries, each of the type that it replaces."""
    if not isinstance(table, dict):
        raise SettingsError(f"{section} must be a table: [{section}]")
    known = {field.name for field in fields(values)}
    changes: dict[str, Any] = {}
    for key, value in table.items():
        if key not in known:
            raise SettingsError(f"[{section}] {key!r} means nothing; known are {', '.join(sorted(known))}")
        changes[key] = _like(getattr(values, key), value, f"[{section}] {key}")
        if section == "augment" and key in _SHARES and not 0.0 <= changes[key] <= 1.0:
            raise SettingsError(f"[{section}] {key} is {value}; it must lie in 0..1")
    changed = replace(values, **changes)
    check_numbers(section, changed)
    return changed


def _like(old: Any, value: Any, name: str) -> Any:
    if isinstance(old, tuple):
        if isinstance(value, list) and all(type(item) is int for item in value):
            return tuple(value)
    elif isinstance(old, float):
        if type(value) in (int, float):
            return float(value)
    elif type(value) is type(old):
        return value
    kind = {tuple: "a list of whole numbers", float: "a number", int: "a whole number", str: "text"}[
        type(old)
    ]
    raise SettingsError(f"{name} is {value!r}; it must be {kind}")
