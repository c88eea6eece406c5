"""Optimizers as small value objects: an update rule, its step size and its constants.

They hold no state. The vectors that an update rule keeps for each parameter belong to the network
that is trained, so one optimizer object can serve many networks.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass, fields
from typing import Any

from nncore.checks import number
from nncore.registry import OPTIMIZER_NAMES, UPDATE_ROWS, Update, UpdateRule

__all__ = [
    "SGD", "AMSGrad", "Adagrad", "Adam", "AdamW", "Lion", "NAdam", "Optimizer", "RMSprop", "Rprop",
]  # fmt: skip


@dataclass(frozen=True)
class Optimizer(ABC):
    """Base class of optimizers: a step size, and the `rule` that the kernels apply.

    Parameters
    ----------
    learning_rate : float
        Step size, at least 0.
    """

    learning_rate: float

    def __post_init__(self) -> None:
        self._check("learning_rate", 0, math.inf)
        rows = self._rows()
        for constant in dict.fromkeys(constant for row in rows for constant in row.constants):
            self._check(constant.name, constant.low, constant.below)

    def _check(self, name: str, low: float, high: float) -> None:
        """Raise unless the named constant is a number in [low, high)."""
        owner = type(self).__name__
        value = number(f"{owner}: {name}", getattr(self, name))
        if not low <= value < high:
            raise ValueError(f"{owner}: {name} must be in [{low:g}, {high:g}), got {value}")
        object.__setattr__(self, name, value)  # as a Python float

    def _rows(self) -> list[Update]:
        """Return the update rules of this class, or of the known one it is derived from."""
        known = [cls.__name__ for cls in type(self).__mro__ if cls in OPTIMIZERS.values()]
        return [row for row in UPDATE_ROWS if row.optimizer in known[:1]]

    @abstractmethod
    def rule(self) -> UpdateRule:
        """Return the update rule of the kernels, with its constants."""

    def settings(self) -> dict[str, Any]:
        """Return the name and the constants, in a form that JSON can hold."""
        return {"name": type(self).__name__, **asdict(self)}

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the step size and the constants by name, as scikit-learn's estimators do.

        A grid search over an estimator with `solver=nncore.SGD()` can thus tune
        `solver__learning_rate`.

        Parameters
        ----------
        deep : bool
            Ignored; present for scikit-learn.

        Returns
        -------
        dict
        """
        return asdict(self)

    def __sklearn_clone__(self) -> Optimizer:
        """Return the optimizer itself, which is immutable."""
        return self


class OneRule(Optimizer):
    """Base class of optimizers with one update rule and the constants of that rule."""

    def rule(self) -> UpdateRule:
        """Return the update rule of the kernels, with its constants."""
        (row,) = self._rows()
        constants = {constant.field: getattr(self, constant.name) for constant in row.constants}
        return UpdateRule(row.name, **constants)


@dataclass(frozen=True)
class SGD(Optimizer):
    """Gradient descent, plain, with momentum, or with Nesterov's momentum.

    Parameters
    ----------
    learning_rate : float
        Step size, at least 0.
    momentum : float
        Fraction of the velocity that is kept at each step, in [0, 1).
    nesterov : bool
        Whether the momentum is Nesterov's.

    References
    ----------
    Polyak 1964, Some methods of speeding up the convergence of iteration methods.
    Nesterov 1983, A method for solving the convex programming problem with convergence rate
    O(1/k^2).
    """

    learning_rate: float = 0.01
    momentum: float = 0.0
    nesterov: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.nesterov, bool):
            raise TypeError(f"SGD: nesterov must be True or False, got {self.nesterov!r}")

    def rule(self) -> UpdateRule:
        """Return "sgd", "momentum" or "nesterov", with the momentum."""
        plain = "momentum" if self.momentum else "sgd"
        return UpdateRule("nesterov" if self.nesterov else plain, self.momentum)


@dataclass(frozen=True)
class RMSprop(OneRule):
    """RMSprop: gradients are divided by the root of their running mean square.

    Parameters
    ----------
    learning_rate : float
        Step size, at least 0.
    decay : float
        Fraction of the mean square that is kept at each step, in [0, 1).
    epsilon : float
        Added to the root, at least 0.

    References
    ----------
    Hinton 2012, Neural Networks for Machine Learning, lecture 6e.
    """

    learning_rate: float = 0.001
    decay: float = 0.9
    epsilon: float = 1e-8


@dataclass(frozen=True)
class Adagrad(OneRule):
    """Adagrad: gradients are divided by the root of the sum of their squares.

    Parameters
    ----------
    learning_rate : float
        Step size, at least 0.
    epsilon : float
        Added to the sum inside the root, as in min-char-rnn; at least 0.

    References
    ----------
    Duchi, Hazan and Singer 2011, Adaptive subgradient methods for online learning and stochastic
    optimization.
    """

    learning_rate: float = 0.1
    epsilon: float = 1e-8


