"""The domain classifier learns whose face a code is of, and the encoder learns to confuse it."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from fastswap.training.recipe import LossWeights
from learning import MICRO, learner

torch = pytest.importorskip("torch", reason="training needs torch")

from fastswap.training.domain import RATE, DomainClassifier  # noqa: E402
from fastswap.training.learner import SHOWN  # noqa: E402

pytestmark = pytest.mark.usefixtures("one_thread")


def test_two_clouds_of_codes_are_told_apart() -> None:
    classifier, random = DomainClassifier(8, torch.device("cpu")), torch.Generator().manual_seed(1)
    codes = torch.randn((32, 8), generator=random)
    codes[16:] += 2.0
    first = float(classifier.learn(codes, 1.0))
    for _ in range(100):
        classifier.descend(RATE)
        last = float(classifier.learn(codes, 1.0))
    assert first == pytest.approx(math.log(2), abs=0.2)
    assert last < 0.05
    assert float(classifier.confusion(codes)) > 2.0 * math.log(2)


def test_confusion_moves_the_codes_and_not_the_classifier() -> None:
    classifier = DomainClassifier(8, torch.device("cpu"))
    codes = torch.randn((4, 8), requires_grad=True)
    classifier.confusion(codes).backward()
    assert codes.grad is not None
    assert codes.grad.abs().max() > 0
    assert all(weight.grad is None and weight.requires_grad for weight in classifier.parameters)


def test_the_encoder_confuses_the_classifier() -> None:
    def told(align: float) -> float:
        model = learner(batch=8, weights=LossWeights(align=align))
        place = SHOWN.index("domain")
        return float(np.mean([float(model.step(1e-3)[place]) for _ in range(150)][-30:]))

    assert told(1e-6) < 0.1
    assert told(0.3) > 0.4


@pytest.mark.parametrize(("align", "family"), [(0.0, "duo"), (0.003, "df"), (0.003, "liae")])
def test_there_is_no_classifier_where_none_is_asked_for(align: float, family: str) -> None:
    model = learner(shape=replace(MICRO, family=family), batch=8, weights=LossWeights(align=align))
    assert model.domain is None
    assert float(model.step(1e-3)[SHOWN.index("align")]) == 0.0
