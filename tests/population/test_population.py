"""Members of a population have the bits of networks that are trained alone."""

import numpy as np
import pytest
from every_optimizer import EVERY_OPTIMIZER
from mlp_runs import calls_of
from populations import (
    HELD_OUT,
    LABELS,
    RATES,
    SETTINGS,
    M,
    X,
    Y,
    adam,
    alone,
    assert_same_network,
    bits,
    population,
    record,
    trained,
)
from scipy.sparse import csr_array

from nncore import MLP, SGD, CosineDecay, EarlyStopping, Population, WarmUp
from nncore.population import run as population_run

VALIDATED = {"validation_data": HELD_OUT, "early_stopping": EarlyStopping(2, 1e-3), "epochs": 40}
FITS = {
    "defaults": {},
    "all rows at once": {"batch_size": 99},
    "a row at a time": {"batch_size": 1, "optimizer": SGD(0.01)},
    "in sequence": {"shuffle": False, "batch_size": 7},
    "a schedule": {"schedule": CosineDecay(0.1, 0.2), "batch_size": 7},
    "clipped": {"clip": 0.01, "clip_norm": 0.02, "batch_size": 7},
    "validation": {"validation_data": HELD_OUT, "batch_size": 7},
    "early stopping": VALIDATED | {"optimizer": adam(0.05)},
    "early stopping by the training loss": {
        "early_stopping": EarlyStopping(1), "optimizer": adam(0.3), "epochs": 40
    },
}  # fmt: skip


@pytest.mark.parametrize("length", [1, 7, 1000])
@pytest.mark.parametrize("fit", FITS)
def test_members_are_trained_like_networks_alone(fit, length, monkeypatch):
    calls_of(length, monkeypatch, population_run)
    how = {"epochs": 6, **FITS[fit]}
    nets = trained(how)
    for k in range(M):
        net = alone(k)
        net.fit(X, Y, **how)
        assert_same_network(nets[k], net)


def test_early_stopping_ends_each_member_in_its_own_epoch():
    nets = population()
    history = nets.fit(X, Y, learning_rate=RATES, **VALIDATED)
    assert history is nets.history
    stopped = (~np.isnan(history.loss)).sum(axis=1)
    assert len(set(stopped.tolist())) > 1
    assert history.epochs == stopped.max()
    assert ((history.best_epoch >= 1) & (history.best_epoch <= stopped)).all()
    assert (history.updates == stopped).all()
    assert not history.diverged.any()
    best = np.nanmin(history.validation_loss, axis=1)
    assert (nets.loss(*HELD_OUT) <= best + 1e-3).all()


def test_validation_rows_may_have_weights():
    held_out = (*HELD_OUT, np.arange(12.0))
    nets, net = trained({"validation_data": held_out}), alone(2)
    net.fit(X, Y, epochs=5, validation_data=held_out)
    assert_same_network(nets[2], net)


@pytest.mark.parametrize("targets", ["Y", "LABELS"])
def test_each_member_may_be_validated_on_rows_of_its_own(targets):
    y, classes = (Y, {}) if targets == "Y" else (LABELS, CLASSIFIER)
    rows = [np.setdiff1d(np.arange(30), np.arange(k, 30, 5)) for k in range(M)]
    held = [np.arange(k, 30, 5 - k % 2) for k in range(M)]  # not all equally many
    how = {"epochs": 40, "early_stopping": EarlyStopping(2)}
    nets = population(**classes)
    nets.fit(X, y, rows=rows, validation_rows=held, **how)
    for k in range(M):
        net = alone(k, **classes)
        net.fit(X[rows[k]], y[rows[k]], validation_data=(X[held[k]], y[held[k]]), **how)
        assert_same_network(nets[k], net)
    mask = population(**classes)
    masks = np.array([np.isin(np.arange(30), some) for some in held])
    mask.fit(X, y, rows=rows, validation_rows=masks, **how)
    assert bits(mask) == bits(nets)


def test_validation_rows_may_be_sparse_or_of_another_type():
    x, y = HELD_OUT
    nets = trained({"validation_data": (x, y)}, dtype="float64")
    for other in (np.float64(x), csr_array(x), x.tolist()):
        again = trained({"validation_data": (other, y)}, dtype="float64")
        assert record(again.history) == record(nets.history)


def test_the_best_epoch_is_that_of_the_last_run():
    nets, net = trained(VALIDATED), alone(2)
    net.fit(X, Y, **VALIDATED)
    for each in (nets, net):
        each.fit(X, Y, epochs=2)
    assert nets.history.best_epoch[2] == net.history.best_epoch == 0


