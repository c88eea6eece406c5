"""The diagnosis of a start that did not learn XOR, and its numbers."""

import numpy as np
import pytest

from nncore import MLP, SGD, Adam, DivergenceError
from nncore.trainers.xor.diagnosis import diagnose
from nncore.trainers.xor.train import train_xor, xor_data

STUCK = 8  # a seed with which 2 hidden units do not learn


@pytest.mark.parametrize(
    ("settings", "kind", "evidence"),
    [
        ({"rng": STUCK}, "saddle", "the gradient's norm is 5"),
        ({"hidden_activation": "relu"}, "dead units", "1 of 2 hidden units have a slope of 0"),
        ({"epochs": 20}, "still learning", "the gradient's norm is 9"),
        ({"optimizer": SGD(1000)}, "step too large", "ended at"),
        ({"optimizer": Adam(20)}, "step too large", "rose by"),
        (
            {"optimizer": SGD(1e30), "hidden_activation": "relu"},
            "step too large",
            "training diverged after update 1",
        ),
    ],
    ids=["stuck", "relu", "short", "huge", "swinging", "diverging"],
)
def test_the_diagnosis_gives_the_cause_with_numbers(settings, kind, evidence):
    result = train_xor(2, max_restarts=0, **settings)
    (diagnosis,) = result.diagnoses
    assert diagnosis.kind == kind
    assert evidence in diagnosis.evidence
    assert str(diagnosis) == f"{kind}: {diagnosis.evidence}"
    assert np.isfinite(result.loss)


def trained_with(changes, **settings):
    net, (X, Y) = MLP((2, 3, 2), "sigmoid", "softmax", "softmax_cross_entropy", rng=0), xor_data()
    net.fit(X, Y, optimizer=SGD(0), epochs=20, **settings)
    for name, value in changes.items():
        net.parameters[name][...] = value
    return net, X, Y


def test_saturated_units_count_as_dead():
    diagnosis = diagnose(*trained_with({"w1": 0, "b1": [30, 30, 0.1], "w2": 0, "b2": 0}))
    assert diagnosis.kind == "dead units"
    assert diagnosis.evidence.startswith("2 of 3 hidden units have a slope of 0 in every row")


def test_a_few_dead_units_are_mentioned_but_not_as_the_cause():
    diagnosis = diagnose(*trained_with({"w1": 0, "b1": [30, 0.1, 0.1], "w2": 0, "b2": 0}))
    assert diagnosis.kind == "saddle"
    assert diagnosis.evidence.endswith("; 1 of 3 hidden units have a slope of 0 in every row")
    assert "norm is 0.0e+00 at a loss of 0.6931" in diagnosis.evidence


def test_units_of_softmax_are_never_called_dead():
    result = train_xor(2, hidden_activation="softmax", epochs=2, max_restarts=0)
    assert "slope" not in result.diagnoses[0].evidence


def test_errors_that_ended_training_are_reported_without_advice():
    error = DivergenceError("training diverged after update 3: nan. The parameters. Try less")
    assert diagnose(*trained_with({}), error).evidence == "training diverged after update 3: nan"
