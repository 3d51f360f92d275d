"""The network, its optimiser and its random numbers: everything that one training step changes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fastswap.errors import DeviceError, SettingsError, TrainingError
from fastswap.training import augment
from fastswap.training.augment import Augment, Batch, Rng
from fastswap.training.loss import LossWeights, face_loss
from fastswap.training.network import Generator, Side
from fastswap.training.presets import Shape
from fastswap.training.store import FaceArrays

EMA_DECAY = 0.998
EMA_EVERY = 4
"""Steps between updates of the averaged weights: on a CPU each update costs as much memory traffic as the optimiser."""
MAX_NORM = 1.0
PATIENCE = 20
"""Steps in a row with infinite gradients after which training gives up."""
DEFAULT_CHANGES, DEFAULT_WEIGHTS = Augment(), LossWeights()
PARTS = ("total", "pixel", "structure", "edge", "mask")


class Learner:
    """Trains one generator on two facesets.

    bf16: matrix products in bfloat16, weights and sums stay float32. The same seed, faces, settings, device
    and thread count give the same losses, in one go or resumed from `state`.
    """

    def __init__(
        self,
        shape: Shape,
        source: FaceArrays,
        target: FaceArrays,
        *,
        batch: int,
        seed: int,
        device: torch.device,
        bf16: bool,
        changes: Augment = DEFAULT_CHANGES,
        weights: LossWeights = DEFAULT_WEIGHTS,
    ) -> None:
        torch.manual_seed(seed)
        self.shape, self.batch, self.device, self.bf16 = shape, batch, device, bf16
        self.changes, self.weights = changes, weights
        self.rng = Rng(seed, device)
        self.generator = Generator(shape).to(device)
        for weight in self.generator.parameters():
            if weight.dim() == 4:
                weight.data = weight.data.contiguous(memory_format=torch.channels_last)
        self.parameters = list(self.generator.parameters())
        self.average = [weight.detach().clone() for weight in self.parameters]
        self.optimizer = torch.optim.AdamW(
            self.parameters, lr=0.0, betas=(0.9, 0.99), weight_decay=0.01, fused=True
        )
        self.step_count = 0
        self._blown = 0
        self._faces = {"source": source, "target": target}
        self._planes = {
            side: torch.from_numpy(faces.planes).to(device) for side, faces in self._faces.items()
        }
        self._colors = {side: _statistics(planes) for side, planes in self._planes.items()}

    def step(self, rate: float, warp: float = 1.0) -> Tensor:
        """One step; the losses named in `PARTS`, float32 [5] on the device.

        rate: learning rate. warp: strength of the random warp as a share of what `changes` says.

        Raises TrainingError when the gradients stay infinite.
        """
        source, target = self._batch("source", warp), self._batch("target", warp)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16):
            drawn = self.generator(_channels_last(source.warped), _channels_last(target.warped))
        losses = [
            face_loss(logits.float(), truth, self.weights)
            for logits, truth in zip(drawn, (source, target), strict=True)
        ]
        (losses[0]["total"] + losses[1]["total"]).backward()  # type: ignore[no-untyped-call]
        self._descend(rate)
        return torch.stack([0.5 * (losses[0][part] + losses[1][part]).detach() for part in PARTS])

    def _descend(self, rate: float) -> None:
        norm = torch.nn.utils.clip_grad_norm_(self.parameters, MAX_NORM)
        if torch.isfinite(norm):
            self._blown = 0
            for group in self.optimizer.param_groups:
                group["lr"] = rate
            self.optimizer.step()
        else:
            self._blown += 1
            if self._blown > PATIENCE:
                raise TrainingError(f"training diverged: no finite gradient in {PATIENCE} steps")
        self.optimizer.zero_grad(set_to_none=True)
        self.step_count += 1
        if self.step_count % EMA_EVERY == 0:
            # A short memory at first, or the random start would linger in the average.
            decay = min(EMA_DECAY, self.step_count / (self.step_count + 20.0)) ** EMA_EVERY
            torch._foreach_lerp_(self.average, [weight.detach() for weight in self.parameters], 1.0 - decay)

    def _batch(self, side: Side, warp: float) -> Batch:
        planes = self._planes[side]
        chosen = self.rng.index(self.batch, len(planes))
        return augment.sample(
            planes[chosen].to(torch.float32).mul_(1.0 / 255.0),
            self._recolor(side, chosen),
            size=self.shape.resolution,
            ratio=self._faces[side].ratio,
            settings=replace(self.changes, warp=self.changes.warp * warp),
            rng=self.rng,
        )

    def _recolor(self, side: Side, chosen: Tensor) -> Tensor:
        colors = augment.identity_colors(len(chosen), self.device)
        if side == "target" or not self.changes.transfer:
            return colors
        other = self._colors["target"]
        partner = other[self.rng.index(len(chosen), len(other))]
        changed = augment.transfer(self._colors["source"][chosen], partner)
        use = self.rng.chance(len(chosen), self.changes.transfer)
        return torch.where(use[:, None, None], changed, colors)

    def stills(self, side: Side, count: int) -> Batch:
        """Up to `count` faces spread over the faceset, as the renderer would crop them."""
        planes = self._planes[side]
        chosen = torch.linspace(0, len(planes) - 1, min(count, len(planes))).long().to(self.device)
        return augment.sample(
            planes[chosen].to(torch.float32).mul_(1.0 / 255.0),
            augment.identity_colors(len(chosen), self.device),
            size=self.shape.resolution,
            ratio=self._faces[side].ratio,
            settings=self.changes,
            rng=self.rng,
            still=True,
        )

    def averaged(self) -> Generator:
        """A copy of the generator with the averaged weights, float32, ready to draw."""
        copy = Generator(self.shape).to(self.device).eval()
        with torch.no_grad():
            for weight, mean in zip(copy.parameters(), self.average, strict=True):
                weight.copy_(mean)
        return copy

    def state(self) -> dict[str, Any]:
        """All that is needed to go on as if nothing had happened: tensors and plain values."""
        return {
            "step": self.step_count,
            "weights": self.generator.state_dict(),
            "average": self.average,
            "optimizer": self.optimizer.state_dict(),
            "rng": self.rng.generator.get_state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Takes a state made by `state` of a learner with the same shape."""
        self.generator.load_state_dict(state["weights"])
        self.optimizer.load_state_dict(state["optimizer"])
        with torch.no_grad():
            for mean, saved in zip(self.average, state["average"], strict=True):
                mean.copy_(saved)
        self.rng.generator.set_state(state["rng"].cpu())
        self.step_count = int(state["step"])


def pick_device(name: str) -> torch.device:
    """The torch device for "auto", "cpu", "cuda" or "cuda:N". Raises DeviceError or SettingsError."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        device = torch.device("meta")
    if device.type not in ("cpu", "cuda"):
        raise SettingsError(f"device is {name!r}; choose auto, cpu or cuda:N")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise DeviceError(f"device {name!r}: torch sees {torch.cuda.device_count()} CUDA devices")
    return device


def wants_bf16(precision: str, device: torch.device) -> bool:
    """Whether to multiply in bfloat16: as asked, or where the device does it natively."""
    if precision != "auto":
        return precision == "bf16"
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    import openvino

    return "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def to_numpy(values: Tensor) -> NDArray[np.float32]:
    """A float32 NumPy copy."""
    return values.detach().float().cpu().numpy().copy()


def _channels_last(faces: Tensor) -> Tensor:
    return faces.contiguous(memory_format=torch.channels_last)


def _statistics(planes: Tensor) -> Tensor:
    parts = [part.to(torch.float32) / 255.0 for part in torch.split(planes[:, :4], 64)]
    return torch.cat([augment.statistics(part[:, :3], part[:, 3:4]) for part in parts])
