"""The network, its optimiser and its random numbers: everything that one training step changes."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fastswap.training import augment, domain, expression
from fastswap.training.augment import Batch
from fastswap.training.demand import demand
from fastswap.training.feed import Feed
from fastswap.training.gan import Critic
from fastswap.training.loss import PARTS, face_loss, style_loss
from fastswap.training.network import Drawn, Generator, Side, build
from fastswap.training.onlooker import Onlooker
from fastswap.training.parallel import ALONE, World
from fastswap.training.presets import Shape
from fastswap.training.proportions import widening
from fastswap.training.recipe import Augment, LossWeights
from fastswap.training.rng import Rng
from fastswap.training.store import FaceArrays

EMA_DECAY = 0.998
EMA_EVERY = 4
"""Steps between updates of the averaged weights: on a CPU each update costs as much memory traffic as the optimiser."""
MAX_NORM = 1.0
_ACQUAINTED, _AT_ONCE = 256, 8
"""Faces of the source that the onlooker is shown first, and how many of them at once."""
DEFAULT_CHANGES, DEFAULT_WEIGHTS = Augment(), LossWeights()
SHOWN = (*PARTS, "style", "expression", "follow", "onlooker", "align", "domain", "gan", "critic")
"""What `Learner.step` tells: the parts of the loss, and the domain classifier's and the critic's own."""


class Learner:
    """Trains one generator on two facesets.

    bf16: matrix products in bfloat16, weights and sums stay float32. accumulate: parts that a step's faces are
    worked on in, one after the other, to fit memory. plain: torch's default layout and optimiser, what
    `fastswap bench train` compares with. watched: an onlooker holds the swaps against the target's expressions.
    adversary: make the critic of the GAN stage. by_pose: see `feed.pose_weights`. The same seed, faces, settings,
    device and thread count give the same losses, in one go or resumed from `state`.
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
        accumulate: int = 1,
        adversary: bool = False,
        compiled: bool = False,
        plain: bool = False,
        by_pose: bool = True,
        watched: bool = False,
        world: World = ALONE,
    ) -> None:
        torch.manual_seed(seed)
        self.shape, self.batch, self.device, self.bf16 = shape, batch, device, bf16
        self.changes, self.weights, self.accumulate, self.world = changes, weights, accumulate, world
        self.rng = Rng(seed + 1000 * world.rank, device)
        self.generator = build(shape).to(device)
        self._layout = torch.contiguous_format if plain else torch.channels_last
        for weight in self.generator.parameters():
            if weight.dim() == 4 and not plain:
                weight.data = weight.data.contiguous(memory_format=torch.channels_last)
        self.parameters = list(self.generator.parameters())
        self.average = [weight.detach().clone() for weight in self.parameters]
        self.optimizer = torch.optim.AdamW(
            self.parameters, lr=0.0, betas=(0.9, 0.99), weight_decay=0.01, fused=not plain
        )
        aligned = weights.align > 0.0 and shape.family == "duo"
        self.domain = domain.DomainClassifier(shape.latent, device) if aligned else None
        self.critic = Critic(device) if adversary else None
        self.step_count = 0
        self.blown = torch.zeros((), device=device)
        """Steps whose gradients were infinite and were left out, since someone last set this to 0."""
        self._net: Any = world.wrap(self.generator)
        self._forward: Any = torch.compile(self._net) if compiled else self._net
        self._faces: dict[Side, FaceArrays] = {"source": source, "target": target}
        self.widen = {"source": widening(source, target, changes.proportions), "target": 1.0}
        self._feeds = {
            side: Feed(
                faces,
                batch,
                (seed, world.rank, number),
                device,
                by_pose=by_pose,
                wanted=demand(source, target) if side == "source" and changes.demand else None,
                share=changes.demand,
            )
            for number, (side, faces) in enumerate(self._faces.items())
        }
        self._colors = (
            {side: _statistics(faces) for side, faces in self._faces.items()} if changes.transfer else {}
        )
        self.onlooker = None
        if watched:
            chosen = _spread(source, _ACQUAINTED)
            parts = np.array_split(chosen, -(-len(chosen) // _AT_ONCE))
            own = (self._upright("source", part).face for part in parts)
            self.onlooker = Onlooker(own, self.widen["source"], device, mirrored=changes.flip > 0.0)

    def step(self, rate: float, warp: float = 1.0, *, gan: bool = False) -> Tensor:
        """One step; the figures named in `SHOWN`, float32 on the device. Nothing waits for the device.

        rate: learning rate. warp: strength of the random warp as a share of what `changes` says. gan: whether the
        critic takes part.
        """
        shown = torch.zeros(len(SHOWN), device=self.device)
        planes = {side: feed.take(self.step_count) for side, feed in self._feeds.items()}
        chosen = {side: feed.choice(self.step_count) for side, feed in self._feeds.items()}
        closed = {side: feed.closed(self.step_count) for side, feed in self._feeds.items()}
        size = -(-self.batch // self.accumulate)
        for start in range(0, self.batch, size):
            part = slice(start, start + size)
            own, other = (
                self._batch(side, planes[side][part], chosen[side][part], closed[side][part], warp)
                for side in self._feeds
            )
            share = len(own.face) / self.batch
            last = start + size >= self.batch
            with contextlib.nullcontext() if last else self.world.unsynced(self._net):
                shown += share * self._learn(own, other, share, gan and self.critic is not None)
        self._descend(rate, gan and self.critic is not None)
        return shown

    def _learn(self, source: Batch, target: Batch, share: float, gan: bool) -> Tensor:
        """Adds the gradients of some faces to the weights'; the figures named in `SHOWN`."""
        weights = self.weights
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16):
            known = source.expression is not None and target.expression is not None
            drawn = self._forward(
                source.warped.contiguous(memory_format=self._layout),
                target.warped.contiguous(memory_format=self._layout),
                follow=known and max(weights.follow, weights.onlooker if self.onlooker else 0.0) > 0.0,
            )
            swapped = drawn.swapped
            if swapped is None and weights.style:
                swapped = self.generator.draw(_channels_last(target.warped), "source")
        pairs = [(drawn.source.float(), source), (drawn.target.float(), target)]
        losses = [face_loss(logits, truth, weights) for logits, truth in pairs]
        total = losses[0]["total"] + losses[1]["total"]
        figures = {
            name: 0.5 * (losses[0][name] + losses[1][name]).detach() for name in PARTS if name in losses[0]
        }
        if swapped is not None and weights.style:
            style = style_loss(torch.sigmoid(swapped.float()[:, :3]), target.face, target.mask)
            total = total + weights.style * style
            figures["style"] = style.detach()
        for name, error in _expression_errors(drawn, source, target).items():
            total = total + getattr(weights, name) * error
            figures[name] = error.detach()
        if swapped is not None and self.onlooker is not None and target.expression is not None:
            picture = torch.sigmoid(swapped.float()[:, :3])
            error = self.onlooker.error(picture, target.face, target.mask, target.expression)
            total = total + weights.onlooker * error
            figures["onlooker"] = error.detach()
        if self.domain is not None and drawn.codes is not None:
            confusion = self.domain.confusion(drawn.codes)
            total = total + weights.align * confusion
            figures["domain"] = self.domain.learn(drawn.codes, share)
            figures["align"] = confusion.detach()
        if gan and self.critic is not None:
            real, fake = _pictures(pairs)
            fool = self.critic.fool(fake, bf16=self.bf16)
            total = total + weights.gan * fool
            figures["critic"] = self.critic.learn(real, fake.detach(), share, bf16=self.bf16)
            figures["gan"] = fool.detach()
        (share * total).backward()  # type: ignore[no-untyped-call]
        zero = total.new_zeros(())
        return torch.stack([figures.get(name, zero) for name in SHOWN])

    def _descend(self, rate: float, gan: bool) -> None:
        norm = torch.nn.utils.clip_grad_norm_(self.parameters, MAX_NORM)
        # The optimiser itself leaves the step out, as it does for scaled float16: no wait for the device.
        infinite = (~torch.isfinite(norm)).float()
        self.blown += infinite
        if self._layout == torch.channels_last:
            self.optimizer.found_inf = infinite  # type: ignore[attr-defined]
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        for adversary, own_rate in ((self.domain, domain.RATE), (self.critic if gan else None, rate)):
            if adversary is not None:
                self.world.average([weight.grad for weight in adversary.parameters])
                adversary.descend(own_rate)
        self.step_count += 1
        if self.step_count % EMA_EVERY == 0:
            # A short memory at first, or the random start would linger in the average.
            decay = min(EMA_DECAY, self.step_count / (self.step_count + 20.0)) ** EMA_EVERY
            torch._foreach_lerp_(self.average, [weight.detach() for weight in self.parameters], 1.0 - decay)

    def _batch(self, side: Side, planes: Tensor, chosen: Any, closed: Any, warp: float) -> Batch:
        closing = self._closing(side, chosen, closed)
        batch = augment.sample(
            planes.to(torch.float32).mul_(1.0 / 255.0),
            self._recolor(side, chosen),
            size=self.shape.resolution,
            ratio=self._faces[side].ratio,
            settings=replace(self.changes, warp=self.changes.warp * warp),
            rng=self.rng,
            closing=closing,
            widen=self.widen[side],
        )
        return replace(batch, expression=self._expression(side, chosen, batch, closing))

    def _closing(self, side: Side, chosen: Any, closed: Any) -> tuple[Tensor, Tensor] | None:
        lips = self._faces[side].lips
        if lips is None or not closed.any():
            return None
        rows = np.flatnonzero(closed)
        return torch.from_numpy(rows).to(self.device), torch.from_numpy(lips[chosen[rows]]).to(self.device)

    def _expression(
        self, side: Side, chosen: Any, batch: Batch, closing: tuple[Tensor, Tensor] | None
    ) -> Tensor | None:
        known = self._faces[side].expressions
        if known is None:
            return None
        told = torch.from_numpy(known[chosen]).to(self.device)
        if closing is not None:
            told[closing[0], expression.MOUTH_OPEN] = 0.0
        if not self.changes.flip or batch.mirrored is None:
            return told
        turned = told[:, list(expression.MIRRORED)] * told.new_tensor(expression.TURNED)
        return torch.where(batch.mirrored[:, None], turned, told)

    def _recolor(self, side: Side, chosen: Any) -> Tensor:
        colors = augment.identity_colors(len(chosen), self.device)
        if side == "target" or not self.changes.transfer:
            return colors
        other = self._colors["target"].to(self.device)
        partner = other[self.rng.index(len(chosen), len(other))]
        own = self._colors["source"][torch.from_numpy(chosen)].to(self.device)
        changed = augment.transfer(own, partner)
        use = self.rng.chance(len(chosen), self.changes.transfer)
        return torch.where(use[:, None, None], changed, colors)

    def stills(self, side: Side, count: int) -> Batch:
        """Up to `count` faces spread over the faceset, as the renderer would crop them."""
        return self._upright(side, _spread(self._faces[side], count))

    def _upright(self, side: Side, chosen: NDArray[np.int64]) -> Batch:
        faces = self._faces[side]
        return augment.sample(
            self._feeds[side].rows(chosen).to(torch.float32).mul_(1.0 / 255.0),
            augment.identity_colors(len(chosen), self.device),
            size=self.shape.resolution,
            ratio=faces.ratio,
            settings=self.changes,
            rng=self.rng,
            still=True,
            widen=self.widen[side],
        )

    def averaged(self) -> Generator:
        """A copy of the generator with the averaged weights, float32, ready to draw."""
        # A fresh network would draw from torch's random numbers; only its structure is needed.
        with torch.device("meta"):
            copy = build(self.shape)
        copy = copy.to_empty(device=self.device)
        copy.load_state_dict(self.generator.state_dict())
        for name, buffer in self.generator.named_buffers():
            copy.get_buffer(name).copy_(buffer)
        with torch.no_grad():
            for weight, mean in zip(copy.parameters(), self.average, strict=True):
                weight.copy_(mean)
        return copy.eval()

    def state(self) -> dict[str, Any]:
        """All that is needed to go on as if nothing had happened: tensors and plain values."""
        return {
            "step": self.step_count,
            "weights": self.generator.state_dict(),
            "average": self.average,
            "optimizer": self.optimizer.state_dict(),
            "rng": self.world.gather(self.rng.state()),
            "domain": self.domain.state() if self.domain else None,
            "critic": self.critic.state() if self.critic else None,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Takes a state made by `state` of a learner with the same shape and as many processes."""
        self.generator.load_state_dict(state["weights"])
        self.optimizer.load_state_dict(state["optimizer"])
        with torch.no_grad():
            for mean, saved in zip(self.average, state["average"], strict=True):
                mean.copy_(saved)
        self.rng.restore(state["rng"][self.world.rank])
        if self.domain and state.get("domain"):
            self.domain.restore(state["domain"])
        if self.critic and state["critic"]:
            self.critic.restore(state["critic"])
        self.step_count = int(state["step"])

    def finish(self) -> None:
        """Training is over: what only steps need is let go, and a model is exported in the memory that this frees."""
        self.optimizer.state.clear()
        self.domain = self.critic = None

    def start_from(self, weights: dict[str, Tensor]) -> None:
        """Takes the averaged weights of another training and nothing else of it."""
        self.generator.load_state_dict(weights)
        with torch.no_grad():
            for mean, weight in zip(self.average, self.parameters, strict=True):
                mean.copy_(weight)


def _expression_errors(drawn: Drawn, source: Batch, target: Batch) -> dict[str, Tensor]:
    """Mean squared errors of what the code tells and of what the swap shows; empty where they are not known."""
    if drawn.read is None or source.expression is None or target.expression is None:
        return {}
    truth = torch.cat((source.expression, target.expression))
    errors = {"expression": _known_error(drawn.read.float(), truth)}
    if drawn.followed is not None:
        errors["follow"] = _known_error(drawn.followed.float(), target.expression)
    return errors


def _known_error(told: Tensor, truth: Tensor) -> Tensor:
    """Mean squared error of the numbers that are known."""
    known = ~torch.isnan(truth)
    return (torch.where(known, told - truth, 0.0).square().sum() / known.sum().clamp(min=1)).to(told.dtype)


def _pictures(pairs: list[tuple[Tensor, Batch]]) -> tuple[Tensor, Tensor]:
    """What the critic compares, real and drawn [2N, 3, R, R]: faces alone, the ground is not worth its attention."""
    real = torch.cat([truth.face * truth.mask for _, truth in pairs])
    fake = torch.cat([torch.sigmoid(logits[:, :3]) * truth.mask for logits, truth in pairs])
    return _channels_last(real), _channels_last(fake)


def _channels_last(faces: Tensor) -> Tensor:
    return faces.contiguous(memory_format=torch.channels_last)


def _spread(faces: FaceArrays, count: int) -> NDArray[np.int64]:
    """Rows of up to `count` faces."""
    return np.linspace(0, len(faces) - 1, min(count, len(faces))).astype(np.int64)


def _statistics(faces: FaceArrays) -> Tensor:
    parts = []
    for start in range(0, len(faces), 64):
        rows = np.arange(start, min(start + 64, len(faces)))
        part = torch.from_numpy(faces.take(rows)[:, :4]).to(torch.float32) / 255.0
        parts.append(augment.statistics(part[:, :3], part[:, 3:4]))
    return torch.cat(parts)
