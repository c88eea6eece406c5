"""The update rules of optimizers, in place."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from nncore.arguments import arrays as arguments
from nncore.params import Array

__all__ = [
    "adagrad_update",
    "adam_update",
    "adamw_update",
    "amsgrad_update",
    "lion_update",
    "momentum_update",
    "nadam_update",
    "nesterov_update",
    "rmsprop_update",
    "rprop_update",
    "sgd_update",
]


def _updated(params: Array, grads: Array, slots: dict[str, Array], rule: Any) -> None:
    """Run rule(w, g, *slots) on arrays it can write to, and copy back where need be."""
    arrays = arguments.update(params, grads, slots)
    with np.errstate(all="ignore"):
        rule(*arrays)
    arguments.write_back([arrays[0], *arrays[2:]], [params, *slots.values()])


def sgd_update(params: Array, grads: Array, *, learning_rate: float) -> None:
    """params -= learning_rate * grads. In place; arrays of one shape, as in all updates."""
    (rate,) = arguments.numbers(learning_rate=learning_rate)

    def rule(w: Array, g: Array) -> None:
        w -= rate * g

    _updated(params, grads, {}, rule)


def momentum_update(
    params: Array, grads: Array, velocity: Array, *, learning_rate: float, momentum: float = 0.9
) -> None:
    """velocity = momentum * velocity + grads; params -= learning_rate * velocity."""
    rate, mu = arguments.numbers(learning_rate=learning_rate, momentum=momentum)

    def rule(w: Array, g: Array, v: Array) -> None:
        v *= mu
        v += g
        w -= rate * v

    _updated(params, grads, {"velocity": velocity}, rule)


def nesterov_update(
    params: Array, grads: Array, velocity: Array, *, learning_rate: float, momentum: float = 0.9
) -> None:
    """Nesterov's momentum: a look ahead along the velocity.

    velocity = momentum * velocity + grads
    params -= learning_rate * (grads + momentum * velocity)
    """
    rate, mu = arguments.numbers(learning_rate=learning_rate, momentum=momentum)

    def rule(w: Array, g: Array, v: Array) -> None:
        v *= mu
        v += g
        w -= rate * (g + mu * v)

    _updated(params, grads, {"velocity": velocity}, rule)


def rmsprop_update(
    params: Array,
    grads: Array,
    mean_square: Array,
    *,
    learning_rate: float,
    decay: float = 0.9,
    epsilon: float = 1e-8,
) -> None:
    """Gradients divided by the root of their running mean square (Hinton 2012).

    mean_square = decay * mean_square + (1 - decay) * grads**2
    params -= learning_rate * grads / (sqrt(mean_square) + epsilon)
    """
    rate, rho, eps = arguments.numbers(learning_rate=learning_rate, decay=decay, epsilon=epsilon)

    def rule(w: Array, g: Array, s: Array) -> None:
        s *= rho
        s += (1 - rho) * (g * g)
        w -= rate * g / (np.sqrt(s) + eps)

    _updated(params, grads, {"mean_square": mean_square}, rule)


def adagrad_update(
    params: Array, grads: Array, sum_square: Array, *, learning_rate: float, epsilon: float = 1e-8
) -> None:
    """sum_square += grads**2; params -= learning_rate * grads / sqrt(sum_square + epsilon).

    Duchi et al. 2011, with epsilon inside the root as in min-char-rnn.
    """
    rate, eps = arguments.numbers(learning_rate=learning_rate, epsilon=epsilon)

    def rule(w: Array, g: Array, s: Array) -> None:
        s += g * g
        w -= rate * g / np.sqrt(s + eps)

    _updated(params, grads, {"sum_square": sum_square}, rule)


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
    """Adaptive moments (Kingma and Ba 2015).

    mean and mean_square are running means of grads and grads**2, which are corrected for
    their start at 0 before params -= learning_rate * mean / (sqrt(mean_square) + epsilon).
    step counts the updates from 1.
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
    """adam_update, with params shrunk by learning_rate * weight_decay first.

    Loshchilov and Hutter 2019. step counts the updates from 1.
    """
    count = arguments.step(step)
    (rate,) = arguments.numbers(learning_rate=learning_rate)
    b1, b2 = arguments.share("beta1", beta1), arguments.share("beta2", beta2)
    eps, decay = arguments.numbers(epsilon=epsilon, weight_decay=weight_decay)

    def rule(w: Array, g: Array, m: Array, s: Array) -> None:
        m *= b1
        m += (1 - b1) * g
        s *= b2
        s += (1 - b2) * (g * g)
        w *= 1 - rate * decay
        root = np.sqrt(s) / math.sqrt(1 - b2**count)
        w -= rate / (1 - b1**count) * m / (root + eps)

    _updated(params, grads, {"mean": mean, "mean_square": mean_square}, rule)


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
    """adam_update, with the largest mean square so far in the place of the mean square.

    Reddi et al. 2018. The largest mean square is taken first and corrected for its start at 0
    after. step counts the updates from 1.
    """
    count = arguments.step(step)
    (rate,) = arguments.numbers(learning_rate=learning_rate)
    b1, b2 = arguments.share("beta1", beta1), arguments.share("beta2", beta2)
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
    _updated(params, grads, slots, rule)


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
    """adam_update with Nesterov's momentum, which grows with the steps (Dozat 2016).

    mu_t = beta1 * (1 - 0.96**(t * momentum_decay) / 2) at step t, and with the means of Adam
    params -= learning_rate / (sqrt(mean_square) + epsilon) * (
        (1 - mu_t) / (1 - mu_1 * .. * mu_t) * grads
        + mu_t+1 / (1 - mu_1 * .. * mu_t+1) * mean
    )
    where mean_square is corrected for its start at 0. step counts the updates from 1.
    """
    count = arguments.step(step)
    (rate,) = arguments.numbers(learning_rate=learning_rate)
    b1, b2 = arguments.share("beta1", beta1), arguments.share("beta2", beta2)
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

    _updated(params, grads, {"mean": mean, "mean_square": mean_square}, rule)


