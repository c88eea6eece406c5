"""Sequences and targets in every form that RNN takes, and clear errors for all others."""

import numpy as np
import pytest
from rnns import RETURNS, classifier, ragged, small, state_of, targets_for

import nncore

X = np.stack(ragged([4] * 6))  # (6, 4, 3)
Y = np.linspace(-1, 1, 12).reshape(6, 2)
CALLS = {
    "fit": lambda net, x, y: net.fit(x, y, epochs=1),
    "loss": lambda net, x, y: net.loss(x, y),
    "loss_and_gradients": lambda net, x, y: net.loss_and_gradients(x, y),
    "accuracy": lambda net, x, y: net.accuracy(x, y),
    "predict": lambda net, x, y: net.predict(x),
    "predict_class": lambda net, x, y: net.predict_class(x),
}
EVERY_CALL = pytest.mark.parametrize("call", CALLS)


@pytest.mark.parametrize(
    ("x", "error", "text"),
    [
        ([], ValueError, "X has no sequences, expected at least one"),
        ((), ValueError, "X has no sequences, expected at least one"),
        (np.zeros((6, 0, 3)), ValueError, "X has sequences of length 0, expected at least one"),
        ([X[0], X[1][:0]], ValueError, r"X\[1\] has no steps; expected at least one"),
        (X[0], ValueError, r"X has shape \(4, 3\), expected \(N, T, 3\): the network has 3"),
        (X[0], ValueError, r"for one sequence give X\[None\]$"),
        (X[0, 0], ValueError, r"X has shape \(3,\), expected \(N, T, 3\)"),
        (X[None], ValueError, r"X has shape \(1, 6, 4, 3\), expected \(N, T, 3\)"),
        (X[..., :2], ValueError, r"X has shape \(6, 4, 2\), expected \(N, T, 3\)"),
        (X.tolist(), TypeError, r"X\[0\] must be an array of shape \(T, 3\), got list: pass"),
        ([[1.0, 2.0], [3.0]], TypeError, r"X\[0\] must be an array of shape \(T, 3\), got list"),
        ([1.0, 2.0], TypeError, r"X\[0\] must be an array of shape \(T, 3\), got float"),
        ([X[0], None], TypeError, r"X\[1\] must be an array"),
        ([X[0], "text"], TypeError, r"X\[1\] must be an array"),
        ([X[0], X[1, :, :2]], ValueError, r"X\[1\] has shape \(4, 2\), expected \(T, 3\)"),
        ([X[0], X], ValueError, r"X\[1\] has shape \(6, 4, 3\), expected \(T, 3\)"),
        ([X[0], X[1].astype("U9")], TypeError, r"X\[1\] must contain numbers"),
        ([np.float64(1.5)], ValueError, r"X\[0\] must be an array, got a single number"),
        (np.array([*ragged([1, 2]), None], object)[:2], ValueError, "X is an array of objects"),
        (np.array([[1.0, 2.0], [3.0]], object), ValueError, "a list of arrays"),
        ("text", TypeError, "X must be an array of numbers, got str"),
        (None, TypeError, "X must be an array of numbers, got None"),
        (1.5, ValueError, "X must be an array, got a single number"),
        (np.ma.ones((2, 3, 3)), TypeError, "masked"),
        (X.astype(complex), TypeError, "X must contain numbers"),
    ],
)
@EVERY_CALL
def test_other_inputs_are_refused_and_change_nothing(call, x, error, text):
    net = small()
    before = state_of(net)
    with pytest.raises(error, match=text):
        CALLS[call](net, x, Y)
    assert state_of(net) == before


