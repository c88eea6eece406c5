"""The smallest rates of dropout."""

import sys

import numpy as np
import pytest
from texts import prose

from nncore import MLP, CharRNN

SMALLEST = sys.float_info.min


def mlp(backend, dropout):
    net = MLP([2, 5, 1], "tanh", dropout=dropout, dtype="float64", rng=0, backend=backend)
    return net.fit(np.ones((4, 2)), np.zeros((4, 1)), epochs=3, batch_size=2).loss


def char_rnn(backend, dropout):
    net = CharRNN(4, 3, 1, layers=2, dropout=dropout, dtype="float64", rng=0, backend=backend)
    return net.fit(prose(100), iterations=3).loss


@pytest.mark.parametrize("rate", [5e-324, SMALLEST / 2, SMALLEST, 1e-300, 1e-20])
@pytest.mark.parametrize("train", [mlp, char_rnn])
@pytest.mark.parametrize("backend", ["compiled", "numpy"])
def test_a_rate_too_small_to_drop_anything_is_no_dropout(train, rate, backend):
    np.testing.assert_array_equal(train(backend, rate), train(backend, 0.0))
