"""Character RNNs and a text that tests of CharRNN share."""

import numpy as np
from texts import prose

from nncore import CharRNN

TEXT = prose(600)


def small(**settings):
    return CharRNN(**{"hidden_size": 6, "seq_length": 5, "batch_size": 2, "rng": 0} | settings)


def weights(model):
    return {name: array.copy() for name, array in model.parameters.items()}


def same(one, other):
    return all(np.array_equal(one[name], other[name]) for name in one)