@dataclass(frozen=True)
class Adam(OneRule):
    """Adam: steps from running means of the gradient and of its square.

    Parameters
    ----------
    learning_rate : float
        Step size, at least 0.
    beta1, beta2 : float
        Fractions of the two means that are kept at each step, in [0, 1).
    epsilon : float
        Added to the root of the mean square, at least 0.

    Notes
    -----
    epsilon is added after the correction of the bias, as in Algorithm 1 of the paper and in
    PyTorch. scikit-learn adds it before, which is noticeable in the first steps.

    References
    ----------
    Kingma and Ba 2015, Adam: a method for stochastic optimization.
    """

    learning_rate: float = 0.001
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8


@dataclass(frozen=True)
class AdamW(Adam):
    """AdamW: Adam with decoupled weight decay.

    Parameters
    ----------
    learning_rate, beta1, beta2, epsilon : float
        As for `Adam`.
    weight_decay : float
        At every step all parameters, including biases, are reduced by the fraction
        learning_rate * weight_decay. At least 0.

    References
    ----------
    Loshchilov and Hutter 2019, Decoupled weight decay regularization.
    """

    weight_decay: float = 0.01


@dataclass(frozen=True)
class AMSGrad(Adam):
    """AMSGrad: Adam with the largest mean square so far, so that step sizes do not grow.

    Parameters
    ----------
    learning_rate, beta1, beta2, epsilon : float
        As for `Adam`.

    Notes
    -----
    As in PyTorch, the largest mean square is corrected for its bias, which the paper omits.

    References
    ----------
    Reddi, Kale and Kumar 2018, On the convergence of Adam and beyond.
    """


@dataclass(frozen=True)
class NAdam(Adam):
    """NAdam: Adam with Nesterov's momentum.

    Parameters
    ----------
    learning_rate, beta1, beta2, epsilon : float
        As for `Adam`.
    momentum_decay : float
        How quickly the momentum grows from beta1 / 2 to beta1. At step t it is
        beta1 * (1 - 0.96**(t * momentum_decay) / 2). At least 0.

    References
    ----------
    Dozat 2016, Incorporating Nesterov momentum into Adam.
    """

    learning_rate: float = 0.002
    momentum_decay: float = 0.004


@dataclass(frozen=True)
class Lion(OneRule):
    """Lion: steps of one size for all parameters, in the direction of a sign.

    Parameters
    ----------
    learning_rate : float
        Step size, at least 0; typically a tenth to a third of Adam's, as all steps have full
        length.
    beta1 : float
        Weight of the mean in the direction of a step, in [0, 1); that of the gradient is 1 - beta1.
    beta2 : float
        Fraction of the mean that is kept at each step, in [0, 1).
    weight_decay : float
        As for `AdamW`.

    References
    ----------
    Chen et al. 2023, Symbolic discovery of optimization algorithms.
    """

    learning_rate: float = 0.0001
    beta1: float = 0.9
    beta2: float = 0.99
    weight_decay: float = 0.0


@dataclass(frozen=True)
class Rprop(OneRule):
    """Rprop: a step size for each parameter, adapted to the signs of its gradients.

    Parameters
    ----------
    learning_rate : float
        Initial step size of each parameter, at least 0. The learning rates of later steps, such as
        those of a schedule, have no effect.
    shrink : float
        Factor of a step size when the gradient changes its sign, in [0, 1).
    growth : float
        Factor of a step size when the gradient keeps its sign, at least 1.
    smallest_step, largest_step : float
        Bounds of the step sizes, at least 0.

    Notes
    -----
    Rprop is intended for full-batch gradients, as those of small batches change their signs by
    chance. As in PyTorch, a parameter whose gradient changes its sign is not updated in that step.

    References
    ----------
    Riedmiller and Braun 1993, A direct adaptive method for faster backpropagation learning.
    """

    learning_rate: float = 0.01
    shrink: float = 0.5
    growth: float = 1.2
    smallest_step: float = 1e-6
    largest_step: float = 50.0


OPTIMIZERS: dict[str, type[Optimizer]] = {name: globals()[name] for name in OPTIMIZER_NAMES}


def check_optimizer(optimizer: object) -> Optimizer:
    """Return the optimizer; TypeError unless it is an instance of a class in `OPTIMIZERS`."""
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
            f"optimizer must be one of nncore's classes, {', '.join(OPTIMIZERS)}, as model files "
            f"hold no others; got {type(optimizer).__module__}.{type(optimizer).__name__}"
        )
    return optimizer


def optimizer_from(settings: dict[str, Any]) -> Optimizer:
    """Return the optimizer that `Optimizer.settings` described; ValueError for unknown names."""
    constants = dict(settings)
    name = constants.pop("name", None)
    if name not in OPTIMIZERS:
        raise ValueError(f"optimizer {name!r} is unknown; known are {', '.join(OPTIMIZERS)}")
    unknown = set(constants) - {field.name for field in fields(OPTIMIZERS[name])}
    if unknown:
        raise ValueError(f"{name} has no {', '.join(sorted(unknown))}")
    return OPTIMIZERS[name](**constants)
