"""Predictions and losses of populations are those of its networks."""

import numpy as np
import pytest
from populations import (
    HELD_OUT,
    LABELS,
    RATES,
    M,
    X,
    Y,
    bits,
    population,
    trained,
)
from sparse_networks import sparse

from nncore import SGD, EarlyStopping, Population
from nncore.registry import MLP_LOSSES, outputs_for

SOFTMAX = {"output_activation": "softmax"}
NETWORKS = {
    "small": {},
    "large": {"layer_sizes": (4, 700, 3)},
    "softmax": {**SOFTMAX, "loss": "softmax_cross_entropy"},
    "large softmax": {"layer_sizes": (4, 700, 3), **SOFTMAX, "loss": "softmax_cross_entropy"},
    "float64": {"dtype": "float64"},
    "no hidden layer": {"layer_sizes": (4, 3), "hidden_activation": ()},
}
EVERY_NETWORK = pytest.mark.parametrize("kind", NETWORKS)


@EVERY_NETWORK
@pytest.mark.parametrize("rows", [0, 1, 30])
def test_predictions_have_the_bits_of_the_members(kind, rows):
    nets = population(**NETWORKS[kind])
    outputs = nets.predict(X[:rows])
    assert outputs.shape == (M, rows, 3)
    assert outputs.dtype == nets.dtype
    for member, own in zip(nets, outputs, strict=True):
        assert own.tobytes() == member.predict(X[:rows]).tobytes()


@EVERY_NETWORK
def test_each_member_may_be_given_its_own_rows(kind):
    nets = population(**NETWORKS[kind])
    own = np.random.default_rng(0).standard_normal((M, 7, 4))
    outputs = nets.predict(own)
    assert outputs.shape == (M, 7, 3)
    for k in range(M):
        assert outputs[k].tobytes() == nets[k].predict(own[k]).tobytes()


def test_any_array_like_of_numbers_may_be_predicted():
    nets = population()
    expected = nets.predict(X.round()).tobytes()
    rounded = X.round().astype(np.int64)
    for form in (rounded, rounded.tolist(), np.asfortranarray(rounded), rounded.astype(">f8")):
        assert nets.predict(form).tobytes() == expected


