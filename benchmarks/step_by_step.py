"""A character RNN as in a beginner's program: column vectors, one-hot inputs, float64.

One iteration is that of Karpathy's min-char-rnn (2015): characters are looked up, a window is
run forward and backward one step after another, gradients are clipped, and Adagrad updates one
array after another. N streams have a column each. Used by `bench_char_rnn.py`; how to run: see
`conftest.py`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from nncore.params import Array

Ids = Sequence[Sequence[int]]  # T steps of N ids
Arrays = dict[str, Array]


def one_hot(ids: Sequence[int], vocabulary: int) -> Array:
    x = np.zeros((vocabulary, len(ids)))
    for stream, i in enumerate(ids):
        x[i, stream] = 1
    return x


def forward(w: Arrays, inputs: Ids, targets: Ids, h0: Array) -> tuple[float, list[list[Array]]]:
    """Loss summed over steps and streams; inputs, states (the first h0) and probabilities."""
    xs: list[Array] = []
    hs = [np.copy(h0)]
    ps: list[Array] = []
    loss = 0.0
    for ids, desired in zip(inputs, targets, strict=True):
        xs.append(one_hot(ids, len(w["by"])))
        hs.append(np.tanh(np.dot(w["wxh"], xs[-1]) + np.dot(w["whh"], hs[-1]) + w["bh"]))
        y = np.dot(w["why"], hs[-1]) + w["by"]
        ps.append(np.exp(y) / np.sum(np.exp(y), axis=0))
        for stream, i in enumerate(desired):
            loss -= np.log(ps[-1][i, stream])
    return loss, [xs, hs, ps]


def backward(w: Arrays, targets: Ids, passed: list[list[Array]]) -> Arrays:
    """Gradients of the summed loss."""
    xs, hs, ps = passed
    d = {name: np.zeros_like(array) for name, array in w.items()}
    dh_next = np.zeros_like(hs[0])
    for t in reversed(range(len(xs))):
        dy = np.copy(ps[t])
        for stream, i in enumerate(targets[t]):
            dy[i, stream] -= 1
        d["why"] += np.dot(dy, hs[t + 1].T)
        d["by"] += dy.sum(axis=1, keepdims=True) if dy.shape[1] > 1 else dy
        dz = (1 - hs[t + 1] * hs[t + 1]) * (np.dot(w["why"].T, dy) + dh_next)
        d["bh"] += dz.sum(axis=1, keepdims=True) if dz.shape[1] > 1 else dz
        d["wxh"] += np.dot(dz, xs[t].T)
        d["whh"] += np.dot(dz, hs[t].T)
        dh_next = np.dot(w["whh"].T, dz)
    return d


class StepByStep:
    """The program's variables, and its loop."""

    def __init__(self, weights: Arrays, lines: list[str], characters: str, seq_length: int) -> None:
        """Weights wxh (H, V), whh (H, H), why (V, H), bh (H, 1), by (V, 1); N lines of text."""
        self.w = {name: array.astype(np.float64) for name, array in weights.items()}
        self.memory = {name: np.zeros_like(array) for name, array in self.w.items()}
        self.lines = lines
        self.id_of = {character: i for i, character in enumerate(characters)}
        self.characters = characters
        self.seq_length = seq_length
        self.position = 0
        self.h = np.zeros((len(self.w["bh"]), len(lines)))
        self.smooth_loss = math.log(len(characters)) * seq_length

    def train(self, iterations: int, learning_rate: float) -> list[float]:
        """The losses of this number of iterations."""
        return [self.iteration(learning_rate) for _ in range(iterations)]

    def iteration(self, learning_rate: float) -> float:
        if self.position + self.seq_length + 1 >= len(self.lines[0]):
            self.h = np.zeros_like(self.h)
            self.position = 0
        inputs, targets = self.window(0), self.window(1)
        loss, passed = forward(self.w, inputs, targets, self.h)
        gradients = backward(self.w, targets, passed)
        self.h = passed[1][-1]
        self.update(gradients, learning_rate)
        self.position += self.seq_length
        self.smooth_loss = self.smooth_loss * 0.999 + loss * 0.001
        return loss / len(self.lines)

    def window(self, shift: int) -> list[tuple[int, ...]]:
        """The ids of each step, of all streams."""
        start = self.position + shift
        ids = [
            [self.id_of[c] for c in line[start : start + self.seq_length]] for line in self.lines
        ]
        return list(zip(*ids, strict=True))

    def update(self, gradients: Arrays, learning_rate: float) -> None:
        """Mean over the streams, clip, Adagrad."""
        for name, g in gradients.items():
            if len(self.lines) > 1:
                np.divide(g, len(self.lines), out=g)
            np.clip(g, -5, 5, out=g)
            self.memory[name] += g * g
            self.w[name] += -learning_rate * g / np.sqrt(self.memory[name] + 1e-8)

    def sample(self, length: int, last: int, rng: np.random.Generator) -> list[int]:
        """Return ids drawn from the state 0 on, each of which is the next input."""
        h, ids = np.zeros((len(self.h), 1)), []
        for _ in range(length):
            x = one_hot([last], len(self.characters))
            h = np.tanh(np.dot(self.w["wxh"], x) + np.dot(self.w["whh"], h) + self.w["bh"])
            y = np.dot(self.w["why"], h) + self.w["by"]
            p = np.exp(y) / np.sum(np.exp(y))
            last = int(rng.choice(range(len(self.characters)), p=p.ravel()))
            ids.append(last)
        return ids
