"""Optimizers and clipping in optimised NumPy, in place and with preallocated scratch.

The companion of `numpy_baselines.py` for `bench_kernels.py`; how to run: see `conftest.py`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from nncore.params import Array

Update = Callable[[], float | None]


def sgd_update(w: Array, g: Array, *, learning_rate: float) -> Update:
    t = np.empty_like(w)

    def run() -> None:
        np.multiply(g, learning_rate, out=t)
        np.subtract(w, t, out=w)

    return run


def momentum_update(
    w: Array, g: Array, v: Array, *, learning_rate: float, momentum: float
) -> Update:
    t = np.empty_like(w)

    def run() -> None:
        np.multiply(v, momentum, out=v)
        np.add(v, g, out=v)
        np.multiply(v, learning_rate, out=t)
        np.subtract(w, t, out=w)

    return run


def nesterov_update(
    w: Array, g: Array, v: Array, *, learning_rate: float, momentum: float
) -> Update:
    t = np.empty_like(w)

    def run() -> None:
        np.multiply(v, momentum, out=v)
        np.add(v, g, out=v)
        np.multiply(v, momentum, out=t)
        np.add(t, g, out=t)
        np.multiply(t, learning_rate, out=t)
        np.subtract(w, t, out=w)

    return run


def rmsprop_update(
    w: Array, g: Array, s: Array, *, learning_rate: float, decay: float, epsilon: float
) -> Update:
    t, root = np.empty_like(w), np.empty_like(w)

    def run() -> None:
        np.multiply(s, decay, out=s)
        np.multiply(g, g, out=t)
        np.multiply(t, 1 - decay, out=t)
        np.add(s, t, out=s)
        np.sqrt(s, out=root)
        np.add(root, epsilon, out=root)
        np.divide(g, root, out=t)
        np.multiply(t, learning_rate, out=t)
        np.subtract(w, t, out=w)

    return run


def adagrad_update(w: Array, g: Array, s: Array, *, learning_rate: float, epsilon: float) -> Update:
    t = np.empty_like(w)

    def run() -> None:
        np.multiply(g, g, out=t)
        np.add(s, t, out=s)
        np.add(s, epsilon, out=t)
        np.sqrt(t, out=t)
        np.divide(g, t, out=t)
        np.multiply(t, learning_rate, out=t)
        np.subtract(w, t, out=w)

    return run


def adam_update(
    w: Array,
    g: Array,
    m: Array,
    s: Array,
    *,
    learning_rate: float,
    step: int,
    beta1: float,
    beta2: float,
    epsilon: float,
) -> Update:
    """The bias corrections are included in the step size and epsilon, as in the paper."""
    t = np.empty_like(w)
    correction = math.sqrt(1 - beta2**step)
    rate, eps = learning_rate * correction / (1 - beta1**step), epsilon * correction

    def run() -> None:
        np.multiply(m, beta1, out=m)
        np.multiply(g, 1 - beta1, out=t)
        np.add(m, t, out=m)
        np.multiply(s, beta2, out=s)
        np.multiply(g, g, out=t)
        np.multiply(t, 1 - beta2, out=t)
        np.add(s, t, out=s)
        np.sqrt(s, out=t)
        np.add(t, eps, out=t)
        np.divide(m, t, out=t)
        np.multiply(t, rate, out=t)
        np.subtract(w, t, out=w)

    return run


def adamw_update(
    w: Array,
    g: Array,
    m: Array,
    s: Array,
    *,
    learning_rate: float,
    weight_decay: float,
    **constants: Any,
) -> Update:
    adam = adam_update(w, g, m, s, learning_rate=learning_rate, **constants)

    def run() -> None:
        np.multiply(w, 1 - learning_rate * weight_decay, out=w)
        adam()

    return run


def clip_by_value(g: Array, limit: float) -> Update:
    def run() -> None:
        np.clip(g, -limit, limit, out=g)

    return run


def clip_by_norm(g: Array, limit: float) -> Update:
    def run() -> float:
        norm = math.sqrt(np.vdot(g, g))
        if norm > limit:
            np.multiply(g, limit / norm, out=g)
        return norm

    return run
