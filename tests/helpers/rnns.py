"""Networks and sequences that the tests of RNN share."""

import numpy as np
import pytest

from nncore import RNN
from nncore.registry import CELLS

LENGTHS = (3, 1, 6, 4, 1, 6, 2, 9, 5, 3)
EVERY_CELL = pytest.mark.parametrize("cell", CELLS)
BACKENDS = pytest.mark.parametrize("backend", ["compiled", "numpy"])
RETURNS = pytest.mark.parametrize("returns", ["last", "sequence"])


def small(cell="lstm", **settings):
    """3 inputs, 5 and 4 recurrent units, 2 outputs."""
    return RNN(**{"layer_sizes": (3, 5, 4, 2), "cell": cell, "rng": 0} | settings)


def classifier(cell="lstm", **settings):
    how = {"output_activation": "softmax", "loss": "softmax_cross_entropy"}
    return small(cell, **how | settings)


def ragged(lengths=LENGTHS, inputs=3, seed=0, dtype=np.float32):
    """Sequences of different lengths."""
    rng = np.random.default_rng(seed)
    return [rng.standard_normal((n, inputs)).astype(dtype) for n in lengths]


def targets_for(net, sequences, seed=1):
    """Targets of sequences, labels for a classifier."""
    rng, outputs = np.random.default_rng(seed), net.layer_sizes[-1]

    def drawn(rows):
        if net.loss_name == "softmax_cross_entropy":
            return np.arange(rows) % outputs
        return np.tanh(rng.standard_normal((rows, outputs)))

    if net.returns == "last":
        return drawn(len(sequences))
    return [drawn(len(sequence)) for sequence in sequences]


def state_of(model):
    """All that training changes, to the last bit."""
    history = model.history
    arrays = (model._weights, model._slots, model._counters, history.loss)
    arrays += (history.validation_loss, history.validation_accuracy)
    return [array.tobytes() for array in arrays], history.updates, history.best_epoch
