"""Recurrent kernels give the outputs, states, losses and gradients of PyTorch's nn.RNN, LSTM, GRU.

With the same weights, relative to the largest number of each array, they agree within 1e-10 in
float64 and 1e-5 in float32. The tests are skipped where PyTorch is not installed.
"""

from itertools import pairwise

import numpy as np
import pytest
from recurrent_networks import SequenceNetwork, TextNetwork

from nncore import kernels
from nncore.params import views
from nncore.registry import CELL_ROW, CELLS

TOLERANCE = {"float32": 1e-5, "float64": 1e-10}
CLASSES = {"tanh": "RNN", "lstm": "LSTM", "gru": "GRU"}
LENGTHS = {"equal": (7, 7, 7, 7, 7), "ragged": (3, 1, 9, 4, 1, 9, 2)}
LOSSES = {
    "squared_error": lambda f, outputs, y: ((outputs - y) ** 2).sum(-1),
    "huber": lambda f, outputs, y: f.huber_loss(outputs, y, reduction="none").sum(-1),
    "softmax_cross_entropy": lambda f, outputs, y: f.cross_entropy(outputs, y, reduction="none"),
}

EVERY_CELL = pytest.mark.parametrize("cell", CELLS)
EVERY_DEPTH = pytest.mark.parametrize("layers", [1, 2, 3])
BOTH_TYPES = pytest.mark.parametrize("dtype", ["float32", "float64"])
BOTH_ENDS = pytest.mark.parametrize("last", [True, False], ids=["last", "sequence"])


@pytest.fixture(scope="module")
def torch():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    torch.set_num_threads(1)
    return torch


def assert_close(found, expected, dtype, what):
    expected = np.asarray(expected)
    difference = np.abs(np.asarray(found, np.float64) - expected).max(initial=0)
    assert difference <= TOLERANCE[dtype] * np.abs(expected).max(initial=0), what


class Theirs:
    """A recurrent module and a linear layer of PyTorch, with the weights of a network of ours."""

    def __init__(self, torch, w, cell, layers):
        self.torch, self.cell, self.layers = torch, cell, layers
        inputs, hidden = w["wxh"].shape[0], w["whh"].shape[0]
        kind, dtype = getattr(torch.nn, CLASSES[cell]), getattr(torch, w["wxh"].dtype.name)
        self.recurrent = kind(inputs, hidden, layers, dtype=dtype)
        self.head = torch.nn.Linear(*w["why"].shape, dtype=dtype)
        with torch.no_grad():
            for name, array in self.arrays(w):
                self.recurrent.get_parameter(name).copy_(torch.tensor(np.array(array)))
            self.head.weight.copy_(torch.tensor(np.array(w["why"].T)))
            self.head.bias.copy_(torch.tensor(w["by"]))

    def arrays(self, w):
        """The parameters of the recurrent module; one of the two biases is 0 but for bn."""
        for i in range(self.layers):
            number = str(i + 1) if i else ""
            yield f"weight_ih_l{i}", w[f"wxh{number}"].T
            yield f"weight_hh_l{i}", w[f"whh{number}"].T
            yield f"bias_ih_l{i}", w[f"bh{number}"]
            second = np.zeros_like(w[f"bh{number}"])
            if CELL_ROW[self.cell].recurrent_bias:
                second[-w[f"bn{number}"].size :] = w[f"bn{number}"]
            yield f"bias_hh_l{i}", second

    def gradients(self):
        """The gradients under our names. Those of both biases are equal but for bn."""
        result = {"why": self.head.weight.grad.T, "by": self.head.bias.grad}
        for i in range(self.layers):
            number = str(i + 1) if i else ""
            grad = {
                name: getattr(self.recurrent, f"{name}_l{i}").grad
                for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
            }
            result |= {f"wxh{number}": grad["weight_ih"].T, f"whh{number}": grad["weight_hh"].T}
            result[f"bh{number}"] = grad["bias_ih"]
            if CELL_ROW[self.cell].recurrent_bias:
                hidden = grad["weight_hh"].shape[1]
                result[f"bn{number}"] = grad["bias_hh"][-hidden:]
        return result

    def states(self, array):
        """Our states (N, S) as h (L, N, H) or, for an LSTM, as (h, c)."""
        kinds = CELL_ROW[self.cell].states
        parts = array.reshape(len(array), self.layers, kinds, -1).transpose(2, 1, 0, 3)
        tensors = [self.torch.tensor(np.ascontiguousarray(part)) for part in parts]
        return tuple(tensors) if kinds > 1 else tensors[0]

    def our_states(self, states):
        """The opposite of `states`."""
        parts = states if isinstance(states, tuple) else (states,)
        stacked = np.stack([part.detach().numpy() for part in parts])  # (kinds, L, N, H)
        n = stacked.shape[2]
        return stacked.transpose(2, 1, 0, 3).reshape(n, -1)

    def run(self, x, starts, state, last):
        """Outputs in our order and last states, by way of packed sequences."""
        rnn = self.torch.nn.utils.rnn
        parts = [self.torch.tensor(x[a:b]) for a, b in pairwise(starts)]
        packed = rnn.pack_sequence(parts, enforce_sorted=False)
        hidden, states = self.recurrent(packed, self.states(state))
        if last:
            top = states[0] if isinstance(states, tuple) else states
            return self.head(top[-1]), states
        padded, lengths = rnn.pad_packed_sequence(hidden, batch_first=True)
        rows = [row[:n] for row, n in zip(padded, lengths, strict=True)]
        return self.head(self.torch.cat(rows)), states


