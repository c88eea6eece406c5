"""What follows from the rows of the registry: fast prediction, classes, accuracy, trace."""

import numpy as np
import pytest

from nncore import MLP, SGD
from nncore.arguments import mlp as mlp_arguments
from nncore.registry import ACTIVATIONS, LOSS_ROW, MLP_LOSSES, SIGNS, outputs_for

X = np.random.default_rng(4).standard_normal((40, 3))
LABELS = (X[:, 0] > 0.2).astype(int)


def network(loss, outputs=1):
    activation = outputs_for(loss)[0]
    outputs = max(2, outputs) if activation == "softmax" or LOSS_ROW[loss].takes_labels else outputs
    return MLP((3, 4, outputs), "tanh", activation, loss, dtype="float64", rng=0)


def targets(loss, net, labels=LABELS):
    """The labels as targets that a loss is made for."""
    if net.layer_sizes[-1] > 1:
        one_hot = np.eye(2)[labels]
        return 2 * one_hot - 1 if LOSS_ROW[loss].targets == SIGNS else one_hot
    low = -1 if LOSS_ROW[loss].targets == SIGNS else 0
    return np.where(labels == 1, 1, low)[:, None]


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_predictions_of_every_activation_are_checked_in_compiled_code(activation, monkeypatch):
    """The checks in Python take twenty times as long as a small network."""
    net = MLP((4, 8, 2), "tanh" if activation == "softmax" else activation, activation, rng=0)
    x = np.ones((1, 4), np.float32)
    expected = net.predict(x)

    def refused(*args):
        raise AssertionError("checked in Python")

    monkeypatch.setattr(mlp_arguments, "predict", refused)
    np.testing.assert_array_equal(net.predict(x), expected)


CLASSIFIERS = ["binary_cross_entropy", "softmax_cross_entropy", "hinge", "squared_hinge", "focal"]


@pytest.mark.parametrize("loss", CLASSIFIERS)
def test_losses_of_classes_need_two_to_train_on(loss):
    net = network(loss)
    y = targets(loss, net, np.ones(40, int))
    with pytest.raises(ValueError, match="Y has only one class"):
        net.fit(X, y, epochs=1)
    assert net.history.epochs == 0


@pytest.mark.parametrize("loss", MLP_LOSSES)
@pytest.mark.parametrize("outputs", [1, 2])
def test_the_accuracy_in_the_history_is_that_of_the_network(loss, outputs):
    net = network(loss, outputs)
    y = targets(loss, net)
    events = []
    net.fit(X, y, epochs=3, optimizer=SGD(0.05), validation_data=(X, y), callbacks=[events.append])
    assert net.history.validation_accuracy[-1] == pytest.approx(net.accuracy(X, y))
    assert events[-1].validation_accuracy == net.history.validation_accuracy[-1]


@pytest.mark.parametrize("held_out", [0, 1])
@pytest.mark.parametrize("loss", ["hinge", "binary_cross_entropy"])
def test_held_out_rows_of_a_single_class_are_measured_at_the_same_threshold(loss, held_out):
    net = network(loss)
    y, rows = targets(loss, net), held_out == LABELS
    net.fit(X, y, epochs=2, validation_data=(X[rows], y[rows]))
    assert net.history.validation_accuracy[-1] == pytest.approx(net.accuracy(X[rows], y[rows]))


def test_targets_that_are_not_classes_have_no_accuracy():
    net = MLP((3, 4, 1), "tanh", "tanh", rng=0)
    net.fit(X, LABELS, epochs=1, validation_data=(X, LABELS))  # -1 and 1 are the classes of tanh
    assert np.isnan(net.history.validation_accuracy[-1])
    net.fit(X, 2 * LABELS - 1, epochs=1, validation_data=(X, 2 * LABELS - 1))
    assert net.history.validation_accuracy[-1] == net.accuracy(X, 2 * LABELS - 1)


@pytest.mark.parametrize("loss", MLP_LOSSES)
def test_formulas_of_the_last_gradient_fit_their_values(loss):
    net = network(loss, 2)
    y = targets(loss, net)[:5]
    labels = LABELS[:5] if LOSS_ROW[loss].takes_labels else y
    result = net.trace(X[:5], labels)
    formula = {line.split(" = ")[0]: line for line in str(result).splitlines() if " = " in line}
    if "dz2 = (a2 - " in formula["dz2"]:
        one_hot = np.eye(2)[labels] if labels.ndim == 1 else labels
        np.testing.assert_allclose(result["dz2"], (result["a2"] - one_hot) / 5)
    else:
        assert f"{loss}'" in formula["dz2"] + formula.get("da2", "")
