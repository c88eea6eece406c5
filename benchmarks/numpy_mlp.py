"""A small network as in a beginner's program: one row at a time, in columns of float64.

One step is that of the colours network in tutorials, but with true derivatives: draw a row with
`choice`, four arrays forward, each gradient as the product of its chain of derivatives, and four
updates. Used by `bench_mlp.py`; how to run: see `conftest.py`.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from mlp_problems import Problem

from nncore.params import Array


def relu(z: Array) -> Array:
    return np.maximum(z, 0)


def d_relu(z: Array) -> Array:
    return z > 0


def logistic(z: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-z)))


def d_logistic(z: Array) -> Array:
    return np.asarray(np.exp(-z) / (1 + np.exp(-z)) ** 2)


HIDDEN = {"relu": (relu, d_relu), "sigmoid": (logistic, d_logistic)}


class StepByStep:
    """The program's variables, and its loop; batches are one row or all of them."""

    def __init__(self, problem: Problem, draw: bool = True) -> None:
        w1, b1, w2, b2 = (a.astype(np.float64) for a in problem.parameters().values())
        self.w_hidden, self.w_output = w1.T.copy(), w2.T.copy()
        self.b_hidden, self.b_output = b1[:, None].copy(), b2[:, None].copy()
        self.f, self.df = HIDDEN[problem.hidden]
        self.x, self.y = (a.astype(np.float64) for a in problem.data())
        self.problem, self.draw = problem, draw
        self.rng = np.random.RandomState(0)  # as `np.random.choice` uses

    def rows(self, epochs: int, shuffle: bool) -> Iterable[Array | slice]:
        n = self.problem.rows
        for _ in range(epochs):
            if self.problem.whole:
                yield slice(None)
                continue
            for i in range(n):
                drawn = shuffle and self.draw
                yield self.rng.choice(n, 1, replace=False) if drawn else slice(i, i + 1)

    def train(self, epochs: int, shuffle: bool) -> None:
        rate = self.problem.learning_rate
        for rows in self.rows(epochs, shuffle):
            x, y = self.x[rows].transpose(), self.y[rows].transpose()
            passed = self.forward(x)
            backward = self.backward if x.shape[1] == 1 else self.backward_of_many
            dw1, db1, dw2, db2 = backward(*passed, x, y)
            self.w_hidden -= rate * dw1
            self.b_hidden -= rate * db1
            self.w_output -= rate * dw2
            self.b_output -= rate * db2

    def forward(self, x: Array) -> tuple[Array, Array, Array, Array]:
        z1 = self.w_hidden @ x + self.b_hidden
        a1 = self.f(z1)
        z2 = self.w_output @ a1 + self.b_output
        return z1, a1, z2, logistic(z2)

    def backward(
        self, z1: Array, a1: Array, z2: Array, a2: Array, x: Array, y: Array
    ) -> list[Array]:
        """Gradients for one row, without reusing products, as in the tutorials."""
        da2 = 2 * a2 - 2 * y
        slope2, slope1 = d_logistic(z2), self.df(z1)
        dw2 = da2 * slope2 @ a1.T
        db2 = da2 * slope2 * 1
        da1 = self.w_output.T @ (da2 * slope2)
        dw1 = da1 * slope1 @ x.T
        db1 = da1 * slope1 * 1
        return [dw1, db1, dw2, db2]

    def backward_of_many(
        self, z1: Array, a1: Array, z2: Array, a2: Array, x: Array, y: Array
    ) -> list[Array]:
        """Means over the columns."""
        n = x.shape[1]
        dz2 = (2 * a2 - 2 * y) * d_logistic(z2) / n
        dz1 = self.w_output.T @ dz2 * self.df(z1)
        return [
            *(dz1 @ x.T, dz1.sum(axis=1, keepdims=True)),
            *(dz2 @ a1.T, dz2.sum(axis=1, keepdims=True)),
        ]

    def parameters(self) -> list[Array]:
        return [self.w_hidden.T, self.b_hidden[:, 0], self.w_output.T, self.b_output[:, 0]]
