"""The state of an optimizer between epochs, and between calls of `partial_fit`."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from nncore.params import Array, aligned_zeros
from nncore.registry import OPTIMIZER_SLOTS, UPDATE_ROW, UpdateRule
from nncore.schedules import Schedule, factors
from nncore.sklearn.parameters import optimizer_of

LEAST_RATE = 1e-6  # "adaptive" does not go below it


class Settings(NamedTuple):
    """The settings of the solver, from the parameters of an estimator."""

    solver: str  # name of the optimizer class, the same for "adam" and Adam()
    rule: UpdateRule
    rate: float
    policy: str
    power_t: float

    @classmethod
    def of(cls, estimator: Any) -> Settings:
        """Return the settings of an estimator."""
        optimizer, solver = optimizer_of(estimator), estimator.solver
        rule, policy = optimizer.rule(), "constant"
        if solver == "sgd":
            policy = estimator.learning_rate
            momentum = float(estimator.momentum)
            kind = "nesterov" if estimator.nesterovs_momentum else "momentum"
            rule = UpdateRule(kind, momentum) if momentum else UpdateRule("sgd")
        elif solver == "adam":  # epsilon as in scikit-learn
            rule = rule._replace(epsilon_hat=True)
        name = type(optimizer).__name__
        return cls(name, rule, optimizer.learning_rate, policy, float(estimator.power_t))

    def rate_after(self, rows: int) -> float:
        """Return the learning rate after this number of rows."""
        return self.rate / (rows + 1) ** self.power_t if self.policy == "invscaling" else self.rate


class Steps:
    """The update rule, the learning rate of the next epoch, and the optimizer's vectors.

    counters: see `nncore.reference.mlp_train`.
    """

    def __init__(self, estimator: Any, size: int, dtype: Any) -> None:
        self.settings = Settings.of(estimator)
        self.learning_rate = self.settings.rate
        self.slots = aligned_zeros((OPTIMIZER_SLOTS[self.rule.kind], size), dtype)
        self.counters = np.zeros(4, np.int64)

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore with new arrays, as loaded ones may be read-only or unaligned."""
        vars(self).update(state)
        slots, self.counters = self.slots, self.counters.copy()
        self.slots = aligned_zeros(slots.shape, slots.dtype)
        self.slots[...] = slots

    @property
    def rule(self) -> UpdateRule:
        """The update rule."""
        return self.settings.rule

    @property
    def policy(self) -> str:
        """The learning rate policy."""
        return self.settings.policy

    def go_on(self, estimator: Any) -> bool:
        """Adopt the current parameters; return False for another solver, whose state is empty.

        The learning rate changes only if a parameter that determines it has changed; otherwise
        the one that "adaptive" has reached is kept.
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
        """Convert the vectors to this dtype."""
        if self.slots.dtype != dtype:
            slots = aligned_zeros(self.slots.shape, dtype)
            slots[...] = self.slots
            self.slots = slots

    @property
    def decays(self) -> bool:
        """Whether the learning rate changes after each epoch."""
        return self.policy == "invscaling"

    def rates(self, updates: int, schedule: Schedule | None, planned: int) -> Array:
        """Return the learning rates of the next updates; `planned` is the length of a schedule."""
        if schedule is None:
            return np.full(updates, self.learning_rate)
        done = int(self.counters[1])
        steps = range(done, done + updates)
        return self.learning_rate * factors(schedule, steps, max(planned, steps.stop))

    def end_epoch(self, rows: int) -> None:
        """Update the learning rate of "invscaling" after this number of rows."""
        if self.policy == "invscaling":
            self._change_to(self.settings.rate_after(rows))

    def lower(self) -> bool:
        """Divide an "adaptive" learning rate by 5; return False if training should stop instead."""
        if self.policy != "adaptive" or self.learning_rate <= LEAST_RATE:
            return False
        self._change_to(self.learning_rate / 5)
        return True

    def _change_to(self, rate: float) -> None:
        """Set the learning rate; velocities keep their length, as in scikit-learn."""
        if "velocity" in UPDATE_ROW[self.rule.kind].slots and rate > 0:
            with np.errstate(all="ignore"):
                self.slots *= self.learning_rate / rate
        self.learning_rate = rate
