"""Model files of populations: everything returns from them, and damaged ones are refused."""

import contextlib
import os

import numpy as np
import pytest
from hostile_files import judge
from model_files import names, read
from populations import (
    HELD_OUT,
    LABELS,
    RATES,
    M,
    X,
    Y,
    adam,
    assert_same_network,
    bits,
    population,
    record,
    trained,
)  # fmt: skip

from nncore import MLP, SGD, CheckpointError, DivergenceError, EarlyStopping, Population
from nncore.files import model_file

EARLY = {"validation_data": HELD_OUT, "early_stopping": EarlyStopping(2), "epochs": 30}
STOPPED = {**EARLY, "callbacks": [lambda event: event.epoch == 4], "learning_rate": RATES}
DIVERGED = {"learning_rate": [0.05, 1e5, 0.05, 1e7, 0.01], "optimizer": SGD(), "batch_size": 10}
CLASSIFIER = {"output_activation": "softmax", "loss": "softmax_cross_entropy"}
MADE = {
    "untrained": lambda: population(weight_init="he_normal"),
    "trained": lambda: trained({"learning_rate": RATES}, l2=np.linspace(0, 0.1, M), l1=0.01),
    "float64": lambda: trained({"optimizer": SGD(0.1, momentum=0.9)}, dtype="float64"),
    "without optimizer state": lambda: trained({"optimizer": SGD(0.1)}),
    "validated": lambda: trained({"validation_data": HELD_OUT}),
    "stopped early": lambda: trained(EARLY | {"learning_rate": RATES}),
    "in a run": lambda: trained(STOPPED),
    "diverged": lambda: trained({**DIVERGED, "epochs": 20}),
    "dropout": lambda: trained(dropout=np.linspace(0, 0.5, M)),
    "weights of rows": lambda: trained({"sample_weight": np.arange(30)}),
    "of one member": lambda: trained(rng=1),
    "of one layer": lambda: trained(layer_sizes=(4, 3), hidden_activation=()),
    "deep": lambda: trained(layer_sizes=(4, 5, 6, 3), hidden_activation=("relu", "gelu")),
    "of networks": lambda: Population.of([MLP((4, 3), l2=0.1 * k, rng=k) for k in range(3)]),
    "the best": lambda: trained().best(2),
}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "population.safetensors"


def saved(path, fit=None, **settings):
    """A population, and its file."""
    nets = trained(fit, **settings)
    nets.save(path)
    return nets


# --- everything returns -----------------------------------------------------------------------


@pytest.mark.parametrize("made", MADE)
def test_a_population_returns_from_its_file(made, path):
    nets = MADE[made]()
    nets.save(path)
    loaded = Population.load(path)
    assert type(loaded) is Population
    assert repr(loaded) == repr(nets)
    assert bits(loaded) == bits(nets)
    assert loaded.predict(X).tobytes() == nets.predict(X).tobytes()
    np.testing.assert_equal(record(loaded.history), record(nets.history))
    assert loaded.history.diverged.tolist() == nets.history.diverged.tolist()
    assert loaded.history.seconds == nets.history.seconds
    for here, there in zip(loaded, nets, strict=True):
        assert (here.l1, here.l2, here.dropout) == (there.l1, there.l2, there.dropout)
        for net in (here, there):
            with contextlib.suppress(DivergenceError):  # as before
                net.fit(X, Y, epochs=2, validation_fraction=0.3, optimizer=adam(0.01))
        assert_same_network(here, there)
    for each in (loaded, nets):
        each.fit(X, Y, epochs=2, batch_size=7, **HELD)
    assert bits(loaded) == bits(nets)
    np.testing.assert_equal(record(loaded.history), record(nets.history))


HELD = {"validation_data": HELD_OUT}


@pytest.mark.parametrize("targets", [LABELS, np.eye(3)[LABELS]], ids=["labels", "one-hot"])
def test_classifiers_return_from_their_files(targets, path):
    nets = population(**CLASSIFIER)
    nets.fit(X, targets, epochs=3)
    nets.save(path)
    loaded = Population.load(path)
    for each in (loaded, nets):
        each.fit(X, targets, epochs=3)
    assert bits(loaded) == bits(nets)


