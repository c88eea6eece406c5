"""Networks without a call of their constructor, comparisons of calls, names as NumPy strings."""

import copy
import pickle

import numpy as np
import pytest
from interrupted_runs import LABELS, TEXT, X

import nncore
from nncore.arguments.char_rnn_train_call import CharRNNTrainCall
from nncore.arguments.rnn_train_call import RNNTrainCall
from nncore.arguments.train_call import TrainCall
from nncore.checks import one_of


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))]
)
@pytest.mark.parametrize("kind", [nncore.MLP, nncore.RNN, nncore.CharRNN])
def test_a_network_without_its_constructor_is_copied(kind, copied):
    twin = copied(kind.__new__(kind))
    assert type(twin) is kind
    assert "_weights" not in vars(twin)


CALLS = [(TrainCall, 14), (CharRNNTrainCall, 11), (RNNTrainCall, 17)]


@pytest.mark.parametrize(("kind", "arguments"), CALLS)
def test_a_call_equals_only_itself(kind, arguments):
    one, other = (kind(*[np.zeros(2)] * arguments) for _ in range(2))
    assert one == one  # noqa: PLR0124
    assert one != other
    assert len({one, other}) == 2


def test_names_can_be_strings_of_numpy():
    assert type(one_of("name", np.str_("a"), ("a", "b"))) is str
    names = np.array(["tanh", "sigmoid", "squared_error", "float32", "compiled"])
    hidden, output, loss, dtype, backend = names
    net = nncore.MLP([6, 3, 1], hidden, output, loss, dtype=dtype, backend=backend, rng=0)
    plain = nncore.MLP([6, 3, 1], "tanh", "sigmoid", "squared_error", rng=0)
    for each in (net, plain):
        each.fit(X, LABELS / 2, epochs=2)
    assert net._weights.tobytes() == plain._weights.tobytes()


@pytest.mark.parametrize("name", ["characters", "bytes"])
def test_a_vocabulary_can_be_a_string_of_numpy(name):
    nets = [nncore.CharRNN(4, 5, 2, vocabulary=kind(name), rng=0) for kind in (np.str_, str)]
    assert pickle.dumps(nets[0]) == pickle.dumps(nets[1])
    losses = [net.fit(TEXT, iterations=2).loss.tobytes() for net in nets]
    assert losses[0] == losses[1]
