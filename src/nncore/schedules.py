"""Schedules of the step size during training.

A schedule is called as schedule(step, total), where step counts the updates of a training run
from 0 and total is the number planned, and returns the factor by which the optimizer's learning
rate is multiplied. Any function of that form is accepted.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, cast

import numpy as np

from nncore.checks import number, positive_int
from nncore.params import Array

Schedule = Callable[[int, int], float]
MOST_NESTED = 16  # WarmUps inside each other: far below Python's recursion limit


def _keep_floats(schedule: object, *names: str) -> None:
    """Convert these constants, which may be NumPy's or fractions, to Python floats."""
    for name in names:
        value = number(f"{type(schedule).__name__}: {name}", getattr(schedule, name))
        object.__setattr__(schedule, name, value)


@dataclass(frozen=True)
class Constant:
    """A constant factor of 1."""

    def __call__(self, step: int, total: int) -> float:
        """Return 1."""
        return 1.0


@dataclass(frozen=True)
class CosineDecay:
    """Decay from 1 to `final` along half a cosine, optionally after a linear warm-up.

    Parameters
    ----------
    final : float
        Factor at the end, in [0, 1].
    warmup : float
        Fraction of the updates during which the factor first rises linearly from 0 to 1, in
        [0, 1).

    References
    ----------
    Loshchilov and Hutter 2017, SGDR: stochastic gradient descent with warm restarts.
    """

    final: float = 0.0
    warmup: float = 0.0

    def __post_init__(self) -> None:
        _keep_floats(self, "final", "warmup")
        if not 0 <= self.final <= 1 or not 0 <= self.warmup < 1:
            raise ValueError(
                f"CosineDecay: final must be in [0, 1] and warmup in [0, 1), "
                f"got {self.final} and {self.warmup}"
            )

    def __call__(self, step: int, total: int) -> float:
        """Return the factor for an update."""
        rise = self.warmup * total
        if step < rise:
            return (step + 1) / (rise + 1)
        done = (step - rise) / max(1.0, total - rise)
        return self.final + (1 - self.final) * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))


@dataclass(frozen=True)
class ExponentialDecay:
    """Decay from 1 to `final` by the same factor at every update.

    Parameters
    ----------
    final : float
        Factor at the end, in (0, 1].
    """

    final: float = 0.01

    def __post_init__(self) -> None:
        _keep_floats(self, "final")
        if not 0 < self.final <= 1:
            raise ValueError(f"ExponentialDecay: final must be in (0, 1], got {self.final}")

    def __call__(self, step: int, total: int) -> float:
        """Return final ** (step / total)."""
        return float(self.final ** (step / max(1, total)))


