"""The domain classifier: it tells from a face's code whose face it is, and the encoder learns to confuse it.

A person's decoder has met the codes of that person's faces alone. Where the other's lie elsewhere, the swap is drawn
from codes that the decoder never met, and smears; no reconstruction shows it. Domain-adversarial training (Ganin et al.
2016) brings the two together, by the loss of Tzeng et al. (2015), "domain confusion": the answer that is wanted is
"either". Its share must stay small. Two persons' footage differs in expressions, too, and a code that gives no hint at
all of whose it is cannot tell these either (measured on real footage: clear at 0.003, a frozen mouth from 0.03 on).
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

WIDTH = 128
RATE = 1e-3
SLOPE = 0.1


class DomainClassifier:
    """The classifier of codes [N, latent], with its optimiser."""

    def __init__(self, latent: int, device: torch.device) -> None:
        self.network = nn.Sequential(
            nn.Linear(latent, WIDTH),
            nn.LeakyReLU(SLOPE),
            nn.Linear(WIDTH, WIDTH),
            nn.LeakyReLU(SLOPE),
            nn.Linear(WIDTH, 1),
        ).to(device)
        self.parameters = list(self.network.parameters())
        self.optimizer = torch.optim.AdamW(self.parameters, lr=RATE, betas=(0.5, 0.99), fused=True)

    def confusion(self, codes: Tensor) -> Tensor:
        """The encoder's share: cross entropy of the answers with "either"; its least is log 2. The classifier's own
        gradients stay untouched."""
        for weight in self.parameters:
            weight.requires_grad_(False)
        try:
            answers = self.network(codes.float())
        finally:
            for weight in self.parameters:
                weight.requires_grad_(True)
        return F.binary_cross_entropy_with_logits(answers, torch.full_like(answers, 0.5))

    def learn(self, codes: Tensor, share: float) -> Tensor:
        """Adds the classifier's gradients, times `share`; its loss. codes: as many of the source as of the target, the
        source's first."""
        answers = self.network(codes.detach().float())
        source, target = answers.chunk(2)
        truth = torch.cat((torch.ones_like(source), torch.zeros_like(target)))
        loss = F.binary_cross_entropy_with_logits(answers, truth)
        (share * loss).backward()  # type: ignore[no-untyped-call]
        return loss.detach()

    def descend(self) -> None:
        """One step of its optimiser; infinite gradients leave it out."""
        norm = torch.nn.utils.clip_grad_norm_(self.parameters, 1.0)
        self.optimizer.found_inf = (~torch.isfinite(norm)).float()  # type: ignore[attr-defined]
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)

    def state(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {"weights": self.network.state_dict(), "optimizer": self.optimizer.state_dict()}

    def restore(self, state: dict[str, Any]) -> None:
        """Takes a state made by `state`."""
        self.network.load_state_dict(state["weights"])
        self.optimizer.load_state_dict(state["optimizer"])
