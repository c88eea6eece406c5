"""Update rules that step in the direction of a sign."""

from __future__ import annotations

import numpy as np

from nncore.arguments import arrays as arguments
from nncore.params import Array
from nncore.reference.updates.arrays import update_arrays

__all__ = [
    "lion_update",
    "rprop_update",
]


def lion_update(
    params: Array,
    grads: Array,
    mean: Array,
    *,
    learning_rate: float,
    beta1: float = 0.9,
    beta2: float = 0.99,
    weight_decay: float = 0.0,
) -> None:
    """Update by Lion: steps of the same size for all parameters, in the direction of a sign.

    Notes
    -----
    ::

        params *= 1 - learning_rate * weight_decay
        params -= learning_rate * sign(beta1 * mean + (1 - beta1) * grads)
        mean = beta2 * mean + (1 - beta2) * grads

    References
    ----------
    Chen et al. 2023, Symbolic discovery of optimization algorithms.
    """
    (rate,) = arguments.numbers(learning_rate=learning_rate)
    b1, b2 = arguments.fraction("beta1", beta1), arguments.fraction("beta2", beta2)
    (decay,) = arguments.numbers(weight_decay=weight_decay)

    def rule(w: Array, g: Array, m: Array) -> None:
        w *= 1 - rate * decay
        w -= rate * np.sign(b1 * m + (1 - b1) * g)
        m *= b2
        m += (1 - b2) * g

    update_arrays(params, grads, {"mean": mean}, rule)


def rprop_update(
    params: Array,
    grads: Array,
    gradient: Array,
    step_size: Array,
    *,
    learning_rate: float,
    shrink: float = 0.5,
    growth: float = 1.2,
    smallest_step: float = 1e-6,
    largest_step: float = 50.0,
) -> None:
    """Update by Rprop: a step size for each parameter, adapted to the signs of its gradients.

    Notes
    -----
    A step size grows while `grads` has the sign of `gradient`. When the signs differ, it shrinks
    and the gradient counts as 0. Step sizes are clipped to [smallest_step, largest_step], and then
    ``params -= step_size * sign(grads)``. The first step size of a parameter, when its
    gradient is not 0 for the first time, is `learning_rate`.

    References
    ----------
    Riedmiller and Braun 1993, A direct adaptive method for faster backpropagation learning.
    """
    rate, less, more = arguments.numbers(learning_rate=learning_rate, shrink=shrink, growth=growth)
    low, high = arguments.numbers(smallest_step=smallest_step, largest_step=largest_step)

    def rule(w: Array, g: Array, before: Array, size: Array) -> None:
        signs = np.sign(g) * np.sign(before)
        changed = np.where(size == 0, rate, size).astype(size.dtype)
        changed[signs > 0] *= more
        changed[signs < 0] *= less
        size[...] = np.where(g == 0, size, np.minimum(np.maximum(changed, low), high))
        before[...] = np.where(signs < 0, 0, g)
        w -= size * np.sign(before)

    update_arrays(params, grads, {"gradient": gradient, "step_size": step_size}, rule)
