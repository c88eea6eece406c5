"""Sweeps of a `Plan`: its networks are trained side by side, with the bits of networks alone."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest
from sparse_networks import sparse
from sweep_makers import bits

from nncore import MLP, SGD, Adam, EarlyStopping, OnPlateau, Plan, Population, sweep

RNG = np.random.default_rng(0)
X = RNG.standard_normal((40, 4))
Y = np.tanh(X[:, :2]) + 0.1 * RNG.standard_normal((40, 2))
FOLDS = [np.setdiff1d(np.arange(40), np.arange(k, 40, 4)) for k in range(4)]
SHARED = {"layer_sizes": (4, 5, 2), "hidden_activation": "tanh", "epochs": 6}
plan = Plan(X, Y, **SHARED)

GRIDS = {
    "seeds": [{"rng": k} for k in range(9)],
    "learning rates": [{"rng": 0, "learning_rate": rate} for rate in np.geomspace(1e-4, 0.1, 9)],
    "optimizers": [{"rng": k, "optimizer": kind(0.01 * k)} for k in range(1, 6) for kind in
                   (SGD, Adam)],
    "penalties": [{"rng": k, "l1": 0.01 * k, "l2": 0.1} for k in range(4)] + [{"rng": 9}] * 4,
    "dropout": [{"rng": k, "dropout": [0.1 * k] if k % 2 else 0.2} for k in range(8)],
    "folds": [{"rng": k, "rows": FOLDS[k % 4]} for k in range(8)] + [{"rng": 0}],
    "layers": [{"rng": k, "layer_sizes": (4, n, 2)} for k in range(5) for n in (3, 6)],
    "batches": [{"rng": k, "batch_size": n, "shuffle": n < 9} for k in range(5) for n in (4, 9)],
    "weights": [{"rng": k, "sample_weight": np.arange(40), "rows": FOLDS[0]} for k in range(3)],
    "early stopping": [
        {"rng": k, "early_stopping": EarlyStopping(2, 1e-3), "validation_data": (X, Y),
         "epochs": 30}
        for k in range(7)
    ],
}  # fmt: skip


def counted(monkeypatch):
    """A list that gets the size of every population that is trained."""
    sizes, fit = [], Population.fit

    def counting(self, *args, **settings):
        sizes.append(self.size)
        return fit(self, *args, **settings)

    monkeypatch.setattr(Population, "fit", counting)
    return sizes


@pytest.mark.parametrize("grid", GRIDS)
def test_networks_side_by_side_have_the_bits_of_networks_alone(grid):
    together, settings = sweep(plan, GRIDS[grid]).run(), GRIDS[grid]
    alone = sweep(partial(plan), settings).run()  # another function, of which sweep knows nothing
    assert len(alone.failures) == 0
    assert bits(together) == bits(alone)
    assert [m.score for m in together.members] == [m.score for m in alone.members]
    assert [m.settings for m in together.members] == [m.settings for m in alone.members]
    for one, other in zip(together.members, alone.members, strict=True):
        assert np.array_equal(one.network.history.loss, other.network.history.loss)
        assert one.network.l1 == other.network.l1
        assert one.network.dropout == other.network.dropout


def test_networks_of_the_same_layers_are_one_population(monkeypatch):
    sizes = counted(monkeypatch)
    settings = [{"rng": k, "l2": 0.1 * k, "layer_sizes": (4, 3 + k % 2, 2)} for k in range(40)]
    sweep(plan, settings).run()
    assert sizes == [20, 20]


ALONE = {
    "plateau": {"schedule": OnPlateau()},
    "NumPy": {"backend": "numpy"},
    "part of the rows": {"validation_fraction": 0.2},
    "callbacks": {"callbacks": [lambda event: None]},
}


@pytest.mark.parametrize("setting", ALONE)
def test_what_a_population_cannot_do_is_done_alone(setting, monkeypatch):
    sizes = counted(monkeypatch)
    settings = [{"rng": k, **ALONE[setting]} for k in range(8)]
    assert bits(sweep(plan, settings).run()) == bits(sweep(partial(plan), settings).run())
    assert sizes == []


def test_sparse_rows_are_trained_alone():
    rows = Plan(sparse(40, 4), Y, **SHARED)
    settings = [{"rng": k} for k in range(4)]
    assert bits(sweep(rows, settings).run()) == bits(sweep(partial(rows), settings).run())


def test_a_member_that_fails_says_what_a_network_alone_says():
    bad = [
        {"rng": 1, "learning_rate": 1e30, "optimizer": SGD()},
        {"rng": 1, "optimizer": SGD(), "l2": -1},
        {"rng": 1, "rows": [99]},
        {"rng": 1, "epochs": "many"},
        {"rng": 1, "size": 3},
        {"rng": 1, "optimizer": "adam"},
    ]
    good = [{"rng": k, "optimizer": SGD()} for k in range(9)]
    result = sweep(plan, good + bad).run()
    alone = sweep(partial(plan), good + bad).run()
    assert [m.error for m in result.members] == [m.error for m in alone.members]
    assert [m.error is None for m in result.members] == [True] * 9 + [False] * 6
    assert result.members[9].error.startswith("DivergenceError")
    assert "size is not a setting of a plan" in result.members[13].error
    assert bits(result) == bits(alone)


def refusing(step, total=0):
    raise ZeroDivisionError("no step size")


def test_errors_of_any_kind_are_those_of_members():
    for shared, error in (({}, "TypeError"), ({"schedule": refusing, **SHARED}, "ZeroDivision")):
        settings = [{"rng": k} for k in range(8)]
        result = sweep(Plan(X, Y, **shared), settings).run()
        assert len(result.failures) == 8
        assert all(member.error.startswith(error) for member in result.members)


def test_accuracies_of_validation_are_in_the_history():
    labels = np.arange(40) % 2
    classes = {"output_activation": "softmax", "loss": "softmax_cross_entropy"}
    net = Plan(X, labels, **SHARED | classes, validation_data=(X, labels))
    accuracies = [
        [m.network.history.validation_accuracy.tolist() for m in sweep(make, GRIDS["seeds"]).run()]
        for make in (net, partial(net))
    ]
    assert accuracies[0] == accuracies[1]
    assert np.isfinite(accuracies[0]).all()


def test_generators_are_drawn_from_once():
    def settings():
        return [{"rng": np.random.default_rng(k), "layer_sizes": (4, 300, 2)} for k in range(3)]

    assert bits(sweep(plan, settings()).run()) == bits(sweep(partial(plan), settings()).run())


def test_dropout_is_checked_without_hidden_layers():
    settings = [{"rng": k, "layer_sizes": (4, 2), "dropout": 5.0} for k in range(20)]
    assert len(sweep(plan, settings).run().failures) == 20


def test_a_plan_is_a_function_for_executors():
    settings = [{"rng": k} for k in range(4)]
    with ThreadPoolExecutor(2) as pool:
        assert bits(sweep(plan, settings, pool).run()) == bits(sweep(plan, settings).run())


def test_a_plan_builds_and_trains_a_network():
    net = MLP((4, 5, 2), "tanh", l2=0.1, rng=3)
    net.fit(X[FOLDS[1]], Y[FOLDS[1]], epochs=6, optimizer=Adam(0.02))
    planned = plan(rng=3, l2=0.1, rows=FOLDS[1], learning_rate=0.02)
    assert planned._weights.tobytes() == net._weights.tobytes()


def test_a_sweep_of_a_plan_continues_from_its_folder(tmp_path, monkeypatch):
    settings = [{"rng": k} for k in range(20)]
    sizes = counted(monkeypatch)
    for member in sweep(plan, settings, folder=tmp_path):
        if member.index == 5:
            break
    again = sweep(plan, settings, folder=tmp_path).run()
    assert sizes == [20, 14]
    assert bits(again) == bits(sweep(plan, settings).run())


def test_unknown_settings_are_refused():
    with pytest.raises(TypeError, match="hidden is not a setting of a plan, expected an argument"):
        Plan(X, Y, hidden=3)
    with pytest.raises(TypeError, match="optimizer must be an Optimizer, got str"):
        plan(optimizer="adam", learning_rate=0.1)
