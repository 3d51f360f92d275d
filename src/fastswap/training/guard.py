"""What happens when a training blows up: it steps back to the last good state and goes on more carefully."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from typing import Any

from fastswap.errors import TrainingError
from fastswap.training.learner import Learner

KEEP_EVERY = 200
"""Steps between states that are kept in memory to step back to."""
DIVERGED = 4.0
"""A mean loss of so many times the best one is no mishap of a batch any more."""
MOST_BACK = 4
"""Times in a row that training steps back before it gives up."""
RECOVER_AFTER = 1000
"""Steps without a mishap after which a lowered rate is doubled again; twice as many after each further mishap."""


class Guard:
    """Watches the losses of one learner. rate: share of the learning rate that is still allowed."""

    def __init__(self, learner: Learner) -> None:
        self.learner = learner
        self.rate = 1.0
        self._best = math.inf
        self._back = 0
        self._since, self._wait, self._mishaps = 0, RECOVER_AFTER, 0
        self._good, self._good_rate = _kept(learner), 1.0

    def look(self, loss: float, steps: int) -> str | None:
        """Judges the last steps by their mean loss; what was done about them, None when they were fine.

        Raises TrainingError when stepping back does not help; learner and rate are then those of the last good state.
        """
        blown = float(self.learner.blown)
        self.learner.blown.zero_()
        if math.isfinite(loss) and blown <= 0.5 * steps and loss <= DIVERGED * self._best:
            self._best = min(self._best, loss)
            if self.learner.step_count - self._good["step"] >= KEEP_EVERY:
                self._good, self._good_rate, self._back = _kept(self.learner), self.rate, 0
            self._recover()
            return None
        at = self.learner.step_count
        self.learner.restore(copy.deepcopy(self._good))
        self._back += 1
        self.rate *= 0.5
        if self._mishaps:
            self._wait *= 2
        self._mishaps += 1
        self._since = self.learner.step_count
        if self._back > MOST_BACK:
            self.rate = self._good_rate
            raise TrainingError(
                f"training diverged at step {at}, {MOST_BACK} times after stepping back to step {self._good['step']}; "
                "the last good state is kept. Try a lower rate in a preset of your own, or --precision f32"
            )
        return f"step {at}: the loss blew up; back to step {self._good['step']} at {self.rate:g} of the rate"

    def _recover(self) -> None:
        """Allows more of the rate again after a while in which all went well."""
        if self.rate < 1.0 and self.learner.step_count - self._since >= self._wait:
            self.rate, self._since = min(1.0, 2.0 * self.rate), self.learner.step_count

    def state(self) -> dict[str, float]:
        """For a checkpoint."""
        return {
            "rate": self.rate,
            "best": self._best,
            "since": self._since,
            "wait": self._wait,
            "mishaps": self._mishaps,
        }

    def restored(self, state: Mapping[str, float], *, same: bool = True) -> None:
        """The learner was given another state, which counts as good. state: made by `state`, empty for a beginning.
        same: whether the losses go on from that state's."""
        self.rate = float(state.get("rate", 1.0))
        self._since, self._wait = int(state.get("since", 0)), int(state.get("wait", RECOVER_AFTER))
        self._mishaps = int(state.get("mishaps", 0))
        self._best = float(state.get("best", math.inf)) if same else math.inf
        self._good, self._good_rate, self._back = _kept(self.learner), self.rate, 0

    def finish(self) -> None:
        """Training is over: the state to step back to, as large as the learner's own, is let go."""
        self._good = {}


def _kept(learner: Learner) -> dict[str, Any]:
    return copy.deepcopy(learner.state())
