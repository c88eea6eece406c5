"""Gradient descent, plain and with momentum."""

from __future__ import annotations

from nncore.arguments import arrays as arguments
from nncore.params import Array
from nncore.reference.updates.arrays import update_arrays

__all__ = [
    "momentum_update",
    "nesterov_update",
    "sgd_update",
]


def sgd_update(params: Array, grads: Array, *, learning_rate: float) -> None:
    """Update by gradient descent: ``params -= learning_rate * grads``."""
    (rate,) = arguments.numbers(learning_rate=learning_rate)

    def rule(w: Array, g: Array) -> None:
        w -= rate * g

    update_arrays(params, grads, {}, rule)


def momentum_update(
    params: Array, grads: Array, velocity: Array, *, learning_rate: float, momentum: float = 0.9
) -> None:
    """Update by gradient descent with momentum.

    Notes
    -----
    ::

        velocity = momentum * velocity + grads
        params -= learning_rate * velocity

    References
    ----------
    Polyak 1964, Some methods of speeding up the convergence of iteration methods.
    """
    rate, mu = arguments.numbers(learning_rate=learning_rate, momentum=momentum)

    def rule(w: Array, g: Array, v: Array) -> None:
        v *= mu
        v += g
        w -= rate * v

    update_arrays(params, grads, {"velocity": velocity}, rule)


def nesterov_update(
    params: Array, grads: Array, velocity: Array, *, learning_rate: float, momentum: float = 0.9
) -> None:
    """Update by gradient descent with Nesterov's momentum.

    Notes
    -----
    ::

        velocity = momentum * velocity + grads
        params -= learning_rate * (grads + momentum * velocity)

    References
    ----------
    Nesterov 1983, A method for solving the convex programming problem with convergence rate
    O(1/k^2).
    """
    rate, mu = arguments.numbers(learning_rate=learning_rate, momentum=momentum)

    def rule(w: Array, g: Array, v: Array) -> None:
        v *= mu
        v += g
        w -= rate * (g + mu * v)

    update_arrays(params, grads, {"velocity": velocity}, rule)
