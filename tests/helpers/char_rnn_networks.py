"""Small character RNNs as their kernels take them, for the tests of these kernels."""

import numpy as np

from nncore.arguments.arrays import OPTIMIZER_SLOTS, UpdateRule
from nncore.params import aligned_zeros, char_rnn_shapes, flat_size, views

V = 11


class Network:
    """The arrays of a small network, as the kernels take them."""

    def __init__(
        self,
        dtype,
        hidden=7,
        streams=1,
        optimizer="adagrad",
        steps=5,
        seed=0,
        text=None,
        vocabulary=V,
    ):
        rng = np.random.default_rng(seed)
        shapes = char_rnn_shapes(vocabulary, hidden)
        size = flat_size(shapes)
        self.weights = aligned_zeros(size, dtype)
        for view in views(self.weights, shapes).values():
            view[...] = 0.5 * rng.standard_normal(view.shape) / np.sqrt(hidden)
        self.gradient = aligned_zeros(size, dtype)
        self.slots = aligned_zeros((OPTIMIZER_SLOTS[optimizer], size), dtype)
        self.text = rng.integers(0, vocabulary, 103).astype(np.uint8) if text is None else text
        self.counters = np.zeros(2, np.int64)
        self.h = (0.1 * rng.standard_normal((streams, hidden))).astype(dtype)
        self.settings = {
            "vocabulary": vocabulary,
            "seq_length": steps,
            "optimizer": UpdateRule(optimizer, 0.9, 0.99, 1e-8, 0.01),
        }

    def train(self, module, iterations, **changes):
        """Run some iterations; return their number, and their losses."""
        self.losses, rates = np.full(iterations, -1.0), np.full(iterations, 0.02)
        arrays = {
            "weights": self.weights, "gradient": self.gradient, "slots": self.slots,
            "text": self.text, "counters": self.counters, "h": self.h,
            "rates": rates, "losses": self.losses,
        }  # fmt: skip
        return module.char_rnn_train(**{**arrays, **self.settings, **changes})

    def state(self):
        return [self.weights, self.slots, self.counters, self.h]

    def bytes(self):
        return [a.tobytes() for a in self.state()]
