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


@cache
def compiled(problem: Problem) -> Any:
    """train(w1, b1, w2, b2, x, y, epochs, shuffle) of one network, in place."""
    inputs, hidden, outputs = problem.sizes
    rows, batch, is_relu = problem.rows, problem.batch, problem.hidden == "relu"
    step = np.float32(problem.learning_rate / batch)
    one, two = np.float32(1), np.float32(2)

    @numba.njit(inline="always")  # type: ignore[untyped-decorator]
    def f(z: Any) -> Any:
        return (z if z > 0 else z * 0) if is_relu else one / (one + np.exp(-z))

    @numba.njit(inline="always")  # type: ignore[untyped-decorator]
    def slope(a: Any) -> Any:
        return (one if a > 0 else one * 0) if is_relu else a * (one - a)

    @numba.njit(fastmath=True)  # type: ignore[untyped-decorator]
    def train(  # noqa: PLR0912 - loops over a step written out
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
                for j in range(hidden):
                    for i in range(inputs):
                        w1[i, j] -= step * dw1[i, j]
                        dw1[i, j] = 0
                    b1[j] -= step * db1[j]
                    db1[j] = 0
                for k in range(outputs):
                    for j in range(hidden):
                        w2[j, k] -= step * dw2[j, k]
                        dw2[j, k] = 0
                    b2[k] -= step * db2[k]
                    db2[k] = 0

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
