"""All kinds of networks under the same names, for tests of their common behaviour."""

import copy
import os
import pickle
from threading import Event, Thread

import pytest
from mlps import rows, small
from texts import prose

from nncore import MLP, RNN, CharRNN, Population, Vocabulary

X, Y, _ = rows()
SERIES = [X[n : n + 1 + n % 3] for n in range(len(X))]  # the last ones shorter
TEXT = prose(2000)


def mlp(seed=0):
    return small(rng=seed, dropout=0.2)


def char_rnn(seed=0):
    return CharRNN(9, 5, 3, rng=seed).build(Vocabulary.of(TEXT))


def rnn(seed=0):
    return RNN((4, 5, 4, 3), "gru", dropout=0.2, rng=seed)


def population(seed=0):
    return Population((4, 6, 3), "tanh", l2=[0, 1e-3, 0], rng=range(seed, seed + 3))


def fit(net, **how):
    """Some hundred updates."""
    if isinstance(net, Population):
        if how.pop("validation_fraction", 0):  # which `Population.fit` does not have
            how["validation_data"] = (X[:9], Y[:9])
        return net.fit(X, Y, **{"epochs": 40, "batch_size": 4} | how)
    if isinstance(net, RNN):
        return net.fit(SERIES, Y, **{"epochs": 40, "batch_size": 4} | how)
    if isinstance(net, MLP):
        return net.fit(X, Y, **{"epochs": 40, "batch_size": 4} | how)
    return net.fit(TEXT, **{"epochs": 2} | how)


def answers(net):
    """The outputs of a network, to the last bit."""
    if isinstance(net, RNN):
        return net.predict(SERIES).tobytes(), net.loss(SERIES, Y)
    if isinstance(net, MLP | Population):
        loss = net.loss(X, Y)
        return net.predict(X).tobytes(), loss.tobytes() if isinstance(net, Population) else loss
    return net.evaluate(TEXT[:500]).nats_per_char, net.sample(100, rng=1)


def bits(net):
    """All that training changes."""
    names = ("_weights", "_slots", "_counters")
    return [*(getattr(net, name).tobytes() for name in names), net.history.loss.tobytes()]


def trained_bits(net):
    """Train a network, also in a process that is spawned; return its bits."""
    fit(net)
    return bits(net)


def trained(made, **how):
    net = made()
    fit(net, **how)
    return net


def broken_off(made):
    """A network in the middle of a run."""

    def ctrl_c(event):
        raise KeyboardInterrupt

    net = made()
    with pytest.raises(KeyboardInterrupt):
        fit(net, callbacks=[ctrl_c])
    return net


def pickled(net):
    return pickle.loads(pickle.dumps(net))


def out_of_band(net):
    """Pickle as tools with shared memory do: the received arrays are read-only."""
    buffers = []
    data = pickle.dumps(net, protocol=5, buffer_callback=buffers.append)
    return pickle.loads(data, buffers=[memoryview(b"-" + b.raw())[1:] for b in buffers])


NETWORKS = pytest.mark.parametrize("made", [mlp, char_rnn, rnn, population])
COPIES = pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, pickled, out_of_band])
FORKS = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


class Fitting:
    """A network that another thread trains, and that waits in a callback while the block runs."""

    def __init__(self, net):
        self.net, self.waits, self.go = net, Event(), Event()
        self.thread = Thread(
            target=fit, args=(net,), kwargs={"callbacks": [self.wait]}, name="other"
        )

    def wait(self, event):
        self.waits.set()
        self.go.wait(30)

    def __enter__(self):
        self.thread.start()
        assert self.waits.wait(30)
        return self.net

    def __exit__(self, *exception):
        self.go.set()
        self.thread.join()
