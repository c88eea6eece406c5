"""Gradient descent with and without momentum."""

from __future__ import annotations

from dataclasses import dataclass

from nncore.optimizers.base import Optimizer
from nncore.registry import UpdateRule

__all__ = ["SGD"]


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
        Whether to use Nesterov's momentum.

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
        """Return the update rule "sgd", "momentum" or "nesterov", with the momentum.

        Returns
        -------
        UpdateRule
        """
        plain = "momentum" if self.momentum else "sgd"
        return UpdateRule("nesterov" if self.nesterov else plain, self.momentum)