@pytest.mark.parametrize("made", MADE)
def test_a_file_of_a_loaded_population_has_the_same_bytes(made, path, tmp_path):
    MADE[made]().save(path)
    Population.load(path).save(tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == path.read_bytes()
    assert names(tmp_path) == ["again", path.name]


def test_loaded_arrays_are_aligned_and_writable(path):
    saved(path)
    loaded = Population.load(path)
    for name in ("_weights", "_slots"):
        array = getattr(loaded, name)
        assert array.ctypes.data % 64 == 0
        assert array.flags.writeable
    loaded.parameters["w1"][...] = 0
    loaded.fit(X, Y, epochs=1)


def test_a_file_has_settings_by_name_and_arrays_with_a_row_for_each_member(path):
    saved(path, l2=0.1)
    arrays, header = read(path)
    assert header["kind"] == "Population"
    assert header["members"] == M
    assert header["optimizer"] == "adam"
    assert header["settings"] == {
        "layer_sizes": [4, 6, 3], "hidden_activation": ["tanh"], "output_activation": "identity",
        "loss": "squared_error", "dtype": "float32",
    }  # fmt: skip
    assert {name: array.shape for name, array in arrays.items() if "optimizer" not in name} == {
        "parameters.w1": (M, 4, 6), "parameters.b1": (M, 6), "parameters.w2": (M, 6, 3),
        "parameters.b2": (M, 3), "counters": (M, 4), "hash_seeds": (M,), "split_rngs": (M, 6),
        "penalties": (2, M), "dropout": (M, 1), "history.loss": (M, 5), "history.updates": (M,),
        "history.best_epoch": (M,), "history.diverged": (M,),
    }  # fmt: skip
    assert {name for name in arrays if "optimizer" in name} == {
        f"optimizer.{i}.{name}" for i in (0, 1) for name in ("w1", "b1", "w2", "b2")
    }


def test_a_file_without_validation_has_no_validation_losses(path):
    nets = trained({"validation_data": HELD_OUT})
    nets.save(path)
    assert "history.validation_loss" in read(path)[0]
    trained().save(path)
    assert "history.validation_loss" not in read(path)[0]
    loaded = Population.load(path).history.validation_loss
    assert loaded.shape == (M, 5)
    assert np.isnan(loaded).all()


def test_a_large_file_takes_twice_its_size(path):
    for members, sizes in ((1, (700, 900)), (2, (300, 500)), (20_000, (1, 1))):
        Population(sizes, rng=members).save(path)
        assert judge("Population", path, constant=2_000_000)[0] == "read"


# --- what cannot be saved or loaded ---------------------------------------------------------------


def test_files_of_other_networks_are_refused_by_their_kind(path):
    MLP((4, 3), rng=0).save(path)
    with pytest.raises(CheckpointError, match="a model of kind MLP, expected Population"):
        Population.load(path)
    saved(path)
    with pytest.raises(CheckpointError, match="a model of kind Population, expected MLP"):
        MLP.load(path)


@pytest.mark.parametrize("backend", ["numpy", "fortran", None])
def test_a_population_has_only_the_compiled_backend(backend, path):
    saved(path)
    with pytest.raises(ValueError, match="backend must be one of 'compiled'"):
        Population.load(path, backend=backend)


REPLACED = {
    "loss": (np.zeros((M, 3), "f4"), r"history.loss is float32 \(5, 3\), expected float64"),
    "validation_loss": (np.zeros((M, 3)), r"history.validation_loss is float64 \(5, 3\), expected"),
    "updates": (np.zeros(M), r"history.updates is float64 \(5,\), expected int64 \(5,\)"),
    "best_epoch": (np.zeros(4, int), r"history.best_epoch is int64 \(4,\), expected int64 \(5,\)"),
    "diverged": (np.zeros(M), r"history.diverged is float64 \(5,\), expected bool \(5,\)"),
    "seconds": ("long", "history.seconds must be a number, got str"),
}


@pytest.mark.parametrize("name", REPLACED)
def test_a_history_that_could_not_be_loaded_is_not_saved(name, path):
    nets = saved(path)
    before = path.read_bytes()
    value, message = REPLACED[name]
    setattr(nets.history, name, value)
    with pytest.raises((ValueError, TypeError), match=message):
        nets.save(path)
    assert path.read_bytes() == before


def test_counts_beyond_those_of_files_are_saved_as_the_largest(path):
    nets = trained()
    nets._counters[2, 0] = 2**62
    nets.history.updates[2] = 2**62
    nets.save(path)
    loaded = Population.load(path)
    assert loaded._counters[2, 0] == loaded.history.updates[2] == model_file.MOST_COUNTED


# --- checkpoints ------------------------------------------------------------------------------


def test_a_checkpoint_at_the_end_of_a_run_is_that_of_the_population(path):
    nets = trained({"checkpoint": path})
    loaded = Population.load(path)
    assert bits(loaded) == bits(nets)
    assert loaded.history.epochs == 5


@pytest.mark.parametrize(("every", "fewest", "most"), [(0, 6, 7), (3600, 1, 2)])
def test_checkpoints_are_as_far_apart_as_asked_for(every, fewest, most, path, monkeypatch):
    saves = []
    monkeypatch.setattr(Population, "save", lambda self, path: saves.append(path))
    how = {"epochs": 6, "checkpoint_every": every, "callbacks": [lambda event: None]}
    trained({**how, "checkpoint": path})
    assert fewest <= len(saves) <= most
    assert {os.fspath(file) for file in saves} == {str(path)}


@pytest.mark.parametrize("every", [0, 60.0])
def test_every_checkpoint_can_be_resumed(every, path):
    how = {**EARLY, "rows": [np.arange(10 + k % 3) for k in range(M)], "batch_size": 4}
    whole, copies = trained({**how, "learning_rate": RATES}), []

    def keep(event):
        if path.exists():
            copies.append(path.read_bytes())

    trained({**how, "learning_rate": RATES, "checkpoint": path, "checkpoint_every": every,
             "callbacks": [keep]})  # fmt: skip
    assert len(copies) > 10 or every
    for content in copies:
        path.write_bytes(content)
        loaded = Population.load(path)
        loaded.fit(X, Y, **how, learning_rate=RATES, resume=True)
        assert bits(loaded) == bits(whole)
        np.testing.assert_equal(record(loaded.history), record(whole.history))


def test_an_unwritable_checkpoint_is_reported_before_training(tmp_path):
    nets = population()
    with pytest.raises(FileNotFoundError, match="is in a folder that does not exist"):
        nets.fit(X, Y, checkpoint=tmp_path / "none" / "run")
    assert not nets.history.updates.any()