def test_sequences_of_single_numbers_need_a_last_axis():
    net = nncore.RNN([1, 3, 1], rng=0)
    with pytest.raises(ValueError, match=r"for sequences of single numbers give X\[\.\.\., None\]"):
        net.predict(np.zeros((5, 4)))
    with pytest.raises(ValueError, match=r"X\[0\] has shape \(4,\).*give X\[0\]\[:, None\]"):
        net.predict([np.zeros(4)])


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e300])
@pytest.mark.parametrize("listed", [False, True])
@pytest.mark.parametrize("call", ["fit", "loss", "loss_and_gradients", "accuracy"])
def test_numbers_that_are_not_finite_are_refused_by_sequence_step_and_column(call, listed, value):
    net, x = small(), X.astype(np.float64)
    x[4, 2, 1] = value
    if listed:
        x = [*ragged([2, 1]), x[4]]
    place = f"sequence {2 if listed else 4}, step 2, column 1"
    with pytest.raises(ValueError, match=rf"X has .* in {place}; expected"):
        CALLS[call](net, x, Y[: len(x)])
    if value == 1e300:
        assert np.isfinite(CALLS["loss"](small(dtype="float64"), x, Y[: len(x)]))


@pytest.mark.parametrize(
    ("y", "error", "text"),
    [
        (Y[:5], ValueError, "Y has 5 rows, expected 6"),
        (Y[:, 0], ValueError, r"Y has shape \(6,\), expected \(6, 2\)"),
        (np.zeros((6, 4, 2)), ValueError, r"Y has shape \(6, 4, 2\), expected \(6, 2\)"),
        (np.where(Y > 0.9, np.nan, Y), ValueError, "Y has nan in row 5, column 1"),
        ("text", TypeError, "Y must be an array of numbers"),
        (None, TypeError, "Y must be an array of numbers"),
    ],
)
@pytest.mark.parametrize("call", ["fit", "loss", "loss_and_gradients"])
def test_other_targets_at_the_end_are_refused(call, y, error, text):
    with pytest.raises(error, match=text):
        CALLS[call](small(), X, y)


STEPS = np.zeros((6, 4, 2))
BAD = STEPS.copy()
BAD[3, 1, 1] = np.nan


@pytest.mark.parametrize(
    ("y", "error", "text"),
    [
        (Y, ValueError, r"Y has shape \(6, 2\), expected \(6, 4\) or \(6, 4, 2\), one row"),
        (STEPS[:, :3], ValueError, r"Y has shape \(6, 3, 2\).*one row for each step of X"),
        (STEPS[:5], ValueError, r"Y has shape \(5, 4, 2\)"),
        (STEPS[..., None], ValueError, r"Y has shape \(6, 4, 2, 1\)"),
        (STEPS[..., 0], ValueError, r"the network has 2 output\(s\); for labels use"),
        (BAD, ValueError, "Y has nan in sequence 3, step 1, column 1; expected finite numbers"),
        ([[1.0], [2.0, 3.0]], ValueError, "Y cannot be converted to an array"),
        (None, TypeError, "Y must be an array of numbers"),
    ],
)
@pytest.mark.parametrize("call", ["fit", "loss", "loss_and_gradients"])
def test_other_targets_of_steps_are_refused(call, y, error, text):
    with pytest.raises(error, match=text):
        CALLS[call](small(returns="sequence"), X, y)


def test_targets_of_lists_have_the_lengths_of_the_sequences():
    net, x = small(returns="sequence"), ragged([3, 1, 5])
    y = targets_for(net, x)
    assert np.isfinite(net.loss(x, y))
    for wrong, text in (
        (y[:2], "Y has 2 rows, expected 3, as many as X has"),
        ([y[0], y[1], y[2][:4]], r"Y\[2\] has 4 steps, expected 5, as many as X\[2\] has"),
        ([y[0], y[1], y[2][:, 0]], r"Y\[2\] has rows of shape \(\), expected \(2,\)"),
        ([y[0], y[1], 5.0], r"Y\[2\] must be an array, got a single number"),
        (np.zeros((3, 3, 2)), r"Y\[1\] has 3 steps, expected 1"),
    ):
        with pytest.raises(ValueError, match=text):
            net.loss(x, wrong)


