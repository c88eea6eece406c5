"""A cell takes a row of the registry and two functions of its gates; here, a minimal gated unit."""

import numpy as np
import pytest
from backends import assert_gradient
from recurrent_networks import SequenceNetwork, TextNetwork

from nncore import reference
from nncore.arguments import recurrent as arguments
from nncore.params import views
from nncore.reference.char_rnn_windows import char_rnn_window
from nncore.reference.recurrent.cell import CellFunctions
from nncore.reference.recurrent.cells import CELL_FUNCTIONS
from nncore.reference.rnn import rnn_evaluate, rnn_gradients
from nncore.registry import CELL_ROW, CELLS, Cell


def forward(sums, recurrent, before):
    """h = (1 - f) * h_prev + f * n, with f = sigmoid and n = tanh of their sums."""
    f, n = np.split(sums, 2, axis=1)
    gates = np.hstack((reference.sigmoid_forward(f), np.tanh(n)))
    f, n = np.split(gates, 2, axis=1)
    return ((1 - f) * before[0] + f * n,), gates


def backward(dstates, part):
    (dh,), (f, n) = dstates, np.split(part.gates, 2, axis=1)
    dsums = np.hstack((dh * (n - part.before[0]) * f * (1 - f), dh * f * (1 - n * n)))
    return dsums, part.recurrent, (dh * (1 - f),)


@pytest.fixture
def mgu(monkeypatch):
    monkeypatch.setitem(CELL_ROW, "mgu", Cell("mgu", gates=2))
    monkeypatch.setitem(CELL_FUNCTIONS, "mgu", CellFunctions(forward, backward, {}))
    monkeypatch.setattr(arguments, "CELLS", (*CELLS, "mgu"))
    return "mgu"


@pytest.mark.parametrize("last", [True, False])
def test_a_new_cell_runs_over_vectors(mgu, last):
    net = SequenceNetwork(np.float64, (2, 3, 4, 2), mgu, last=last)
    _, gradient = net.call(rnn_gradients)
    parts = views(gradient, net.shapes)
    for name, view in views(net.weights, net.shapes).items():
        assert_gradient(parts[name], lambda: net.call(rnn_evaluate)[0], view)


def test_a_new_cell_runs_over_text(mgu):
    net = TextNetwork(np.float64, mgu, 2, hidden=3, streams=2)
    ids = net.ids(2, 4)

    def window():
        return char_rnn_window(net.weights, *ids, net.h, **net.stack)

    parts = views(window()[1], net.shapes)
    for name, view in views(net.weights, net.shapes).items():
        assert_gradient(parts[name], lambda: window()[0], view)


def test_every_cell_of_the_registry_has_its_functions():
    assert tuple(CELL_FUNCTIONS) == CELLS
