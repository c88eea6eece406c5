"""Every kernel in optimised NumPy, for comparison.

`<kernel>(arguments)` allocates all results and scratch once and returns a function without
arguments that computes into them: with `out=` everywhere, and BLAS for products.
`nncore.reference` has the same formulas with argument checks and allocations, which would
not be a fair comparison. Timed by `bench_kernels.py`; how to run: see `conftest.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from nncore.params import Array

Call = Callable[[], Any]

# --- element-wise functions -------------------------------------------------------


def exp(x: Array) -> Call:
    y = np.empty_like(x)
    return lambda: np.exp(x, out=y)


def log(x: Array) -> Call:
    y = np.empty_like(x)
    return lambda: np.log(x, out=y)


def tanh_forward(z: Array) -> Call:
    y = np.empty_like(z)
    return lambda: np.tanh(z, out=y)


def relu_forward(z: Array) -> Call:
    y = np.empty_like(z)
    return lambda: np.maximum(z, 0, out=y)


def identity_forward(z: Array) -> Call:
    y = np.empty_like(z)

    def run() -> Array:
        np.copyto(y, z)
        return y

    return run


def identity_backward(dy: Array, y: Array) -> Call:
    return identity_forward(dy)


def sigmoid_forward(z: Array) -> Call:
    """(1 + tanh(z / 2)) / 2, which is faster than 1 / (1 + exp(-z)) from 1000 numbers on."""
    y = np.empty_like(z)

    def run() -> Array:
        np.multiply(z, 0.5, out=y)
        np.tanh(y, out=y)
        np.multiply(y, 0.5, out=y)
        return np.add(y, 0.5, out=y)

    return run


def sigmoid_backward(dy: Array, y: Array) -> Call:
    dz = np.empty_like(dy)

    def run() -> Array:
        np.subtract(1, y, out=dz)
        np.multiply(y, dz, out=dz)
        return np.multiply(dy, dz, out=dz)

    return run


def tanh_backward(dy: Array, y: Array) -> Call:
    dz = np.empty_like(dy)

    def run() -> Array:
        np.multiply(y, y, out=dz)
        np.subtract(1, dz, out=dz)
        return np.multiply(dy, dz, out=dz)

    return run


def relu_backward(dy: Array, y: Array) -> Call:
    dz = np.empty_like(dy)

    def run() -> Array:
        np.greater(y, 0, out=dz)
        return np.multiply(dy, dz, out=dz)

    return run


def leaky_relu_forward(z: Array) -> Call:
    y = np.empty_like(z)

    def run() -> Array:
        np.multiply(z, 0.01, out=y)
        return np.maximum(z, y, out=y)

    return run


def leaky_relu_backward(dy: Array, y: Array) -> Call:
    """With arithmetic, as np.copyto(where=) and np.where are ten times slower for mixed signs."""
    dz = np.empty_like(dy)

    def run() -> Array:
        np.greater(y, 0, out=dz)
        np.multiply(dz, 0.99, out=dz)
        np.add(dz, 0.01, out=dz)
        return np.multiply(dy, dz, out=dz)

    return run


def softmax_forward(z: Array) -> Call:
    y, row = np.empty_like(z), np.empty_like(z, shape=(len(z), 1))

    def run() -> Array:
        np.maximum.reduce(z, axis=1, keepdims=True, out=row)
        np.subtract(z, row, out=y)
        np.exp(y, out=y)
        np.add.reduce(y, axis=1, keepdims=True, out=row)
        return np.divide(y, row, out=y)

    return run


def softmax_backward(dy: Array, y: Array) -> Call:
    dz, row = np.empty_like(dy), np.empty_like(dy, shape=len(dy))

    def run() -> Array:
        np.vecdot(dy, y, out=row)
        np.subtract(dy, row[:, None], out=dz)
        return np.multiply(y, dz, out=dz)

    return run


# --- layers -----------------------------------------------------------------------


def matmul(x: Array, w: Array) -> Call:
    y = np.empty_like(x, shape=(len(x), w.shape[1]))
    return lambda: np.matmul(x, w, out=y)


def linear_forward(x: Array, w: Array, b: Array) -> Call:
    y = np.empty_like(x, shape=(len(x), w.shape[1]))

    def run() -> Array:
        np.matmul(x, w, out=y)
        return np.add(y, b, out=y)

    return run


def linear_tanh(x: Array, w: Array, b: Array) -> Call:
    y = np.empty_like(x, shape=(len(x), w.shape[1]))

    def run() -> Array:
        np.matmul(x, w, out=y)
        np.add(y, b, out=y)
        return np.tanh(y, out=y)

    return run


def linear_backward(dy: Array, x: Array, w: Array) -> Call:
    dx, dw, db = np.empty_like(x), np.empty_like(w), np.empty_like(w[0])

    def run() -> tuple[Array, Array, Array]:
        np.matmul(dy, w.T, out=dx)
        np.matmul(x.T, dy, out=dw)
        np.add.reduce(dy, axis=0, out=db)
        return dx, dw, db

    return run


def rnn_step_forward(xw: Array, h_prev: Array, whh: Array, bh: Array) -> Call:
    h = np.empty_like(h_prev)

    def run() -> Array:
        np.matmul(h_prev, whh, out=h)
        np.add(h, xw, out=h)
        np.add(h, bh, out=h)
        return np.tanh(h, out=h)

    return run


def rnn_step_backward(dh: Array, h: Array, h_prev: Array, whh: Array) -> Call:
    dz, dh_prev = np.empty_like(h), np.empty_like(h)

    def run() -> tuple[Array, Array]:
        np.multiply(h, h, out=dz)
        np.subtract(1, dz, out=dz)
        np.multiply(dh, dz, out=dz)
        np.matmul(dz, whh.T, out=dh_prev)
        return dz, dh_prev

    return run
