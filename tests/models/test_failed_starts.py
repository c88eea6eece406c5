"""A call of `fit` that fails before the first update leaves the network as it was."""

import pickle
import sys

import numpy as np
import pytest
from interrupted_runs import LABELS, MAKE, SERIES, TEXT, Cut, X

import nncore
from nncore.char_rnn import run as char_rnn_run
from nncore.population import run as population_run
from nncore.training.epochs import run as epochs_run

WATCHED = {
    "batch_size": 20, "validation_fraction": 0.3, "early_stopping": nncore.EarlyStopping(50),
}  # fmt: skip
HELD_OUT = {
    "batch_size": 20, "validation_data": (X[:9], LABELS[:9]),
    "early_stopping": nncore.EarlyStopping(50), "rows": [range(53), range(31), range(53)],
}  # fmt: skip
RUNS = {
    "MLP": (nncore.MLP, (X, LABELS), {"epochs": 20, "batch_size": 20}),
    "MLP, early stopping": (nncore.MLP, (X, LABELS), {"epochs": 20, **WATCHED}),
    "RNN, early stopping": (nncore.RNN, (SERIES, LABELS), {"epochs": 20, **WATCHED}),
    "Population": (nncore.Population, (X, LABELS), {"epochs": 20, "batch_size": 20}),
    "Population, early stopping": (nncore.Population, (X, LABELS), {"epochs": 20, **HELD_OUT}),
    "CharRNN": (nncore.CharRNN, (TEXT,), {"epochs": 5}),
}
OTHERS = {
    nncore.MLP: ((X[:40], LABELS[:40]), {"epochs": 3, "optimizer": nncore.SGD(0.1)}),
    nncore.RNN: ((SERIES[:40], LABELS[:40]), {"epochs": 3, "optimizer": nncore.SGD(0.1)}),
    nncore.Population: ((X[:40], LABELS[:40]), {"epochs": 3, "optimizer": nncore.SGD(0.1)}),
    nncore.CharRNN: ((TEXT[::-1],), {"epochs": 1}),
}


def interrupted(name):
    """A network whose run was interrupted in its fourth compiled call."""
    kind, data, settings = RUNS[name]
    model = kind(**MAKE[kind])
    with pytest.raises(KeyboardInterrupt), Cut(3):
        model.fit(*data, **settings)
    assert model.history.loss.size
    return model


def without_tqdm(model, patch):
    patch.setitem(sys.modules, "tqdm", None)
    return ImportError, {"progress": True}


def out_of_memory(model, patch):
    def copies(*arrays):
        raise MemoryError

    for module in (epochs_run, char_rnn_run):
        patch.setattr(module, "LastGood", copies)
    patch.setattr(population_run, "Record", copies)
    return MemoryError, {}


def ctrl_c(model, patch):
    def interrupt(show, total, unit="char"):
        raise KeyboardInterrupt

    for module in (epochs_run, char_rnn_run, population_run):
        patch.setattr(module, "progress_bar", interrupt)
    return KeyboardInterrupt, {}


def invalid_history(model, patch):
    # The last one that a run reads, as text.
    names = {nncore.CharRNN: "smooth_loss", nncore.Population: "loss"}
    name = names.get(type(model), "validation_loss")
    patch.setattr(model.history, name, np.full(model.history.loss.shape, "none"))
    return ValueError, {}


FAILURES = [without_tqdm, out_of_memory, ctrl_c, invalid_history]


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("name", RUNS)
def test_a_failed_start_leaves_the_interrupted_run_to_be_resumed(name, failure, monkeypatch):
    kind, data, settings = RUNS[name]
    model, whole = interrupted(name), kind(**MAKE[kind])
    before = pickle.dumps(model)
    other_data, other_settings = OTHERS[kind]
    for at, how in ((data, {**settings, "resume": True}), (other_data, other_settings)):
        with monkeypatch.context() as patch:
            error, more = failure(model, patch)
            with pytest.raises(error):
                model.fit(*at, **how, **more)
        assert pickle.dumps(model) == before
    model.fit(*data, **settings, resume=True)
    whole.fit(*data, **settings)
    for array in ("_weights", "_slots", "_counters"):
        assert getattr(model, array).tobytes() == getattr(whole, array).tobytes(), array
    assert model.history.loss.tobytes() == whole.history.loss.tobytes()


@pytest.mark.parametrize("failure", FAILURES[:3])
def test_a_failed_start_draws_no_held_out_rows(failure, monkeypatch):
    net = nncore.MLP(**MAKE[nncore.MLP])
    before = pickle.dumps(net)
    with monkeypatch.context() as patch:
        error, more = failure(net, patch)
        with pytest.raises(error):
            net.fit(X, LABELS, **WATCHED, **more)
    assert pickle.dumps(net) == before