def network(dtype, cell, layers, lengths, **settings):
    net = SequenceNetwork(
        np.dtype(dtype).type, (3, *[6] * layers, 4), cell, lengths=LENGTHS[lengths], **settings
    )
    return net, views(net.weights, net.shapes)


@EVERY_CELL
@EVERY_DEPTH
@BOTH_TYPES
@BOTH_ENDS
@pytest.mark.parametrize("lengths", LENGTHS)
def test_outputs_and_states(torch, cell, layers, dtype, last, lengths):
    net, w = network(dtype, cell, layers, lengths, last=last)
    theirs = Theirs(torch, w, cell, layers)
    state = np.random.default_rng(3).normal(0, 0.5, net.states().shape).astype(dtype)
    expected, states = theirs.run(net.x, net.starts, state.copy(), last)
    assert_close(net.predict(kernels, state=state), expected.detach(), dtype, "outputs")
    assert_close(state, theirs.our_states(states), dtype, "states")


def assert_same_gradients(torch, net, theirs, dtype, weight=None):
    last = net.net["last"]
    outputs, _ = theirs.run(net.x, net.starts, net.states(), last)
    each = LOSSES[net.loss](torch.nn.functional, outputs, torch.tensor(net.y))
    of_rows = np.ones(net.sequences, dtype) if weight is None else weight
    of_rows = torch.tensor(of_rows if last else np.repeat(of_rows, np.diff(net.starts)))
    expected = (each * of_rows).sum() / of_rows.sum()
    expected.backward()
    loss, gradient = net.call(kernels.rnn_gradients, sample_weight=weight)
    assert loss == pytest.approx(expected.item(), rel=TOLERANCE[dtype])
    ours, theirs = views(gradient, net.shapes), theirs.gradients()
    assert set(ours) == set(theirs)
    for name, array in theirs.items():
        assert_close(ours[name], array, dtype, name)


@EVERY_CELL
@EVERY_DEPTH
@BOTH_TYPES
@BOTH_ENDS
@pytest.mark.parametrize("lengths", LENGTHS)
@pytest.mark.parametrize("loss", LOSSES)
def test_losses_and_gradients(torch, cell, layers, dtype, last, lengths, loss):
    net, w = network(dtype, cell, layers, lengths, last=last, loss=loss)
    assert_same_gradients(torch, net, Theirs(torch, w, cell, layers), dtype)


@EVERY_CELL
@BOTH_TYPES
@BOTH_ENDS
def test_gradients_of_weighted_sequences(torch, cell, dtype, last):
    net, w = network(dtype, cell, 2, "ragged", last=last)
    weight = np.array([0.5, 2, 0, 1, 3, 0.1, 1], dtype)
    assert_same_gradients(torch, net, Theirs(torch, w, cell, 2), dtype, weight)


@EVERY_CELL
@EVERY_DEPTH
@BOTH_TYPES
@pytest.mark.parametrize("streams", [1, 4])
def test_windows_of_text(torch, cell, layers, dtype, streams):
    net = TextNetwork(np.dtype(dtype).type, cell, layers, hidden=8, streams=streams)
    inputs, targets = net.ids(streams, 9)
    theirs = Theirs(torch, views(net.weights, net.shapes), cell, layers)
    one_hot = torch.eye(net.stack["vocabulary"], dtype=getattr(torch, dtype))[inputs.T]
    hidden, states = theirs.recurrent(one_hot, theirs.states(net.h))
    logits = theirs.head(hidden).flatten(0, 1)
    expected = torch.nn.functional.cross_entropy(
        logits, torch.tensor(targets.T.ravel()), reduction="sum"
    )
    (expected / streams).backward()
    loss, gradient, h = net.window(kernels, inputs, targets)
    assert loss == pytest.approx(expected.item() / streams, rel=TOLERANCE[dtype])
    assert_close(h, theirs.our_states(states), dtype, "states")
    ours = views(gradient, net.shapes)
    for name, array in theirs.gradients().items():
        assert_close(ours[name], array, dtype, name)
