"""MLP.loss, MLP.loss_and_gradients and MLP.trace against their definitions."""

import numpy as np
import pytest
from mlp_targets import FITTING, LABELS, X, Y, answers
from mlps import BACKENDS, classifier, same, small, weights

from nncore import MLP, Adam, reference
from nncore.registry import ACTIVATIONS, LOSS_ROW

# --- loss and gradients -------------------------------------------------------------------------


def by_definition(loss, outputs, y):
    """The mean over rows of each loss, as its docstring has it, in float64.

    Those that have no formula here have one in `reference`, which other tests check.
    """
    y = y if y.dtype.kind == "i" else y.astype(np.float64)
    d = outputs - y if not LOSS_ROW[loss].takes_labels else None
    formulas = {
        "squared_error": lambda: (d**2).sum(axis=1),
        "half_squared_error": lambda: (d**2).sum(axis=1) / 2,
        "absolute_error": lambda: np.abs(d).sum(axis=1),
        "huber": lambda: np.where(np.abs(d) > 1, np.abs(d) - 0.5, d**2 / 2).sum(axis=1),
        "binary_cross_entropy": lambda: -(
            y * np.log(outputs) + (1 - y) * np.log(1 - outputs)
        ).sum(axis=1),
        "softmax_cross_entropy": lambda: -np.log(outputs[np.arange(len(y)), y]),
    }  # fmt: skip
    if loss in formulas:
        return float(np.mean(formulas[loss]()))
    return getattr(reference, loss)(outputs, y)[0] / len(y)


def logits(outputs, activation):
    """What gives these outputs of a sigmoid."""
    return np.log(outputs / (1 - outputs)) if activation == "sigmoid" else outputs


def normalised(logits):
    e = np.exp(logits)
    return e / e.sum(axis=1, keepdims=True)


@BACKENDS
@pytest.mark.parametrize(("activation", "loss"), FITTING)
def test_the_loss_is_the_mean_over_rows_of_the_sum_over_outputs(backend, activation, loss):
    net = small(output_activation=activation, loss=loss, dtype="float64", backend=backend)
    y, outputs = answers(loss), net.predict(X)
    if loss == "softmax_cross_entropy" and activation == "identity":
        outputs = normalised(outputs)
    if LOSS_ROW[loss].takes_logits == "sigmoid":
        outputs = logits(outputs, activation)
    assert net.loss(X, y) == pytest.approx(by_definition(loss, outputs, y), rel=1e-10)
    assert net.loss(X, y) == net.loss_and_gradients(X, y)[0]


@BACKENDS
def test_penalties_are_of_weights_and_not_of_biases(backend):
    free = small(weight_init="normal", dtype="float64", backend=backend)
    net = small(weight_init="normal", dtype="float64", backend=backend, l1=0.1, l2=0.3)
    w = [net.parameters[name] for name in ("w1", "w2")]
    penalty = sum(0.1 * np.abs(a).sum() + 0.15 * (a**2).sum() for a in w)
    assert net.loss(X, Y) == pytest.approx(free.loss(X, Y) + penalty, rel=1e-12)
    gradients, without = (n.loss_and_gradients(X, Y)[1] for n in (net, free))
    for name, array in net.parameters.items():
        added = 0.1 * np.sign(array) + 0.3 * array if name[0] == "w" else 0
        np.testing.assert_allclose(gradients[name], without[name] + added, rtol=1e-10)


def test_dropout_is_for_training_only():
    with_, without = small(dropout=0.5), small()
    assert with_.predict(X).tobytes() == without.predict(X).tobytes()
    assert with_.loss(X, Y) == without.loss(X, Y)


@BACKENDS
def test_cross_entropies_of_certain_predictions_are_finite_and_exact(backend):
    """No probability is rounded to 0: the loss is computed from the logits."""
    start = {"w1": [[200.0]], "b1": [0]}
    net = MLP((1, 1), (), "sigmoid", "binary_cross_entropy", weight_init=start, backend=backend)
    assert net.loss([[-1]], [1]) == pytest.approx(200)
    start = {"w1": [[200.0, 0.0]], "b1": [0, 0]}
    for activation in ("softmax", "identity"):
        net = MLP((1, 2), (), activation, "softmax_cross_entropy", weight_init=start,
                  backend=backend)  # fmt: skip
        assert net.loss([[1]], [1]) == pytest.approx(200)


def test_weights_of_rows_count_like_repetitions():
    net = small(dtype="float64")
    chosen = [0, 2, 2, 2]
    loss, gradients = net.loss_and_gradients(X[:3], Y[:3], sample_weight=[1, 0, 3])
    repeated, expected = net.loss_and_gradients(X[chosen], Y[chosen])
    assert loss == pytest.approx(repeated, rel=1e-12)
    assert net.loss(X[:3], Y[:3], sample_weight=[1, 0, 3]) == loss
    for name, gradient in gradients.items():
        np.testing.assert_allclose(gradient, expected[name], rtol=1e-10, atol=1e-14)


# --- trace --------------------------------------------------------------------------------------


@BACKENDS
@pytest.mark.parametrize(("activation", "loss"), FITTING)
@pytest.mark.parametrize("hidden", ACTIVATIONS)
def test_the_trace_has_the_loss_and_gradients(backend, hidden, activation, loss):
    net = MLP((4, 6, 5, 3), hidden, activation, loss, 0.01, 0.02, dtype="float64",
              backend=backend, rng=0)  # fmt: skip
    y = answers(loss)
    trace, (objective, gradients) = net.trace(X, y), net.loss_and_gradients(X, y)
    assert trace["loss"] == pytest.approx(objective, rel=1e-12)
    for name, gradient in gradients.items():
        np.testing.assert_allclose(trace[f"d{name}"], gradient, rtol=1e-9, atol=1e-14)
    np.testing.assert_allclose(trace["a3"], net.predict(X), rtol=1e-12)


