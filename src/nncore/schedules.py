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

from nncore.checks import number, positive_int

Schedule = Callable[[int, int], float]


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


SCHEDULES: dict[str, type[Any]] = {
    cls.__name__: cls for cls in (Constant, CosineDecay, ExponentialDecay, StepDecay)
}


def schedule_settings(schedule: Schedule) -> dict[str, Any] | None:
    """Name and constants as JSON can hold them; None for a function of the user's own."""
    name = type(schedule).__name__
    if SCHEDULES.get(name) is not type(schedule):
        return None
    return {"name": name, **asdict(cast(Any, schedule))}


def schedule_from(settings: dict[str, Any]) -> Schedule:
    """The schedule that `schedule_settings` described."""
    constants = dict(settings)
    name = constants.pop("name", None)
    if name not in SCHEDULES:
        raise ValueError(f"schedule {name!r} is unknown; known are {', '.join(SCHEDULES)}")
    try:
        schedule: Schedule = SCHEDULES[name](**constants)
    except TypeError as error:
        raise ValueError(f"schedule {name}: {error}") from None
    return schedule
