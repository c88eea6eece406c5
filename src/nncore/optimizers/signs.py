"""Optimizers that follow the signs of gradients."""

from __future__ import annotations

from dataclasses import dataclass

from nncore.optimizers.base import OneRule

__all__ = ["Lion", "Rprop"]


@dataclass(frozen=True)
class Lion(OneRule):
    """Lion: steps of the same size for all parameters, in the direction of a sign.

    Parameters
    ----------
    learning_rate : float
        Step size, at least 0; typically a tenth to a third of Adam's, as all steps have full
        length.
    beta1 : float
        Weight of the mean in the direction of a step, in [0, 1); the weight of the gradient is
        1 - beta1.
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
