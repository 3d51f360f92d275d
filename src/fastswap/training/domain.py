"""The domain classifier: it tells from a face's code whose face it is, and the encoder learns to confuse it.

A person's decoder has met the codes of that person's faces alone. Where the other's lie elsewhere, the swap is drawn
from codes that the decoder never met, and smears; no reconstruction shows it. Domain-adversarial training (Ganin et al.
2016) brings the two together, by the loss of Tzeng et al. (2015), "domain confusion": the answer that is wanted is
"either". Its share must stay small. Two persons' footage differs in expressions, too, and a code that gives no hint at
all of whose it is cannot tell these either (measured on real footage: clear at 0.003, a frozen mouth from 0.03 on).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fastswap.training.adversary import Adversary

WIDTH = 128
RATE = 1e-3
SLOPE = 0.1


class DomainClassifier(Adversary):
    """The classifier of codes [N, latent], with its optimiser."""

    def __init__(self, latent: int, device: torch.device) -> None:
        network = nn.Sequential(
            nn.Linear(latent, WIDTH),
            nn.LeakyReLU(SLOPE),
            nn.Linear(WIDTH, WIDTH),
            nn.LeakyReLU(SLOPE),
            nn.Linear(WIDTH, 1),
        )
        super().__init__(network, device, decay=0.01)

    def confusion(self, codes: Tensor) -> Tensor:
        """The encoder's share: cross entropy of the answers with "either"; its least is log 2. The classifier's own
        gradients stay untouched."""
        with self.still():
            answers = self.network(codes.float())
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
