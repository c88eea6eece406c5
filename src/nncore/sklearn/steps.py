"""The state of an optimizer between epochs, and between calls of `partial_fit`."""

from __future__ import annotations

from typing import Any

import numpy as np

from nncore.arguments import OPTIMIZER_SLOTS, UpdateRule
from nncore.params import Array, aligned_zeros
from nncore.schedules import Schedule, factors
from nncore.sklearn.parameters import optimizer_of

LEAST_RATE = 1e-6  # at which "adaptive" gives up


class Steps:
    """Which update, the step size of the moment, and the vectors that the optimizer keeps.

    learning_rate: that of the next epoch. counters: see `nncore.reference.mlp_train`.
    """

    def __init__(self, estimator: Any, size: int, dtype: Any) -> None:
        optimizer = optimizer_of(estimator)
        self.rule = optimizer.rule()
        self.learning_rate = self.learning_rate_init = optimizer.learning_rate
        self.policy, self.power_t = "constant", float(estimator.power_t)
        if estimator.solver == "sgd":
            self.policy = estimator.learning_rate
            momentum = float(estimator.momentum)
            kind = "nesterov" if estimator.nesterovs_momentum else "momentum"
            self.rule = UpdateRule(kind, momentum) if momentum else UpdateRule("sgd")
        elif estimator.solver == "adam":  # as scikit-learn counts epsilon
            self.rule = self.rule._replace(epsilon_hat=True)
        self.slots = aligned_zeros((OPTIMIZER_SLOTS[self.rule.kind], size), dtype)
        self.counters = np.zeros(4, np.int64)

    def convert(self, dtype: Any) -> None:
        """Keep the vectors in this dtype from now on."""
        if self.slots.dtype != dtype:
            slots = aligned_zeros(self.slots.shape, dtype)
            slots[...] = self.slots
            self.slots = slots

    @property
    def decays(self) -> bool:
        """Does the step size change after every epoch?"""
        return self.policy == "invscaling"

    def rates(self, updates: int, schedule: Schedule | None, planned: int) -> Array:
        """The step sizes of the next updates, of those that a schedule is planned for."""
        if schedule is None:
            return np.full(updates, self.learning_rate)
        done = int(self.counters[1])
        steps = range(done, done + updates)
        return self.learning_rate * factors(schedule, steps, max(planned, steps.stop))

    def end_epoch(self, rows: int) -> None:
        """After so many rows in all: "invscaling" has a new step size."""
        if self.policy == "invscaling":
            self._change_to(self.learning_rate_init / (rows + 1) ** self.power_t)

    def lower(self) -> bool:
        """A fifth of the step size if it is "adaptive"; else False: training is to end."""
        if self.policy != "adaptive" or self.learning_rate <= LEAST_RATE:
            return False
        self._change_to(self.learning_rate / 5)
        return True

    def _change_to(self, rate: float) -> None:
        """A velocity is counted in steps, as scikit-learn does it: they keep their length."""
        if self.rule.kind in ("momentum", "nesterov") and rate > 0:
            self.slots *= self.learning_rate / rate
        self.learning_rate = rate
