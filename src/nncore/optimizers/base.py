"""The base classes of optimizers, and the checks of their constants."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass
from typing import Any

from nncore.checks import number
from nncore.registry import OPTIMIZER_NAMES, UPDATE_ROWS, Update, UpdateRule

PACKAGE = __name__.rpartition(".")[0]


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
        known = [
            cls.__name__
            for cls in type(self).__mro__
            if cls.__module__.startswith(PACKAGE) and cls.__name__ in OPTIMIZER_NAMES
        ]
        return [row for row in UPDATE_ROWS if row.optimizer in known[:1]]

    @abstractmethod
    def rule(self) -> UpdateRule:
        """Return the update rule of the kernels, with its constants.

        Returns
        -------
        UpdateRule
        """

    def settings(self) -> dict[str, Any]:
        """Return the name and the constants, in a form that JSON can represent.

        Returns
        -------
        dict
        """
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
        """Return the update rule of the kernels, with its constants.

        Returns
        -------
        UpdateRule
        """
        (row,) = self._rows()
        constants = {constant.field: getattr(self, constant.name) for constant in row.constants}
        return UpdateRule(row.name, **constants)
