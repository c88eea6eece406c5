"""Losses in optimised NumPy, with preallocated results.

The companion of `numpy_baselines.py` for `bench_kernels.py`; how to run: see `conftest.py`.
"""

from __future__ import annotations

import numpy as np
from numpy_baselines import Call

from nncore.params import Array


def squared_error(pred: Array, target: Array) -> Call:
    d = np.empty_like(pred)

    def run() -> tuple[float, Array]:
        np.subtract(pred, target, out=d)
        loss = np.vdot(d, d)
        return loss, np.multiply(d, 2, out=d)

    return run


def half_squared_error(pred: Array, target: Array) -> Call:
    d = np.empty_like(pred)

    def run() -> tuple[float, Array]:
        np.subtract(pred, target, out=d)
        return np.vdot(d, d) / 2, d

    return run


def absolute_error(pred: Array, target: Array) -> Call:
    d, size = np.empty_like(pred), np.empty_like(pred)

    def run() -> tuple[float, Array]:
        np.subtract(pred, target, out=d)
        np.abs(d, out=size)
        return np.add.reduce(size, axis=None), np.sign(d, out=d)

    return run


def huber(pred: Array, target: Array) -> Call:
    """With g = clip(d, -1, 1) the loss is g * (d - g / 2) on both branches."""
    d, g, rest = np.empty_like(pred), np.empty_like(pred), np.empty_like(pred)

    def run() -> tuple[float, Array]:
        np.subtract(pred, target, out=d)
        np.clip(d, -1, 1, out=g)
        np.multiply(g, 0.5, out=rest)
        np.subtract(d, rest, out=rest)
        return np.vdot(g, rest), g

    return run


def binary_cross_entropy(pred: Array, target: Array) -> Call:
    """-(target (ln p - ln q) + ln q), with q = 1 - p."""
    low = np.finfo(pred.dtype).eps
    p, q, log_p, log_q, dpred = (np.empty_like(pred) for _ in range(5))

    def run() -> tuple[float, Array]:
        np.clip(pred, low, 1 - low, out=p)
        np.subtract(1, p, out=q)
        np.log(p, out=log_p)
        np.log(q, out=log_q)
        np.subtract(log_p, log_q, out=log_p)
        np.subtract(p, target, out=dpred)
        np.multiply(p, q, out=q)
        np.divide(dpred, q, out=dpred)
        return -np.vdot(target, log_p) - np.add.reduce(log_q, axis=None), dpred

    return run


def sigmoid_cross_entropy(pred: Array, target: Array) -> Call:
    """max(z, 0) - z target + ln(1 + e), with e = exp(-|z|) also for the sigmoid."""
    e, share, positive = (np.empty_like(pred) for _ in range(3))
    above = np.empty(pred.shape, bool)

    def run() -> tuple[float, Array]:
        np.abs(pred, out=e)
        np.negative(e, out=e)
        np.exp(e, out=e)
        np.log1p(e, out=share)
        loss = np.add.reduce(share, axis=None) - np.vdot(pred, target)
        np.maximum(pred, 0, out=positive)
        loss += np.add.reduce(positive, axis=None)
        np.add(e, 1, out=share)
        np.greater(pred, 0, out=above)
        np.copyto(e, 1, where=above)
        np.divide(e, share, out=e)
        return loss, np.subtract(e, target, out=e)

    return run


def half_poisson_deviance(pred: Array, target: Array) -> Call:
    """e - target (z + 1) + target ln target, with e = exp(z); targets above 0."""
    e, share = np.empty_like(pred), np.empty_like(pred)

    def run() -> tuple[float, Array]:
        np.exp(pred, out=e)
        np.log(target, out=share)
        np.subtract(share, pred, out=share)
        np.subtract(share, 1, out=share)
        loss = np.add.reduce(e, axis=None) + np.vdot(target, share)
        return loss, np.subtract(e, target, out=e)

    return run


def softmax_cross_entropy(logits: Array, labels: Array) -> Call:
    d, row = np.empty_like(logits), np.empty_like(logits, shape=(len(logits), 1))
    rows = np.arange(len(logits))

    def run() -> tuple[float, Array]:
        np.maximum.reduce(logits, axis=1, keepdims=True, out=row)
        np.subtract(logits, row, out=d)
        chosen = d[rows, labels]
        np.exp(d, out=d)
        np.add.reduce(d, axis=1, keepdims=True, out=row)
        np.divide(d, row, out=d)
        d[rows, labels] -= 1
        np.log(row, out=row)
        return np.add.reduce(row, axis=None) - np.add.reduce(chosen), d

    return run