def _nadam_product(beta1: float, decay: Any, step: int) -> float:
    """Return mu_1 * .. * mu_step; what is 0 beside 1, or changes no more, ends the loop."""
    product, power, by, t = 1.0, 1.0, np.power(0.96, decay), 0
    while t < step and product >= 2**-54 and power >= 2**-54:
        power *= by
        product *= beta1 * (1 - 0.5 * power)
        t += 1
    return product * beta1 ** (step - t) if power < 2**-54 else product


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
    """Steps of one size in the direction of a sign (Chen et al. 2023).

    params *= 1 - learning_rate * weight_decay
    params -= learning_rate * sign(beta1 * mean + (1 - beta1) * grads)
    mean = beta2 * mean + (1 - beta2) * grads
    """
    (rate,) = arguments.numbers(learning_rate=learning_rate)
    b1, b2 = arguments.share("beta1", beta1), arguments.share("beta2", beta2)
    (decay,) = arguments.numbers(weight_decay=weight_decay)

    def rule(w: Array, g: Array, m: Array) -> None:
        w *= 1 - rate * decay
        w -= rate * np.sign(b1 * m + (1 - b1) * g)
        m *= b2
        m += (1 - b2) * g

    _updated(params, grads, {"mean": mean}, rule)


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
    """A step size for each parameter, from the signs of its gradients (Riedmiller and Braun 1993).

    While the signs of grads and gradient, that of the step before, are the same,
    step_size *= growth. When they differ, step_size *= shrink, and grads count as 0. After that,
    with step_size brought into [smallest_step, largest_step], params -= step_size * sign(grads),
    and grads become gradient. A step_size of 0 has not begun: it is learning_rate at the first
    of grads that is not 0.
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

    _updated(params, grads, {"gradient": gradient, "step_size": step_size}, rule)