@pytest.mark.parametrize("optimizer", EVERY_OPTIMIZER)
def test_every_optimizer_continues_where_it_ended(optimizer, dtype):
    how = {"optimizer": optimizer, "batch_size": 7}
    nets, once = (population(dtype=dtype) for _ in range(2))
    nets.fit(X, Y, epochs=2, **how)
    nets.fit(X, Y, epochs=3, **how)
    once.fit(X, Y, epochs=5, **how)
    assert bits(nets) == bits(once)
    np.testing.assert_equal(record(nets.history), record(once.history))
    net = alone(M - 1, dtype=dtype)
    net.fit(X, Y, epochs=5, **how)
    assert_same_network(nets[M - 1], net)


def test_another_optimizer_starts_with_fresh_state():
    nets, net = population(), alone(2)
    for each in (nets, net):
        each.fit(X, Y, epochs=2)
        each.fit(X, Y, epochs=2, optimizer=SGD(0.1))
        each.fit(X, Y, epochs=2)
    assert_same_network(nets[2], net)


def test_each_member_has_its_own_penalties_and_learning_rate():
    l1, l2 = np.linspace(0, 0.1, M), np.linspace(0.2, 0, M)
    nets = trained({"learning_rate": RATES, "batch_size": 7}, l1=l1, l2=l2.tolist())
    for k in range(M):
        net = alone(k, l1=l1[k], l2=l2[k])
        net.fit(X, Y, epochs=5, batch_size=7, optimizer=adam(RATES[k]))
        assert_same_network(nets[k], net)
        assert (nets[k].l1, nets[k].l2) == (net.l1, net.l2)


@pytest.mark.parametrize("fit", [{"batch_size": 4}, {"batch_size": 1, "optimizer": SGD(0.01)}])
@pytest.mark.parametrize("threads", [1, 2])
def test_each_member_has_its_own_dropout_and_weights_of_rows(fit, threads):
    dropout = np.array([[0, 0], [0.5, 0.2], [0, 0.3], [0.9, 0], [0.1, 0.1]])
    weight = np.random.default_rng(0).uniform(0, 2, (M, len(X)))
    sizes = {"layer_sizes": (4, 6, 5, 3)}
    nets = trained(fit | {"sample_weight": weight, "threads": threads}, dropout=dropout, **sizes)
    for k in range(M):
        net = alone(k, dropout=tuple(dropout[k]), **sizes)
        net.fit(X, Y, epochs=5, sample_weight=weight[k], **fit)
        assert_same_network(nets[k], net)
        assert nets[k].dropout == net.dropout
    again = Population.of(nets)
    for both in (nets, again):  # continues with the same bits
        both.fit(X, Y, epochs=2, **fit)
    assert bits(again) == bits(nets)


@pytest.mark.parametrize("rate", [0.3, np.full(M, 0.3), np.full((M, 1), 0.3)])
def test_dropout_may_be_one_rate(rate):
    net = alone(2, dropout=0.3)
    net.fit(X, Y, epochs=5)
    assert_same_network(trained(dropout=rate)[2], net)


def test_weights_may_be_the_same_for_all_members():
    weight, own = np.arange(len(X)), [np.arange(k, 30) for k in range(M)]
    nets = trained({"sample_weight": weight, "rows": own})
    shared = trained({"sample_weight": weight})
    for k in range(M):
        net, whole = alone(k), alone(k)
        net.fit(X[own[k]], Y[own[k]], epochs=5, sample_weight=weight[own[k]])
        whole.fit(X, Y, epochs=5, sample_weight=weight)
        assert_same_network(nets[k], net)
        assert_same_network(shared[k], whole)


def test_a_learning_rate_replaces_that_of_the_optimizer():
    nets = [trained({"learning_rate": 0.03, "optimizer": adam(0.7), "schedule": WarmUp(0.5)}),
            trained({"learning_rate": [0.03] * M, "schedule": WarmUp(0.5)}),
            trained({"optimizer": adam(0.03), "schedule": WarmUp(0.5)})]  # fmt: skip
    assert bits(nets[0]) == bits(nets[1]) == bits(nets[2])


def some_rows():
    """Rows of each member, of three lengths; those of the last member repeat."""
    rng = np.random.default_rng(3)
    rows = [np.sort(rng.permutation(30)[: (20, 11, 20, 29)[k % 4]]) for k in range(M - 1)]
    return [*rows, rng.integers(0, 30, 20)]


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("fit", ["defaults", "all rows at once", "early stopping"])
@pytest.mark.parametrize("length", [1, 7, 1000])
def test_members_may_be_trained_on_their_own_rows(fit, threads, length, monkeypatch):
    calls_of(length, monkeypatch, population_run)
    how, rows = {"epochs": 6, "batch_size": 7, **FITS[fit]}, some_rows()
    nets = trained({**how, "rows": rows, "learning_rate": RATES, "threads": threads})
    for k in range(M):
        net = alone(k)
        net.fit(X[rows[k]], Y[rows[k]], **{**how, "optimizer": adam(RATES[k])})
        assert_same_network(nets[k], net)


