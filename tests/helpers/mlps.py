"""Networks and data that the tests of MLP share."""

import numpy as np
import pytest

from nncore import MLP

BACKENDS = pytest.mark.parametrize("backend", ["compiled", "numpy"])


def small(**settings):
    """4 inputs, 6 hidden units, 3 outputs."""
    return MLP(**{"layer_sizes": (4, 6, 3), "rng": 0} | settings)


def classifier(**settings):
    return small(**{"output_activation": "softmax", "loss": "softmax_cross_entropy"} | settings)


def rows(n=30, inputs=4, outputs=3, seed=0):
    """Inputs, targets that can be learned from them, and labels."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, inputs)).astype(np.float32)
    y = np.tanh(x @ rng.standard_normal((inputs, outputs))).astype(np.float32)
    return x, y, y.argmax(axis=1)


def state_of(model):
    """All that training changes, to the last bit."""
    history = model.history
    arrays = (model._weights, model._slots, model._counters, history.loss)
    arrays += (history.validation_loss, history.validation_accuracy)
    counts = history.updates, history.best_epoch
    return [(array.dtype, array.shape, array.tobytes()) for array in arrays], counts


def weights(model):
    return {name: array.copy() for name, array in model.parameters.items()}


def same(one, other):
    return one.keys() == other.keys() and all(np.array_equal(one[n], other[n]) for n in one)
