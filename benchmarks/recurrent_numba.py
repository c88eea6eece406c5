"""Character networks in Numba: BLAS products, and everything else as loops written by hand.

It is compiled with `fastmath`. Arrays are (T, N, units); the states have one step more,
the first of which is the one before the window.
"""

from __future__ import annotations

from functools import cache
from typing import Any, TypeVar

import numba
import numpy as np
import scipy.linalg  # noqa: F401 - has the BLAS of Numba: loaded now, it gets one thread, too
from recurrent_problems import CLIP_NORM, EPSILON, RATE, Problem

from nncore.params import Array

F = TypeVar("F")
one = np.float32(1)


def compiled(function: F) -> F:
    result: F = numba.njit(fastmath=True)(function)
    return result


@compiled
def sigmoid(z: Any) -> Any:
    return one / (one + np.exp(-z))


@compiled
def tanh_forward(z: Any, extra: Any, h_prev: Any, c_prev: Any, h: Any, c: Any) -> None:
    rows, units = h.shape
    for r in range(rows):
        for j in range(units):
            h[r, j] = np.tanh(z[r, j])


@compiled
def tanh_backward(
    z: Any, extra: Any, h_prev: Any, c_prev: Any, h: Any, c: Any, dh: Any, dc: Any, du: Any
) -> None:
    rows, units = h.shape
    for r in range(rows):
        for j in range(units):
            z[r, j] = dh[r, j] * (one - h[r, j] * h[r, j])
            dh[r, j] = 0


@compiled
def lstm_forward(z: Any, extra: Any, h_prev: Any, c_prev: Any, h: Any, c: Any) -> None:
    rows, units = h.shape
    for r in range(rows):
        for j in range(units):
            i, f = sigmoid(z[r, j]), sigmoid(z[r, units + j])
            g, o = np.tanh(z[r, 2 * units + j]), sigmoid(z[r, 3 * units + j])
            c[r, j] = f * c_prev[r, j] + i * g
            extra[r, j] = np.tanh(c[r, j])
            h[r, j] = o * extra[r, j]
            z[r, j], z[r, units + j], z[r, 2 * units + j], z[r, 3 * units + j] = i, f, g, o


@compiled
def lstm_backward(
    z: Any, extra: Any, h_prev: Any, c_prev: Any, h: Any, c: Any, dh: Any, dc: Any, du: Any
) -> None:
    rows, units = h.shape
    for r in range(rows):
        for j in range(units):
            i, f, t = z[r, j], z[r, units + j], extra[r, j]
            g, o = z[r, 2 * units + j], z[r, 3 * units + j]
            d = dc[r, j] + dh[r, j] * o * (one - t * t)
            z[r, j] = d * g * i * (one - i)
            z[r, units + j] = d * c_prev[r, j] * f * (one - f)
            z[r, 2 * units + j] = d * i * (one - g * g)
            z[r, 3 * units + j] = dh[r, j] * t * o * (one - o)
            dc[r, j] = d * f
            dh[r, j] = 0


@compiled
def gru_forward(z: Any, extra: Any, h_prev: Any, c_prev: Any, h: Any, c: Any) -> None:
    rows, units = h.shape
    for r in range(rows):
        for j in range(units):
            reset, keep = sigmoid(z[r, j]), sigmoid(z[r, units + j])
            n = np.tanh(z[r, 2 * units + j] + reset * extra[r, j])
            h[r, j] = (one - keep) * n + keep * h_prev[r, j]
            z[r, j], z[r, units + j], z[r, 2 * units + j] = reset, keep, n


@compiled
def gru_backward(
    z: Any, extra: Any, h_prev: Any, c_prev: Any, h: Any, c: Any, dh: Any, dc: Any, du: Any
) -> None:
    rows, units = h.shape
    for r in range(rows):
        for j in range(units):
            reset, keep, n = z[r, j], z[r, units + j], z[r, 2 * units + j]
            dn = dh[r, j] * (one - keep) * (one - n * n)
            z[r, j] = du[r, j] = dn * extra[r, j] * reset * (one - reset)
            z[r, units + j] = dh[r, j] * (h_prev[r, j] - n) * keep * (one - keep)
            du[r, units + j] = z[r, units + j]
            z[r, 2 * units + j], du[r, 2 * units + j] = dn, dn * reset
            dh[r, j] *= keep


CELLS = {
    "tanh": (tanh_forward, tanh_backward),
    "lstm": (lstm_forward, lstm_backward),
    "gru": (gru_forward, gru_backward),
}


@compiled
def output_layer(w: Any, g: Any, h: Any, y: Any, streams: Any) -> Any:
    """The loss of rows h, and its gradient by them; that of the layer is stored in g."""
    why, by, dwhy, dby = w[2], w[4], g[2], g[4]
    logits = np.dot(h, why)
    rows, size = logits.shape
    loss = 0.0
    for r in range(rows):
        highest = logits[r, 0] + by[0]
        for k in range(size):
            logits[r, k] += by[k]
            highest = max(highest, logits[r, k])
        loss += highest - logits[r, y[r]]
        total = 0 * one
        for k in range(size):
            logits[r, k] = np.exp(logits[r, k] - highest)
            total += logits[r, k]
        loss += np.log(total)
        for k in range(size):
            logits[r, k] /= total * streams
        logits[r, y[r]] -= one / streams
        for k in range(size):
            dby[k] += logits[r, k]
    np.dot(h.T, logits, dwhy)
    return loss / streams, np.dot(logits, why.T)