def test_the_trace_lists_arrays_in_the_order_of_computation():
    trace = small().trace(X, Y)
    forward = ["x", "w1", "b1", "z1", "a1", "w2", "b2", "z2", "a2", "y", "loss"]
    assert list(trace) == [*forward, "da2", "dz2", "dw2", "db2", "da1", "dz1", "dw1", "db1"]
    assert {name: trace[name].shape for name in ("x", "z1", "a2", "da1", "dw1", "db2")} == {
        "x": (30, 4), "z1": (30, 6), "a2": (30, 3), "da1": (30, 6), "dw1": (4, 6), "db2": (3,),
    }  # fmt: skip
    np.testing.assert_allclose(trace["z1"], trace["x"] @ trace["w1"] + trace["b1"], atol=1e-5)
    np.testing.assert_allclose(trace["db2"], trace["dz2"].sum(axis=0), atol=1e-5)
    assert "z1" in repr(trace)
    with pytest.raises(KeyError):
        trace["z3"]


def test_the_trace_prints_formulas_and_numbers():
    start = {"w1": [[0.5], [-1.0]], "b1": [0.25]}
    net = MLP((2, 1), (), "sigmoid", "half_squared_error", l2=0.5, weight_init=start)
    text = str(net.trace([1, 2], [1]))
    for line in (
        "z1 = x @ w1 + b1   (1 x 1)",
        "a1 = sigmoid(z1)   (1 x 1)",
        "loss = half_squared_error(a1, y) + penalties = ",
        "da1 = half_squared_error'(a1, y)",
        "dz1 = da1 * sigmoid'(z1)",
        "dw1 = x.T @ dz1 + l2 w1   (2 x 1)",
        "db1 = sum of the rows of dz1",
        "[[-1.25]]",
    ):
        assert line in text
    assert "(a1 - one-hot y) / 30" in str(classifier(layer_sizes=(4, 3)).trace(X, LABELS))


def test_a_single_row_can_be_traced():
    for net, y in ((small(), Y), (classifier(), LABELS)):
        alone, batch = net.trace(X[3], y[3]), net.trace(X[3:4], y[3:4])
        assert list(alone) == list(batch)
        assert all(np.array_equal(alone[name], batch[name]) for name in batch)
        with pytest.raises(TypeError, match=r"Y must .* got NoneType"):
            net.trace(X[3], None)


def test_a_trace_does_not_follow_later_training():
    net = small()
    x, y = X.copy(), Y.copy()
    trace = net.trace(x, y)
    kept = {name: np.array(value) for name, value in trace.items()}
    net.fit(X, Y, epochs=2, optimizer=Adam(0.1))
    x[...] = y[...] = 7
    assert all(np.array_equal(trace[name], kept[name]) for name in trace)
    before = weights(net)
    trace["w1"][...] = 0
    assert same(weights(net), before)


@pytest.mark.parametrize(
    ("output", "y", "error", "message"),
    [
        ("softmax", np.eye(2)[[0] * 30], ValueError, r"Y has shape \(30, 2\), expected \(30, 3\)"),
        ("softmax", np.full((30, 3), np.nan), ValueError, "Y has nan in row 0, column 0"),
        ("softmax", [3] * 30, IndexError, "Y has 3, expected 0 to 2"),
        ("softmax", np.zeros((30, 2, 2)), ValueError, "Y has shape"),
        ("sigmoid", [0, 7] * 15, ValueError, "Y has 7, expected 0 and 1, the two classes"),
        ("tanh", [0, 1] * 15, ValueError, "Y has 0, expected -1 and 1, the two classes"),
        ("sigmoid", np.zeros((30, 3)), ValueError, r"Y has shape \(30, 3\), expected \(30, 1\)"),
        ("sigmoid", np.zeros((30, 1, 1)), ValueError, "Y has shape"),
        ("sigmoid", [0] * 29, ValueError, "Y has 29 rows, expected 30, as many as X has"),
        ("sigmoid", None, TypeError, "Y must be an array of numbers, got NoneType"),
    ],
)
def test_accuracy_refuses_targets_that_are_not_classes(output, y, error, message):
    net = MLP([4, 3 if output == "softmax" else 1], (), output, rng=0)
    with pytest.raises(error, match=message):
        net.accuracy(X, y)


def test_rows_without_a_class_are_reported():
    x = X.copy()
    x[7, 2] = np.nan
    net = small()
    with pytest.raises(ValueError, match="X leads to NaN in row 7, which has no class"):
        net.predict_class(x)
    with pytest.raises(ValueError, match="X has nan in row 7, column 2"):
        net.accuracy(x, LABELS)
    assert np.isnan(net.predict(x)).any(axis=1).tolist() == [row == 7 for row in range(len(x))]


@pytest.mark.parametrize("name", ["shuffle", "progress", "resume"])
def test_flags_are_true_or_false(name):
    with pytest.raises(TypeError, match=f"{name} must be True or False, got 'yes'"):
        small().fit(X, Y, **{name: "yes"})


def test_accuracy_needs_rows_and_a_class_for_each():
    net = small()
    with pytest.raises(ValueError, match=r"^X has no rows; expected at least one$"):
        net.accuracy(X[:0], LABELS[:0])
    with pytest.raises(ValueError, match=r"^Y has 2 rows, expected 3, as many as X has$"):
        net.accuracy(X[:3], LABELS[:2])
