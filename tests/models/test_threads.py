"""Eight threads call everything of one model at once: RuntimeErrors at most, numbers stay finite.

NNCORE_CROWD_SECONDS=60 runs each of these tests for a minute.
"""

import copy
import os
import pickle
import threading
import time
import warnings
from collections import Counter

import numpy as np
import pytest

import nncore
from nncore.sklearn import MLPClassifier, MLPRegressor

# Fits here are short.
pytestmark = pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
SECONDS = float(os.environ.get("NNCORE_CROWD_SECONDS", "1.5"))
RNG = np.random.default_rng(0)
X = RNG.normal(size=(20_000, 4))
FEW = X[:64].copy()
TEXT = "the quick brown fox jumps over the lazy dog. " * 60


def crowd(calls, needed, threads=8):
    """Call at random from several threads; what was raised, and how often each call went through.

    It goes on until the needed calls did, which takes longer on a busy machine. What a call
    returns must be finite where it is numbers.
    """
    raised, through, lock = [], Counter(), threading.Lock()
    start = time.monotonic()

    def to_go_on():
        spent = time.monotonic() - start
        return spent < SECONDS or (spent < 60 and not all(through[name] for name in needed))

    def work(seed):
        rng = np.random.default_rng(seed)
        while to_go_on():
            name = list(calls)[rng.integers(len(calls))]
            try:
                result = calls[name]()
            except Exception as error:
                with lock:
                    raised.append((name, error))
                time.sleep(0.001)  # let the thread that trains run
            else:
                with lock:
                    through[name] += 1
                if isinstance(result, np.ndarray) and result.dtype.kind == "f":
                    assert np.isfinite(result).all(), name

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        workers = [threading.Thread(target=work, args=(seed,)) for seed in range(threads)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    return raised, through


def refused_politely(raised):
    """Whether all errors are those of a model that is in use."""
    strange = [(name, error) for name, error in raised if type(error) is not RuntimeError]
    assert not strange, strange[:3]
    assert all("refused" in str(error) for _, error in raised)


@pytest.mark.parametrize("batch", [1, 32])
@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
def test_one_estimator(kind, batch):
    targets = (X[:, 0] > 0).astype(int) if kind is MLPClassifier else X[:, 0]
    few = targets[:64]
    settings = {"hidden_layer_sizes": (8,), "max_iter": 3, "batch_size": batch}
    model = kind(**settings, warm_start=True).fit(FEW, few)
    calls = {
        "fit": lambda: model.fit(X[:2000], targets[:2000]) and None,
        "partial_fit": lambda: model.partial_fit(X, targets) and None,
        "partial_fit of few": lambda: model.partial_fit(FEW, few) and None,
        "predict": lambda: model.predict(FEW),
        "score": lambda: model.score(FEW, few),
        "transform": lambda: model.transform(FEW),
        "get_params": lambda: model.get_params() and None,
        "set_params": lambda: model.set_params(alpha=1e-5) and None,
        "copy": lambda: copy.deepcopy(model).predict(FEW),
        "pickle": lambda: pickle.loads(pickle.dumps(model)).predict(FEW),
    }
    if kind is MLPClassifier:
        calls["predict_proba"] = lambda: model.predict_proba(FEW)
    raised, through = crowd(calls, ["predict", "partial_fit of few"])
    refused_politely(raised)
    assert through["predict"]
    assert through["partial_fit of few"]
    assert all(np.isfinite(array).all() for array in (*model.coefs_, *model.intercepts_))


def test_an_estimator_that_is_fitted_again():
    """Without warm_start every fit makes another network, which predictions meet whole."""
    y = X[:, 0]
    model = MLPRegressor(hidden_layer_sizes=(8,), max_iter=2)
    calls = {
        "fit": lambda: model.fit(FEW, y[:64]) and None,
        "predict": lambda: model.predict(FEW),
        "get_params": lambda: model.get_params() and None,
    }
    model.fit(FEW, y[:64])
    raised, through = crowd(calls, ["predict", "fit"])
    refused_politely(raised)
    assert through["predict"]
    assert through["fit"]


def test_one_network():
    net = nncore.MLP([4, 8, 1], rng=0)
    y = X[:, :1]
    net.fit(FEW, y[:64], epochs=1)
    calls = {
        "fit": lambda: net.fit(X, y, epochs=1) and None,
        "fit few": lambda: net.fit(FEW, y[:64], epochs=3, batch_size=1) and None,
        "predict": lambda: net.predict(FEW),
        "loss": lambda: np.array(net.loss(FEW, y[:64])),
        "gradients": lambda: net.loss_and_gradients(FEW, y[:64])[1]["w1"],
        "copy": lambda: copy.deepcopy(net).predict(FEW),
        "pickle": lambda: pickle.loads(pickle.dumps(net)).predict(FEW),
    }
    raised, through = crowd(calls, ["predict", "fit few"])
    refused_politely(raised)
    assert through["predict"]
    assert through["fit few"]
    assert all(np.isfinite(array).all() for array in net.parameters.values())


def test_one_character_network():
    model = nncore.CharRNN(16, 8, 2, rng=0)
    model.fit(TEXT, iterations=5)
    calls = {
        "fit": lambda: model.fit(TEXT, iterations=200) and None,
        "sample": lambda: model.sample(20) and None,
        "evaluate": lambda: np.array(model.evaluate(TEXT).bits_per_char),
        "copy": lambda: copy.deepcopy(model).sample(5) and None,
        "pickle": lambda: pickle.loads(pickle.dumps(model)).sample(5) and None,
    }
    raised, through = crowd(calls, ["sample", "fit"])
    refused_politely(raised)
    assert through["sample"]
    assert through["fit"]
    assert all(np.isfinite(array).all() for array in model.parameters.values())


def grown(rng):
    net = nncore.MLP([4, 3, 1], rng=rng)
    net.fit(FEW, FEW[:, :1], epochs=2)
    return net


def test_one_sweep_and_its_ensemble():
    sweep = nncore.sweep(grown, [{"rng": seed} for seed in range(40)])
    next(iter(sweep))
    members = nncore.sweep(grown, [{"rng": seed} for seed in range(3)]).run().ensemble(3)
    calls = {
        "run": lambda: sweep.run() and None,
        "best": lambda: sweep.best(2) and None,
        "repr": lambda: repr(sweep) and None,
        "html": lambda: sweep._repr_html_() and None,
        "ensemble": lambda: sweep.ensemble(2).predict(FEW),
        "predict": lambda: members.predict(FEW),
        "train a member": lambda: members.networks[0].fit(FEW, FEW[:, :1], epochs=1) and None,
        "pickle": lambda: pickle.loads(pickle.dumps(members)).predict(FEW),
    }
    raised, through = crowd(calls, ["predict", "ensemble"])
    refused_politely(raised)
    assert len(sweep.members) == 40
    assert through["predict"]
    assert through["ensemble"]
