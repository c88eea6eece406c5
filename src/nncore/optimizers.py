"""Optimizers as small value objects: which formula, its step size and its constants.

They hold no state. The vectors that an optimizer keeps beside the parameters belong to
the network that is trained, so one optimizer object can serve many networks.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass, fields
from typing import Any

from nncore.arguments.arrays import UpdateRule
from nncore.checks import number


@dataclass(frozen=True)
class Optimizer(ABC):
    """The base of all optimizers: a step size, and `rule()`, which the kernels read."""

    learning_rate: float

    def __post_init__(self) -> None:
        self._check(learning_rate=(0, math.inf))

    def _check(self, **ranges: tuple[float, float]) -> None:
        """Raise unless each named constant is a number in [low, high)."""
        for name, (low, high) in ranges.items():
            owner = type(self).__name__
            value = number(f"{owner}: {name}", getattr(self, name))
            if not low <= value < high:
                raise ValueError(f"{owner}: {name} must be in [{low:g}, {high:g}), got {value}")
            object.__setattr__(self, name, value)  # a float, also where it was one of NumPy's

    @abstractmethod
    def rule(self) -> UpdateRule:
        """Which of the kernels' formulas, with its constants."""

    def settings(self) -> dict[str, Any]:
        """Name and constants, as JSON can hold them."""
        return {"name": type(self).__name__, **asdict(self)}

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The step size and the constants, under the names that scikit-learn's tools tune.

        So a grid over an estimator with `solver=nncore.SGD()` takes `solver__learning_rate`.
        `deep` is accepted for them and changes nothing.
        """
        return asdict(self)

    def __sklearn_clone__(self) -> Optimizer:
        """Return the optimizer itself, which does not change, as scikit-learn's copy of it."""
        return self


@dataclass(frozen=True)
class SGD(Optimizer):
    """Gradient descent, with momentum (Polyak 1964) or Nesterov's (1983)."""

    learning_rate: float = 0.01
    momentum: float = 0.0
    nesterov: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check(momentum=(0, 1))
        if not isinstance(self.nesterov, bool):
            raise TypeError(f"SGD: nesterov must be True or False, got {self.nesterov!r}")

    def rule(self) -> UpdateRule:
        plain = "momentum" if self.momentum else "sgd"
        return UpdateRule("nesterov" if self.nesterov else plain, self.momentum)


@dataclass(frozen=True)
class RMSprop(Optimizer):
    """Gradients divided by the root of their running mean square (Hinton 2012)."""

    learning_rate: float = 0.001
    decay: float = 0.9
    epsilon: float = 1e-8

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check(decay=(0, 1), epsilon=(0, math.inf))

    def rule(self) -> UpdateRule:
        return UpdateRule("rmsprop", self.decay, epsilon=self.epsilon)


@dataclass(frozen=True)
class Adagrad(Optimizer):
    """Gradients divided by the root of their sum of squares (Duchi et al. 2011).

    epsilon stands inside the root, as in min-char-rnn.
    """

    learning_rate: float = 0.1
    epsilon: float = 1e-8

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check(epsilon=(0, math.inf))

    def rule(self) -> UpdateRule:
        return UpdateRule("adagrad", epsilon=self.epsilon)


@dataclass(frozen=True)
class Adam(Optimizer):
    """Adaptive moments (Kingma and Ba 2015).

    epsilon is added to the root of the corrected second moment, as in their Algorithm 1 and in
    PyTorch; scikit-learn adds it before the correction, which early steps feel.
    """

    learning_rate: float = 0.001
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check(beta1=(0, 1), beta2=(0, 1), epsilon=(0, math.inf))

    def rule(self) -> UpdateRule:
        return UpdateRule("adam", self.beta1, self.beta2, self.epsilon)


@dataclass(frozen=True)
class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019).

    All parameters, biases too, shrink by learning_rate * weight_decay at every step.
    """

    weight_decay: float = 0.01

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check(weight_decay=(0, math.inf))

    def rule(self) -> UpdateRule:
        return super().rule()._replace(kind="adamw", weight_decay=self.weight_decay)


OPTIMIZERS: dict[str, type[Optimizer]] = {
    cls.__name__: cls for cls in (SGD, RMSprop, Adagrad, Adam, AdamW)
}


def check_optimizer(optimizer: object) -> Optimizer:
    """The optimizer; TypeError for anything else, also for what files and kernels do not know."""
    if isinstance(optimizer, type):
        name = optimizer.__name__
        raise TypeError(f"optimizer must be an object, got the class {name}; call it: {name}()")
    if not isinstance(optimizer, Optimizer):
        raise TypeError(
            f"optimizer must be an nncore optimizer such as nncore.Adam(), "
            f"got {type(optimizer).__name__}"
        )
    if OPTIMIZERS.get(type(optimizer).__name__) is not type(optimizer):
        raise TypeError(
            f"optimizer must be of one of nncore's own classes, {', '.join(OPTIMIZERS)}, as files "
            f"hold no others; got {type(optimizer).__module__}.{type(optimizer).__name__}"
        )
    return optimizer


def optimizer_from(settings: dict[str, Any]) -> Optimizer:
    """The optimizer that `settings()` described."""
    constants = dict(settings)
    name = constants.pop("name", None)
    if name not in OPTIMIZERS:
        raise ValueError(f"optimizer {name!r} is unknown; known are {', '.join(OPTIMIZERS)}")
    unknown = set(constants) - {field.name for field in fields(OPTIMIZERS[name])}
    if unknown:
        raise ValueError(f"{name} has no {', '.join(sorted(unknown))}")
    return OPTIMIZERS[name](**constants)