@dataclass(frozen=True)
class StepDecay:
    """Multiplication by `factor` after every `every` updates.

    Parameters
    ----------
    every : int
        Updates between two multiplications, at least 1.
    factor : float
        Factor of each reduction, in (0, 1].
    """

    every: int = 1000
    factor: float = 0.5

    def __post_init__(self) -> None:
        object.__setattr__(self, "every", positive_int("StepDecay: every", self.every))
        _keep_floats(self, "factor")
        if not 0 < self.factor <= 1:
            raise ValueError(f"StepDecay: factor must be in (0, 1], got {self.factor}")

    def __call__(self, step: int, total: int) -> float:
        """Return factor ** (step // every)."""
        return float(self.factor ** (step // self.every))


def _check_depth(depth: int) -> None:
    """Raise ValueError if more WarmUps than `MOST_NESTED` are nested."""
    if depth > MOST_NESTED:
        raise ValueError(f"WarmUp: at most {MOST_NESTED} can be nested, got more")


@dataclass(frozen=True)
class WarmUp:
    """Linear warm-up, by which another schedule is multiplied.

    Parameters
    ----------
    share : float
        Fraction of the updates during which the factor rises linearly from 0 to 1, in [0, 1).
    then : Schedule
        The schedule to multiply. At most 16 WarmUps can be nested.
    """

    share: float = 0.1
    then: Schedule = Constant()

    def __post_init__(self) -> None:
        _keep_floats(self, "share")
        if not 0 <= self.share < 1:
            raise ValueError(f"WarmUp: share must be in [0, 1), got {self.share}")
        check_schedule(self.then)
        inner, depth = self.then, 1
        while isinstance(inner, WarmUp):
            inner, depth = inner.then, depth + 1
        _check_depth(depth)

    def __call__(self, step: int, total: int) -> float:
        """Return the factor for an update."""
        rise = self.share * total
        return min(1.0, (step + 1) / (rise + 1)) * self.then(step, total)


@dataclass(frozen=True)
class OnPlateau:
    """Multiplication by `factor` when the loss stops falling; for `MLP.fit` and `RNN.fit`.

    The validation loss is used or, without validation data, the training loss.

    Parameters
    ----------
    factor : float
        Factor of each reduction, in (0, 1).
    patience : int
        Number of epochs in a row without an improvement that are tolerated, at least 1.
    threshold : float
        Decrease of the loss that an improvement must exceed, at least 0.
    minimum : float
        Smallest factor on the learning rate, in [0, 1].
    """

    factor: float = 0.1
    patience: int = 10
    threshold: float = 1e-4
    minimum: float = 0.0

    def __post_init__(self) -> None:
        _keep_floats(self, "factor", "threshold", "minimum")
        object.__setattr__(self, "patience", positive_int("OnPlateau: patience", self.patience))
        if not 0 < self.factor < 1:
            raise ValueError(f"OnPlateau: factor must be in (0, 1), got {self.factor}")
        if not self.threshold >= 0 or not 0 <= self.minimum <= 1:
            raise ValueError(
                f"OnPlateau: threshold must be 0 or positive and minimum in [0, 1], "
                f"got {self.threshold} and {self.minimum}"
            )


def check_schedule(schedule: object) -> None:
    """Raise TypeError unless the schedule is callable."""
    if isinstance(schedule, type):
        name = schedule.__name__
        raise TypeError(f"schedule must be an object, got the class {name}; call it: {name}()")
    if not callable(schedule):
        raise TypeError(f"schedule must be callable, got {type(schedule).__name__}")


def step_sizes(learning_rate: float, factors: Array) -> Array:
    """Return the step size of each update; one too small for a float is 0."""
    with np.errstate(all="ignore"):
        return np.asarray(learning_rate * factors)


def factors(schedule: Schedule, steps: range, total: int) -> Array:
    """Return the factors of a schedule for these updates, checked to be finite and at least 0."""
    if type(schedule) is Constant:  # a Python call per update takes longer than a small update
        return np.ones(len(steps))
    answers = [schedule(step, total) for step in steps]
    try:
        result = np.array(answers, np.float64)
    except (TypeError, ValueError):
        raise TypeError(f"schedule must return a number, got {answers[0]!r}") from None
    if result.shape != (len(steps),):
        raise TypeError(f"schedule must return a number, got {answers[0]!r}")
    bad = ~(np.isfinite(result) & (result >= 0))
    if bad.any():
        got = answers[int(np.argmax(bad))]
        raise ValueError(f"schedule must return 0 or a positive number, got {got!r}")
    return result


SCHEDULES: dict[str, type[Any]] = {
    cls.__name__: cls for cls in (Constant, CosineDecay, ExponentialDecay, StepDecay, WarmUp)
}


def schedule_settings(schedule: Schedule) -> dict[str, Any] | None:
    """Return the name and constants in a form that JSON can represent; None for other functions."""
    name = type(schedule).__name__
    if SCHEDULES.get(name) is not type(schedule):
        return None
    described = {"name": name, **asdict(cast(Any, schedule))}
    if isinstance(schedule, WarmUp):
        described["then"] = schedule_settings(schedule.then)
        return described if described["then"] else None
    return described


def schedule_from(settings: dict[str, Any], depth: int = 0) -> Schedule:
    """Return the schedule that `schedule_settings` described, nested in `depth` others."""
    _check_depth(depth)  # before the recursion: a file could nest them deeper than Python can
    constants = dict(settings)
    name = constants.pop("name", None)
    if name not in SCHEDULES:
        raise ValueError(f"schedule must be one of {', '.join(SCHEDULES)}, got {name!r}")
    if isinstance(constants.get("then"), dict):
        constants["then"] = schedule_from(constants["then"], depth + 1)
    try:
        schedule: Schedule = SCHEDULES[name](**constants)
    except TypeError as error:
        raise ValueError(f"schedule {name}: {error}") from None
    return schedule
