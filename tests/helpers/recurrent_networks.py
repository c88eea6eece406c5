"""Small recurrent networks as their kernels take them: stacks over ids, and over vectors."""

import numpy as np
from char_rnn_networks import V
from mlp_networks import targets

from nncore.params import (
    aligned_zeros,
    char_rnn_shapes,
    flat_size,
    recurrent_shapes,
    views,
)
from nncore.registry import CELL_ROW, LOSS_ROW, OPTIMIZER_SLOTS, UpdateRule


def drawn(rng, shapes, dtype):
    """A flat vector of weights, of a size at which all gates matter."""
    vector = aligned_zeros(flat_size(shapes), dtype)
    for name, view in views(vector, shapes).items():
        rows = view.shape[0] if view.ndim == 2 else 4
        view[...] = rng.standard_normal(view.shape) / np.sqrt(1 if name == "wxh" else rows)
    return vector


class TextNetwork:
    """A character RNN of any cell and depth, and a text."""

    def __init__(
        self, dtype, cell="lstm", layers=2, hidden=5, streams=1, optimizer="adam", steps=5
    ):
        rng = np.random.default_rng(0)
        self.shapes = char_rnn_shapes(V, hidden, cell, layers)
        self.weights = drawn(rng, self.shapes, dtype)
        self.gradient = np.zeros_like(self.weights)
        self.slots = np.zeros((OPTIMIZER_SLOTS[optimizer], self.weights.size), dtype)
        self.text = rng.integers(0, V, 103).astype(np.uint8)
        self.counters = np.zeros(2, np.int64)
        columns = layers * CELL_ROW[cell].states * hidden
        self.h = (0.3 * rng.standard_normal((streams, columns))).astype(dtype)
        self.stack = {"vocabulary": V, "cell": cell, "layers": layers}
        self.settings = {
            **self.stack,
            "seq_length": steps,
            "optimizer": UpdateRule(optimizer, 0.9, 0.99, 1e-8, 0.01),
        }

    def ids(self, streams, steps, seed=0):
        """Inputs and targets (N, T)."""
        return tuple(np.random.default_rng(seed).integers(0, V, (2, streams, steps)))

    def window(self, module, inputs, targets, h=None):
        state = self.h if h is None else h
        return module.char_rnn_window(self.weights, inputs, targets, state, **self.stack)

    def train(self, module, iterations, **changes):
        """Run some iterations; return their number."""
        self.losses, rates = np.full(iterations, -1.0), np.full(iterations, 0.01)
        arrays = {
            "weights": self.weights, "gradient": self.gradient, "slots": self.slots,
            "text": self.text, "counters": self.counters, "h": self.h,
            "rates": rates, "losses": self.losses,
        }  # fmt: skip
        return module.char_rnn_train(**{**arrays, **self.settings, **changes})

    def bytes(self):
        return [a.tobytes() for a in (self.weights, self.slots, self.counters, self.h)]


class SequenceNetwork:
    """A recurrent network over vectors, and sequences of different lengths."""

    def __init__(
        self,
        dtype,
        sizes=(3, 5, 4, 2),
        cell="lstm",
        activation="identity",
        loss="squared_error",
        last=True,
        lengths=(3, 1, 6, 4, 1, 6, 2),
        optimizer="adam",
        **settings,
    ):
        rng = np.random.default_rng(0)
        self.shapes = recurrent_shapes(sizes[0], sizes[1:-1], sizes[-1], cell)
        self.weights = drawn(rng, self.shapes, dtype)
        self.gradient = np.zeros_like(self.weights)
        self.slots = np.zeros((OPTIMIZER_SLOTS[optimizer], self.weights.size), dtype)
        self.counters = np.zeros(4, np.int64)
        self.starts = np.concatenate(([0], np.cumsum(lengths))).astype(np.int64)
        self.x = rng.standard_normal((sum(lengths), sizes[0])).astype(dtype)
        rows = len(lengths) if last else sum(lengths)
        self.y = targets(rng, loss, rows, sizes[-1], dtype)
        if LOSS_ROW[loss].takes_labels:
            self.y = self.y.astype(np.intp)
        self.order = None
        self.columns = CELL_ROW[cell].states * sum(sizes[1:-1])
        self.net = {"sizes": sizes, "cell": cell, "activation": activation, "last": last}
        self.loss = loss
        self.settings = {
            "optimizer": UpdateRule(optimizer, 0.9, 0.99, 1e-8, 0.01),
            "batch_size": 3,
            **settings,
        }

    @property
    def sequences(self):
        return len(self.starts) - 1

    def states(self):
        return np.zeros((self.sequences, self.columns), self.weights.dtype)

    def predict(self, module, **changes):
        given = {"weights": self.weights, "x": self.x, "starts": self.starts, **self.net}
        return module.rnn_predict(**{"state": self.states(), **given, **changes})

    def call(self, kernel, **changes):
        given = {"weights": self.weights, "x": self.x, "starts": self.starts, "y": self.y}
        return kernel(**{**given, **self.net, "loss": self.loss, **changes})

    def train(self, module, updates, **changes):
        """Make some updates; return their number."""
        self.losses, rates = np.full(updates, -1.0), np.full(updates, 0.01)
        arrays = {
            "gradient": self.gradient, "slots": self.slots, "order": self.order,
            "counters": self.counters, "rates": rates, "losses": self.losses,
        }  # fmt: skip
        return self.call(module.rnn_train, **{**arrays, **self.settings, **changes})

    def bytes(self):
        return [a.tobytes() for a in (self.weights, self.slots, self.counters)]
