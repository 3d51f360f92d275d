"""One training in several processes, one for each GPU: each works on its own faces, gradients are averaged."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn


@dataclass(frozen=True, slots=True)
class World:
    """This process among all: its number and how many there are. Alone it does nothing."""

    rank: int = 0
    size: int = 1
    _wrapped: list[nn.parallel.DistributedDataParallel] = field(
        default_factory=list, repr=False, compare=False
    )
    """What `wrap` made, for `leave`."""

    @property
    def first(self) -> bool:
        """Whether this process reports and saves."""
        return self.rank == 0

    def wrap(self, network: nn.Module) -> nn.Module:
        """The network with its gradients averaged over all processes."""
        if self.size == 1:
            return network
        device = next(network.parameters()).device
        chosen = [device] if device.type == "cuda" else None
        wrapped = nn.parallel.DistributedDataParallel(
            network, device_ids=chosen, gradient_as_bucket_view=True, forward_sync_buffers=False
        )
        self._wrapped.append(wrapped)
        return wrapped

    def unsynced(self, network: nn.Module) -> contextlib.AbstractContextManager[None]:
        """A block whose gradients are not averaged yet, because more follow."""
        if self.size == 1:
            return contextlib.nullcontext()
        assert isinstance(network, nn.parallel.DistributedDataParallel)
        return network.no_sync()

    def average(self, tensors: Sequence[Tensor | None]) -> None:
        """Each tensor becomes its mean over all processes."""
        if self.size > 1:
            for tensor in tensors:
                if tensor is not None:
                    dist.all_reduce(tensor)
                    tensor.div_(self.size)

    def agree(self, value: float) -> float:
        """The first process's value, in every process."""
        if self.size == 1:
            return value
        shared = torch.tensor([value], dtype=torch.float64)
        if dist.get_backend() == "nccl":
            shared = shared.cuda()
        dist.broadcast(shared, 0)
        return float(shared[0])

    def gather(self, value: Any) -> list[Any]:
        """Every process's value, by its number."""
        if self.size == 1:
            return [value]
        values: list[Any] = [None] * self.size
        dist.all_gather_object(values, value)
        return values


ALONE = World()


def join(rank: int, size: int, port: int, device: torch.device) -> World:
    """Makes this process one of `size`; waits for the others."""
    if size == 1:
        return ALONE
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    if device.type == "cuda":
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo", rank=rank, world_size=size)
    return World(rank, size)


def leave(world: World) -> None:
    """Ends what `join` began. The networks that were wrapped do not learn any more.

    The last to let go of the process group waits for its threads. One of a network's reducer, unlike torch's own
    reference, does so with the GIL, for which a thread that was broken off may be waiting itself: for ever.
    """
    while world._wrapped:
        network = world._wrapped.pop()
        del network.logger, network.reducer
    if world.size > 1:
        dist.destroy_process_group()


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
