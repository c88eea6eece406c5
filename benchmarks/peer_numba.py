"""The smallest networks in Numba: loops written by hand for SGD on sigmoid outputs.

They are compiled for each network with its sizes as constants, so that they can be unrolled,
and with `fastmath`.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numba
import numpy as np
from mlp_problems import Problem

from nncore.params import Array


def _activation(is_relu: bool) -> tuple[Any, Any]:
    """Return the hidden activation, and its slope by its output."""
    one = np.float32(1)

    @numba.njit(inline="always")  # type: ignore[untyped-decorator]
    def f(z: Any) -> Any:
        return (z if z > 0 else z * 0) if is_relu else one / (one + np.exp(-z))

    @numba.njit(inline="always")  # type: ignore[untyped-decorator]
    def slope(a: Any) -> Any:
        return (one if a > 0 else one * 0) if is_relu else a * (one - a)

    return f, slope


def _gradients(inputs: int, hidden: int, outputs: int, is_relu: bool) -> Any:
    """Return add(w1, b1, w2, b2, dw1, db1, dw2, db2, x, y, r, a1, dz2): the gradients of row r."""
    f, slope = _activation(is_relu)
    one, two = np.float32(1), np.float32(2)

    @numba.njit(inline="always")  # type: ignore[untyped-decorator]
    def add(
        w1: Any, b1: Any, w2: Any, b2: Any, dw1: Any, db1: Any, dw2: Any, db2: Any,
        x: Any, y: Any, r: Any, a1: Any, dz2: Any,
    ) -> None:  # fmt: skip
        for j in range(hidden):
            z = b1[j]
            for i in range(inputs):
                z += x[r, i] * w1[i, j]
            a1[j] = f(z)
        for k in range(outputs):
            z = b2[k]
            for j in range(hidden):
                z += a1[j] * w2[j, k]
            a = one / (one + np.exp(-z))
            dz2[k] = two * (a - y[r, k]) * a * (one - a)
            db2[k] += dz2[k]
        for j in range(hidden):
            da = np.float32(0)
            for k in range(outputs):
                dw2[j, k] += a1[j] * dz2[k]
                da += w2[j, k] * dz2[k]
            dz = da * slope(a1[j])
            db1[j] += dz
            for i in range(inputs):
                dw1[i, j] += x[r, i] * dz

    return add


def _descent(step: Any) -> Any:
    """Return descend(w, b, dw, db, rows, columns): a layer's update, its gradients set to 0."""

    @numba.njit(inline="always")  # type: ignore[untyped-decorator]
    def descend(w: Any, b: Any, dw: Any, db: Any, rows: int, columns: int) -> None:
        for j in range(columns):
            for i in range(rows):
                w[i, j] -= step * dw[i, j]
                dw[i, j] = 0
            b[j] -= step * db[j]
            db[j] = 0

    return descend


@cache
def compiled(problem: Problem) -> Any:
    """Return train(w1, b1, w2, b2, x, y, epochs, shuffle) of one network, in place."""
    inputs, hidden, outputs = problem.sizes
    rows, batch = problem.rows, problem.batch
    add = _gradients(inputs, hidden, outputs, problem.hidden == "relu")
    descend = _descent(np.float32(problem.learning_rate / batch))

    @numba.njit(fastmath=True)  # type: ignore[untyped-decorator]
    def train(
        w1: Any, b1: Any, w2: Any, b2: Any, x: Any, y: Any, epochs: int, shuffle: bool
    ) -> None:
        a1, dz2 = np.empty(hidden, np.float32), np.empty(outputs, np.float32)
        dw1, db1 = np.zeros((inputs, hidden), np.float32), np.zeros(hidden, np.float32)
        dw2, db2 = np.zeros((hidden, outputs), np.float32), np.zeros(outputs, np.float32)
        order = np.arange(rows)
        for _ in range(epochs):
            if shuffle:
                np.random.shuffle(order)  # noqa: NPY002 - of Numba's own state
            for start in range(0, rows, batch):
                for r in order[start : start + batch]:
                    add(w1, b1, w2, b2, dw1, db1, dw2, db2, x, y, r, a1, dz2)
                descend(w1, b1, dw1, db1, inputs, hidden)
                descend(w2, b2, dw2, db2, hidden, outputs)

    return train


def can(problem: Problem) -> bool:
    return problem.optimizer == "sgd" and problem.rows % problem.batch == 0


class Trainer:
    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.arrays = list(problem.parameters().values())

    def train(self, epochs: int, shuffle: bool) -> None:
        mixed = shuffle and not self.problem.whole
        compiled(self.problem)(*self.arrays, *self.problem.data(), epochs, mixed)

    def parameters(self) -> list[Array]:
        return self.arrays
