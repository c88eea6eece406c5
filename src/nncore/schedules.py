"""How the step size changes during training.

A schedule is called as schedule(step, total), with step counting the updates of one
training run from 0 and total the number planned, and returns the factor by which the
optimizer's learning rate is multiplied. Any function of that form will do.
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
MOST_NESTED = 16  # WarmUps in one another: far from where Python's recursion ends


def _keep_floats(schedule: object, *names: str) -> None:
    """Make floats of these constants, also where they were NumPy's or fractions."""
    for name in names:
        value = number(f"{type(schedule).__name__}: {name}", getattr(schedule, name))
        object.__setattr__(schedule, name, value)


@dataclass(frozen=True)
class Constant:
    """Always 1."""

    def __call__(self, step: int, total: int) -> float:
        return 1.0


@dataclass(frozen=True)
class CosineDecay:
    """From 1 down to `final` along half a cosine (Loshchilov and Hutter 2017).

    The first `warmup` updates (a fraction of the total) rise in a straight line from 0.
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
        rise = self.warmup * total
        if step < rise:
            return (step + 1) / (rise + 1)
        done = (step - rise) / max(1.0, total - rise)
        return self.final + (1 - self.final) * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))


@dataclass(frozen=True)
class ExponentialDecay:
    """From 1 down to `final` by the same factor at every update."""

    final: float = 0.01

    def __post_init__(self) -> None:
        _keep_floats(self, "final")
        if not 0 < self.final <= 1:
            raise ValueError(f"ExponentialDecay: final must be in (0, 1], got {self.final}")

    def __call__(self, step: int, total: int) -> float:
        return float(self.final ** (step / max(1, total)))


@dataclass(frozen=True)
class StepDecay:
    """Multiplied by `factor` after every `every` updates."""

    every: int = 1000
    factor: float = 0.5

    def __post_init__(self) -> None:
        object.__setattr__(self, "every", positive_int("StepDecay: every", self.every))
        _keep_floats(self, "factor")
        if not 0 < self.factor <= 1:
            raise ValueError(f"StepDecay: factor must be in (0, 1], got {self.factor}")

    def __call__(self, step: int, total: int) -> float:
        return float(self.factor ** (step // self.every))


def _check_depth(depth: int) -> None:
    if depth > MOST_NESTED:
        raise ValueError(f"WarmUp: at most {MOST_NESTED} may be in one another")


@dataclass(frozen=True)
class WarmUp:
    """Rises in a straight line over the first `share` of the updates, then follows `then`.

    At most 16 of them may be in one another.
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
        rise = self.share * total
        return min(1.0, (step + 1) / (rise + 1)) * self.then(step, total)


@dataclass(frozen=True)
class OnPlateau:
    """For `MLP.fit`: multiplied by `factor` when the loss stops falling.

    That is after more than `patience` epochs in which the validation loss, or the training
    loss where there is none, did not fall by more than `threshold`; down to `minimum`.
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
    """TypeError for what is no function."""
    if isinstance(schedule, type):
        name = schedule.__name__
        raise TypeError(f"schedule must be an object, got the class {name}; call it: {name}()")
    if not callable(schedule):
        raise TypeError(f"schedule must be callable, got {type(schedule).__name__}")


def step_sizes(learning_rate: float, factors: Array) -> Array:
    """The step size of each update; one too small for a float is 0."""
    with np.errstate(all="ignore"):
        return np.asarray(learning_rate * factors)


def factors(schedule: Schedule, steps: range, total: int) -> Array:
    """What a schedule says of these updates, checked."""
    if type(schedule) is Constant:  # a call for each update takes longer than a small update
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
    """Name and constants as JSON can hold them; None for a function of the user's own."""
    name = type(schedule).__name__
    if SCHEDULES.get(name) is not type(schedule):
        return None
    described = {"name": name, **asdict(cast(Any, schedule))}
    if isinstance(schedule, WarmUp):
        described["then"] = schedule_settings(schedule.then)
        return described if described["then"] else None
    return described


def schedule_from(settings: dict[str, Any], depth: int = 0) -> Schedule:
    """The schedule that `schedule_settings` described, within `depth` others."""
    _check_depth(depth)  # on the way down: a file may go deeper than Python can
    constants = dict(settings)
    name = constants.pop("name", None)
    if name not in SCHEDULES:
        raise ValueError(f"schedule {name!r} is unknown; known are {', '.join(SCHEDULES)}")
    if isinstance(constants.get("then"), dict):
        constants["then"] = schedule_from(constants["then"], depth + 1)
    try:
        schedule: Schedule = SCHEDULES[name](**constants)
    except TypeError as error:
        raise ValueError(f"schedule {name}: {error}") from None
    return schedule
