"""Populations, and the same networks trained one by one."""

import numpy as np
from mlps import rows

from nncore import MLP, Adam, Population

X, Y, LABELS = rows()
HELD_OUT = rows(12, seed=1)[:2]
M = 5
SETTINGS = {"layer_sizes": (4, 6, 3), "hidden_activation": "tanh"}
RATES = np.geomspace(1e-3, 0.1, M)


def population(**settings):
    """Five networks with 4 inputs, 6 hidden units and 3 outputs."""
    return Population(**{**SETTINGS, "rng": M} | settings)


def trained(fit=None, **settings):
    nets = population(**settings)
    nets.fit(X, Y, **{"epochs": 5} | (fit or {}))
    return nets


def alone(k, **settings):
    """Member k of a population as a network alone."""
    return MLP(**{**SETTINGS, "rng": k} | settings)


def adam(rate):
    return Adam(float(rate))


def bits(net):
    """All that training changes of a network or of a population, without its history."""
    return [getattr(net, name).tobytes() for name in ("_weights", "_slots", "_counters")]


def record(history):
    """The numbers of a history that do not depend on the clock."""
    kept = (history.loss, history.validation_loss, history.updates, history.best_epoch)
    return [np.asarray(numbers).tolist() for numbers in kept]


def assert_same_network(member, net):
    """A member has the bits of a network, its state and its record."""
    assert bits(member) == bits(net)
    np.testing.assert_equal(record(member.history), record(net.history))