@compiled
def input_layer(g: Any, x: Any, dz: Any, du: Any) -> None:
    """Store the gradients of `wxh`, `bh` and `bn` in g."""
    dwxh, dbh, dbn = g[0], g[3], g[5]
    last = dbh.size - dbn.size
    for r in range(x.size):
        for k in range(dbh.size):
            dwxh[x[r], k] += dz[r, k]
            dbh[k] += dz[r, k]
        for k in range(dbn.size):
            dbn[k] += du[r, last + k]


@compiled
def clipped_adam(w: Any, g: Any, m: Any, v: Any, t: int) -> None:
    """One update of flat vectors."""
    square = 0 * one
    for k in range(g.size):
        square += g[k] * g[k]
    scale = np.float32(min(1.0, CLIP_NORM / np.sqrt(square)))
    m_scale, v_scale = np.float32(1 / (1 - 0.9**t)), np.float32(1 / (1 - 0.999**t))
    for k in range(w.size):
        d = scale * g[k]
        m[k] += np.float32(0.1) * (d - m[k])
        v[k] += np.float32(0.001) * (d * d - v[k])
        step = m[k] * m_scale / (np.sqrt(v[k] * v_scale) + np.float32(EPSILON))
        w[k] -= np.float32(RATE) * step


@cache
def passes(cell: str) -> tuple[Any, Any]:
    """Return the forward and the backward pass through all steps of a window."""
    forward, backward = CELLS[cell]

    @compiled
    def run_forward(w: Any, x: Any, z: Any, extra: Any, h: Any, c: Any) -> None:
        wxh, whh, bh, bn = w[0], w[1], w[3], w[5]
        steps, streams, size = z.shape
        last = size - bn.size
        product = np.empty((streams, size), np.float32)
        for t in range(steps):
            np.dot(h[t], whh, product)
            for r in range(streams):
                for k in range(size):
                    z[t, r, k] = wxh[x[t, r], k] + bh[k] + (product[r, k] if k < last else 0 * one)
                for k in range(bn.size):
                    extra[t, r, k] = product[r, last + k] + bn[k]
            forward(z[t], extra[t], h[t], c[t], h[t + 1], c[t + 1])

    @compiled
    def run_backward(w: Any, z: Any, extra: Any, h: Any, c: Any, dhs: Any, du: Any) -> None:
        steps, streams, units = dhs.shape
        dh = np.zeros((streams, units), np.float32)
        dc, product = np.zeros_like(dh), np.zeros_like(dh)
        for t in range(steps - 1, -1, -1):
            dh += dhs[t]
            backward(z[t], extra[t], h[t], c[t], h[t + 1], c[t + 1], dh, dc, du[t])
            if t:
                np.dot(du[t], w[1].T, product)
                dh += product

    return run_forward, run_backward


@cache
def training(cell: str) -> Any:
    """Return train(flat vectors, w, g, inputs, targets, h, c, done), which returns the losses."""
    run_forward, run_backward = passes(cell)

    @compiled
    def train(
        flat: Any, w: Any, g: Any, inputs: Any, targets: Any, h0: Any, c0: Any, done: int
    ) -> Any:
        windows, steps, streams = inputs.shape
        rows, units, size = steps * streams, h0.shape[1], w[3].size
        z = np.empty((steps, streams, size), np.float32)
        du = np.empty_like(z) if w[5].size else z
        extra = np.empty((steps, streams, units), np.float32)
        h = np.empty((steps + 1, streams, units), np.float32)
        c = np.empty_like(h)
        losses = np.empty(windows)
        for i in range(windows):
            h[0], c[0], flat[1][:] = h0, c0, 0
            x, y = inputs[i], targets[i]
            run_forward(w, x, z, extra, h, c)
            outputs = h[1:].reshape(rows, units)
            losses[i], dhs = output_layer(w, g, outputs, y.reshape(rows), np.float32(streams))
            run_backward(w, z, extra, h, c, dhs.reshape(steps, streams, units), du)
            np.dot(h[:-1].reshape(rows, units).T, du.reshape(rows, size), g[1])
            input_layer(g, x.reshape(rows), z.reshape(rows, size), du.reshape(rows, size))
            h0[:], c0[:] = h[steps], c[steps]
            clipped_adam(*flat, done + i + 1)
        return losses

    return train


class Trainer:
    def __init__(self, problem: Problem) -> None:
        self.problem, self.done = problem, 0
        start = problem.parameters()
        start.setdefault("bn", np.empty(0, np.float32))
        self.shapes = [array.shape for array in start.values()]
        weights = np.concatenate([array.reshape(-1) for array in start.values()])
        self.flat = (weights, *(np.zeros_like(weights) for _ in range(3)))  # w, g, m, v
        self.w, self.g = map(self.views, self.flat[:2])
        self.states = [np.zeros((problem.streams, problem.hidden), np.float32) for _ in range(2)]

    def views(self, flat: Array) -> tuple[Array, ...]:
        """wxh, whh, why, bh, by, bn."""
        ends = np.cumsum([np.prod(shape) for shape in self.shapes], dtype=int)
        parts = np.split(flat, ends[:-1])
        return tuple(a.reshape(shape) for a, shape in zip(parts, self.shapes, strict=True))

    def train(self, iterations: int) -> Array:
        ids = self.problem.windows(self.done, iterations)
        losses: Array = training(self.problem.cell)(
            self.flat, self.w, self.g, *ids, *self.states, self.done
        )
        self.done += iterations
        return losses
