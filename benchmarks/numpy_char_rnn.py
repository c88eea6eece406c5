"""A fast character RNN in NumPy: vectorised over time, without allocations.

Only the products with whh run step by step; all others run once for the whole window. Used by
`bench_char_rnn.py`, and by `bench_kernels.py` for `char_rnn_gradients`; how to run: see
`conftest.py`.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy_baselines import Call
from numpy_losses import softmax_cross_entropy
from numpy_updates import adagrad_update, clip_by_value

from nncore.params import Array, aligned_zeros, flat_size, views

Arrays = dict[str, Array]


class Window:
    """Buffers for T steps of N streams: ids x and y (T * N,), states h (T + 1, N, H), gradients."""

    def __init__(self, w: Arrays, into: Arrays, steps: int, streams: int) -> None:
        self.w, self.into = w, into
        vocabulary, hidden = w["wxh"].shape
        rows, dtype = steps * streams, w["wxh"].dtype
        self.x, self.y = np.zeros(rows, np.intp), np.zeros(rows, np.intp)
        self.h = np.zeros((steps + 1, streams, hidden), dtype)
        self.before, self.after = (a.reshape(rows, hidden) for a in (self.h[:-1], self.h[1:]))
        self.dz, self.slope = (np.empty((steps, streams, hidden), dtype) for _ in range(2))
        self.flat_dz = self.dz.reshape(rows, hidden)
        self.step = np.empty((streams, hidden), dtype)
        self.logits, self.one_hot = (np.zeros((rows, vocabulary), dtype) for _ in range(2))
        self.rows = np.arange(rows)
        self.cross_entropy = softmax_cross_entropy(self.logits, self.y)

    def forward(self) -> None:
        w, h = self.w, self.h
        # The mode that needs no buffer.
        np.take(w["wxh"], self.x, axis=0, out=self.after, mode="clip")
        np.add(self.after, w["bh"], out=self.after)
        for before, after in pairwise(h):
            np.dot(before, w["whh"], out=self.step)
            np.add(after, self.step, out=after)
            np.tanh(after, out=after)
        np.matmul(self.after, w["why"], out=self.logits)
        np.add(self.logits, w["by"], out=self.logits)

    def backward(self, dlogits: Array) -> None:
        dz, slope, whh = self.dz, self.slope, self.w["whh"].T
        np.matmul(dlogits, self.w["why"].T, out=self.flat_dz)
        np.multiply(self.h[1:], self.h[1:], out=slope)
        np.subtract(1, slope, out=slope)
        for t in range(len(dz) - 1, 0, -1):
            np.multiply(dz[t], slope[t], out=dz[t])
            np.dot(dz[t], whh, out=self.step)
            np.add(dz[t - 1], self.step, out=dz[t - 1])
        np.multiply(dz[0], slope[0], out=dz[0])

    def weight_gradients(self, dlogits: Array) -> None:
        into = self.into
        self.one_hot.fill(0)
        self.one_hot[self.rows, self.x] = 1
        np.matmul(
            self.one_hot.T, self.flat_dz, out=into["wxh"]
        )  # np.add.at takes four times as long
        np.matmul(self.before.T, self.flat_dz, out=into["whh"])
        np.matmul(self.after.T, dlogits, out=into["why"])
        np.add.reduce(self.flat_dz, axis=0, out=into["bh"])
        np.add.reduce(dlogits, axis=0, out=into["by"])

    def run(self) -> float:
        """Store gradients in `into`; return the loss, as char_rnn_gradients defines it."""
        streams = self.h.shape[1]
        self.forward()
        loss, dlogits = self.cross_entropy()
        if streams > 1:
            np.divide(dlogits, streams, out=dlogits)
        self.backward(dlogits)
        self.weight_gradients(dlogits)
        return float(loss) / streams


def char_rnn_gradients(inputs: Array, targets: Array, h0: Array, *weights: Array) -> Call:
    w = dict(zip(("wxh", "whh", "why", "bh", "by"), weights, strict=True))
    into = {name: np.empty_like(array) for name, array in w.items()}
    window = Window(w, into, inputs.shape[1], inputs.shape[0])
    window.x[:], window.y[:], window.h[0] = inputs.T.ravel(), targets.T.ravel(), h0
    return lambda: (window.run(), into, window.h[-1])


class Preallocated:
    """A network, its text and its training."""

    def __init__(self, weights: Arrays, dtype: str, text: Array, streams: int, steps: int) -> None:
        shapes = {name: array.shape for name, array in weights.items()}
        self.flat, self.gradient, self.memory = (
            aligned_zeros(flat_size(shapes), dtype) for _ in range(3)
        )
        self.w = views(self.flat, shapes)
        for name, array in weights.items():
            self.w[name][...] = array
        self.window = Window(self.w, views(self.gradient, shapes), steps, streams)
        self.lines = text[: len(text) // streams * streams].reshape(streams, -1).T.copy()
        self.position = 0

    def train(self, iterations: int, learning_rate: float, clip: float) -> list[float]:
        self.clip = clip_by_value(self.gradient, clip)
        self.update = adagrad_update(
            self.flat, self.gradient, self.memory, learning_rate=learning_rate, epsilon=1e-8
        )
        return [self.iteration() for _ in range(iterations)]

    def iteration(self) -> float:
        window, steps = self.window, len(self.window.dz)
        if self.position + steps + 1 >= len(self.lines):
            self.position = 0
            window.h[-1] = 0
        window.h[0] = window.h[-1]
        window.x[:] = self.lines[self.position : self.position + steps].ravel()
        window.y[:] = self.lines[self.position + 1 : self.position + steps + 1].ravel()
        loss = window.run()
        self.clip()
        self.update()
        self.position += steps
        return loss

    def sample(self, uniforms: Array) -> list[int]:
        """Return one id for each uniform number, starting from the state 0 and the id 0."""
        w, ids, last = self.w, [], 0
        h, z, logits = np.zeros_like(w["bh"]), np.empty_like(w["bh"]), np.empty_like(w["by"])
        for uniform in uniforms:
            np.dot(h, w["whh"], out=z)
            np.add(z, w["wxh"][last], out=z)
            np.add(z, w["bh"], out=z)
            np.tanh(z, out=h)
            np.dot(h, w["why"], out=logits)
            np.add(logits, w["by"], out=logits)
            last = drawn(logits, uniform)
            ids.append(last)
        return ids


def drawn(logits: Array, uniform: Any) -> int:
    """An id from softmax(logits), by inverting its cumulative sum."""
    np.subtract(logits, np.maximum.reduce(logits), out=logits)
    np.exp(logits, out=logits)
    total = np.add.accumulate(logits, out=logits)
    return int(total.searchsorted(uniform * total[-1], side="right"))
