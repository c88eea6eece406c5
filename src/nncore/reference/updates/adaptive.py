"""Update rules that divide by the root of running means or sums of squared gradients."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from nncore.arguments import arrays as arguments
from nncore.params import Array
from nncore.reference.updates.arrays import update_arrays

__all__ = [
    "adagrad_update",
    "adam_update",
    "adamw_update",
    "amsgrad_update",
    "nadam_update",
    "rmsprop_update",
]


def rmsprop_update(
    params: Array,
    grads: Array,
    mean_square: Array,
    *,
    learning_rate: float,
    decay: float = 0.9,
    epsilon: float = 1e-8,
) -> None:
    """Update by RMSprop: gradients are divided by the root of their running mean square.

    Notes
    -----
    ::

        mean_square = decay * mean_square + (1 - decay) * grads**2
        params -= learning_rate * grads / (sqrt(mean_square) + epsilon)

    References
    ----------
    Hinton 2012, Neural Networks for Machine Learning, lecture 6e.
    """
    rate, rho, eps = arguments.numbers(learning_rate=learning_rate, decay=decay, epsilon=epsilon)

    def rule(w: Array, g: Array, s: Array) -> None:
        s *= rho
        s += (1 - rho) * (g * g)
        w -= rate * g / (np.sqrt(s) + eps)

    update_arrays(params, grads, {"mean_square": mean_square}, rule)


def adagrad_update(
    params: Array, grads: Array, sum_square: Array, *, learning_rate: float, epsilon: float = 1e-8
) -> None:
    """Update by Adagrad: gradients are divided by the root of the sum of their squares.

    Notes
    -----
    ::

        sum_square += grads**2
        params -= learning_rate * grads / sqrt(sum_square + epsilon)

    epsilon is inside the root, as in min-char-rnn.

    References
    ----------
    Duchi, Hazan and Singer 2011, Adaptive subgradient methods for online learning and stochastic
    optimization.
    """
    rate, eps = arguments.numbers(learning_rate=learning_rate, epsilon=epsilon)

    def rule(w: Array, g: Array, s: Array) -> None:
        s += g * g
        w -= rate * g / np.sqrt(s + eps)

    update_arrays(params, grads, {"sum_square": sum_square}, rule)


def adam_update(
    params: Array,
    grads: Array,
    mean: Array,
    mean_square: Array,
    *,
    step: int,
    learning_rate: float,
    beta1: float = 0.9,
    beta2: float = 0.999,
    epsilon: float = 1e-8,
) -> None:
    """Update by Adam: steps from running means of the gradient and of its square.

    Notes
    -----
    ::

        mean = beta1 * mean + (1 - beta1) * grads
        mean_square = beta2 * mean_square + (1 - beta2) * grads**2
        corrected = mean / (1 - beta1**step)
        corrected_square = mean_square / (1 - beta2**step)
        params -= learning_rate * corrected / (sqrt(corrected_square) + epsilon)

    References
    ----------
    Kingma and Ba 2015, Adam: a method for stochastic optimization.
    """
    adamw_update(
        params,
        grads,
        mean,
        mean_square,
        step=step,
        learning_rate=learning_rate,
        beta1=beta1,
        beta2=beta2,
        epsilon=epsilon,
        weight_decay=0.0,
    )


def adamw_update(
    params: Array,
    grads: Array,
    mean: Array,
    mean_square: Array,
    *,
    step: int,
    learning_rate: float,
    beta1: float = 0.9,
    beta2: float = 0.999,
    epsilon: float = 1e-8,
    weight_decay: float = 0.01,
) -> None:
    """Update by AdamW: Adam with decoupled weight decay.

    Notes
    -----
    ``params *= 1 - learning_rate * weight_decay`` precedes the step of `adam_update`.

    References
    ----------
    Loshchilov and Hutter 2019, Decoupled weight decay regularization.
    """
    count = arguments.step(step)
    (rate,) = arguments.numbers(learning_rate=learning_rate)
    b1, b2 = arguments.fraction("beta1", beta1), arguments.fraction("beta2", beta2)
    eps, decay = arguments.numbers(epsilon=epsilon, weight_decay=weight_decay)

    def rule(w: Array, g: Array, m: Array, s: Array) -> None:
        m *= b1
        m += (1 - b1) * g
        s *= b2
        s += (1 - b2) * (g * g)
        w *= 1 - rate * decay
        root = np.sqrt(s) / math.sqrt(1 - b2**count)
        w -= rate / (1 - b1**count) * m / (root + eps)

    update_arrays(params, grads, {"mean": mean, "mean_square": mean_square}, rule)


def amsgrad_update(
    params: Array,
    grads: Array,
    mean: Array,
    mean_square: Array,
    largest_mean_square: Array,
    *,
    step: int,
    learning_rate: float,
    beta1: float = 0.9,
    beta2: float = 0.999,
    epsilon: float = 1e-8,
) -> None:
    """Update by AMSGrad: Adam with the largest mean square so far.

    Notes
    -----
    As `adam_update`, with ``largest_mean_square = max(largest_mean_square, mean_square)`` in place
    of the mean square. Its bias is corrected after the maximum is taken, as in PyTorch.

    References
    ----------
    Reddi, Kale and Kumar 2018, On the convergence of Adam and beyond.
    """
    count = arguments.step(step)
    (rate,) = arguments.numbers(learning_rate=learning_rate)
    b1, b2 = arguments.fraction("beta1", beta1), arguments.fraction("beta2", beta2)
    (eps,) = arguments.numbers(epsilon=epsilon)

    def rule(w: Array, g: Array, m: Array, s: Array, top: Array) -> None:
        m *= b1
        m += (1 - b1) * g
        s *= b2
        s += (1 - b2) * (g * g)
        np.maximum(top, s, out=top)
        root = np.sqrt(top) / math.sqrt(1 - b2**count)
        w -= rate / (1 - b1**count) * m / (root + eps)

    slots = {"mean": mean, "mean_square": mean_square, "largest_mean_square": largest_mean_square}
    update_arrays(params, grads, slots, rule)


def nadam_update(
    params: Array,
    grads: Array,
    mean: Array,
    mean_square: Array,
    *,
    step: int,
    learning_rate: float,
    beta1: float = 0.9,
    beta2: float = 0.999,
    epsilon: float = 1e-8,
    momentum_decay: float = 0.004,
) -> None:
    """Update by NAdam: Adam with Nesterov's momentum.

    Notes
    -----
    ::

        mu[t] = beta1 * (1 - 0.96**(t * momentum_decay) / 2)
        params -= learning_rate / (sqrt(corrected_square) + epsilon) * (
            (1 - mu[t]) / (1 - mu[1] * ... * mu[t]) * grads
            + mu[t + 1] / (1 - mu[1] * ... * mu[t + 1]) * mean
        )

    t is the step; mean and corrected_square are those of `adam_update`.

    References
    ----------
    Dozat 2016, Incorporating Nesterov momentum into Adam.
    """
    count = arguments.step(step)
    (rate,) = arguments.numbers(learning_rate=learning_rate)
    b1, b2 = arguments.fraction("beta1", beta1), arguments.fraction("beta2", beta2)
    eps, decay = arguments.numbers(epsilon=epsilon, momentum_decay=momentum_decay)

    def rule(w: Array, g: Array, m: Array, s: Array) -> None:
        m *= b1
        m += (1 - b1) * g
        s *= b2
        s += (1 - b2) * (g * g)
        now, coming = b1 * (1 - 0.5 * np.power(0.96, np.array([count, count + 1.0]) * decay))
        product = _nadam_product(b1, np.float64(decay), count)
        root = np.sqrt(s) / math.sqrt(1 - b2**count)
        of_g = float(rate * (1 - now) / (1 - product))
        of_m = float(rate * coming / (1 - product * coming))
        w -= (of_g * g + of_m * m) / (root + eps)

    update_arrays(params, grads, {"mean": mean, "mean_square": mean_square}, rule)


def _nadam_product(beta1: float, decay: Any, step: int) -> float:
    """Return mu[1] * ... * mu[step]; the loop ends early when the result cannot change any more."""
    product, power, by, t = 1.0, 1.0, np.power(0.96, decay), 0
    while t < step and product >= 2**-54 and power >= 2**-54:
        power *= by
        product *= beta1 * (1 - 0.5 * power)
        t += 1
    return product * beta1 ** (step - t) if power < 2**-54 else product
