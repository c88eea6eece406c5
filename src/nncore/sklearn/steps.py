"""The state of an optimizer between epochs, and between calls of `partial_fit`."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from nncore.params import Array, aligned_zeros
from nncore.registry import OPTIMIZER_SLOTS, UPDATE_ROW, UpdateRule
from nncore.schedules import Schedule, factors
from nncore.sklearn.parameters import optimizer_of

LEAST_RATE = 1e-6  # at which "adaptive" gives up


class Settings(NamedTuple):
    """What the parameters of an estimator say about its solver."""

    solver: str  # whose state it is; "adam" and Adam() have one
    rule: UpdateRule
    rate: float
    policy: str
    power_t: float

    @classmethod
    def of(cls, estimator: Any) -> Settings:
        optimizer, solver = optimizer_of(estimator), estimator.solver
        rule, policy = optimizer.rule(), "constant"
        if solver == "sgd":
            policy = estimator.learning_rate
            momentum = float(estimator.momentum)
            kind = "nesterov" if estimator.nesterovs_momentum else "momentum"
            rule = UpdateRule(kind, momentum) if momentum else UpdateRule("sgd")
        elif solver == "adam":  # as scikit-learn counts epsilon
            rule = rule._replace(epsilon_hat=True)
        name = type(optimizer).__name__
        return cls(name, rule, optimizer.learning_rate, policy, float(estimator.power_t))

    def rate_after(self, rows: int) -> float:
        """The step size after so many rows."""
        return self.rate / (rows + 1) ** self.power_t if self.policy == "invscaling" else self.rate


class Steps:
    """Which update, the step size of the moment, and the vectors that the optimizer keeps.

    learning_rate: that of the next epoch. counters: see `nncore.reference.mlp_train`.
    """

    def __init__(self, estimator: Any, size: int, dtype: Any) -> None:
        self.settings = Settings.of(estimator)
        self.learning_rate = self.settings.rate
        self.slots = aligned_zeros((OPTIMIZER_SLOTS[self.rule.kind], size), dtype)
        self.counters = np.zeros(4, np.int64)

    def __setstate__(self, state: dict[str, Any]) -> None:
        """With arrays that training can write to: loaded ones may lie in a file or unaligned."""
        vars(self).update(state)
        slots, self.counters = self.slots, self.counters.copy()
        self.slots = aligned_zeros(slots.shape, slots.dtype)
        self.slots[...] = slots

    @property
    def rule(self) -> UpdateRule:
        return self.settings.rule

    @property
    def policy(self) -> str:
        return self.settings.policy

    def go_on(self, estimator: Any) -> bool:
        """Take over what the parameters say now; False for another solver, which starts new.

        The step size changes where a parameter behind it has changed; what "adaptive" has made
        of it stays otherwise.
        """
        before, now = self.settings, Settings.of(estimator)
        if now.solver != before.solver:
            return False
        count = OPTIMIZER_SLOTS[now.rule.kind]
        if count != len(self.slots):  # momentum switched on or off
            self.slots = aligned_zeros((count, self.slots.shape[1]), self.slots.dtype)
        self.settings = now
        if now[2:] != before[2:]:
            self.learning_rate = now.rate_after(estimator.t_)
        return True

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
            self._change_to(self.settings.rate_after(rows))

    def lower(self) -> bool:
        """A fifth of the step size if it is "adaptive"; else False: training is to end."""
        if self.policy != "adaptive" or self.learning_rate <= LEAST_RATE:
            return False
        self._change_to(self.learning_rate / 5)
        return True

    def _change_to(self, rate: float) -> None:
        """A velocity is counted in steps, as scikit-learn does it: they keep their length."""
        if "velocity" in UPDATE_ROW[self.rule.kind].slots and rate > 0:
            with np.errstate(all="ignore"):
                self.slots *= self.learning_rate / rate
        self.learning_rate = rate
