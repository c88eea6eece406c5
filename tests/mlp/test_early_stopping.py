"""Validation and early stopping of MLP."""

import numpy as np
import pytest
from mlp_runs import LABELS, X, Y, fitted
from mlps import classifier, same, small, weights

from nncore import (
    SGD,
    Adam,
    EarlyStopping,
)


def test_validation_data_is_measured_after_every_epoch():
    net, seen = classifier(), []
    held_out = X[20:], LABELS[20:]
    history = net.fit(
        X[:20], LABELS[:20], epochs=4, validation_data=held_out,
        callbacks=[lambda e: seen.append((e.model.loss(*held_out), e.model.accuracy(*held_out)))],
    )  # fmt: skip
    np.testing.assert_allclose(history.validation_loss, [loss for loss, _ in seen], rtol=1e-5)
    np.testing.assert_allclose(history.validation_accuracy, [share for _, share in seen])
    alone = classifier()
    alone.fit(X[:20], LABELS[:20], epochs=4)
    assert same(weights(alone), weights(net))


def test_the_validation_loss_has_no_penalties():
    free, net = small(), small(l2=1.0)
    for one in (free, net):
        one.fit(X, Y, optimizer=SGD(0.0), epochs=1, validation_data=(X, Y))
    assert net.history.validation_loss == free.history.validation_loss
    assert net.history.loss[0] > free.history.loss[0] + 1


def test_epochs_without_validation_are_nan():
    net = small()
    net.fit(X, Y, epochs=2)
    net.fit(X, Y, epochs=3, validation_fraction=0.2)
    net.fit(X, Y, epochs=1)
    losses = net.history.validation_loss
    assert np.isfinite(losses).tolist() == [False, False, True, True, True, False]
    assert np.isnan(net.history.validation_accuracy).all()  # no classes
    assert len(net.history.validation_accuracy) == net.history.epochs == 6


@pytest.mark.parametrize(("fraction", "updates"), [(0.1, 27), (0.5, 15), (0.96, 2), (0.04, 29)])
def test_a_fraction_of_the_rows_is_held_out(fraction, updates):
    net = fitted({"validation_fraction": fraction, "epochs": 1, "batch_size": 1})
    assert net.history.updates == updates
    assert np.isfinite(net.history.validation_loss).all()


def test_rows_held_out_are_not_trained_on():
    """A row that would change the network has no effect if it is held out."""
    held = []
    for bad in range(30):
        y = Y.copy()
        y[bad] += 100
        net = small()
        net.fit(X, y, epochs=1, optimizer=SGD(1e-4), validation_fraction=0.3)
        held.append(net.history.validation_loss[0] > 500)
        assert held[-1] == (net.history.loss[0] < 500)
    assert sum(held) == 9


@pytest.mark.parametrize(
    ("single", "accuracy"), [("sigmoid", True), ("softmax", True), ("identity", False)]
)
def test_accuracy_is_measured_if_targets_are_classes(single, accuracy):
    if single == "sigmoid":
        net, y = small(layer_sizes=(4, 1), output_activation="sigmoid",
                       loss="binary_cross_entropy"), LABELS > 0  # fmt: skip
    else:
        net, y = (classifier(), LABELS) if single == "softmax" else (small(), Y)
    net.fit(X, y, epochs=2, validation_data=(X, y))
    told = net.history.validation_accuracy[-1]
    if accuracy:
        assert told == net.accuracy(X, y)
    else:
        assert np.isnan(told)


def test_early_stopping_restores_the_best_parameters():
    net, kept = small(hidden_activation="tanh"), []
    history = net.fit(
        X[:15], Y[:15], optimizer=Adam(0.1), epochs=500, validation_data=(X[15:], Y[15:]),
        early_stopping=EarlyStopping(patience=7),
        callbacks=[lambda event: kept.append(weights(event.model))],
    )  # fmt: skip
    best = int(np.argmin(history.validation_loss))
    assert history.best_epoch == best + 1
    assert history.epochs == best + 1 + 7 < 500
    assert same(weights(net), kept[best])
    assert not same(weights(net), kept[-1])
    np.testing.assert_allclose(net.loss(X[15:], Y[15:]), history.validation_loss[best], rtol=1e-5)
    assert f"best after epoch {best + 1}" in repr(history)


def test_early_stopping_without_validation_watches_the_training_loss():
    net = small()
    net.fit(X, Y, optimizer=SGD(0.0), epochs=50, batch_size=30, early_stopping=EarlyStopping(3))
    assert net.history.epochs == 4
    assert net.history.best_epoch == 1
    net.fit(X, Y, optimizer=SGD(0.01), epochs=50, batch_size=30,
            early_stopping=EarlyStopping(3, min_delta=1e6))  # fmt: skip
    assert net.history.epochs == 4 + 4


@pytest.mark.parametrize(
    ("constants", "error", "message"),
    [
        ({"patience": 0}, ValueError, "EarlyStopping: patience must be at least 1, got 0"),
        ({"patience": 1.5}, TypeError, "EarlyStopping: patience must be an integer, got float"),
        ({"min_delta": -1}, ValueError, "EarlyStopping: min_delta must be 0 or positive, got -1"),
        ({"min_delta": np.nan}, ValueError, "EarlyStopping: min_delta must be 0 or positive"),
        ({"min_delta": "0"}, TypeError, "EarlyStopping: min_delta must be a number, got str"),
    ],
)
def test_constants_of_early_stopping_are_checked(constants, error, message):
    with pytest.raises(error, match=message):
        EarlyStopping(**constants)