@pytest.mark.parametrize("length", [7, 1000])
def test_many_members_with_rows_and_rates_of_their_own(length, monkeypatch):
    calls_of(length, monkeypatch, population_run)
    rng = np.random.default_rng(5)
    rows = [rng.permutation(30)[: 30 - k % 2] for k in range(140)]
    rates = np.geomspace(1e-3, 0.1, 140)
    nets = population(rng=140)
    nets.fit(X, Y, epochs=4, batch_size=7, rows=rows, learning_rate=rates)
    for k in (0, 1, 63, 64, 127, 128, 139):
        net = alone(k)
        net.fit(X[rows[k]], Y[rows[k]], epochs=4, batch_size=7, optimizer=adam(rates[k]))
        assert_same_network(nets[k], net)


def test_rows_may_be_masks():
    masks = np.random.default_rng(4).random((M, len(X))) < 0.6
    indices = [np.flatnonzero(mask).tolist() for mask in masks]
    nets = [trained({"rows": rows}) for rows in (masks, list(masks), indices)]
    assert bits(nets[0]) == bits(nets[1]) == bits(nets[2]) != bits(trained())


@pytest.mark.parametrize("hidden", [6, 700])
@pytest.mark.parametrize("threads", [2, 3, 99, None])
def test_bits_do_not_depend_on_the_number_of_threads(hidden, threads):
    how = {"epochs": 3, "validation_data": HELD_OUT, "learning_rate": RATES, "batch_size": 7}
    one, several = (
        trained({**how, "threads": number}, layer_sizes=(4, hidden, 3)) for number in (1, threads)
    )
    assert bits(one) == bits(several)
    np.testing.assert_equal(record(one.history), record(several.history))


CLASSIFIER = {"output_activation": "softmax", "loss": "softmax_cross_entropy"}


@pytest.mark.parametrize("hidden", [6, 300])
@pytest.mark.parametrize("targets", [LABELS, np.eye(3)[LABELS]], ids=["labels", "one-hot"])
def test_classifiers_have_the_bits_of_networks_alone(hidden, targets):
    settings = {"layer_sizes": (4, hidden, 3), **CLASSIFIER}
    nets = population(**settings)
    nets.fit(X, targets, epochs=4)
    for k in (0, M - 1):
        net = alone(k, **settings)
        net.fit(X, targets, epochs=4)
        assert_same_network(nets[k], net)
        assert nets.predict(X)[k].tobytes() == net.predict(X).tobytes()


@pytest.mark.parametrize("sizes", [(64, 100, 10), (4, 700, 3)])
@pytest.mark.parametrize(("length", "shuffle"), [(1, True), (1, False), (1000, True)])
def test_large_networks_have_the_bits_of_networks_alone(sizes, length, shuffle, monkeypatch):
    """They are trained one after the other."""
    calls_of(length, monkeypatch, population_run)
    rng = np.random.default_rng(0)
    x, y = (rng.standard_normal((40, n)).astype("f4") for n in (sizes[0], sizes[-1]))
    how = {"epochs": 2, "batch_size": 16, "shuffle": shuffle}
    nets = Population(sizes, rng=3)
    nets.fit(x, y, **how)
    for k in range(3):
        net = MLP(sizes, rng=k)
        net.fit(x, y, **how)
        assert_same_network(nets[k], net)
        assert nets.predict(x)[k].tobytes() == net.predict(x).tobytes()


def test_the_seeds_may_be_given():
    seeds = [7, np.int64(7), 2**70, np.random.SeedSequence(9)]
    nets = trained(rng=seeds)
    assert nets.size == len(nets) == 4
    assert nets.flat[0].tobytes() == nets.flat[1].tobytes() != nets.flat[2].tobytes()
    for k, seed in enumerate([7, 7, 2**70, np.random.SeedSequence(9)]):
        net = MLP(**SETTINGS, rng=seed)
        net.fit(X, Y, epochs=5)
        assert_same_network(nets[k], net)


@pytest.mark.parametrize("init", ["he_normal", "glorot_uniform"])
def test_initial_weights_are_those_of_networks_alone(init, dtype):
    nets = population(weight_init=init, dtype=dtype)
    for k in range(M):
        assert (
            nets[k]._weights.tobytes() == alone(k, weight_init=init, dtype=dtype)._weights.tobytes()
        )


def test_the_text_of_a_population_and_of_its_history():
    nets = population()
    assert repr(nets) == (
        "<Population of 5 MLP 4-6-3, tanh, identity, squared_error, float32, 0 epochs>"
    )
    assert repr(nets.history) == "<PopulationHistory: 5 members, no epochs yet>"
    nets.fit(X, Y, epochs=2)
    assert "5 members, 2 epochs" in repr(nets.history)
    assert repr(nets).endswith("2 epochs>")


def test_progress_is_shown_on_stderr(capsys):
    population().fit(X, Y, epochs=3, progress=True)
    out, err = capsys.readouterr()
    assert not out
    assert "epoch" in err
