"""check_gradients: correct gradients pass, wrong ones are found, kinks are ignored."""

import dataclasses

import numpy as np
import pytest

from nncore import MLP, Adam, CharRNN
from nncore.gradients import check_gradients

XOR = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
ANSWERS = np.array([0, 1, 1, 0])


def batch(inputs=4, outputs=3, rows=9, seed=0):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((rows, inputs)), rng.standard_normal((rows, outputs))


def spoil(monkeypatch, name, at, factor=1.001, added=0.0):
    true = MLP.loss_and_gradients

    def spoiled(self, *args, **kwargs):
        loss, gradients = true(self, *args, **kwargs)
        gradients[name][at] = gradients[name][at] * factor + added
        return loss, gradients

    monkeypatch.setattr(MLP, "loss_and_gradients", spoiled)


@pytest.mark.parametrize("backend", ["compiled", "numpy"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("hidden", ["tanh", "relu", "leaky_relu"])
@pytest.mark.parametrize("loss", ["squared_error", "absolute_error", "huber"])
def test_correct_gradients_pass(backend, dtype, hidden, loss):
    net = MLP((4, 6, 5, 3), hidden, loss=loss, l2=0.1, dtype=dtype, backend=backend, rng=1)
    result = check_gradients(net, *batch())
    assert result.ok
    assert result.error < 1e-6
    assert result.checked + result.kinks == result.total == 5 * 6 + 7 * 5 + 6 * 3
    assert result.kinks == 0


def test_the_largest_error_is_reported_even_if_it_is_small():
    net, (x, y) = MLP((4, 6, 3), "tanh", dtype="float64", rng=0), batch()
    result = check_gradients(net, x, y)
    away = abs(result.analytic - result.numerical)
    assert result.error == pytest.approx(away / abs(result.analytic), rel=0.01)
    assert 0 < result.error < 1e-6
    _, gradients = net.loss_and_gradients(x, y)
    name, at = result.parameter.rstrip("]").split("[")
    at = tuple(map(int, at.split(",")))
    assert gradients[name][at] == result.analytic
    others = [check_gradients(net, x, y, sample=20, rng=seed).error for seed in range(5)]
    assert max(others) <= result.error


@pytest.mark.parametrize(("name", "at", "text"), [("w1", (2, 0), "w1[2, 0]"), ("b2", 2, "b2[2]")])
def test_a_wrong_derivative_is_found_and_named(monkeypatch, name, at, text):
    spoil(monkeypatch, name, at)
    result = check_gradients(MLP((4, 6, 3), "tanh", rng=0), *batch())
    assert not result.ok
    assert result.parameter == text
    assert result.error == pytest.approx(1e-3, rel=0.01)
    assert result.analytic == pytest.approx(1.001 * result.numerical, rel=1e-6)
    assert "WRONG" in repr(result)
    assert text in repr(result)
    assert "\n" not in repr(result)


def test_points_where_relu_has_no_derivative_are_left_out_and_counted():
    net = MLP((2, 8, 1), "relu", "sigmoid", "binary_cross_entropy", rng=0)
    result = check_gradients(net, XOR, ANSWERS)  # the row 0, 0 leaves every relu at 0
    assert result.ok
    assert result.kinks == 8  # b1
    assert "8 at kinks skipped" in repr(result)


def test_kinks_do_not_hide_wrong_derivatives(monkeypatch):
    spoil(monkeypatch, "w1", (1, 3), added=0.01)
    net = MLP((2, 8, 1), "relu", "sigmoid", "binary_cross_entropy", rng=0)
    result = check_gradients(net, XOR, ANSWERS)
    assert not result.ok
    assert result.parameter == "w1[1, 3]"


@pytest.mark.parametrize("distance", [1e-7, 1e-6, 5e-6])
def test_a_kink_within_the_step_is_not_an_error(distance):
    net = MLP((1, 1), loss="absolute_error", dtype="float64", weight_init={"w1": [[1]], "b1": [0]})
    result = check_gradients(net, [[2.0]], [[2.0 - distance]])
    assert result.error < 1e-6
    assert result.checked == (2 if distance > 6e-7 else 1)


@pytest.mark.parametrize("at", [-0.9, 0.0, 0.9])
def test_correct_derivatives_pass_wherever_the_kink_is(at):
    for h in np.geomspace(1e-9, 1e-5, 60):
        start = {"w1": [[1]], "b1": [h * at]}
        net = MLP((1, 1), output_activation="relu", dtype="float64", weight_init=start)
        assert not check_gradients(net, [[0.0]], [[1.0]]).error > 1e-5


def test_a_network_with_all_points_on_kinks_is_not_ok():
    net = MLP((1, 1), output_activation="relu", weight_init={"w1": [[0]], "b1": [0]})
    result = check_gradients(net, [[2.0]], [[1.0]])
    assert (result.checked, result.kinks, result.ok) == (0, 2, False)
    assert "nothing compared, 2 of 2 parameters at kinks" in repr(result)


@pytest.mark.parametrize("h", [None, 1e-4])
def test_a_jump_of_the_second_derivative_is_not_an_error(h):
    """Hidden units are at the kink of relu, where the slopes of the two rows cancel."""
    net = MLP([3, 4, 2], "relu", "softmax", "softmax_cross_entropy", rng=0)
    result = check_gradients(net, np.zeros((2, 3)), [0, 1], h=h)
    assert result.ok
    assert result.checked == result.total


def test_steps_that_leave_out_nearly_all_points_are_not_ok():
    net = MLP([2, 3, 2], "relu", "softmax", "softmax_cross_entropy", rng=0)
    result = check_gradients(net, [[1, 2], [3, 4]], [0, 1], h=1e10)
    assert 0 < result.checked < result.kinks
    assert not result.ok
    assert "too little compared" in repr(result)
    assert check_gradients(net, [[1, 2], [3, 4]], [0, 1]).ok


def test_large_networks_are_sampled_and_the_result_says_so():
    net = MLP((40, 60, 3), "tanh", rng=0)
    x, y = batch(40, rows=2)
    by_default = check_gradients(net, x, y)
    assert (by_default.checked, by_default.total) == (2000, 41 * 60 + 61 * 3)
    assert "2000 of 2643 parameters" in repr(by_default)
    few = [check_gradients(net, x, y, sample=20, rng=seed) for seed in (0, 0, 1)]
    assert [result.checked for result in few] == [20, 20, 20]
    assert few[0] == few[1]
    assert few[0] != few[2]
    assert check_gradients(net, x, y, sample=10**9).checked == 2643


def test_the_network_stays_as_it_was():
    net = MLP((4, 6, 3), rng=0, dropout=0.5)
    x, y = batch()
    net.fit(x, y, epochs=2)
    before = net._weights.tobytes(), net._counters.tobytes(), net._slots.tobytes()
    assert check_gradients(net, x, y).ok
    assert (net._weights.tobytes(), net._counters.tobytes(), net._slots.tobytes()) == before
    assert net.dtype == np.float32


def test_labels_probabilities_and_subclasses_are_checked_too():
    x, _ = batch()
    labels = np.arange(9) % 3
    assert check_gradients(
        MLP((4, 5, 3), "tanh", "softmax", "softmax_cross_entropy", rng=0), x, labels
    ).ok
    for activation in ("sigmoid", "softmax"):
        net = MLP((4, 5, 3), "sigmoid", activation, "binary_cross_entropy", rng=0)
        assert check_gradients(net, x.tolist(), np.eye(3)[labels]).ok
    assert check_gradients(type("Mine", (MLP,), {})((4, 3), rng=0), *batch()).ok


def test_the_step_can_be_chosen():
    x, y = batch()
    assert check_gradients(MLP((4, 6, 3), "tanh", rng=0), x, y, h=1e-5).ok
    rough = check_gradients(MLP((4, 6, 3), "tanh", rng=0), x, y, h=1.0)
    assert rough.error > check_gradients(MLP((4, 6, 3), "tanh", rng=0), x, y).error


def test_results_are_frozen():
    result = check_gradients(MLP((4, 3), rng=0), *batch())
    with pytest.raises(dataclasses.FrozenInstanceError):
        result.error = 0.0


@pytest.mark.parametrize("net", [None, "net", MLP, CharRNN, np.zeros(3)], ids=lambda n: str(n)[:9])
def test_other_objects_than_networks_are_refused(net):
    with pytest.raises(TypeError, match=r"^net must be an MLP, RNN or CharRNN, got \w+"):
        check_gradients(net, *batch())


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"h": 0}, ValueError, "h must be a positive number or None, got 0"),
        ({"h": np.nan}, ValueError, "h must be a positive number or None"),
        ({"h": "1"}, TypeError, "h must be a positive number or None, got str"),
        ({"h": 1e-30}, ValueError, "h is too small or too large: 1e-30 for a parameter of"),
        ({"sample": 0}, ValueError, "sample must be at least 1, got 0"),
        ({"sample": 0.5}, TypeError, "sample must be an integer, got float"),
        ({"rng": "seed", "sample": 3}, TypeError, "rng must be an int"),
        ({"rng": "seed"}, TypeError, "rng must be an int"),
    ],
)
def test_settings_that_do_not_fit_are_refused(settings, error, message):
    with pytest.raises(error, match=message):
        check_gradients(MLP((4, 3), "tanh", rng=0, weight_init="normal"), *batch(), **settings)


def test_data_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match=r"X has shape \(9, 5\), expected \(N, 4\)"):
        check_gradients(MLP((4, 3), rng=0), batch(5)[0], batch()[1])


@pytest.mark.parametrize("scale", [1, 16])
def test_a_trained_network_passes(scale):
    """The loss is almost 0, but the logits are large and subject to rounding."""
    rng = np.random.default_rng(0)
    x = scale * rng.standard_normal((200, 6))
    y = (x[:, 0] > 0).astype(int)
    net = MLP([6, 20, 2], "relu", "softmax", "softmax_cross_entropy", rng=1)
    net.fit(x, y, optimizer=Adam(0.01), epochs=1000)
    assert check_gradients(net, x[:5], y[:5]).ok
