"""Character networks of recurrent cells, which `bench_recurrent.py` and its peers train.

An iteration is what a training loop does for one window of text: look-up of the one-hot inputs,
forward, the cross-entropy of all steps, backward, clipping of the gradient's norm, Adam.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple, Protocol

import numpy as np

from nncore.params import Array, char_rnn_shapes

V = 65
CLIP_NORM, RATE, EPSILON = 1.0, 1e-3, 1e-8


class Problem(NamedTuple):
    cell: str
    hidden: int
    steps: int
    streams: int

    def __str__(self) -> str:
        return f"{self.cell}-H{self.hidden}-T{self.steps}-N{self.streams}"

    @property
    def flops(self) -> int:
        """Of one iteration: three products with whh and three with why."""
        gates = {"tanh": 1, "lstm": 4, "gru": 3}[self.cell]
        rows = self.steps * self.streams
        return 6 * rows * self.hidden * (gates * self.hidden + V)

    def parameters(self) -> dict[str, Array]:
        """Initial parameters by the names of `CharRNN.parameters`."""
        rng = np.random.default_rng(0)
        shapes = char_rnn_shapes(V, self.hidden, self.cell)
        scale = 1 / np.sqrt(self.hidden)
        return {
            name: (scale * rng.standard_normal(shape)).astype(np.float32)
            for name, shape in shapes.items()
        }

    def windows(self, done: int, iterations: int) -> tuple[Array, Array]:
        """Ids of inputs and targets (iterations, T, N), each window after the one before it.

        `done` windows come before these; the first one of the text follows its last one.
        """
        lines = text(self.streams)
        n, t = np.arange(done, done + iterations), np.arange(self.steps)
        at = n[:, None] % ((lines.shape[1] - 1) // self.steps) * self.steps + t
        inputs, targets = (lines[:, i].transpose(1, 2, 0) for i in (at, at + 1))
        return np.ascontiguousarray(inputs), np.ascontiguousarray(targets)


@lru_cache
def text(streams: int) -> Array:
    """Random ids (N, 20000)."""
    return np.random.default_rng(1).integers(0, V, (streams, 20_000)).astype(np.int64)


class Trainer(Protocol):
    """A network in some library."""

    def train(self, iterations: int) -> Any:
        """Continue training, and return the losses: nats per window, mean over the streams."""


PROBLEMS = [
    Problem("lstm", 128, 25, 16),
    Problem("lstm", 128, 50, 1),
    Problem("lstm", 128, 50, 50),
    Problem("lstm", 256, 64, 32),
    Problem("lstm", 32, 25, 16),
    Problem("lstm", 512, 50, 50),
    Problem("gru", 128, 25, 16),
    Problem("tanh", 128, 25, 16),
]
