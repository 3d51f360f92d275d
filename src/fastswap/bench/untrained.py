"""Generators of a preset's shape that nobody trained: as fast as trained ones, which differ in the weights alone."""

from __future__ import annotations

from pathlib import Path

from fastswap.errors import SettingsError


def untrained(preset: str, path: Path) -> Path:
    """Writes an untrained generator of a preset to `path` and returns that. Needs torch; raises SettingsError without,
    TrainingError for an unknown preset."""
    try:
        import torch
    except ImportError as error:
        raise SettingsError("bench: --preset builds a network with torch; install fastswap[train]") from error
    from fastswap.model import Contract, save_model
    from fastswap.training.export import to_onnx
    from fastswap.training.network import SwapPath, build
    from fastswap.training.presets import find_preset

    shape = find_preset(preset).shape
    torch.manual_seed(0)
    network = SwapPath(build(shape)).eval()
    contract = Contract(
        shape.resolution,
        subject=f"nobody: an untrained {preset}",
        consent="Shows nobody; for benchmarks alone.",
    )
    save_model(to_onnx(network, shape.resolution), contract, path)
    return path
