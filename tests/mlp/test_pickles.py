"""Pickles and copies of perceptrons contain names of activations and losses, no codes."""

import copy
import pickle
import pickletools

import numpy as np
import pytest

from nncore import MLP

X = np.random.default_rng(2).standard_normal((6, 3))
SETTINGS = [
    {"hidden_activation": "tanh", "output_activation": "sigmoid", "loss": "binary_cross_entropy"},
    {"hidden_activation": ["elu", "selu"], "output_activation": "softmax",
     "loss": "softmax_cross_entropy"},
    {"output_activation": "sigmoid", "loss": "focal"},
]  # fmt: skip


def trained(**settings):
    hidden = settings.get("hidden_activation", "relu")
    sizes = (3, *(4,) * (1 if isinstance(hidden, str) else len(hidden)), 2)
    net = MLP(sizes, **settings, rng=0)
    labels = np.arange(6) % 2
    targets = labels if settings["loss"] == "softmax_cross_entropy" else np.eye(2)[labels]
    net.fit(X, targets, epochs=2)
    return net, targets


@pytest.mark.parametrize("settings", SETTINGS, ids=lambda s: s["loss"])
def test_copies_and_pickles_predict_and_train_alike(settings):
    net, targets = trained(**settings)
    for other in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert other.predict(X).tobytes() == net.predict(X).tobytes()
        assert other.loss(X, targets) == net.loss(X, targets)
        again = copy.deepcopy(net)
        for each in (other, again):
            each.fit(X, targets, epochs=2)
        assert other.predict(X).tobytes() == again.predict(X).tobytes()


@pytest.mark.parametrize("settings", SETTINGS, ids=lambda s: s["loss"])
def test_a_pickle_keeps_its_meaning_where_activations_have_other_codes(settings, monkeypatch):
    net, targets = trained(**settings)
    state = net.__getstate__()
    tables = {"_layers", "_loss_layers"}
    assert tables <= vars(net).keys()
    assert not tables & state.keys()
    names = {op[1] for op in pickletools.genops(pickle.dumps(net)) if isinstance(op[1], str)}
    assert set(net.activations) <= names
    assert net.loss_name in names
    # A table from a pickle, whatever it holds, is replaced.
    other = MLP.__new__(MLP)
    other.__setstate__(state | {name: np.zeros((1, 3), np.int64) for name in tables})
    assert other.predict(X).tobytes() == net.predict(X).tobytes()
    assert other.loss(X, targets) == net.loss(X, targets)
