"""Small multi-layer perceptrons as their kernels take them, for the tests of these kernels."""

import numpy as np
import pytest
from hypothesis import strategies as st

from nncore import reference
from nncore.arguments.mlp import layer_table
from nncore.params import aligned_zeros, flat_size, mlp_shapes, views
from nncore.registry import (
    ACTIVATIONS,
    CHANCES,
    LOSS_ROW,
    LOSS_ROWS,
    OPTIMIZER_SLOTS,
    SIGNS,
    UpdateRule,
)

SUITS = {row.name: row.outputs for row in LOSS_ROWS if row.outputs and not row.takes_logits}


def targets(rng, loss, rows, outputs, dtype):
    """Valid targets for the loss."""
    row = LOSS_ROW[loss]
    if row.takes_labels:
        return rng.integers(0, outputs, rows)
    if row.targets == CHANCES:
        return rng.uniform(0, 1, (rows, outputs)).astype(dtype)
    if row.targets == SIGNS:
        return rng.choice(SIGNS, (rows, outputs)).astype(dtype)
    if row.targets:
        return rng.poisson(2.0, (rows, outputs)).astype(dtype)
    return (2 * rng.standard_normal((rows, outputs))).astype(dtype)


class Network:
    """The arrays of a network and of a set of rows, and calls of the kernels on them."""

    def __init__(
        self,
        dtype,
        sizes=(5, 7, 3),
        activation="tanh",
        loss="squared_error",
        rows=23,
        optimizer="adam",
        seed=0,
        **settings,
    ):
        rng = np.random.default_rng(seed)
        last = activation
        if activation not in SUITS.get(loss, ACTIVATIONS):
            last = SUITS[loss][0]
        self.shapes = mlp_shapes(sizes)
        self.layers = layer_table(sizes, [activation] * (len(sizes) - 2) + [last])
        size = flat_size(self.shapes)
        self.weights = aligned_zeros(size, dtype)
        for view in views(self.weights, self.shapes).values():
            view[...] = rng.standard_normal(view.shape) / np.sqrt(view.shape[0])
        self.gradient = aligned_zeros(size, dtype)
        self.slots = aligned_zeros((OPTIMIZER_SLOTS[optimizer], size), dtype)
        self.counters = np.zeros(4, np.int64)  # updates, of the optimizer, rows, epochs
        self.x = rng.standard_normal((rows, sizes[0])).astype(dtype)
        self.y = targets(rng, loss, rows, sizes[-1], dtype)
        self.order = None
        self.loss = loss
        self.settings = {
            "optimizer": UpdateRule(optimizer, 0.9, 0.99, 1e-8, 0.01),
            "epoch_rows": rows,
            "batch_size": 7,
            **settings,
        }

    @property
    def parameters(self):
        return views(self.weights, self.shapes)

    def predict(self, module, **changes):
        arrays = {"weights": self.weights, "layers": self.layers, "x": self.x}
        return module.mlp_predict(**{**arrays, **changes})

    def gradients(self, module, **changes):
        arrays = {"weights": self.weights, "layers": self.layers, "x": self.x, "y": self.y}
        return module.mlp_gradients(**{**arrays, "loss": self.loss, **changes})

    def evaluate(self, module, **changes):
        arrays = {"weights": self.weights, "layers": self.layers, "x": self.x, "y": self.y}
        return module.mlp_evaluate(**{**arrays, "loss": self.loss, **changes})

    def train(self, module, updates, **changes):
        """Run some updates; return their number."""
        self.losses, rates = np.full(updates, -1.0), np.full(updates, 0.02)
        arrays = {
            "weights": self.weights, "gradient": self.gradient, "slots": self.slots,
            "layers": self.layers, "x": self.x, "y": self.y, "order": self.order,
            "counters": self.counters, "rates": rates, "losses": self.losses,
        }  # fmt: skip
        return module.mlp_train(**{**arrays, "loss": self.loss, **self.settings, **changes})

    def state(self):
        return [self.weights, self.slots, self.counters]

    def bytes(self):
        return [a.tobytes() for a in self.state()]


widths = st.sampled_from([1, 2, 8, 15, 16, 17, 33, 64]) | st.integers(1, 70)
shapes = st.lists(widths, min_size=2, max_size=5)
SEEDS = st.integers(0, 99)


RUNS = {
    "plain": {},
    "dropout": {"dropout": (0.5, 0.2), "seed": 2**64 - 5},
    "dropout of one layer": {"dropout": (0.0, 0.3), "seed": 1},
    "clipped values": {"clip_value": 0.05},
    "clipped norm": {"clip_norm": 0.1},
    "weighted": {"weighted": True},
    "penalties": {"l1": 1e-3, "l2": 0.01},
    "in order": {"ordered": True},
    "a row at a time": {"batch_size": 1},
    "a row at a time, l1": {"batch_size": 1, "l1": 0.01},
    "a row at a time, l2": {"batch_size": 1, "l2": 0.1},
    "all rows": {"batch_size": 99},
    "everything": {
        "dropout": (0.1, 0.2), "seed": 7, "clip_value": 0.1, "clip_norm": 0.5,
        "weighted": True, "ordered": True, "l1": 1e-3, "l2": 0.01, "batch_size": 5,
    },
}  # fmt: skip


def network(dtype, optimizer, weighted=False, ordered=False, rows=23, **settings):
    net = Network(dtype, (5, 9, 8, 3), "tanh", "huber", rows=rows, optimizer=optimizer, **settings)
    rng = np.random.default_rng(1)
    if weighted:
        net.settings["sample_weight"] = rng.uniform(0.1, 2, rows).astype(dtype)
    if ordered:
        net.order = np.zeros(rows, np.intp)
    return net


def refused(core, kernel, arguments, error, text):
    """Both raise the same error with this text, and change nothing."""
    messages = []
    for module in (core, reference):
        net = Network(np.float32)
        before = net.bytes()
        with pytest.raises(error, match=text) as raised:
            getattr(net, kernel)(module, *arguments[0], **arguments[1])
        messages.append(str(raised.value))
        assert net.bytes() == before
        assert kernel != "train" or (net.losses == -1).all()
    assert messages[0] == messages[1]