def test_means_deviations_and_quantiles_are_those_of_the_members():
    nets = trained()
    outputs = np.stack([member.predict(X) for member in nets]).astype(np.float64)
    np.testing.assert_allclose(nets.mean(X), outputs.mean(axis=0), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(nets.std(X), outputs.std(axis=0), rtol=1e-4, atol=1e-6)
    levels = [0, 0.1, 0.5, 1]
    quantiles = nets.quantile(X, levels)
    np.testing.assert_allclose(
        quantiles, np.quantile(outputs, levels, axis=0), rtol=1e-5, atol=1e-6
    )
    np.testing.assert_array_equal(nets.quantile(X, 0.5), quantiles[2])
    np.testing.assert_array_equal(quantiles[0], outputs.min(axis=0))
    assert nets.mean(X).shape == nets.std(X).shape == Y.shape


@EVERY_NETWORK
def test_losses_have_the_bits_of_the_members(kind):
    nets = population(**NETWORKS[kind])
    y = LABELS if "softmax" in kind else Y
    losses = nets.loss(X, y)
    assert (losses.dtype, losses.shape) == (np.float64, (M,))
    assert losses.tolist() == [member.loss(X, y) for member in nets]


def test_losses_include_penalties():
    factors = np.array([0, 0.1, 0.1, 0.2, 0.3])
    nets = population(l1=factors, l2=factors[::-1])
    assert nets.loss(X, Y).tolist() == [member.loss(X, Y) for member in nets]
    assert (nets.loss(X, Y) > population().loss(X, Y)).all()


def test_losses_can_be_weighted():
    nets, weight = population(dropout=0.5), np.arange(len(X))
    losses = nets.loss(X, Y, sample_weight=weight)
    assert losses.tolist() == [member.loss(X, Y, sample_weight=weight) for member in nets]
    assert (losses != nets.loss(X, Y)).all()


# --- the best -------------------------------------------------------------------------------


def test_the_best_have_the_smallest_losses():
    nets = trained()
    order = np.argsort(nets.history.loss[:, -1])
    best = nets.best(3)
    assert isinstance(best, Population)
    assert [bits(member) for member in best] == [bits(nets[int(k)]) for k in order[:3]]
    assert bits(best.best(3)) == bits(best)
    before = bits(nets)
    best.fit(X, Y, epochs=1)
    assert bits(nets) == before


def test_the_best_by_given_losses_come_first_and_non_finite_ones_last():
    nets = population()
    best = nets.best(M, [np.nan, 2, -np.inf, 1, 2])
    order = [3, 1, 4, 0, 2]
    assert [bits(member) for member in best] == [bits(nets[k]) for k in order]


def test_the_best_have_the_smallest_validation_losses():
    nets = trained({"validation_data": HELD_OUT, "learning_rate": RATES})
    by = nets.history.validation_loss[:, -1]
    assert (
        by.argmin() != nets.history.loss[:, -1].argmin() or (by != nets.history.loss[:, -1]).all()
    )
    order = np.argsort(by)
    assert [bits(m) for m in nets.best(M)] == [bits(nets[int(k)]) for k in order]


def test_validation_losses_count_also_after_early_stopping():
    nets = trained({"validation_data": HELD_OUT, "early_stopping": EarlyStopping(2),
                    "learning_rate": RATES, "epochs": 40})  # fmt: skip
    last = [row[~np.isnan(row)][-1] for row in nets.history.validation_loss]
    assert np.isnan(nets.history.validation_loss[:, -1]).any()
    assert [bits(m) for m in nets.best(M)] == [bits(nets[int(k)]) for k in np.argsort(last)]


def test_members_that_diverged_come_last():
    nets = population()
    nets.fit(X, Y, epochs=9, optimizer=SGD(), learning_rate=[1e10, 0.1, 0.01, 0.1, 0.1])
    assert nets.history.diverged.tolist() == [True, False, False, False, False]
    assert bits(nets.best(M)[-1]) == bits(nets[0])


@pytest.mark.parametrize(
    ("how", "error", "text"),
    [
        ((M + 1,), ValueError, "count is 6, expected at most 5"),
        ((0,), ValueError, "count must be at least 1, got 0"),
        ((1.5,), TypeError, "count must be an integer, got float"),
        ((1,), ValueError, "losses must be given, as the population is not trained"),
        ((1, [1, 2]), ValueError, r"losses has shape \(2,\), expected \(5,\)"),
        ((1, ["a"] * M), TypeError, "losses must contain numbers"),
    ],
)
def test_impossible_choices_of_the_best_are_refused(how, error, text):
    with pytest.raises(error, match=text):
        population().best(*how)


# --- what is refused ------------------------------------------------------------------------

METHODS = pytest.mark.parametrize("method", ["predict", "mean", "std", "loss", "quantile"])
MORE = {"loss": (Y,), "quantile": (0.5,)}


@METHODS
@pytest.mark.parametrize(
    ("x", "error", "text"),
    [
        (sparse(30, 4), TypeError, "X must be dense for a population, got a sparse matrix"),
        (X[0], ValueError, r"X has shape \(4,\), expected \(N, 4\)"),
        (X[:, :3], ValueError, r"X has shape \(30, 3\), expected \(N, 4\)"),
        ("x", TypeError, "X must be an array of numbers, got str"),
        (X.astype(complex), TypeError, "X"),
        (None, TypeError, "X"),
        (np.zeros((1, 1, 1, 4)), ValueError, "X"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(method, x, error, text):
    with pytest.raises(error, match=text):
        getattr(population(), method)(x, *MORE.get(method, ()))


@pytest.mark.parametrize("shape", [(M - 1, 3, 4), (M, 3, 5)])
def test_own_rows_of_other_members_are_refused(shape):
    with pytest.raises(ValueError, match=r"X has shape .* or \(5, N, 4\) with rows of each"):
        population().predict(np.zeros(shape))


@pytest.mark.parametrize("q", [-0.1, 1.1, [0.5, np.nan]])
def test_quantiles_outside_0_to_1_are_refused(q):
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        population().quantile(X, q)


@pytest.mark.parametrize("loss", MLP_LOSSES)
def test_targets_are_checked_as_for_a_network(loss):
    nets = Population((4, 3), (), outputs_for(loss)[0], loss, rng=2)
    for y in (np.full((30, 3), np.nan), Y[:5], "y", np.full(30, 3)):
        with pytest.raises((ValueError, TypeError, IndexError), match="Y"):
            nets.loss(X, y)