@RETURNS
def test_labels_and_one_hot_rows_are_the_same(returns):
    net = classifier(returns=returns)
    labels = np.arange(24).reshape(6, 4) // 3 % 2
    labels = labels[:, 0] if returns == "last" else labels
    loss = net.loss(X, labels)
    assert net.loss(X, np.eye(2)[labels]) == loss
    assert net.loss(X, labels.astype(float)) == loss
    assert net.loss(X, labels[..., None]) == loss
    with pytest.raises(IndexError, match="Y"):
        net.loss(X, labels + 1)
    with pytest.raises(ValueError, match="labels must be integers"):
        net.loss(X, labels + 0.5)


@RETURNS
def test_a_single_output_needs_no_last_axis(returns):
    net = small(layer_sizes=(3, 4, 1), returns=returns)
    y = np.linspace(-1, 1, 24).reshape(6, 4, 1)
    y = y if returns == "sequence" else y[:, 0]
    assert net.loss(X, y[..., 0]) == net.loss(X, y)
    ragged_y = list(y) if returns == "sequence" else y
    assert net.loss(list(X), ragged_y) == net.loss(X, y)


@pytest.mark.parametrize("dtype", ["i4", "u1", "f2", "f4", "f8", ">f8", "?"])
def test_other_types_of_numbers_are_converted(dtype):
    net, x = small(), (3 * X).astype(dtype)
    exact = x.astype(np.float32)
    np.testing.assert_array_equal(net.predict(x), net.predict(exact))
    assert net.loss(x, Y) == net.loss(exact, Y)
    assert net.loss([*x], Y) == net.loss(exact, Y)


def test_a_plain_array_of_the_networks_type_is_read_in_place():
    net = small()
    assert np.shares_memory(net._data(X, Y).x, X)
    assert not np.shares_memory(net._data(X[:, ::-1], Y).x, X)


def test_columns_of_inputs_may_be_any_that_numpy_converts():
    class Frame:
        """An object like a table of another library."""

        def __array__(self, dtype=None, copy=None):
            return X[0]

    np.testing.assert_array_equal(small().predict([Frame()])[0], small().predict(X[:1])[0])


@RETURNS
def test_weights_of_sequences_count_as_often(returns):
    net, x = small(returns=returns, dtype="float64"), ragged([3, 1, 5])
    y = targets_for(net, x)
    order = [0, 1, 1, 2, 2, 2]
    repeated = net.loss([x[n] for n in order], [y[n] for n in order])
    weighted, gradients = net.loss_and_gradients(x, y, sample_weight=[1, 2, 3])
    assert weighted == pytest.approx(repeated, rel=1e-12)
    assert net.loss(x, y, sample_weight=[1, 2, 3]) == weighted
    _, expected = net.loss_and_gradients([x[n] for n in order], [y[n] for n in order])
    for name, gradient in gradients.items():
        np.testing.assert_allclose(gradient, expected[name], atol=1e-12)
    for wrong in ([1, 2], [1, -1, 1], [0, 0, 0], [1, np.nan, 1], np.ones((3, 1))):
        with pytest.raises(ValueError, match="sample_weight"):
            net.loss(x, y, sample_weight=wrong)


@RETURNS
def test_chosen_sequences_keep_their_steps_targets_and_weights(returns):
    net, x = small(returns=returns), ragged((3, 1, 6, 4))
    y, weight = targets_for(net, x), np.array([1.0, 2, 3, 4], np.float32)
    chosen = [1, 3, 2]
    taken = net._data(x, y, weight).take(np.array(chosen))
    expected = net._data([x[n] for n in chosen], [y[n] for n in chosen])
    for name in ("x", "y", "starts"):
        np.testing.assert_array_equal(getattr(taken, name), getattr(expected, name))
    np.testing.assert_allclose(taken.weight, weight[chosen] / 2.5)


def test_a_target_too_large_for_the_network_is_named_by_its_place():
    net = nncore.RNN([2, 3, 2], returns="sequence", rng=0)
    y = np.zeros((6, 4, 2))
    y[3, 1, 1] = 1e300
    with pytest.raises(ValueError, match=r"^Y has 1e\+300 in sequence 3, step 1, column 1; "):
        net.fit(np.zeros((6, 4, 2)), y)
