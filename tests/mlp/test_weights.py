"""The weights of MLP: how they are drawn, and how they are set."""

import numpy as np
import pytest
from mlp_targets import X, Y
from mlps import same, small, weights

from nncore import MLP
from nncore.registry import INITIALIZER_ROWS


def test_parameters_are_writable_views_by_name():
    net = small()
    shapes = {name: array.shape for name, array in net.parameters.items()}
    assert shapes == {"w1": (4, 6), "b1": (6,), "w2": (6, 3), "b2": (3,)}
    for array in net.parameters.values():
        array[...] = 0
    net.parameters["b2"][:] = [1, 2, 3]
    assert net.predict(X[:2]).tolist() == [[1, 2, 3]] * 2
    net.parameters["b2"] = np.zeros(3)  # sets an item of a temporary dict
    assert net.predict(X[:1]).tolist() == [[1, 2, 3]]


def test_prediction_follows_the_formula():
    net = MLP((4, 6, 5, 3), ("tanh", "relu"), "sigmoid", dtype="float64", rng=1)
    p = net.parameters
    hidden = np.maximum(np.tanh(X @ p["w1"] + p["b1"]) @ p["w2"] + p["b2"], 0)
    expected = 1 / (1 + np.exp(-(hidden @ p["w3"] + p["b3"])))
    np.testing.assert_allclose(net.predict(X), expected, rtol=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64", np.float32, float, np.dtype("f4")])
def test_dtype_is_that_of_all_numbers(dtype):
    net = small(dtype=dtype)
    net.fit(X, Y, epochs=2)
    arrays = [*net.parameters.values(), net._slots, net.predict(X)]
    assert {array.dtype for array in arrays} == {np.dtype(dtype)}


def test_settings_are_kept_by_name():
    net = MLP((4, 6, 5, 3), ("tanh", "relu"), "softmax", "softmax_cross_entropy", 0.1, 0.2, 0.5)
    assert net.layer_sizes == (4, 6, 5, 3)
    assert net.activations == ("tanh", "relu", "softmax")
    assert net.loss_name == "softmax_cross_entropy"
    assert (net.l1, net.l2, net.dropout) == (0.1, 0.2, (0.5, 0.5))
    assert (net.dtype, net.backend) == (np.float32, "compiled")
    assert small(layer_sizes=[4, 3], dropout=0.3).dropout == ()


def test_the_repr_shows_the_settings():
    net = small()
    assert repr(net) == "<MLP 4-6-3, relu, identity, squared_error, float32, 0 epochs>"
    net.fit(X, Y, epochs=2)
    assert "2 epochs" in repr(net)


SCALES = {  # limits or standard deviations for 40 inputs and 60 outputs
    "glorot_uniform": np.sqrt(6 / 100), "glorot_normal": np.sqrt(2 / 100),
    "he_uniform": np.sqrt(6 / 40), "he_normal": np.sqrt(2 / 40),
    "lecun_uniform": np.sqrt(3 / 40), "lecun_normal": np.sqrt(1 / 40),
    "fan_in": np.sqrt(1 / 40), "uniform": 1, "symmetric": 1, "normal": 1,
}  # fmt: skip


@pytest.mark.parametrize("name", SCALES)
def test_scales_are_those_of_the_publications(name):
    row = next(row for row in INITIALIZER_ROWS if row.name == name)
    assert row.scale(40, 60) == pytest.approx(SCALES[name], rel=1e-15)


@pytest.mark.parametrize("row", INITIALIZER_ROWS, ids=lambda row: row.name)
def test_initial_weights_have_the_distribution_of_their_row(row):
    p = MLP((40, 60), weight_init=row.name, rng=0).parameters
    scale = row.scale(40, 60)
    for array, drawn in ((p["w1"], True), (p["b1"], row.biases)):
        if not drawn:
            assert not array.any()
        elif row.normal:
            assert array.std() == pytest.approx(scale, rel=0.3)
            assert abs(array.mean()) <= 0.3 * scale
        else:
            low, width = row.low * scale, (1 - row.low) * scale
            assert low <= array.min() < low + 0.06 * width
            assert scale - 0.06 * width < array.max() <= scale * 1.000001
            assert array.mean() == pytest.approx(low + width / 2, abs=0.1 * width)


@pytest.mark.parametrize(
    ("activation", "name"),
    [("relu", "he_uniform"), ("leaky_relu", "he_uniform"), ("tanh", "glorot_uniform"),
     ("identity", "glorot_uniform"), ("selu", "lecun_normal")],
)  # fmt: skip
def test_auto_chooses_the_initializer_by_the_activation(activation, name):
    hidden = small(hidden_activation=activation), small(weight_init=name)
    assert same(*({"w1": weights(net)["w1"]} for net in hidden))
    output = MLP((4, 3), output_activation=activation, rng=0), MLP((4, 3), weight_init=name, rng=0)
    assert same(*map(weights, output))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_initial_weights_can_be_given(dtype):
    given = {"w1": np.arange(24).reshape(4, 6), "b1": [1] * 6, "b2": (True, False, True),
             "w2": np.full((6, 3), 0.1, np.float16)}  # fmt: skip
    net = small(weight_init=given, dtype=dtype)
    for name, array in net.parameters.items():
        np.testing.assert_array_equal(array, np.asarray(given[name]).astype(dtype))
    assert same(weights(small(weight_init=net.parameters, dtype=dtype)), weights(net))


def test_initial_weights_can_come_from_a_function():
    seen = []

    def draw(rng, inputs, outputs):
        seen.append((inputs, outputs))
        return np.full((inputs, outputs), rng.random()), np.zeros(outputs)

    net = small(weight_init=draw)
    assert seen == [(4, 6), (6, 3)]
    assert same(weights(net), weights(small(weight_init=draw)))
    assert not same(weights(net), weights(small(weight_init=draw, rng=1)))


GOOD = {"w1": np.zeros((4, 6)), "b1": np.zeros(6), "w2": np.zeros((6, 3)), "b2": np.zeros(3)}


@pytest.mark.parametrize(
    ("init", "error", "message"),
    [
        ("zeros", ValueError, "weight_init must be one of 'auto', 'glorot_uniform'.*got 'zeros'"),
        ({}, ValueError, "weight_init: expected arrays w1, b1, w2, b2, got nothing"),
        (GOOD | {"w3": 0}, ValueError, "expected arrays w1, b1, w2, b2, got w1, b1, w2, b2, w3$"),
        (GOOD | {"w1": np.zeros((6, 4))}, ValueError, r"w1 has shape \(6, 4\), expected \(4, 6\)"),
        (GOOD | {"b1": np.zeros((6, 1))}, ValueError, r"b1 has shape \(6, 1\), expected \(6,\)"),
        (GOOD | {"b1": 0.0}, ValueError, r"b1 has shape \(\), expected \(6,\)"),
        (
            GOOD | {"b2": [1, 2, np.nan]},
            ValueError,
            "b2 must contain finite numbers in the range of floa",
        ),
        (GOOD | {"b2": ["1", "2", "3"]}, TypeError, "b2 must contain numbers, got <U1"),
        (GOOD | {"b2": [1j, 0, 0]}, TypeError, "b2 must contain numbers, got complex128"),
        (lambda r, i, o: (np.zeros((o, i)), np.zeros(o)), ValueError, r"w1 has shape \(6, 4\)"),
        (lambda r, i, o: np.zeros((i, o)), TypeError, "weight_init must return weights and biases"),
        (lambda r, i, o: None, TypeError, "weight_init must return weights and biases, got None"),
        (None, TypeError, "weight_init must be a name, a function or a mapping, got NoneType"),
        (GOOD | {"w1": np.full((4, 6), 1e300)}, ValueError, r"got values from 1e\+300 to 1e\+300"),
    ],
    ids=lambda value: None,
)
def test_initial_weights_that_do_not_fit_are_refused(init, error, message):
    with pytest.raises(error, match=message):
        small(weight_init=init)
